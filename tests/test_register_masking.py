"""What libraries say about a row that they cannot read is never passed on."""

import traceback
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import kostnadsvekst as kv
from kostnadsvekst.errors import InvalidDataError
from kostnadsvekst.register.masking import masked

HEADER = "person_id;birth_year;sex;municipality;service;start_date;end_date;hours_per_week\n"
GOOD = "{};1940;1;0301;home_health;2018-01-01;2018-12-31;5\n"
SECRET = "SECRETPERSON"
ROW = f"{SECRET};1931;2;1103;home_health;2018-03-03;2018-04-04;3\n".encode()
MAPPING = {"csv": {"delimiter": ";"}}


def deliver(folder: Path, row: bytes, around: int = 30) -> str:
    """Everything that an ingestion with one strange row prints, warns and raises, the traceback included."""
    file = folder / "delivery.csv"
    good = [GOOD.format(i).encode() for i in range(2 * around)]
    file.write_bytes(HEADER.encode() + b"".join(good[:around]) + row + b"".join(good[around:]))
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            told = str(kv.register.ingest(file, folder / "out.parquet", mapping=MAPPING))
        except Exception as error:
            told = _everything(error)
    return told + "".join(str(w.message) for w in warned)


def _everything(error: BaseException | None) -> str:
    """A traceback as a careless logger writes it: with the contexts that Python would hide."""
    told = ""
    while error is not None:
        told += "".join(traceback.format_exception(error)) + repr(error)
        error = error.__cause__ or error.__context__
    return told


@pytest.mark.parametrize(
    ("row", "what"),
    [
        (ROW.replace(b"\n", b";extra\n"), "number of fields than the header (9 fields, the header has 8)"),
        (f"{SECRET};1931;2\n".encode(), "number of fields than the header (3 fields, the header has 8)"),
        (ROW.replace(b"home", b"h\xe5me"), "encoding"),
        (f"Kilde: KPR {SECRET}\n".encode(), "number of fields than the header (1 fields, the header has 8)"),
    ],
)
def test_a_row_that_cannot_be_read_is_told_without_its_content(tmp_path: Path, row: bytes, what: str) -> None:
    told = deliver(tmp_path, row)
    assert SECRET not in told
    assert "1931" not in told
    assert "register data cannot be read" in told
    assert what in told
    assert "delivery.csv, line 32" in told


def test_the_line_is_named_where_the_library_knows_it(tmp_path: Path) -> None:
    told = deliver(tmp_path, ROW.replace(b"\n", b";extra\n"), around=30_000)
    assert "line 30002" in told
    assert "9 fields, the header has 8" in told
    assert SECRET not in told


def _mutate(rng: np.random.Generator) -> bytes:
    """Change a row in a few random places; the secret stays in it."""
    row = bytearray(ROW)
    signs = [
        b";",
        b'"',
        b"'",
        b"\n",
        b"\r",
        b"\x00",
        b"\xe5",
        b"\xff\xfe",
        b",",
        b"\t",
        b"\\",
        b"#",
        b"9" * 40,
        b"-",
    ]
    for _ in range(rng.integers(1, 5)):
        place = int(rng.integers(len(SECRET), len(row)))
        until = place + int(rng.integers(0, 6))
        row[place:until] = signs[rng.integers(len(signs))] * int(rng.integers(1, 4))
    return bytes(row)


@pytest.mark.parametrize("count", [60, pytest.param(1000, marks=pytest.mark.slow)])
def test_no_malformed_row_is_quoted(tmp_path: Path, count: int) -> None:
    rng = np.random.default_rng(9)
    kinds = [_mutate(rng) for _ in range(count)]
    assert [kind for kind in kinds if SECRET in deliver(tmp_path, kind)] == []


@pytest.mark.parametrize("column", ["person_id", "birth_year", "start_date", "hours_per_week"])
def test_values_of_a_frame_are_not_quoted(column: str) -> None:
    frame = pd.DataFrame(
        {
            "person_id": [1, 2],
            "birth_year": [1940, 1950],
            "sex": [1, 2],
            "municipality": ["0301", "0301"],
            "service": "home_health",
            "start_date": pd.to_datetime(["2018-01-01", "2018-01-01"]),
            "end_date": pd.to_datetime(["2018-12-31", "2018-12-31"]),
            "hours_per_week": [1.0, 2.0],
        }
    )
    frame[column] = frame[column].astype(object)
    frame.loc[1, column] = SECRET
    with pytest.raises(InvalidDataError) as caught:
        kv.register.weekly_cube(frame)
    assert SECRET not in _everything(caught.value)


def test_our_own_and_the_systems_errors_pass() -> None:
    @masked
    def fails(error: Exception) -> None:
        raise error

    with pytest.raises(InvalidDataError, match="ours"):
        fails(InvalidDataError("ours"))
    with pytest.raises(PermissionError, match="no permission"):
        fails(PermissionError(13, "no permission"))
    with pytest.raises(InvalidDataError, match="values that cannot be read") as caught:
        fails(ValueError(SECRET))
    assert SECRET not in _everything(caught.value)
