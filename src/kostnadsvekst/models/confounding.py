"""How strong something left out would have to be: robustness values, benchmarks, Oster's delta.

Everything is computed from the columns without the absorbed effects (and weighted by the square root of the
weights), which by Frisch, Waugh and Lovell is the regression with all dummies. D is the term in question, X
the other regressors, Z what was left out.
Sources: Cinelli and Hazlett (2020), Making sense of sensitivity, Journal of the Royal Statistical Society B
82, 39-67; Oster (2019), Unobservable selection and coefficient stability, Journal of Business and Economic
Statistics 37, 187-204.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtrit

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.models import inference
from kostnadsvekst.models.fixed_effects import Estimate, WithinFit
from kostnadsvekst.models.notebook_face import Shown
from kostnadsvekst.models.origins import with_origin
from kostnadsvekst.naming import nearest_names
from kostnadsvekst.provenance import UNKNOWN, Provenance

Floats = NDArray[np.float64]

# Oster's proposal for the R squared of a regression in which nothing is left out.
OSTER_FACTOR = 1.3


@dataclass(frozen=True, slots=True, repr=False)
class Sensitivity(Shown):
    """How a coefficient would change if something had been left out.

    Attributes
    ----------
    term : str
    estimate, std_error : float
        With the classical error: the formulas are those of homoskedastic regression.
    df : int
    partial_r2 : float
        Of D with the outcome, given X and the effects: an omitted variable that explains all of the rest of
        the outcome must explain this share of D to bring the estimate to zero.
    robustness_value : float
        Share of the rest of both D and the outcome that something left out must explain to take the part `q`
        of the estimate away.
    robustness_value_significance : float
        The same to make the rest of the estimate not significant at `alpha`.
    q, alpha : float
    benchmarks : DataFrame
        ``benchmark``, ``multiple``, ``r2_treatment``, ``r2_outcome`` (of something as many times as strong as
        the benchmark), and what it would leave: ``estimate``, ``std_error``, ``statistic``, ``conf_low``,
        ``conf_high`` (level 1 - alpha).
    impossible : tuple of str
        Multiples that no variable can have, since it would explain more than all of D or of the outcome.
    provenance : Provenance
        Origin of the data.
    """

    term: str
    estimate: float
    std_error: float
    df: int
    partial_r2: float
    robustness_value: float
    robustness_value_significance: float
    q: float
    alpha: float
    benchmarks: pd.DataFrame
    impossible: tuple[str, ...]
    provenance: Provenance = field(default=Provenance(UNKNOWN), repr=False, compare=False, kw_only=True)

    def adjusted(self, r2_treatment: Floats, r2_outcome: Floats) -> tuple[Floats, Floats]:
        """Estimate and standard error if something of this strength had been left out.

        Parameters
        ----------
        r2_treatment, r2_outcome : arrays of one shape
            Shares of the rest of D, and of the rest of the outcome given D, that it explains; below one.

        Returns
        -------
        estimate, std_error : arrays
            The estimate is moved towards zero. Equations 7 and 8 of Cinelli and Hazlett.
        """
        bias = self.std_error * np.sqrt(self.df * r2_outcome * r2_treatment / (1 - r2_treatment))
        left = (1 - r2_outcome) / (1 - r2_treatment)
        error: Floats = self.std_error * np.sqrt(left * self.df / (self.df - 1))
        moved: Floats = self.estimate - np.sign(self.estimate) * bias
        return moved, error


@dataclass(frozen=True, slots=True, repr=False)
class OsterDelta(Shown):
    """How much stronger than the controls what was left out would have to be.

    Attributes
    ----------
    term : str
    delta : float
        Selection on what was left out, relative to selection on the controls, at which the coefficient would
        be `beta`. NaN where the controls change neither the coefficient nor R squared.
    beta, r_max : float
    short_estimate, estimate : float
        Without and with the controls.
    short_r_squared, r_squared : float
        Of the outcome without the effects and what is always in the model.
    provenance : Provenance
        Origin of the data.
    """

    term: str
    delta: float
    beta: float
    r_max: float
    short_estimate: float
    estimate: float
    short_r_squared: float
    r_squared: float
    provenance: Provenance = field(default=Provenance(UNKNOWN), repr=False, compare=False, kw_only=True)


@with_origin
def sensitivity(
    est: Estimate,
    term: str,
    benchmarks: Mapping[str, Sequence[str]] | Sequence[str] = (),
    *,
    multiples: Sequence[float] = (1, 2, 3),
    q: float = 1.0,
    alpha: float = 0.05,
) -> Sensitivity:
    """Robustness values of a coefficient, and what variables as strong as observed ones would do to it.

    Parameters
    ----------
    est : Estimate
        From `kostnadsvekst.estimate`; any weights and absorbed effects.
    term : str
    benchmarks : mapping of str to sequence of str, or sequence of str
        Name -> terms of the model that are one benchmark together, or terms that are one each.
    multiples : sequence of float
        How many times as strong.
    q : float
        Part of the estimate that is to be taken away.
    alpha : float
        Level of significance.

    Returns
    -------
    Sensitivity

    Raises
    ------
    SpecificationError
        A term that the model does not have, a benchmark that holds the term itself, or numbers out of range.

    Notes
    -----
    Errors are classical whatever the covariance of the estimate: the formulas take one error variance.
    """
    groups = benchmarks if isinstance(benchmarks, Mapping) else {name: [name] for name in benchmarks}
    own, members = _check(est, term, groups, multiples, q, alpha)
    fit, df = est.fit, est.fit.df_resid
    V = inference.classical(fit).matrix
    b, error = float(fit.coefficients[own]), float(np.sqrt(V[own, own]))
    f = abs(b) / error / np.sqrt(df)
    rows, impossible = [], []
    base = Sensitivity(
        term,
        b,
        error,
        df,
        f**2 / (1 + f**2),
        _robustness_value(q * f, 0.0),
        0.0,
        q,
        alpha,
        pd.DataFrame(),
        (),
    )
    for name, positions in members.items():
        with_outcome = _partial_r2(fit.coefficients, V, positions, df)
        with_treatment = _partial_r2_of_treatment(fit, own, positions)
        for multiple in multiples:
            strength = _bound(with_treatment, with_outcome, multiple)
            if strength is None:
                impossible.append(f"{multiple:g} x {name}")
            else:
                rows.append((name, multiple, *strength, *_left(base, *strength)))
    columns = ["benchmark", "multiple", "r2_treatment", "r2_outcome", "estimate", "std_error", "statistic"]
    frame = pd.DataFrame(rows, columns=[*columns, "conf_low", "conf_high"])
    critical = abs(float(stdtrit(df - 1, alpha / 2))) / np.sqrt(df - 1)
    significance = _robustness_value(q * f, critical)
    return Sensitivity(
        term,
        b,
        error,
        df,
        base.partial_r2,
        base.robustness_value,
        significance,
        q,
        alpha,
        frame,
        tuple(impossible),
    )


@with_origin
def oster_delta(
    est: Estimate, term: str, always: Sequence[str] = (), *, r_max: float | None = None, beta: float = 0.0
) -> OsterDelta:
    """Relative selection at which a coefficient would be a given number.

    Parameters
    ----------
    est : Estimate
        With the controls.
    term : str
    always : sequence of str
        Terms that are no controls but in every model, as the absorbed effects are: year dummies.
    r_max : float, optional
        R squared if nothing were left out, of the outcome without the effects and `always`; without it
        1.3 times that of the estimate, at most one.
    beta : float

    Returns
    -------
    OsterDelta

    Raises
    ------
    SpecificationError
        A term that the model does not have, no controls, or an `r_max` not between the estimate's R squared
        and one.

    Notes
    -----
    The exact delta of Oster's proposition 3, not the approximation for proportional selection.
    """
    own, members = _check(est, term, {"always": always}, (1,), 1.0, 0.05)
    kept = members["always"]
    controls = [j for j in range(len(est.terms) - 1) if j != own and j not in kept]
    if not controls:
        raise SpecificationError(f"{term!r} has no controls beside it: nothing to compare with")
    X, y = _scaled(est.fit)
    rest = _residuals(np.column_stack([X[:, [own]], X[:, controls], y]), X[:, kept])
    d, controlled, outcome = rest[:, :1], rest[:, :-1], rest[:, -1]
    short, long = (np.linalg.lstsq(columns, outcome, rcond=None)[0] for columns in (d, controlled))
    total = float(outcome @ outcome)
    r2 = [1 - float(np.sum((outcome - c @ b) ** 2)) / total for c, b in ((d, short), (controlled, long))]
    most = min(OSTER_FACTOR * r2[1], 1.0) if r_max is None else r_max
    if not r2[1] < most <= 1:
        raise SpecificationError(
            f"r_max={most:g} must lie above the estimate's {r2[1]:.4f} and be at most one"
        )
    n = len(outcome)
    tau = float(np.sum(_residuals(d, rest[:, 1:-1]) ** 2)) / n
    delta = _delta(
        (float(short[0]), float(long[0]), beta),
        (r2[0], r2[1], most),
        (total / n, float(np.sum(d**2)) / n, tau),
    )
    return OsterDelta(term, delta, beta, most, float(short[0]), float(long[0]), r2[0], r2[1])


def _delta(
    slopes: tuple[float, float, float], r2: tuple[float, float, float], variances: tuple[float, float, float]
) -> float:
    """Delta by proposition 3: coefficients and R squared, and the variances of y, D and D given X."""
    short, long, beta = slopes
    r_short, r_long, r_max = r2
    yy, xx, tau = variances
    moved, gap = short - long, long - beta
    cubic = gap**3 * (tau * xx - tau**2)
    above = (
        gap * (r_long - r_short) * yy * tau
        + gap * xx * tau * moved**2
        + 2 * gap**2 * tau * moved * xx
        + cubic
    )
    below = (r_max - r_long) * yy * (moved * xx + gap * (xx - tau)) + gap**2 * tau * moved * xx + cubic
    return above / below if below else float("nan")


def _check(
    est: Estimate,
    term: str,
    groups: Mapping[str, Sequence[str]],
    multiples: Sequence[float],
    q: float,
    alpha: float,
) -> tuple[int, dict[str, list[int]]]:
    """Positions of the term and of the members of each group."""
    if est.specification.instruments:
        raise SpecificationError(
            "the formulas are of least squares, and the estimate has instruments: ask of its first stage or "
            "reduced form (.first_stages, .reduced_form)"
        )
    terms = est.terms[:-1]
    members = {name: [some] if isinstance(some, str) else list(some) for name, some in groups.items()}
    named = [term, *(name for some in members.values() for name in some)]
    absent = [name for name in named if name not in terms]
    problems = [f"the model has no term {nearest_names(absent, terms)}"] if absent else []
    problems += [f"{name!r} holds {term!r} itself" for name, some in members.items() if term in some]
    problems += [f"a multiple of {m!r} is not positive" for m in multiples if not m > 0]
    problems += [] if 0 < q <= 1 else [f"q={q!r} is not in (0, 1]"]
    problems += [] if 0 < alpha < 1 else [f"alpha={alpha!r} is not in (0, 1)"]
    if problems:
        raise SpecificationError("; ".join(problems))
    return terms.index(term), {name: [terms.index(m) for m in some] for name, some in members.items()}


def _scaled(fit: WithinFit) -> tuple[Floats, Floats]:
    """Columns and outcome without the effects, times the root of the weights."""
    root = np.sqrt(fit.weights)
    y = fit.X_within @ fit.coefficients + fit.residuals
    return fit.X_within * root[:, None], y * root


def _residuals(columns: Floats, on: Floats) -> Floats:
    if not on.shape[1]:
        return columns
    Q = np.linalg.qr(on)[0]
    left: Floats = columns - Q @ (Q.T @ columns)
    return left


def _partial_r2(b: Floats, V: Floats, positions: Sequence[int], df: int) -> float:
    """Share of the rest of the outcome that a group explains, from its Wald statistic."""
    some = b[list(positions)]
    wald = float(some @ np.linalg.solve(V[np.ix_(positions, positions)], some))
    return wald / (wald + df)


def _partial_r2_of_treatment(fit: WithinFit, own: int, positions: Sequence[int]) -> float:
    """Share of the rest of D that a group explains, given the other regressors."""
    X, _ = _scaled(fit)
    others = [j for j in range(X.shape[1]) if j != own]
    without = [j for j in others if j not in positions]
    left, less = (float(np.sum(_residuals(X[:, [own]], X[:, some]) ** 2)) for some in (others, without))
    return 1 - left / less


def _bound(with_treatment: float, with_outcome: float, multiple: float) -> tuple[float, float] | None:
    """Strength of Z if it is as many times as strong as a benchmark; None where nothing can be."""
    f2 = with_treatment / (1 - with_treatment)
    treatment = multiple * f2
    if treatment >= 1 or multiple * with_treatment >= 1:
        return None
    eta = multiple * with_treatment**2 / ((1 - multiple * with_treatment) * (1 - with_treatment))
    if eta >= 1:
        return None
    outcome = ((np.sqrt(multiple) + np.sqrt(eta)) / np.sqrt(1 - eta)) ** 2 * with_outcome / (1 - with_outcome)
    return (treatment, float(outcome)) if outcome <= 1 else None


def _left(
    base: Sensitivity, r2_treatment: float, r2_outcome: float
) -> tuple[float, float, float, float, float]:
    moved, error = base.adjusted(np.asarray(r2_treatment), np.asarray(r2_outcome))
    width = abs(float(stdtrit(base.df - 1, base.alpha / 2))) * float(error)
    statistic = float(moved / error) if error else float("nan")
    return float(moved), float(error), statistic, float(moved) - width, float(moved) + width


def _robustness_value(f: float, critical: float) -> float:
    """Robustness value from f and the critical f; Cinelli and Hazlett, section 4.2."""
    beyond = f - critical
    if beyond <= 0:
        return 0.0
    if critical and f > 1 / critical:
        return float((f**2 - critical**2) / (1 + f**2))
    return float(0.5 * (np.sqrt(beyond**4 + 4 * beyond**2) - beyond**2))
