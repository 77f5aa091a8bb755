"""Unit and period effects with AR(1) disturbances on a grid: `estimate_ar1` with a dummy for each period.

The period dummies never exist as columns. Their moments with each other and with the regressors follow
from the pattern of observed cells, so an outcome costs a few passes over the grid. In a complete grid they
are just period means, and nothing is left but the handful of regressors.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.models.ar1 import LagMoments, estimate_rho
from kostnadsvekst.models.projection import generalised_inverse

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]

# Smallest eigenvalue of the regressors' correlations after the effects are out.
_COLLINEAR = 1e-10


@dataclass(frozen=True, slots=True)
class Ar1GridFit:
    """Coefficients of k regressors with AR(1) disturbances, unit and period effects.

    Attributes
    ----------
    coefficients : (k,) array
    classical, clustered : (k, k) arrays
        Covariances; the second by unit, with the factor M/(M-1) (n-1)/(n-K-1), K counting the period
        effects and not the nested unit effects.
    rho, sigma_e : float
    n_obs, n_units, df_resid : int
        Transformed rows, units with one, and n - N - K.
    """

    coefficients: Floats
    classical: Floats
    clustered: Floats
    rho: float
    sigma_e: float
    n_obs: int
    n_units: int
    df_resid: int


def fit_ar1_grid(y: Floats, X: Floats, present: Bools, classes: Ints, method: str = "dw") -> Ar1GridFit:
    """Fit one outcome.

    Parameters
    ----------
    y : (N, T) array
    X : (k, N, T) array
    present : (N, T) boolean array
        Cells with an observation; the others are ignored.
    classes : (T,) integer array
        Period effects, codes 0 ... C - 1.
    method : str
        As in `estimate_ar1`.

    Returns
    -------
    Ar1GridFit

    Raises
    ------
    SpecificationError
        If regressors are collinear with each other or with the effects.

    Notes
    -----
    The same estimator as `estimate_ar1` with the term C(period), except that the period dummies are not
    rounded to single precision in the search for rho (a difference of about 1e-8 in rho).
    """
    stacked = np.where(present, np.concatenate([X, y[None]]), 0.0)
    within = _single_precision(_unit_demeaned(stacked, present))
    rho = estimate_rho(_grid_moments(within, present, _indicator(classes)[:, 1:]), method).rho
    star = _transform(stacked, present, rho)
    return _fit_transformed(star, classes, rho)


def fit_ar1_complete(Y: Floats, X: Floats, method: str = "dw") -> list[Ar1GridFit]:
    """Fit many outcomes on a grid without missing cells, with an effect for each period.

    Parameters
    ----------
    Y : (m, N, T) array
    X : (k, N, T) array
    method : str

    Returns
    -------
    list of Ar1GridFit
        One for each outcome, in order.

    Notes
    -----
    Without gaps the transformed period dummies span all functions of time, so taking out period means
    does their work in every step; and z*_t = z_t - rho z_{t-1} makes each moment of z* a quadratic in rho
    whose coefficients are computed once for all outcomes.
    """
    k = len(X)
    stacked = np.concatenate([X, Y])
    single = _single_precision(stacked - stacked.mean(-1, keepdims=True))
    search = _Products(single - single.mean(1, keepdims=True), k, demean=False)
    final = _Products(stacked, k, demean=True)
    fits = []
    for j in range(len(Y)):
        now, cross, before = search.of(j)
        moments = LagMoments(search.total(j), cross, now, before, np.zeros_like(now))
        fits.append(_fit_complete(final, j, estimate_rho(moments, method).rho))
    return fits


class _Products:
    """Sums of products of [X, Y] at t and t - 1, for each outcome without passing over the grid again."""

    def __init__(self, grids: Floats, k: int, demean: bool) -> None:
        self.k, now, before = k, grids[:, :, 1:], grids[:, :, :-1]
        if demean:
            now, before = _two_way_demeaned(now), _two_way_demeaned(before)
        self.now, self.before = np.ascontiguousarray(now), np.ascontiguousarray(before)
        self._blocks = tuple(
            self._block(left, right)
            for left, right in ((self.now, self.now), (self.now, self.before), (self.before, self.before))
        )
        self._first = None if demean else self._block(*[np.ascontiguousarray(grids[:, :, :1])] * 2)

    def _block(self, left: Floats, right: Floats) -> tuple[Floats, Floats, Floats]:
        flat_left, flat_right = left.reshape(len(left), -1), right.reshape(len(right), -1)
        own = np.einsum("ij,ij->i", flat_left[self.k :], flat_right[self.k :])
        return flat_left[: self.k] @ flat_right.T, flat_left @ flat_right[: self.k].T, own

    def _assemble(self, block: tuple[Floats, Floats, Floats], j: int) -> Floats:
        k, (upper, lower, own) = self.k, block
        matrix = np.empty((k + 1, k + 1))
        matrix[:k, :k], matrix[:k, k] = upper[:, :k], upper[:, k + j]
        matrix[k, :k], matrix[k, k] = lower[k + j], own[j]
        return matrix

    def of(self, j: int) -> tuple[Floats, Floats, Floats]:
        """(k+1, k+1) products now-now, now-before, before-before of the regressors and outcome j."""
        now, cross, before = (self._assemble(block, j) for block in self._blocks)
        return now, cross, before

    def total(self, j: int) -> Floats:
        """Products over all periods, the first included."""
        assert self._first is not None
        return self._assemble(self._blocks[0], j) + self._assemble(self._first, j)


def _fit_complete(products: _Products, j: int, rho: float) -> Ar1GridFit:
    k = products.k
    _, n_units, n = products.now.shape
    now, cross, before = products.of(j)
    gram = now - rho * (cross + cross.T) + rho**2 * before
    star = products.now[:k] - rho * products.before[:k]
    outcome = products.now[k + j] - rho * products.before[k + j]
    return _solve(star, outcome, gram, rho, n_obs=n_units * n, n_units=n_units, rank=n - 1)


def _two_way_demeaned(grids: Floats) -> Floats:
    within = grids - grids.mean(-1, keepdims=True)
    within -= within.mean(1, keepdims=True)
    return within


@dataclass(frozen=True, slots=True)
class _Star:
    """Transformed columns (p, N, T), which cells hold a row, and what each row takes from which cells."""

    columns: Floats
    rows: Bools
    now: Floats
    before: Floats
    previous: Ints


def _indicator(classes: Ints) -> Floats:
    return (classes[:, None] == np.arange(classes.max() + 1)).astype(np.float64)


def _unit_demeaned(grids: Floats, present: Bools) -> Floats:
    """Deviations from unit means of columns that are zero where absent."""
    within = grids - (grids.sum(-1) / np.maximum(present.sum(1), 1))[..., None]
    within *= present
    return within


def _single_precision(grids: Floats) -> Floats:
    return grids.astype(np.float32).astype(np.float64)


def _grid_moments(z: Floats, present: Bools, E: Floats) -> LagMoments:
    """Moments of the period dummies, the regressors and the outcome, in this order."""
    p = len(z)
    has = np.zeros_like(present)
    has[:, 1:] = present[:, 1:] & present[:, :-1]
    now = has.astype(np.float64)
    before = np.roll(now, -1, axis=1)
    z_now, z_before, flat = z * now, z * before, z.reshape(p, -1)
    m = (present @ E) / np.maximum(present.sum(1), 1)[:, None]
    pairs, lag = now.sum(1), np.zeros_like(z)
    lag[:, :, 1:] = z[:, :, :-1]
    lag_now = lag * now
    A_now, A_before, Em = now @ E, before @ E, m * pairs[:, None]
    E_lag = np.vstack([np.zeros(E.shape[1]), E[:-1]])
    dd = _product(present.sum(0), E, E) - m.T @ (m * present.sum(1)[:, None])
    dd_now = _product(now.sum(0), E, E) - A_now.T @ m - m.T @ A_now + m.T @ Em
    dd_before = _product(before.sum(0), E, E) - A_before.T @ m - m.T @ A_before + m.T @ Em
    dd_lag = _product(now.sum(0), E, E_lag) - A_now.T @ m - m.T @ A_before + m.T @ Em
    return LagMoments(
        S0=_join(dd, E.T @ z.sum(1).T, flat @ flat.T),
        S1=_join(
            dd_lag,
            E.T @ lag_now.sum(1).T - m.T @ lag_now.sum(2).T,
            z_now.reshape(p, -1) @ lag.reshape(p, -1).T,
            (E_lag.T @ z_now.sum(1).T - m.T @ z_now.sum(2).T).T,
        ),
        S_now=_join(dd_now, E.T @ z_now.sum(1).T - m.T @ z_now.sum(2).T, z_now.reshape(p, -1) @ flat.T),
        S_before=_join(
            dd_before, E.T @ z_before.sum(1).T - m.T @ z_before.sum(2).T, z_before.reshape(p, -1) @ flat.T
        ),
        S_gap=np.zeros((E.shape[1] + p, E.shape[1] + p)),
    )


def _product(weights: Floats, left: Floats, right: Floats) -> Floats:
    product: Floats = left.T @ (right * weights[:, None])
    return product


def _join(dd: Floats, dz: Floats, zz: Floats, zd: Floats | None = None) -> Floats:
    return np.block([[dd, dz], [dz.T if zd is None else zd, zz]])


def _transform(z: Floats, present: Bools, rho: float) -> _Star:
    n_periods = present.shape[1]
    latest = np.maximum.accumulate(np.where(present, np.arange(n_periods), -1), axis=1)
    previous = np.full(present.shape, -1, dtype=np.intp)
    previous[:, 1:] = latest[:, :-1]
    rows = present & (previous >= 0)
    gap = np.where(rows, np.arange(n_periods) - previous, 1)
    decay = np.power(rho, gap)
    now = np.where(rows, np.sqrt((1 - rho**2) / (1 - decay**2)), 0.0)
    taken = np.where(rows, previous, 0)
    lagged = np.take_along_axis(z, np.broadcast_to(taken, z.shape), axis=-1)
    return _Star(now * z - now * decay * lagged, rows, now, now * decay, taken)


def _fit_transformed(star: _Star, classes: Ints, rho: float) -> Ar1GridFit:
    within = _unit_demeaned(star.columns, star.rows)
    residual, rank = _without_period_effects(within, star, _indicator(classes))
    flat = residual.reshape(len(residual), -1)
    n, n_units = int(star.rows.sum()), int(star.rows.any(1).sum())
    return _solve(residual[:-1], residual[-1], flat @ flat.T, rho, n_obs=n, n_units=n_units, rank=rank)


def _solve(
    X: Floats, y: Floats, gram: Floats, rho: float, *, n_obs: int, n_units: int, rank: int
) -> Ar1GridFit:
    """Least squares of residualised columns with their Gram matrix, the outcome last in it."""
    k = len(X)
    if not _full_rank(gram[:k, :k]):
        raise SpecificationError("a regressor is collinear with the others or with the effects")
    bread = np.linalg.inv(gram[:k, :k])
    b = bread @ gram[:k, k]
    df = n_obs - n_units - rank - k
    errors = y - np.tensordot(b, X, 1)
    ssr = float(np.einsum("nt,nt->", errors, errors))
    scores = np.einsum("knt,nt->nk", X, errors)
    factor = n_units / (n_units - 1) * (n_obs - 1) / (n_obs - rank - k - 1)
    return Ar1GridFit(
        coefficients=b,
        classical=bread * ssr / df,
        clustered=factor * bread @ (scores.T @ scores) @ bread,
        rho=rho,
        sigma_e=float(np.sqrt(ssr / df)),
        n_obs=n_obs,
        n_units=n_units,
        df_resid=df,
    )


def _full_rank(gram: Floats) -> bool:
    length = np.sqrt(np.diag(gram))
    if not (length > 0).all():
        return False
    values = np.linalg.eigvalsh(gram / np.outer(length, length))
    return bool(values[0] > _COLLINEAR)


def _without_period_effects(within: Floats, star: _Star, E: Floats) -> tuple[Floats, int]:
    """Residuals of columns on the transformed period dummies, and the dummies' rank after unit effects."""
    n_units, n_periods = star.rows.shape
    unit = np.broadcast_to(np.arange(n_units)[:, None], star.rows.shape)
    source = np.zeros_like(star.before)
    # No cell comes before two rows, so this is an assignment and not a sum.
    source[unit[star.rows], star.previous[star.rows]] = star.before[star.rows]
    source_squared = np.bincount(star.previous.ravel(), (star.before**2).ravel(), n_periods)
    pair = (np.arange(n_periods) * n_periods + star.previous).ravel()
    by_period_pair = np.bincount(pair, (star.now * star.before).ravel(), n_periods**2)
    cross = E.T @ by_period_pair.reshape(n_periods, n_periods) @ E
    U = (star.now - source) @ E
    counts = np.maximum(star.rows.sum(1), 1)
    raw = np.diag(E.T @ ((star.now**2).sum(0) + source_squared)) - cross - cross.T
    gram = raw - U.T @ (U / counts[:, None])
    inverse, rank = generalised_inverse(gram, np.diag(gram) <= 1e-12 * np.diag(raw).max())
    taken = np.stack(
        [np.bincount(star.previous.ravel(), (star.before * c).ravel(), n_periods) for c in within]
    )
    effects = (((star.now * within).sum(1) - taken) @ E) @ inverse
    by_period = effects @ E.T
    fitted = star.now * by_period[:, None, :] - star.before * by_period[:, star.previous]
    fitted -= (effects @ U.T / counts)[..., None]
    return (within - fitted) * star.rows, rank
