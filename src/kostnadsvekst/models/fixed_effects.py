"""The within estimator: weighted least squares with absorbed effects.

`estimate` is Stata's ``areg outcome regressors [aweight=weights], absorb(entity)``: singletons stay,
weights may vary over time, and the absorbed effects count in the degrees of freedom and in R squared. With
more sets of effects it is ``reghdfe ..., absorb(entity f2 f3) keepsingletons``.
"""

import re
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.callers import level_of_caller
from kostnadsvekst.errors import DataWarning, SpecificationError
from kostnadsvekst.language import Bilingual, both
from kostnadsvekst.models import inference
from kostnadsvekst.models.absorbed_levels import effects_of_fit
from kostnadsvekst.models.absorption import DENSE, entity_means, project, read_sets
from kostnadsvekst.models.content import ContentEqual
from kostnadsvekst.models.covariance_kinds import (
    Grouping,
    choose_columns,
    compute_covariance,
    read_choice,
)
from kostnadsvekst.models.estimate_methods import EstimateMethods
from kostnadsvekst.models.preparation import prepare
from kostnadsvekst.models.results import CONSTANT, FIXED_EFFECTS, AbsorbedEffects, ResultFacts
from kostnadsvekst.models.samples import sample_label
from kostnadsvekst.models.specifications import Specification, dummies_of
from kostnadsvekst.panel.schema import label_of
from kostnadsvekst.provenance import Provenance
from kostnadsvekst.threads import threads_for

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

# A column does not vary within entities when demeaning leaves less than this share of its length: rounding.
INVARIANT = 1e-11
# A column is collinear when the columns before it leave less than this share of its within length.
COLLINEAR = 1e-9
# Above this share the normal equations lose at most six of sixteen digits, before refinement.
WELL_CONDITIONED = 1e-3
# Beyond this condition number of columns of unit length less than about six digits are left.
NEARLY_COLLINEAR = 1e8
# A column takes part in a near collinearity with at least this share of the largest part.
_INVOLVED = 1e-2
_SIGNS = re.compile(r"[:*()]")
# Rows whose means are taken out at a time, so that the means of all rows never stand in memory.
_BLOCK = 1 << 16
_COLUMNS = pd.Index(["estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high"])
_FOR_ANY_SETS = ("classical", "hc1", "hc2", "hc3", "cr2", "cluster", "twoway", "driscoll_kraay")
_LABELS = {
    FIXED_EFFECTS: Bilingual("Faste effekter", "Fixed effects"),
    "pooled": Bilingual("Minste kvadrater uten effekter", "Pooled least squares"),
}


@dataclass(frozen=True, slots=True, eq=False)
class WithinFit(ContentEqual):
    """A weighted within regression on arrays, with n rows, G entities and k kept columns.

    With further sets of effects "within" means after the projection on all of them.

    Attributes
    ----------
    coefficients : (k,) array
    constant : float
        Weighted mean of y minus x_mean'b.
    kept, dropped : tuples of int
        Positions of the columns that were used, and of those that were collinear.
    X_within : (n, k) array
        Kept columns minus their weighted entity means.
    residuals : (n,) array
    weights : (n,) array
        Scaled to sum to n.
    entities : (n,) integer array
        Codes 0 ... G - 1.
    triangle : (k, k) array
        Upper triangle R of X'WX = R'R of the within columns.
    x_mean : (k,) array
        Weighted grand means of the kept columns.
    entity_means : (G, k + 1) array
        Weighted entity means of the kept columns and, last, of y; with further sets the entities' effects.
    n_entities, df_resid : int
        G, and n - `n_effects` - k.
    ssr, tss, tss_within : float
        Weighted sums of squares: residuals, y around its mean, y around its entity means.
    absorbed : tuple of (n,) integer arrays
        Codes of further sets of effects.
    absorbed_effects : tuple of (G_j, k + 1) arrays
        Their effects on the kept columns and y: `X` is `X_within` plus the effects of all sets.
    counts_exactly : bool
        Whether `n_effects` is the number of independent effects and not a bound.
    """

    coefficients: Floats
    constant: float
    kept: tuple[int, ...]
    dropped: tuple[int, ...]
    X_within: Floats
    residuals: Floats
    weights: Floats
    entities: Ints
    triangle: Floats
    x_mean: Floats
    entity_means: Floats
    n_entities: int
    df_resid: int
    ssr: float
    tss: float
    tss_within: float
    absorbed: tuple[Ints, ...] = ()
    absorbed_effects: tuple[Floats, ...] = ()
    counts_exactly: bool = True

    @property
    def n_effects(self) -> int:
        """Independent effects of all sets: G where there is one."""
        n, k = self.X_within.shape
        return int(n - k - self.df_resid)

    @property
    def bread(self) -> Floats:
        """(X'WX)^-1 of the within columns, (k, k); covariances are computed from the triangle."""
        inverse = inference.solve_upper(self.triangle, np.eye(len(self.triangle)))
        product: Floats = inverse @ inverse.T
        return product

    @property
    def X(self) -> Floats:
        """Kept columns as they were, (n, k)."""
        columns = self.X_within + self.entity_means[self.entities, :-1]
        for codes, effects in zip(self.absorbed, self.absorbed_effects, strict=True):
            columns += effects[codes, :-1]
        return columns

    @property
    def y(self) -> Floats:
        """Outcome, (n,)."""
        within: Floats = self.X_within @ self.coefficients + self.residuals
        outcome: Floats = within + self.entity_means[self.entities, -1]
        for codes, effects in zip(self.absorbed, self.absorbed_effects, strict=True):
            outcome += effects[codes, -1]
        return outcome

    def effects_beside_nested(self, clusterings: Sequence[Ints]) -> int | None:
        """Independent effects beyond those that are nested in clusters.

        Parameters
        ----------
        clusterings : sequence of (n,) integer arrays
            A set is nested if each of its levels is inside one cluster of some of these. Where there are none
            the entities count as nested.

        Returns
        -------
        int or None
            None if no set is nested.
        """
        sets = (self.entities, *self.absorbed)
        nested = [codes for codes in sets if any(inference.nests(c, codes) for c in clusterings)]
        if not clusterings:
            nested = [self.entities]
        return self.n_effects - read_sets(nested).rank if nested else None


@dataclass(frozen=True, eq=False)
class Estimate(ContentEqual, EstimateMethods):
    """A fitted specification.

    Attributes
    ----------
    specification : Specification
    terms : tuple of str
        Kept terms, ``"constant"`` last.
    fit : WithinFit
        The arrays behind the estimate.
    inference : Covariance
        Covariance matrix over the terms, its degrees of freedom, and the facts of how it was computed.
    dropped : tuple of str
        Terms left out as collinear with the effects or with the terms before them.
    n_incomplete : int
        Rows left out because a value was missing.
    rows : (n,) integer array
        Positions of the used rows in the data.
    provenance : Provenance
        Origin of the data, hash of their file, version of the package.
    data : DataFrame, optional
        The data as they were when the specification was fitted, for covariances over other columns.
    """

    specification: Specification
    terms: tuple[str, ...]
    fit: WithinFit
    inference: inference.Covariance
    dropped: tuple[str, ...]
    n_incomplete: int
    rows: Ints
    provenance: Provenance
    data: pd.DataFrame | None = field(default=None, repr=False, compare=False, kw_only=True)

    @cached_property
    def coefficients(self) -> pd.DataFrame:
        """Frame over the terms: estimate, std_error, statistic, p_value, conf_low, conf_high (95 %)."""
        estimates = np.append(self.fit.coefficients, self.fit.constant)
        tests = self.inference.tests or inference.t_tests(estimates, self.inference)
        columns = (tests.std_error, tests.statistic, tests.p_value, tests.conf_low, tests.conf_high)
        values = np.stack([estimates, *columns], axis=1)
        return pd.DataFrame(values, index=pd.Index(self.terms, name="term"), columns=_COLUMNS, copy=False)

    @cached_property
    def covariance(self) -> pd.DataFrame:
        """Covariance matrix as a frame over the terms, the constant included."""
        index = pd.Index(self.terms, name="term")
        return pd.DataFrame(self.inference.matrix, index=index, columns=index.rename(None))

    @property
    def n_obs(self) -> int:
        """Number of rows used."""
        return len(self.fit.residuals)

    @property
    def n_entities(self) -> int:
        """Number of absorbed effects of the entity, or of the first set where the entity has none."""
        return self.fit.n_entities

    @property
    def df_resid(self) -> int:
        """Residual degrees of freedom: n less the independent effects less k, the constant not in k."""
        return self.fit.df_resid

    @property
    def n_effects(self) -> int:
        """Independent effects of all absorbed sets; a bound from above where the facts say so."""
        return self.fit.n_effects

    @property
    def df(self) -> float | Floats:
        """Degrees of freedom of the t tests and intervals: one number, or one for each term (CR2)."""
        return self.inference.df

    @property
    def facts(self) -> ResultFacts:
        """How the estimate came about, as `kostnadsvekst.models.results.Result` says."""
        spec = self.specification
        effects = _absorbed_effects(spec, self.fit)
        estimator = FIXED_EFFECTS if effects else "pooled"
        return ResultFacts(
            estimator=estimator,
            label=_LABELS[estimator],
            outcome=spec.outcome,
            covariance=self.inference.facts,
            provenance=self.provenance,
            sample=sample_label(spec.sample),
            effects=effects,
            weights=spec.weights,
            r_squared=_known(self.r_squared),
            r_squared_within=_known(self.r_squared_within),
            omitted=self.dropped,
            labels=self._labels,
            notes=() if self.fit.counts_exactly else (_count_is_a_bound(self.fit.n_effects),),
        )

    @property
    def sigma(self) -> float:
        """Residual standard deviation at a row of average weight (Stata's Root MSE)."""
        return float(np.sqrt(self.fit.ssr / self.fit.df_resid))

    @property
    def r_squared(self) -> float:
        """Share of the weighted variance explained, effects included; NaN if the outcome does not vary."""
        return _share_explained(self.fit.ssr, self.fit.tss, self._outcome_squares)

    @property
    def r_squared_adjusted(self) -> float:
        """R squared adjusted for all parameters, the absorbed effects included."""
        return 1 - (1 - self.r_squared) * (self.n_obs - 1) / self.df_resid

    @property
    def r_squared_within(self) -> float:
        """Share of the weighted variance around the effects explained; NaN if there is none."""
        return _share_explained(self.fit.ssr, self.fit.tss_within, self._outcome_squares)

    @property
    def _outcome_squares(self) -> float:
        """Weighted sum of squares of the outcome around zero."""
        mean = self.fit.constant + self.fit.x_mean @ self.fit.coefficients
        return float(self.fit.tss + self.n_obs * mean**2)

    @property
    def _labels(self) -> dict[str, Bilingual]:
        """Columns whose names could be read as terms, under their own names."""
        known = () if self.data is None else self.data.columns
        odd = [t for t in (*self.terms, *self.dropped) if _SIGNS.search(t) and t in known]
        return {name: both(name) for name in odd}

    def with_covariance(
        self, covariance: str | tuple[str, ...], convention: str | None = None, **options: Any
    ) -> Self:
        """Return the same estimate with other standard errors, without fitting again.

        Parameters
        ----------
        covariance : str or tuple of str
            As in `Specification`: ``"classical"``, ``"hc1"``, ``"cluster"``, ``("cluster", column)``,
            ``("twoway", column, column)``, ``"driscoll_kraay"``, ``"wild_cluster"``, ``"jackknife"``,
            ``"hc2"``, ``"hc3"``, ``("cr2", column)``.
        convention : {"areg", "xtreg", "none"}, optional
            Small-sample factor; without it the specification's.
        **options
            ``lags`` and ``distance`` of Driscoll-Kraay; ``draws``, ``seed``, ``distribution``, ``terms`` and
            ``ties`` of the wild cluster bootstrap; ``target`` of CR2; ``df`` of HC2 and HC3; see
            `kostnadsvekst.models.covariance_kinds.compute_covariance`.

        Raises
        ------
        DataMissingError, InvalidDataError
            If a column of clusters does not exist or has missing values.
        SpecificationError
            If the covariance does not exist for these data.

        Examples
        --------
        >>> est.with_covariance(("cluster", "region"), convention="xtreg")  # doctest: +SKIP
        """
        changes = {"covariance": covariance} | ({"convention": convention} if convention else {})
        spec = self.specification.vary(**changes)
        _refuse_for_several_sets(spec, self.fit, self.grouping)
        names = self.terms[: len(self.fit.coefficients)]
        with threads_for(self.fit.X_within.size * len(names)):
            chosen = compute_covariance(
                spec.covariance, self.fit, self.grouping, convention=spec.convention, names=names, **options
            )
        return replace(self, specification=spec, inference=chosen)

    @property
    def grouping(self) -> Grouping:
        """Entity, time and other columns of the rows used, as codes."""
        spec = self.specification
        codes = {spec.entity: self.fit.entities} if spec.effects == "entity" else {}
        return Grouping(spec.entity, spec.time, codes, self.data, self.rows)

    @property
    def complete_rows(self) -> Ints:
        """Positions of the rows whose levels, knots and coefficients the terms have: the rows used."""
        return self.rows

    @property
    def untransformed(self) -> tuple[Floats, Floats]:
        """(n, k) kept columns and (n,) outcome of the rows used."""
        return self.fit.X, self.fit.y

    @property
    def effects_with_constant(self) -> tuple[Floats, ...]:
        """(G_j,) effects of each set, whose sums over a row's levels hold the constant."""
        return effects_of_fit(self.fit)

    @property
    def pooled_ssr(self) -> float:
        """Weighted sum of squared residuals of the same regressors without effects, beside the constant."""
        fit = self.fit
        one = np.zeros_like(fit.entities)
        return fit_within(fit.y, fit.X, fit.weights, one, self.terms[:-1]).ssr

    @property
    def _effects_text(self) -> str:
        spec, counts = self.specification, (self.n_entities, *map(len, self.fit.absorbed_effects))
        first = (spec.entity,) if spec.effects == "entity" or not spec.absorb else ()
        sets = [f"{count} {name}" for count, name in zip(counts, (*first, *spec.absorb), strict=True)]
        if len(sets) == 1:
            return f"{sets[0]} effects"
        most = "" if self.fit.counts_exactly else "at most "
        return f"{' + '.join(sets)} effects ({most}{self.n_effects} independent)"

    def __repr__(self) -> str:
        facts = self.facts
        fitted = facts.label.en if facts.rho is not None else "no R2: the outcome does not vary"
        if facts.r_squared is not None:
            fitted = f"R2 {facts.r_squared:.4f}"
        rho = f" with rho {facts.rho:.4f} ({facts.rho_method})" if facts.rho is not None else ""
        head = (
            f"{facts.outcome}: {self.n_obs} rows, {self._effects_text}, {fitted}{rho}, "
            f"standard errors {facts.covariance.text.en}, data: {self.provenance.origin}"
        )
        omitted = f"\nomitted: {', '.join(facts.omitted)} (collinear)" if facts.omitted else ""
        return f"{head}\n{self.coefficients.to_string(float_format='{:.6g}'.format)}{omitted}"


def estimate(spec: Specification, data: pd.DataFrame) -> Estimate:
    """Fit a specification with absorbed effects.

    Parameters
    ----------
    spec : Specification
    data : DataFrame
        One row an observation, in any order. Rows with a missing outcome, regressor, entity or absorbed
        level are left out with a `DataWarning` that says how many.

    Returns
    -------
    Estimate

    Raises
    ------
    DataMissingError
        If a column does not exist; the nearest name is suggested.
    InvalidDataError
        If a column holds text or infinite values, a weight is missing or not positive, or no row is
        complete.
    SpecificationError
        If a term or sample cannot be read, too few units or degrees of freedom are left, nothing varies
        within entities, or the covariance does not exist for these data.

    Notes
    -----
    With w scaled to sum to n and all deviations taken from w-weighted entity means, b solves
    (X'WX) b = X'Wy; the degrees of freedom are n - G - k; R squared is 1 - e'We / sum w (y - mean y)^2;
    the constant is mean y - mean x'b with variance s^2/n + mean x' V mean x. Source: Stata, areg,
    Methods and formulas.

    With ``absorb`` the deviations are from the weighted projection on the dummies of all sets (see
    `kostnadsvekst.models.absorption`), and in place of G stands the number of independent effects: for two
    sets all levels less the connected components of the graph that joins levels that occur together. Levels
    with one row stay, as in ``areg`` (``reghdfe`` drops them unless told to keep them).
    """
    prepared = prepare(spec, data)
    design = prepared.build_design()
    terms, X = design.terms, design.columns
    del design
    y, w, (first, *further) = prepared.outcome, prepared.weights, prepared.effect_sets
    with threads_for(_multiplications(X, further)):
        fit = fit_within(y, X, w, first, terms, absorb=further)
        # The largest array, not needed any more.
        del X
        names = tuple(terms[j] for j in fit.kept)
        grouping = Grouping(spec.entity, spec.time, prepared.clusters, data, prepared.rows)
        _refuse_for_several_sets(spec, fit, grouping)
        covariance = compute_covariance(
            spec.covariance, fit, grouping, convention=spec.convention, names=names
        )
    return Estimate(
        specification=spec,
        terms=(*names, CONSTANT),
        fit=fit,
        inference=covariance,
        dropped=tuple(terms[j] for j in fit.dropped),
        n_incomplete=prepared.sample.n_incomplete,
        rows=prepared.rows,
        provenance=prepared.provenance,
        # Under copy on write a shallow copy stays as it is when the caller changes the original.
        data=data.copy(deep=False),
    )


def fit_within(
    y: Floats,
    X: Floats,
    weights: Floats,
    entities: Ints,
    names: Sequence[str] | None = None,
    *,
    absorb: Sequence[Ints] = (),
) -> WithinFit:
    """Weighted within regression on arrays.

    Parameters
    ----------
    y : (n,) array
    X : (n, K) array
        Without a constant. Columns that are collinear with the effects or with columns before them are
        dropped.
    weights : (n,) array
        Positive.
    entities : (n,) integer array
        Codes 0 ... G - 1, each in use.
    names : sequence of str, optional
        Of the columns, for error messages.
    absorb : sequence of (n,) integer arrays
        Codes of further sets of effects, as those of the entities.

    Returns
    -------
    WithinFit

    Raises
    ------
    SpecificationError
        If no column varies within entities (and the further sets), or no degrees of freedom are left.
    """
    with threads_for(_multiplications(X, absorb)):
        known = names or [f"column {j + 1}" for j in range(X.shape[1])]
        return _fit_within(y, X, weights * (len(y) / weights.sum()), entities, known, absorb)


def _multiplications(X: Floats, absorb: Sequence[Ints]) -> float:
    """Of the cross-products and, with further sets, of the factorisation of their effects."""
    levels = sum(int(codes.max()) + 1 for codes in absorb)
    return float(X.size * X.shape[1] + (levels**3 / 3 if levels <= DENSE else 0))


def _fit_within(
    y: Floats, X: Floats, w: Floats, entities: Ints, names: Sequence[str], absorb: Sequence[Ints]
) -> WithinFit:
    n = len(y)
    stacked = np.column_stack([X, y])
    raw_norms, mean = np.sqrt(np.einsum("ij,ij->j", stacked, stacked)), w @ stacked / n
    out = _take_out(stacked, w, entities, absorb)
    within = out.within
    solution = _solve_normal_equations(within, w, raw_norms)
    if solution is None:
        # What rounding left of the effects counts where columns are nearly collinear.
        within = _take_out(within, w, entities, absorb).within
        solution = _solve_by_qr(within, w, raw_norms, names)
    kept, dropped, b, triangle = solution
    k = len(kept)
    if not kept:
        raise SpecificationError(
            f"none of the regressors ({', '.join(names)}) varies within entities"
            f"{' and the other absorbed sets' if absorb else ''}: nothing to estimate"
        )
    df_resid = n - out.n_effects - k
    if df_resid < 1:
        most = "" if out.exact else "up to "
        raise SpecificationError(
            f"{n} rows, {most}{out.n_effects} absorbed effects and {k} regressors leave no degrees of freedom"
        )
    # A view where it can be: a copy without y would be the largest array of all.
    X_within = within[:, kept] if dropped else within[:, :-1]
    y_within = within[:, -1]
    residuals = y_within - X_within @ b
    return WithinFit(
        coefficients=b,
        constant=float(mean[-1] - mean[kept] @ b),
        kept=tuple(kept),
        dropped=tuple(dropped),
        X_within=X_within,
        residuals=residuals,
        weights=w,
        entities=entities,
        triangle=triangle,
        x_mean=mean[kept],
        entity_means=out.effects[0][:, [*kept, -1]],
        n_entities=len(out.effects[0]),
        df_resid=df_resid,
        ssr=float(w @ residuals**2),
        tss=float(w @ (y - mean[-1]) ** 2),
        tss_within=float(w @ y_within**2),
        absorbed=tuple(absorb),
        absorbed_effects=tuple(effects[:, [*kept, -1]] for effects in out.effects[1:]),
        counts_exactly=out.exact,
    )


class _Within(NamedTuple):
    """Columns without the effects, each set's effects on them, and how many of these are independent."""

    within: Floats
    effects: tuple[Floats, ...]
    n_effects: int
    exact: bool


def _take_out(columns: Floats, weights: Floats, entities: Ints, absorb: Sequence[Ints]) -> _Within:
    """Take the effects out of columns, which are overwritten where there is one set."""
    if absorb:
        sets = read_sets((entities, *absorb))
        projected = project(columns, weights, sets)
        return _Within(projected.within, projected.effects, sets.rank, sets.exact)
    n_entities = int(entities.max()) + 1
    means = entity_means(columns, weights, entities, n_entities)
    for start in range(0, len(columns), _BLOCK):
        rows = slice(start, start + _BLOCK)
        columns[rows] -= np.take(means, entities[rows], axis=0)
    return _Within(columns, (means,), n_entities, True)


def _absorbed_effects(spec: Specification, fit: WithinFit) -> tuple[AbsorbedEffects, ...]:
    entity = (spec.entity,) if spec.effects == "entity" else ()
    names: tuple[str | Bilingual, ...] = (*entity, *map(_set_name, spec.absorb))
    counts = (fit.n_entities, *map(len, fit.absorbed_effects))
    # A pooled model has no set, but one constant.
    return tuple(AbsorbedEffects(name, count) for name, count in zip(names, counts, strict=False))


def _set_name(name: str) -> str | Bilingual:
    first, *others = (label_of(part) for part in name.split("^"))
    if not others:
        return name
    # Inside the line a label of our own does not begin with a capital.
    return Bilingual(
        " × ".join([first.nb, *(part.nb.lower() for part in others)]),
        " × ".join([first.en, *(part.en.lower() for part in others)]),
    )


def _count_is_a_bound(n_effects: int) -> Bilingual:
    return Bilingual(
        f"Frihetsgradene regner med høyst {n_effects} uavhengige effekter, en øvre grense: standardfeilene "
        "kan være litt for store",
        f"Degrees of freedom count at most {n_effects} independent effects, an upper bound: standard errors "
        "may be slightly too large",
    )


def _refuse_for_several_sets(spec: Specification, fit: WithinFit, grouping: Grouping) -> None:
    """Refuse covariances that would have to project again on further sets of effects.

    What is made of the within columns and residuals alone is right for any number of sets; a new kind is
    refused until somebody has shown that it is.
    """
    kind, _ = read_choice(spec.covariance)
    if not fit.absorbed or kind in _FOR_ANY_SETS:
        return
    way = f"write {dummies_of(spec.absorb)} among the regressors instead of absorbing"
    if kind != "wild_cluster":
        raise SpecificationError(f"the covariance {kind!r} is made for one set of absorbed effects: {way}")
    clusters = grouping.codes(choose_columns(spec.covariance, spec.entity, spec.time)[0])
    if not all(inference.nests(clusters, codes) for codes in (fit.entities, *fit.absorbed)):
        raise SpecificationError(
            "with several sets of absorbed effects the wild cluster bootstrap needs every effect inside one "
            f"cluster; here some effect spans several: {way}"
        )


# Kept and dropped columns of X, coefficients, and the triangle R of X'WX = R'R.
_Solution = tuple[list[int], list[int], Floats, Floats]


def _solve_normal_equations(within: Floats, w: Floats, raw_norms: Floats) -> _Solution | None:
    """Solve where the columns are far from collinear; y is the last column. None elsewhere.

    Refined once, the solution is there as good as that of QR.
    """
    gram = (within * w[:, None]).T @ within
    norms = np.sqrt(np.diag(gram))
    if not (norms > WELL_CONDITIONED * raw_norms).all():
        return None
    # Correlation scale: the size of a pivot is then the share of a column's length left.
    scaled = gram[:-1, :-1] / np.outer(norms[:-1], norms[:-1])
    with suppress(np.linalg.LinAlgError):
        lower = np.linalg.cholesky(scaled)
        if np.diag(lower).min() > WELL_CONDITIONED:
            R = lower.T * norms[:-1]
            b = _refined(within, w, R, _solve_twice(R, gram[:-1, -1]))
            return list(range(len(R))), [], b, R
    return None


def _solve_by_qr(within: Floats, w: Floats, raw_norms: Floats, names: Sequence[str]) -> _Solution:
    """Solve column by column, leaving out those that are collinear with columns before them."""
    scaled = within * np.sqrt(w)[:, None]
    kept, dropped, R = _independent_columns(scaled, np.sqrt(np.einsum("ij,ij->j", scaled, scaled)), raw_norms)
    k = len(kept)
    if not k:
        return kept, dropped, np.empty(0), np.empty((0, 0))
    triangle = R[:k, :k]
    _warn_of_near_collinearity(triangle, [names[j] for j in kept])
    b = inference.solve_upper(triangle, R[:k, k])
    return kept, dropped, _refined(within[:, [*kept, -1]], w, triangle, b), triangle


def _solve_twice(R: Floats, target: Floats) -> Floats:
    """(R'R)^-1 times a vector."""
    return inference.solve_upper(R, inference.solve_upper(R, target, transposed=True))


def _refined(within: Floats, w: Floats, R: Floats, b: Floats) -> Floats:
    """Coefficients after one correction by their own residuals."""
    residuals = within[:, -1] - within[:, :-1] @ b
    return b + _solve_twice(R, within[:, :-1].T @ (w * residuals))


def _warn_of_near_collinearity(R: Floats, names: list[str]) -> None:
    """Warn with the names of the columns that are nearly collinear, if any are."""
    values, vectors = np.linalg.svd(R / np.sqrt(np.einsum("ij,ij->j", R, R)))[1:]
    condition = float(values[0] / values[-1])
    if condition <= NEARLY_COLLINEAR:
        return
    weight = np.abs(vectors[values <= 10 * values[-1]]).max(axis=0)
    involved = [name for name, share in zip(names, weight, strict=True) if share > _INVOLVED * weight.max()]
    digits = max(int(-np.log10(np.finfo(float).eps * condition)) - 1, 0)
    warnings.warn(
        f"nearly collinear within entities: {', '.join(involved)} (condition number {condition:.0e}); their "
        f"coefficients and standard errors hold to about {digits} digits: centre them, or leave one out",
        DataWarning,
        stacklevel=level_of_caller(),
    )


def _independent_columns(
    scaled: Floats, norms: Floats, raw_norms: Floats
) -> tuple[list[int], list[int], Floats]:
    """Kept and dropped columns of X and the triangle R of [X_kept y], where y is the last column.

    Columns are judged in order, so the result does not depend on the rows' order.
    """
    varies = norms > INVARIANT * raw_norms
    kept = [j for j in range(scaled.shape[1] - 1) if varies[j]]
    dropped = [j for j in range(scaled.shape[1] - 1) if not varies[j]]
    while True:
        R = np.asarray(np.linalg.qr(scaled[:, [*kept, -1]], mode="r"))
        left = np.abs(np.diag(R))[: len(kept)]
        collinear = np.flatnonzero(left <= COLLINEAR * norms[kept][: len(left)])
        if not len(collinear):
            return kept, sorted(dropped), R
        # After the first collinear column the triangle is noise: drop one and look again.
        dropped.append(kept.pop(int(collinear[0])))


def _share_explained(ssr: float, tss: float, squares: float) -> float:
    """R squared; what varies less than rounding of the outcome's own size does not vary."""
    return 1 - ssr / tss if tss > INVARIANT**2 * squares else float("nan")


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value
