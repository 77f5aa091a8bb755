"""Files of users as SSB, Excel, Stata, SPSS and R write them: the same values, or a refusal that says why."""

import gzip
import json
import warnings
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyreadstat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kostnadsvekst as kv
from invented_panels import make_municipal_panel
from kostnadsvekst.errors import (
    DataMissingError,
    DataWarning,
    InvalidDataError,
    KostnadsvekstError,
    SpecificationError,
)
from kostnadsvekst.panel.age_groups import read_population
from kostnadsvekst.panel.raw import read_raw
from kostnadsvekst.panel.unit_codes import read_municipalities
from kostnadsvekst.register.schema import AGE_GROUPS
from kostnadsvekst.sources.files import read_table
from kostnadsvekst.sources.missing_symbols import STATUSES, is_missing
from kostnadsvekst.sources.number_texts import parse_numbers

BLANKS = ("\u00a0", "\u202f", "\u2009", " ")
PACKAGES = Path(pd.__file__).parents[1]


def written(folder: Path, content: str | bytes, name: str = "a.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


def sheet(folder: Path, *rows: list, merge: tuple[str, ...] = (), more: dict | None = None) -> Path:
    """Workbook whose first sheet has these rows; others by their titles."""
    book = openpyxl.Workbook()
    book.active.title = "First"
    for row in rows:
        book.active.append(row)
    for cells in merge:
        book.active.merge_cells(cells)
    for title, others in (more or {}).items():
        made = book.create_sheet(title)
        for row in others:
            made.append(row)
    book.save(folder / "a.xlsx")
    return folder / "a.xlsx"


# --- Text files: where the table lies

TABLE = {"region": ["0301", "1103"], "n": [1.5, 2.0]}
SAME = {
    "semicolons": "region;n\n0301;1,5\n1103;2\n",
    "commas": "region,n\n0301,1.5\n1103,2\n",
    "tabs": "region\tn\n0301\t1,5\n1103\t2\n",
    "bars": "region|n\n0301|1.5\n1103|2\n",
    "told by the first line": "sep=;\nregion;n\n0301;1,5\n1103;2\n",
    "told in quotes": '"sep=|"\nregion|n\n0301|1.5\n1103|2\n',
    "line ends of Windows": "region;n\r\n0301;1,5\r\n1103;2\r\n",
    "line ends of old Macs": "region;n\r0301;1,5\r1103;2\r",
    "mixed line ends": "region;n\r\n0301;1,5\n1103;2\r",
    "a byte order mark": b"\xef\xbb\xbf" + b"region;n\n0301;1,5\n1103;2\n",
    "Unicode text of Excel": "region\tn\r\n0301\t1,5\r\n1103\t2\r\n".encode("utf-16"),
    "UTF-16 without a mark": "region\tn\r\n0301\t1,5\r\n1103\t2\r\n".encode("utf-16-le"),
    "the other order of bytes": "region\tn\r\n0301\t1,5\r\n1103\t2\r\n".encode("utf-16-be"),
    "title and blank line": '"12134: Utvalgte"\n\n"region";"n"\n"0301";1,5\n"1103";2\n',
    "title with marks": "12134: Utvalgte; 2019\n\nregion;n;\n0301;1,5;\n1103;2;\n",
    "title filled up": "Tabell 1;\n;\nregion;n\n0301;1,5\n1103;2\n",
    "notes": "region;n\n0301;1,5\n1103;2\n\n1) foreløpige tall; se under\n© SSB\n",
    "notes without a blank line": "region;n\n0301;1,5\n1103;2\nKilde: SSB\n",
    "notes filled up": "region;n\n0301;1,5\n1103;2\nKilde: SSB;\n",
    "blank lines": "\nregion;n\n0301;1,5\n\n1103;2\n\n\n",
    "empty columns": "region;n;;\n0301;1,5;;\n1103;2;;\n",
    "quoted": '"region";"n"\n"0301";"1,5"\n"1103";"2"\n',
    "blanks around": "region;n\n0301; 1,5 \n1103;2 \n",
}


@pytest.mark.parametrize("name", SAME)
def test_the_same_table_in_every_layout(tmp_path, name):
    table = read_table(written(tmp_path, SAME[name]))
    assert table.to_dict("list") == TABLE
    assert "names in line" in table.attrs["layout"]


def test_what_stands_around_the_table_is_kept(tmp_path):
    text = '"12134: Utvalgte"\n\n"region";"n"\n"0301 Oslo";1\n\n"Kilde: SSB"\n'
    attrs = read_table(written(tmp_path, text)).attrs
    assert (attrs["titles"], attrs["notes"]) == (["12134: Utvalgte"], ["Kilde: SSB"])
    assert attrs["layout"] == (
        "semicolons between columns, utf-8, names in line 3, 1 line(s) of title above, "
        "1 line(s) of notes below, 1 row(s) of 2 columns"
    )
    assert json.loads(json.dumps(attrs)) == attrs


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "latin-1", "utf-16", "utf-32"])
@pytest.mark.parametrize("packed", [False, True])
def test_letters_of_every_encoding(tmp_path, encoding, packed):
    content = "navn;fylke\nBærum;Ås\nSørum;Å\n".encode(encoding)
    path = written(tmp_path, gzip.compress(content) if packed else content, "a.csv.gz" if packed else "a.csv")
    assert read_table(path)["navn"].tolist() == ["Bærum", "Sørum"]


def test_years_side_by_side_become_rows(tmp_path):
    text = (
        '"12134"\n\n"region";"Frie inntekter 2018";"Frie inntekter 2019";"Folketall 2019"\n'
        '"0301 Oslo";81 240,5;..;11\n"1103 Stavanger";70,5;:;12\n'
    )
    table = read_table(written(tmp_path, text))
    assert table["region"].tolist() == ["0301 Oslo", "0301 Oslo", "1103 Stavanger", "1103 Stavanger"]
    assert table["year"].tolist() == [2018, 2019] * 2
    np.testing.assert_array_equal(table["Frie inntekter"], [81240.5, np.nan, 70.5, np.nan])
    np.testing.assert_array_equal(table["Folketall"], [np.nan, 11, np.nan, 12])
    assert table["Frie inntekter_status"].tolist() == ["", "..", "", ":"]


def test_measures_below_one_another_become_columns(tmp_path):
    text = "region;statistikkvariabel;2018;2019\nA;Inntekt;1;2\nA;Folk;3;4\nB;Inntekt;5;6\nB;Folk;7;8\n"
    table = read_table(written(tmp_path, text))
    assert table.to_dict("list") == {
        "region": ["A", "A", "B", "B"],
        "year": [2018, 2019] * 2,
        "Inntekt": [1, 2, 5, 6],
        "Folk": [3, 4, 7, 8],
    }


@pytest.mark.parametrize(
    ("names", "time"), [("2018M01;2018M12", "month"), ("2018K1;2018K2", "quarter"), ("2018;2019", "year")]
)
def test_other_times_side_by_side(tmp_path, names, time):
    table = read_table(written(tmp_path, f"region;{names}\nA;1;2\n"))
    assert table[time].astype(str).tolist() == names.split(";")
    assert table["value"].tolist() == [1, 2]


@pytest.mark.parametrize("names", ["year;2018;2019", "region;2018;pop", "region;pop_2018;pop_2019"])
def test_columns_that_only_look_like_years_stay(tmp_path, names):
    assert list(read_table(written(tmp_path, f"{names}\n7;1;2\n")).columns) == names.split(";")


# --- Text files: what is refused

REFUSED = {
    "a row too long": ("a;b\n1;2\n3;4;5\n", "line(s) 3"),
    "a row too short": ("a;b;c\n1;2;3\n0301\n", "line(s) 3"),
    "a note like data": ("a;b\n1;2\nhei\n", "line(s) 3"),
    "a second table": ("a;b\n1;2\n\nc;d;e\n1;2;3\n2;3;4\n", "line(s) 4, 5, 6"),
    "no name": ("a;;c\n1;2;3\n", "column 2 has values but no name in line 1"),
    "a name twice": ("T\n\na;a\n1;2\n", "'a' stands 2 times in line 3"),
    "no names at all": ("0301;2019;5\n0301;2020;6\n", "line 1 holds numbers where names"),
    "row names of R": ("a,b\n1,2,3\n2,3,4\n", "line(s) 2, 3"),
    "a zero byte": ("a;b\n1;\x002\n", "zero byte in line 2"),
    "an open quote": ('a;b\n1;2\n3;"4\n5;6\n', "from line 3 on"),
    "two readings": ("a;b\nx;1,234\n", "column 'b': '1,234' is 1234 or 1.234"),
    "two readings of a point": ("a;b\nx;1.234\n", "'1.234' is 1.234 or 1234"),
    "two readings in quotes": ('a,b\nx,"1,234"\n', "can be read in two ways"),
    "letters of DOS": ("navn;n\nBærum;1\n".encode("cp865"), "line(s) 2"),
    "letters of a Mac": ("navn;n\nSørum;1\n".encode("mac_roman"), "old Mac"),
    "a byte of no letter": (b"a;b\nx;1\nB\x81;1\n", "byte 0x81 in line 3 (byte 2 of the line)"),
    "cut in a letter": ("navn;n\nBærum;1\nTromsø".encode()[:-1], "line(s) 3 are not UTF-8"),
    "only names": ("a;b\n", "no rows"),
    "only blanks": (" \n\n \n", "is empty"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_text_files_that_are_refused(tmp_path, name):
    content, message = REFUSED[name]
    path = written(tmp_path, content)
    with pytest.raises(InvalidDataError) as caught:
        read_table(path)
    assert str(path) in str(caught.value)
    assert message in str(caught.value)


OTHER_KINDS = {
    ("a.csv", b"PK\x03\x04xx"): "Excel workbook",
    ("a.xlsx", b"a;b\n1;2\n"): "cannot be read as .xlsx",
    ("a.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"0" * 600): "Excel 97-2003",
    ("a.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le")): "password",
    ("a.csv", b"\n<!DOCTYPE html><html>"): "web page",
    ("a.csv", b"PAR1"): "Parquet",
    ("a.csv", b"\x1f\x8b\x08"): "gzip",
    ("a.csv.gz", b"a;b\n"): "no whole gzip file",
    ("a.csv.gz", gzip.compress(b"a;b\n1;2\n" * 999, mtime=0)[:-9]): "no whole gzip file",
    ("a.dta", b"$FL2@(#) SPSS"): "SPSS",
    ("a.sav", b"SR\x00\x04"): "IDL",
    ("a.parquet", b"version https://git-lfs.github.com"): "Git LFS",
    ("a.sas7bdat", b"nothing"): "cannot be read as .sas7bdat",
    ("a.xls", b"x"): "save it as .xlsx",
    ("a.xlsb", b"x"): "save it as .xlsx",
    ("a.ods", b"x"): "save it as .xlsx",
    ("a.numbers", b"x"): "export it",
    ("a.sas7bcat", b"x"): "give the .sas7bdat file",
    ("a.rds", b"x"): "write_parquet",
    ("a.json", b"{}"): "kv.statbank",
    ("a.zip", b"PK"): "unpack it",
    ("a.doc", b"x"): "known endings: .csv",
}


@pytest.mark.parametrize(("name", "content"), OTHER_KINDS)
def test_files_of_other_kinds_have_a_way_out(tmp_path, name, content):
    with pytest.raises(InvalidDataError) as caught:
        read_table(written(tmp_path, content, name))
    assert OTHER_KINDS[name, content] in str(caught.value)
    assert name in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sheet": "x"}, "nothing to choose"),
        ({"decimal": ";"}, 'allowed are "," and "."'),
        ({"encoding": "klingon"}, "'klingon' is not known"),
    ],
)
def test_options_that_do_not_fit(tmp_path, options, message):
    with pytest.raises(SpecificationError, match=message):
        read_table(written(tmp_path, "a;b\n1;2\n"), **options)


def test_options_that_are_told(tmp_path):
    assert read_table(written(tmp_path, "a;b\nx;1,234\n"), decimal=",")["b"].tolist() == [1.234]
    assert read_table(written(tmp_path, "a;b\nx;1,234\n"), decimal=".")["b"].tolist() == [1234]
    path = written(tmp_path, "navn;n\nBærum;1\n".encode("cp865"))
    assert read_table(path, encoding="cp865")["navn"].tolist() == ["Bærum"]
    assert list(read_table(written(tmp_path, "a;b:c\n1;2:3\n"), delimiter=":").columns) == ["a;b", "c"]


# --- Numbers


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("a;b;c\nx;1,234;7,5\n", 1.234),  # another column shows the mark
        ("a;b;c\nx;1,234;7.5\n", 1234),
        ("a;b;c\nx;1.234;7,5\n", 1234),
        ("a,b\nx,1.234\n", 1.234),  # a point between commas is a decimal point
        ("a;b\nx;0,123\n", 0.123),
        ("a;b\nx;1234,567\n", 1234.567),
        ("a;b\nx;1.234.567\n", 1234567),
        ("a;b\nx;-1 234,5\n", -1234.5),
        ("a;b\nx;\u22123,5\n", -3.5),
    ],
)
def test_the_decimal_mark_is_that_of_the_file(tmp_path, text, numbers):
    assert read_table(written(tmp_path, text))["b"].tolist() == [numbers]


@pytest.mark.parametrize(
    "text", ["12 5", "22 33 44 55", "12 kr", "1 2345", "1.5.2020", "1e999", "0301", "5-"]
)
def test_texts_that_are_no_numbers_stay(tmp_path, text):
    assert read_table(written(tmp_path, f"a;b\nx;{text}\n"))["b"].tolist() == [text]


MANY = pytest.param(1000, marks=pytest.mark.slow)
AMOUNTS = st.lists(st.decimals(-(10**9), 10**9, allow_nan=False, places=2), min_size=1, max_size=8)
COUNTS = st.lists(st.integers(-(2**63), 2**63 - 1) | st.none(), min_size=1, max_size=6)


@pytest.mark.parametrize("count", [100, MANY])
def test_norwegian_and_english_numbers_read_alike(count):
    @settings(max_examples=count, deadline=None)
    @given(AMOUNTS, st.sampled_from(BLANKS), st.booleans())
    def check(values, blank, grouped):
        english = [f"{value:,f}" if grouped else f"{value:f}" for value in values]
        norwegian = [text.translate({44: blank, 46: ","}) for text in english]
        right = [float(value) for value in values]
        for texts in (english, norwegian):
            np.testing.assert_array_equal(parse_numbers(pd.Series(texts)), right)

    check()


@pytest.mark.parametrize("count", [100, MANY])
def test_whole_numbers_are_exact_however_large(count):
    @settings(max_examples=count, deadline=None)
    @given(COUNTS)
    def check(values):
        read = parse_numbers(pd.Series(["" if value is None else str(value) for value in values]))
        assert [None if pd.isna(v) else int(v) for v in read] == values

    check()


def test_whole_numbers_in_files(tmp_path):
    large = [2**53 + 1, 2**53 + 2]
    for gap in ([], [None]):
        stored = pa.table({"id": pa.array([*large, *gap], pa.int64()), "b": [1] * (2 + len(gap))})
        pq.write_table(stored, tmp_path / "a.parquet")
        assert read_table(tmp_path / "a.parquet")["id"].dropna().tolist() == large
        text = "id;b\n" + "".join(f"{'' if v is None else v};1\n" for v in [*large, *gap])
        assert read_table(written(tmp_path, text))["id"].dropna().tolist() == large
    digits = "12345678901234567890"
    assert read_table(written(tmp_path, f"id;b\n{digits};1\n"))["id"].tolist() == [digits]


def test_whole_numbers_that_a_file_has_rounded_are_refused(tmp_path):
    lost = pd.DataFrame({"id": [9007199254740994.0, 9007199254740996.0], "b": [1.0, 2.0]})
    pyreadstat.write_dta(lost, tmp_path / "a.dta")
    lost.to_parquet(tmp_path / "a.parquet")
    for name in ("a.dta", "a.parquet"):
        with pytest.raises(InvalidDataError, match=r"column 'id'"):
            read_table(tmp_path / name)
    kept = pd.DataFrame({"id": [2.0**53, 3e15], "b": [1e17, 2.5e18], "c": [0.5, 1.2345678901234567e18]})
    pyreadstat.write_dta(kept, tmp_path / "a.dta")
    assert read_table(tmp_path / "a.dta")["id"].tolist() == [2**53, 3e15]
    with pytest.raises(InvalidDataError, match="column 'id', row 2"):
        read_table(sheet(tmp_path, ["id", "b"], [1234567890123456789, 1], [12, 3]))
    kept_rows = read_table(sheet(tmp_path, ["id", "b"], [1234567890123456, 3e15], [12, 3]))
    assert kept_rows["id"].tolist() == [1234567890123456, 12]


# --- Missing


@pytest.mark.parametrize(
    "symbol", ["", " ", *STATUSES, "NA", "N/A", "#N/A", "NULL", "nan", "Na", ".a", ".Z", "._", "–"]
)
def test_symbols_of_missing_among_numbers(tmp_path, symbol):
    table = read_table(written(tmp_path, f"a;b\nx;1,5\ny;{symbol}\n"))
    np.testing.assert_array_equal(table["b"], [1.5, np.nan])
    path = sheet(tmp_path, ["a", "b"], ["x", 1.5], ["y", symbol])
    np.testing.assert_array_equal(read_table(path)["b"], [1.5, np.nan])


def test_symbols_of_statistics_norway_are_kept_beside_the_number(tmp_path):
    rows = [("a", "1"), *zip("bcdef", STATUSES, strict=True)]
    for path in (
        written(tmp_path, "k;n\n" + "".join(f"{k};{n}\n" for k, n in rows)),
        sheet(tmp_path, ["k", "n"], *[[k, 1 if n == "1" else n] for k, n in rows]),
    ):
        table = read_table(path)
        assert table["n_status"].tolist() == ["", ".", "..", "...", ":", "-"]
        assert table["n"].notna().tolist() == [True] + 5 * [False]
    of_sas = read_table(written(tmp_path, "k;n\na;1\nb;.\n"))
    assert list(of_sas.columns) == ["k", "n"]


def test_names_that_look_missing_are_names(tmp_path):
    table = read_table(written(tmp_path, "navn;n\nNa;1\nNull;2\nNA;3\n-;4\n"))
    assert table["navn"].tolist()[:2] == ["Na", "Null"]
    assert table["navn"].isna().tolist() == [False, False, True, True]
    assert not is_missing("Na")
    assert is_missing("Na", among_numbers=True)


# --- Workbooks

HEAD, BODY = ["region", "n"], [["0301", 1.5], ["1103", 2.0]]
SHEETS = {
    "plain": ((HEAD, *BODY), ()),
    "titles": ((["Tabell 1"], [], HEAD, *BODY, [], ["Kilde: SSB"]), ()),
    "a merged title": ((["Tabell 1", None], HEAD, *BODY), ("A1:B1",)),
    "not in the corner": (([], [None, None, *HEAD], *[[None, None, *row] for row in BODY]), ()),
    "a title left of the table": ((["Tabell"], [], [None, *HEAD], *[[None, *row] for row in BODY]), ()),
    "numbers as text": ((HEAD, ["0301", "1,5"], ["1103", 2]), ()),
    "empty rows": ((HEAD, BODY[0], [None, None], BODY[1], [None]), ()),
}


@pytest.mark.parametrize("name", SHEETS)
def test_the_same_table_on_every_sheet(tmp_path, name):
    rows, merge = SHEETS[name]
    assert read_table(sheet(tmp_path, *rows, merge=merge)).to_dict("list") == TABLE


def test_merged_cells_hold_their_value_throughout(tmp_path):
    over = sheet(
        tmp_path,
        ["region", "Utgifter", None],
        [None, 2015, 2016],
        ["0301", 5, 6],
        merge=("A1:A2", "B1:C1"),
    )
    assert read_table(over).to_dict("list") == {
        "region": ["0301", "0301"],
        "year": [2015, 2016],
        "Utgifter": [5, 6],
    }
    down = sheet(tmp_path, ["m", "n"], ["0301", 1], [None, 2], merge=("A2:A3",))
    assert read_table(down)["m"].tolist() == ["0301", "0301"]


def test_the_sheet_is_asked_for_where_several_have_tables(tmp_path):
    notes = sheet(tmp_path, ["About this file"], more={"Data": [HEAD, *BODY]})
    assert read_table(notes).to_dict("list") == TABLE
    both = sheet(tmp_path, ["a", "b"], [1, 2], more={"Data": [HEAD, *BODY]})
    with pytest.raises(InvalidDataError, match=r"2 sheets \('First', 'Data'\)"):
        read_table(both)
    assert read_table(both, sheet="Data").to_dict("list") == TABLE
    with pytest.raises(SpecificationError, match=r"'Dat' \(did you mean 'Data'\?\); it has 'First', 'Data'"):
        read_table(both, sheet="Dat")


SHEETS_REFUSED = {
    "errors": ((["a", "b"], [1, "#DIV/0!"], ["#REF!", 3]), "2 cell(s) hold errors"),
    "formulas": ((["a", "b"], [1, "=A2*2"], [3, 4]), "B2: =A2*2"),
    "only formulas": ((["a", "b"], ["=1+1", "=A2*2"]), "2 formula(s) have no stored value"),
    "two readings": ((["a", "b"], ["x", "1,234"]), "'1,234' is 1234 or 1.234"),
    "names in two rows": ((["a", "Utgifter", None], [None, 2015, 2016], ["x", 5, 6]), "column 3 has values"),
    "a name twice": ((["a", "a"], [1, 2]), "'a' stands 2 times"),
    "no rows": ((["a", "b"],), "no sheet with a table"),
    "nothing": ((), "no sheet with a table"),
}


@pytest.mark.parametrize("name", SHEETS_REFUSED)
def test_workbooks_that_are_refused(tmp_path, name):
    rows, message = SHEETS_REFUSED[name]
    with pytest.raises(InvalidDataError) as caught:
        read_table(sheet(tmp_path, *rows))
    assert message in str(caught.value)
    assert "a.xlsx" in str(caught.value)


def test_missing_cells_and_dates_of_a_workbook(tmp_path):
    table = read_table(
        sheet(tmp_path, ["a", "b"], [1, pd.Timestamp("2015-01-01")], ["#N/A", pd.Timestamp("2016-01-01")])
    )
    np.testing.assert_array_equal(table["a"], [1, np.nan])
    assert table["b"].dt.year.tolist() == [2015, 2016]


# --- Codes


@pytest.mark.parametrize(
    "column",
    [
        [301, 1515],
        [301.0, 1515.0],
        ["301", "1515"],
        ["0301", "1515"],
        [" 0301\u00a0", "1515"],
        ["0301.0", "1515.0"],
        ["'0301", "1515"],
        ["K-0301", "K_1515"],
        ["K0301", "k 1515"],
        ["0301 Oslo", "1515 Herøy"],
        ["0301 - Oslo", "1515: Herøy (-2019)"],
        ["K-0301 Oslo", "1515-Herøy"],
        [301, "1515"],
        pd.Categorical([301, 1515]),
        pd.Categorical(["0301", "1515"]),
        pd.array([301, 1515], dtype="Int64"),
        pd.array([301, 1515], dtype="int64[pyarrow]"),
    ],
)
def test_codes_however_they_are_written(column):
    assert read_municipalities(pd.Series(column)).codes.tolist() == ["0301", "1515"]


def test_names_stand_beside_codes_and_units_without_a_code_are_told():
    found = read_municipalities(pd.Series(["0301 Oslo", "1515", "EAK Landet"]))
    assert found.codes.tolist() == ["0301", "1515", "EAK Landet"]
    assert found.names.fillna("").tolist() == ["Oslo", "", ""]
    assert found.others == ("EAK Landet",)
    words = read_municipalities(pd.Series(["Halden", "Moss", None]))
    assert words.codes.fillna("").tolist() == ["Halden", "Moss", ""]
    assert (words.names, words.others) == (None, ())
    assert (
        read_municipalities(pd.Series(["030101 Sentrum", "030102 X"])).codes.tolist()[0] == "030101 Sentrum"
    )
    for broken in ([301.5, 1515], [-301, 1515]):
        with pytest.raises(InvalidDataError, match="must be whole numbers or text"):
            read_municipalities(pd.Series(broken))


def own_panel(n_units: int = 3) -> pd.DataFrame:
    """Panel of the right size of money, without a warning."""
    panel = make_municipal_panel(n_units, 3).drop(columns="data_origin")
    codes = dict(zip(panel["municipality"].unique(), ["0301", "1515", "1818"], strict=True))
    return panel.assign(municipality=panel["municipality"].map(codes))


LABELS = {
    "all": {301: "Oslo", 1515: "Herøy", 1818: "Herøy"},
    "one": {301: "Oslo"},
    "numbers": {301: "1", 1515: "2", 1818: "3"},
    "codes": {301: "0301", 1515: "1515", 1818: "1818"},
}


@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize("suffix", ["dta", "sav"])
def test_labels_never_take_the_place_of_codes(tmp_path, kind, suffix):
    coded = own_panel().astype({"municipality": float})
    write = {"dta": pyreadstat.write_dta, "sav": pyreadstat.write_sav}[suffix]
    write(coded, tmp_path / f"a.{suffix}", variable_value_labels={"municipality": LABELS[kind]})
    panel = kv.load_panel(tmp_path / f"a.{suffix}")
    assert panel["municipality"].unique().tolist() == ["0301", "1515", "1818"]
    if kind in ("all", "one"):
        assert panel["municipality_name"].iloc[0] == "Oslo"
    renamed = coded.rename(columns={"municipality": "knr"})
    write(renamed, tmp_path / f"b.{suffix}", variable_value_labels={"knr": LABELS[kind]})
    again = kv.load_panel(tmp_path / f"b.{suffix}", columns={"knr": "municipality"})
    pd.testing.assert_frame_equal(again, panel, check_like=True)


def test_text_that_encode_has_numbered_is_given_back(tmp_path):
    coded = own_panel().assign(municipality=np.repeat([1.0, 2.0, 3.0], 3))
    labels = {"municipality": {1: "0301 Oslo", 2: "1515 Herøy", 3: "1818 Herøy"}}
    pyreadstat.write_dta(coded, tmp_path / "a.dta", variable_value_labels=labels)
    panel = kv.load_panel(tmp_path / "a.dta")
    assert panel["municipality"].unique().tolist() == ["0301", "1515", "1818"]
    assert panel["municipality_name"].unique().tolist() == ["Oslo", "Herøy"]
    same_names = {"municipality": {1: "Oslo", 2: "Herøy", 3: "Herøy"}}
    pyreadstat.write_dta(coded, tmp_path / "b.dta", variable_value_labels=same_names)
    assert kv.load_panel(tmp_path / "b.dta")["municipality"].unique().tolist() == ["0001", "0002", "0003"]


def test_years_as_dates_in_every_reader(tmp_path):
    panel = own_panel()
    dates = pd.to_datetime(panel["year"].astype(str) + "-01-01")
    own = panel.assign(year=dates)
    own.to_parquet(tmp_path / "a.parquet")
    own.to_excel(tmp_path / "a.xlsx", index=False)
    own.assign(year=dates.dt.date).to_csv(tmp_path / "a.csv", index=False, sep=";", decimal=",")
    own.to_stata(tmp_path / "a.dta", write_index=False, convert_dates={"year": "td"})
    pyreadstat.write_sav(own, tmp_path / "a.sav")
    for name in ("a.parquet", "a.xlsx", "a.csv", "a.dta", "a.sav"):
        assert kv.load_panel(tmp_path / name)["year"].tolist() == panel["year"].tolist(), name


def test_raw_data_with_dates_codes_and_names(tmp_path):
    raw = pd.DataFrame(
        {
            "k": ["K-0301 Oslo", "1103 Stavanger"],
            "t": pd.to_datetime(["2015-01-01", "2016-01-01"]),
            "v": [1, 2],
        }
    )
    raw.to_parquet(tmp_path / "a.parquet")
    (tmp_path / "m.toml").write_text(
        '[files.a]\npath = "a.parquet"\nmunicipality = "k"\nyear = "t"\n[files.a.columns]\n'
        'deaths = { column = "v", unit = "persons" }\n'
    )
    values = read_raw(tmp_path / "m.toml").values
    assert values["municipality"].tolist() == ["0301", "1103"]
    assert values["year"].tolist() == [2015, 2016]
    long = values.assign(year=pd.to_datetime(values["year"].astype(str) + "-06-30"))
    assert read_raw(long).values["year"].tolist() == [2015, 2016]
    with pytest.raises(InvalidDataError, match="year 'x' is not a whole number"):
        read_raw(values.assign(year=["x", "2016"]))


def test_units_of_the_country_among_codes_are_named(tmp_path):
    panel = own_panel()
    panel["municipality"] = panel["municipality"].replace({"1818": "Hele landet"})
    panel.to_csv(tmp_path / "a.csv", index=False)
    with pytest.warns(DataWarning, match="1 unit\\(s\\) without a municipality code .* 'Hele landet'"):
        kv.load_panel(tmp_path / "a.csv")


def test_faults_of_the_data_name_the_file_and_the_symbol(tmp_path):
    panel = own_panel().astype(str).rename(columns={"free_income": "Frie inntekter"})
    panel.loc[0, "Frie inntekter"] = ":"
    panel.to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(InvalidDataError) as caught:
        kv.load_panel(tmp_path / "a.csv", columns={"Frie inntekter": "free_income"})
    assert "a.csv': the panel has 1 problem(s)" in str(caught.value)
    assert "municipality 0301 2015: free_income is missing (':': not published" in str(caught.value)
    with pytest.raises(DataMissingError, match=r"a\.csv': the data lack the column\(s\) 'free_income'"):
        kv.load_panel(tmp_path / "a.csv")
    with pytest.raises(DataMissingError, match=r"a\.csv': the data lack"):
        kv.acute_beds.load_panel(tmp_path / "a.csv")


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch):
    path = written(tmp_path, "a;b\n1;2\n")

    def refuse(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(DataMissingError, match=r"a\.csv' cannot be opened \(Permission denied\)"):
        read_table(path)


def test_missing_values_of_stata_with_a_letter(tmp_path):
    frame = pd.DataFrame({"x": [1.0, "a", "z", 4.0]})
    pyreadstat.write_dta(frame, tmp_path / "a.dta", missing_user_values={"x": ["a", "z"]})
    np.testing.assert_array_equal(read_table(tmp_path / "a.dta")["x"], [1, np.nan, np.nan, 4])


def test_monthly_panels_from_labelled_files_and_sheets(tmp_path):
    months = kv.acute_beds.load_panel()
    few = months[months["municipality"].isin(months["municipality"].unique()[:2])].reset_index(drop=True)
    codes = dict(zip(few["municipality"].unique(), (301.0, 1515.0), strict=True))
    own = few.assign(municipality=few["municipality"].map(codes)).rename(columns=kv.acute_beds.short_names())
    own = own.drop(columns=[c for c in own if own[c].isna().all()])
    pyreadstat.write_sav(own, tmp_path / "a.sav", variable_value_labels={"municipality": {301: "Oslo"}})
    read = kv.acute_beds.load_panel(tmp_path / "a.sav")
    assert read["municipality"].unique().tolist() == ["0301", "1515"]
    assert read["month"].tolist() == few["month"].tolist()


# --- Population of a register


def test_population_of_a_register_from_any_file(tmp_path):
    right = [(year, group, 1000 + year) for year in range(2017, 2022) for group in AGE_GROUPS]
    frame = pd.DataFrame(right, columns=["year", "age_group", "persons"])
    spelt = {"0-17": "0–17 år", "18-39": "18 - 39", "80+": "80 år og over"}
    own = frame.assign(
        year=pd.to_datetime(frame["year"].astype(str) + "-01-01"),
        age_group=frame["age_group"].replace(spelt),
        persons=frame["persons"].map(lambda n: f"{n:,}".replace(",", "\u00a0")),
    )
    own.to_csv(tmp_path / "a.csv", index=False, sep=";")
    own.to_excel(tmp_path / "a.xlsx", index=False)
    for name in ("a.csv", "a.xlsx"):
        read = read_population(tmp_path / name, AGE_GROUPS)
        assert list(read.itertuples(index=False, name=None)) == right


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"age_group": "90+"}, "age_group '90+' is none of 0-17"),
        ({"persons": "many"}, "persons 'many' is not a number of one or more"),
        ({"persons": ""}, "is not a number of one or more"),
        ({"persons": "0"}, "is not a number of one or more"),
        ({"persons": ":"}, "is not a number of one or more"),
        ({"age_group": "18-39"}, "has several rows in its year"),
    ],
)
def test_populations_that_are_refused(tmp_path, change, message):
    rows = [{"year": "2017", "age_group": group, "persons": "10"} for group in AGE_GROUPS]
    rows[0] |= change
    pd.DataFrame(rows).to_csv(tmp_path / "a.csv", index=False)
    with pytest.raises(InvalidDataError) as caught:
        read_population(tmp_path / "a.csv", AGE_GROUPS)
    assert message in str(caught.value)
    assert "row 1 (year 2017)" in str(caught.value)
    assert "a.csv" in str(caught.value)


def test_a_population_without_a_column_is_refused(tmp_path):
    with pytest.raises(DataMissingError, match="'persons'"):
        read_population(written(tmp_path, "year;age_group;person\n2017;0-17;5\n"), AGE_GROUPS)


# --- Files of other makers

SHIPPED = sorted(
    path
    for package in ("statsmodels", "linearmodels", "pyfixest")
    for path in (PACKAGES / package).rglob("*.dta")
)


@pytest.mark.skipif(not SHIPPED, reason="no package beside ours ships a Stata file")
@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_stata_files_of_other_makers_are_read(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = pd.read_stata(path, convert_categoricals=False, convert_dates=False)
    table = read_table(path)
    assert table.shape == theirs.shape
    assert list(table.columns) == list(theirs.columns)
    checked = 0
    for name in theirs.columns:
        if pd.api.types.is_numeric_dtype(theirs[name]) and pd.api.types.is_numeric_dtype(table[name]):
            np.testing.assert_allclose(table[name].astype(float), theirs[name].astype(float))
            checked += 1
    assert checked


def test_files_of_idl_are_not_taken_for_spss():
    found = sorted((PACKAGES / "scipy" / "io" / "tests" / "data").glob("*.sav"))
    if not found:
        pytest.skip("this scipy ships no file of IDL")
    for path in found:
        with pytest.raises(InvalidDataError, match="IDL"):
            read_table(path)


@pytest.mark.parametrize("count", [40, pytest.param(400, marks=pytest.mark.slow)])
@pytest.mark.parametrize("suffix", ["csv", "parquet", "dta", "sav", "feather", "xlsx"])
def test_damaged_files_are_read_or_refused_by_name(tmp_path, suffix, count):
    frame = pd.DataFrame({"m": ["0301", "1103"] * 4, "y": [2015, 2016] * 4, "x": [1.5, None] * 4})
    whole, damaged = tmp_path / f"whole.{suffix}", tmp_path / f"damaged.{suffix}"
    save = {
        "csv": lambda: frame.to_csv(whole, index=False, sep=";", decimal=","),
        "parquet": lambda: frame.to_parquet(whole),
        "dta": lambda: pyreadstat.write_dta(frame, whole),
        "sav": lambda: pyreadstat.write_sav(frame, whole),
        "feather": lambda: frame.to_feather(whole),
        "xlsx": lambda: frame.to_excel(whole, index=False),
    }
    save[suffix]()
    content, rng = whole.read_bytes(), np.random.default_rng(4)
    signs = [b";", b'"', b"\n", b"\r", b"\0", b"\xe5", b"\xff\xfe", b"1,234", b"\t"]
    messages = []
    for _ in range(count):
        place = int(rng.integers(len(content)))
        cut = content[place + int(rng.integers(20)) :] if rng.integers(4) else b""
        damaged.write_bytes(content[:place] + signs[rng.integers(len(signs))] + cut)
        try:
            read_table(damaged)
        except KostnadsvekstError as error:
            messages.append(str(error))
    assert len(messages) > count / 4
    assert [text for text in messages if damaged.name not in text] == []
