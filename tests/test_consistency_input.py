"""What `kostnadsvekst.consistency` refuses, and what it says then; reports read from files."""

import shutil

import pandas as pd
import pytest

import kostnadsvekst as kv
from conftest import ROOT
from kostnadsvekst.errors import DataMissingError, InvalidDataError, KostnadsvekstError, SpecificationError

EXAMPLE = ROOT / "docs" / "examples" / "consistency"
CELLS = [
    {"id": "a", "place": "T1", "printed": "10", "stars": "*"},
    {"id": "b", "place": "T1", "printed": "20"},
    {"id": "t", "place": "T1", "printed": "30"},
]
CLAIMS = [
    {"id": "w", "place": "S", "printed": "", "word": "rose"},
    {"id": "v", "place": "S", "printed": "30"},
]
SUM = {"kind": "sum", "total": "t", "parts": ["a", "b"]}


def check(cells=CELLS, claims=CLAIMS, relations=(SUM,), **options):
    return kv.consistency.check(pd.DataFrame(cells), pd.DataFrame(claims), list(relations), **options)


def test_the_neighbour_is_accepted():
    assert check() == ()


def cell(**changes):
    return [CELLS[0], {**CELLS[1], **changes}, CELLS[2]]


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        (cell(printed="twenty"), "row 2 (b): 'twenty' is no number"),
        (cell(printed=""), "row 2 (b): neither a number"),
        (cell(printed=20.5), "read with dtype=str"),
        (cell(wording="sort of"), "unknown wording 'sort of'; known: om lag"),
        (cell(period="spring"), "period 'spring': write 2017, 2017-01 or 2015-2020"),
        (cell(low=19), "low and high go together"),
        (cell(low="x", high="y"), "not numbers"),
        (cell(low=21, high=22), "20 is outside 21 to 22"),
        (cell(id=""), "the id is empty"),
        (cell(id="=3"), "begins with ="),
        (cell(id="a*"), "holds *"),
        (cell(id="a"), "id 'a' stands at T1 and at T1"),
        (cell(printed="1" * 20), "is no number"),
    ],
)
def test_numbers_that_cannot_be_read(cells, says):
    with pytest.raises(InvalidDataError) as caught:
        check(cells)
    assert says in str(caught.value)


def test_all_faults_at_once():
    cells = [{**row, "printed": "?"} for row in CELLS]
    with pytest.raises(InvalidDataError, match="cells: 3 row") as caught:
        check(cells)
    assert len(caught.value.problems) == 3


def test_columns_that_lack():
    with pytest.raises(InvalidDataError, match=r"cells lack the column\(s\) place, printed; found: id"):
        kv.consistency.check(pd.DataFrame({"id": ["a"]}), None, [SUM])
    with pytest.raises(InvalidDataError, match="claims are a list, not a DataFrame"):
        kv.consistency.check(pd.DataFrame(CELLS), CLAIMS, [SUM])


def with_word(kind, **roles):
    return {"kind": kind, "claim": "w", **roles}


REFUSED = [
    ({"kind": "sums", "total": "t", "parts": ["a"]}, "did you mean 'sum'"),
    ({"kind": "xyz"}, "unknown kind 'xyz'; known: sum"),
    ({}, "unknown kind ''"),
    ({"kind": "sum", "total": "t"}, "lacks 'parts'"),
    ({**SUM, "total": ["t", "a"]}, "total: one number wanted, 2 given"),
    ({**SUM, "parts": []}, "parts: 0 number(s), at least 1 wanted"),
    ({**SUM, "parts": ["a", "c"]}, "parts: no number has the id 'c'"),
    ({**SUM, "parts": ["x*"]}, "parts: 0 number(s)"),
    ({**SUM, "parts": ["a", "=20"]}, "no number has the id 'id =20'"),
    ({**SUM, "total": float("nan")}, "no number has the id 'nan'"),
    ({**SUM, "total": None}, "no number has the id 'None'"),
    ({**SUM, "parts": [{}]}, "no number has the id '{}'"),
    ({**SUM, "part": ["a"]}, "unknown role 'part'; known: parts, total"),
    ({**SUM, "parts": ["a", "w"]}, "'w' is no number"),
    ({**SUM, "confidence": "sure"}, "confidence 'sure' is not high, medium or low"),
    ({"kind": "shares", "whole": "t", "parts": ["a", "b"], "shares": ["a"]}, "parts has 2, shares has 1"),
    ({"kind": "same", "numbers": ["a"]}, "numbers: 1 number(s), at least 2 wanted"),
    ({"kind": "same_words", "numbers": ["a", "w"]}, "'a' has no word"),
    ({"kind": "growth", "levels": ["a"], "total": "b"}, "one level has no growth"),
    ({"kind": "growth", "levels": ["a", "b"]}, "nothing to compare"),
    ({"kind": "growth", "levels": ["a", "b"], "yearly": ["t", "v"]}, "2 levels want 1"),
    ({"kind": "growth", "total": "a", "per_year": "b"}, "years: needed"),
    ({"kind": "growth", "total": "a", "per_year": "b", "years": 0}, "years is 0, must be above zero"),
    ({"kind": "difference", "levels": ["a", "b", "t"], "change": "v"}, "the first and the last"),
    ({"kind": "stars", "b": ["a"], "se": ["b"]}, "lacks 'df'"),
    ({"kind": "stars", "b": ["a"], "se": ["b"], "df": -1}, "df is -1, must be above zero"),
    ({"kind": "stars", "b": ["a"], "se": ["b"], "df": "many"}, "df is 'many'"),
    ({"kind": "stars", "b": ["a"], "se": ["b"], "df": 9, "levels": [5]}, "between 0 and 1"),
    ({"kind": "pooled", "means": ["a", "b"]}, "means without pooled_mean"),
    ({"kind": "pooled", "means": ["a", "b"], "pooled_mean": "t", "weight_slack": 1}, "from 0 to below 1"),
    (
        {"kind": "pooled", "means": ["a", "b"], "pooled_mean": "t", "sds": ["a", "b"], "pooled_sd": "t"},
        "sds want means, pooled_mean and n",
    ),
    (
        {
            "kind": "pooled",
            "means": ["a", "b"],
            "pooled_mean": "t",
            "weights_se": ["a", "b"],
            "weights_constant": "t",
        },
        "weights_se has 2 number(s), 1 wanted",
    ),
    ({"kind": "within", "minima": ["a"], "maxima": ["b"], "sds": ["t"]}, "sds without means"),
    ({"kind": "constant", "constant": "a", "mean": "b"}, "nothing to compare"),
    ({"kind": "constant", "constant": "a", "mean": "b", "b": ["t"]}, "b without means"),
    ({"kind": "period_dummies", "se": ["a"], "se_constant": "b", "sd": "t"}, "sd wants r_squared"),
    (
        {"kind": "nested_errors", "se_small": ["a"], "se_large": ["b"], "r_squared": ["t"], "df": [9]},
        "degrees of freedom of both models",
    ),
    (with_word("direction", levels=["a"]), "nothing to compare"),
    (with_word("largest", labels=["x"], values=["a"]), "'rose' is not among the labels x"),
    (with_word("largest", labels="x", values=["a"]), "labels must be a list"),
    (
        with_word("coincide", labels=["x", "y"], first=["a", "b"], second=["a", "b"], top=2),
        "top is 2, must be a whole number",
    ),
    ({"kind": "bands", "claims": ["w", "w"]}, "'rose' is no group such as 18-39"),
    ({"kind": "unit", "numbers": ["a", "b"]}, "'a' has no unit"),
    ({"kind": "growth", "total": "a", "per_year": "b", "years": [5]}, "years is [5]"),
    ({"kind": "growth", "total": "a", "per_year": "b", "years": float("inf")}, "years is inf"),
    ({"kind": "pooled", "means": ["a", "b"], "pooled_mean": "t", "weight_slack": [0]}, "weight_slack is [0]"),
    ({"kind": "stars", "b": ["a"], "se": ["b"], "df": [9, 8]}, "df is [9, 8]"),
    ({"kind": "dates", "numbers": ["a"], "first": "old", "last": 2020}, "first is 'old', must be a number"),
]


@pytest.mark.parametrize(("relation", "says"), REFUSED, ids=lambda x: x if isinstance(x, str) else "")
def test_relations_that_say_nothing(relation, says):
    with pytest.raises(SpecificationError) as caught:
        check(relations=[relation])
    assert says in str(caught.value)


def test_words_that_are_no_direction():
    claims = [{"id": "w", "place": "S", "printed": "", "word": "shone"}]
    with pytest.raises(SpecificationError, match="'shone' is no direction; known: øker"):
        check(claims=claims, relations=[with_word("direction", levels=["a", "b"])])


def test_stars_that_are_none():
    cells = [{**CELLS[0], "stars": "†"}, *CELLS[1:]]
    with pytest.raises(SpecificationError, match="has stars '†'"):
        check(cells, relations=[{"kind": "stars", "b": ["a"], "se": ["b"], "df": 9}])


def test_faults_of_all_relations_at_once():
    with pytest.raises(SpecificationError) as caught:
        check(relations=[relation for relation, _ in REFUSED[:5]])
    assert str(caught.value).count("\n  - ") == 5


def test_two_relations_of_one_name():
    with pytest.raises(SpecificationError, match="two relations have the id 'x'"):
        check(relations=[{**SUM, "id": "x"}, {**SUM, "id": "x"}])


@pytest.mark.parametrize("relations", ["sum", [["sum"]], 3, {"kind": "sum"}])
def test_relations_of_another_shape(relations):
    with pytest.raises(SpecificationError, match="relations must be a list of mappings"):
        kv.consistency.check(pd.DataFrame(CELLS), None, relations)


def test_marks_that_are_none():
    with pytest.raises(SpecificationError, match="decimal_mark ';'"):
        check(decimal_mark=";")


# Files ------------------------------------------------------------------------------------------------


@pytest.fixture
def copied(tmp_path):
    shutil.copytree(EXAMPLE, tmp_path / "report")
    return tmp_path / "report"


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize(
    ("file", "old", "new", "error", "says"),
    [
        ("report.toml", 'cells = "cells.csv"', "", SpecificationError, "no key 'cells'"),
        ("report.toml", 'title = "', 'titel = "', SpecificationError, "unknown key(s) titel"),
        ("report.toml", "cells.csv", "cell.csv", DataMissingError, "cell.csv"),
        ("report.toml", "[[relation]]", "[relation]", SpecificationError, "report.toml"),
        ("report.toml", 'kind = "sum"', "kind = sum", SpecificationError, "is no TOML"),
        ("report.toml", 'decimal_mark = "."', 'decimal_mark = "x"', SpecificationError, "decimal_mark 'x'"),
        ("cells.csv", "id,place", "name,place", InvalidDataError, "cells lack the column(s) id"),
        ("cells.csv", "0.412,,,", "0.412,,,,,,,", InvalidDataError, "cells.csv cannot be read"),
    ],
)
def test_files_that_cannot_be_used(copied, file, old, new, error, says):
    edit(copied / file, old, new)
    with pytest.raises(error) as caught:
        kv.consistency.read_report(copied / "report.toml").check()
    assert says in str(caught.value)


@pytest.mark.parametrize("file", ["report.toml", "cells.csv"])
def test_bytes_of_another_encoding(copied, file):
    (copied / file).write_bytes((copied / file).read_bytes() + "# Bodø".encode("latin-1"))
    with pytest.raises(KostnadsvekstError, match=f"{file} is not UTF-8"):
        kv.consistency.read_report(copied / "report.toml")


def test_an_empty_table(copied):
    (copied / "cells.csv").write_text("")
    with pytest.raises(InvalidDataError, match=r"cells.csv cannot be read"):
        kv.consistency.read_report(copied / "report.toml")


def test_no_file_and_a_folder(tmp_path):
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(DataMissingError, match="name the TOML file"):
            kv.consistency.read_report(path)


def test_no_relation(copied):
    text = (copied / "report.toml").read_text(encoding="utf-8")
    (copied / "report.toml").write_text(text.split("[[relation]]")[0], encoding="utf-8")
    with pytest.raises(SpecificationError, match="no relation"):
        kv.consistency.read_report(copied / "report.toml")


def test_relations_from_a_table_are_those_of_the_toml(copied):
    """The guide's relations.csv holds two of the relations again; a table alone gives the same findings."""
    whole = kv.consistency.read_report(copied / "report.toml")
    table = pd.read_csv(EXAMPLE / "relations.csv", dtype=str)
    found = kv.consistency.check(whole.cells, whole.claims, table, decimal_mark=".")
    names = {"users by age", "stars of model 2"}
    expected = [f for f in whole.check() if f.id in names]
    assert [(f.id, f.arithmetic) for f in found] == [(f.id, f.arithmetic) for f in expected]
    text = (copied / "report.toml").read_text(encoding="utf-8").split("[[relation]]")[0]
    (copied / "report.toml").write_text(text + 'relations = "relations.csv"\n', encoding="utf-8")
    assert kv.consistency.read_report(copied / "report.toml").check() == found


def test_a_table_of_relations_that_lacks_a_column():
    with pytest.raises(SpecificationError, match=r"lacks the column\(s\) role, member"):
        kv.consistency.check(pd.DataFrame(CELLS), None, pd.DataFrame({"relation": ["x"], "kind": ["sum"]}))


def test_a_report_without_findings_has_an_empty_frame():
    frame = kv.consistency.findings_frame(())
    assert len(frame) == 0
    assert list(frame.columns[:3]) == ["id", "kind", "places"]
