"""Thousands of specifications at once: shared cross-products, one tidy frame, a joint test.

Specifications with the same sample, weights and effects share their rows: all their columns are demeaned
once, their cross-products taken once, and each fit solves its own corner of that matrix. Fits that the
normal equations cannot solve accurately go through `kostnadsvekst.estimate`; the numbers are the same either
way.
"""

import hashlib
import warnings
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from kostnadsvekst.errors import DataMissingError, DataWarning, KostnadsvekstError, SpecificationError
from kostnadsvekst.models.absorption import demean
from kostnadsvekst.models.covariance_kinds import Grouping
from kostnadsvekst.models.design import Design, Sample, build_design
from kostnadsvekst.models.fixed_effects import WELL_CONDITIONED, Estimate, estimate
from kostnadsvekst.models.inference import (
    cluster_sums,
    count_clusters,
    nests,
    orthonormal_rows,
    small_sample_factor,
)
from kostnadsvekst.models.notebook_face import Shown
from kostnadsvekst.models.preparation import NeededColumns, needed_columns, read_needed
from kostnadsvekst.models.samples import sample_mask
from kostnadsvekst.models.specifications import Specification
from kostnadsvekst.models.wild_bootstrap import SEED, bootstrap_statistics, draw_signs
from kostnadsvekst.naming import require_columns
from kostnadsvekst.provenance import UNKNOWN, Provenance, provenance_of
from kostnadsvekst.threads import threads_for

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

PUBLISHED, DECLARED, ADDED = "published", "declared", "added"
OK = "ok"
# Kinds of covariance that are computed from the shared arrays; the others go through `estimate`.
_SHARED = ("classical", "hc1", "cluster")
_PARTS = ("outcome", "regressors", "weights", "sample", "effects", "covariance", "convention")
_TIE = 1e-9
# Estimates closer than this, relative to the largest, are one: the bits behind are the machine's.
SAME_ESTIMATE = 1e-10


@dataclass(frozen=True, slots=True, repr=False)
class JointTest(Shown):
    """Test that the focal coefficient is zero in every specification.

    Attributes
    ----------
    results : DataFrame
        Index statistic (``median_t``, ``share_significant``, ``mean_t``); observed, p_value.
    n_fits, n_clusters, draws, seed : int
        Distinct fits (specifications that differ only in their covariance are one), clusters, draws.
    description : str
    critical : float
        Number of clustered standard errors that all t statistics together exceed in five per cent of the
        draws (sup-t): the half-width of a band that covers the coefficient of every fit at once.
    term : str
    specifications : tuple of str
        Identifiers of those that were tested.
    provenance : Provenance
        Origin of the data.
    """

    results: pd.DataFrame
    n_fits: int
    n_clusters: int
    draws: int
    seed: int
    description: str
    critical: float
    term: str
    specifications: tuple[str, ...]
    provenance: Provenance = field(default=Provenance(UNKNOWN), repr=False, compare=False, kw_only=True)


@dataclass(frozen=True, repr=False)
class SpecificationCurve(Shown):
    """Estimates of many specifications.

    Attributes
    ----------
    frame : DataFrame
        One row for each specification and term: ``spec`` (identifier), ``term``, estimate, std_error,
        statistic, p_value, conf_low, conf_high (95 %), n_obs, n_entities, df, the parts of the specification
        (``absorb`` where some specification has it),
        ``role`` (published, declared or added) and ``status`` (``"ok"``, or why there is no estimate).
    specifications : dict
        Identifier -> Specification.
    joint : JointTest or None
    provenance : Provenance
    """

    frame: pd.DataFrame
    specifications: dict[str, Specification]
    joint: JointTest | None
    provenance: Provenance

    def simultaneous(self) -> pd.DataFrame:
        """Rows of the tested coefficients with clustered errors, and a nominal 95 % band of all at once.

        Returns
        -------
        DataFrame
            Rows of `frame` with ``band_low`` and ``band_high``.

        Raises
        ------
        SpecificationError
            The curve was made without draws, or no specification has clustered errors.
        """
        if self.joint is None:
            raise SpecificationError("the curve has no draws: make it with draws=999")
        clustered = {name for name in self.joint.specifications if self._is_clustered(name)}
        chosen = (self.frame["status"] == OK) & self.frame["spec"].isin(clustered)
        rows = self.frame[chosen & self.frame["term"].eq(self.joint.term)].copy()
        if rows.empty:
            raise SpecificationError("no specification of the curve has clustered errors")
        half = self.joint.critical * rows["std_error"]
        return rows.assign(band_low=rows["estimate"] - half, band_high=rows["estimate"] + half)

    def _is_clustered(self, identifier: str) -> bool:
        return self.specifications[identifier].covariance == "cluster"


def specification_curve(
    specs: Sequence[Specification],
    data: pd.DataFrame,
    *,
    terms: Collection[str] | None = None,
    added: Sequence[Specification] = (),
    published: Collection[Specification] = (),
    draws: int = 0,
    seed: int = SEED,
    tested: Callable[[Specification], bool] = lambda spec: True,
    tick: Callable[[int], None] = lambda done: None,
) -> SpecificationCurve:
    """Fit every specification of a grid.

    Parameters
    ----------
    specs : sequence of Specification
        Declared before looking at results, as from `kostnadsvekst.grid`.
    data : DataFrame
    terms : collection of str, optional
        Terms to report; without it all but the constant.
    added : sequence of Specification
        Added later, and marked so.
    published : collection of Specification
        Those among them that were published, and are marked so.
    draws : int
        Of the joint test on the first of `terms`; 0 leaves it out.
    seed : int
        Of the draws.
    tested : callable
        Specification -> whether it belongs to the joint test.
    tick : callable
        Called with the number of specifications done, for a progress bar.

    Returns
    -------
    SpecificationCurve
        In the order given. A specification that cannot be estimated has a row that says why.

    Raises
    ------
    DataMissingError
        If a column does not exist: that is a mistake in the grid, not a property of a specification.
    SpecificationError
        If there are no specifications.

    Notes
    -----
    Source: Simonsohn, Simmons and Nelson (2020), Nature Human Behaviour 4; the draws of their joint test are
    replaced by wild cluster draws with the null imposed in each specification, the same signs for a cluster
    in all of them, so that dependence between specifications is kept.
    """
    roles = dict.fromkeys(added, ADDED) | dict.fromkeys(specs, DECLARED)
    roles = {spec: roles[spec] for spec in (*specs, *added)}
    printed = {_regardless_of_order(spec) for spec in published}
    roles |= {spec: PUBLISHED for spec in roles if _regardless_of_order(spec) in printed}
    if not roles:
        raise SpecificationError("there are no specifications")
    names = {spec: identify(spec) for spec in roles}
    focal = tuple(terms) if terms is not None else None
    bootstrap = _start_bootstrap(data, roles, draws, seed, tested) if draws and focal else None
    rows: dict[Specification, list[_Line]] = {}
    # Thousands of small products: threads would wait for one another longer than they work.
    with threads_for(0):
        for members in _by_sample(list(roles)):
            rows |= _fit_group(members, data, focal, bootstrap)
            tick(len(rows))
    frame = _tidy(roles, names, rows)
    joint = None
    if bootstrap and focal:
        joint = bootstrap.test(focal[0], tuple(names[spec] for spec in roles if tested(spec)))
    origin = provenance_of(data)
    frame.attrs["provenance"] = origin.to_attrs()
    if joint:
        joint = replace(joint, provenance=origin)
    return SpecificationCurve(frame, {names[s]: s for s in roles}, joint, origin)


# Parts that came later, left out where they are empty: specifications keep their identifiers.
_LATER = ("absorb", "endogenous", "instruments")


def identify(spec: Specification) -> str:
    """Return a specification's identifier: eight hexadecimal digits that depend on its content only."""
    parts = [part.name for part in fields(spec) if part.name not in _LATER or getattr(spec, part.name)]
    text = "|".join(f"{name}={getattr(spec, name)}" for name in parts)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _regardless_of_order(spec: Specification) -> Specification:
    return spec.vary(regressors=tuple(sorted(spec.regressors)))


def stable_order(values: Floats, tolerance: float = SAME_ESTIMATE) -> Ints:
    """Order of values, smallest first, in which those that differ by rounding alone keep their places.

    Parameters
    ----------
    values : (n,) array
        Finite.
    tolerance : float
        Neighbours closer than this share of the largest absolute value are taken as equal.

    Returns
    -------
    (n,) integer array
        Positions.

    Notes
    -----
    The same fit on another processor, or by another path, differs in the last bits. Rounding to some digits
    first would only move the problem to values beside a boundary of rounding; a gap has no boundary, but
    where two estimates happen to lie just a tolerance apart.
    """
    order = np.argsort(values, kind="stable")
    ranked = values[order]
    scale = np.abs(ranked).max(initial=0.0)
    groups = np.concatenate([[0], np.cumsum(np.diff(ranked) > tolerance * scale)])[: len(values)]
    return order[np.lexsort((order, groups))]


class _Line(NamedTuple):
    """One term of one specification."""

    term: str
    estimate: float
    std_error: float
    n_obs: int
    n_entities: int
    df: float
    status: str = OK
    p_value: float = float("nan")
    conf_low: float = float("nan")
    conf_high: float = float("nan")


class _Shared(NamedTuple):
    """Arrays that specifications on the same rows share.

    Attributes
    ----------
    within : (p, n) array
        Demeaned columns, one a row.
    gram : (p, p) array
    raw_norms : (p,) array
        Weighted lengths before demeaning.
    weights : (n,) array
        Scaled to sum to n.
    absorbed : (n,) integer array
        Codes of the absorbed effects.
    positions : dict of str to int
        Name of a column -> its row in ``within``.
    rows : (n,) integer array
        Positions in the data.
    """

    within: Floats
    gram: Floats
    raw_norms: Floats
    weights: Floats
    absorbed: Ints
    positions: dict[str, int]
    rows: Ints


class _Fit(NamedTuple):
    """A fit on the shared arrays."""

    names: tuple[str, ...]
    X: Floats
    coefficients: Floats
    bread: Floats
    residuals: Floats
    ssr: float
    df_resid: int


def _by_sample(specs: list[Specification]) -> list[list[Specification]]:
    """Group by sample, weights and absorbed effects, in order of first appearance."""
    groups: dict[tuple[Any, ...], list[Specification]] = {}
    for spec in specs:
        key = (spec.entity, spec.time, spec.effects, spec.absorb, spec.weights, spec.sample)
        groups.setdefault(key, []).append(spec)
    return list(groups.values())


def _fit_group(
    specs: list[Specification],
    data: pd.DataFrame,
    focal: tuple[str, ...] | None,
    bootstrap: "_Bootstrap | None",
) -> dict[Specification, list[_Line]]:
    """Fit the specifications of one sample, by the rows that are complete for each."""
    spec = specs[0]
    columns = frozenset(data.columns)
    needed = {s: needed_columns(s, columns) for s in specs}
    require_columns(dict.fromkeys(c for one in needed.values() for c in one.sources), data.columns)
    try:
        chosen = sample_mask(spec.sample, data, spec.entity)
        sample = read_needed(list(needed.values()), data, chosen)
        if spec.weights and not (sample.numbers[spec.weights][chosen] > 0).all():
            raise SpecificationError(f"weights {spec.weights!r} are not all positive")
    except DataMissingError:
        raise
    except KostnadsvekstError as error:
        return {s: [_failed(s, error)] for s in specs}
    present = {name: ~np.isnan(v) for name, v in sample.numbers.items()}
    present |= {name: codes >= 0 for name, codes in sample.codes.items()}
    gappy = {name for name, mask in present.items() if not mask[chosen].all()}
    by_gaps: dict[frozenset[str], list[Specification]] = {}
    for s in specs:
        by_gaps.setdefault(frozenset(needed[s].complete & gappy), []).append(s)
    found: dict[Specification, list[_Line]] = {}
    for missing, members in by_gaps.items():
        rows = np.flatnonzero(np.logical_and.reduce([chosen, *(present[name] for name in missing)]))
        found |= _fit_rows(members, needed, sample.take(rows), rows, data, focal, bootstrap)
    return found


def _fit_rows(
    specs: list[Specification],
    needed: dict[Specification, NeededColumns],
    sample: Sample,
    rows: Ints,
    data: pd.DataFrame,
    focal: tuple[str, ...] | None,
    bootstrap: "_Bootstrap | None",
) -> dict[Specification, list[_Line]]:
    """Fit specifications on the same rows; those with the same outcome and regressors share the fit."""
    designs: dict[tuple[str, ...], Design] = {}
    for spec in specs:
        if len(rows) and spec.regressors not in designs:
            designs[spec.regressors] = build_design(needed[spec].terms, sample)
    # Several sets of effects are projected for each fit alone; so is a column that is called as a product.
    odd = any(":" in name for s in specs for name in needed[s].numeric)
    alike = len(rows) and not specs[0].absorb and not odd
    shared = _share(specs[0], {needed[s].outcome for s in specs}, designs, sample, rows) if alike else None
    fits: dict[tuple[str, tuple[str, ...]], _Fit | None] = {}
    slow: dict[tuple[str, tuple[str, ...]], Estimate | KostnadsvekstError] = {}
    lines: dict[Specification, list[_Line]] = {}
    groups: dict[str, Ints] = {}
    for spec in specs:
        key = (spec.outcome, spec.regressors)
        if key not in fits:
            outcome = needed[spec].outcome
            fits[key] = _solve(shared, outcome, designs[spec.regressors]) if shared else None
            fit = fits[key]
            if bootstrap and bootstrap.tested(spec) and fit and shared and focal and focal[0] in fit.names:
                bootstrap.add(fit, shared, fit.names.index(focal[0]), sample, spec.entity)
        fit = fits[key]
        kind = spec.covariance if isinstance(spec.covariance, str) else spec.covariance[0]
        try:
            if fit and shared and kind in _SHARED:
                column = spec.covariance[1] if isinstance(spec.covariance, tuple) else spec.entity
                if kind == "cluster" and column not in groups:
                    known = {spec.entity: sample.codes[spec.entity]}
                    groups[column] = Grouping(spec.entity, spec.time, known, data, rows).codes(column)
                lines[spec] = _lines(spec, fit, shared, focal, groups.get(column))
            else:
                if key not in slow:
                    slow[key] = _fit_alone(spec, data)
                    if bootstrap and bootstrap.tested(spec) and not fit and focal:
                        bootstrap.add_alone(slow[key], focal[0])
                lines[spec] = _lines_alone(spec, slow[key], focal)
        except DataMissingError:
            raise
        except KostnadsvekstError as error:
            lines[spec] = [_failed(spec, error)]
    return lines


def _share(
    spec: Specification,
    outcomes: set[str],
    designs: dict[tuple[str, ...], Design],
    sample: Sample,
    rows: Ints,
) -> _Shared:
    columns = {name: sample.numbers[name] for name in sorted(outcomes)}
    for design in designs.values():
        for j, name in enumerate(design.terms):
            columns.setdefault(name, design.columns[:, j])
    n = len(rows)
    w = sample.numbers[spec.weights] if spec.weights else np.ones(n)
    w = w * (n / w.sum())
    entities = sample.codes[spec.entity]
    absorbed = entities if spec.effects == "entity" else np.zeros_like(entities)
    stacked = np.column_stack(list(columns.values()))
    # Deviations from entity means do not change, and keep more digits of columns far from zero.
    stacked -= w @ stacked / n
    within = np.ascontiguousarray(demean(stacked, w, absorbed, int(absorbed.max()) + 1).T)
    raw_norms = np.sqrt(np.einsum("ij,ij->j", stacked, stacked))
    positions = {name: i for i, name in enumerate(columns)}
    return _Shared(within, (within * w) @ within.T, raw_norms, w, absorbed, positions, rows)


def _solve(shared: _Shared, outcome: str, design: Design) -> _Fit | None:
    """Solve one corner of the shared cross-products; None where they are not accurate enough."""
    x = np.array([shared.positions[name] for name in design.terms])
    y = shared.positions[outcome]
    norms = np.sqrt(np.diag(shared.gram)[x])
    if (norms <= WELL_CONDITIONED * shared.raw_norms[x]).any():
        return None
    scaled = shared.gram[np.ix_(x, x)] / np.outer(norms, norms)
    try:
        triangle = np.linalg.cholesky(scaled)
    except np.linalg.LinAlgError:
        return None
    if np.diag(triangle).min() <= WELL_CONDITIONED:
        return None
    bread = np.linalg.inv(scaled) / np.outer(norms, norms)
    df_resid = len(shared.rows) - (int(shared.absorbed.max()) + 1) - len(x)
    if df_resid < 1:
        return None
    X = shared.within[x]
    b = bread @ shared.gram[x, y]
    residuals = shared.within[y] - b @ X
    b += bread @ (X @ (shared.weights * residuals))
    residuals = shared.within[y] - b @ X
    ssr = float(shared.weights @ residuals**2)
    return _Fit(design.terms, X, b, bread, residuals, ssr, df_resid)


def _lines(
    spec: Specification,
    fit: _Fit,
    shared: _Shared,
    focal: tuple[str, ...] | None,
    clusters: Ints | None,
) -> list[_Line]:
    """Terms of a specification, as `kostnadsvekst.estimate` has them."""
    wanted = [j for j, name in enumerate(fit.names) if focal is None or name in focal]
    if not wanted:
        return [_failed(spec, f"none of the terms {', '.join(focal or ())} is in the specification")]
    kind = spec.covariance if isinstance(spec.covariance, str) else spec.covariance[0]
    n, k = len(shared.rows), len(fit.names)
    df = fit.df_resid
    if kind == "classical":
        variance = np.diag(fit.bread)[wanted] * (fit.ssr / fit.df_resid)
    else:
        parts = (fit.bread[wanted] @ fit.X) * (shared.weights * fit.residuals)
        if kind == "hc1" or clusters is None:
            variance = (parts**2).sum(axis=1) * (n / fit.df_resid)
        else:
            n_clusters = count_clusters(clusters)
            nested = spec.convention != "xtreg" or nests(clusters, shared.absorbed)
            factor = small_sample_factor(
                n, k, df_resid=df, n_clusters=n_clusters, convention=spec.convention, nested=nested
            )
            df = n_clusters - 1
            variance = (cluster_sums(parts.T, clusters) ** 2).sum(axis=0) * factor
    n_entities = int(shared.absorbed.max()) + 1
    return [
        _Line(fit.names[j], float(fit.coefficients[j]), float(np.sqrt(v)), n, n_entities, df)
        for j, v in zip(wanted, variance, strict=True)
    ]


def _fit_alone(spec: Specification, data: pd.DataFrame) -> Estimate | KostnadsvekstError:
    with warnings.catch_warnings():
        # Rows left out are in n_obs.
        warnings.simplefilter("ignore", DataWarning)
        try:
            return estimate(spec.vary(covariance="classical"), data)
        except KostnadsvekstError as error:
            return error


def _lines_alone(
    spec: Specification, fitted: Estimate | KostnadsvekstError, focal: tuple[str, ...] | None
) -> list[_Line]:
    if isinstance(fitted, KostnadsvekstError):
        return [_failed(spec, fitted)]
    wild = spec.covariance == "wild_cluster" or spec.covariance[0] == "wild_cluster"
    options = {"terms": [t for t in focal if t in fitted.terms]} if wild and focal else {}
    chosen = fitted.with_covariance(spec.covariance, spec.convention, **options)
    frame = chosen.coefficients.iloc[:-1]
    wanted = [term for term in frame.index if focal is None or term in focal]
    if not wanted:
        gone = [t for t in focal or () if t in fitted.dropped]
        reason = f"collinear: {', '.join(gone)}" if gone else f"none of {', '.join(focal or ())} is in it"
        return [_failed(spec, reason)]
    df = np.broadcast_to(chosen.inference.df, len(chosen.terms)).tolist()
    columns = ["estimate", "std_error", "p_value", "conf_low", "conf_high"]
    table = frame.assign(df=df[:-1]).loc[wanted, [*columns, "df"]].itertuples(name=None)
    size = (fitted.n_obs, fitted.n_entities)
    return [
        _Line(term, b, se, *size, df_of_term, OK, p, low, high)
        for term, b, se, p, low, high, df_of_term in table
    ]


def _failed(spec: Specification, reason: object) -> _Line:
    nothing = float("nan")
    return _Line("", nothing, nothing, 0, 0, 0, f"not estimated: {str(reason).splitlines()[0]}")


def _tidy(
    roles: dict[Specification, str], names: dict[Specification, str], lines: dict[Specification, list[_Line]]
) -> pd.DataFrame:
    keys = [(spec, line) for spec in roles for line in lines[spec]]
    frame = pd.DataFrame([line for _, line in keys], columns=list(_Line._fields))
    frame.insert(0, "spec", [names[spec] for spec, _ in keys])
    b, se, df = frame["estimate"].to_numpy(), frame["std_error"].to_numpy(), frame["df"].to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = b / se
        half = stdtrit(np.maximum(df, 1), 0.975) * se
    p_value = 2 * stdtr(np.maximum(df, 1), -np.abs(statistic))
    computed = {"p_value": p_value, "conf_low": b - half, "conf_high": b + half}
    frame.insert(4, "statistic", statistic)
    for position, (name, values) in enumerate(computed.items()):
        # Tests that do not come from the t distribution are there already.
        given = frame.pop(name).to_numpy()
        frame.insert(5 + position, name, np.where(np.isnan(given), values, given))
    absorbing = ("absorb",) if any(spec.absorb for spec in roles) else ()
    for part in (*_PARTS, *absorbing):
        frame[part] = [_as_text(part, getattr(spec, part)) for spec, _ in keys]
    frame["role"] = [roles[spec] for spec, _ in keys]
    frame["status"] = frame.pop("status")
    return frame


def _as_text(part: str, value: Any) -> str:
    if value is None or value == ():
        return {"weights": "none", "sample": "all", "absorb": "none"}.get(part, "")
    if isinstance(value, tuple):
        return {"regressors": " + ", "sample": " & ", "absorb": " + "}.get(part, ":").join(value)
    return str(value)


@dataclass(frozen=True)
class _Bootstrap:
    """Wild cluster draws with the same signs for a unit in every specification.

    ``signs`` is (1 + R, M) with ones in its first row, which gives the statistic of the data themselves.
    """

    signs: Floats
    units: pd.Index
    seed: int
    description: str
    tested: Callable[[Specification], bool]
    statistics: list[Floats] = field(default_factory=list)
    thresholds: list[float] = field(default_factory=list)
    present: list[tuple[_Shared, Floats]] = field(default_factory=list)

    def add(self, fit: _Fit, shared: _Shared, j: int, sample: Sample, entity: str) -> None:
        """Draws of one fit under the null that its coefficient j is zero."""
        pooled = shared.absorbed if (shared.absorbed != sample.codes[entity]).any() else None
        self._add(
            X=fit.X.T,
            weights=shared.weights,
            residuals=fit.residuals,
            coefficient=float(fit.coefficients[j]),
            bread=fit.bread,
            direction=fit.bread[j],
            variance=float(fit.bread[j, j]),
            df_resid=fit.df_resid,
            clusters=sample.codes[entity],
            signs=self._signs_of(shared, sample.levels[entity]),
            pooled=pooled is not None,
        )

    def add_alone(self, fitted: Estimate | KostnadsvekstError, term: str) -> None:
        """Draws of a fit that was made outside the shared arrays."""
        if isinstance(fitted, KostnadsvekstError) or term not in fitted.terms or fitted.data is None:
            return
        spec, fit = fitted.specification, fitted.fit
        clusters = fitted.grouping.codes(spec.entity)
        levels = np.unique(fitted.data[spec.entity].iloc[fitted.rows])
        j, k = fitted.terms.index(term), len(fit.coefficients)
        # In orthonormal coordinates, for these are the fits that the normal equations do not bear.
        direction = orthonormal_rows(fit, np.eye(k)[[j]])[0]
        self._add(
            X=orthonormal_rows(fit, fit.X_within),
            weights=fit.weights,
            residuals=fit.residuals,
            coefficient=float(fit.coefficients[j]),
            bread=np.eye(k),
            direction=direction,
            variance=float(direction @ direction),
            df_resid=fit.df_resid,
            clusters=clusters,
            signs=self.signs[:, self.units.get_indexer(levels)],
            pooled=spec.effects == "none",
        )

    def test(self, term: str, specifications: tuple[str, ...]) -> JointTest | None:
        """Joint test over the fits added; None if there are none."""
        if not self.statistics:
            return None
        t = np.stack(self.statistics, axis=1)
        limits = np.array(self.thresholds)
        by_draw = {
            "median_t": np.abs(np.median(t, axis=1)),
            "share_significant": np.maximum((t > limits).mean(axis=1), (t < -limits).mean(axis=1)),
            "mean_t": np.abs(t.mean(axis=1)),
        }
        rows = {
            name: (values[0], float((values >= values[0] * (1 - _TIE)).mean()))
            for name, values in by_draw.items()
        }
        results = pd.DataFrame.from_dict(rows, orient="index", columns=["observed", "p_value"])
        results.index.name = "statistic"
        n_clusters, draws = self.signs.shape[1], len(self.signs) - 1
        # The first row is the data themselves, not a draw.
        critical = float(np.quantile(np.abs(t[1:]).max(axis=1), 0.95))
        return JointTest(
            results,
            t.shape[1],
            n_clusters,
            draws,
            self.seed,
            self.description,
            critical,
            term,
            specifications,
        )

    def _signs_of(self, shared: _Shared, levels: Any) -> Floats:
        # Groups come one after the other: only the signs of the present one are kept.
        if not self.present or self.present[0][0] is not shared:
            self.present[:] = [(shared, self.signs[:, self.units.get_indexer(levels)])]
        return self.present[0][1]

    def _add(
        self,
        *,
        X: Floats,
        weights: Floats,
        residuals: Floats,
        coefficient: float,
        bread: Floats,
        direction: Floats,
        variance: float,
        df_resid: int,
        clusters: Ints,
        signs: Floats,
        pooled: bool,
    ) -> None:
        n, k = X.shape
        z = X @ direction
        restricted = residuals + z * (coefficient / variance)
        # In a pooled model the draw's mean is taken out again: a column of ones stands beside the others.
        columns = np.column_stack([X, np.ones(n)]) if pooled else X
        scale = np.zeros((columns.shape[1],) * 2)
        scale[:k, :k] = bread
        if pooled:
            scale[k, k] = 1 / weights.sum()
        u = cluster_sums(columns * (weights * restricted)[:, None], clusters)
        h = cluster_sums(columns * (weights * z)[:, None], clusters) @ scale
        squares = bootstrap_statistics(signs, u[:, :k] @ direction, u, h)
        n_clusters = signs.shape[1]
        factor = small_sample_factor(n, k, df_resid, n_clusters, "areg")
        self.statistics.append(np.sign(squares) * np.sqrt(np.abs(squares) / factor))
        self.thresholds.append(float(stdtrit(n_clusters - 1, 0.975)))


def _start_bootstrap(
    data: pd.DataFrame,
    specs: Collection[Specification],
    draws: int,
    seed: int,
    tested: Callable[[Specification], bool],
) -> _Bootstrap:
    several = [spec.formula for spec in specs if spec.absorb and tested(spec)]
    if several:
        raise SpecificationError(
            f"the joint test draws for one set of absorbed effects; {len(several)} specification(s) have "
            f"more, such as {several[0]!r}: leave them out with tested=lambda spec: not spec.absorb"
        )
    entities = {spec.entity for spec in specs}
    if len(entities) > 1:
        raise SpecificationError(
            f"the joint test needs one kind of cluster; the specifications have {', '.join(sorted(entities))}"
        )
    units = pd.Index(np.unique(data[entities.pop()].dropna()))
    signs = draw_signs(len(units), draws, seed)
    values = np.vstack([np.ones((1, len(units))), signs.values])
    return _Bootstrap(values, units, seed, f"{len(units)} clusters, {signs.description}", tested)
