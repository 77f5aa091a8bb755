"""File names as they stand: wildcards, tildes, quotes and other alphabets name one file, in every reader."""

import os
import shutil
import sys
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyreadstat
import pytest

from kostnadsvekst.errors import DataMissingError, InvalidDataError, OutputError, SpecificationError
from kostnadsvekst.register import ingest, weekly_cube
from kostnadsvekst.register.literal_paths import duckdb_path, opened_parquet, plain_path
from kostnadsvekst.register.masking import masked, telling_full_disk
from test_register_ingest import GOOD, write_csv
from test_register_weekly import simple

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
# As a pattern, the first of each pair would find the second too, or only it.
PAIRS = {
    "class": ("kpr[1]", "kpr1"),
    "star": ("a*b", "axxb"),
    "two stars": ("**", "any"),
    "question mark": ("q?q", "qqq"),
    "negated class": ("[!a]x", "bx"),
    "negated class of DuckDB": ("[^a]x", "bx"),
    "range": ("[a-z]", "m"),
    "escaped star": ("a[*]b", "a*b"),
    "open bracket": ("k[", "k"),
    "braces": ("{x,y}", "x"),
    "blanks": (" s  p ", "sp"),
    "quotes": ("q'u\"o", "quo"),
    "per cent": ("50%25", "50%"),
    "line feed": ("new\nline", "newline"),
    "tilde": ("~", "home"),
    "dash": ("-rf", "rf"),
    "backslash": ("b\\*s", "b*s"),
    "composed": ("\u00e5s\u00f8", "a\u030aso"),
    "decomposed": ("a\u030as\u00f8", "\u00e5s\u00f8"),
    "not UTF-8": (os.fsdecode(b"\xe5s\xff"), "\u00e5s"),
    "comma and colon": ("a,b:c", "a"),
    "dollar": ("$HOME", "HOME"),
}
WEEKS = {"start": "2018-01-01", "end": "2018-01-08"}
each_pair = pytest.mark.parametrize("kind", PAIRS)


def parquet_of(path, frame):
    with path.open("wb") as file:
        pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), file)
    return path


@posix
@each_pair
@pytest.mark.parametrize("suffix", ["csv", "parquet", "dta"])
def test_ingest_reads_the_file_that_is_named(tmp_path, kind, suffix):
    name, decoy = PAIRS[kind]
    for rows, stem in ((3, name), (5, decoy)):
        frame = pd.DataFrame([{**GOOD, "person_id": str(k)} for k in range(rows)])
        path = tmp_path / f"{stem}.{suffix}"
        if suffix == "parquet":
            parquet_of(path, frame)
        elif suffix == "csv":
            frame.to_csv(path, index=False)
        else:
            pyreadstat.write_dta(frame, tmp_path / "plain")
            (tmp_path / "plain").rename(path)
    report = ingest(tmp_path / f"{name}.{suffix}", tmp_path / "out.parquet")
    assert report.rows_read == report.rows_kept == 3
    assert sorted(os.listdir(tmp_path)) == sorted([f"{name}.{suffix}", f"{decoy}.{suffix}", "out.parquet"])


@posix
@each_pair
@pytest.mark.parametrize("engine", ["painter", "duckdb"])
def test_every_engine_counts_the_file_that_is_named(tmp_path, kind, engine):
    name, decoy = PAIRS[kind]
    one = parquet_of(tmp_path / f"{name}.parquet", simple(40))
    parquet_of(tmp_path / f"{decoy}.parquet", simple(90))
    counted = weekly_cube(one, engine=engine, **WEEKS)
    assert len(counted)
    pd.testing.assert_frame_equal(counted, weekly_cube(simple(40), **WEEKS), check_dtype=False)


@posix
@each_pair
def test_out_and_folders_of_any_name(tmp_path, kind):
    """Where a library cannot spill into a folder that is not UTF-8, the message says what to write."""
    folder = tmp_path / PAIRS[kind][0]
    (tmp_path / PAIRS[kind][1]).mkdir()
    folder.mkdir()
    source = write_csv(folder / "in.csv", [{}, {"person_id": "c"}])
    if kind in ("not UTF-8", "backslash"):
        with pytest.raises(SpecificationError, match="temp_directory"):
            ingest(folder, folder / "out.parquet")
        ingest(folder, folder / "out.parquet", temp_directory=tmp_path / "temp")
    else:
        assert ingest(source, folder / "out.parquet").rows_kept == 2
    with opened_parquet(folder / "out.parquet") as file:
        assert file.metadata.num_rows == 2
    assert sorted(os.listdir(folder)) == ["in.csv", "out.parquet"]
    assert ingest([source], folder / "out.parquet", temp_directory=tmp_path / "temp").reused


@posix
def test_a_relative_tilde_is_no_home_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "~").mkdir()
    write_csv(tmp_path / "~" / "in.csv", [{}])
    assert ingest("~/in.csv", "out.parquet").rows_kept == 1


@pytest.mark.parametrize("engine", ["painter", "duckdb"])
def test_a_folder_called_like_a_partition_gives_no_column(tmp_path, engine):
    folder = tmp_path / "sex=2" / "service=bpa"
    folder.mkdir(parents=True)
    frame = simple(30)
    out = folder / "out.parquet"
    frame.to_csv(folder / "in.csv", index=False)
    assert ingest(folder / "in.csv", out).rows_kept == len(frame.drop_duplicates())
    pd.testing.assert_frame_equal(
        weekly_cube(parquet_of(folder / "raw.parquet", frame), engine=engine, **WEEKS),
        weekly_cube(frame, **WEEKS),
        check_dtype=False,
    )


def test_a_folder_called_like_a_file_is_not_read(tmp_path):
    (tmp_path / "old.parquet").mkdir()
    write_csv(tmp_path / "in.csv", [{}])
    assert ingest(tmp_path, tmp_path / "out.parquet").rows_kept == 1
    (tmp_path / "empty" / "x.csv").mkdir(parents=True)
    with pytest.raises(DataMissingError, match="no episode file"):
        ingest(tmp_path / "empty", tmp_path / "other.parquet")


@posix
def test_a_pattern_is_no_list_of_files(tmp_path):
    write_csv(tmp_path / "a.csv", [{}])
    with pytest.raises(DataMissingError, match=r"\*\.csv.*give a file, a folder or a list"):
        ingest(tmp_path / "*.csv", tmp_path / "out.parquet")


@posix
def test_spark_gets_plain_names_only(tmp_path):
    """Java is not needed: what Spark is told is a link with a plain name to the same file."""
    for name, _ in PAIRS.values():
        path = parquet_of(tmp_path / f"{name}.parquet", simple(3))
        told = plain_path(path, tmp_path / ".")
        assert not set(told.removeprefix(str(tmp_path))) & set("*?[]{}:%,'\" \\\n$~")
        assert Path(told).samefile(path)
    assert plain_path(tmp_path / "plain.parquet", tmp_path) == str(tmp_path / "plain.parquet")
    (tmp_path / "a b").mkdir()
    with pytest.raises(SpecificationError, match="rename the file"):
        plain_path(path, tmp_path / "a b")


@posix
def test_names_that_are_not_utf8_are_linked_and_others_are_not(tmp_path):
    path = tmp_path / os.fsdecode(b"\xff.csv")
    path.touch()
    assert Path(duckdb_path(path, tmp_path)).samefile(path)
    assert duckdb_path(tmp_path / "k[1].csv", tmp_path) == str(tmp_path / "k[[]1].csv")
    assert sum(entry.is_symlink() for entry in tmp_path.iterdir()) == 1


@posix
def test_messages_name_the_file_as_it_is_called(tmp_path):
    (tmp_path / "kpr[1].csv").write_text("a;b\n1;2\n1;2;3\n")
    with pytest.raises(InvalidDataError, match=r"kpr\[1\]\.csv"):
        ingest(tmp_path / "kpr[1].csv", tmp_path / "out.parquet")


@pytest.fixture
def small_disk(tmp_path):
    """File system of two megabytes."""
    import subprocess

    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)]
    if sys.platform != "linux" or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a file system of its own can be mounted by root only")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_is_told_in_our_words(tmp_path, small_disk):
    frame = simple(200_000)
    source = parquet_of(tmp_path / "in.parquet", frame)
    (small_disk / "out.parquet").write_bytes(b"the last good one")
    shutil.copy(small_disk / "out.parquet", tmp_path / "kept")
    with pytest.raises(OutputError, match=r"no space left on the disk of .*small.*make room") as caught:
        ingest(source, small_disk / "new.parquet", temp_directory=tmp_path / "temp")
    assert caught.value.__context__ is None
    assert os.listdir(small_disk) == ["out.parquet"]
    assert ingest(source, tmp_path / "out.parquet").rows_kept == len(frame.drop_duplicates())


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        OSError(122, "Disk quota exceeded"),
        RuntimeError("IO Error: Could not write file \"x\": No space left on device; row 'SECRET'"),
        RuntimeError("failed to offload data block (max_temp_directory_size) SECRET"),
    ],
)
def test_every_wording_of_a_full_disk(error, tmp_path):
    @masked
    def work():
        with telling_full_disk(tmp_path):
            raise error

    with pytest.raises(OutputError, match="no space left") as caught:
        work()
    assert "SECRET" not in str(caught.value)
    assert caught.value.__context__ is None


def test_other_errors_of_the_system_are_not_a_full_disk(tmp_path):
    with pytest.raises(PermissionError), telling_full_disk(tmp_path):
        raise PermissionError(13, "no permission")


def test_what_ingest_did_not_write_is_left_alone(tmp_path):
    source = write_csv(tmp_path / "in.csv", [{}])
    (tmp_path / "notes.parquet").write_text("mine")
    (tmp_path / "folder.parquet").mkdir()
    parquet_of(tmp_path / "mine.parquet", simple(3))
    for name in ("notes", "folder", "mine"):
        with pytest.raises(OutputError, match=rf"{name}\.parquet' is there and is no file that ingest wrote"):
            ingest(source, tmp_path / f"{name}.parquet")
    assert (tmp_path / "notes.parquet").read_text() == "mine"
    assert pq.read_metadata(tmp_path / "mine.parquet").num_rows == len(simple(3))
    ingest(source, tmp_path / "out.parquet")
    write_csv(source, [{}, {"person_id": "z"}])
    assert ingest(source, tmp_path / "out.parquet").rows_kept == 2  # its own it replaces


@posix
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_modes_of_personal_data_do_not_follow_the_umask(tmp_path, umask, monkeypatch):
    seen = set()
    writer = pq.ParquetWriter.write_table

    def look(self, *arguments, **options):
        for folder in tmp_path.glob("kostnadsvekst-register-*"):
            seen.add(folder.stat().st_mode & 0o777)
        return writer(self, *arguments, **options)

    monkeypatch.setattr(pq.ParquetWriter, "write_table", look)
    source = write_csv(tmp_path / "in.csv", [{}])
    before = os.umask(umask)
    try:
        ingest(source, tmp_path / "a.parquet")
        ingest(source, tmp_path / "b.parquet", file_mode=0o644)
    finally:
        os.umask(before)
    assert seen == {0o700}
    assert (tmp_path / "a.parquet").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "b.parquet").stat().st_mode & 0o777 == 0o644
