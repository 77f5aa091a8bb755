"""Folders that are replaced whole: all old or all new whatever ends the work, nothing of the user's lost."""

import json
import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from conftest import ROOT
from kostnadsvekst import generations
from kostnadsvekst.errors import DataWarning, InvalidDataError, OutputError
from kostnadsvekst.generations import MARKER, read_marker, recover, replacing

OURS = ["part_0.txt", "part_1.txt", "part_2.txt"]


def write(folder: Path, texts: dict[str, str], **options) -> None:
    with replacing(folder, kind="trial", **options) as staged:
        for name, text in texts.items():
            (staged / name).parent.mkdir(parents=True, exist_ok=True)
            (staged / name).write_text(text)


def texts_of(folder: Path) -> dict[str, str]:
    found = {p.relative_to(folder).as_posix(): p.read_text() for p in folder.rglob("*") if p.is_file()}
    found.pop(MARKER, None)
    return found


@pytest.fixture(params=["exchange", "renames"])
def way(request, monkeypatch):
    """The two ways to swap: names exchanged at once, or where that is not possible by two renames."""
    if request.param == "renames":
        monkeypatch.setattr(generations, "_exchange", lambda first, second: False)
    return request.param


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "place" / "out"


# What ends the work ----------


def deaths(how: str, way: str, place: Path, step: int) -> list[dict]:
    script = ROOT / "tests" / "generation_deaths.py"
    done = subprocess.run(
        [sys.executable, script, how, way, place, str(step)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def assert_survived(ends: list[dict]) -> set[str]:
    """All old or all new, the user's files and nothing beside; texts that were found."""
    seen = set()
    for end in ends:
        found, after = end["found"], end["after"]
        assert sorted(found["texts"]) == found["listed"] == OURS, end
        assert len(set(found["texts"].values())) == 1, end
        seen |= set(found["texts"].values())
        assert after["texts"] == dict.fromkeys(OURS, "3"), end
        for moment in (found, after):
            assert moment["own"] == {"own.txt": "own", "notes/own.txt": "deep"}, end
            assert moment["beside"] == 0, end
    return seen


@pytest.mark.parametrize("swap", ["exchange", "renames"])
@pytest.mark.parametrize(
    ("how", "step", "at_least"), [("kill", 7, 50), ("interrupt", 7, 50), ("term", 23, 15), ("fail", 1, 12)]
)
def test_every_end_leaves_old_or_new(tmp_path, how, step, swap, at_least):
    ends = deaths(how, swap, tmp_path, step)
    assert len(ends) >= at_least
    assert assert_survived(ends) == {"1", "2"}
    expected = {"kill": {-9}, "term": {-15}, "interrupt": {0}, "fail": {0}}
    assert {end["code"] for end in ends} == expected[how]


@pytest.mark.slow
@pytest.mark.parametrize("swap", ["exchange", "renames"])
@pytest.mark.parametrize("how", ["kill", "interrupt", "term"])
def test_an_end_at_every_line(tmp_path, how, swap):
    ends = deaths(how, swap, tmp_path, 1)
    assert len(ends) >= 300
    assert assert_survived(ends) == {"1", "2"}


def test_an_error_in_the_block_changes_nothing(folder, way):
    write(folder, {"a": "1"})

    def fail():
        with replacing(folder, kind="trial") as staged:
            (staged / "a").write_text("2")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert texts_of(folder) == {"a": "1"}
    assert [p.name for p in folder.parent.iterdir()] == ["out"]


def test_writers_at_the_same_time_end_one_after_the_other(folder, way):
    write(folder, {"a": "0", "b": "0"})
    (folder / "own").write_text("own")

    def many(number):
        for i in range(10):
            write(folder, {"a": f"{number} {i}", "b": f"{number} {i}"})

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(many, range(3)))
    found = texts_of(folder)
    assert found["a"] == found["b"]
    assert found["a"].endswith(" 9")
    assert (set(found), found["own"]) == ({"a", "b", "own"}, "own")
    assert [p.name for p in folder.parent.iterdir()] == ["out"]


def test_work_of_the_living_is_left_alone(folder, way):
    write(folder, {"a": "1"})
    with replacing(folder, kind="trial") as staged:
        recover(folder)
        write(folder, {"a": "2"})
        (staged / "a").write_text("3")
    assert texts_of(folder) == {"a": "3"}


def test_only_folders_with_our_lock_are_removed(folder):
    write(folder, {"a": "1"})
    others = folder.parent / ".out.kostnadsvekst-notes"
    others.mkdir()
    (others / "thesis.txt").write_text("mine")
    link = folder.parent / ".out.kostnadsvekst-link"
    link.symlink_to(others)
    write(folder, {"a": "2"})
    assert (others / "thesis.txt").read_text() == "mine"
    assert link.is_symlink()


# Files of the user ----------


def test_files_of_the_user_are_carried_along(folder, way):
    write(folder, {"a": "1", "deep/b": "1", "gone": "1"})
    (folder / "deep" / "own").write_text("own")
    (folder / "empty").mkdir()
    (folder / "link").symlink_to("deep/own")
    (folder / "broken").symlink_to("nowhere")
    (folder / "nøtt [1].txt").write_text("own")
    inode = (folder / "deep" / "own").stat().st_ino
    write(folder, {"a": "2", "deep/b": "2"})
    assert texts_of(folder) == {
        "a": "2",
        "deep/b": "2",
        "deep/own": "own",
        "link": "own",
        "nøtt [1].txt": "own",
    }
    assert (folder / "deep" / "own").stat().st_ino == inode  # the very file: an open editor writes into it
    assert (folder / "empty").is_dir()
    assert os.readlink(folder / "broken") == "nowhere"
    assert set(read_marker(folder).files) == {"a", "deep/b"}


def test_where_a_name_is_needed_the_users_file_gets_another(folder, way):
    write(folder, {"audit.csv": "1", "b": "1", "same": "1"})
    (folder / "audit.csv").write_text("comments of mine")
    (folder / "new").write_text("mine before")
    (folder / "same").write_text("2")
    with pytest.warns(DataWarning, match=r"yours are kept as audit\.csv\.kept-1, new\.kept-1$") as caught:
        write(folder, {"audit.csv": "2", "b": "2", "new": "2", "same": "2"})
    assert caught[0].filename == __file__
    expected = {"audit.csv": "2", "b": "2", "new": "2", "same": "2"}
    kept = {"audit.csv.kept-1": "comments of mine", "new.kept-1": "mine before"}
    assert texts_of(folder) == expected | kept
    (folder / "audit.csv").write_text("more comments")
    with pytest.warns(DataWarning, match=r"kept as audit\.csv\.kept-2$"):
        write(folder, {"audit.csv": "3"})
    assert texts_of(folder) == {"audit.csv": "3", "audit.csv.kept-2": "more comments", **kept}


def test_a_changed_file_that_is_written_no_more_keeps_its_name(folder, way):
    write(folder, {"a": "1", "b": "1"})
    (folder / "b").write_text("mine")
    write(folder, {"a": "2"})
    assert texts_of(folder) == {"a": "2", "b": "mine"}


def test_files_and_folders_that_are_in_each_others_way(folder, way):
    write(folder, {"x": "1"})
    (folder / "tables").write_text("a file of mine")
    (folder / "figures").mkdir()
    (folder / "figures" / "own").write_text("own")
    with pytest.warns(DataWarning, match="yours are kept as"):
        write(folder, {"tables/a": "2", "figures": "2"})
    found = texts_of(folder)
    assert found == {"tables/a": "2", "figures": "2", "tables.kept-1": "a file of mine", "figures_own": "own"}


def test_what_is_written_into_the_old_folder_meanwhile_is_there_afterwards(folder, monkeypatch, way):
    write(folder, {"a": "1"})
    swap = generations._swap

    def swap_after_a_user_wrote(work, target):
        (target / "late").write_text("mine")
        swap(work, target)

    monkeypatch.setattr(generations, "_swap", swap_after_a_user_wrote)
    write(folder, {"a": "2"})
    assert texts_of(folder) == {"a": "2", "late": "mine"}


def test_parts_of_the_old_generation_can_stay(folder, way):
    write(folder, {"a/1": "old", "b/1": "old", "b/2": "old", "c/1": "old"})
    (folder / "c" / "1").write_text("changed")
    write(folder, {"a/1": "new", "b/1": "new"}, keep=lambda name: not name.startswith("a/"))
    assert texts_of(folder) == {"a/1": "new", "b/1": "new", "b/2": "old", "c/1": "changed"}
    assert set(read_marker(folder).files) == {"a/1", "b/1", "b/2"}  # what a user changed is the user's


def test_without_hard_links_files_are_copied(folder, monkeypatch, way):
    def refuse(*arguments):
        raise OSError(95, "Operation not supported")

    write(folder, {"a": "1"})
    (folder / "own").write_text("own")
    monkeypatch.setattr(generations.os, "link", refuse)
    write(folder, {"a": "2"})
    assert texts_of(folder) == {"a": "2", "own": "own"}


def test_mode_of_the_folder_stays(folder, way):
    write(folder, {"a": "1"})
    folder.chmod(0o700)
    write(folder, {"a": "2"})
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_marker_is_the_same_for_the_same_files(folder):
    write(folder, {"b": "1", "a": "1"})
    first = (folder / MARKER).read_bytes()
    write(folder, {"a": "1", "b": "1"})
    assert (folder / MARKER).read_bytes() == first
    assert read_marker(folder).kind == "trial"
    assert read_marker(folder.parent) is None


# Places ----------


def refused(folder: Path, match: str, **options) -> None:
    before = texts_of(folder) if os.path.isdir(folder) else None
    with pytest.raises(OutputError, match=match):
        write(folder, {"a": "new"}, **options)
    assert before == (texts_of(folder) if os.path.isdir(folder) else None)


def test_a_folder_of_somebody_else_is_refused(folder):
    folder.mkdir(parents=True)
    (folder / "thesis.txt").write_text("mine")
    refused(folder, f"is not empty and no trial of this program.*{MARKER}.*name another folder")
    write(folder, {"a": "new"}, foreign=True)
    assert texts_of(folder) == {"a": "new", "thesis.txt": "mine"}


def test_a_folder_of_an_earlier_version_is_adopted(folder, way):
    write(folder, {"a": "1", "b": "1"})
    files = read_marker(folder).files
    (folder / MARKER).unlink()
    (folder / "own").write_text("own")
    refused(folder, "is not empty", adopt=lambda place: None)
    write(folder, {"a": "2"}, adopt=lambda place: files)
    assert texts_of(folder) == {"a": "2", "own": "own"}


def test_another_kind_of_output_is_refused(folder):
    with replacing(folder, kind="store"):
        pass
    refused(folder, r"holds another kind of output \(store\)")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"kind": "trial"}', '{"kind": "trial", "files": [1]}', "[" * 100_000]
)
def test_a_damaged_marker_is_named(folder, text):
    write(folder, {"a": "1"})
    (folder / MARKER).write_text(text)
    with pytest.raises(InvalidDataError, match=r"marker .*\.kostnadsvekst\.json is damaged: move the folder"):
        write(folder, {"a": "2"})
    assert texts_of(folder) == {"a": "1"}


def test_places_that_cannot_hold_a_folder(folder, monkeypatch):
    folder.parent.mkdir()
    folder.write_text("a file")
    refused(folder, "is a file: name a folder")
    refused(folder / "below", "cannot be")
    link = folder.parent / "link"
    link.symlink_to(folder.parent / "nowhere")
    refused(link, "is a link to .*nowhere, which does not exist")
    loop = folder.parent / "loop"
    loop.symlink_to(loop)
    refused(loop, "is a link to .*loop, which does not exist")
    refused(Path("a\0b"), r"'a\\x00b' cannot be a folder")
    refused(folder.parent / ("x" * 300), "cannot be")
    for place, match in (
        ("/", "is a mount point and cannot be replaced whole"),
        ("/proc", "is a mount point"),
        ("/proc/out", "/proc/out cannot be written: .*what was there is as it was"),
    ):
        with pytest.raises(OutputError, match=match):
            write(Path(place), {"a": "new"})
    work = folder.parent / "work"
    write(work, {"a": "1"})
    monkeypatch.chdir(work)
    refused(Path(), "is replaced whole, and you are working in it: run from another folder")
    monkeypatch.chdir(folder.parent)
    work.chmod(0o555)
    refused(work, "is read-only: allow writing, or name another folder")
    work.chmod(0o755)
    write(work, {"a": "2"})
    assert texts_of(work) == {"a": "2"}


def test_a_link_is_followed(folder, way):
    write(folder, {"a": "1"})
    link = folder.parent / "link"
    link.symlink_to(folder)
    write(link, {"a": "2"})
    assert link.is_symlink()
    assert texts_of(folder) == {"a": "2"}


@pytest.mark.parametrize("number", [1, 13, 16, 18, 28, 30])
def test_a_system_that_refuses_is_quoted(folder, monkeypatch, number):
    write(folder, {"a": "1"})

    def refuse(*arguments):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(generations, "_exchange", refuse)
    refused(folder, f"cannot be written: {os.strerror(number)} .*; what was there is as it was")
    assert [p.name for p in folder.parent.iterdir()] == ["out"]


def test_a_place_without_locks_is_named(folder, monkeypatch):
    class NoLock:
        def __init__(self, *arguments, **options):
            pass

        def acquire(self, **options):
            raise NotImplementedError

    monkeypatch.setattr(generations, "FileLock", NoLock)
    monkeypatch.setattr(generations, "_ATTEMPTS", 3)
    refused(folder, "files cannot be locked in .*: name a folder on another disk")
    assert list(folder.parent.iterdir()) == []


def test_names_with_wildcards_are_names(tmp_path, way):
    for name in ("a[1]", "a*", "ø b", "-x"):
        folder = tmp_path / name
        write(folder, {"a": "1"})
        write(folder, {"a": "2"})
        assert texts_of(folder) == {"a": "2"}
    assert len(list(tmp_path.iterdir())) == 4


def test_the_exchange_is_of_this_system(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    (first / "a").write_text("1")
    second.mkdir()
    if not generations._exchange(first, second):
        pytest.skip("this system cannot exchange names")
    assert (texts_of(first), texts_of(second)) == ({}, {"a": "1"})
    with pytest.raises(FileNotFoundError):
        generations._exchange(first, tmp_path / "nowhere")
