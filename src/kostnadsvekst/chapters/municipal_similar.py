"""Municipalities like one's own as sheets that compute: distances, and what each feature is of them."""

from dataclasses import replace

import pandas as pd

from kostnadsvekst.chapters.municipal_sheets import links_column, result_column, row_link, words
from kostnadsvekst.municipal.comparison import similar
from kostnadsvekst.report.workbook import Formula, Sheet, SheetColumn, Value
from kostnadsvekst.sources.municipal_book import BookTable


def similar_found(table: BookTable, own: str) -> pd.DataFrame:
    """Compute the distances of all others.

    Parameters
    ----------
    table : BookTable
        Sheet of features.
    own : str

    Returns
    -------
    DataFrame
        As `kostnadsvekst.municipal.comparison.similar`.

    Raises
    ------
    InvalidDataError
        All faults of the features.
    """
    wide = table.frame.pivot(index="municipality", columns="feature", values="value")
    features = list(dict.fromkeys(table.frame["feature"]))
    wide = wide.reset_index()
    others = int(wide.dropna()["municipality"].ne(own).sum())
    return similar(wide, own, features, n=max(others, 1))


def similar_sheets(table: BookTable, found: pd.DataFrame, given: Sheet, lang: str) -> tuple[Sheet, Sheet]:
    """Sheets of who is alike: the answer, and the differences behind it.

    Parameters
    ----------
    table : BookTable
    found : DataFrame
        From `similar_found`.
    given : Sheet
        The sheet of features in the workbook.
    lang : {"nb", "en"}
    """
    own, features = str(found.attrs["own"]), list(found.attrs["on"])
    known = [own, *found["municipality"]]
    differences = _differences_sheet(table, known, features, given, lang)
    share = words(lang, "andel av avstanden", "share of the distance")
    columns = (
        SheetColumn("municipality", words(lang, "Kommune", "Municipality"), width=24),
        result_column("distance", words(lang, "Avstand", "Distance"), "", "factor"),
        *(result_column(f"share_{k}", name, share, "factor") for k, name in enumerate(features)),
    )
    name = words(lang, "Lignende", "Alike")
    title = words(lang, f"Kommuner som ligner på {own}", f"Municipalities like {own}")
    note = words(
        lang,
        "Avstand: roten av snittet av kvadrerte forskjeller i standardavvik. Hvert kjennetegn teller likt.",
        "Distance: root of the mean squared difference in standard deviations. Each feature counts the same.",
    )
    empty = Sheet(name, title, columns, (), (note,))
    rows: list[tuple[Value, ...]] = []
    for one in found.to_dict("records"):
        at = known.index(one["municipality"])
        parts = [differences.cell("squared", f * len(known) + at) for f in range(len(features))]
        total = f"({'+'.join(parts)})"
        cells: list[Value] = [
            Formula(f"=({total}/{len(features)})^0.5", float(one["distance"])),
        ]
        for part, feature in zip(parts, features, strict=True):
            cells.append(_share(part, total, float(one[feature])))
        rows.append((str(one["municipality"]), *cells))
    return replace(empty, rows=tuple(rows)), differences


def _share(part: str, total: str, value: float) -> Value:
    text = f'=IF({total}=0,"",{part}/{total})'
    return Formula(text, value if value == value else "")


def _differences_sheet(
    table: BookTable, known: list[str], features: list[str], given: Sheet, lang: str
) -> Sheet:
    """Squared difference of each feature and municipality to one's own, in standard deviations."""
    columns = (
        SheetColumn("feature", words(lang, "Kjennetegn", "Feature"), width=30),
        SheetColumn("municipality", words(lang, "Kommune", "Municipality"), width=24),
        result_column("value", words(lang, "Verdi", "Value"), "", "general"),
        result_column("spread", words(lang, "Standardavvik", "Standard deviation"), "", "general"),
        result_column("squared", words(lang, "Kvadrert forskjell", "Squared difference"), "", "factor"),
        links_column(lang, 22),
    )
    name = words(lang, "Forskjeller", "Differences")
    title = words(lang, "Forskjell i hvert kjennetegn", "Difference in each feature")
    empty = Sheet(name, title, columns, ())
    pairs = zip(table.frame["municipality"], table.frame["feature"], table.frame["value"], strict=True)
    at = {(m, f): (k, float(v)) for k, (m, f, v) in enumerate(pairs)}
    rows: list[tuple[Value, ...]] = []
    for feature in features:
        start = len(rows)
        values = pd.Series([at[m, feature][1] for m in known])
        block = empty.span("value", (start, start + len(known) - 1))
        spread = float(values.std(ddof=0))
        for k, municipality in enumerate(known, start):
            row, value = at[municipality, feature]
            mine, theirs, wide = empty.cell("value", start), empty.cell("value", k), empty.cell("spread", k)
            rows.append(
                (
                    feature,
                    municipality,
                    Formula(f"={given.cell('value', row)}", value),
                    Formula(f"=(SUMPRODUCT(({block}-AVERAGE({block}))^2)/COUNT({block}))^0.5", spread),
                    Formula(f"=(({theirs}-{mine})/{wide})^2", ((value - values[0]) / spread) ** 2),
                    row_link(given, row),
                )
            )
    return replace(empty, rows=tuple(rows))
