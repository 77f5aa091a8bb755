"""Rows of a profile as they are compared: what is wrong with them, and what is counted behind each."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.errors import InvalidDataError, SpecificationError
from kostnadsvekst.municipal.key_groups import KeyGroups
from kostnadsvekst.municipal.user_group_inputs import CELL, require_frame
from kostnadsvekst.municipal.user_group_profile import COLUMNS, KEYS
from kostnadsvekst.municipal.user_group_terms import ALL, MEASURES, UNIQUE
from kostnadsvekst.naming import first_of, nearest_names, require_columns

POISSON, BINOMIAL, COMPOUND = "poisson", "binomial", "compound"
METHODS = ("", POISSON, BINOMIAL, COMPOUND)
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
REASONS = ("", HIDDEN, MISSING, KRONER, NO_COUNT, NOTHING, NO_DENOMINATOR)
_ORDER = ("cell", "key", "who")
_LARGEST = 2**62  # of whole numbers, with room
_SHOWN = 3  # municipalities and years in a line


# The columns that name a row, and their words in a line of what is left out.
_NAMED = ("municipality", *KEYS)
_IN_LINES = ("measure", "group", "service", "provision", "age")


@dataclass(frozen=True, slots=True)
class ComparedRows:
    """Rows of a profile, sorted by what they are compared with, and what is behind them.

    Attributes
    ----------
    rows : DataFrame
        Numbers of the rows that are not left out, by method: ``numerator``, ``denominator``, ``method``
        (place in `METHODS`), ``count`` (behind an amount), ``per``, ``member`` (of the mean), ``key`` and
        ``cell`` (numbers of the comparison with and without its year), ``who`` (number of the municipality).
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
    members = profile.attrs.get("reference")
    given = without_attrs(profile)
    texts = {name: Words.of(given[name]) for name in _NAMED}
    cell = _joined([texts[name].codes for name in KEYS[1:]])
    key = _joined([texts["year"].codes, cell])
    numbers = _checked(given, texts, key)
    method, count = _methods(texts), _counts_behind(numbers, texts)
    hidden = given["hidden"].eq(":").to_numpy() if "hidden" in given else np.zeros(len(given), bool)
    reasons = _reasons(numbers, texts, method, count, hidden)
    who = texts["municipality"]
    columns: dict[str, NDArray[Any]] = {
        "numerator": numbers["numerator"],
        "denominator": numbers["denominator"],
        "method": method,
        "count": count,
        "per": texts["measure"].look_up({code: m.per for code, m in MEASURES.items()}),
        "member": np.ones(len(given), bool) if not members else who.among(members),
        "key": key,
        "cell": cell,
        "who": who.codes,
    }
    order = _in_order(reasons, method, key, who)
    left = np.flatnonzero(reasons)
    rows, others = (
        pd.DataFrame({name: columns[name].take(some) for name in names}, index=some, copy=False)
        for some, names in ((order, tuple(columns)), (left, _ORDER))
    )
    return ComparedRows(rows, name_rows(given, others, reasons[left], REASONS))


def _in_order(
    reasons: NDArray[np.int8], method: NDArray[np.int8], key: NDArray[np.int64], who: "Words"
) -> NDArray[np.int64]:
    """Places of the rows that are not left out: by method, comparison and municipality."""
    whole = (method * (key.max(initial=0) + 1) + key) * len(who.values) + who.codes
    order = np.argsort(np.where(reasons == 0, whole, -1))
    return order[np.count_nonzero(reasons) :]


def without_attrs(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the same data without attrs, which pandas copies, line by line, at each step."""
    bare = pd.DataFrame(frame, copy=False).reset_index(drop=True)
    bare.attrs = {}
    return bare


@dataclass(frozen=True, slots=True)
class Words:
    """A column of few words: the words, sorted, and the place of each row's among them.

    Attributes
    ----------
    codes : array of int, shape (n,)
        Minus one where a cell is empty.
    values : list
    """

    codes: NDArray[np.int64]
    values: list[Any]

    @classmethod
    def of(cls, column: pd.Series) -> "Words":
        """Read a column."""
        codes, values = pd.factorize(column, sort=True)
        return cls(codes.astype(np.int64), list(values))

    def among(self, words: Iterable[object]) -> NDArray[np.bool_]:
        """Tell which rows have one of some words, shape (n,)."""
        listed = set(words)
        return np.array([*(word in listed for word in self.values), False])[self.codes]

    def look_up(self, of_word: Mapping[Any, float]) -> NDArray[np.float64]:
        """Return the number of each row's word, shape (n,); missing where it has none."""
        return np.array([*(of_word.get(word, np.nan) for word in self.values), np.nan])[self.codes]


def _joined(codes: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Give numbers to the combinations of several columns, from zero and in their order."""
    joined, many = np.zeros(codes[0].size, dtype=np.int64), 1
    for column in codes:
        size = int(column.max(initial=0)) + 2
        if many * size > _LARGEST:
            joined = pd.factorize(joined, sort=True)[0].astype(np.int64)
            many = int(joined.max(initial=0)) + 1
        joined, many = joined * size + column + 1, many * size
    return np.asarray(pd.factorize(joined, sort=True)[0], dtype=np.int64)


def name_rows(
    profile: pd.DataFrame, rows: pd.DataFrame, reasons: NDArray[np.int8], texts: Sequence[str]
) -> list[str]:
    """Rows that are left out: one line for each comparison and reason, with the municipalities and years.

    Parameters
    ----------
    profile : DataFrame
        That the index of `rows` has the places in.
    rows : DataFrame
        Of `compared_rows`.
    reasons : array of int, shape (n,)
        Place of the reason of each row among `texts`; zero: none.
    texts : sequence of str
    """
    some = np.flatnonzero(reasons > 0)
    cell, key, who = (rows[name].to_numpy()[some] for name in _ORDER)
    whole = _joined([reasons[some].astype(np.int64), cell])
    order = np.lexsort([who, key, whole])
    some, groups = some[order], KeyGroups.of(whole[order])
    # All at once: a part of a text column in several pieces is slow to take.
    first = np.arange(some.size) - groups.starts[groups.of_row] < _SHOWN
    shown = profile[["municipality", "year", *_IN_LINES]].take(rows.index.to_numpy()[some[first]])
    told = list(shown.itertuples(index=False, name=None))
    lines, at = [], 0
    for start, size in zip(groups.starts.tolist(), groups.sizes.tolist(), strict=True):
        own = told[at : at + min(size, _SHOWN)]
        at += len(own)
        names = [f"{who} {year}" for who, year, *_ in own]
        more = [f"and {size - _SHOWN} more"] if size > _SHOWN else []
        lines.append((texts[reasons[some[start]]], *own[0][2:], ", ".join([*names, *more])))
    return [
        f"{measure}, {group}, {service}, {provision}: {reason} ({who})"
        for reason, measure, group, service, provision, _, who in sorted(lines, key=lambda line: line[:-1])
    ]


def _checked(
    given: pd.DataFrame, texts: Mapping[str, Words], key: NDArray[np.int64]
) -> dict[str, NDArray[np.float64]]:
    """Numbers of a profile, none of them wrong."""
    numbers = {c: pd.to_numeric(given[c], errors="coerce").to_numpy(float, na_value=np.nan) for c in _NUMBERS}
    problems = [*_unreadable(given, numbers)]
    if not problems:
        problems = [*_wrong_numbers(given, numbers, texts)]
    who = texts["municipality"]
    whole = key * (len(who.values) + 1) + who.codes
    if np.any(np.diff(np.sort(whole)) == 0):
        twice = pd.Series(whole).duplicated().to_numpy()
        problems += [f"{where} stands twice" for where in _places(given[twice])]
    unknown = sorted({str(m) for m in texts["measure"].values if m not in MEASURES})
    problems += [f"unknown measure {nearest_names([m], MEASURES)}" for m in unknown]
    if problems:
        raise InvalidDataError(f"profile: {len(problems)} problem(s)", first_of(problems))
    return numbers


def _unreadable(given: pd.DataFrame, numbers: Mapping[str, NDArray[np.float64]]) -> Sequence[str]:
    problems = [f"column {c}: a cell is empty" for c in _NAMED if given[c].isna().any()]
    for column in _NUMBERS:
        wrong = np.flatnonzero(np.isnan(numbers[column]) & given[column].notna().to_numpy())
        problems += [f"row {k + 1}: {column} is no number" for k in wrong.tolist()]
    return problems


def _wrong_numbers(
    given: pd.DataFrame, numbers: Mapping[str, NDArray[np.float64]], texts: Mapping[str, Words]
) -> Sequence[str]:
    top, bottom, value = (numbers[c] for c in _NUMBERS)
    measure = texts["measure"]
    per = measure.look_up({code: m.per for code, m in MEASURES.items()})
    costs = measure.among([*_PER_INHABITANT[:3], *_SHARES])  # net may be negative
    with np.errstate(divide="ignore", invalid="ignore"):
        differs = np.abs(value - top / bottom * per) > _ROUNDING * np.abs(value)
    faults = {
        "a number is infinite": np.isinf(top) | np.isinf(bottom) | (np.isinf(value) & (bottom != 0)),
        "a number too large to be a count or an amount": (np.abs(top) > _MOST) | (np.abs(bottom) > _MOST),
        "the numerator is negative": (top < 0) & ~costs,
        "the denominator is negative": (bottom < 0) & ~measure.among(_SHARES),
        "the value is not numerator / denominator": differs & (bottom > 0) & np.isfinite(top),
        "more users than inhabitants of the age group": (_methods(texts) == METHODS.index(BINOMIAL))
        & (top > bottom)
        & (bottom > 0),
    }
    return [f"{where}: {what}" for what, is_so in faults.items() for where in _places(given[is_so])]


def _places(rows: pd.DataFrame) -> list[str]:
    columns = ("municipality", "year", "group", "service", "provision", "measure")
    return [", ".join(map(str, where)) for where in zip(*(rows[c] for c in columns), strict=True)]


def _methods(texts: Mapping[str, Words]) -> NDArray[np.int8]:
    """Users of an age group are a part of its inhabitants; other counts are no part of their denominator."""
    measure = texts["measure"]
    method = np.zeros(measure.codes.size, dtype=np.int8)
    method[measure.among(_COUNTS)] = METHODS.index(POISSON)
    method[measure.among(["users_per_1000"]) & ~texts["age"].among([ALL])] = METHODS.index(BINOMIAL)
    method[measure.among([*_PER_COUNT, *_PER_INHABITANT])] = METHODS.index(COMPOUND)
    return method


def _counts_behind(
    numbers: Mapping[str, NDArray[np.float64]], texts: Mapping[str, Words]
) -> NDArray[np.float64]:
    """Recipients behind each amount: users of the cell, else places; of a whole group its unique users."""
    measure, service, age = texts["measure"], texts["service"], texts["age"]
    rest = _joined([texts[name].codes for name in CELL if name != "service"])
    # The whole group asks for its unique users; a service that is not there has a number of its own.
    unique = service.values.index(UNIQUE) if UNIQUE in service.values else len(service.values)
    each = len(service.values) + 1
    count = np.where(measure.among(_PER_COUNT), numbers["denominator"], np.nan)
    asked = np.flatnonzero(measure.among(_PER_INHABITANT))
    wanted = rest[asked] * each + np.where(service.among([ALL])[asked], unique, service.codes[asked])
    for name in ("users_per_1000", "places_per_1000"):
        told = np.flatnonzero(measure.among([name]))
        told = told[np.argsort(age.codes[told], kind="stable")]
        cells, first = np.unique(rest[told] * each + service.codes[told], return_index=True)
        found = np.r_[numbers["numerator"][told][first], np.nan][pd.Index(cells).get_indexer(wanted)]
        count[asked] = np.where(np.isnan(count[asked]), found, count[asked])
    return count


def _reasons(
    numbers: Mapping[str, NDArray[np.float64]],
    texts: Mapping[str, Words],
    method: NDArray[np.int8],
    count: NDArray[np.float64],
    hidden: NDArray[np.bool_],
) -> NDArray[np.int8]:
    """Place in `REASONS` of why a row is left out; zero where it is not."""
    top, bottom, value = (numbers[name] for name in _NUMBERS)
    compound = method == METHODS.index(COMPOUND)
    ordered = {
        HIDDEN: hidden,
        MISSING: (np.isnan(top) | np.isnan(bottom) | np.isnan(value)) & (bottom != 0),
        NO_DENOMINATOR: bottom == 0,
        KRONER: texts["measure"].among(_SHARES),
        NO_COUNT: compound & np.isnan(count),
        NOTHING: compound & ~((count > 0) & (top > 0)),
    }
    reason = np.zeros(top.size, dtype=np.int8)
    for why, where in ordered.items():
        reason[where & (reason == 0)] = REASONS.index(why)
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
