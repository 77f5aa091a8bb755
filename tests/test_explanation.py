"""The chapter that takes the year effects apart: what it prints is what table A3 and A1 print."""

import csv
import io

import numpy as np
import pandas as pd
import pytest

from kostnadsvekst.chapters import Settings, explanation
from kostnadsvekst.language import both
from kostnadsvekst.provenance import Provenance
from kostnadsvekst.report.waterfall import Waterfall, draw_waterfall


def rows_of(run, name):
    return list(csv.reader(io.StringIO(run.result.files[f"explanation/{name}.csv"])))


def test_levels_are_those_of_table_a3(explanation_run):
    rows = rows_of(explanation_run, "table_changes_en")
    levels = [[int(cell) for cell in row[1:8:2]] for row in rows if row[0].strip().startswith("Model")]
    # Table A3 as printed: models 1, 3, 1, 4 for 2016 to 2019.
    assert levels == [
        [599, 869, 1950, 2699],
        [704, 1204, 2459, 3377],
        [599, 869, 1950, 2699],
        [556, -1181, -2335, -3661],
    ]


@pytest.mark.parametrize(("first", "steps"), [(2, 4), (9, 5)])
def test_printed_steps_lead_from_level_to_level(explanation_run, first, steps):
    rows = rows_of(explanation_run, "table_changes_en")
    numbers = [[int(cell) for cell in row[1:8:2]] for row in rows[first : first + steps + 2]]
    start, *between, end = map(np.array, numbers)
    # Each of them is rounded to whole kroner.
    assert (np.abs(start + np.sum(between, axis=0) - end) <= (steps + 2) / 2).all()


def test_steps_sum_to_the_change(explanation_run):
    frame = pd.read_csv(io.StringIO(explanation_run.result.files["explanation/changes.csv"]))
    steps = frame[frame["group"] != "total"].groupby(["model", "term"])["contribution"].sum()
    total = frame[frame["group"] == "total"].set_index(["model", "term"])["contribution"]
    assert np.abs(steps - total).max() < 1e-6
    assert set(frame["data_origin"]) == {"synthetic"}


def test_growth_is_that_of_table_a1(explanation_run):
    frame = pd.read_csv(io.StringIO(explanation_run.result.files["explanation/growth_accounted_for.csv"]))
    total = frame[frame["part"] == "total"]["contribution"]
    # 22,522.397 less 19,927.549.
    assert total.tolist() == pytest.approx([2594.848] * 2, abs=0.002)


def test_the_largest_step_is_named(explanation_run):
    line = explanation_run.result.summary[0]
    assert "deaths and size (392 kroner)" in line.en
    assert "dødsfall og størrelse (392 kroner)" in line.nb


def test_a_panel_without_some_columns_of_a_group(small_panel, tmp_path):
    """The years that a user's panel has, and groups of what it has."""
    rng = np.random.default_rng(2)
    parts = []
    for k in range(12):
        part = small_panel[small_panel["municipality"] == "0101"].assign(municipality=f"{k + 1:04}")
        for name in part.columns.difference(["municipality", "year"]):
            part[name] = part[name].to_numpy() * rng.uniform(0.98, 1.02, len(part))
        parts.append(part.assign(population=lambda d: d["population"].round()))
    path = tmp_path / "panel.csv"
    pd.concat(parts).to_csv(path, index=False)
    result = explanation.run(Settings(data=path, languages=("en",)))
    assert "2015–2017" in result.files["explanation/table_growth_accounted_for_en.md"]
    assert result.data_origin == ("file of the user",)


def test_waterfall_ends_where_its_steps_lead():
    nan = float("nan")
    panel = Waterfall(
        both("t"), both("a"), both("b"), 3.0, (both("x"), both("y")), (2.0, -6.0), (1.0, nan), (3.0, nan)
    )
    one = draw_waterfall([panel], "en", quantity=both("q"), provenance=Provenance("synthetic"))
    assert one.startswith(b"\x89PNG")
    assert one == draw_waterfall([panel], "en", quantity=both("q"), provenance=Provenance("synthetic"))
    assert one != draw_waterfall([panel], "en", quantity=both("q"), provenance=Provenance("real"))


def test_what_is_left_out_begins_with_the_estimate(explanation_run):
    rows = rows_of(explanation_run, "table_left_out_en")
    # Table A3 prints 0.039 and 0.007 for free income in model 3.
    assert rows[1][3:5] == ["0.039", "(0.007)"]
    assert len(rows) == 11
    # t = 5.3086 on 1,443 degrees of freedom: f = 0.13975, (sqrt(f^4 + 4 f^2) - f^2) / 2 = 0.1303.
    text = explanation_run.result.files["explanation/table_left_out_en.md"]
    assert "Robustness value: something left out that explains 13.0 per cent" in text


def test_a_contribution_of_rounding_is_zero_and_a_small_one_is_not(explanation_run):
    text = explanation_run.result.files["explanation/growth_accounted_for.csv"]
    rows = [row for row in csv.DictReader(io.StringIO(text)) if row["part"] == "residuals"]
    # Residuals of a weighted fit with effects for years and units sum to zero within each year.
    assert [(row["contribution"], row["share"]) for row in rows] == [("0", "0")] * 2
    # By hand: of 1,000 in all a millionth is a number, and a millionth of a millionth is none.
    account = pd.DataFrame(
        {
            "part": ["means", "residuals", "total"],
            "contribution": [-1e-3, -1e-9, 1000.0],
            "share": [-1e-6, -1e-12, 1.0],
            "std_error": [1.0, np.nan, np.nan],
        }
    )
    told = explanation.without_rounding({"A3-3": account})["A3-3"]
    assert told["contribution"].tolist() == [-1e-3, 0.0, 1000.0]
    assert told["share"].tolist() == [-1e-6, 0.0, 1.0]
    pd.testing.assert_series_equal(told["std_error"], account["std_error"])
