"""Scripts at every kind of terminal: alphabets, pipes, full disks, closed streams, JSON, hostile texts."""

import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kostnadsvekst import terminal
from kostnadsvekst.chapters import CHAPTERS
from kostnadsvekst.errors import InvalidDataError, OutputError
from kostnadsvekst.terminal import CLOSED_PIPE, complain, describe, run_program, say

ROOT = Path(__file__).resolve().parents[1]
ESTIMATE = [sys.executable, str(ROOT / "scripts" / "estimate.py")]
PLAIN = {"PYTHONPATH": str(ROOT / "src")}
posix = pytest.mark.skipif(os.name == "nt", reason="a shell and /dev")
C_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
ALPHABETS = {
    "C": C_LOCALE,
    "POSIX": {**C_LOCALE, "LC_ALL": "POSIX"},
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "ascii, strict": {"PYTHONIOENCODING": "ascii:strict"},
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
    "cp1252": {"PYTHONIOENCODING": "cp1252"},
    "cp437": {"PYTHONIOENCODING": "cp437"},
    "utf-8": {"PYTHONIOENCODING": "utf-8"},
    "utf-16": {"PYTHONIOENCODING": "utf-16"},
}


def run(*arguments, environment=None, **options):
    return subprocess.run(
        [*ESTIMATE, *arguments],
        env={**os.environ, **PLAIN, **(environment or {})},
        capture_output=not options,
        check=False,
        **options,
    )


def shell(redirection, *arguments):
    """Run by a shell with a redirection of its own."""
    return subprocess.run(
        ["sh", "-c", f'"$@" {redirection}', "sh", *ESTIMATE, *arguments],
        env={**os.environ, **PLAIN},
        capture_output=True,
        check=False,
    )


def no_constant(name):
    raise AssertionError(f"{name} is not JSON")


def read_json(text):
    return json.loads(text, parse_constant=no_constant)


@pytest.mark.parametrize("alphabet", ALPHABETS)
def test_every_alphabet(alphabet):
    environment = ALPHABETS[alphabet]
    done = run("--list", "--lang", "nb", environment=environment)
    assert done.returncode == 0, done.stderr
    encoding = alphabet if alphabet[0] in "lcu" else "ascii"
    text = done.stdout.decode(encoding)
    assert ("øyeblikkelig" if encoding in ("utf-8", "utf-16", "latin-1", "cp1252") else "yeblikkelig") in text
    assert ("A1–A3" if encoding in ("utf-8", "utf-16", "cp1252") else "A1-A3") in text
    assert len(text.splitlines()) == len(CHAPTERS)


NO_FILE = ("--only", "appendix", "--data", "finnes ikke – ø.csv")


@pytest.mark.parametrize(
    ("alphabet", "arguments", "code"),
    [
        *((alphabet, ("--list",), 0) for alphabet in ALPHABETS),
        ("C", NO_FILE, 3),
        ("C", ("--lang", "de"), 2),
        ("utf-8", ("--only", "nonsense"), 2),
    ],
)
def test_json_is_json_and_nothing_else_is_there(alphabet, arguments, code, tmp_path):
    done = run("--json", "--out", str(tmp_path / "out"), *arguments, environment=ALPHABETS[alphabet])
    assert done.returncode == code
    told = read_json(done.stdout.decode(alphabet if alphabet[0] in "lcu" else "ascii"))
    assert told["exit_code"] == code
    assert ("error" in told) == (code > 0)
    assert not (tmp_path / "out").exists()


def test_json_of_an_error_says_what_the_user_is_told(tmp_path):
    done = run("--json", "--only", "appendix", "--data", str(tmp_path / "no.csv"), "--out", str(tmp_path))
    error = read_json(done.stdout)["error"]
    assert error["kind"] == "DataMissingError"
    assert done.stderr.decode() == f"error: {error['message']}\n"


@posix
def test_a_reader_that_has_gone():
    process = subprocess.Popen(
        [*ESTIMATE, "--list"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **PLAIN},
    )
    process.stdout.close()
    told = process.stderr.read()
    assert process.wait() == CLOSED_PIPE
    assert told == b""
    process.stderr.close()
    for arguments, begin in (("--list", next(iter(CHAPTERS))[:5].encode()), ("--help", b"usage")):
        done = shell("| head -c 5", arguments)
        assert (done.stdout, done.stderr) == (begin, b"")
    assert b"Exception ignored" not in shell(">/dev/full", "--help").stderr


@posix
@pytest.mark.parametrize(
    ("redirection", "code", "told"),
    [
        (">/dev/full", 3, b"standard output cannot be written to: No space left on device"),
        (">/dev/full 2>/dev/full", 3, b""),
        (">&-", 0, b""),
        ("2>&-", 0, b""),
        ("<&- >&- 2>&-", 0, b""),
        ("</dev/null 2>/dev/full", 0, b""),
    ],
)
def test_streams_that_take_nothing(redirection, code, told):
    if "/dev/full" in redirection and not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    for arguments in (("--list",), ("--list", "--json")):
        done = shell(redirection, *arguments)
        assert done.returncode == code
        assert told in done.stderr
        assert b"Traceback" not in done.stderr
        assert b"Exception ignored" not in done.stderr


@posix
def test_no_file_of_the_user_becomes_standard_output(tmp_path):
    """With standard output closed the next file to be opened would be number 1, and take what is printed."""
    code = (
        "import os, sys; from kostnadsvekst.terminal import run_program, say\n"
        "def main():\n"
        "    with open(sys.argv[1], 'w') as file:\n"
        "        os.write(1, b'drawn by a library'); say('said'); file.write('mine')\n"
        "    return 0\n"
        "sys.exit(run_program(main))"
    )
    command = ["sh", "-c", '"$@" >&- 2>&-', "sh", sys.executable, "-c", code, str(tmp_path / "file")]
    assert subprocess.run(command, env={**os.environ, **PLAIN}, check=False).returncode == 0
    assert (tmp_path / "file").read_text() == "mine"


@posix
@pytest.mark.parametrize("environment", [C_LOCALE, {"PYTHONIOENCODING": "utf-8"}], ids=["C", "utf-8"])
def test_names_in_messages_do_not_reach_the_terminal_raw(environment, tmp_path):
    name = "\x1b[2J a\rb \u202e –ø\u2028" + os.fsdecode(b"\xff\xe5")
    arguments = ("--only", "appendix", "--data", str(tmp_path / name), "--out", str(tmp_path))
    done = run(*arguments, environment=environment)
    assert done.returncode == 3
    assert not {0x1B, 0x0D} & set(done.stderr)
    assert "\u202e" not in done.stderr.decode()
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("sign", ["\x00", "\x07", "\x08", "\r", "\x1b", "\x7f", "\x9b", "\u202e", "\u2066"])
def test_controls_are_shown_and_not_obeyed(sign, capsys):
    say(f"a{sign}b\tc\nd")
    assert capsys.readouterr().out == f"a\\x{ord(sign):02x}b\tc\nd\n"


class _Stream(io.StringIO):
    def __init__(self, error):
        super().__init__()
        self.error = error

    def write(self, text):
        raise self.error


ENDED = "what was written before is whole, nothing is left half-written"


@pytest.fixture
def quiet_signals(monkeypatch):
    """Leave the handlers of the test runner alone."""
    monkeypatch.setattr(terminal.signal, "signal", lambda *arguments: None)


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (None, 7, ""),
        (InvalidDataError("wrong", ["here"]), 3, "error: wrong\n  - here\n"),
        (OutputError("full"), 3, "error: full\n"),
        (
            MemoryError(),
            3,
            "error: there is not enough memory: close other programs, or use a machine with more\n",
        ),
        (
            KeyboardInterrupt(),
            130,
            "interrupted: what was written before is whole, nothing is left half-written\n",
        ),
        (
            PermissionError(13, "Permission denied", "x.csv"),
            3,
            "error: 'x.csv': Permission denied; check that it is there, may be used, and has room\n",
        ),
    ],
)
@pytest.mark.usefixtures("quiet_signals")
def test_exit_codes(capsys, error, code, told):
    def main():
        if error is not None:
            raise error
        return 7

    assert run_program(main) == code
    assert capsys.readouterr().err == told


@pytest.mark.usefixtures("quiet_signals")
def test_faults_of_the_program_are_not_hidden():
    with pytest.raises(ZeroDivisionError):
        run_program(lambda: 1 // 0)


@pytest.mark.usefixtures("quiet_signals")
def test_a_library_that_calls_an_interruption_its_own_error_is_not_believed(capsys, monkeypatch):
    """DuckDB does."""

    def main():
        try:
            terminal.signal.default_int_handler(2, None)
        except KeyboardInterrupt:
            monkeypatch.setattr(terminal, "_stopped_by", [2])
            raise InvalidDataError("values that cannot be read") from None

    assert run_program(main) == 130
    assert "values" not in capsys.readouterr().err


def test_nobody_reads_or_the_disk_is_full(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", _Stream(OSError(28, "No space left on device")))
    with pytest.raises(OutputError, match="No space left on device"):
        say("x")
    monkeypatch.setattr(sys, "stderr", _Stream(BrokenPipeError()))
    complain("nobody is told")


def test_a_program_without_a_console(monkeypatch, quiet_signals):
    """As on Windows under pythonw: the streams are None."""
    from kostnadsvekst.progress import Progress

    monkeypatch.setattr(sys, "stderr", None)
    monkeypatch.setattr(sys, "stdout", None)
    with Progress("counting", 10) as progress:
        progress.advance(10)

    def main():
        say("x")
        complain("y")
        return 0

    assert run_program(main) == 0
    sys.stdout.close()
    sys.stderr.close()


def test_words_for_errors_of_the_system():
    assert describe(OSError("odd")) == "odd; check that it is there, may be used, and has room"
    assert describe(OutputError("ours")) == "ours"


class _SpiedConnection:
    """A connection as in a notebook, where the bar is on; says at the end whether it still was."""

    def __init__(self, connection, found):
        self.connection, self.found = connection, found
        connection.execute("SET enable_progress_bar = true")

    def __getattr__(self, name):
        return getattr(self.connection, name)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.found.append(
            self.connection.execute("SELECT current_setting('enable_progress_bar')").fetchone()[0]
        )
        self.connection.close()


def test_the_bar_of_the_database_is_off(tmp_path, monkeypatch):
    import duckdb

    from kostnadsvekst.register import ingest, weekly_cube
    from test_register_ingest import write_csv

    connect, found = duckdb.connect, []
    monkeypatch.setattr(duckdb, "connect", lambda *a, **k: _SpiedConnection(connect(*a, **k), found))
    ingest(write_csv(tmp_path / "in.csv", [{}]), tmp_path / "out.parquet")
    assert found == [False]
    monkeypatch.setattr(duckdb, "connect", connect)
    import ibis

    seen, start = [], ibis.duckdb.connect

    def spied(**options):
        backend = start(**options)
        backend.settings["enable_progress_bar"] = True
        stop = backend.disconnect

        def disconnect():
            seen.append(backend.settings["enable_progress_bar"])
            stop()

        monkeypatch.setattr(backend, "disconnect", disconnect)
        return backend

    monkeypatch.setattr(ibis.duckdb, "connect", spied)
    weekly_cube(tmp_path / "out.parquet", engine="duckdb", start="2018-01-01", end="2018-01-08")
    assert [str(value).lower() for value in seen] == ["false"]


WITHIN_COMPILED_CODE = """
import sys
import numpy as np
from kostnadsvekst.register.schema import AGE_LOWER, week_calendar
from kostnadsvekst.synthetic.population_flow import flow
from kostnadsvekst.terminal import complain, run_program
years = np.asarray(week_calendar("2017-01-02", "2020-12-28").years, dtype=np.int64)
stock = np.full((years.size, len(AGE_LOWER)), 5_000)
ages = np.tile(np.array(AGE_LOWER) + 3.0, (years.size, 1))
def main():
    for number in range(10_000):
        yearly, women = np.full(len(set(years)), 2 * stock[0].sum()), np.full(years.size, 0.6)
        flow(stock, yearly, years, ages, women, seed=number)
        complain("ready") if not number else None
sys.exit(run_program(main))
"""


@posix
def test_an_interruption_inside_compiled_code_is_no_crash():
    """It waits until the code returns, and must not meet it while it hands over its result."""
    process = subprocess.Popen(
        [sys.executable, "-c", WITHIN_COMPILED_CODE], stderr=subprocess.PIPE, env={**os.environ, **PLAIN}
    )
    assert process.stderr.readline() == b"ready\n"
    time.sleep(0.3)
    process.send_signal(2)
    told = process.communicate()[1].decode()
    assert (process.returncode, told) == (130, f"interrupted: {ENDED}\n")
