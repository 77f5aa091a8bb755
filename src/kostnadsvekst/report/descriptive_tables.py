"""The first table of a paper: means by group, and their differences, from `kostnadsvekst.describe`."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from kostnadsvekst.analysis.group_means import ALL
from kostnadsvekst.language import Bilingual
from kostnadsvekst.panel.schema import label_of
from kostnadsvekst.provenance import provenance_of
from kostnadsvekst.report.tables import Cell, Heading, Number, Row, Table, footer, p_value_cell

_NEEDED = {"variable", "group", "n", "mean", "std_dev", "p_equal"}
_MEAN, _SPREAD = Bilingual("Snitt", "Mean"), Bilingual("Std.avvik", "Std. dev.")
_LEAST, _MOST = Bilingual("Minimum", "Minimum"), Bilingual("Maksimum", "Maximum")
_DIFFERENCE = Bilingual("Differanse", "Difference")
_ERROR = Bilingual("Standardfeil", "Std. error")
_EQUAL = Bilingual("p, like", "p, equal")
_TITLE = Bilingual("Beskrivende statistikk", "Descriptive statistics")
_STUB = Bilingual("Variabel", "Variable")

Record = Mapping[str, Any]


def is_description(frame: pd.DataFrame) -> bool:
    """Whether a frame is one of `kostnadsvekst.describe`.

    Parameters
    ----------
    frame : DataFrame
    """
    return set(frame.columns) >= _NEEDED


def descriptive_table(frame: pd.DataFrame, decimals: int = 3) -> Table:
    """Lay a description out: one row a variable, the groups side by side, then the tests.

    Parameters
    ----------
    frame : DataFrame
        From `kostnadsvekst.describe`.
    decimals : int

    Returns
    -------
    Table
        Of one group mean, standard deviation, range and number of rows; of two also the difference (second
        less first), its standard error and p value; of more the p value of the means being equal.
    """
    groups = list(dict.fromkeys(frame["group"]))
    varies = frame.groupby("group", observed=True)["n"].nunique().max() > 1
    rows = []
    for name, part in frame.groupby("variable", sort=False):
        records = {line["group"]: line for line in part.to_dict("records")}
        rows.append(Row(label_of(str(name)), tuple(_cells(records, groups, decimals, varies))))
    origin = provenance_of(frame)
    notes = (*_notes(frame, groups), footer(origin, *_weighted(frame)))
    return Table("descriptives", _TITLE, _STUB, _headings(frame, groups, varies), tuple(rows), notes, origin)


def _cells(records: Mapping[str, Record], groups: list[str], decimals: int, varies: bool) -> list[Cell]:
    cells: list[Cell] = []
    for group in groups:
        line = records[group]
        shown = ["mean", "std_dev", *(["minimum", "maximum"] if len(groups) == 1 else [])]
        cells += [Number(float(line[name]), decimals) for name in shown]
        cells += [Number(float(line["n"]), 0)] if varies else []
    last = records[groups[-1]]
    if len(groups) == 2:
        error = Number(float(last["std_error"]), decimals, parentheses=True)
        cells += [Number(float(last["difference"]), decimals), error, p_value_cell(last["p_value"])]
    elif len(groups) > 2:
        cells.append(p_value_cell(last["p_equal"]))
    return cells


def _headings(frame: pd.DataFrame, groups: list[str], varies: bool) -> tuple[tuple[Heading, ...], ...]:
    own = [_MEAN, _SPREAD, *([_LEAST, _MOST] if len(groups) == 1 else [])]
    each = [Heading(text) for text in own] + ([Heading("N")] if varies else [])
    tests = {1: [], 2: [_DIFFERENCE, _ERROR, Bilingual("p", "p")]}.get(len(groups), [_EQUAL])
    under = (*(each * len(groups)), *map(Heading, tests))
    if groups == [ALL]:
        return (under,)
    over = [Heading(_group_name(frame, group, varies), len(each)) for group in groups]
    return ((*over, *([Heading("", len(tests))] if tests else [])), under)


def _group_name(frame: pd.DataFrame, group: str, varies: bool) -> str | Bilingual:
    if varies:
        return group
    n = Number(float(frame.loc[frame["group"] == group, "n"].iloc[0]), 0)
    return Bilingual(f"{group} (N = {n.text('nb')})", f"{group} (N = {n.text('en')})")


def _notes(frame: pd.DataFrame, groups: list[str]) -> tuple[Bilingual, ...]:
    if len(groups) < 2:
        return ()
    cluster = frame.attrs.get("cluster")
    by = label_of(str(frame.attrs.get("by", "")))
    if cluster:
        name = label_of(str(cluster))
        how = Bilingual(f"klyngerobuste etter {name.nb}", f"clustered by {name.en}")
    else:
        how = Bilingual("Welch, egen varians i hver gruppe", "Welch, a variance for each group")
    what = (
        Bilingual(f"Differanse: {groups[1]} minus {groups[0]}", f"Difference: {groups[1]} less {groups[0]}")
        if len(groups) == 2
        else Bilingual("p: at alle gruppenes snitt er like", "p: that the means of all groups are equal")
    )
    return (
        Bilingual(
            f"Grupper etter {by.nb}. {what.nb}. Standardfeil og tester: {how.nb}.",
            f"Groups by {by.en}. {what.en}. Standard errors and tests: {how.en}.",
        ),
    )


def _weighted(frame: pd.DataFrame) -> list[Bilingual]:
    weights = frame.attrs.get("weights")
    if weights is None:
        return []
    label = label_of(str(weights))
    return [Bilingual(f"Vektet med {label.nb.lower()}", f"Weighted by {label.en.lower()}")]
