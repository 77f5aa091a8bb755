"""What a two-way table of persons must be before it can be protected or judged; no value is ever quoted."""

import math
from collections.abc import Collection, Hashable, Iterator
from decimal import Decimal
from fractions import Fraction
from numbers import Integral, Real

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.errors import InvalidDataError, SpecificationError
from kostnadsvekst.register.label_parts import overlaps

CONFIDENTIAL = ":"  # Statistics Norway's symbol
MAYBE_NOBODY = ".."  # suppressed as well, and perhaps empty
ALL = "all"
MOST_PERSONS = 10**9
_DIGITS = 4.0
_TOTAL_WORDS = {"all", "total", "totals", "totalt", "tot", "sum", "summa", "alle", "alt", "ialt", "i alt"}
_TOTAL_WORDS |= {"samtlige", "hele landet", "begge", "begge kjønn", "alle aldre", "in total", "grand total"}
_TOTAL_WORDS |= {"both", "both sexes", "all ages"}


def check_threshold(threshold: int) -> int:
    """Threshold as an integer.

    Parameters
    ----------
    threshold : int
        Whole number from 2 (one hides nothing) to a thousand million.

    Raises
    ------
    SpecificationError
    """
    number = isinstance(threshold, Real) and not isinstance(threshold, (bool, np.bool_))
    if not number or not (isinstance(threshold, Integral) or float(threshold).is_integer()):
        raise SpecificationError(f"threshold={threshold!r}; it is a whole number of persons, such as 5")
    if not 2 <= threshold <= MOST_PERSONS:
        raise SpecificationError(
            f"threshold: below 2 nothing is hidden, and above {MOST_PERSONS} there are no persons; usual is 5"
        )
    return int(threshold)


def check_dominance(dominance: float) -> float:
    """Share of the largest contributor, above 0 and below 1.

    Raises
    ------
    SpecificationError
    """
    number = isinstance(dominance, Real) and not isinstance(dominance, (bool, np.bool_))
    if not number or not 0 < dominance < 1:
        raise SpecificationError(f"dominance={dominance!r}; it is a share above 0 and below 1, such as 0.85")
    return float(dominance)


def read_cells(
    table: pd.DataFrame, name: str, *, whole: bool, may_hide: bool = False
) -> tuple[pd.DataFrame, NDArray[np.bool_]]:
    """Numbers of a two-way table, and which cells are suppressed.

    Parameters
    ----------
    table : DataFrame
        Labels of one level, none twice; cells non-negative and finite, digits as text included.
    name : str
        What the table is, for messages.
    whole : bool
        Whether cells are persons and thus whole numbers.
    may_hide : bool
        Whether ``":"`` or ``".."`` may stand in a cell.

    Returns
    -------
    numbers : DataFrame of float
        Missing where suppressed.
    hidden : ndarray of bool, shape of the table

    Raises
    ------
    InvalidDataError
        All that is wrong, by label, never by value.
    """
    if not isinstance(table, pd.DataFrame):
        raise InvalidDataError(f"{name}: a {type(table).__name__}, not a DataFrame with rows and columns")
    problems = [*_label_problems(table)]
    if problems:
        raise InvalidDataError(f"{name}: {len(problems)} problem(s) of labels", problems)
    numbers, cells = np.full(table.shape, np.nan), table.to_numpy(dtype=object)
    for i, j in np.ndindex(table.shape):
        value, problem = _number(cells[i, j], whole, may_hide)
        numbers[i, j] = value
        if problem:
            problems.append(f"{table.index[i]}, {table.columns[j]}: {problem}")
    if problems:
        raise InvalidDataError(f"{name}: {len(problems)} problem(s)", problems)
    return pd.DataFrame(numbers, index=table.index, columns=table.columns), np.isnan(numbers)


def _label_problems(table: pd.DataFrame) -> Iterator[str]:
    if not table.size:
        yield "there are no cells"
    for axis, kind in zip(table.axes, ("row", "column"), strict=True):
        if isinstance(axis, pd.MultiIndex):
            yield (
                f"{kind} labels have {axis.nlevels} levels; without totals over a level, join the levels to "
                "one label; a table of three ways with totals cannot be protected as one of two"
            )
            continue
        if axis.hasnans:
            yield f"a {kind} has no label"
        for label in axis[axis.duplicated()].unique():
            yield f"label {label!r} occurs twice"
        text = pd.Index([str(label).strip() for label in axis.unique()])
        for label in text[text.duplicated()].unique():
            yield f"{kind} label {label} occurs both as text and as another type, or with blanks"


def _number(value: object, whole: bool, may_hide: bool) -> tuple[float, str]:
    """Value of a cell and what is wrong with it, if anything."""
    if isinstance(value, str):
        if may_hide and value.strip() in (CONFIDENTIAL, MAYBE_NOBODY):
            return math.nan, ""
        try:
            value = float(value.replace("_", "x"))
        except ValueError:
            return math.nan, "neither a number nor ':'" if may_hide else "not a number"
    elif value is None or value is pd.NA or value is pd.NaT:
        value = math.nan
    elif isinstance(value, (bool, np.bool_)) or not isinstance(value, (Real, Decimal, Fraction)):
        return math.nan, "not a number"
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    return number, _fault(number, whole)


def _fault(number: float, whole: bool) -> str:
    if math.isnan(number):
        return "missing"
    if math.isinf(number):
        return "not finite"
    if number < 0:
        return "negative"
    if whole and abs(number - round(number)) > 1e-9 * max(1.0, number):
        return "not a whole number of persons"
    if whole and number > MOST_PERSONS:
        return "more persons than there are"
    return ""


def same_labels(table: pd.DataFrame, other: pd.DataFrame, name: str, total: str) -> list[str]:
    """List what keeps `other` from having the labels of `table`, margins apart.

    Labels of another type (``301`` for ``"0301"``) are told from labels that are not there.
    """
    problems = []
    for kind, ours, theirs in zip(("row", "column"), table.axes, other.axes, strict=True):
        for labels, place in (
            ([x for x in ours if x not in theirs and x != total], f"are not in {name}"),
            ([x for x in theirs if x not in ours and x != total], f"are in {name} only"),
        ):
            if labels:
                problems.append(f"{kind} labels {', '.join(map(repr, labels))} {place}")
        alike = {_plain(x) for x in ours if x not in theirs} & {_plain(x) for x in theirs if x not in ours}
        if alike:
            problems.append(
                f"{kind} labels {', '.join(sorted(alike))} stand in both as different types: convert one"
            )
    return problems


def _plain(label: Hashable) -> str:
    return str(label).strip().lstrip("0") or "0"


def with_margins(numbers: pd.DataFrame, total: str, name: str) -> pd.DataFrame:
    """Table with both margins, made anew; given margins must be the sums.

    Raises
    ------
    InvalidDataError
        Margins that are not the sums, by label; or nothing but margins.
    """
    inner = numbers.drop(index=total, columns=total, errors="ignore")
    if not inner.size:
        raise InvalidDataError(f"{name}: nothing but totals")
    full = inner.copy()
    full[total] = inner.sum(axis=1)
    full.loc[total] = full.sum(axis=0)
    problems = []
    for labels, given in (("row", total in numbers.index), ("column", total in numbers.columns)):
        if given:
            ours = full.loc[total, numbers.columns] if labels == "row" else full.loc[numbers.index, total]
            theirs = numbers.loc[total] if labels == "row" else numbers[total]
            wrong = ~np.isclose(ours.to_numpy(float), theirs.to_numpy(float), rtol=1e-9)
            problems += [f"{label}: the {labels} total is not the sum" for label in ours.index[wrong]]
    if problems:
        raise InvalidDataError(f"{name}: margins are not sums", problems)
    return full


def refuse_other_totals(
    numbers: pd.DataFrame, total: str, not_totals: Collection[Hashable], name: str
) -> None:
    """Refuse rows and columns that look like totals but are not called `total`.

    Parameters
    ----------
    numbers : DataFrame of float
        Missing where suppressed.
    total : str
        Label of the margins.
    not_totals : collection of labels
        Rows and columns that the user knows to be none.
    name : str

    Raises
    ------
    InvalidDataError
        With every row and column that is the sum of all others, or of two or more beside it, or is called
        like a total.
    """
    known = {not_totals} if isinstance(not_totals, str) else set(not_totals)
    problems = []
    for frame, kind in ((numbers, "row"), (numbers.T, "column")):
        inner = frame.drop(index=total, columns=total, errors="ignore")
        for k, label in enumerate(inner.index):
            if label in known:
                continue
            reason = _looks_like_total(inner, k, label)
            if reason:
                problems.append(f"{kind} {label!r} {reason}")
        problems += [
            f"{kind}s {a!r} and {b!r} overlap"
            for a, b in overlaps(list(inner.index))
            if a not in known and b not in known
        ]
    if problems:
        raise InvalidDataError(
            f"{name}: {len(problems)} label(s) look like totals that are not called {total!r}. A total "
            "counted as a cell hides too little: name it with total=, leave it out, or say with not_totals= "
            "that it is none",
            problems,
        )


def _looks_like_total(inner: pd.DataFrame, k: int, label: Hashable) -> str:
    if len(inner) > 1 and str(label).strip().casefold() in _TOTAL_WORDS:
        return "is called like a total"
    values = inner.to_numpy(dtype=float)
    others = np.delete(values, k, axis=0)
    if len(others) and _is_sum(values[k], others.sum(axis=0)[None])[0]:
        return "is the sum of the others"
    # Of all runs of lines some have the right sum by chance: as many digits more must agree.
    digits = np.log10(1 + np.nan_to_num(values[k])).sum()
    if digits > _DIGITS + 2 * math.log10(len(values)):
        for run in (values[k + 1 :], values[:k][::-1]):
            found = np.flatnonzero(_is_sum(values[k], np.cumsum(run, axis=0))[1:])
            if found.size:
                return f"is the sum of {found[0] + 2} lines beside it"
    return ""


def _is_sum(line: NDArray[np.float64], sums: NDArray[np.float64]) -> NDArray[np.bool_]:
    """For each row of sums, whether it is the line where it can be checked: in one filled cell at least."""
    known = ~np.isnan(line) & ~np.isnan(sums)
    close = np.isclose(line, sums, rtol=1e-9, atol=1e-9)
    return np.asarray((close | ~known).all(axis=1) & (known & (line > 0)).any(axis=1))
