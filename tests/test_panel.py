"""The panel's schema and loading: every fault named, and the odd but valid files read."""

import re

import numpy as np
import pandas as pd
import pyreadstat
import pytest

import kostnadsvekst as kv
from kostnadsvekst.errors import DataMissingError, DataWarning, InvalidDataError
from kostnadsvekst.panel.schema import COLUMNS, suspicious_jumps
from kostnadsvekst.provenance import provenance_of
from kostnadsvekst.sources.files import read_table
from kostnadsvekst.sources.number_texts import parse_numbers


def problems_of(panel):
    with pytest.raises(InvalidDataError) as caught:
        kv.check_panel(panel)
    return caught.value.problems


def test_a_valid_panel_passes(small_panel):
    kv.check_panel(small_panel)


def test_missing_columns_are_all_named(small_panel):
    with pytest.raises(DataMissingError, match=r"'urban'.*'deaths'"):
        kv.check_panel(small_panel.drop(columns=["deaths", "urban"]))


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("population", 0, "municipality 0104 2016: population is outside 1 to 1e+07 persons"),
        ("population", np.nan, "municipality 0104 2016: population is missing"),
        ("population", 10.5, "municipality 0104 2016: population is not a whole number"),
        ("urban", 101.0, "municipality 0104 2016: urban is outside 0 to 100"),
        ("urban", "mye", "municipality 0104 2016: urban is not a number: 'mye'"),
        ("deaths", -1.0, "municipality 0104 2016: deaths is outside"),
        ("municipality", None, "municipality is missing"),
    ],
)
def test_values_are_named_by_municipality_and_year(small_panel, column, value, message):
    panel = small_panel.astype({column: object})
    panel.loc[4, column] = value
    assert any(message in problem for problem in problems_of(panel))


def test_everything_is_reported_at_once(small_panel):
    panel = small_panel.copy()
    panel.loc[0, "urban"] = 200.0
    panel.loc[1, "age_0_5"] = np.nan
    panel = pd.concat([panel.drop(index=8), panel.loc[[3]]])
    text = "\n".join(problems_of(panel))
    for expected in (
        "0101 2015: urban is outside",
        "0101 2016: age_0_5 is missing",
        "0104 2015: occurs more than once",
        "0301: has no row for 2017",
    ):
        assert expected in text


def test_expenditure_in_thousands_is_refused(small_panel):
    small_panel["net_expenditure"] /= 1000
    assert any("thousand kroner" in p and "multiply it by 1000" in p for p in problems_of(small_panel))


def test_totals_are_refused(small_panel):
    small_panel["free_income"] *= small_panel["population"] / 100
    assert any("divide it by the population" in p or "outside" in p for p in problems_of(small_panel))


def test_a_jump_inside_a_municipality_is_warned_about_by_name(small_panel):
    small_panel.loc[4, "net_expenditure"] /= 1000
    with pytest.warns(DataWarning, match=r"municipality 0104 2016: net_expenditure .*thousand kroner"):
        kv.check_panel(small_panel)
    assert len(suspicious_jumps(small_panel)) == 1


def test_long_lists_are_cut(small_panel):
    small_panel["urban"] = 500.0
    small_panel["immigrants"] = 500.0
    small_panel["deaths"] = 500.0
    assert re.fullmatch(r"and 7 more", problems_of(small_panel)[-1])


def write_dta(panel, path):
    coded = panel.assign(municipality=[1, 1, 1, 2, 2, 2, 3, 3, 3], year=[1, 2, 3] * 3)
    labels = {"municipality": {1: "Halden", 2: "Moss", 3: "Oslo"}, "year": {1: "2015", 2: "2016", 3: "2017"}}
    pyreadstat.write_dta(coded, path, variable_value_labels=labels)


WRITERS = {
    "csv": lambda p, path: p.to_csv(path, index=False),
    "csv.gz": lambda p, path: p.to_csv(path, index=False),
    "parquet": lambda p, path: p.to_parquet(path),
    "sav": pyreadstat.write_sav,
    "xlsx": lambda p, path: p.to_excel(path, index=False),
}


@pytest.mark.parametrize("suffix", WRITERS)
def test_every_kind_of_file_gives_the_same_panel(small_panel, tmp_path, suffix):
    path = tmp_path / f"panel.{suffix}"
    WRITERS[suffix](small_panel, path)
    loaded = kv.load_panel(path)
    pd.testing.assert_frame_equal(loaded[list(small_panel.columns)], small_panel, check_dtype=False)
    assert provenance_of(loaded).file == path.name
    np.testing.assert_allclose(loaded["population_10k"], small_panel["population"] / 10_000)


def test_stata_file_with_value_labels(small_panel, tmp_path):
    write_dta(small_panel, tmp_path / "panel.dta")
    loaded = kv.load_panel(tmp_path / "panel.dta")
    assert list(loaded["municipality"].unique()) == ["Halden", "Moss", "Oslo"]
    assert list(loaded["year"].unique()) == [2015, 2016, 2017]
    np.testing.assert_allclose(loaded["net_expenditure"], small_panel["net_expenditure"])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_norwegian_csv(small_panel, tmp_path, encoding):
    text = small_panel.assign(navn="Sør-Odal").to_csv(index=False, sep=";", decimal=",")
    text = text.replace("\n", "\r\n")
    (tmp_path / "panel.csv").write_bytes(text.encode(encoding))
    loaded = kv.load_panel(tmp_path / "panel.csv")
    pd.testing.assert_frame_equal(loaded[list(small_panel.columns)], small_panel, check_dtype=False)
    assert set(loaded["navn"]) == {"Sør-Odal"}


def test_decimal_commas_in_quotes_between_commas(small_panel, tmp_path):
    quoted = small_panel.astype(str).apply(lambda c: c.str.replace(".", ","))
    quoted.to_csv(tmp_path / "panel.csv", index=False)
    loaded = kv.load_panel(tmp_path / "panel.csv")
    np.testing.assert_allclose(loaded["free_income"], small_panel["free_income"])


def test_numeric_codes_get_their_leading_zero(small_panel, tmp_path):
    small_panel.astype({"municipality": int}).to_parquet(tmp_path / "panel.parquet")
    assert list(kv.load_panel(tmp_path / "panel.parquet")["municipality"].unique()) == [
        "0101",
        "0104",
        "0301",
    ]


def test_columns_may_be_renamed(small_panel, tmp_path):
    small_panel.rename(columns={"year": "aar"}).to_csv(tmp_path / "panel.csv", index=False)
    with pytest.raises(DataMissingError, match="'year'"):
        kv.load_panel(tmp_path / "panel.csv")
    assert len(kv.load_panel(tmp_path / "panel.csv", columns={"aar": "year"})) == 9


def test_rows_are_sorted(small_panel, tmp_path):
    small_panel.sample(frac=1, random_state=2).to_csv(tmp_path / "panel.csv", index=False)
    pd.testing.assert_frame_equal(
        kv.load_panel(tmp_path / "panel.csv")[list(small_panel.columns)], small_panel, check_dtype=False
    )


def test_one_synthetic_row_makes_the_panel_synthetic(small_panel, tmp_path):
    small_panel["data_origin"] = ["synthetic"] + ["register"] * 8
    small_panel.to_csv(tmp_path / "panel.csv", index=False)
    assert provenance_of(kv.load_panel(tmp_path / "panel.csv")).synthetic


@pytest.mark.parametrize(
    ("name", "content", "error", "message"),
    [
        ("no.csv", None, DataMissingError, "there is no file"),
        ("empty.csv", b"", InvalidDataError, "is empty"),
        ("blank.csv", b"\n\n", InvalidDataError, "is empty"),
        ("header.csv", b"municipality,year\n", InvalidDataError, "no rows"),
        ("what.doc", b"x", InvalidDataError, "what kind of file"),
        ("broken.parquet", b"not parquet", InvalidDataError, "cannot be read"),
        ("broken.dta", b"not stata", InvalidDataError, "cannot be read"),
        ("ragged.csv", b"a,b\n1,5,2\n", InvalidDataError, "decimal commas"),
    ],
)
def test_files_that_cannot_be_read(tmp_path, name, content, error, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=message):
        read_table(tmp_path / name)


@pytest.mark.parametrize(
    ("texts", "numbers"),
    [
        (["1,5", "2,25"], [1.5, 2.25]),
        (["1.234,5", "12"], [1234.5, 12]),
        (["1,234.5", "12"], [1234.5, 12]),
        (["1 234,5", "1\u202f000", "2\u00a0000"], [1234.5, 1000, 2000]),
        (["\u22123,5", "1e3"], [-3.5, 1000]),
        (["4", ".", "..", ":", "NA", ""], [4] + [np.nan] * 5),
    ],
)
def test_numbers_as_people_write_them(texts, numbers):
    np.testing.assert_array_equal(parse_numbers(pd.Series(texts)), numbers)


@pytest.mark.parametrize("texts", [["0101", "1902"], ["abc", "1"], ["1,2,3"], ["12.5.2020"]])
def test_what_is_not_a_number_stays_text(texts):
    assert list(parse_numbers(pd.Series(texts))) == texts


def test_every_column_has_unit_and_labels():
    for column in COLUMNS.values():
        assert column.label.nb
        assert column.label.en
        assert column.unit.nb
        assert column.unit.en
