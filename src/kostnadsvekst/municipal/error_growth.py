"""How errors of population projections grow with the years ahead, and shrink with the number of persons."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Bounds of the exponents of years: from steady growth to an error that adds up every year (common to all),
# and from none to that (of each place).
_COMMON = (1.0, 2.0)
_COUNTED = (0.0, 2.0)
_LOG_SCALES = (-18.0, 6.0)
# Of the exponents where one horizon alone cannot tell them: errors of the years are independent.
_RANDOM_WALK = 1.0


@dataclass(frozen=True, slots=True)
class ErrorGrowth:
    """Mean square of log errors: common × hᵖ + counted × h^q / population.

    Attributes
    ----------
    common, common_power : float
        Scale at one year ahead and exponent of what does not shrink with size: fertility, mortality and
        immigration that came out otherwise everywhere.
    counted, counted_power : float
        Persons × mean square, and exponent, of what does shrink: chance, and moves of single places.
    """

    common: float
    common_power: float
    counted: float
    counted_power: float

    def mean_square(self, horizon: Floats, population: Floats) -> Floats:
        """Mean square of the log error.

        Parameters
        ----------
        horizon : array, shape (n,)
            Years ahead, above zero.
        population : array, shape (n,)
            Projected persons, above zero.
        """
        common = self.common * horizon**self.common_power
        return np.asarray(common + self.counted * horizon**self.counted_power / population)


def fit_error_growth(log_errors: Floats, horizon: Floats, population: Floats) -> ErrorGrowth:
    """Fit by the likelihood of normal log errors around zero.

    Parameters
    ----------
    log_errors : array, shape (n,)
        ln(actual / projected).
    horizon : array, shape (n,)
        Years ahead, above zero.
    population : array, shape (n,)
        Projected persons, above zero.

    Notes
    -----
    Around zero, not around the bias of the record: the bias of so few editions does not repeat itself, so its
    square belongs to the width. The likelihood is that of errors independent of each other, which those of
    one edition are not: the estimates are consistent (quasi-likelihood), their standard errors would not be,
    and none is given. That errors of small areas fall with size and grow with the years ahead: Smith, Tayman
    and Swanson (2013), *A Practitioner's Guide to State and Local Population Projections*, chapter 13.
    """
    from scipy.optimize import minimize

    # In an order of their own: the last digits do not hang on the order of the rows.
    order = np.lexsort((log_errors, population, horizon))
    squares, ahead, people = log_errors[order] ** 2, horizon[order], population[order]
    logs = np.log(ahead)

    def loss(point: Floats) -> tuple[float, Floats]:
        model = _at(point)
        common = model.common * ahead**model.common_power
        counted = model.counted * ahead**model.counted_power / people
        expected = common + counted
        slope = (1 - squares / expected) / expected
        parts = (common, common * logs, counted, counted * logs)
        gradient = np.array([float(np.mean(slope * part)) for part in parts])
        return float(np.mean(np.log(expected) + squares / expected)), gradient

    one = np.unique(horizon).size == 1
    powers = [(_RANDOM_WALK, _RANDOM_WALK)] * 2 if one else [_COMMON, _COUNTED]
    bounds = [_LOG_SCALES, powers[0], _LOG_SCALES, powers[1]]
    exact = {"ftol": 1e-15, "gtol": 1e-10, "maxiter": 2000}
    found = [
        minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=exact)
        for start in _starts(squares, people)
    ]
    return _at(np.asarray(min(found, key=lambda one: one.fun).x))


def _at(point: Floats) -> ErrorGrowth:
    common, common_power, counted, counted_power = map(float, point)
    return ErrorGrowth(float(np.exp(common)), common_power, float(np.exp(counted)), counted_power)


def _starts(squares: Floats, population: Floats) -> list[list[float]]:
    """Where all is common, where all is counted, and between."""
    low, high = _LOG_SCALES
    level = np.clip(np.log(max(float(np.mean(squares)), 1e-12)) - 1, low, high)
    counts = np.clip(np.log(max(float(np.mean(squares * population)), 1e-12)) - 1, low, high)
    return [[level, 1.5, counts, 0.8], [level, 1.5, counts - 3, 0.8], [level - 3, 1.5, counts, 0.8]]
