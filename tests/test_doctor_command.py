"""The command doctor: exit codes, JSON, languages, and what it says of a machine."""

import dataclasses
import json
import os
import re
import stat
import sys

import pytest

from command_runs import run_inside
from conftest import ROOT
from kostnadsvekst.commands import doctor
from kostnadsvekst.language import Bilingual
from kostnadsvekst.report.doctor import CHECKS, GROUPS, Finding, examine
from kostnadsvekst.report.doctor import examination as all_checks
from kostnadsvekst.report.doctor.examination import Examination
from kostnadsvekst.report.doctor.findings import FAULT, NOTE, WARNING
from kostnadsvekst.report.doctor.machine import (
    LEAST_DISK,
    LEAST_MEMORY,
    NETWORK_SECONDS,
    TOOLS,
    Machine,
    check_machine,
    fault_of_library,
    inspect_machine,
    read_memory,
)
from kostnadsvekst.report.doctor.telling import LISTED, SCHEMA, describe, to_json
from kostnadsvekst.sources import addresses


def run(*words, **options):
    return run_inside(doctor.start, *words, **options)


@pytest.fixture
def clean(tmp_path):
    (tmp_path / "table.csv").write_text("municipality,cost\n0301,1\n")
    return tmp_path


ONLY = ["--only", "names", "--only", "contents"]


# Exit codes ----------


def test_exit_codes(clean):
    assert run(clean, *ONLY).returncode == run(clean, *ONLY, "--strict").returncode == 0
    (clean / "my table.csv").write_text("municipality,cost\n0301,2\n")  # a warning
    assert run(clean, *ONLY).returncode == 0
    assert run(clean, *ONLY, "--strict").returncode == 1
    (clean / "empty.csv").touch()  # a fault
    assert run(clean, *ONLY).returncode == run(clean, *ONLY, "--quiet").returncode == 1
    absent = run(clean / "none")
    assert (absent.returncode, absent.stdout) == (3, "")
    assert absent.stderr.startswith("error: there is no folder")
    (clean / "doctor.toml").write_text("x = 1\n")
    assert run(clean).returncode == 2


@pytest.mark.parametrize(
    "words",
    [["--only", "nothing"], ["a", "b"], [""], ["--json", "--quiet"], ["--network", "--only", "names"],
     ["--lang", "nb", "--lang", "en"]],
)  # fmt: skip
def test_wrong_words(words, tmp_path):
    done = run(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert "usage: " in done.stderr


def test_the_working_folder_is_examined_unless_another_is_named(clean):
    (clean / "empty.csv").touch()
    assert "empty.csv" in run(*ONLY, cwd=clean).stdout


def test_groups_of_the_help_are_those_of_the_checks():
    assert tuple(GROUPS) == doctor.GROUPS
    for group in GROUPS:
        if group != "exceptions":
            assert re.search(rf"^  {group} ", doctor.__doc__, re.MULTILINE)


def test_quiet_says_nothing(clean):
    assert run(clean, *ONLY, "--quiet").stdout == run(clean, *ONLY, "--quiet").stderr == ""


def test_nothing_is_written(clean):
    table = clean / "table.csv"
    before = table.stat().st_mtime_ns, table.read_bytes()
    run(clean, "--json")
    assert os.listdir(clean) == ["table.csv"]
    assert (table.stat().st_mtime_ns, table.read_bytes()) == before


def test_the_script_examines_the_checkout_and_hands_on():
    code = (ROOT / "scripts" / "doctor.py").read_text("utf-8")
    assert "return doctor.main(sys.argv[1:], folder=CHECKOUT)" in code


# JSON ----------

KEYS = {
    "schema": str, "exit_code": int, "folder": str, "n_files": int, "n_bytes": int, "n_ignored": int,
    "not_entered": list, "groups": list, "counts": dict, "findings": list, "excepted": list, "machine": dict,
}  # fmt: skip
OF_A_FINDING = {
    "check": str, "group": str, "severity": str, "path": str, "line": (int, type(None)), "title_nb": str,
    "title_en": str, "detail_nb": str, "detail_en": str, "advice_nb": str, "advice_en": str,
}  # fmt: skip


def test_the_schema_of_the_json(clean):
    (clean / "empty.csv").touch()
    (clean / "doctor.toml").write_text('[[exceptions]]\ncheck = "no-readme"\nreason = "a test"\n')
    done = run(clean, "--json")
    told = json.loads(done.stdout)
    assert done.stderr == ""
    assert told["schema"] == SCHEMA == "kostnadsvekst-doctor/1"
    assert told["exit_code"] == done.returncode == 1
    assert {key: type(value) for key, value in told.items()} == KEYS
    assert [(f["check"], f["reason"]) for f in told["excepted"]] == [("no-readme", "a test")]
    for finding in told["findings"]:
        assert finding.keys() == OF_A_FINDING.keys()
        assert all(isinstance(finding[key], kind) for key, kind in OF_A_FINDING.items())
    assert sum(told["counts"].values()) == len(told["findings"])
    assert told["machine"]["python"] == ".".join(map(str, sys.version_info[:3]))
    assert told["machine"]["network"] == "not asked"


def test_errors_as_json(tmp_path):
    told = json.loads(run(tmp_path / "none", "--json").stdout)
    assert (told["exit_code"], told["error"]["kind"]) == (3, "DataMissingError")
    assert json.loads(run("--json", "--only", "nothing").stdout)["exit_code"] == 2


def test_a_name_that_is_not_utf8_can_be_told(tmp_path):
    with open(os.path.join(os.fsencode(tmp_path), b"\xe5r.csv"), "wb") as file:
        file.write(b"1")
    told = json.loads(run(tmp_path, *ONLY, "--json").stdout)
    assert [finding["path"] for finding in told["findings"]] == ["\\xe5r.csv"]
    assert "\\xe5r.csv" in run(tmp_path, *ONLY).stdout


# Words ----------


def examination(*findings, **changes):
    made = Examination(ROOT, ("names",), findings, (), 12, 3_400_000, 0, (), None)
    return dataclasses.replace(made, **changes)


def test_words_in_both_languages():
    found = (
        Finding("empty-file", "a.csv"),
        Finding("absolute-path", "b.py", Bilingual("med stasjonsbokstav", "with the letter of a drive"), 7),
    )
    made = examination(*found, excepted=((found[0], "kept"),), left_out=(".git",), n_ignored=2)
    assert describe(made, "en") == [
        "FAULT  empty file [empty-file]: delete it, or make it again",
        "  a.csv",
        "FAULT  a path that exists on one machine only [absolute-path]: "
        "write it from the folder of the project",
        "  b.py:7: with the letter of a drive",
        "1 excepted by doctor.toml",
        "Not looked at: 1 folder(s) of programs, 2 that git ignores",
        "12 files, 3.4 MB: 2 faults, 0 warnings, 0 notes",
    ]
    assert describe(made, "nb") == [
        "FEIL  tom fil [empty-file]: slett den, eller lag den på nytt",
        "  a.csv",
        "FEIL  sti som bare finnes på én maskin [absolute-path]: skriv stien fra prosjektets mappe",
        "  b.py:7: med stasjonsbokstav",
        "1 unntak etter doctor.toml",
        "Ikke sett på: 1 mappe(r) av program, 2 som git overser",
        "12 filer, 3,4 MB: 2 feil, 0 advarsler, 0 merknader",
    ]


def test_long_lists_are_cut_at_the_terminal_and_whole_in_the_json():
    found = [Finding("empty-file", f"{k}.csv") for k in range(LISTED + 3)]
    made = examination(*found)
    assert describe(made, "en")[-2] == "  and 3 more"
    assert describe(made, "nb")[-2] == "  og 3 til"
    assert len(to_json(made)["findings"]) == LISTED + 3


def test_severities_and_exit_codes_of_an_examination():
    kinds = {severity: next(n for n, c in CHECKS.items() if c.severity == severity) for severity in
             (FAULT, WARNING, NOTE)}  # fmt: skip
    for severity, plain, strict in ((FAULT, 1, 1), (WARNING, 0, 1), (NOTE, 0, 0)):
        made = examination(Finding(kinds[severity]))
        assert (made.exit_code(), made.exit_code(strict=True)) == (plain, strict)
        assert made.counts[severity] == 1


def test_the_worst_stands_first(tmp_path):
    for name, text in {"b.csv": "", "a b.csv": "1", "a.csv": ""}.items():
        (tmp_path / name).write_text(text)
    found = examine(tmp_path, groups=["names", "contents"]).findings
    assert [(f.check, f.path) for f in found] == [
        ("empty-file", "a.csv"),
        ("empty-file", "b.csv"),
        ("awkward-name", "a b.csv"),
    ]


class _Terminal:
    """Standard error that is a terminal."""

    def __init__(self):
        self.text = ""

    def isatty(self):
        return True

    def write(self, text):
        self.text += text

    def flush(self):
        pass


@pytest.mark.parametrize("groups", [["persons"], ["code"]])
@pytest.mark.parametrize(
    ("patience", "shown", "drawn"), [(-1.0, True, True), (60.0, True, False), (-1.0, False, False)]
)
def test_progress_where_it_takes_long_and_someone_watches(clean, monkeypatch, patience, shown, drawn, groups):
    terminal = _Terminal()
    monkeypatch.setattr(all_checks, "_PATIENCE", patience)
    monkeypatch.setattr(sys, "stderr", terminal)
    (clean / "a.py").write_text("x = 1\n")
    examine(clean, groups=groups, shown=shown)
    assert ("bytes searched" in terminal.text) == drawn


# The machine ----------

GOOD = Machine(
    python="3.11.7",
    system="Linux x86_64",
    memory_bytes=LEAST_MEMORY,
    free_memory_bytes=None,
    free_disk_bytes=LEAST_DISK,
    processors=2,
    threads={"OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "auto"},
    file_encoding="utf-8",
    text_encoding="UTF-8",
    fonts={"DejaVu Sans": True},
    tools=dict.fromkeys(TOOLS, "somewhere"),
    packages={"numpy": ""},
)


def test_a_good_machine_lacks_nothing():
    assert not [*check_machine(GOOD)]
    unknown = dataclasses.replace(GOOD, memory_bytes=None, free_disk_bytes=None)
    assert not [*check_machine(unknown)]


@pytest.mark.parametrize(
    ("changes", "check", "words"),
    [
        ({"python": "3.10.14"}, "python", "3.10.14; at least 3.11"),
        ({"memory_bytes": LEAST_MEMORY - 2**28}, "memory", "1.8 GiB; at least 2 GiB"),
        ({"free_disk_bytes": LEAST_DISK // 2}, "disk", "0.5 GiB; at least 1 GiB"),
        ({"fonts": {"DejaVu Sans": False}}, "fonts", "DejaVu Sans"),
        ({"text_encoding": "cp1252"}, "encoding", "cp1252"),
        ({"file_encoding": "ascii", "text_encoding": "ascii"}, "encoding", "ascii"),
        ({"threads": {"OMP_NUM_THREADS": "3"}}, "threads", "OMP_NUM_THREADS=3, 2 processor(s)"),
        ({"tools": {**GOOD.tools, "git": ""}}, "tool", "git: to look only at what is shared"),
        ({"packages": {"numpy": "1.26 (numpy>=2)"}}, "packages", "numpy 1.26 (numpy>=2)"),
        ({"network": "HTTP 503"}, "network", "HTTP 503"),
    ],
)
def test_what_a_machine_lacks(changes, check, words):
    (finding,) = check_machine(dataclasses.replace(GOOD, **changes))
    assert (finding.check, finding.detail.en) == (check, words)


def test_python_3_9_is_older_than_3_11():
    assert [f.check for f in check_machine(dataclasses.replace(GOOD, python="3.9.1"))] == ["python"]
    assert not [*check_machine(dataclasses.replace(GOOD, python="3.100.0rc1"))]


def test_this_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    program = tmp_path / "bin" / "Rscript"
    program.parent.mkdir()
    program.touch()
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(program.parent))
    machine = inspect_machine(tmp_path)
    assert {name for name, path in machine.tools.items() if path} == {"R"}
    assert machine.threads["OMP_NUM_THREADS"] == "5"
    assert machine.fonts == {"DejaVu Sans": True}
    assert not any(machine.packages.values())
    assert machine.memory_bytes is None or 2**28 < machine.memory_bytes < 2**50
    assert machine.free_disk_bytes > 0


def test_memory_is_that_of_the_container(monkeypatch, tmp_path):
    from kostnadsvekst.report.doctor import machine

    whole, _ = read_memory()
    if whole is None:
        pytest.skip("the system does not say")
    limit = tmp_path / "limit"
    monkeypatch.setattr(machine, "Path", lambda name: limit)
    for text, expected in (("max\n", whole), ("1000000\n", 1_000_000), (f"{2**60}\n", whole)):
        limit.write_text(text)
        assert read_memory()[0] == expected
        assert read_memory()[1] <= expected


def test_libraries_that_are_missing_or_old():
    assert fault_of_library("numpy", "numpy>=2") == ""
    assert fault_of_library("numpy", "numpy") == ""
    assert re.fullmatch(r"[\d.]+ \(numpy>=99\)", fault_of_library("numpy", "numpy>=99"))
    assert fault_of_library("no-such-library", "no-such-library>=1") == "(none; no-such-library>=1)"


# Network ----------


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (200, "answers"),
        (503, f"{addresses.STATBANK}: HTTP 503"),
        (OSError("ConnectTimeout"), f"{addresses.STATBANK}: ConnectTimeout"),
    ],
)
def test_statistics_norway_is_asked_with_a_limit(tmp_path, answer, told):
    asked = []

    def ask(address, seconds):
        asked.append((address, seconds))
        if isinstance(answer, OSError):
            raise answer
        return answer

    assert inspect_machine(tmp_path, ask=ask).network == told
    assert asked == [(f"{addresses.STATBANK}/config", NETWORK_SECONDS)]


def test_only_network_asks_the_network(clean, monkeypatch):
    from kostnadsvekst.report.doctor import machine

    asked = []
    monkeypatch.setattr(machine, "ask_over_https", lambda *words: asked.append(words) or 200)
    assert run(clean, "--only", "machine").returncode == 0
    assert not asked
    done = run(clean, "--only", "machine", "--network", "--lang", "en")
    assert len(asked) == 1
    assert "Statistics Norway answers" in done.stdout


def test_failures_of_the_transport_are_told_in_our_words(monkeypatch):
    import httpx

    from kostnadsvekst.report.doctor.machine import ask_over_https

    def refuse(*words, **options):
        assert options["timeout"] == 3.0
        raise httpx.ConnectTimeout("quoting what it likes")

    monkeypatch.setattr(httpx, "get", refuse)
    with pytest.raises(OSError, match=r"^ConnectTimeout$"):
        ask_over_https("https://data.ssb.no", 3.0)


def test_the_guide_lists_every_check():
    guide = (ROOT / "docs" / "doctor.md").read_text("utf-8")
    table = guide.partition("<!-- checks:begin -->")[2].partition("<!-- checks:end -->")[0]
    rows = [f"| {c.group} | `{name}` | {c.severity} | {c.title.en} |" for name, c in CHECKS.items()]
    assert table.strip().splitlines()[2:] == rows
