"""Growth of a mean outcome between two years, accounted for by an estimate: means, coefficients, the rest.

In a year t the weighted mean of the outcome is the sum over columns z of beta_z(t) times the mean of z in t,
plus the mean of the effects and of the residuals. beta_z(t) is what the model's terms with time make of the
coefficient of z in the year t: with ``C(year):income`` each year has its own. Growth is then exactly the sum
of changed means at given coefficients, changed coefficients at given means (Oaxaca 1973, International
Economic Review 14, 693-709; Blinder 1973, Journal of Human Resources 8, 436-455), the year effects, and what
units and residuals add.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtrit

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.models.design import Design
from kostnadsvekst.models.fixed_effects import Estimate
from kostnadsvekst.models.grammar import columns_in, unquote
from kostnadsvekst.models.preparation import PreparedSample, prepare
from kostnadsvekst.naming import nearest_names

Floats = NDArray[np.float64]

LEVEL = 0.95
MEANS, COEFFICIENTS = "means", "coefficients"
YEAR_EFFECTS, UNITS, RESIDUALS, TOTAL = "year effects", "unit effects", "residuals", "total"
# Weight of the last year's coefficients where changed means are valued.
REFERENCES = {"start": 0.0, "mean": 0.5, "end": 1.0}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the model without its time.

    Attributes
    ----------
    name : str
        Empty for the year effects.
    loadings : (2, k) array
        The column's coefficient in the first and the last year is ``loadings @ b``.
    means : (2,) array
        Its weighted mean in the two years.
    """

    name: str
    loadings: Floats
    means: Floats


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the growth; where it is made of coefficients alone it is ``gradient @ b``."""

    name: str
    group: str
    value: float
    gradient: Floats | None


def account_for_growth(
    est: Estimate,
    panel: pd.DataFrame,
    start: object,
    end: object,
    groups: Mapping[str, Sequence[str]] | None = None,
    *,
    reference: Literal["start", "mean", "end"] = "mean",
) -> pd.DataFrame:
    """Account for the growth of the weighted mean outcome between two years.

    Parameters
    ----------
    est : Estimate
        From `kostnadsvekst.estimate`, on this panel.
    panel : DataFrame
    start, end : year, or another period as the panel has it
    groups : mapping of str to sequence of str, optional
        Name -> columns (the terms without their time), each in one group. Without it each column is a group.
    reference : {"mean", "start", "end"}
        Whose coefficients changed means are valued at; changed coefficients are then valued at the means of
        the other year. With ``"mean"`` both at the average.

    Returns
    -------
    DataFrame
        ``part`` (``"means"``, ``"coefficients"``, ``"year effects"``, ``"unit effects"``, ``"residuals"``,
        ``"total"``), ``group``, ``contribution`` (units of the outcome; the parts sum to the total, which
        is the growth of the weighted mean), ``std_error``, ``conf_low``, ``conf_high`` (nominally 95 per
        cent, from the estimate's covariance, given the columns), ``share`` (of the growth). The total is a
        datum; it, and what units and residuals add, which coefficients do not account for, have no error.

    Raises
    ------
    SpecificationError
        A year without rows, or groups that are not a partition of the columns.
    """
    if np.ndim(est.df):
        raise SpecificationError("the covariance has degrees of freedom for each term: choose another kind")
    prepared = prepare(est.specification, panel)
    if not (np.array_equal(prepared.rows, est.rows) and np.allclose(prepared.outcome, est.fit.y)):
        raise SpecificationError("the panel is not the one of the estimate: it has other rows or outcomes")
    shares = np.stack([_year_weights(prepared, period) for period in (start, end)])
    columns = _columns(est, prepared, shares)
    members = _read_groups(groups, [column.name for column in columns if column.name])
    at_end = REFERENCES[reference]
    parts = [
        _sum(MEANS, g, [_of_means(c, at_end) for c in columns if c.name in names], est)
        for g, names in members.items()
    ]
    parts += [
        _sum(COEFFICIENTS, g, changes, est)
        for g, names in members.items()
        if np.any(changes := [_of_coefficients(c, at_end) for c in columns if c.name in names])
    ]
    parts += [
        _sum(YEAR_EFFECTS, "", [c.loadings[1] - c.loadings[0] for c in columns if not c.name], est),
        *_what_is_left(est, shares),
    ]
    return _frame(parts, est, float((shares[1] - shares[0]) @ est.fit.y))


def _year_weights(prepared: PreparedSample, period: object) -> Floats:
    """Weights of the rows of a year, summing to one."""
    inside = (prepared.times == period).to_numpy()
    if not inside.any():
        known = ", ".join(map(str, sorted(prepared.times.unique())))
        raise SpecificationError(f"no row of {period!r} was used; there are {known}")
    weights = np.where(inside, prepared.weights, 0.0)
    shares: Floats = weights / weights.sum()
    return shares


def _columns(est: Estimate, prepared: PreparedSample, shares: Floats) -> list[Column]:
    design = prepared.build_design()
    kept = [design.terms.index(name) for name in est.terms[:-1]]
    loadings: dict[str, Floats] = {}
    values: dict[str, Floats] = {}
    for position, j in enumerate(kept):
        column, rest = design.columns[:, j], _without_time(design, j, prepared)
        name, z = (design.terms[j], column) if rest is None else rest
        values.setdefault(name, z)
        own = loadings.setdefault(name, np.zeros((2, len(kept))))
        own[:, position] = [_time_part(column, z, share, design.terms[j]) for share in shares]
    return [Column(name, own, shares @ values[name]) for name, own in loadings.items()]


def _without_time(design: Design, j: int, prepared: PreparedSample) -> tuple[str, Floats] | None:
    """Name and values of a column without its factors of time; None where it has none."""
    time = prepared.needed.time
    factors = design.sources[j]
    others = [factor for factor in factors if not _is_of(factor, time)]
    if len(others) == len(factors):
        return None
    numbers = prepared.sample.numbers
    if any(factor not in numbers for factor in others):
        raise SpecificationError(
            f"{design.terms[j]!r}: growth cannot be accounted for where categories have coefficients by "
            "time; give the model one column of zeros and ones for each"
        )
    z = np.prod([numbers[factor] for factor in others], axis=0) * np.ones(len(prepared.rows))
    return ":".join(map(unquote, others)), z


def _is_of(factor: str, time: str) -> bool:
    """Whether a factor is the time column, its categories or a function of it."""
    return set(columns_in(factor)) == {time}


def _time_part(column: Floats, z: Floats, share: Floats, name: str) -> float:
    """Measure a column in units of z in the rows of a year."""
    length = share @ z**2
    part = share @ (column * z) / length if length else 0.0
    if not np.allclose(column[share > 0], part * z[share > 0], rtol=1e-9, atol=1e-12):
        raise SpecificationError(f"{name!r} is not the same function of time in all rows of a period")
    return float(part)


def _of_means(column: Column, at_end: float) -> Floats:
    loading = (1 - at_end) * column.loadings[0] + at_end * column.loadings[1]
    change: Floats = loading * (column.means[1] - column.means[0])
    return change


def _of_coefficients(column: Column, at_end: float) -> Floats:
    mean = at_end * column.means[0] + (1 - at_end) * column.means[1]
    change: Floats = (column.loadings[1] - column.loadings[0]) * mean
    return change


def _sum(name: str, group: str, gradients: Sequence[Floats], est: Estimate) -> Part:
    gradient = np.sum([np.zeros(len(est.fit.coefficients)), *gradients], axis=0)
    return Part(name, group, float(gradient @ est.fit.coefficients), gradient)


def _what_is_left(est: Estimate, shares: Floats) -> tuple[Part, Part]:
    """Change of the mean of the effects (other units, other weights), and of the residuals."""
    fit, change = est.fit, shares[1] - shares[0]
    effects = fit.y - fit.X @ fit.coefficients - fit.residuals
    units = Part(UNITS, "", float(change @ effects), None)
    return units, Part(RESIDUALS, "", float(change @ fit.residuals), None)


def _read_groups(groups: Mapping[str, Sequence[str]] | None, names: Sequence[str]) -> dict[str, list[str]]:
    if groups is None:
        return {name: [name] for name in names}
    members = {group: [some] if isinstance(some, str) else list(some) for group, some in groups.items()}
    named = [name for some in members.values() for name in some]
    problems = [
        f"{nearest_names([name], names)} is no column of the model" for name in named if name not in names
    ]
    problems += [f"{name!r} is in no group" for name in names if name not in named]
    problems += [f"{name!r} is in {named.count(name)} groups" for name in names if named.count(name) > 1]
    if problems:
        raise SpecificationError("; ".join(problems))
    return members


def _frame(parts: Sequence[Part], est: Estimate, growth: float) -> pd.DataFrame:
    quantile = float(stdtrit(np.asarray(est.df), 0.5 + LEVEL / 2))
    V = est.inference.matrix[:-1, :-1]
    rows = []
    for part in parts:
        g = part.gradient
        error = np.nan if g is None else float(np.sqrt(np.maximum(g @ V @ g, 0.0)))
        low, high = part.value - quantile * error, part.value + quantile * error
        rows.append(
            (part.name, part.group, part.value, error, low, high, part.value / growth if growth else np.nan)
        )
    rows.append((TOTAL, "", growth, np.nan, np.nan, np.nan, 1.0 if growth else np.nan))
    columns = ["part", "group", "contribution", "std_error", "conf_low", "conf_high", "share"]
    frame = pd.DataFrame(rows, columns=columns)
    frame.attrs["provenance"] = est.provenance.to_attrs()
    return frame
