"""Other systems, as far as one can tell from here: no call that only POSIX has without another way beside it.

Nothing here has been run on Windows or macOS (docs/install.md says so). What can be tested is that the ways
for a system without these calls work, that texts state their encoding, and that a console of Windows' Western
code page gets every command's words.
"""

import ast
import os
import signal
import subprocess
import sys

import pytest

from conftest import ROOT
from kostnadsvekst import generations
from kostnadsvekst.chapters import Settings, making, run_chapters
from kostnadsvekst.commands import COMMANDS
from kostnadsvekst.register import workspace
from kostnadsvekst.report.doctor import machine

SOURCES = [*(ROOT / "src").rglob("*.py"), *(ROOT / "scripts").glob("*.py")]
# "Availability: Unix" (or without effect on Windows) in the documentation of Python's os, signal and shutil.
POSIX_ONLY = {
    "chown", "chroot", "confstr", "ctermid", "fchdir", "fchmod", "fchown", "fork", "forkpty", "getegid",
    "geteuid", "getgid", "getgroups", "getloadavg", "getpgid", "getpgrp", "getpriority", "getresuid",
    "getsid", "getuid", "initgroups", "killpg", "lchown", "lockf", "major", "mkfifo", "mknod", "nice",
    "openpty", "posix_spawn", "pread", "pwrite", "readv", "sched_getaffinity", "sendfile", "setegid",
    "seteuid", "setgid", "setpgid", "setsid", "setuid", "statvfs", "fstatvfs", "sync", "sysconf",
    "ttyname", "uname", "wait", "wait3", "wait4", "writev", "O_NOFOLLOW", "O_DIRECTORY", "O_CLOEXEC",
    "O_NONBLOCK", "O_SYNC", "O_TMPFILE", "SIGHUP", "SIGKILL", "SIGALRM", "SIGUSR1", "SIGUSR2", "SIGPIPE",
    "SIGCHLD", "SIGQUIT", "alarm", "pause", "pthread_kill", "pthread_sigmask", "setitimer", "sigwait",
    "siginterrupt",
}  # fmt: skip
POSIX_MODULES = {"fcntl", "grp", "pwd", "resource", "termios", "tty", "pty", "syslog", "posix", "crypt"}
# Where they are used: what is done without them, each with a test below.
WITH_ANOTHER_WAY = {
    ("terminal.py", "SIGHUP"),  # not listened to
    ("generations.py", "fcntl"),  # without taking turns
    ("report/chapter_files.py", "getuid"),  # the lock is called after nobody
    ("chapters/making.py", "resource"),  # how much memory a chapter took is not told
    ("report/doctor/machine.py", "sysconf"),  # Windows is asked another way, else the memory is not told
    ("report/doctor/machine.py", "sched_getaffinity"),  # all processors of the machine count
    ("register/workspace.py", "getuid"),  # the temporary folder is the user's own
}


def short(path):
    return path.relative_to(ROOT / "src" / "kostnadsvekst").as_posix() if "src" in path.parts else path.name


def posix_uses(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("os", "signal"):
            yield from {node.attr} & POSIX_ONLY
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
            yield from set(names) & POSIX_MODULES
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert not node.value.startswith(("/dev/", "/proc/", "/tmp")), f"{short(path)}: {node.value}"


def test_no_call_that_only_posix_has_without_another_way():
    assert {(short(path), name) for path in SOURCES for name in posix_uses(path)} == WITH_ANOTHER_WAY


def test_every_text_file_is_opened_with_its_encoding():
    """Windows would take its code page."""
    missing = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            name, given = called.rpartition(".")[2], {k.arg for k in node.keywords}
            modes = [a.value for a in (*node.args, *(k.value for k in node.keywords if k.arg == "mode"))
                     if isinstance(a, ast.Constant) and isinstance(a.value, str)]  # fmt: skip
            binary = any("b" in mode and len(mode) <= 3 for mode in modes)
            text = name in ("read_text", "write_text") or (
                (called == "open" or name == "fdopen" or called.endswith(".open")) and not binary
            )
            # A word that names the encoding by place, as read_text("utf-8") does.
            by_place = any(mode.lower().startswith("utf") for mode in modes)
            if (
                text
                and "encoding" not in given
                and not by_place
                and not called.startswith(("os.open", "self."))
            ):
                missing.append(f"{short(path)} line {node.lineno}: {called}")
    assert missing == []


def test_memory_that_no_system_tells_is_left_out(tmp_path, monkeypatch):
    assert making.peak_megabytes() > 10
    monkeypatch.setattr(making, "_FACTS", tmp_path)
    assert making.peak_megabytes() > 10
    monkeypatch.setitem(sys.modules, "resource", None)
    assert making.peak_megabytes() is None


def test_what_no_system_tells_of_a_machine_is_unknown(monkeypatch):
    monkeypatch.delattr(os, "sysconf", raising=False)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert machine.read_memory() == (None, None)
    assert machine.processors_here() == (os.cpu_count() or 1)


@pytest.fixture
def without_posix(tmp_path, monkeypatch):
    """The names that Windows lacks are not there; the folder of the test was made while they were."""
    monkeypatch.setitem(sys.modules, "fcntl", None)
    for module, name in ((os, "getuid"), (signal, "SIGHUP")):
        monkeypatch.delattr(module, name)

    def no_links(*arguments, **options):
        raise NotImplementedError

    monkeypatch.setattr(os, "link", no_links)
    monkeypatch.setattr(generations, "_exchange", lambda first, second: False)


@pytest.mark.usefixtures("without_posix")
def test_results_are_written_and_replaced_without_posix(tmp_path):
    for _ in range(2):
        (report,) = run_chapters(["background"], Settings(), tmp_path / "results")
        for path in report.written:
            kept = ROOT / path.relative_to(tmp_path)
            assert path.read_bytes() == kept.read_bytes()
        (tmp_path / "results" / "mine.txt").write_text("mine", encoding="utf-8")
    assert (tmp_path / "results" / "mine.txt").read_text(encoding="utf-8") == "mine"


@pytest.mark.usefixtures("without_posix")
def test_generations_replace_one_another_without_posix(tmp_path):
    for text in ("old", "new"):
        with generations.replacing(tmp_path / "store", kind="test") as staged:
            (staged / "file.txt").write_text(text, encoding="utf-8")
        assert (tmp_path / "store" / "file.txt").read_text(encoding="utf-8") == text
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


@pytest.mark.usefixtures("without_posix")
@pytest.mark.parametrize("key", [None, "work"])
def test_a_private_folder_is_made_and_removed_without_posix(tmp_path, key):
    with workspace.workspace(tmp_path, key=key) as folder:
        assert folder.is_dir()
        assert key is None or folder.name.endswith(key)
    assert not folder.exists()


def test_signals_are_listened_to_without_hanging_up(without_posix):
    """In a process: the handlers are those of the whole program."""
    code = (
        "import signal; del signal.SIGHUP\n"
        "from kostnadsvekst.terminal import run_program, say\n"
        "raise SystemExit(run_program(lambda: say('x') or 7))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (7, "x\n", "")


SAYINGS = [
    ["--help"],
    *([name, "--help"] for name in COMMANDS),
    ["estimate", "--list", "--lang", "nb"],
    ["estimate", "--only", "appendix", "--data", "Ås – ≤ 東京.csv"],
    ["fetch", "--only", "東京"],
    ["completion", "bash"],
]


@pytest.mark.parametrize("words", SAYINGS, ids=" ".join)
def test_a_console_of_windows_western_code_page_gets_every_commands_words(words):
    done = subprocess.run(
        [sys.executable, "-m", "kostnadsvekst", *words],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT / "src"),
            "PYTHONIOENCODING": "cp1252:strict",
            "PYTHONUTF8": "0",
        },
        capture_output=True,
        check=False,
    )
    told = (done.stdout + done.stderr).decode("cp1252")
    assert done.returncode in (0, 2, 3)
    assert told
    assert "Traceback" not in told
    assert "UnicodeEncodeError" not in told
