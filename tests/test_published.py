"""The printed cells as data: the schema holds, breaches are found, and the file agrees with itself."""

import pytest

from kostnadsvekst.errors import InvalidDataError
from kostnadsvekst.models.specifications import SPECIFICATIONS
from kostnadsvekst.sources.published import check_cells, load_cells, parse_printed


def test_number_of_cells_is_that_of_the_printed_tables():
    # Counted in the report: 10 rows x 2 in table 1; 12 rows x 4 in A1 and in A2; in A3 the models have
    # 4, 16, 17 and 21 slopes and a constant each, every one with a standard error, and four R squared.
    counts = load_cells().groupby("table").size().to_dict()
    assert counts == {"1": 20, "A1": 48, "A2": 48, "A3": 2 * (4 + 16 + 17 + 21) + 2 * 4 + 4}


def test_terms_are_those_of_the_specifications():
    cells = load_cells("A3")
    for name, spec in SPECIFICATIONS.items():
        terms = set(cells.loc[(cells["model"] == name) & (cells["statistic"] == "estimate"), "term"])
        plain = {term for term in terms if "(" not in term} - {"constant"}
        assert plain == {r for r in spec.regressors if "(" not in r}


def test_pooled_mean_lies_between_the_means_of_the_years():
    means = load_cells("A1").query("statistic == 'mean'")
    for _, group in means.groupby("variable"):
        years = group.loc[group["period"] != "2015-2019", "value"]
        pooled = group.loc[group["period"] == "2015-2019", "value"].item()
        assert years.min() < pooled < years.max()


def test_pooled_range_is_the_range_of_the_years():
    cells = load_cells("A1")
    for variable, group in cells.groupby("variable"):
        years, pooled = group[group["period"] != "2015-2019"], group[group["period"] == "2015-2019"]
        for statistic, extreme in (("minimum", min), ("maximum", max)):
            expected = extreme(years.loc[years["statistic"] == statistic, "value"])
            assert pooled.loc[pooled["statistic"] == statistic, "value"].item() == expected, variable


def test_table_1_sums_to_its_total():
    amounts = load_cells("1").query("statistic == 'amount_nok1000'").set_index("row")["value"]
    # 126,070,378 by hand from the printed parts: the report's total is 540 lower (printed as 126 069 838).
    assert amounts.drop("FGK9").sum() == 126_070_378
    assert amounts["FGK9"] == 126_069_838


def test_stars_follow_from_printed_estimates_and_errors():
    # Normal limits are close enough to t with 1439 degrees of freedom for every cell printed to 3 decimals
    # whose standard error has at least 3 digits.
    cells = load_cells("A3")
    errors = cells[cells["statistic"] == "std_error"].set_index(["model", "term"])["value"]
    for cell in cells[cells["statistic"] == "estimate"].itertuples():
        error = errors[cell.model, cell.term]
        if error >= 0.1:
            t = abs(cell.value / error)
            assert cell.stars == "*" * sum(t > limit for limit in (1.9617, 2.5791, 3.2974)), cell


def test_every_fault_is_reported_at_once():
    cells = load_cells("A3").head(4).copy()
    cells.loc[0, "statistic"] = "median"
    cells.loc[1, "value"] = 1.0
    cells.loc[2, "stars"] = "****"
    cells.loc[3, ["row", "column"]] = cells.loc[2, ["row", "column"]]
    with pytest.raises(InvalidDataError) as caught:
        check_cells(cells)
    assert len(caught.value.problems) >= 5
    text = str(caught.value)
    for expected in (
        "'median' is not one of",
        "printed '89.142' but stored as 1.0",
        "'****'",
        "occurs twice",
    ):
        assert expected in text


def test_missing_column_is_named():
    with pytest.raises(InvalidDataError, match="decimals"):
        check_cells(load_cells().drop(columns="decimals"))


@pytest.mark.parametrize(
    ("printed", "expected"),
    [("4 037 347", (0, 4037347.0)), ("3,2", (1, 3.2)), ("-1180.770", (3, -1180.77)), ("0.000", (3, 0.0))],
)
def test_parse_printed(printed, expected):
    assert parse_printed(printed) == expected
