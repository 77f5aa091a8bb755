"""What the public may see of a projection: no service that few of an age group use, and no sum with it."""

from collections.abc import Callable
from dataclasses import replace

from kostnadsvekst.chapters.municipal_public import hide, is_small, values_of
from kostnadsvekst.chapters.municipal_sheets import evaluated, words
from kostnadsvekst.report.workbook import Sheet
from kostnadsvekst.sources.municipal_book import BookTable, MunicipalBook
from kostnadsvekst.sources.municipal_projection_kind import SERVICE_NAMES

_OWN = ("users", "coverage_percent", "places", "cost_mnok", "fte", "dwellings", "dwellings_needed")
_SUMS = ("places", "cost_mnok", "fte", "low", "high", "log_half")
# Columns that say what a sum is of: municipality, year, alternative of the coverage and of the population.
_KEYS = 4
Secret = set[tuple[object, object]]


def public_projection(
    results: tuple[Sheet, ...],
    book: MunicipalBook,
    again: Callable[[MunicipalBook], tuple[Sheet, ...]],
    lang: str,
) -> tuple[Sheet, ...]:
    """Sheets of a projection that the public may see.

    Parameters
    ----------
    results : tuple of Sheet
        Sums, ages, ladder, lines and shares.
    book : MunicipalBook
    again : callable
        Makes the results of a book, in the same language.
    lang : {"nb", "en"}

    Returns
    -------
    tuple of Sheet

    Notes
    -----
    The population is public. Coverage × population gives users back, and so do the places of a service over
    as many years as there are age groups: the years are equations in the coverages. So a service of which an
    age group has one to five users (or places, or dwellings) is hidden whole. Sums over services give it back
    when the others are taken out, so the sums of that municipality are made of the other services alone.
    """
    sums, ages, ladder, lines, shares = results
    secret = _secret(shares, "users", "service") | _secret(ladder, "dwellings", "service")
    shown = [sums, ages]
    if secret:
        rest = _without(book, secret, lang)
        others: tuple[Sheet, ...] = tuple(replace(sheet, rows=()) for sheet in shown)
        if len(rest.frame("users")):
            others = again(rest)[:2]
        note = _left_out(secret, lang)
        shown = [
            _of_others(sheet, other, secret, keys, note)
            for sheet, other, keys in zip(shown, others, (_KEYS, _KEYS + 1), strict=True)
        ]
    for sheet in (ladder, lines, shares):
        at = sheet.position("service")
        hidden = {k: _OWN for k, row in enumerate(sheet.rows) if (row[0], row[at]) in secret}
        shown.append(hide(sheet, hidden))
    return tuple(shown)


def _of_others(sheet: Sheet, other: Sheet, secret: Secret, keys: int, note: str) -> Sheet:
    """Put sums of the other services in the place of those with a hidden one; hide them where none is."""
    places = {name for name, _ in secret}
    made = {row[:keys]: row for row in values_of(other).rows}
    plain = values_of(sheet)
    within = [k for k, row in enumerate(plain.rows) if row[0] in places]
    empty = hide(plain, {k: _SUMS for k in within if plain.rows[k][:keys] not in made})
    rows = tuple(made.get(row[:keys], row) if row[0] in places else row for row in empty.rows)
    return replace(empty, rows=rows, notes=(*sheet.notes, note))


def _without(book: MunicipalBook, secret: Secret, lang: str) -> MunicipalBook:
    """Book without some services of some municipalities, nor municipalities of which no service is left."""
    names = {label.get(lang): label.nb for label in SERVICE_NAMES.values()}
    gone = {(municipality, names[str(service)]) for municipality, service in secret}
    tables = {}
    for name, table in book.tables.items():
        pairs = zip(
            table.frame["municipality"], table.frame.get("service", table.frame["municipality"]), strict=True
        )
        tables[name] = _keeping(table, [pair not in gone for pair in pairs])
    left = set(tables["users"].frame["municipality"])
    tables = {name: _keeping(t, [m in left for m in t.frame["municipality"]]) for name, t in tables.items()}
    return replace(book, tables={name: t for name, t in tables.items() if len(t.frame) or name == "users"})


def _keeping(table: BookTable, kept: list[bool]) -> BookTable:
    lines = tuple(line for line, keep in zip(table.lines, kept, strict=True) if keep)
    return replace(table, frame=table.frame[kept].reset_index(drop=True), lines=lines)


def _left_out(secret: Secret, lang: str) -> str:
    listed = "; ".join(sorted(f"{municipality}: {service}" for municipality, service in secret))
    return words(
        lang,
        f"Summene er av tjenestene som vises. Utelatt, med få brukere: {listed}.",
        f"The sums are of the services that are shown. Left out, with few users: {listed}.",
    )


def _secret(sheet: Sheet, count: str, service: str) -> Secret:
    """Municipality and service of the rows with a small count."""
    at, where = sheet.position(count), sheet.position(service)
    found: Secret = set()
    for row in sheet.rows:
        value = evaluated(row[at])
        if isinstance(value, int | float) and is_small(float(value)):
            found.add((row[0], row[where]))
    return found
