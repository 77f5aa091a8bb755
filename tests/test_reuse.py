"""Chapters as steps: what is left as it is, what is made again, several at once, runs that were killed."""

import io
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from command_runs import estimate_inside
from conftest import ROOT
from fake_chapters import FAKES, few_modules, taken, write_fakes
from kostnadsvekst.chapters import CHAPTERS, Chapter, Settings, build, find_chapter, fingerprints, making
from kostnadsvekst.chapters.build import build_chapters
from kostnadsvekst.chapters.fingerprints import imports_in, modules_of, own_files
from kostnadsvekst.chapters.records import read_record, result_of
from kostnadsvekst.generations import MARKER
from kostnadsvekst.language import both
from kostnadsvekst.report.chapter_files import RECORDS

ALL = ["alpha", "beta", "gamma"]
PACKAGE_FILES = fingerprints.package_files()
posix = pytest.mark.skipif(os.name != "posix", reason="signals and pipes of POSIX")


@pytest.fixture
def fakes(tmp_path, monkeypatch):
    """Folder of the small chapters, which take the place of the report's."""
    folder = tmp_path / "fakes"
    folder.mkdir()
    write_fakes(folder)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.setattr(fingerprints, "all_modules", few_modules)
    for place in (fingerprints, making):
        monkeypatch.setattr(place, "package_files", lambda: PACKAGE_FILES)
    for name in [*CHAPTERS]:
        monkeypatch.delitem(CHAPTERS, name)
    for name, chapter in FAKES.items():
        monkeypatch.setitem(CHAPTERS, name, chapter)
    yield folder
    for name in FAKES:
        sys.modules.pop(f"fake_{name}", None)


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def run(out, names=ALL, settings=None, **options):
    return build_chapters(names, settings or Settings(), out, **options)


def contents(folder):
    """Results, without what is known of the run."""
    files = (path for path in folder.rglob("*") if path.is_file() and RECORDS not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_what_is_unchanged_is_left_as_it_is(fakes, out):
    first = run(out)
    assert taken(fakes) == ALL
    before = contents(out)
    second = run(out)
    assert taken(fakes) == []
    assert contents(out) == before
    assert [report.reused for report in second] == [True] * 3
    assert not any(report.reused for report in first)
    for old, new in zip(first, second, strict=True):
        assert (new.written, new.notes, new.result.summary) == (old.written, old.notes, old.result.summary)
    assert [report.notes for report in second] == [("odd amount",), (), ()]
    assert second[0].notes[0].nb == "rart beløp"


def test_force_makes_all_again(fakes, out):
    run(out)
    taken(fakes)
    run(out, force=True)
    assert taken(fakes) == ALL


def test_one_chapter_s_code_is_touched(fakes, out):
    run(out)
    taken(fakes)
    source = fakes / "fake_gamma.py"
    source.write_text(source.read_text() + "# touched\n")
    assert [report.reused for report in run(out)] == [True, True, False]
    assert taken(fakes) == ["gamma"]
    source = fakes / "fake_alpha.py"
    source.write_text(source.read_text() + "# touched\n")
    run(out)
    assert taken(fakes) == ["alpha", "beta"]  # what hangs on it


def test_what_is_used_came_out_differently(fakes, out):
    """Whatever the reason: what was made of it is not believed any more."""
    run(out)
    (fakes / "moved.txt").touch()
    run(out, ["alpha"], force=True)
    taken(fakes)
    assert [report.reused for report in run(out)] == [True, False, True]
    assert "1 became 2" in (out / "beta" / "t0.csv").read_text("utf-8")


def test_two_heavy_chapters_are_not_made_at_once(fakes, out, monkeypatch):
    for name in ("alpha", "gamma"):
        monkeypatch.setitem(CHAPTERS, name, CHAPTERS[name]._replace(heavy=True))
    step = build._Build(ALL, Settings(), out, force=False)
    assert step.next_chapter() == "alpha"
    step.running.append("alpha")
    assert not find_chapter("beta").heavy
    assert step.next_chapter() is None  # beta uses alpha, and gamma has to wait for its memory
    monkeypatch.setitem(CHAPTERS, "gamma", CHAPTERS["gamma"]._replace(heavy=False))
    assert step.next_chapter() == "gamma"


# What is done to the results between two runs -> chapters that the second makes; "lists" reads the folder.
BETWEEN = {
    "nothing": (lambda fakes, out: None, []),
    "code of a chapter that it uses": (
        lambda fakes, out: touch_code(fakes, "gamma"),
        ["gamma", "lists"],
    ),
    "other files of a chapter that it uses": (
        lambda fakes, out: touch_code(fakes, "gamma", "range(5)", "range(4)"),
        ["gamma", "lists"],
    ),
    "a file of another chapter is gone": (lambda fakes, out: (out / "gamma" / "t0.csv").unlink(), ["gamma"]),
    "a file of the user": (lambda fakes, out: (out / "mine.csv").write_text("1"), ["lists"]),
    "a study beside a chapter": (lambda fakes, out: write_study(out), ["lists"]),
    "a hidden file": (lambda fakes, out: (out / ".hidden").write_text("1"), []),
    "its own file is gone": (lambda fakes, out: (out / "lists" / "all.csv").unlink(), ["lists"]),
    "its own file was edited": (
        lambda fakes, out: (out / "lists" / "all.csv").write_text("data_origin\nby hand\n"),
        ["lists"],
    ),
}


def touch_code(fakes, name, old="", new=""):
    source = fakes / f"fake_{name}.py"
    source.write_text(source.read_text().replace(old or "\0", new) + "# touched\n")


def write_study(out):
    (out / "study").mkdir()
    (out / "study" / "coverage.csv").write_text("data_origin\nsynthetic\n")


@pytest.mark.parametrize("between", BETWEEN)
def test_a_chapter_that_reads_the_results_folder(fakes, out, monkeypatch, between):
    add_reader(fakes, monkeypatch)
    names = [*ALL, "lists"]
    assert not any(report.reused for report in run(out, names))
    assert [report.reused for report in run(out, names)] == [True] * 4
    taken(fakes)
    change, made = BETWEEN[between]
    change(fakes, out)
    run(out, names)
    assert taken(fakes) == made
    run(out, names)
    assert taken(fakes) == []
    there = {path for path in contents(out) if not any(part.startswith(".") for part in path.split("/"))}
    listed = (out / "lists" / "all.csv").read_text().splitlines()[1:]
    assert {*listed} == {path for path in there if not path.startswith("lists/")}


def add_reader(fakes, monkeypatch):
    """Another chapter: it lists the files that it finds in the results folder."""
    (fakes / "fake_lists.py").write_text(READER, "utf-8")
    monkeypatch.delitem(sys.modules, "fake_lists", raising=False)
    uses = tuple(ALL)
    reader = Chapter("fake_lists", both("Lists"), "chapters", uses, reads_folder=True)
    monkeypatch.setitem(CHAPTERS, "lists", reader)


READER = """
from fake_alpha import made
from kostnadsvekst.chapters import ChapterResult

def run(settings, finished={}):
    made("lists")
    names = (path.relative_to(settings.out).as_posix() for path in settings.out.rglob("*") if path.is_file())
    ours = (n for n in names if not n.startswith("lists/") and not any(p[0] == "." for p in n.split("/")))
    text = "data_origin\\n" + "".join(f"{n}\\n" for n in sorted(ours))
    return ChapterResult({"lists/all.csv": text}, data_origin=("none",))
"""


@pytest.mark.parametrize("place", ["here", "MPLCONFIGDIR", "nowhere"])
def test_settings_of_the_user_for_figures_are_put_aside(tmp_path, place):
    """In a process of its own, for matplotlib reads them when it is imported; they come back."""
    folder = tmp_path / "matplotlib"
    folder.mkdir()
    (folder / "matplotlibrc").write_text("lines.linewidth: 9\n" if place != "nowhere" else "")
    code = (
        "from kostnadsvekst.report.look import drawn_as_shipped\n"
        "with drawn_as_shipped():\n"
        "    import matplotlib\n    inside = matplotlib.rcParams['lines.linewidth']\n"
        "print(inside, matplotlib.rcParams['lines.linewidth'])\n"
    )
    variables = {} if place in ("here", "nowhere") else {place: str(folder)}
    clean = {name: text for name, text in os.environ.items() if not name.startswith(("MPL", "MATPLOTLIB"))}
    told = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder if place == "here" else tmp_path,
        env={**clean, "PYTHONPATH": str(ROOT / "src"), **variables},
        capture_output=True,
        text=True,
    )
    assert told.stdout == ("1.5 1.5\n" if place == "nowhere" else "1.5 9.0\n"), told.stderr


def change_environment(monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "7")


def change_library(monkeypatch):
    monkeypatch.setattr(fingerprints, "_libraries", lambda: ["numpy-0.1"])


def change_python(monkeypatch):
    monkeypatch.setattr(fingerprints.platform, "python_implementation", lambda: "Another")


def change_file(name):
    def change(monkeypatch):
        assert name in PACKAGE_FILES
        monkeypatch.setattr(fingerprints, "package_files", lambda: PACKAGE_FILES | {name: "0"})

    return change


@pytest.mark.parametrize(
    ("change", "made"),
    [
        (change_environment, ALL),
        (change_library, ALL),
        (change_python, ALL),
        (change_file("code/errors.py"), ALL),
        (change_file("code/chapters/__init__.py"), ALL),
        (change_file("data/published/report_003_tables.csv"), ALL),
        # None of these can load it.
        (change_file("code/chapters/kpr_tables.py"), []),
        (change_file("code/commands/fetch.py"), []),
        (change_file("paper/paper.typ"), []),
        (lambda monkeypatch: monkeypatch.setenv("SOMETHING_ELSE", "1"), []),
    ],
    ids=["variable", "library", "python", "errors", "chapters", "data", "kpr", "fetch", "paper", "other"],
)
def test_what_a_chapter_hangs_on(fakes, out, monkeypatch, change, made):
    run(out)
    taken(fakes)
    change(monkeypatch)
    run(out)
    assert taken(fakes) == made


def test_other_languages(fakes, out):
    run(out)
    taken(fakes)
    run(out, settings=Settings(languages=("nb",)))
    assert taken(fakes) == ALL
    assert not (out / "alpha" / "t0_en.csv").exists()
    run(out)
    assert taken(fakes) == ALL


def test_own_data_changed_with_the_same_size_and_time(fakes, out, tmp_path):
    data = tmp_path / "own.csv"
    data.write_text("1234")
    settings = Settings(data=data)
    run(out, settings=settings)
    taken(fakes)
    run(out, settings=settings)
    assert taken(fakes) == []
    stat = data.stat()
    data.write_text("1243")
    os.utime(data, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    run(out, settings=settings)
    assert taken(fakes) == ALL
    assert (out / "alpha" / "t0_nb.csv").read_text().startswith("1243")
    run(out)  # the embedded data again
    assert taken(fakes) == ALL


def test_files_that_the_user_s_files_name(tmp_path):
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "a.csv").write_text("a")
    (tmp_path / "b.csv").write_text("b")
    mapping = tmp_path / "map.toml"
    mapping.write_text(
        'columns = {x = "."}\n[files.one]\nfile = "b.csv"\nlist = ["store", "", "no\\u0000path"]\n'
    )
    names = {name.partition("/")[2] for name in own_files(Settings(data=mapping))}
    assert names == {"map.toml", "b.csv", "store/a.csv"}
    assert {Path(n).name for n in own_files(Settings(register=tmp_path / "store", population=mapping))} == {
        "a.csv",
        "b.csv",
        "map.toml",
    }
    assert own_files(Settings(data=tmp_path / "absent.csv")) == {}


def test_records_have_no_folder_of_the_user(fakes, out, tmp_path, monkeypatch):
    """A results folder is handed on with its hidden records."""
    data = tmp_path / "somebody" / "x.csv"
    data.parent.mkdir()
    data.write_text("1234")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(data.parent / "cache"))
    monkeypatch.setenv("TZ", "Europe/Oslo")
    run(out, settings=Settings(data=data, rename={"a/b": "year"}))
    records = {path.name: path.read_text("utf-8") for path in (out / RECORDS).glob("*.json")}
    assert records.keys() == {"alpha.json", "beta.json", "gamma.json", "run.json"}
    for text in records.values():
        assert "somebody" not in text
        assert str(tmp_path) not in text
        assert {"x.csv", "a/b", "Europe/Oslo"} <= {*text.split('"')}


def test_two_files_of_one_name_are_not_one_file(tmp_path):
    for name, text in (("one", "1"), ("two", "2")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.csv").write_text(text)
    one, two = tmp_path / "one" / "x.csv", tmp_path / "two" / "x.csv"
    found = own_files(Settings(register=one, population=two))
    assert len(found) == 2
    assert found != own_files(Settings(register=two, population=one))


def test_the_same_file_moved_to_another_folder(fakes, out, tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "x.csv").write_text("1234")
    run(out, settings=Settings(data=tmp_path / "one" / "x.csv"))
    taken(fakes)
    (tmp_path / "one").rename(tmp_path / "two")
    run(out, settings=Settings(data=tmp_path / "two" / "x.csv"))
    assert taken(fakes) == []
    (tmp_path / "two" / "x.csv").rename(tmp_path / "two" / "y.csv")
    run(out, settings=Settings(data=tmp_path / "two" / "y.csv"))
    assert taken(fakes) == ALL  # messages and the manifest have its name


@posix
def test_what_can_be_read_only_once_is_never_reused(fakes, out, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    settings = Settings(data=tmp_path / "pipe")
    assert own_files(settings) is None
    for _ in range(2):
        writer = subprocess.Popen([sys.executable, "-c", f"open({str(tmp_path / 'pipe')!r}, 'w').write('x')"])
        run(out, ["alpha"], settings)
        writer.wait()
    assert taken(fakes) == ["alpha", "alpha"]


def spoil_file(out):
    (out / "alpha" / "t1_en.csv").write_text("by hand")


def remove_file(out):
    (out / "alpha" / "t1_en.csv").unlink()


def remove_list(out):
    (out / "alpha" / MARKER).unlink()


def cut_record(out):
    record = out / RECORDS / "alpha.json"
    record.write_bytes(record.read_bytes()[:200])


def empty_record(out):
    (out / RECORDS / "alpha.json").write_text("[]")


def record_of_another_place(out):
    record = out / RECORDS / "alpha.json"
    record.write_text(record.read_text().replace('"alpha/t1_en.csv"', '"../t1_en.csv"'))


def link_file(out):
    path = out / "alpha" / "t1_en.csv"
    path.rename(out / "elsewhere")
    path.symlink_to(out / "elsewhere")


@pytest.mark.parametrize(
    "spoil",
    [spoil_file, remove_file, remove_list, cut_record, empty_record, record_of_another_place, link_file],
)
def test_files_that_are_not_as_they_were_written(fakes, out, spoil):
    run(out)
    whole = contents(out)
    taken(fakes)
    spoil(out)
    told = run(out)
    assert taken(fakes) == ["alpha"]  # the others are as they were, and so is what they were given
    now = contents(out)
    assert {path: now[path] for path in whole} == whole
    if spoil is spoil_file:
        assert (out / "alpha" / "t1_en.csv.kept-1").read_text() == "by hand"
        assert "t1_en.csv.kept-1" in told[0].kept[0]


def test_moved_numbers_and_notes_are_told_again(fakes, out):
    (fakes / "moved.txt").touch()
    words = ["--out", out, "--jobs", "1", "--lang", "nb"]
    first, second = estimate_inside(*words), estimate_inside(*words)
    assert (first.returncode, second.returncode) == (1, 1)
    assert taken(fakes) == ALL
    for done in (first, second):
        assert "flyttet: 1 ble 2" in done.stdout
        assert done.stdout.count("Merk: rart beløp") == 1
    assert "fra før" in second.stdout
    assert "fra før" not in first.stdout
    told = json.loads(estimate_inside(*words, "--json").stdout)
    assert (told["exit_code"], told["chapters"]["alpha"]["moved"]) == (1, ["1 became 2"])
    assert told["chapters"]["alpha"]["reused"] is True
    assert told["chapters"]["alpha"]["printed_numbers"] == {}


def test_one_chapter_takes_what_it_uses_from_before(fakes, out):
    run(out, ["beta"])
    assert taken(fakes) == ["beta", "alpha"]  # nothing was there
    alone = contents(out)
    run(out, ["alpha"])
    taken(fakes)
    (report,) = run(out, ["beta"], force=True)
    assert taken(fakes) == ["beta"]
    assert report.notes == ("odd amount",)  # of the chapter that was not made
    assert contents(out)["beta/t0.csv"] == alone["beta/t0.csv"]
    (again,) = run(out, ["beta"])
    assert (again.reused, again.notes) == (True, ("odd amount",))


def test_a_failure_leaves_what_is_done(fakes, out):
    (fakes / "fault.txt").touch()
    done = estimate_inside("--out", out, "--jobs", "1")
    assert (done.returncode, "alpha cannot be made" in done.stderr) == (3, True)
    assert contents(out) == {}
    (fakes / "fault.txt").unlink()
    taken(fakes)
    run(out)
    assert taken(fakes) == ALL


def test_code_that_is_edited_while_it_runs_is_not_trusted(fakes, out):
    source = fakes / "fake_alpha.py"
    source.write_text(source.read_text().replace("def run(", "def run_(") + EDITING)
    run(out)
    assert read_record(out, "alpha").inputs is None
    taken(fakes)
    run(out)
    assert "alpha" in taken(fakes)


EDITING = """
def run(settings):
    with open(__file__, "a") as source:
        source.write("# once more\\n")
    return run_(settings)
"""


def test_a_module_that_nobody_foresaw_is_found_out(fakes, out, monkeypatch):
    hidden = "kostnadsvekst.commands.completion"
    monkeypatch.delitem(sys.modules, hidden, raising=False)
    source = fakes / "fake_gamma.py"
    source.write_text(
        source.read_text()
        + 'import importlib\nimportlib.import_module("-".join(["kostnadsvekst.commands.x"])'
        '.replace("x", "completion"))\n'
    )
    assert hidden not in modules_of("gamma")
    run(out)
    assert read_record(out, "gamma").inputs is None
    assert read_record(out, "alpha").inputs is not None


def test_results_that_change_during_the_run_are_refused(fakes, out):
    run(out)
    held = result_of(read_record(out, "alpha"), out)
    assert held.files["alpha/bytes.bin"] == b"\x00\xff"
    spoil_file(out)
    with pytest.raises(making.OutputError, match="was changed while the run was on"):
        held.files["alpha/t1_en.csv"]


KNOWN = frozenset(
    {"kostnadsvekst", "kostnadsvekst.a", "kostnadsvekst.a.b", "kostnadsvekst.a.c", "kostnadsvekst.d"}
)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import kostnadsvekst.a.b", {"kostnadsvekst", "kostnadsvekst.a", "kostnadsvekst.a.b"}),
        ("from kostnadsvekst.a import b, x", {"kostnadsvekst", "kostnadsvekst.a", "kostnadsvekst.a.b"}),
        ("def f():\n    from kostnadsvekst import d", {"kostnadsvekst", "kostnadsvekst.d"}),
        ("M = {'x': 'kostnadsvekst.d'}", {"kostnadsvekst", "kostnadsvekst.d"}),
        ("if TYPE_CHECKING:\n    import kostnadsvekst.d\nelse:\n    import json", set()),
        (
            "if TYPE_CHECKING:\n    pass\nelse:\n    import kostnadsvekst.d",
            {"kostnadsvekst", "kostnadsvekst.d"},
        ),
        ("f = lambda m: import_module(f'kostnadsvekst.{m}')", KNOWN),
        ("import_module('kostnadsvekst.' + name)", KNOWN),
        ("x.removeprefix('kostnadsvekst.'); import numpy", set()),
    ],
)
def test_imports_of_a_source(source, found):
    assert imports_in(source, KNOWN) == found
    assert imports_in("'kostnadsvekst.d'; f'kostnadsvekst.{m}'", KNOWN, names=False) == set()


def test_modules_of_the_report_s_chapters():
    found = {name: modules_of(name) for name in CHAPTERS}
    own = {name: f"kostnadsvekst.chapters.{name.replace('-', '_')}" for name in CHAPTERS}
    for name, chapter in CHAPTERS.items():
        others = {other for other in CHAPTERS if own[other] in found[name]}
        # A chapter hangs on the chapters that it uses, and on no other.
        if name not in ("paper", "page", "replication"):
            assert others == {name, *chapter.uses}
    # They name functions of any module: the paper's links lead to the page, the last describes all.
    assert found["paper"] == found["page"] == found["replication"] == fingerprints.all_modules()
    assert "kostnadsvekst.chapters.growth_tables" in found["growth"]
    assert "kostnadsvekst.report.notebook" in found["appendix"]  # by its name, in a façade
    for name, modules in found.items():
        assert fingerprints.reads_paper(modules) == (name in ("paper", "page", "replication"))


def test_what_a_chapter_reads_in_the_checkout(fakes, out, monkeypatch):
    (fakes / "README").write_text("one")
    also = os.path.relpath(fakes / "README", fingerprints.ROOT.parents[1])
    monkeypatch.setitem(CHAPTERS, "gamma", Chapter("fake_gamma", both("Gamma"), "panel", (), (also,)))
    run(out)
    taken(fakes)
    (fakes / "README").write_text("two")
    run(out)
    assert taken(fakes) == ["gamma"]


def test_what_is_known_of_the_run(fakes, out):
    run(out)
    told = json.loads((out / RECORDS / build.RUN).read_bytes())
    assert list(told["chapters"]) == ALL
    assert told["chapters"]["alpha"]["files"].keys() == {
        path for path in contents(out) if path.startswith("alpha/") and not path.endswith(MARKER)
    }
    assert told["chapters"]["alpha"]["seconds"] >= 0
    assert told["inputs"]["code/errors.py"] == fingerprints.digest_of(fingerprints.ROOT / "errors.py")
    assert told["environment"]["python"].startswith("CPython 3.")


def test_git_sees_nothing_of_it(fakes, tmp_path):
    git = ["git", "-C", str(tmp_path), "-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run([*git, "init", "-q"], check=True)
    run(tmp_path / "results")
    subprocess.run([*git, "add", "results"], check=True)
    subprocess.run([*git, "commit", "-qm", "Results"], check=True)
    run(tmp_path / "results", force=True)
    told = subprocess.run([*git, "status", "--porcelain", "results"], capture_output=True, text=True)
    listed = subprocess.run([*git, "ls-files", "results"], capture_output=True, text=True)
    assert (told.stdout, RECORDS + "/" in listed.stdout) == ("", False)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_one_bar_over_the_whole(fakes, out, monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    run(out, settings=Settings(progress=True), announce=lambda report: screen.write(f"<{report.name}>\n"))
    drawn = screen.getvalue()
    assert "estimate alpha: 0 % (0 of 3)" in drawn
    assert "estimate beta: 33 % (1 of 3)" in drawn
    for before in drawn.split("<")[:-1]:
        assert before.endswith("\r"), "the line is in the way of what is announced"
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    run(out, settings=Settings(progress=True), force=True)
    assert sys.stderr.getvalue() == ""


@pytest.mark.parametrize("words", [["--jobs", "0"], ["--jobs", "-1"], ["--jobs", "x"], ["--jobs", "65"]])
def test_numbers_of_jobs_that_make_no_sense(words):
    done = estimate_inside("--list", *words)
    assert (done.returncode, "from 1 to 64" in done.stderr) == (2, True)


# From here on as processes.


def start(fakes, out, *words, **environment):
    script = ROOT / "tests" / "fake_chapters.py"
    return subprocess.Popen(
        [sys.executable, str(script), str(fakes), "--out", str(out), *words],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process):
    told, errors = process.communicate(timeout=120)
    return process.returncode, told, errors


@pytest.fixture
def modules(tmp_path):
    folder = tmp_path / "fakes"
    folder.mkdir()
    write_fakes(folder)
    return folder


def test_several_at_once_write_the_same(modules, tmp_path):
    told = {}
    for jobs in ("1", "2"):
        code, told[jobs], errors = finish(start(modules, tmp_path / jobs, "--jobs", jobs))
        assert (code, errors) == (0, "")
        assert sorted(taken(modules)) == ALL
    assert contents(tmp_path / "1") == contents(tmp_path / "2")
    assert told["1"].replace(str(tmp_path / "1"), "") == told["2"].replace(str(tmp_path / "2"), "")
    finish(start(modules, tmp_path / "1", "--jobs", "2"))
    assert taken(modules) == []  # nor does it matter how many made them


def test_failures_in_processes_are_told_as_elsewhere(modules, out):
    (modules / "fault.txt").touch()
    code, _, errors = finish(start(modules, out, "--jobs", "2", FAKE_PAUSE="0"))
    assert (code, errors) == (3, "error: alpha cannot be made\n")
    (modules / "fault.txt").unlink()
    # Gamma may have been made beside the chapter that could not be.
    code, _, errors = finish(start(modules, out, "--force", "--jobs", "2", FAKE_DEATH="1"))
    assert code == 3
    assert "the process that made the chapter gamma was ended from outside (9)" in errors
    assert finish(start(modules, out, "--jobs", "2"))[0] == 0


def assert_whole(out):
    """Each chapter is there with all of its files, or not at all."""
    found = contents(out) if out.exists() else {}
    for name, count in (("alpha", 11), ("beta", 5), ("gamma", 5)):
        files = {path: text for path, text in found.items() if path.startswith(f"{name}/")}
        assert len(files) in (0, count + 1), sorted(files)
        if files:
            listed = json.loads(files[f"{name}/{MARKER}"])["files"]
            assert {f"{name}/{path}" for path in listed} == files.keys() - {f"{name}/{MARKER}"}


def leftovers(out):
    return [path.name for path in out.parent.glob(f".{out.name}.*")]


def kill_and_resume(modules, out, moment, number, jobs):
    process = start(modules, out, "--jobs", jobs, FAKE_PAUSE="0.05")
    time.sleep(moment)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert_whole(out)
    code, _, errors = finish(start(modules, out, "--jobs", jobs))
    assert (code, errors) == (0, "")
    assert_whole(out)
    taken(modules)
    assert finish(start(modules, out, "--jobs", jobs))[0] == 0
    assert taken(modules) == []
    assert leftovers(out) == []


@posix
def test_a_run_that_was_killed_is_resumed(modules, out):
    kill_and_resume(modules, out, 0.5, signal.SIGKILL, "2")


@posix
@pytest.mark.slow
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_killed_at_thirty_moments(modules, tmp_path, jobs):
    moments = random.Random(14)
    for n in range(30):
        kill_and_resume(modules, tmp_path / f"out{n}", moments.uniform(0.05, 1.2), signal.SIGKILL, jobs)


@posix
def test_a_run_that_was_stopped_ends_its_processes(modules, out):
    process = start(modules, out, "--jobs", "2", FAKE_PAUSE="30")
    began = time.monotonic()
    while time.monotonic() < began + 60 and len(log_of(modules)) < 2:
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    code, told, errors = finish(process)
    assert (code, told) == (143, "")
    assert errors.count("\n") == 1
    assert "nothing is left half-written" in errors
    assert time.monotonic() - began < 25, "the processes were waited for"
    assert contents(out) == {} if out.exists() else True


def log_of(modules):
    log = modules / "log.txt"
    return log.read_text().split() if log.exists() else []


def test_two_runs_at_once(modules, out):
    runs = [start(modules, out, "--jobs", jobs) for jobs in ("1", "2")]
    assert [finish(process)[0] for process in runs] == [0, 0]
    assert_whole(out)
    taken(modules)
    assert finish(start(modules, out))[0] == 0
    assert taken(modules) == []
    assert leftovers(out) == []


def test_a_run_without_work_loads_nothing_heavy(out):
    """A chapter of the report: what it loads was foreseen, and the second run needs no pandas."""
    code = (
        "import sys; from kostnadsvekst.commands import estimate\n"
        f"code = estimate.main(['--only', 'background', '--out', {str(out)!r}, '--quiet'])\n"
        "print(code, sorted({'numpy', 'pandas', 'scipy', 'matplotlib'} & set(sys.modules)))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    runs = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
        for _ in range(2)
    ]
    assert read_record(out, "background").inputs is not None
    assert "pandas" in runs[0].stdout
    assert runs[1].stdout == "0 []\n"


@pytest.mark.slow
def test_every_chapter_of_the_report_is_made_and_then_left(out):
    """What each loads was foreseen; the second run makes nothing; the files are those of one process."""
    words = [sys.executable, str(ROOT / "scripts" / "estimate.py"), "--quiet", "--out"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    alone = out.with_name("alone")
    for folder, more in ((out, ["--jobs", "2"]), (alone, ["--jobs", "1"])):
        subprocess.run([*words, str(folder), *more], check=True, env=environment)
    assert contents(out) == contents(alone)
    assert [name for name in CHAPTERS if read_record(out, name).inputs is None] == []
    began = time.monotonic()
    told = subprocess.run([*words[:2], "--json", "--out", str(out)], capture_output=True, env=environment)
    assert time.monotonic() - began < 5
    assert all(chapter["reused"] for chapter in json.loads(told.stdout)["chapters"].values())
