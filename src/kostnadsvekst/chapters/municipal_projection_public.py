"""What the public may see of a projection: no service that few of an age group use, and no sum with it."""

from kostnadsvekst.chapters.municipal_public import hide, is_small
from kostnadsvekst.chapters.municipal_sheets import evaluated
from kostnadsvekst.report.workbook import Sheet

_OWN = ("users", "coverage_percent", "places", "cost_mnok", "fte", "dwellings", "dwellings_needed")
_SUMS = ("places", "cost_mnok", "fte", "low", "high", "log_half")


def public_projection(results: tuple[Sheet, ...]) -> tuple[Sheet, ...]:
    """Sheets of a projection that the public may see.

    Parameters
    ----------
    results : tuple of Sheet
        Sums, ages, ladder, lines and shares.

    Returns
    -------
    tuple of Sheet

    Notes
    -----
    The population is public. Coverage × population gives users back, and so do the places of a service over
    as many years as there are age groups: the years are equations in the coverages. So a service of which an
    age group has one to five users (or places, or dwellings) is hidden whole. Sums over services give it back
    when the others are taken out, so the sums of that municipality are hidden, too.
    """
    sums, ages, ladder, lines, shares = results
    secret = _secret(shares, "users", "service") | _secret(ladder, "dwellings", "service")
    places = {name for name, _ in secret}
    shown = []
    for sheet in (sums, ages):
        hidden: dict[int, tuple[str, ...]] = {
            k: _SUMS for k, row in enumerate(sheet.rows) if row[0] in places
        }
        shown.append(hide(sheet, hidden))
    for sheet in (ladder, lines, shares):
        at = sheet.position("service")
        hidden = {k: _OWN for k, row in enumerate(sheet.rows) if (row[0], row[at]) in secret}
        shown.append(hide(sheet, hidden))
    return tuple(shown)


def _secret(sheet: Sheet, count: str, service: str) -> set[tuple[object, object]]:
    """Municipality and service of the rows with a small count."""
    at, where = sheet.position(count), sheet.position(service)
    found: set[tuple[object, object]] = set()
    for row in sheet.rows:
        value = evaluated(row[at])
        if isinstance(value, int | float) and is_small(float(value)):
            found.add((row[0], row[where]))
    return found
