"""Fixed effects with AR(1) disturbances: Stata's ``xtregar, fe`` (Baltagi and Wu 1999).

Symbols (z, pair, spell, S0, S1, S_now, S_before, S_gap, a) are those of docs/notation.md, with n rows, N
units and K kept regressors. Any sum of squares or products of the residuals y - x'b is a quadratic form of
the moments S in a = (-b', 1)', so the search for rho never returns to the data.
"""

import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from kostnadsvekst.callers import level_of_caller
from kostnadsvekst.errors import DataWarning, InvalidDataError, SpecificationError
from kostnadsvekst.language import Bilingual
from kostnadsvekst.models.covariance_kinds import KINDS, Grouping, compute_covariance, read_choice
from kostnadsvekst.models.fixed_effects import COLLINEAR, WELL_CONDITIONED, Estimate, WithinFit, fit_within
from kostnadsvekst.models.preparation import PreparedSample, prepare
from kostnadsvekst.models.results import CONSTANT, ResultFacts
from kostnadsvekst.models.specifications import Specification, dummies_of
from kostnadsvekst.naming import require_columns
from kostnadsvekst.panel.periods import check_unique, read_panel_periods, require_neighbours
from kostnadsvekst.threads import threads_for

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

RHO_METHODS = ("dw", "tscorr", "regress", "freg", "fixed")
# Stata accepts weights with these only.
WEIGHTED_METHODS = ("regress", "freg", "fixed")
# Stata's default for the search, on successive values of rho.
TOLERANCE = 1e-6
MAX_ITERATIONS = 100
LABEL = Bilingual("Faste effekter, AR(1)-feilledd", "Fixed effects, AR(1) disturbances")
# On squared lengths: what single precision leaves of a collinear column is below it.
_COLLINEAR_SQUARED = 1e-11
_LISTED = 10


@dataclass(frozen=True, slots=True)
class LagMoments:
    """Moments of m stacked columns, the outcome last (symbols in docs/notation.md).

    Attributes
    ----------
    S0, S1, S_now, S_before, S_gap : (m, m) arrays
    """

    S0: Floats
    S1: Floats
    S_now: Floats
    S_before: Floats
    S_gap: Floats

    def prais_winsten(self, rho: float) -> Floats:
        """(m, m) moments of the columns after z_t - rho z_{t-1}, first rows times sqrt(1 - rho^2)."""
        first = self.S0 - self.S_now
        return self.S0 - rho * (self.S1 + self.S1.T) + rho**2 * (self.S_before - first)


@dataclass(frozen=True, slots=True)
class RhoEstimate:
    """Result of the search for rho.

    Attributes
    ----------
    rho : float
    iterations : int
        Number of values computed; one for a two-step estimate, none for a fixed value.
    durbin_watson : float
        Sum of (e_t - e_{t-1})^2 over pairs, plus e_t^2 after gaps, over the sum of e^2, of the within
        residuals: the modified Bhargava-Franzini-Narendranathan statistic.
    lbi : float
        Locally best invariant statistic of Baltagi and Wu (1999), equation 16, of the same residuals.
    """

    rho: float
    iterations: int
    durbin_watson: float
    lbi: float


@dataclass(frozen=True, slots=True)
class Transformed:
    """Rows of the Baltagi-Wu transform; a unit's first row is not among them.

    Attributes
    ----------
    rows : (n*,) integer array
        Positions of the rows kept, among rows sorted by unit and period.
    before : (n*,) integer array
        Position of the row before each in the same unit.
    scale, decay : (n*,) arrays
        z* = scale (z_t - decay z_before), decay = rho^gap.
    """

    rows: Ints
    before: Ints
    scale: Floats
    decay: Floats

    def apply(self, columns: Floats) -> Floats:
        """Transform (n, m) columns to (n*, m), or (n,) to (n*,)."""
        shape = (-1,) + (1,) * (columns.ndim - 1)
        scale, decay = self.scale.reshape(shape), self.decay.reshape(shape)
        return scale * (columns[self.rows] - decay * columns[self.before])


@dataclass(frozen=True, slots=True)
class Ar1Fit:
    """Everything that ``xtregar, fe`` prints, on arrays.

    Attributes
    ----------
    within : WithinFit
        The within regression on the transformed rows; its constant is divided by 1 - rho.
    rho : RhoEstimate
    rows : (n*,) integer array
        Positions of the rows used, in the order given.
    n_gaps : int
        Pairs of neighbouring rows of a unit that are more than one period apart.
    sigma_u : float
        Standard deviation of the N effects u_i = mean y_i - mean x_i'b, over the rows used.
    corr_u_xb, r_squared_between, r_squared_overall : float
        Of the untransformed rows used; see `Ar1Estimate`.
    f_u : float
        F test that all u_i are zero, with N - 1 and n* - N - K degrees of freedom.
    """

    within: WithinFit
    rho: RhoEstimate
    rows: Ints
    n_gaps: int
    sigma_u: float
    corr_u_xb: float
    r_squared_between: float
    r_squared_overall: float
    f_u: float


# Without repr=False the dataclass would print every array in place of the coefficients.
@dataclass(frozen=True, repr=False, eq=False)
class Ar1Estimate(Estimate):
    """A specification fitted with AR(1) disturbances; the rows and sums of squares are the transformed.

    ``sigma`` is sigma_e, ``r_squared_within`` that of the transformed data, as Stata prints them.

    Attributes
    ----------
    rho : float
        Autocorrelation of the disturbances (rho_ar).
    rho_method : str
    iterations : int
    n_gaps : int
        Gaps inside units; with method ``"dw"`` they bias rho upward.
    sigma_u, rho_fov : float
        Standard deviation of the effects, and the share of variance that is due to them.
    corr_u_xb : float
        Correlation of the effects with x'b.
    r_squared_between, r_squared_overall : float
        Squared correlations of y and x'b, between units and over all rows used.
    f_u : float
        F test that all effects are zero, with ``n_entities - 1`` and ``df_resid`` degrees of freedom.
    durbin_watson, lbi : float
        Modified Durbin-Watson statistic and Baltagi-Wu LBI of the within residuals.
    n_lost : int
        Complete rows that the transformation took: the first of each unit.
    step : str
        Length of a period as found in the time column, such as ``"2 years"``.
    """

    rho: float
    rho_method: str
    iterations: int
    n_gaps: int
    sigma_u: float
    corr_u_xb: float
    r_squared_between: float
    r_squared_overall: float
    f_u: float
    durbin_watson: float
    lbi: float
    n_lost: int
    step: str

    @property
    def facts(self) -> ResultFacts:
        """How the estimate came about; the sums of squares are not those of the outcome: no R squared."""
        return replace(
            super().facts,
            estimator="ar1",
            label=LABEL,
            r_squared=None,
            rho=self.rho,
            rho_method=self.rho_method,
            n_lost=self.n_lost,
        )

    def __repr__(self) -> str:
        return f"{super().__repr__()}\none period is {self.step}"

    def with_covariance(
        self, covariance: str | tuple[str, ...], convention: str | None = None, **options: Any
    ) -> Self:
        """Return the same estimate with other standard errors, rho held as it is.

        Parameters and errors are those of `Estimate.with_covariance`; the jackknife does not exist here.
        """
        _check_specification(self.specification.vary(covariance=covariance))
        return super().with_covariance(covariance, convention, **options)

    @cached_property
    def complete_rows(self) -> Ints:
        """Positions of the rows whose levels, knots and coefficients the terms have, the first ones too."""
        if self.data is None:
            raise SpecificationError("the estimate has no data to take the levels of categories from")
        with warnings.catch_warnings():
            # Said when it was estimated.
            warnings.simplefilter("ignore", DataWarning)
            return prepare(self.specification, self.data).rows

    @cached_property
    def untransformed(self) -> tuple[Floats, Floats]:
        """(n, k) kept columns and (n,) outcome of the rows used, before the transformation."""
        source = self.terms_of_estimate
        X = source.columns_of(source.data, rows=self.rows)
        return X, source.outcome_of(source.data, rows=self.rows)

    @property
    def effects_with_constant(self) -> tuple[Floats, ...]:
        """(N,) mean y_i - mean x_i'b over the rows used, unweighted, as Stata's ``predict, u``."""
        X, y = self.untransformed
        left, codes = y - X @ self.fit.coefficients, self.fit.entities
        return (np.bincount(codes, left) / np.bincount(codes),)

    @property
    def sigma_e(self) -> float:
        """Standard deviation of the AR(1) process's innovations."""
        return self.sigma

    @property
    def rho_fov(self) -> float:
        """Fraction of variance because of the effects."""
        return self.sigma_u**2 / (self.sigma_u**2 + self.sigma_e**2)

    @property
    def f_statistic(self) -> float:
        """F test that all slopes are zero, with K and ``df_resid`` degrees of freedom."""
        explained = self.fit.tss_within - self.fit.ssr
        return explained / len(self.fit.kept) / self.sigma_e**2


def estimate_ar1(
    spec: Specification,
    data: pd.DataFrame,
    rho: str = "dw",
    two_step: bool = False,
    rho_value: float | None = None,
) -> Ar1Estimate:
    """Fit a specification with entity effects and AR(1) disturbances.

    Parameters
    ----------
    spec : Specification
        Its time column is read by `kostnadsvekst.panel.periods.read_periods`: one period is the regular
        step of the whole column, such as two years, and must be unique within an entity. Weights must be
        constant within entities and go only with the methods in `WEIGHTED_METHODS`.
    data : DataFrame
        One row an observation, in any order; units may be unbalanced and have gaps. Rows with a missing
        value are left out with a `DataWarning` and leave a gap.
    rho : {"dw", "tscorr", "regress", "freg", "fixed"}
        Estimator of the autocorrelation from the residuals e of the within regression: ``dw`` is
        1 - d/2 with d = sum (e_t - e_{t-1})^2 / sum e^2; ``tscorr`` is sum e_t e_{t-1} / sum e^2;
        ``regress`` regresses e_t on e_{t-1}, ``freg`` e_t on e_{t+1}; ``fixed`` takes `rho_value`.
    two_step : bool
        Stop after the first estimate of rho, instead of iterating until it changes by less than 1e-6.
    rho_value : float, optional
        The value of a fixed rho, inside (-1, 1); giving it implies ``rho="fixed"``.

    Returns
    -------
    Ar1Estimate

    Raises
    ------
    DataMissingError, InvalidDataError
        As `kostnadsvekst.estimate`; also for rows that repeat an entity and period.
    SpecificationError
        For an unknown method, weights that Stata refuses, no two rows of a unit one period apart (but for a
        fixed rho), a rho outside (-1, 1), or nothing to estimate.

    Notes
    -----
    The steps of Stata's ``xtregar, fe`` [XT, Methods and formulas]: (1) columns minus their unit means,
    kept in single precision as Stata keeps them; (2) pooled Prais-Winsten without a constant on these,
    the first row of each spell kept and scaled by sqrt(1 - rho^2), until rho settles; (3) the Baltagi-Wu
    transform of the original columns, z*_t = sqrt(1 - rho^2) / sqrt(1 - rho^(2g)) (z_t - rho^g z_{t-g})
    for a gap of g periods, first rows dropped; (4) the within estimator on z*, with n* - N - K degrees of
    freedom; (5) constant = (mean y* - mean x*'b) / (1 - rho), its standard error left undivided as
    Stata leaves it. After a gap the transformed effect u_i sqrt(1 - rho^2) / sqrt(1 - rho^(2g))
    (1 - rho^g) differs from the other rows', so step 4 removes it only approximately; Stata does the same.
    """
    method, fixed = _check_method(rho, rho_value)
    _check_specification(spec)
    prepared = prepare(spec, data)
    require_columns([spec.time], data.columns)
    periods = read_panel_periods(data[spec.entity], data[spec.time], prepared.rows)
    check_unique(prepared.units, prepared.times, periods.numbers)
    if method != "fixed":
        require_neighbours(prepared.entities, periods, spec.entity, spec.time)
    weights = _unit_weights(prepared, method)
    design = prepared.build_design()
    fit = fit_ar1(
        prepared.outcome,
        design.columns,
        prepared.entities,
        periods.numbers,
        method=method,
        two_step=two_step,
        rho_value=fixed,
        weights=weights,
        names=design.terms,
    )
    if fit.n_gaps and method == "dw":
        _warn_of_gaps(fit.n_gaps, spec.entity)
    names = tuple(design.terms[j] for j in fit.within.kept)
    rows = prepared.rows[fit.rows]
    grouping = Grouping(spec.entity, spec.time, prepared.cluster_codes(fit.rows), data, rows)
    with threads_for(design.columns.size * len(names)):
        covariance = compute_covariance(
            spec.covariance, fit.within, grouping, convention=spec.convention, names=names
        )
    return Ar1Estimate(
        specification=spec,
        terms=(*names, CONSTANT),
        fit=fit.within,
        inference=covariance,
        dropped=tuple(design.terms[j] for j in fit.within.dropped),
        n_incomplete=prepared.sample.n_incomplete,
        rows=rows,
        provenance=prepared.provenance,
        data=data.copy(deep=False),
        rho=fit.rho.rho,
        rho_method=method,
        iterations=fit.rho.iterations,
        n_gaps=fit.n_gaps,
        sigma_u=fit.sigma_u,
        corr_u_xb=fit.corr_u_xb,
        r_squared_between=fit.r_squared_between,
        r_squared_overall=fit.r_squared_overall,
        f_u=fit.f_u,
        durbin_watson=fit.rho.durbin_watson,
        lbi=fit.rho.lbi,
        n_lost=len(prepared.rows) - len(rows),
        step=periods.step,
    )


def _warn_of_gaps(n_gaps: int, entity: str) -> None:
    warnings.warn(
        f"{n_gaps} gap(s) inside units of {entity!r}: the Durbin-Watson estimate of rho is too "
        "high by about the share of rows without a neighbour; compare rho='regress'",
        DataWarning,
        stacklevel=level_of_caller(),
    )


def _check_specification(spec: Specification) -> None:
    if spec.effects != "entity":
        raise SpecificationError("AR(1) disturbances are estimated with absorbed entity effects only")
    if spec.absorb:
        raise SpecificationError(
            f"AR(1) disturbances are estimated with one set of absorbed effects: write "
            f"{dummies_of(spec.absorb)} among the regressors instead of absorbing"
        )
    kind, _ = read_choice(spec.covariance)
    if KINDS[kind].refits:
        raise SpecificationError(f"the {kind} would have to estimate rho again without each cluster")


def fit_ar1(
    y: Floats,
    X: Floats,
    entities: Ints,
    periods: Ints,
    *,
    method: str = "dw",
    two_step: bool = False,
    rho_value: float = 0.0,
    weights: Floats | None = None,
    names: Sequence[str] | None = None,
) -> Ar1Fit:
    """Fit fixed effects with AR(1) disturbances on arrays.

    Parameters
    ----------
    y : (n,) array
    X : (n, K) array
        Without a constant.
    entities : (n,) integer array
        Codes 0 ... N - 1, each in use.
    periods : (n,) integer array
        Unique within an entity.
    method, two_step, rho_value
        As in `estimate_ar1`; `rho_value` is used with ``method="fixed"``.
    weights : (n,) array, optional
        Positive and constant within entities.
    names : sequence of str, optional
        Of the columns, for messages.

    Returns
    -------
    Ar1Fit

    Raises
    ------
    SpecificationError
        If no unit has two rows, or none has two one period apart (but for a fixed rho), rho leaves (-1, 1),
        or nothing is left to estimate.
    """
    with threads_for(X.size * X.shape[1]):
        return _fit_ar1(y, X, entities, periods, method, two_step, rho_value, weights, names)


def _fit_ar1(
    y: Floats,
    X: Floats,
    entities: Ints,
    periods: Ints,
    method: str,
    two_step: bool,
    rho_value: float,
    weights: Floats | None,
    names: Sequence[str] | None,
) -> Ar1Fit:
    order = np.lexsort((periods, entities))
    y, X, entities, periods = y[order], X[order], entities[order], periods[order]
    w = np.ones(len(y)) if weights is None else weights[order]
    gaps = _gaps(entities, periods)
    if not gaps.any():
        raise SpecificationError("no unit has two rows: AR(1) disturbances cannot be estimated")
    if method != "fixed" and not (gaps == 1).any():
        raise SpecificationError(
            "no unit has two rows one period apart: nothing in the data tells rho; give a fixed value "
            "(rho_value)"
        )
    within = _search_columns(np.column_stack([X, y]), entities)
    moments = lag_moments(within * np.sqrt(w)[:, None], gaps)
    rho = estimate_rho(moments, method, two_step=two_step, rho_value=rho_value)
    transformed = baltagi_wu(gaps, rho.rho)
    codes = np.unique(entities[transformed.rows], return_inverse=True)[1]
    kept = transformed.rows
    columns = np.column_stack([X, y])
    star, shift = _centred_transform(columns, transformed, rho.rho)
    fit = _shifted(fit_within(star[:, -1], star[:, :-1], w[kept], codes.astype(np.intp), names), shift)
    effects = _effects(y[transformed.rows], X[transformed.rows][:, fit.kept] @ fit.coefficients, codes)
    return Ar1Fit(
        within=replace(fit, constant=fit.constant / (1 - rho.rho)),
        rho=rho,
        rows=order[transformed.rows],
        n_gaps=int((gaps > 1).sum()),
        f_u=_test_effects(star[:, -1], star[:, fit.kept], fit),
        **effects,
    )


def _centred_transform(columns: Floats, transformed: Transformed, rho: float) -> tuple[Floats, Floats]:
    """Transform columns, less a constant each, and return these constants, (m,), too.

    What is far from zero would lose in the transform the digits in which it differs from its neighbours. The
    columns are therefore taken from their means c; what c itself becomes, c (1 - rho) but after gaps, is put
    back where it is not that.
    """
    centre = columns.mean(axis=0)
    beyond = transformed.apply(np.ones(len(columns))) - (1 - rho)
    return transformed.apply(columns - centre) + np.outer(beyond, centre), centre * (1 - rho)


def _shifted(fit: WithinFit, shift: Floats) -> WithinFit:
    """Fit of the same columns plus a constant each, the outcome's last."""
    used = shift[[*fit.kept, -1]]
    return replace(
        fit,
        constant=fit.constant + float(used[-1] - used[:-1] @ fit.coefficients),
        x_mean=fit.x_mean + used[:-1],
        entity_means=fit.entity_means + used,
    )


def lag_moments(within: Floats, gaps: Ints) -> LagMoments:
    """Moments of columns that are sorted by unit and period.

    Parameters
    ----------
    within : (n, m) array
        The outcome last.
    gaps : (n,) integer array
        Periods since the unit's row before, 0 for its first row.
    """
    now = np.flatnonzero(gaps == 1)
    current, before = within[now], within[now - 1]
    after_gap = within[gaps > 1]
    return LagMoments(
        S0=within.T @ within,
        S1=current.T @ before,
        S_now=current.T @ current,
        S_before=before.T @ before,
        S_gap=after_gap.T @ after_gap,
    )


def estimate_rho(
    moments: LagMoments, method: str = "dw", *, two_step: bool = False, rho_value: float = 0.0
) -> RhoEstimate:
    """Estimate the autocorrelation from moments, iterated or in two steps.

    Parameters
    ----------
    moments : LagMoments
    method, two_step, rho_value
        As in `fit_ar1`.

    Returns
    -------
    RhoEstimate

    Raises
    ------
    SpecificationError
        If rho leaves (-1, 1), or does not settle in `MAX_ITERATIONS`.
    """
    a = _residual_direction(moments.S0)
    total = a @ moments.S0 @ a
    if not total > 0:
        raise SpecificationError("the within residuals are all zero: rho is not defined")
    cross = a @ moments.S1 @ a
    squares = a @ (moments.S_now + moments.S_before + moments.S_gap) @ a
    watson, lbi = (squares - 2 * cross) / total, 2 - 2 * cross / total
    if method == "fixed":
        return RhoEstimate(rho_value, 0, float(watson), float(lbi))
    rho, iterations = _iterate(moments, _RHO_FORMULAS[method], a, two_step)
    return RhoEstimate(rho, iterations, float(watson), float(lbi))


def baltagi_wu(gaps: Ints, rho: float) -> Transformed:
    """Transform that removes AR(1) disturbances from rows sorted by unit and period.

    Parameters
    ----------
    gaps : (n,) integer array
        Periods since the unit's row before, 0 for its first row.
    rho : float

    Returns
    -------
    Transformed

    Notes
    -----
    Baltagi and Wu (1999), equation 3. A rho of zero leaves the rows as they are.
    """
    rows = np.flatnonzero(gaps > 0)
    decay = np.power(rho, gaps[rows])
    return Transformed(rows, rows - 1, np.sqrt((1 - rho**2) / (1 - decay**2)), decay)


def _dw(m: LagMoments, a: Floats) -> float:
    squares = a @ (m.S_now + m.S_before) @ a - 2 * (a @ m.S1 @ a)
    return float(1 - squares / (a @ m.S0 @ a) / 2)


def _tscorr(m: LagMoments, a: Floats) -> float:
    return float(a @ m.S1 @ a / (a @ m.S0 @ a))


def _regress(m: LagMoments, a: Floats) -> float:
    return float(a @ m.S1 @ a / (a @ m.S_before @ a))


def _freg(m: LagMoments, a: Floats) -> float:
    return float(a @ m.S1 @ a / (a @ m.S_now @ a))


_RHO_FORMULAS: dict[str, Callable[[LagMoments, Floats], float]] = {
    "dw": _dw,
    "tscorr": _tscorr,
    "regress": _regress,
    "freg": _freg,
}


def _iterate(
    moments: LagMoments, formula: Callable[[LagMoments, Floats], float], a: Floats, two_step: bool
) -> tuple[float, int]:
    rho = 0.0
    for iteration in range(1, MAX_ITERATIONS + 1):
        previous, rho = rho, formula(moments, a)
        if not abs(rho) < 1:
            raise SpecificationError(
                f"the estimate of rho is {rho:.6g}, outside (-1, 1): the residuals are not stationary; "
                "give a fixed value (rho_value) or difference the data"
            )
        if two_step or abs(rho - previous) < TOLERANCE:
            return rho, iteration
        a = _residual_direction(moments.prais_winsten(rho))
    raise SpecificationError(
        f"rho has not settled after {MAX_ITERATIONS} iterations (last value {rho:.6g}); use two_step=True"
    )


def _residual_direction(S: Floats) -> Floats:
    """(-b', 1)' of the least-squares fit with moments S; with collinear columns b is one of its solutions."""
    norms = np.sqrt(np.diag(S)[:-1])
    norms[norms == 0] = 1.0
    scaled, target = S[:-1, :-1] / np.outer(norms, norms), S[:-1, -1] / norms
    try:
        factor = cho_factor(scaled, lower=True)
        if np.diag(factor[0]).min() ** 2 > _COLLINEAR_SQUARED:
            return np.append(-cho_solve(factor, target) / norms, 1.0)
    except LinAlgError:
        pass
    b = np.linalg.lstsq(scaled, target, rcond=_COLLINEAR_SQUARED)[0]
    return np.append(-b / norms, 1.0)


def _gaps(entities: Ints, periods: Ints) -> Ints:
    gaps = np.zeros(len(entities), dtype=np.intp)
    gaps[1:] = np.where(entities[1:] == entities[:-1], np.diff(periods), 0)
    return gaps


def _search_columns(columns: Floats, entities: Ints) -> Floats:
    """Columns minus unit means, as the search for rho takes them; the outcome is the last.

    Rounded to single precision: Stata generates these columns as float, and its printed rho of the manual's
    example (.67210608) and Durbin-Watson statistic show that rounding in the last digit. Only where
    regressors are nearly collinear, so that the rounding would decide what is left of them, they stay in
    double precision and are replaced by orthonormal ones, which give the same residuals.
    """
    counts = np.bincount(entities)
    sums = np.column_stack([np.bincount(entities, column) for column in columns.T])
    within: Floats = columns - (sums / counts[:, None])[entities]
    norms = np.sqrt(np.einsum("ij,ij->j", within, within))[:-1]
    scaled = within[:, :-1] / np.where(norms > 0, norms, 1.0)
    if not _nearly_collinear(scaled):
        return within.astype(np.float32).astype(np.float64)
    U, values = np.linalg.svd(scaled, full_matrices=False)[:2]
    return np.column_stack([U[:, values > COLLINEAR * values[0]], within[:, -1]])


def _nearly_collinear(scaled: Floats) -> bool:
    """Whether columns of length one are, but for those that are combinations of others."""
    with suppress(LinAlgError):
        if np.diag(np.linalg.cholesky(scaled.T @ scaled)).min() > WELL_CONDITIONED:
            return False
    values = np.linalg.svd(scaled, compute_uv=False)
    left = values[values > COLLINEAR * values[0]]
    return bool(left[-1] < WELL_CONDITIONED * left[0])


def _effects(y: Floats, xb: Floats, codes: Ints) -> dict[str, float]:
    counts = np.bincount(codes)
    y_mean, xb_mean = np.bincount(codes, y) / counts, np.bincount(codes, xb) / counts
    u = y_mean - xb_mean
    return {
        "sigma_u": float(np.std(u, ddof=1)) if len(u) > 1 else 0.0,
        "corr_u_xb": _correlation(u[codes], xb),
        "r_squared_between": _correlation(y_mean, xb_mean) ** 2,
        "r_squared_overall": _correlation(y, xb) ** 2,
    }


def _correlation(first: Floats, second: Floats) -> float:
    first, second = first - first.mean(), second - second.mean()
    length = np.sqrt(first @ first * (second @ second))
    return float(first @ second / length) if length > 0 else float("nan")


def _test_effects(y: Floats, X: Floats, fit: WithinFit) -> float:
    if fit.n_entities < 2:
        return float("nan")
    # Around their means and of length one, for solving by singular values hangs on both.
    pooled = np.column_stack([X, y])
    pooled = (pooled - fit.weights @ pooled / fit.weights.sum()) * np.sqrt(fit.weights)[:, None]
    columns = pooled[:, :-1] / np.linalg.norm(pooled[:, :-1], axis=0)
    b = np.linalg.lstsq(columns, pooled[:, -1], rcond=None)[0]
    ssr_pooled = float(np.sum((pooled[:, -1] - columns @ b) ** 2))
    return (ssr_pooled - fit.ssr) / (fit.n_entities - 1) / (fit.ssr / fit.df_resid)


def _check_method(method: str, rho_value: float | None) -> tuple[str, float]:
    if rho_value is not None and method == "dw":
        method = "fixed"
    if method not in RHO_METHODS:
        raise SpecificationError(f"unknown method {method!r} for rho; known: {', '.join(RHO_METHODS)}")
    if (rho_value is None) == (method == "fixed"):
        raise SpecificationError("rho_value goes with rho='fixed', and rho='fixed' needs rho_value")
    if rho_value is not None and not -1 < rho_value < 1:
        raise SpecificationError(f"rho_value {rho_value} is outside (-1, 1)")
    return method, 0.0 if rho_value is None else float(rho_value)


def _unit_weights(prepared: PreparedSample, method: str) -> Floats | None:
    column, entity = prepared.needed.weights, prepared.needed.entity
    if not column:
        return None
    if method not in WEIGHTED_METHODS:
        raise SpecificationError(
            f"weights ({column!r}) do not go with rho={method!r}; Stata allows them with "
            f"{', '.join(WEIGHTED_METHODS)}"
        )
    spread = pd.Series(prepared.weights).groupby(prepared.units.to_numpy()).agg(["min", "max"])
    varying = spread.index[spread["min"] < spread["max"]]
    if len(varying):
        raise InvalidDataError(
            f"weights {column!r} vary over time in {len(varying)} unit(s); AR(1) disturbances need "
            "weights that are constant within units: use the unit's mean or its first value",
            [f"{entity} {unit}" for unit in varying[:_LISTED]],
        )
    return prepared.weights
