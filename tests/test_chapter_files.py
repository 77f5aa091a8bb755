"""A chapter's files are one generation: killed at any moment, full disks, others' files, two runs at once."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from kostnadsvekst.errors import DataWarning, KostnadsvekstError, OutputError
from kostnadsvekst.generations import MARKER
from kostnadsvekst.report.audit import COLUMNS
from kostnadsvekst.report.chapter_files import (
    MOST_FILES,
    RECORDS,
    check_folder,
    looks_like_ours,
    write_chapter,
)
from kostnadsvekst.report.figures import finish, new_figure

ROOT = Path(__file__).resolve().parents[1]
posix = pytest.mark.skipif(os.name == "nt", reason="no SIGKILL, no fork")


def generation(number, folder="appendix", beside=True):
    """Files of one run: all say the same number; every second run has one file that the others have not."""
    files = {f"{folder}/t{k}.csv": f"x,data_origin\n{number},synthetic\n" for k in range(6)}
    files |= {f"{folder}/deep/f.png": b"\x89PNG" + str(number).encode()}
    if beside:
        files |= {"audit.csv": f"{','.join(COLUMNS)}\n{number}\n", "audit.html": f"{number}"}
    return files | ({f"{folder}/only_odd.md": f"kostnadsvekst {number}"} if number % 2 else {})


def found(folder):
    """Visible files and their contents."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }


def as_bytes(files):
    return {path: text.encode() if isinstance(text, str) else text for path, text in files.items()}


def which(folder, others=()):
    """Number of the one generation that is there, whole; None where there is nothing yet."""
    there = {path: content for path, content in found(folder).items() if path not in others}
    if not there:
        return None
    number = int(there["appendix/t0.csv"].split(b"\n")[1].split(b",")[0])
    assert there == as_bytes(generation(number))
    return number


def leftovers(folder):
    hidden = [path for path in [*folder.parent.iterdir(), *folder.rglob("*")] if path.name.startswith(".")]
    return [path for path in hidden if path.name != MARKER]


def test_a_generation_replaces_another(tmp_path):
    out = tmp_path / "out"
    written = write_chapter(out, "appendix", generation(1))
    assert written == tuple(out / path for path in generation(1))
    assert which(out) == 1
    write_chapter(out, "appendix", generation(2))
    assert which(out) == 2  # with what the new one does not write removed
    assert leftovers(out) == []


def test_chapters_leave_each_other_alone(tmp_path):
    write_chapter(tmp_path, "kpr", generation(1, "kpr", beside=False))
    write_chapter(tmp_path, "appendix", generation(2))
    write_chapter(tmp_path, "kpr", generation(4, "kpr", beside=False))
    write_chapter(tmp_path, "appendix", generation(6))
    expected = as_bytes(generation(6)) | as_bytes(generation(4, "kpr", beside=False))
    assert found(tmp_path) == expected
    assert json.loads((tmp_path / "kpr" / MARKER).read_text())["kind"] == "results of the chapter kpr"


@pytest.fixture(params=["exchanged", "one by one"])
def out(request, tmp_path, monkeypatch):
    """Results folder that is exchanged whole, and one that has to stay (somebody works in it)."""
    folder = tmp_path / "out"
    folder.mkdir()
    if request.param == "one by one":
        monkeypatch.chdir(folder)
    return folder


def test_own_files_survive_and_are_never_overwritten(out):
    (out / "audit.csv").write_text("my own audit")
    (out / "notes.txt").write_text("mine")
    (out / "appendix").mkdir()
    (out / "appendix" / "t1.csv").write_text("mine, too")
    (out / "appendix" / "deep").mkdir()
    (out / "appendix" / "deep" / "x.png").write_bytes(b"my picture")
    own = found(out)
    with pytest.warns(DataWarning, match=r"yours are kept as .*audit\.csv\.kept-1") as told:
        write_chapter(out, "appendix", generation(1))
    assert len(told) == 1
    assert "appendix/t1.csv.kept-1" in str(told[0].message)
    moved = {name if name not in generation(1) else f"{name}.kept-1": text for name, text in own.items()}
    assert found(out) == as_bytes(generation(1)) | moved
    write_chapter(out, "appendix", generation(2))  # and without a word the second time
    assert found(out) == as_bytes(generation(2)) | moved


def test_a_file_of_ours_that_was_changed_is_kept(out):
    write_chapter(out, "appendix", generation(1))
    (out / "appendix" / "t1.csv").write_text("x,data_origin\n1,synthetic,looked at on Monday\n")
    (out / "appendix" / "only_odd.md").write_text("kostnadsvekst, with my remarks")
    with pytest.warns(DataWarning, match="t1.csv.kept-1"):
        write_chapter(out, "appendix", generation(2))
    kept = found(out)
    assert b"Monday" in kept.pop("appendix/t1.csv.kept-1")
    assert b"my remarks" in kept.pop("appendix/only_odd.md")
    assert kept == as_bytes(generation(2))


def test_links_of_the_user_are_not_followed(out, tmp_path):
    (tmp_path / "elsewhere.csv").write_text("mine")
    (out / "audit.csv").symlink_to(tmp_path / "elsewhere.csv")
    with pytest.warns(DataWarning, match="kept-1"):
        write_chapter(out, "appendix", generation(1))
    assert (tmp_path / "elsewhere.csv").read_text() == "mine"
    assert not (out / "audit.csv").is_symlink()
    assert (out / "audit.csv.kept-1").is_symlink()


def test_results_of_an_earlier_version_are_taken_over(out):
    """It left no marker: its files are known by what is in them."""
    figure, axes = new_figure(3, 2)
    axes.plot([0, 1])
    from kostnadsvekst.provenance import Provenance

    drawn = finish(figure, Provenance("synthetic"), "nb").to_files("appendix/deep/f")
    assert all(looks_like_ours(path, content) for path, content in drawn.items())
    old = {**as_bytes(generation(1)), "appendix/deep/f.png": drawn["appendix/deep/f.png"]}
    old["audit.html"] = b"<!DOCTYPE html>\n<style>table.audit {}</style>"
    for path, content in old.items():
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        (out / path).write_bytes(content)
    write_chapter(out, "appendix", generation(3))
    assert which(out) == 3


def test_committed_results_are_recognised():
    for path in (p for p in (ROOT / "results").rglob("*.*") if RECORDS not in p.parts):
        if path.name != MARKER:
            assert looks_like_ours(path.name, path.read_bytes()), path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("audit.csv", b"my own audit"),
        ("audit.csv", b""),
        ("audit.html", b"<!DOCTYPE html><p>mine"),
        ("t.csv", b"data_origin;x\n1;2\n"),
        ("x.png", b"\x89PNG\r\n\x1a\n" + b"\x00" * 60),
        ("x.svg", b"<?xml version='1.0'?><svg><title>kostnadsvekst</title></svg>"),
        ("x.svg", b"<svg><dc:title>kostnadsvekst</dc:title></svg>"),
        ("x.md", b"# mine"),
        ("x.tex", b"\\begin{table}"),
        ("x.txt", b"kostnadsvekst 1.0"),
    ],
)
def test_files_of_others_are_not_taken_for_ours(name, content):
    assert not looks_like_ours(name, content)


def test_tables_of_other_specifications_stay(tmp_path):
    def keep(path):
        return not Path(path).name.startswith("b_")

    write_chapter(tmp_path, "own", {"own/a_nb.csv": "a", "own/a_en.csv": "a"}, keep)
    write_chapter(tmp_path, "own", {"own/b_nb.csv": "b", "own/b_en.csv": "b"}, keep)
    write_chapter(tmp_path, "own", {"own/b_nb.csv": "c"}, keep)
    assert found(tmp_path) == {"own/a_nb.csv": b"a", "own/a_en.csv": b"a", "own/b_nb.csv": b"c"}


# Runs in a process of its own, which forks: a child writes and is killed at the n-th thing that Python asks
# of the system (each opening, link, rename and removal is announced to an audit hook), or that thing fails.
DRIVER = """
import os, signal, sys
sys.path[:0] = [{tests!r}]
from pathlib import Path
from test_chapter_files import generation, found, as_bytes, leftovers
from kostnadsvekst.errors import KostnadsvekstError
from kostnadsvekst.generations import MARKER
from kostnadsvekst.report.chapter_files import write_chapter
out, fault, whole = Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "whole"
EVENTS = {{"open", "os.rename", "os.link", "os.remove", "os.mkdir", "os.rmdir", "os.symlink", "os.listdir",
          "os.scandir", "os.chmod", "shutil.copymode", "shutil.rmtree", "tempfile.mkdtemp", "ctypes.dlsym"}}
READS = {{"os.listdir", "os.scandir", "ctypes.dlsym", "os.remove", "os.rmdir", "shutil.rmtree"}}
if not whole:
    out.mkdir(); os.chdir(out)
mine = {{"notes.txt": b"mine"}}

def child(n):
    left = [n]
    def hook(event, arguments):
        ours = event == "ctypes.dlsym" or str(out.parent) in str(arguments[:2])
        # Reading needs no room on the disk.
        reads = event in READS or (event == "open" and not set(arguments[1] or "w") & set("wax+"))
        if left[0] < 0 or event not in EVENTS or not ours or (reads and fault != "SIGKILL"):
            return
        left[0] -= 1
        if left[0] == 0:
            left[0] = -1
            if fault == "SIGKILL":
                os.kill(os.getpid(), signal.SIGKILL)
            raise OSError(28, "No space left on device")
    sys.addaudithook(hook)
    try:
        write_chapter(out, "appendix", generation(5))
    except KostnadsvekstError:
        os._exit(3)
    except BaseException as error:
        import traceback; traceback.print_exc()
        os._exit(9)
    os._exit(7 if left[0] > 0 else 0)

write_chapter(out, "appendix", generation(2))
(out / "notes.txt").write_bytes(mine["notes.txt"])
hits = old = new = 0
for n in range(1, 10_000, int(sys.argv[4])):
    pid = os.fork()
    if not pid:
        child(n)
    status = os.waitpid(pid, 0)[1]
    code = os.waitstatus_to_exitcode(status)
    there = found(out)
    is_old, is_new = there == as_bytes(generation(2)) | mine, there == as_bytes(generation(5)) | mine
    assert code in (-9, 0, 3, 7), (n, code)
    if whole or code != -9:
        assert is_old or is_new, (n, code, sorted(there))
    if code == 3:
        assert is_old or is_new, n
    if code in (0, 7):
        assert is_new, n
    if code == 7:
        break
    hits, old, new = hits + 1, old + is_old, new + is_new
    write_chapter(out, "appendix", generation(2))
    assert found(out) == as_bytes(generation(2)) | mine, n
    assert leftovers(out) == [], (n, leftovers(out))
print(hits, old, new)
"""


def drive(folder, *arguments):
    code = DRIVER.format(tests=str(ROOT / "tests"))
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    return subprocess.run(
        [sys.executable, "-c", code, str(folder / "out"), *arguments],
        capture_output=True,
        text=True,
        env=environment,
    )


def check_deaths(folder, fault, way, step):
    done = drive(folder, fault, way, str(step))
    assert done.returncode == 0, done.stderr
    hits, old, new = map(int, done.stdout.split())
    print(f"{fault}, {way}: {hits} deaths, {old} left the old generation, {new} the new one")
    assert old > 0
    assert new > 0
    return hits


@posix
@pytest.mark.parametrize(
    ("fault", "way", "step"), [("SIGKILL", "whole", 3), ("ENOSPC", "whole", 4), ("ENOSPC", "one by one", 8)]
)
def test_killed_or_failing_at_many_steps(tmp_path, fault, way, step):
    """Nothing but all of the old or all of the new; the next run removes what was left."""
    assert check_deaths(tmp_path, fault, way, step) >= (30 if fault == "SIGKILL" else 8)


@posix
@pytest.mark.slow
@pytest.mark.parametrize("fault", ["SIGKILL", "ENOSPC"])
@pytest.mark.parametrize("way", ["whole", "one by one"])
def test_killed_or_failing_at_every_step(tmp_path, fault, way):
    assert check_deaths(tmp_path, fault, way, 1) >= 30


# The script itself with a chapter that takes no time; it gets a signal at the n-th step of its writing.
SCRIPT = """
import os, runpy, sys, time, types
sys.path[:0] = [{tests!r}]
from test_chapter_files import generation
from kostnadsvekst.chapters import ChapterResult
out, number, n, pause = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
left = [n]
def hook(event, arguments):
    writes = event in ("open", "os.rename", "os.link", "os.mkdir")
    if left[0] > 0 and writes and os.path.dirname(out) in str(arguments):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), number)
def run(settings):
    print("computing", file=sys.stderr, flush=True) if pause else None
    time.sleep(pause)
    sys.addaudithook(hook)
    return ChapterResult(generation(5), data_origin=("synthetic",))
sys.modules["kostnadsvekst.chapters.appendix"] = types.SimpleNamespace(run=run)
sys.argv = ["estimate.py", "--only", "appendix", "--out", out]
runpy.run_path({script!r}, run_name="__main__")
"""


def estimate(out, number, n, pause=0.0):
    code = SCRIPT.format(tests=str(ROOT / "tests"), script=str(ROOT / "scripts" / "estimate.py"))
    return subprocess.Popen(
        [sys.executable, "-c", code, str(out), str(number), str(n), str(pause)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )


NAMES = ["a b", "k[1]", "*", "?", "{x}", "~", "-rf", "50%", "ny\nlinje", "q'\"", "Ås"]
NAMES += [os.fsdecode(b"\xff\xe5")]
CODES = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129, "SIGKILL": -9}


def check_signal(out, name, n, at_once=True):
    """Generation that is left; what is left over is gone at once, or after the next run."""
    write_chapter(out, "appendix", generation(2))
    (out / "notes.txt").write_text("mine")
    process = estimate(out, getattr(signal, name), n)
    _, told = process.communicate(timeout=120)
    if not at_once and process.returncode == 0:  # it had no so many steps
        return 5
    assert process.returncode == CODES[name], told
    if name != "SIGKILL":
        assert told.count("\n") == 1, told
        assert "nothing is left half-written" in told
        assert leftovers(out) == [] or not at_once
    left = which(out, others=["notes.txt"])
    write_chapter(out, "appendix", generation(4))
    assert which(out, others=["notes.txt"]) == 4
    assert leftovers(out) == []
    return left


@posix
@pytest.mark.parametrize(
    ("name", "n"),
    [("SIGINT", 12), ("SIGINT", 30), ("SIGTERM", 1), ("SIGTERM", 34), ("SIGHUP", 20), ("SIGKILL", 25)],
)
def test_the_script_stops_in_order(tmp_path, name, n):
    assert check_signal(tmp_path / "out", name, n) in (2, 5)


@posix
@pytest.mark.slow
@pytest.mark.parametrize("name", CODES)
def test_the_script_stops_in_order_at_any_step(tmp_path, name):
    left = [check_signal(tmp_path / "out", name, n, at_once=False) for n in range(1, 70, 6)]
    print(f"{name}: {left}")
    assert set(left) == {2, 5}


@posix
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_while_computing_leaves_everything_as_it_was(tmp_path, name):
    out = tmp_path / "out"
    write_chapter(out, "appendix", generation(2))
    process = estimate(out, 0, -1, pause=60)
    assert process.stderr.readline() == "computing\n"
    process.send_signal(getattr(signal, name))
    told = process.communicate(timeout=60)[1]
    assert process.returncode == CODES[name]
    assert told.count("\n") == 1
    assert which(out) == 2


@posix
def test_two_runs_into_one_folder_wait_for_each_other(tmp_path):
    """Three at once: the folder holds one of them, whole, at every look at it."""
    out = tmp_path / "out"
    code = (
        "import sys; sys.path[:0] = [sys.argv[1]]; from test_chapter_files import *\n"
        "for k in range(6): write_chapter(sys.argv[2], 'appendix', generation(10 * int(sys.argv[3]) + k))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    write_chapter(out, "appendix", generation(1))
    runs = [
        subprocess.Popen([sys.executable, "-c", code, str(ROOT / "tests"), str(out), str(k)], env=environment)
        for k in range(3)
    ]
    looks = 0
    while any(run.poll() is None for run in runs):
        looks += one_look(out)
    assert [run.returncode for run in runs] == [0, 0, 0]
    assert looks
    assert which(out) is not None
    assert leftovers(out) == []


def one_look(out):
    """Through an open folder, as a reader has it: names are not looked up anew in the middle."""
    handle = os.open(out, os.O_RDONLY)
    try:
        first = os.stat(out).st_ino
        there = found(out)
        same = os.stat(out).st_ino == first == os.fstat(handle).st_ino
    except FileNotFoundError:
        return 0
    finally:
        os.close(handle)
    if not same:
        return 0
    number = int(there["appendix/t0.csv"].split(b"\n")[1].split(b",")[0])
    assert there == as_bytes(generation(number))
    return 1


def test_a_folder_that_cannot_be_written_to_is_refused_before_the_work(tmp_path):
    (tmp_path / "file").write_text("mine")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OutputError, match="is a file"):
            check_folder(place)
        with pytest.raises(OutputError, match="is a file"):
            write_chapter(place, "appendix", generation(1))
    assert (tmp_path / "file").read_text() == "mine"
    check_folder(tmp_path / "a" / "b")  # will be made


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_read_only_folder_is_refused_before_the_work(tmp_path):
    (tmp_path / "out").mkdir(mode=0o500)
    with pytest.raises(OutputError, match="may not be written to"):
        check_folder(tmp_path / "out")


def test_a_name_that_is_too_long_is_told(tmp_path):
    with pytest.raises(OutputError, match=r"File name too long|can be written"):
        write_chapter(tmp_path, "own", {f"own/{'x' * 300}.csv": "1"})
    assert found(tmp_path) == {}


@posix
@pytest.mark.parametrize(
    "name",
    ["a b", "k[1]", "*", "?", "{x}", "~", "-rf", "50%", "ny\nlinje", "q'\"", "Ås", os.fsdecode(b"\xff\xe5")],
)
def test_folders_of_any_name(tmp_path, name):
    for number in (1, 2):
        write_chapter(tmp_path / name, "appendix", generation(number))
        write_chapter(tmp_path / name, "kpr", generation(number, "kpr", beside=False))
    assert found(tmp_path / name) == as_bytes(generation(2)) | as_bytes(generation(2, "kpr", beside=False))
    assert [path.name for path in tmp_path.iterdir()] == [name]


@posix
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_modes_are_those_of_the_user(out, umask):
    before = os.umask(umask)
    try:
        write_chapter(out, "appendix", generation(1))
    finally:
        os.umask(before)
    for path in found(out):
        assert (out / path).stat().st_mode & 0o777 == 0o666 & ~umask


def test_a_home_folder_is_not_turned_over(tmp_path):
    """A folder with more files than results have keeps its place; its files are not even linked."""
    for number in range(MOST_FILES + 1):
        (tmp_path / f"{number}.txt").touch()
    place = tmp_path.stat().st_ino
    write_chapter(tmp_path, "appendix", generation(1))
    write_chapter(tmp_path, "appendix", generation(2))
    assert tmp_path.stat().st_ino == place
    assert {k: v for k, v in found(tmp_path).items() if not k.endswith(".txt")} == as_bytes(generation(2))


@pytest.mark.skipif(sys.platform != "linux", reason="mounts")
def test_a_mount_point_keeps_its_place(tmp_path):
    place = tmp_path / "mounted"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root can mount")
    try:
        write_chapter(place, "appendix", generation(1))
        write_chapter(place, "appendix", generation(2))
        assert which(place) == 2
        full = generation(4) | {"appendix/big.csv": "x" * 2_000_000}
        with pytest.raises(OutputError, match=r"No space left on device.*has room"):
            write_chapter(place, "appendix", full)
        assert which(place) == 2
        below = generation(4, "kpr", beside=False)
        with pytest.raises(OutputError, match="No space left on device"):
            write_chapter(place, "kpr", {**below, "kpr/big.csv": "x" * 2_000_000})
        assert which(place) == 2
        assert leftovers(place) == []
    finally:
        subprocess.run(["umount", str(place)], check=True)


def a_folder_where_a_file_belongs(out):
    (out / "audit.csv").mkdir()
    (out / "audit.csv" / "mine.txt").write_text("mine")


def a_file_where_a_folder_belongs(out):
    (out / "appendix").write_text("mine")


def a_damaged_marker(out):
    (out / MARKER).write_text("{")


def a_marker_of_something_else(out):
    (out / MARKER).write_text('{"kind": "store", "files": {}}')


def a_marker_that_lists_what_lies_outside(out):
    (out.parent / "outside.txt").write_text("mine")
    digest = hashlib.sha256(b"mine").hexdigest()
    marker = {"kind": "results of the chapter appendix", "files": {"../outside.txt": digest}}
    (out / MARKER).write_text(json.dumps(marker))


def a_link_that_leads_nowhere(out):
    (out / "appendix").symlink_to(out / "nowhere")


def a_link_to_itself(out):
    (out / "audit.html").symlink_to(out / "audit.html")


def a_named_pipe(out):
    os.mkfifo(out / "audit.csv")


PLACES = [
    (a_folder_where_a_file_belongs, "audit.csv"),
    (a_file_where_a_folder_belongs, "appendix"),
    (a_damaged_marker, "damaged: move the folder"),
    (a_marker_of_something_else, "another kind of output"),
    (a_marker_that_lists_what_lies_outside, ""),
    (a_link_that_leads_nowhere, ""),
    (a_link_to_itself, "kept-1"),
    (a_named_pipe, "kept-1"),
]


@posix
@pytest.mark.parametrize(("prepare", "told"), PLACES, ids=[prepare.__name__ for prepare, _ in PLACES])
def test_odd_places_are_refused_or_kept(out, prepare, told):
    """Either an error that names the place, and everything as it was, or everything of the user's is kept."""
    prepare(out)
    (out / "notes.txt").write_text("mine")
    before = found(out.parent)
    refused, said = attempt(out)
    assert told in refused + said
    if refused:
        assert str(out) in refused
        assert found(out.parent) == before
        return
    after = found(out.parent)
    assert {f"out/{path}": text for path, text in as_bytes(generation(1)).items()}.items() <= after.items()
    assert [*after.values()].count(b"mine") == [*before.values()].count(b"mine")


def attempt(out):
    """Error of a run, and its warnings."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            write_chapter(out, "appendix", generation(1))
        except KostnadsvekstError as error:
            return str(error), ""
    return "", "".join(str(warning.message) for warning in said)


@posix
@pytest.mark.parametrize("place", ["gone", "loop", "nul"])
def test_out_that_is_no_place(tmp_path, place):
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(OutputError):
        write_chapter(tmp_path / ("a\0b" if place == "nul" else place), "appendix", generation(1))
