"""What the public may see of a comparison: what follows from the public profile of the same book, no more."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from kostnadsvekst.chapters.municipal_findings import findings_sheets
from kostnadsvekst.chapters.municipal_gap import GapInputs, gap_sheets
from kostnadsvekst.chapters.municipal_public import is_small
from kostnadsvekst.chapters.municipal_sheets import words
from kostnadsvekst.chapters.municipal_similar import similar_found, similar_sheets
from kostnadsvekst.municipal.protection import protect_profile
from kostnadsvekst.municipal.user_group_profile import KEYS
from kostnadsvekst.municipal.user_group_terms import ALL, GROUPS, MEASURES, services
from kostnadsvekst.report.workbook import Sheet
from kostnadsvekst.sources.municipal_book import MunicipalBook

# Inhabitants that rates are given for; 1 is a share, and the count itself has no inhabitants under it.
_PER = (1.0, 100.0, 1000.0, 10_000.0, 100_000.0)
# A rate that was not rounded is its count over its inhabitants but for the last bits.
_BITS = 1e-9


@dataclass(frozen=True, slots=True)
class PublicComparison:
    """Sheets of results that the public may see, and what is said at the terminal beside them."""

    sheets: tuple[Sheet, ...]
    notes: tuple[str, ...]


def public_profile(profile: pd.DataFrame) -> pd.DataFrame:
    """Public profile of a book, where the mean is that of the municipalities that are shown.

    Parameters
    ----------
    profile : DataFrame
        From `kostnadsvekst.municipal.user_groups.profile`, whole; its mean is that of the municipalities'
        values.

    Returns
    -------
    DataFrame
        Of `protect_profile`. Where a municipality behind a mean is hidden, the mean of the others stands in
        its place: it follows from what is shown, and a municipality with many users keeps its comparison.
    """
    shown = protect_profile(profile)
    told = shown[shown["hidden"] == ""]
    unit_cost = told["measure"].map(lambda code: MEASURES[code].kind == "unit_cost").astype(bool)
    # As in the profile: zeros count in means of rates and not of unit costs.
    pool = told[~unit_cost | told["value"].ne(0)]
    means = pool.groupby(list(KEYS))["value"].mean()
    of_shown = means.reindex(pd.MultiIndex.from_frame(shown[list(KEYS)])).to_numpy()
    hidden = shown["mean_hidden"].ne("") & shown["hidden"].eq("")
    return shown.assign(mean=np.where(hidden, of_shown, shown["mean"]))


def public_findings(rows: pd.DataFrame, lang: str) -> tuple[Sheet, Sheet]:
    """Sheets of findings in the order of the profile: another would tell which differ from the mean.

    Parameters
    ----------
    rows : DataFrame
        As `findings_sheets` takes them, made of a public profile, with ``at``: the place in it.
    lang : {"nb", "en"}
    """
    note = words(
        lang,
        "Snitt, krympet verdi og plass er blant kommunene som kan vises.",
        "Mean, shrunken value and rank are among the municipalities that can be shown.",
    )
    sheets = findings_sheets(rows.sort_values("at", kind="stable"), lang, public=True)
    text, numbers = (replace(sheet, notes=(*sheet.notes, note)) for sheet in sheets)
    return text, numbers


# --- The gap


def public_gap(
    book: MunicipalBook, given: GapInputs, shown: pd.DataFrame, inputs: Mapping[str, Sheet], lang: str
) -> PublicComparison:
    """Sheets of the gap in services whose users are shown of all its municipalities.

    Parameters
    ----------
    book : MunicipalBook
    given : GapInputs
    shown : DataFrame
        Public profile.
    inputs : mapping of str to Sheet
    lang : {"nb", "en"}
    """
    kept = _shown_services(given, shown)
    cells = given.rows[["group", "service"]]
    absent = list(dict.fromkeys(f"{g}, {s}" for g, s in cells[~kept].to_numpy()))
    notes = tuple(f"gap: {cell}: hidden, few persons in one of the municipalities" for cell in absent)
    if not kept.any():
        return PublicComparison((), notes)
    told = replace(given, rows=given.rows[kept].reset_index(drop=True))
    sheets = gap_sheets(book, told, inputs, lang)[:3]
    if absent:
        listed = "; ".join(_translated(cells[~kept], lang))
        told_nb = f"Bare tjenester der brukerne i alle kommunene kan vises. Utelatt: {listed}."
        told_en = f"Only services whose users can be shown of all municipalities. Left out: {listed}."
        note = words(lang, told_nb, told_en)
        sheets = tuple(replace(sheet, notes=(*sheet.notes, note)) for sheet in sheets)
    return PublicComparison(sheets, notes)


def _shown_services(given: GapInputs, shown: pd.DataFrame) -> pd.Series:
    """Rows of the gap of services whose users stand in the public profile for each municipality."""
    groups = {label.nb: code for code, label in GROUPS.items()}
    known = {service.label.nb: code for code, service in services().items()}
    told = shown[(shown["hidden"] == "") & (shown["measure"] == "users_per_1000")]
    told = told[told["provision"] == ALL].drop_duplicates(["municipality", "year", "group", "service"])
    keys = ["municipality", "year", "group", "service"]
    users = pd.Series(told["numerator"].to_numpy(float), pd.MultiIndex.from_frame(told[keys]))
    asked = given.rows[keys].assign(
        year=given.rows["year"].astype("int64"),
        group=given.rows["group"].map(lambda name: groups.get(name, name)),
        service=given.rows["service"].map(lambda name: known.get(name, name)),
    )
    public = users.reindex(pd.MultiIndex.from_frame(asked)).to_numpy()
    same = pd.Series(np.isclose(public, given.rows["users"].astype(float)), index=given.rows.index)
    return same.groupby([given.rows["group"], given.rows["service"]]).transform("all")


def _translated(cells: pd.DataFrame, lang: str) -> list[str]:
    groups = {label.nb: label.get(lang) for label in GROUPS.values()}
    known = {service.label.nb: service.label.get(lang) for service in services().values()}
    pairs = dict.fromkeys(map(tuple, cells.to_numpy()))
    return [f"{groups.get(group, group)}, {known.get(service, service)}" for group, service in pairs]


# --- Who is alike


def public_similar(book: MunicipalBook, own: str, given: Sheet, lang: str) -> PublicComparison:
    """Sheet of who is alike, on features that cannot be small counts.

    Parameters
    ----------
    book : MunicipalBook
        With the sheet of features.
    own : str
    given : Sheet
        The sheet of features in the workbook.
    lang : {"nb", "en"}

    Notes
    -----
    Distances and their order tell a feature: it is left out of both where it may be a count from 1 to 5, or
    such a count over inhabitants.
    """
    table = book.tables["features"]
    secret = _secret_features(table.frame, book.frame("population"))
    notes = tuple(f"similar: {name}: left out, it may be a count of few, or tell one" for name in secret)
    frame = table.frame[~table.frame["feature"].isin(secret)].reset_index(drop=True)
    if frame.empty:
        return PublicComparison((), notes)
    kept = replace(table, frame=frame)
    sheet = similar_sheets(kept, similar_found(kept, own), given, lang)[0]
    if secret:
        listed = ", ".join(secret)
        note = words(
            lang,
            f"Uten kjennetegn som kan være små antall: {listed}.",
            f"Without features that may be small counts: {listed}.",
        )
        sheet = replace(sheet, notes=(*sheet.notes, note))
    return PublicComparison((sheet,), notes)


def _secret_features(features: pd.DataFrame, people: pd.DataFrame) -> list[str]:
    """Features that hold a small count of some municipality, or a rate that gives one back."""
    columns = [name for name in people if str(name).startswith("population")]
    inhabitants: dict[str, list[float]] = {}
    for one in people.to_dict("records"):
        numbers = [float(one[name]) for name in columns if one[name] == one[name]]
        inhabitants.setdefault(str(one["municipality"]), []).extend(
            n * factor for n in numbers for factor in (1.0, float(one["need_index"]))
        )
    names, values = features["municipality"], features["value"]
    secret = [
        feature
        for name, feature, value in zip(names, features["feature"], values, strict=True)
        if may_be_few(float(value), inhabitants.get(str(name), ()))
    ]
    return list(dict.fromkeys(secret))


def may_be_few(value: float, inhabitants: Iterable[float]) -> bool:
    """Whether a number may be a count from 1 to 5, or such a count over inhabitants, as far as it is written.

    Parameters
    ----------
    value : float
        A rate with fewer decimals is that of a count where some count rounds to it.
    inhabitants : iterable of float
        Denominators that the rate may have; for each of them, and for 100, 1000, 10 000 and 100 000.
    """
    if value <= 0:
        return False
    if value % 1 == 0 and is_small(value):
        return True
    half = _half_unit(value)
    for people in inhabitants:
        for per in _PER:
            count, slack = value * people / per, half * people / per + _BITS * value * people / per
            near = min(max(round(count), 1), 5)
            if abs(count - near) <= slack:
                return True
    return False


def _half_unit(value: float) -> float:
    """Half of the last decimal that a number is written with."""
    mantissa, _, exponent = f"{value!r}".removesuffix(".0").partition("e")
    decimals = len(mantissa.partition(".")[2]) - int(exponent or 0)
    return 0.5 * math.pow(10.0, -max(decimals, 0))


def notes_of(parts: Sequence[PublicComparison]) -> list[str]:
    """List what the parts left out, in their order."""
    return [note for part in parts for note in part.notes]
