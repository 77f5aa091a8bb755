"""A chapter's files are one generation: killed at any moment, full disks, others' files, two runs at once."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kostnadsvekst.errors import DataWarning
from kostnadsvekst.generations import MARKER
from kostnadsvekst.report.audit import COLUMNS
from kostnadsvekst.report.chapter_files import looks_like_ours, write_chapter
from kostnadsvekst.report.figures import new_figure, render_png

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

    old = {
        **as_bytes(generation(1)),
        "appendix/deep/f.png": render_png(figure, Provenance("synthetic"), "nb"),
    }
    old["audit.html"] = b"<!DOCTYPE html>\n<style>table.audit {}</style>"
    for path, content in old.items():
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        (out / path).write_bytes(content)
    write_chapter(out, "appendix", generation(3))
    assert which(out) == 3


def test_committed_results_are_recognised():
    for path in (ROOT / "results").rglob("*.*"):
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
for n in range(1, 10_000):
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


@posix
@pytest.mark.parametrize("fault", ["SIGKILL", "ENOSPC"])
@pytest.mark.parametrize("way", ["whole", "one by one"])
def test_killed_or_failing_at_every_step(tmp_path, fault, way):
    """Nothing but all of the old or all of the new; the next run removes what was left."""
    done = drive(tmp_path, fault, way)
    assert done.returncode == 0, done.stderr
    hits, old, new = map(int, done.stdout.split())
    print(f"{fault}, {way}: {hits} steps, {old} left the old generation, {new} the new one")
    assert hits >= 30
    assert old > 10
    assert new > 0 or fault == "ENOSPC"
