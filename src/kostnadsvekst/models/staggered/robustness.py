"""How far the estimates lean on parallel trends: tests before treatment, sensitivity, placebo dates."""

import warnings
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import chdtrc, ndtr

from kostnadsvekst.callers import level_of_caller
from kostnadsvekst.errors import DataWarning, SpecificationError
from kostnadsvekst.models.notebook_face import Shown
from kostnadsvekst.models.origins import with_origin
from kostnadsvekst.models.staggered.adoption_panel import (
    NEVER,
    AdoptionPanel,
    require_controls,
    without_always_treated,
)
from kostnadsvekst.models.staggered.callaway_santanna import Comparisons
from kostnadsvekst.models.staggered.event_study import METHODS, estimate_panel
from kostnadsvekst.models.staggered.reading import read_adoption_panel
from kostnadsvekst.models.staggered.robust_intervals import robust_relative_magnitudes
from kostnadsvekst.models.staggered.studies import Aggregate, EventStudy, StudyColumns, TwoStageStudy
from kostnadsvekst.provenance import UNKNOWN, Provenance, provenance_of


@dataclass(frozen=True, slots=True, repr=False)
class WaldTest(Shown):
    """Joint test that coefficients are zero: ``statistic`` is chi-squared with ``df`` degrees of freedom."""

    statistic: float
    df: int
    p_value: float
    provenance: Provenance = field(default=Provenance(UNKNOWN), repr=False, compare=False, kw_only=True)


@with_origin
def pre_trend_test(study: EventStudy, horizons: int | None = None) -> WaldTest:
    """Joint test that the effects before treatment are zero.

    Parameters
    ----------
    study : EventStudy
        By Callaway and Sant'Anna or Sun and Abraham, which estimate horizons before treatment.
    horizons : int, optional
        How many of the last horizons before treatment to test; all of them if left out. On a path from one
        base period the last one is -2 (the base is -1), with a varying base it is -1; periods of
        anticipation are not tested.

    Raises
    ------
    SpecificationError
        If the study has no horizon before treatment.

    Warns
    -----
    DataWarning
        For horizons without a standard error of their own, which are left out; and where clusters are too
        few to test each horizon.
    """
    table = study.horizons
    last = study.last_before
    lowest = -np.inf if horizons is None else last - horizons
    chosen = ((table["horizon"] <= last) & (table["horizon"] > lowest)).to_numpy()
    unknown = chosen & table["std_error"].isna().to_numpy()
    picked = np.flatnonzero(chosen & ~unknown)
    if not len(picked):
        raise SpecificationError(f"{study.method} has no effects before treatment to test")
    if unknown.any():
        warnings.warn(
            "horizons without a standard error of their own are not tested: "
            f"{', '.join(map(str, table['horizon'][unknown]))}",
            DataWarning,
            stacklevel=level_of_caller(),
        )
    estimate = table["estimate"].to_numpy()[picked]
    values, vectors = np.linalg.eigh(study.covariance[np.ix_(picked, picked)])
    kept = values > 1e-10 * values[-1]
    if not kept.all():
        warnings.warn(
            f"the covariance of {len(picked)} horizons has rank {kept.sum()}, as with few units or clusters: "
            f"{kept.sum()} of their combinations are tested, not each of them",
            DataWarning,
            stacklevel=level_of_caller(),
        )
    statistic = float(np.sum((vectors[:, kept].T @ estimate) ** 2 / values[kept]))
    return WaldTest(statistic, int(kept.sum()), float(chdtrc(int(kept.sum()), statistic)))


@with_origin
def sensitivity(
    study: EventStudy, magnitudes: tuple[float, ...] = (0.0, 0.5, 1.0, 2.0), window: int | None = None
) -> pd.DataFrame:
    """How far parallel trends may fail before the mean effect over horizons is no longer clear.

    Parameters
    ----------
    study : EventStudy
        With horizons before treatment on a path from one base period, ``base_period="universal"``.
    magnitudes : tuple of float
        Bounds on violations after treatment, relative to the largest one between neighbouring periods
        before it.
    window : int, optional
        Use only horizons from -window - 1 to window.

    Returns
    -------
    DataFrame
        ``magnitude``, identified set ``set_low``, ``set_high``, robust interval ``conf_low``, ``conf_high``
        for the mean effect over the horizons from zero on.

    Raises
    ------
    SpecificationError
        With a varying base, where horizons are changes and not a path; without horizons before treatment;
        or if a horizon inside is missing or has no standard error: it is named.

    Notes
    -----
    Rambachan and Roth (2023), relative magnitudes. The identified set is by diff-diff's ``HonestDiD``, whose
    interval around it counts the error of the mean but not that of the largest violation before treatment,
    and holds the mean too seldom where this is large; the interval here is that of
    `robust_relative_magnitudes`. Periods of anticipation lie after the base period: trends may fail there
    too, and they do not count in the mean.
    """
    from diff_diff import compute_honest_did

    path = _path(study, window)
    results, target = _honest_input(study, path), _target(path)
    robust = robust_relative_magnitudes(study, magnitudes, window).to_dict("records")
    rows = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for magnitude, interval in zip(magnitudes, robust, strict=True):
            bounds = compute_honest_did(results, method="relative_magnitude", M=float(magnitude), **target)
            rows.append(
                {
                    "magnitude": magnitude,
                    "set_low": float(bounds.lb),
                    "set_high": float(bounds.ub),
                    "conf_low": interval["conf_low"],
                    "conf_high": interval["conf_high"],
                }
            )
    return pd.DataFrame(rows)


@with_origin
def placebo(
    data: pd.DataFrame,
    outcome: str,
    unit: str,
    time: str,
    first_treated: str,
    shift: int,
    method: str = "imputation",
    *,
    never_treated: object = None,
) -> Aggregate:
    """Effect of treatment dates moved into the past, on the periods before true treatment.

    Parameters
    ----------
    data, outcome, unit, time, first_treated
        As `event_study`.
    shift : int
        Number of periods by which the dates are moved; cells that are truly treated are left out, so the
        placebo treatment lasts `shift` periods.
    method : str
        As `event_study`; not Callaway and Sant'Anna, which compares the same units throughout.
    never_treated : value or sequence of values, optional
        As `event_study`.

    Returns
    -------
    Aggregate
        The simple mean; far from zero it speaks of trends before treatment, or of anticipation. Units whose
        moved date is the first period or before it are left out, and periods from which on nobody is left
        to compare with.

    Raises
    ------
    SpecificationError
        If `shift` is not positive or no unit is left to be treated.

    Warns
    -----
    DataWarning
        For cells that cannot be compared, as `event_study`; what else it warns of was said of the true dates.
    """
    if shift < 1:
        raise SpecificationError("shift must be at least one period")
    if method == "callaway_santanna":
        raise SpecificationError(
            "placebo dates need an estimator for unbalanced panels, such as 'imputation'"
        )
    if method not in METHODS:
        raise SpecificationError(f"unknown method {method!r}; known: {', '.join(METHODS)}")
    panel = without_always_treated(
        read_adoption_panel(data, outcome, unit, time, first_treated, never_treated=never_treated)
    )
    moved = _moved(panel, shift)
    require_controls(moved, "never_treated" if method == "sun_abraham" else "not_yet_treated")
    estimated = estimate_panel(moved, method, Comparisons())
    for note in estimated.notes:
        warnings.warn(f"placebo dates: {note}", DataWarning, stacklevel=level_of_caller())
    study = (TwoStageStudy if method == "two_stage" else EventStudy)(
        method,
        "not_yet_treated",
        "universal",
        estimated.effects,
        estimated.panel,
        StudyColumns(outcome, unit, time),
        provenance_of(data),
    )
    return study.aggregate()


def _moved(panel: AdoptionPanel, shift: int) -> AdoptionPanel:
    """Panel before treatment with earlier dates, up to the last period that has a comparison."""
    before = panel.without(panel.treated)
    moved = replace(before, first=np.where(before.first == NEVER, NEVER, before.first - shift))
    compared = (moved.present & ~moved.treated).any(axis=0)
    last = int(np.argmin(compared)) if not compared.all() else panel.y.shape[1]
    cut = moved.until(last) if last else moved
    cut = replace(cut, first=np.where(cut.first >= cut.y.shape[1], NEVER, cut.first))
    # Units whose moved date is the first period have nothing to be compared with.
    return cut.take(cut.first > 0)


@dataclass(frozen=True, slots=True)
class _Path:
    """Horizons of a path: their positions among the study's, and which count from the base period on."""

    positions: NDArray[np.intp]
    horizons: NDArray[np.intp]
    base: int


def _path(study: EventStudy, window: int | None) -> _Path:
    """Horizons that the sensitivity is about, without a gap."""
    if study.method == "callaway_santanna" and study.base_period == "varying":
        raise SpecificationError(
            "sensitivity needs a path from one base period, and with a varying base the horizons before "
            "treatment are changes from the period before: estimate with base_period='universal'"
        )
    horizons, base = study.horizons["horizon"].to_numpy(), study.last_before + 1
    kept = np.ones(len(horizons), dtype=bool)
    if window is not None:
        kept = (horizons >= base - window) & (horizons <= window)
    if not (horizons[kept] < base).any():
        raise SpecificationError(f"{study.method} has no effects before treatment to judge trends by")
    if not (horizons[kept] >= 0).any():
        raise SpecificationError("there is no horizon from treatment on to judge")
    path = _Path(np.flatnonzero(kept), horizons[kept], base)
    _require_whole(study, path)
    return path


def _require_whole(study: EventStudy, path: _Path) -> None:
    expected = set(range(int(path.horizons.min()), int(path.horizons.max()) + 1)) - {path.base}
    missing = sorted(expected - set(path.horizons.tolist()))
    unknown = path.horizons[study.horizons["std_error"].isna().to_numpy()[path.positions]].tolist()
    if missing or unknown:
        raise SpecificationError(
            f"sensitivity needs every horizon with a standard error; missing are {[*missing, *unknown]}: "
            "choose a window without them"
        )


def _target(path: _Path) -> dict[str, Any]:
    """Weights of the horizons after the base: the mean from treatment on."""
    if path.base == -1:
        return {}
    after = path.horizons[path.horizons > path.base]
    return {"l_vec": (after >= 0) / (after >= 0).sum()}


def _honest_input(study: EventStudy, path: _Path) -> Any:
    """Event study in the form that diff-diff's HonestDiD reads, whose base period is -1."""
    from diff_diff.results import MultiPeriodDiDResults, PeriodEffect

    chosen = study.horizons.iloc[path.positions]
    effects = {
        int(r.horizon) - path.base - 1: PeriodEffect(
            period=int(r.horizon) - path.base - 1,
            effect=r.estimate,
            se=r.std_error,
            t_stat=r.estimate / r.std_error,
            p_value=float(2 * ndtr(-abs(r.estimate / r.std_error))),
            conf_int=(r.conf_low, r.conf_high),
        )
        for r in chosen.itertuples()
    }
    keys = list(effects)
    share = (path.horizons >= 0) / (path.horizons >= 0).sum()
    mean = float(share @ chosen["estimate"])
    vcov = study.covariance[np.ix_(path.positions, path.positions)]
    std_error = float(np.sqrt(share @ vcov @ share))
    return MultiPeriodDiDResults(
        period_effects=effects,
        avg_att=mean,
        avg_se=std_error,
        avg_t_stat=mean / std_error,
        avg_p_value=float(2 * ndtr(-abs(mean / std_error))),
        avg_conf_int=(mean - 1.96 * std_error, mean + 1.96 * std_error),
        n_obs=int(study.panel.present.sum()),
        n_treated=int((study.panel.first < NEVER).sum()),
        n_control=int((study.panel.first == NEVER).sum()),
        pre_periods=[h for h in keys if h < 0],
        post_periods=[h for h in keys if h >= 0],
        reference_period=-1,
        vcov=vcov,
        interaction_indices={h: j for j, h in enumerate(keys)},
    )
