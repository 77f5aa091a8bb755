"""Whose a row is: municipality codes however they are written, and rows that do not say it."""

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.callers import level_of_caller
from kostnadsvekst.errors import DataWarning, InvalidDataError

_LISTED = 10
_BLANKS = " \t\r\n\u00a0\u202f\u2009"


def leave_out_unnamed_rows(data: pd.DataFrame, unit: str, time: str) -> pd.DataFrame:
    """Rows with a unit code and a time; a `DataWarning` names the others.

    Parameters
    ----------
    data : DataFrame
        A panel in long form.
    unit, time : str
        Columns. None, NaN, NA, NaT and a category without a level are missing.

    Returns
    -------
    DataFrame
        The data themselves where nothing is missing.

    Raises
    ------
    InvalidDataError
        If no row has both.
    """
    lacks = {name: data[name].isna().to_numpy() for name in (unit, time)}
    missing = lacks[unit] | lacks[time]
    if not missing.any():
        return data
    if missing.all():
        raise InvalidDataError(f"no row has both a unit in {unit!r} and a time in {time!r}")
    named = " or ".join(repr(name) for name, gone in lacks.items() if gone.any())
    warnings.warn(
        f"{missing.sum()} row(s) without {named} belong to nobody and are "
        f"left out: {_describe(data, np.flatnonzero(missing), unit, time)}",
        DataWarning,
        stacklevel=level_of_caller(),
    )
    return data[~missing]


def _describe(data: pd.DataFrame, positions: NDArray[np.intp], unit: str, time: str) -> str:
    first = positions[:_LISTED]
    rows = zip(first, data[unit].iloc[first], data[time].iloc[first], strict=True)
    listed = [f"row {position} ({unit} {code}, {time} {when})" for position, code, when in rows]
    more = len(positions) - _LISTED
    return "; ".join(listed) + (f" and {more} more" if more > 0 else "")


# K-0301, K_0301, K0301, 0301 Oslo, 0301 - Oslo, 301.0, '0301
_CODE = re.compile(
    r"'?(?:K[-_ ]?)?(?P<code>[0-9]{3,4})(?:\.0+)?(?:(?:\s*[-–:_]\s*|\s+)(?P<name>[^\W\d_].*))?", re.IGNORECASE
)
_LOWEST_CODE, _HIGHEST_CODE = 101, 9999


@dataclass(frozen=True, slots=True)
class MunicipalityCodes:
    """Municipalities of a column, told apart from their names.

    Attributes
    ----------
    codes : Series of str
        Codes of four digits; a unit that is no code is its own text.
    names : Series of str or None
        Names that stood beside the codes or were their labels; None if there were none.
    others : tuple of str
        Units that are no codes, where other units are.
    """

    codes: pd.Series
    names: pd.Series | None = None
    others: tuple[str, ...] = ()


def read_municipalities(column: pd.Series, labels: Mapping[str, str] | None = None) -> MunicipalityCodes:
    """Read municipality codes however they are written: labels never take their place.

    Parameters
    ----------
    column : (n,) Series
        Numbers (301, 301.0), text (``0301``, ``301``, ``K-0301``, ``K_0301``, ``0301 Oslo``), categories, or
        anything else that tells units apart.
    labels : mapping of str to str, optional
        Value labels: code as text -> label. Where the numbers are no codes (1, 2, 3 of Stata's ``encode``)
        and every one has a label of its own, the labels are the units.

    Returns
    -------
    MunicipalityCodes

    Raises
    ------
    InvalidDataError
        If numbers are not whole or are negative.
    """
    labels = labels or {}
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
    texts = _unit_texts(column)
    if labels and _labels_are_units(texts, labels):
        return _split(texts.map(labels))
    found = _split(texts)
    beside = texts.map(labels).astype("str") if labels else None
    return replace(found, names=beside) if beside is not None and beside.notna().any() else found


def _unit_texts(column: pd.Series) -> pd.Series:
    """Units as text without blanks around them; whole numbers without a decimal point."""
    numeric = column.map(_is_number).astype(bool)
    numbers = column[numeric & column.notna()].astype(float)
    broken = numbers[(numbers % 1 != 0) | (numbers < 0)]
    if len(broken):
        raise InvalidDataError(
            "municipality codes must be whole numbers or text: "
            f"{', '.join(str(v) for v in broken.unique()[:_LISTED])}"
        )
    texts = column.map(
        lambda value: str(int(value)) if _is_number(value) else str(value).strip(_BLANKS),
        na_action="ignore",
    )
    return texts.where(texts != "").astype("str")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal | np.number) and not isinstance(value, bool)


def _labels_are_units(texts: pd.Series, labels: Mapping[str, str]) -> bool:
    present = texts.dropna().unique()
    found = [labels[text] for text in present if text in labels]
    codes = all(text.isdigit() and _LOWEST_CODE <= int(text) <= _HIGHEST_CODE for text in present)
    return not codes and len(found) == len(present) == len(set(found))


def _split(texts: pd.Series) -> MunicipalityCodes:
    """Codes and names of units of which at least one is written as a code."""
    present = list(texts.dropna().unique())
    match = {text: _CODE.fullmatch(text) for text in present}
    codes = {text: found["code"].zfill(4) if found else text for text, found in match.items()}
    if all(text.isdigit() for text in present):  # also numbers below 100 or above 9999
        return MunicipalityCodes(texts.map({text: text.zfill(4) for text in present}).astype("str"))
    names = {text: found["name"].strip() for text, found in match.items() if found and found["name"]}
    others = tuple(text for text, found in match.items() if found is None)
    return MunicipalityCodes(
        texts.map(codes).astype("str"),
        texts.map(names).astype("str") if names else None,
        others if 0 < len(others) < len(present) else (),
    )


def place_municipalities(
    frame: pd.DataFrame, labels: Mapping[str, str] | None = None, stacklevel: int = 3
) -> pd.DataFrame:
    """Put codes into the column ``municipality`` and names, where there are any, beside it.

    Parameters
    ----------
    frame : DataFrame
        With a column ``municipality``.
    labels : mapping of str to str, optional
        As in `read_municipalities`.
    stacklevel : int
        Of the warning; 3 is who called the caller.

    Returns
    -------
    DataFrame
        With ``municipality_name`` after the last column, unless there is one already.

    Warns
    -----
    DataWarning
        Naming units that are no codes where others are ("Hele landet").
    """
    found = read_municipalities(frame["municipality"], labels)
    if found.others:
        listed = ", ".join(map(repr, found.others[:_LISTED]))
        more = f" and {len(found.others) - _LISTED} more" if len(found.others) > _LISTED else ""
        warnings.warn(
            f"{len(found.others)} unit(s) without a municipality code stay as units of their own: "
            f"{listed}{more}; "
            "leave out rows of the country and of counties",
            DataWarning,
            stacklevel=level_of_caller(),
        )
    placed = frame.assign(municipality=found.codes)
    if found.names is not None and "municipality_name" not in frame.columns:
        placed["municipality_name"] = found.names
    return placed
