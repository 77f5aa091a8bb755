"""Tests of a fitted specification: joint Wald, Mundlak, Wooldridge's serial correlation, RESET."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.language import Sentence
from kostnadsvekst.models.covariance_kinds import KINDS, compute_covariance, read_choice
from kostnadsvekst.models.fixed_effects import Estimate, WithinFit, fit_within
from kostnadsvekst.models.hypotheses import HypothesisTest, wald_of_fit
from kostnadsvekst.models.inference import Covariance
from kostnadsvekst.models.origins import with_origin
from kostnadsvekst.models.specifications import dummies_of
from kostnadsvekst.naming import nearest_names, require_columns
from kostnadsvekst.panel.periods import read_panel_periods
from kostnadsvekst.threads import one_thread

Floats = NDArray[np.float64]

_RANDOM_EFFECTS = Sentence(
    "random effects (entity means do not matter)",
    "tilfeldige effekter (enhetenes gjennomsnitt betyr ikke noe)",
)


@one_thread
@with_origin
def wald_test(
    estimate: Estimate, terms: Sequence[str] | Mapping[str, float], null: float = 0.0
) -> HypothesisTest:
    """Test that several coefficients all equal a value, or that one linear combination does.

    Parameters
    ----------
    estimate : Estimate
        Its covariance and degrees of freedom are used.
    terms : sequence of str, or mapping of str to float
        Terms whose coefficients are each compared with `null`, or the weights of one combination.
    null : float

    Raises
    ------
    SpecificationError
        If a term does not exist, or the restrictions are not independent.

    Examples
    --------
    >>> wald_test(est, {"C(year)[T.2016]": 1, "C(year)[T.2015]": -1})  # doctest: +SKIP
    """
    names = list(terms)
    absent = [name for name in names if name not in estimate.terms]
    if absent or not names:
        raise SpecificationError(f"not among the terms: {nearest_names(absent, estimate.terms)}")
    rows = np.array([[float(t == name) for t in estimate.terms] for name in names])
    if isinstance(terms, Mapping):
        rows = np.array([list(terms.values())], dtype=float) @ rows
        said = " + ".join(f"{weight:g} {name}" for name, weight in terms.items()) + f" = {null:g}"
    else:
        said = " = ".join(names) + f" = {null:g}"
    return wald_of_fit("Wald", said, rows, estimate.fit, estimate.inference, null)


@one_thread
@with_origin
def mundlak_test(estimate: Estimate) -> HypothesisTest:
    """Test fixed against random effects, robust to heteroskedasticity and serial correlation.

    Parameters
    ----------
    estimate : Estimate
        With absorbed entity effects.

    Notes
    -----
    The outcome is regressed on the regressors and their (weighted) entity means, pooled; under random effects
    the means' coefficients are zero. Unlike Hausman's form it holds when random effects are not efficient.
    The coefficients of the regressors are the within estimates. Clustered by entity, areg's factor.
    Source: Mundlak (1978); Wooldridge (2010), section 10.7.3.
    """
    _require_plain(estimate)
    if estimate.specification.effects != "entity":
        raise SpecificationError("the Mundlak test is on absorbed effects: absorb the entity first")
    _refuse_further_sets(estimate, "Mundlak")
    fit = estimate.fit
    k = fit.X_within.shape[1]
    between = fit.entity_means[:, :-1]
    # Of regressors that come without their entity means only rounding error is left.
    between = np.where(np.abs(between) > 1e-12 * np.abs(fit.X).max(axis=0), between, 0.0)
    augmented = fit_within(
        fit.y,
        np.column_stack([fit.X, between[fit.entities]]),
        fit.weights,
        np.zeros_like(fit.entities),
        [*estimate.terms[:k], *(f"unit mean of {term}" for term in estimate.terms[:k])],
    )
    means = [position for position, column in enumerate(augmented.kept) if column >= k]
    if not means:
        raise SpecificationError("no regressor varies between entities: there is nothing to test")
    covariance = compute_covariance("cluster", augmented, estimate.grouping)
    return _block_test("Mundlak", _RANDOM_EFFECTS, augmented, means, covariance)


@one_thread
@with_origin
def wooldridge_test(estimate: Estimate) -> HypothesisTest:
    """Test the errors for first-order serial correlation.

    Parameters
    ----------
    estimate : Estimate
        Its regressors and outcome are used unweighted, on rows one period apart.

    Raises
    ------
    SpecificationError
        If no two entities have three periods in a row.
    InvalidDataError
        If a time cannot be read.

    Notes
    -----
    The residuals e of the regression in first differences, without a constant, are regressed on their own
    lag, without a constant; without serial correlation the coefficient is -1/2. Clustered by entity.
    Source: Wooldridge (2010), section 10.6.3; Drukker (2003), Stata Journal 3(2), ``xtserial``.
    """
    _require_plain(estimate)
    if estimate.data is None:
        raise SpecificationError("the estimate has no data to take the periods from")
    _refuse_further_sets(estimate, "Wooldridge")
    fit, spec = estimate.fit, estimate.specification
    entities = estimate.grouping.codes(spec.entity)
    data = estimate.data
    require_columns([spec.time], data.columns)
    when = read_panel_periods(data[spec.entity], data[spec.time], estimate.rows).numbers
    order = np.lexsort((when, entities))
    entities, when = entities[order], when[order]
    columns = np.column_stack([fit.X, fit.y])[order]
    follows = (np.diff(entities) == 0) & (np.diff(when) == 1)
    change = np.diff(columns, axis=0)[follows]
    residuals = np.full(len(columns), np.nan)
    residuals[1:][follows] = _least_squares_residuals(change)
    pairs = follows & ~np.isnan(residuals[:-1]) & ~np.isnan(residuals[1:])
    now, before, units = residuals[1:][pairs], residuals[:-1][pairs], entities[1:][pairs]
    if len(np.unique(units)) < 2:
        raise SpecificationError(f"the test needs three periods in a row in at least two {spec.entity}")
    slope = float(before @ now / (before @ before))
    scores = np.bincount(np.unique(units, return_inverse=True)[1], before * (now - slope * before))
    n_clusters, n = len(scores), len(now)
    variance = n_clusters / (n_clusters - 1) * (scores @ scores) / (before @ before) ** 2
    statistic = (slope + 0.5) ** 2 / variance
    return HypothesisTest(
        "Wooldridge",
        Sentence("no first-order serial correlation", "ingen seriekorrelasjon av første orden"),
        float(statistic),
        1,
        n_clusters - 1,
        float(fdtrc(1, n_clusters - 1, statistic)),
        Sentence(
            f"clustered ({n_clusters} clusters, {n} rows of residuals)",
            f"klyngerobust ({n_clusters} klynger, {n} rader med residualer)",
        ),
    )


def _least_squares_residuals(columns: Floats) -> Floats:
    """Residuals of the last column on the others, each brought to length one before the solution."""
    length = np.linalg.norm(columns[:, :-1], axis=0)
    X = columns[:, :-1] / np.where(length > 0, length, 1.0)
    residuals: Floats = columns[:, -1] - X @ np.linalg.lstsq(X, columns[:, -1], rcond=None)[0]
    return residuals


@one_thread
@with_origin
def reset_test(estimate: Estimate, powers: Sequence[int] = (2, 3)) -> HypothesisTest:
    """Test the functional form: whether powers of the linear prediction explain what is left.

    Parameters
    ----------
    estimate : Estimate
        The kind of covariance it has is used for the test.
    powers : sequence of int
        Of x'b (without the absorbed effects), from its mean, in standard deviations.

    Raises
    ------
    SpecificationError
        If the powers are collinear with the regressors.

    Notes
    -----
    Source: Ramsey (1969); for panels, Wooldridge (2010), section 6.2.3.
    """
    _require_plain(estimate)
    fit = estimate.fit
    index = fit.X @ fit.coefficients
    centred = index - fit.weights @ index / fit.weights.sum()
    centred /= np.sqrt(fit.weights @ centred**2 / fit.weights.sum())
    added = np.column_stack([centred**power for power in powers])
    k = fit.X_within.shape[1]
    both = np.column_stack([fit.X, added])
    names = [*estimate.terms[:k], *(f"power {power} of the prediction" for power in powers)]
    augmented = fit_within(fit.y, both, fit.weights, fit.entities, names, absorb=fit.absorbed)
    positions = [position for position, column in enumerate(augmented.kept) if column >= k]
    if len(positions) < len(powers):
        raise SpecificationError("powers of the prediction are collinear with the regressors")
    spec = estimate.specification
    kind, columns = read_choice(spec.covariance)
    # A bootstrap of each coefficient has no joint covariance but the one beneath it.
    choice = (KINDS[kind].beneath or kind, *columns)
    covariance = compute_covariance(choice, augmented, estimate.grouping, convention=spec.convention)
    listed = ", ".join(map(str, powers))
    null = Sentence(
        f"linear form (powers {listed} of the prediction do not matter)",
        f"lineær form (potens {listed} av prediksjonen betyr ikke noe)",
    )
    return _block_test("RESET", null, augmented, positions, covariance)


def _require_plain(estimate: Estimate) -> None:
    if type(estimate) is not Estimate:
        raise SpecificationError(
            f"this test is on estimates of kostnadsvekst.estimate, not on {type(estimate).__name__}"
        )


def _refuse_further_sets(estimate: Estimate, test: str) -> None:
    if estimate.fit.absorbed:
        raise SpecificationError(
            f"the {test} test is on one set of absorbed effects: write "
            f"{dummies_of(estimate.specification.absorb)} among the regressors instead of absorbing"
        )


def _block_test(
    name: str, null: str, fit: WithinFit, positions: list[int], covariance: Covariance
) -> HypothesisTest:
    rows = np.eye(len(fit.coefficients) + 1)[positions]
    return wald_of_fit(name, null, rows, fit, covariance)
