"""Rows of a profile as they are compared: what is wrong with them, and what is counted behind each."""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np
import pandas as pd

from kostnadsvekst.errors import InvalidDataError, SpecificationError
from kostnadsvekst.municipal.user_group_inputs import CELL, require_frame
from kostnadsvekst.municipal.user_group_profile import COLUMNS, KEYS
from kostnadsvekst.municipal.user_group_terms import ALL, MEASURES, UNIQUE
from kostnadsvekst.naming import first_of, nearest_names, require_columns

POISSON, BINOMIAL, COMPOUND = "poisson", "binomial", "compound"
# The denominator is the count behind the amount.
_PER_COUNT = (
    "cost_per_recipient",
    "cost_per_place",
    "fte_per_100_recipients",
    "fte_per_place",
    "places_per_unit",
    "services_per_unique_user",
)
# The recipients behind the amount are counted in another row of the cell.
_PER_INHABITANT = ("net_per_inhabitant", "gross_per_inhabitant", "net_per_inhabitant_pu", "fte_per_1000")
_COUNTS = ("users_per_1000", "places_per_1000", "coverage_80_plus")
_SHARES = ("share_of_net", "refund_share", "bought_share")
_NUMBERS = ("numerator", "denominator", "value")
# A value is its numerator over its denominator, but for rounding in files.
_ROUNDING = 1e-6
# Kroner of all municipalities are below; limits of counts lose their digits above.
_MOST = 1e13

HIDDEN = "hidden: few persons"
MISSING = "a number is missing"
KRONER = "shares of kroner have no count behind them"
NO_COUNT = "the recipients behind it are not counted: add users, for a whole group the service unique_users"
NOTHING = "nothing is spent, or nobody receives it: a spread is not known"
NO_DENOMINATOR = "the denominator is zero"


@dataclass(frozen=True, slots=True)
class ComparedRows:
    """Rows of a profile, sorted by what they are compared with, and what is behind them.

    Attributes
    ----------
    rows : DataFrame
        Columns of the profile, and ``method`` (empty: left out), ``count`` (behind an amount), ``per``,
        ``member`` (of the mean), ``key`` and ``cell`` (numbers of the comparison with and without its year).
        Its index has the place in the profile.
    left_out : list of str
        By name.
    """

    rows: pd.DataFrame
    left_out: list[str]


def compared_rows(profile: pd.DataFrame) -> ComparedRows:
    """Read and sort a profile.

    Parameters
    ----------
    profile : DataFrame
        From `user_groups.profile`, or protected.

    Returns
    -------
    ComparedRows

    Raises
    ------
    InvalidDataError
        All faults: repeated rows, unknown measures, numbers that are negative or infinite, values that are
        not their numerator over their denominator, more users in an age group than inhabitants.
    DataMissingError
        Columns that lack.
    """
    require_frame(profile, "profile")
    require_columns(COLUMNS, profile.columns)
    rows = profile.drop(columns=["rank"], errors="ignore").reset_index(drop=True).copy()
    _check(rows)
    rows["per"] = rows["measure"].map({code: m.per for code, m in MEASURES.items()}).astype(float)
    members = profile.attrs.get("reference")
    rows["member"] = True if not members else rows["municipality"].isin(list(members))
    rows = rows.sort_values([*KEYS, "municipality"], kind="stable")
    rows["key"] = rows.groupby(list(KEYS), sort=True, dropna=False).ngroup()
    rows["cell"] = rows.groupby(list(KEYS[1:]), sort=True, dropna=False).ngroup()
    rows["method"] = _methods(rows)
    rows["count"] = _counts_behind(rows)
    reasons = _reasons(rows)
    rows.loc[reasons != "", "method"] = ""
    return ComparedRows(rows, name_rows(rows, reasons))


def name_rows(rows: pd.DataFrame, reasons: pd.Series) -> list[str]:
    """Rows that are left out: one line for each comparison and reason, with the municipalities and years."""
    some = rows.assign(reason=reasons)[reasons != ""]
    by = ["reason", "measure", "group", "service", "provision", "age"]
    lines = []
    for (reason, measure, group, service, provision, _), part in some.groupby(by, sort=True):
        who = [f"{m} {y}" for m, y in zip(part["municipality"], part["year"], strict=True)]
        lines.append(f"{measure}, {group}, {service}, {provision}: {reason} ({', '.join(first_of(who, 3))})")
    return lines


def _check(rows: pd.DataFrame) -> None:
    problems = [*_unreadable(rows)]
    if not problems:
        problems = [*_wrong_numbers(rows)]
    twice = rows.duplicated(["municipality", *KEYS])
    problems += [f"{where} stands twice" for where in _places(rows[twice])]
    unknown = sorted({str(m) for m in rows["measure"] if m not in MEASURES})
    problems += [f"unknown measure {nearest_names([m], MEASURES)}" for m in unknown]
    if problems:
        raise InvalidDataError(f"profile: {len(problems)} problem(s)", first_of(problems))


def _unreadable(rows: pd.DataFrame) -> Sequence[str]:
    texts = [c for c in ("municipality", *KEYS) if rows[c].isna().any()]
    problems = [f"column {c}: a cell is empty" for c in texts]
    for column in _NUMBERS:
        numbers = pd.to_numeric(rows[column], errors="coerce")
        wrong = np.flatnonzero(numbers.isna() & rows[column].notna())
        problems += [f"row {k + 1}: {column} is no number" for k in wrong.tolist()]
        rows[column] = numbers.astype(float)
    return problems


def _wrong_numbers(rows: pd.DataFrame) -> Sequence[str]:
    top, bottom, value = (rows[c].to_numpy() for c in _NUMBERS)
    per = rows["measure"].map({code: m.per for code, m in MEASURES.items()}).to_numpy(float)
    costs = rows["measure"].isin([*_PER_INHABITANT[:3], *_SHARES]).to_numpy()  # net may be negative
    with np.errstate(divide="ignore", invalid="ignore"):
        differs = np.abs(value - top / bottom * per) > _ROUNDING * np.abs(value)
    faults = {
        "a number is infinite": np.isinf(top) | np.isinf(bottom) | (np.isinf(value) & (bottom != 0)),
        "a number too large to be a count or an amount": (np.abs(top) > _MOST) | (np.abs(bottom) > _MOST),
        "the numerator is negative": (top < 0) & ~costs,
        "the denominator is negative": (bottom < 0) & ~rows["measure"].isin(_SHARES).to_numpy(),
        "the value is not numerator / denominator": differs & (bottom > 0) & np.isfinite(top),
        "more users than inhabitants of the age group": (_methods(rows) == BINOMIAL).to_numpy()
        & (top > bottom)
        & (bottom > 0),
    }
    return [f"{where}: {what}" for what, is_so in faults.items() for where in _places(rows[is_so])]


def _places(rows: pd.DataFrame) -> list[str]:
    columns = ("municipality", "year", "group", "service", "provision", "measure")
    return [", ".join(map(str, where)) for where in zip(*(rows[c] for c in columns), strict=True)]


def _methods(rows: pd.DataFrame) -> pd.Series:
    """Users of an age group are a part of its inhabitants; other counts are no part of their denominator."""
    measure = rows["measure"]
    method = pd.Series("", index=rows.index)
    method[measure.isin(_COUNTS)] = POISSON
    method[measure.eq("users_per_1000") & rows["age"].ne(ALL)] = BINOMIAL
    method[measure.isin([*_PER_COUNT, *_PER_INHABITANT])] = COMPOUND
    return method


def _counts_behind(rows: pd.DataFrame) -> pd.Series:
    """Recipients behind each amount: users of the cell, else places; of a whole group its unique users."""
    count = rows["denominator"].where(rows["measure"].isin(_PER_COUNT))
    asked = rows.loc[rows["measure"].isin(_PER_INHABITANT), list(CELL)].copy()
    asked.loc[asked["service"] == ALL, "service"] = UNIQUE
    where = pd.MultiIndex.from_frame(asked)
    for measure in ("users_per_1000", "places_per_1000"):
        told = rows[rows["measure"] == measure].drop_duplicates(list(CELL))
        known = pd.Series(told["numerator"].to_numpy(), pd.MultiIndex.from_frame(told[list(CELL)]))
        found = pd.Series(known.reindex(where).to_numpy(dtype=float), index=asked.index)
        count = count.fillna(found.reindex(count.index))
    return count


def _reasons(rows: pd.DataFrame) -> pd.Series:
    """Why a row is left out; empty where it is not."""
    hidden = rows["hidden"].eq(":") if "hidden" in rows else pd.Series(False, index=rows.index)
    missing = rows[list(_NUMBERS)].isna().any(axis=1)
    compound = rows["method"] == COMPOUND
    ordered = (
        (hidden, HIDDEN),
        (missing & rows["denominator"].ne(0), MISSING),
        (rows["denominator"] == 0, NO_DENOMINATOR),
        (rows["measure"].isin(_SHARES), KRONER),
        (compound & rows["count"].isna(), NO_COUNT),
        (compound & ~((rows["count"] > 0) & (rows["numerator"] > 0)), NOTHING),
    )
    reason = pd.Series("", index=rows.index)
    for where, why in ordered:
        reason[where & (reason == "")] = why
    return reason


def check_options(level: float, dispersion: str, known: Sequence[str]) -> None:
    """Refuse a level or a source of dispersion that does not exist; both at once.

    Raises
    ------
    SpecificationError
    """
    number = isinstance(level, Real) and not isinstance(level, bool | np.bool_)
    problems = (
        [] if number and 0 < level < 1 else [f"level={level!r}: give a number between 0 and 1, such as 0.95"]
    )
    if dispersion not in known:
        problems.append(f"dispersion={dispersion!r}; allowed are {' and '.join(map(repr, known))}")
    if problems:
        raise SpecificationError("; ".join(problems))
