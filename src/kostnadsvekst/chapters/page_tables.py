"""Printed tables, claims and findings of the report page, from the audits and files of the other chapters."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from kostnadsvekst.analysis.claims.descriptions import describe_measure
from kostnadsvekst.analysis.descriptives import describe
from kostnadsvekst.analysis.growth import account
from kostnadsvekst.chapters import ChapterResult
from kostnadsvekst.chapters.claims_rows import STRENGTH
from kostnadsvekst.language import Bilingual, both
from kostnadsvekst.models.fixed_effects import estimate
from kostnadsvekst.models.second_opinion import ask_linearmodels
from kostnadsvekst.models.specifications import SPECIFICATIONS
from kostnadsvekst.panel.functions import FUNCTIONS
from kostnadsvekst.panel.schema import label_of
from kostnadsvekst.provenance import SYNTHETIC
from kostnadsvekst.report.audit import NOT_ATTEMPTED
from kostnadsvekst.report.consistency.findings import CONFIDENCES, SEVERITIES
from kostnadsvekst.report.consistency.kinds import KINDS
from kostnadsvekst.report.numbers import significance_stars
from kostnadsvekst.report.output import read_csv_text
from kostnadsvekst.report.page import ClaimCard, FindingCard, Judged, PrintedCell, PrintedRow, PrintedTable
from kostnadsvekst.report.page.code import CodeReference, code_of_measure, refer_to
from kostnadsvekst.sources.published import load_cells

# Table of the report -> the chapter that has it and its audit.
CHAPTER_OF = {"1": "growth", "A1": "appendix", "A2": "appendix", "A3": "appendix"}
TITLES = {
    "1": Bilingual(
        "Tabell 1: Netto driftsutgifter til helse og omsorg etter funksjon, 2020",
        "Table 1: Net operating expenditure on health and care by function, 2020",
    ),
    "A1": Bilingual(
        "Tabell A1: Netto driftsutgifter og frie inntekter, kroner per innbygger i 2019-priser",
        "Table A1: Net operating expenditure and free income, kroner per inhabitant at 2019 prices",
    ),
    "A2": Bilingual(
        "Tabell A2: Kommunenes sosiodemografiske karakteristikker",
        "Table A2: Sociodemographic characteristics of the municipalities",
    ),
    "A3": Bilingual(
        "Tabell A3: Regresjoner av netto driftsutgifter per innbygger",
        "Table A3: Regressions of net operating expenditure per inhabitant",
    ),
}
_COLUMNS = {
    "Netto driftsutgifter (1000 kr)": Bilingual(
        "Netto driftsutgifter (1000 kr)", "Net operating expenditure (1000 NOK)"
    ),
    "Prosentandel": Bilingual("Prosentandel", "Per cent"),
    "Gjennomsnitt": Bilingual("Gjennomsnitt", "Mean"),
    "Std.avvik": Bilingual("Std.avvik", "Std. dev."),
}
_ROWS = {"Konstant": Bilingual("Konstant", "Constant"), "r2": Bilingual("R²", "R²")}
_NOTES = {
    "A3": Bilingual(
        "Standardfeil (SE) i parentes; * p < 0,05, ** p < 0,01, *** p < 0,001.",
        "Standard errors (SE) in parentheses; * p < 0.05, ** p < 0.01, *** p < 0.001.",
    )
}
_MEANS = Bilingual(
    "Veid med folketall; regnet på nytt med statsmodels",
    "Weighted by population; computed again by statsmodels",
)
_REGRESSION = Bilingual(
    "Faste effekter for kommuner, veid med folketall; regnet på nytt med linearmodels",
    "Fixed effects of municipalities, weighted by population; computed again by linearmodels",
)
_ACCOUNT = Bilingual("Summen over kommunene, etter funksjon", "Sum over municipalities, by function")
# Statistic of a printed cell -> the functions that make it.
MAKERS: Mapping[str, tuple[Any, ...]] = {
    **dict.fromkeys(("amount_nok1000", "share_percent"), (account,)),
    **dict.fromkeys(("mean", "std_dev", "minimum", "maximum"), (describe,)),
    **dict.fromkeys(("estimate", "std_error", "r_squared"), (estimate, ask_linearmodels)),
}
_HOW = {account: _ACCOUNT, describe: _MEANS, estimate: _REGRESSION}
EMPTY = Bilingual("", "")


def printed_tables(chapters: Mapping[str, ChapterResult]) -> tuple[PrintedTable, ...]:
    """Every printed table whose chapter was run, with what the audits say of its cells.

    Parameters
    ----------
    chapters : mapping of str to ChapterResult
    """
    return tuple(
        _printed_table(table, rows)
        for table, chapter in CHAPTER_OF.items()
        if chapter in chapters and not (rows := rows_of(table, chapters)).empty
    )


def rows_of(table: str, chapters: Mapping[str, ChapterResult]) -> pd.DataFrame:
    """Rows of the audit on a printed table; none where its chapter has none.

    Parameters
    ----------
    table : str
        Key of `CHAPTER_OF`.
    chapters : mapping of str to ChapterResult
    """
    audit = chapters[CHAPTER_OF[table]].audit
    assert audit is not None
    return audit[audit["table"] == table]


def _printed_table(table: str, audit: pd.DataFrame) -> PrintedTable:
    judged = {place: _strongest(rows) for place, rows in audit.groupby(["row", "column"], sort=False)}
    cells = load_cells(table)
    columns = list(dict.fromkeys(c for c in cells["column"] if table != "A3" or c.endswith((" b", " SE"))))
    rows = []
    for _, line in cells.groupby("row", sort=False):
        found = {_column(c): _cell(c, judged) for c in line.to_dict("records")}
        label = _row_label(table, line.iloc[0].to_dict())
        rows.append(PrintedRow(label, tuple(found.get(column) for column in columns)))
    groups, names = _headings(table, columns)
    return PrintedTable(table, TITLES[table], groups, names, tuple(rows), _NOTES.get(table, EMPTY))


def _strongest(rows: pd.DataFrame) -> dict[Any, Any]:
    """Judgement of a cell on the strongest evidence; what the others say is told with it."""
    found = sorted(rows.to_dict("records"), key=lambda row: STRENGTH.index(row["evidence"]))
    others = (f"{r['evidence']}, {r['origin']}: {r['ours']}, {r['verdict']}" for r in found[1:])
    return {**found[0], "also": "; ".join(others)}


def _column(cell: Mapping[Any, Any]) -> str:
    """Column in which a cell is printed; R² has no standard error and stands above the estimates."""
    return f"{cell['column']} b" if cell["statistic"] == "r_squared" else str(cell["column"])


def _headings(
    table: str, columns: Sequence[str]
) -> tuple[tuple[tuple[Bilingual, int], ...], tuple[Bilingual, ...]]:
    if table != "A3":
        return (), tuple(_COLUMNS.get(column, both(column)) for column in columns)
    models = dict.fromkeys(column.rpartition(" ")[0] for column in columns)
    groups = tuple((_model(model), 2) for model in models)
    return groups, tuple(both(column.rpartition(" ")[2]) for column in columns)


def _model(text: str) -> Bilingual:
    return Bilingual(text, text.replace("Modell", "Model"))


def _row_label(table: str, cell: Mapping[Any, Any]) -> Bilingual:
    row = str(cell["row"])
    if table == "1":
        name = FUNCTIONS[row]
        return Bilingual(f"{row} {name.nb}", f"{row} {name.en}")
    if row in _ROWS or row.isdigit():
        return _ROWS.get(row, both(row))
    if table == "A1":
        return Bilingual(row, f"{label_of(cell['variable']).en} {cell['period']}")
    if " X " in row:
        return Bilingual(row, f"{row.partition(' ')[0]} × {label_of('free_income').en}")
    return Bilingual(row, label_of(cell["variable"]).en)


def _cell(cell: Mapping[Any, Any], judged: Mapping[tuple[str, str], dict[Any, Any]]) -> PrintedCell:
    row, column = str(cell["row"]), str(cell["column"])
    names = (column, f"{column.removesuffix(' b')} stars") if cell["statistic"] == "estimate" else (column,)
    found = [_judged(cell, judged[row, name]) for name in names if (row, name) in judged]
    text = f"({cell['printed']})" if cell["statistic"] == "std_error" else f"{cell['printed']}{cell['stars']}"
    return PrintedCell(text, tuple(found))


def _judged(cell: Mapping[Any, Any], audit: Mapping[Any, Any]) -> Judged:
    table, row, column = (str(audit[name]) for name in ("table", "row", "column"))
    label = _row_label(table, cell)
    english = _COLUMNS.get(column, _model(column)).en
    place = Bilingual(f"Tabell {table}, {row}, {column}", f"Table {table}, {label.en}, {english}")
    makers = MAKERS[cell["statistic"]]
    stars = (significance_stars,) if column.endswith(" stars") else ()
    computed = audit["verdict"] != NOT_ATTEMPTED
    return _from_audit(
        audit,
        key=f"{table}/{row}/{column}",
        place=place,
        chapter=CHAPTER_OF[table],
        how=_HOW[makers[0]],
        asked=_asked(cell),
        code=tuple(refer_to(maker).key for maker in (*stars, *makers)) if computed else (),
    )


def _asked(cell: Mapping[Any, Any]) -> str:
    """Specification behind a cell of a regression; variable and period behind any other."""
    if cell["model"]:
        specification = SPECIFICATIONS[cell["model"]]
        return f"{cell['model']}: {specification.outcome} ~ {' + '.join(specification.regressors)}"
    return " ".join(filter(None, (str(cell["variable"]), str(cell["period"]))))


def _from_audit(audit: Mapping[Any, Any], **told: Any) -> Judged:
    return Judged(
        published=audit["published"],
        ours=audit["ours"],
        second_opinion=audit["second_opinion"],
        difference=audit["difference"],
        interval=audit["tolerance"],
        verdict=audit["verdict"],
        evidence=audit["evidence"],
        origin=audit["origin"],
        reason=audit["reason"],
        also=audit["also"],
        **told,
    )


def read_frame(result: ChapterResult, path: str) -> pd.DataFrame:
    """Table of text from a CSV file that a chapter made.

    Parameters
    ----------
    result : ChapterResult
    path : str
    """
    return read_csv_text(result.files[path])


def claim_cards(result: ChapterResult) -> tuple[ClaimCard, ...]:
    """Claims of the text, each with its sentence.

    Parameters
    ----------
    result : ChapterResult
        Of the chapter on claims.
    """
    return tuple(_claim(row) for row in read_frame(result, "claims/claims.csv").to_dict("records"))


def _claim(row: Mapping[Any, Any]) -> ClaimCard:
    computed = row["verdict"] != NOT_ATTEMPTED
    about = ", ".join(filter(None, (row["quantity"], row["period"], row["unit"])))
    place = row["place"] if not row["place"][:1].isdigit() else f"avsnitt {row['place']}"
    judged = Judged(
        key=row["id"],
        place=Bilingual(_capital(place), f"{_in_english(place)}: {about}"),
        chapter=row["chapter"] if row["chapter"] in _CHAPTERS else "claims",
        published=row["printed"],
        ours=row["ours"],
        second_opinion="",
        difference=row["difference"],
        interval=" – ".join(filter(None, (row["low"], row["high"]))),
        verdict=row["verdict"],
        evidence=row["evidence"],
        origin=row["data_origin"],
        reason="; ".join(filter(None, (row["reason"], row["note"]))),
        how=describe_measure(row["chapter"], row["measure"]),
        asked=row["measure"],
        code=tuple(code.key for code in code_of_measure(row["module"], row["measure"])) if computed else (),
        also=row["also"],
    )
    return ClaimCard(judged, row["quote"], about, row["same_as"])


_CHAPTERS = ("growth", "kpr", "ohd")
_PLACES = {
    "avsnitt": "section",
    "Sammendrag": "Summary",
    "Tabell": "Table",
    "tabell": "table",
    "fotnote": "footnote",
    "Figur": "Figure",
    "figur": "figure",
    "vedlegg": "appendix",
    "Vedlegg": "Appendix",
}


def _in_english(place: str) -> str:
    for nb, en in _PLACES.items():
        place = place.replace(nb, en)
    return _capital(place)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def finding_cards(result: ChapterResult) -> tuple[FindingCard, ...]:
    """Contradictions of the report with itself.

    Parameters
    ----------
    result : ChapterResult
        Of the chapter on consistency.
    """
    rows = read_frame(result, "consistency/findings.csv").to_dict("records")
    return tuple(_finding(number, row) for number, row in enumerate(rows, start=1))


def _finding(number: int, row: Mapping[Any, Any]) -> FindingCard:
    kind = KINDS[row["kind"]]
    return FindingCard(
        key=str(number),
        kind=Bilingual(f"{number}. {_capital(kind.title.nb)}", f"{number}. {_capital(kind.title.en)}"),
        level=row["severity"],
        severity=SEVERITIES[row["severity"]],
        confidence=CONFIDENCES[row["confidence"]],
        places=row["places"],
        printed=row["printed"],
        likely=row["likely_value"],
        arithmetic=Bilingual(row["arithmetic_nb"], row["arithmetic_en"]),
        note=Bilingual(row["note_nb"], row["note_en"]),
        code=(refer_to(kind.check).key,),
    )


def all_code(
    tables: Sequence[PrintedTable], claims: Sequence[ClaimCard], rows: Sequence[Mapping[Any, Any]]
) -> dict[str, CodeReference]:
    """Every function that the page names, by its key.

    Parameters
    ----------
    tables : sequence of PrintedTable
    claims : sequence of ClaimCard
    rows : sequence of mapping
        Findings, for their rules: column ``kind``.
    """
    found = [refer_to(maker) for makers in MAKERS.values() for maker in (*makers, significance_stars)]
    for card in claims:
        if card.judged.code:
            module = card.judged.code[0].removeprefix("kostnadsvekst.").rpartition(".")[0]
            found += code_of_measure(module, card.judged.asked)
    found += [refer_to(KINDS[row["kind"]].check) for row in rows]
    return {code.key: code for code in found}


def is_synthetic(audits: Sequence[pd.DataFrame]) -> bool:
    """Whether anything in the audits rests on synthetic data."""
    return any((audit["origin"] == SYNTHETIC).any() for audit in audits)
