"""Unit and period effects with AR(1) disturbances on a grid: `estimate_ar1` with a dummy for each period.

The period dummies never exist as columns. Their moments with each other and with the regressors follow
from the pattern of observed cells, so an outcome costs a few passes over the grid. In a complete grid they
are just period means, and nothing is left but the handful of regressors.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.models.ar1 import LagMoments, estimate_rho
from kostnadsvekst.models.balanced.projection import solve_generalised

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]

# Smallest eigenvalue of the regressors' correlations after the effects are out.
_COLLINEAR = 1e-10
# Sums may be taken in the order that fills the vector registers; nothing else is relaxed.
_VECTORISED = {"reassoc", "contract", "nsz"}


@dataclass(frozen=True, slots=True)
class BalancedAr1Fit:
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


def fit_ar1_with_gaps(
    y: Floats, X: Floats, present: Bools, classes: Ints, method: str = "dw"
) -> BalancedAr1Fit:
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
    BalancedAr1Fit

    Raises
    ------
    SpecificationError
        If regressors are collinear with each other or with the effects, or no unit has two cells in a row.

    Notes
    -----
    The same estimator as `estimate_ar1` with the term C(period), except that the period dummies are not
    rounded to single precision in the search for rho (a difference of about 1e-8 in rho).
    """
    if not (present[:, 1:] & present[:, :-1]).any():
        raise SpecificationError("no unit has values in two periods in a row: nothing in the data tells rho")
    stacked = np.where(present, np.concatenate([X, y[None]]), 0.0)
    within = _single_precision(_unit_demeaned(stacked, present))
    rho = estimate_rho(_cell_moments(within, present, _indicator(classes)[:, 1:]), method).rho
    star = _transform(stacked, present, rho)
    return _fit_transformed(star, present, classes, rho)


def fit_ar1_complete(Y: Floats, X: Floats, method: str = "dw") -> list[BalancedAr1Fit]:
    """Fit many outcomes on a grid without missing cells, with an effect for each period.

    Parameters
    ----------
    Y : (m, N, T) array
    X : (k, N, T) array
    method : str

    Returns
    -------
    list of BalancedAr1Fit
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


def _fit_complete(products: _Products, j: int, rho: float) -> BalancedAr1Fit:
    k = products.k
    _, n_units, n = products.now.shape
    now, cross, before = products.of(j)
    gram = now - rho * (cross + cross.T) + rho**2 * before
    star = products.now[:k] - rho * products.before[:k]
    outcome = products.now[k + j] - rho * products.before[k + j]
    return _solve(star, outcome, gram, rho, n_obs=n_units * n, n_units=n_units, rank=n - 1)


def _two_way_demeaned(grids: Floats) -> Floats:
    within: Floats = grids - grids.mean(-1, keepdims=True)
    within -= within.mean(1, keepdims=True)
    return within


@dataclass(frozen=True, slots=True)
class _Star:
    """Transformed columns (p, N, T) without unit means, which cells hold a row, what it takes from which."""

    columns: Floats
    rows: Bools
    now: Floats
    before: Floats
    previous: Ints


def _indicator(classes: Ints) -> Floats:
    indicator: Floats = (classes[:, None] == np.arange(classes.max() + 1)).astype(np.float64)
    return indicator


def _unit_demeaned(grids: Floats, present: Bools) -> Floats:
    """Deviations from unit means of columns that are zero where absent."""
    within: Floats = grids - (grids.sum(-1) / np.maximum(present.sum(1), 1))[..., None]
    within *= present
    return within


def _single_precision(grids: Floats) -> Floats:
    return grids.astype(np.float32).astype(np.float64)


def _cell_moments(z: Floats, present: Bools, E: Floats) -> LagMoments:
    """Moments of the period dummies, the regressors and the outcome, in this order.

    Absent cells are zero, so that z_t z_{t-1}' vanishes unless both are present; and sums over cells with a
    predecessor (successor) are sums over all less those over the first (last) cell of each run.
    """
    flat = z.reshape(len(z), -1)
    has = np.zeros_like(present)
    has[:, 1:] = present[:, 1:] & present[:, :-1]
    begins = np.flatnonzero(present & ~has)
    has_next = np.roll(has, -1, axis=1)
    ends = np.flatnonzero(present & ~has_next)
    S0 = flat @ flat.T
    # Neighbours in the flat array, less those of which one ends a unit and the other begins the next.
    S1 = flat[:, 1:] @ flat[:, :-1].T - z[:, 1:, 0] @ z[:, :-1, -1].T
    sums = z.sum(1).T, z.sum(2).T
    now_period, now_unit = _less(sums, z, begins)
    before_period, before_unit = _less(sums, z, ends)
    first, last = flat[:, begins], flat[:, ends]
    m = (present @ E) / np.maximum(present.sum(1), 1)[:, None]
    E_lag = np.vstack([np.zeros(E.shape[1]), E[:-1]])
    lag_period = np.vstack([np.zeros(len(z)), before_period[:-1]])
    dd, dd_lag, dd_now, dd_before = _dummy_moments(present, has, has_next, E)
    return LagMoments(
        S0=_join(dd, E.T @ sums[0], S0),
        S1=_join(dd_lag, E.T @ lag_period - m.T @ before_unit, S1, (E_lag.T @ now_period - m.T @ now_unit).T),
        S_now=_join(dd_now, E.T @ now_period - m.T @ now_unit, S0 - first @ first.T),
        S_before=_join(dd_before, E.T @ before_period - m.T @ before_unit, S0 - last @ last.T),
        S_gap=np.zeros((E.shape[1] + len(z), E.shape[1] + len(z))),
    )


def _less(sums: tuple[Floats, Floats], z: Floats, cells: Ints) -> tuple[Floats, Floats]:
    """Leave some cells out of the sums of columns (p, N, T) by period (T, p) and by unit (N, p)."""
    n_units, n_periods = z.shape[1:]
    units, periods = np.divmod(cells, n_periods)
    left_out = z.reshape(len(z), -1)[:, cells]
    by_period = [np.bincount(periods, values, n_periods) for values in left_out]
    by_unit = [np.bincount(units, values, n_units) for values in left_out]
    return sums[0] - np.transpose(by_period), sums[1] - np.transpose(by_unit)


def _dummy_moments(
    present: Bools, has: Bools, has_next: Bools, E: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """Period dummies less unit means: their moments S0, S1, S_now, S_before.

    Complete units are all alike: one of them stands for all.
    """
    chosen, times = _alike(present)
    here, now, before = (flags[chosen].astype(np.float64) for flags in (present, has, has_next))
    sums = here @ E
    m = sums / np.maximum(here.sum(1), 1)[:, None]
    weighted = m * times[:, None]
    A_now, A_before = weighted.T @ (now @ E), weighted.T @ (before @ E)
    Em = weighted.T @ (m * now.sum(1)[:, None])
    E_lag = np.vstack([np.zeros(E.shape[1]), E[:-1]])
    n_now = has.sum(0)
    return (
        _product(present.sum(0), E, E) - weighted.T @ sums,
        _product(n_now, E, E_lag) - A_now.T - A_before + Em,
        _product(n_now, E, E) - A_now - A_now.T + Em,
        _product(has_next.sum(0), E, E) - A_before - A_before.T + Em,
    )


def _alike(present: Bools) -> tuple[Ints, Floats]:
    """Units with absent cells and one of the complete units, and for how many units each of them stands."""
    complete = present.all(1)
    chosen = np.append(np.flatnonzero(~complete), np.flatnonzero(complete)[:1])
    times = np.ones(len(chosen))
    if complete.any():
        times[-1] = complete.sum()
    return chosen, times


def _product(weights: Floats, left: Floats, right: Floats) -> Floats:
    product: Floats = left.T @ (right * weights[:, None])
    return product


def _join(dd: Floats, dz: Floats, zz: Floats, zd: Floats | None = None) -> Floats:
    return np.block([[dd, dz], [dz.T if zd is None else zd, zz]])


def _transform(z: Floats, present: Bools, rho: float) -> _Star:
    steps = np.arange(present.shape[1] + 1)
    decay = np.power(rho, steps)
    scale = np.sqrt((1 - rho**2) / (1 - decay[1:] ** 2))
    star = _Star(
        np.empty_like(z),
        np.zeros_like(present),
        np.zeros(present.shape),
        np.zeros(present.shape),
        np.zeros(present.shape, dtype=np.intp),
    )
    _link_rows(present, np.append(0.0, scale), decay, star.rows, star.now, star.before, star.previous)
    _difference(z, star.rows, star.now, star.before, star.previous, star.columns)
    return star


@njit(cache=True)
def _link_rows(
    present: Bools, scale: Floats, decay: Floats, rows: Bools, now: Floats, before: Floats, previous: Ints
) -> None:
    """Link each cell to the unit's cell before it, g periods ago: scale_g and scale_g rho^g."""
    for i in range(present.shape[0]):
        latest = -1
        for t in range(present.shape[1]):
            if not present[i, t]:
                continue
            if latest >= 0:
                rows[i, t], previous[i, t] = True, latest
                now[i, t] = scale[t - latest]
                before[i, t] = scale[t - latest] * decay[t - latest]
            latest = t


@njit(cache=True, fastmath=_VECTORISED)
def _difference(z: Floats, rows: Bools, now: Floats, before: Floats, previous: Ints, columns: Floats) -> None:
    """Transform columns and take out the means of each unit's rows."""
    p, n_units, n_periods = z.shape
    for i in range(n_units):
        n = max(rows[i].sum(), 1)
        for c in range(p):
            for t in range(n_periods):
                columns[c, i, t] = now[i, t] * z[c, i, t] - before[i, t] * z[c, i, previous[i, t]]
            mean = columns[c, i].sum() / n
            for t in range(n_periods):
                columns[c, i, t] = columns[c, i, t] - mean if rows[i, t] else 0.0


def _fit_transformed(star: _Star, present: Bools, classes: Ints, rho: float) -> BalancedAr1Fit:
    residual, rank = _without_period_effects(star, present, _indicator(classes))
    flat = residual.reshape(len(residual), -1)
    n, n_units = int(star.rows.sum()), int(star.rows.any(1).sum())
    return _solve(residual[:-1], residual[-1], flat @ flat.T, rho, n_obs=n, n_units=n_units, rank=rank)


def _solve(
    X: Floats, y: Floats, gram: Floats, rho: float, *, n_obs: int, n_units: int, rank: int
) -> BalancedAr1Fit:
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
    return BalancedAr1Fit(
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


def _without_period_effects(star: _Star, present: Bools, E: Floats) -> tuple[Floats, int]:
    """Residuals of columns on the transformed period dummies, and the dummies' rank after unit effects."""
    n_periods = star.rows.shape[1]
    by_period = np.zeros((n_periods, len(star.columns)))
    # Sums over rows of now_t - before_t at the two periods of a row; by unit, and of products.
    dummies, products = np.zeros(star.rows.shape), np.zeros((n_periods, n_periods))
    _dummy_products(star.columns, star.now, star.before, star.previous, by_period, dummies, products)
    counts = np.maximum(star.rows.sum(1), 1)
    chosen, times = _alike(present)
    U = (dummies[chosen] @ E) * np.sqrt(times / counts[chosen])[:, None]
    raw = E.T @ products @ E
    gram = raw - U.T @ U
    empty = np.diag(gram) <= 1e-12 * np.diag(raw).max()
    solution, rank = solve_generalised(gram, empty, E.T @ by_period)
    effects = np.ascontiguousarray((E @ solution).T)
    residual = np.empty_like(star.columns)
    means = effects @ dummies.T / counts
    _take_effects(star.columns, star.rows, effects, means, star.now, star.before, star.previous, residual)
    return residual, rank


@njit(cache=True, fastmath=_VECTORISED)
def _dummy_products(
    columns: Floats,
    now: Floats,
    before: Floats,
    previous: Ints,
    by_period: Floats,
    dummies: Floats,
    products: Floats,
) -> None:
    """Products of transformed period dummies with the columns, the unit dummies and each other."""
    p, n_units, n_periods = columns.shape
    for i in range(n_units):
        for t in range(n_periods):
            s, a, b = previous[i, t], now[i, t], before[i, t]
            if a == 0.0:
                continue
            dummies[i, t] += a
            dummies[i, s] -= b
            products[t, t] += a * a
            products[s, s] += b * b
            products[t, s] -= a * b
            products[s, t] -= a * b
        for c in range(p):
            for t in range(n_periods):
                by_period[t, c] += now[i, t] * columns[c, i, t]
                by_period[previous[i, t], c] -= before[i, t] * columns[c, i, t]


@njit(cache=True, fastmath=_VECTORISED)
def _take_effects(
    columns: Floats,
    rows: Bools,
    effects: Floats,
    unit_means: Floats,
    now: Floats,
    before: Floats,
    previous: Ints,
    residual: Floats,
) -> None:
    p, n_units, n_periods = columns.shape
    for c in range(p):
        for i in range(n_units):
            for t in range(n_periods):
                fitted = now[i, t] * effects[c, t] - before[i, t] * effects[c, previous[i, t]]
                left = columns[c, i, t] - fitted + unit_means[c, i]
                residual[c, i, t] = left if rows[i, t] else 0.0
