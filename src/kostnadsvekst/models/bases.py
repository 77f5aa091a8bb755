"""Polynomials and splines: one column becomes several, by coefficients that are kept for other data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kostnadsvekst.errors import InvalidDataError, SpecificationError
from kostnadsvekst.models.arguments import option_values
from kostnadsvekst.models.grammar import BASES, is_quoted, split_call
from kostnadsvekst.naming import first_of

Floats = NDArray[np.float64]

_LISTED = 10
# A value is outside of a spline's bounds beyond this share of their distance: rounding.
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Basis:
    """Columns that one column of numbers is turned into.

    Attributes
    ----------
    factor : str
        Such as ``"poly(x, 3)"``.
    function : {"poly", "bs", "cr", "cs"}
    centres, lengths : (m,) arrays
        Of an orthogonal polynomial: alpha and the squared lengths of its recurrence, as R keeps them.
    degree : int
        Of a polynomial or of a B-spline.
    knots : tuple of float
        Between the bounds of a spline.
    bounds : (float, float), optional
        Least and largest value of a spline.
    centred : array, optional
        Constraint of a natural spline.
    """

    factor: str
    function: str
    degree: int = 0
    centres: Floats = field(default_factory=lambda: np.empty(0))
    lengths: Floats = field(default_factory=lambda: np.empty(0))
    knots: tuple[float, ...] = ()
    bounds: tuple[float, float] | None = None
    centred: Floats | None = None

    def columns(self, values: Floats) -> Floats:
        """Columns at some values.

        Parameters
        ----------
        values : (n,) array
            NaN gives NaN.

        Returns
        -------
        (n, m) array

        Raises
        ------
        InvalidDataError
            If a value is outside of the bounds of a B-spline.
        """
        known = ~np.isnan(values)
        found = _polynomial(self, values[known]) if self.function == "poly" else _spline(self, values[known])
        columns = np.full((len(values), found.shape[1]), np.nan)
        columns[known] = found
        return columns


def is_basis(factor: str) -> bool:
    """Whether a factor stands for several columns of one."""
    call = None if is_quoted(factor) else split_call(factor)
    return call is not None and call[0] in BASES


def fit_basis(factor: str, values: Floats, name: str = "") -> Basis:
    """Choose the coefficients or knots of a polynomial or spline.

    Parameters
    ----------
    factor : str
        Such as ``"poly(x, 3)"``, ``"poly(x, 3, raw=True)"``, ``"bs(x, df=4)"``, ``"cr(x, knots=[1, 2])"``.
    values : (n,) array
        Of its column, in the rows that are used.
    name : str
        For messages; without it the factor.

    Raises
    ------
    SpecificationError
        If there are too few different values for so many columns, or knots outside of the data.

    Notes
    -----
    Orthogonal polynomials are R's ``poly``: columns of length one, orthogonal to each other and to a
    constant over the rows used, each row counting once whatever its weight; by the three-term recurrence of
    Kennedy and Gentle (1980, Statistical Computing, section 8.3). B-splines (``bs``) and natural cubic
    splines (``cr``, ``cs``) are formulaic's: knots at quantiles of the values where only ``df`` is given.
    """
    function, (_, *texts) = split_call(factor) or ("", [""])
    options, factor = option_values(function, texts), name or factor
    distinct = len(np.unique(values))
    needed = options["degree"] if function == "poly" else options.get("df") or len(options["knots"]) + 1
    if distinct <= needed:
        raise SpecificationError(
            f"{factor} needs more than {needed} different values, and the rows used have {distinct}"
        )
    if function == "poly":
        return _fit_polynomial(factor, values, options)
    return _fit_spline(factor, function, values, options)


def _fit_polynomial(factor: str, values: Floats, options: Mapping[str, Any]) -> Basis:
    degree = options["degree"]
    if options.get("raw"):
        return Basis(factor, "poly", degree)
    centres, lengths = np.empty(degree), np.empty(degree + 1)
    before, now = np.zeros(len(values)), np.ones(len(values))
    lengths[0] = len(values)
    for j in range(degree):
        centres[j] = values @ now**2 / lengths[j]
        after = (values - centres[j]) * now - (lengths[j] / lengths[j - 1] * before if j else 0.0)
        before, now = now, after
        lengths[j + 1] = now @ now
    return Basis(factor, "poly", degree, centres, lengths)


def _polynomial(basis: Basis, values: Floats) -> Floats:
    if not len(basis.centres):
        return values[:, None] ** np.arange(1, basis.degree + 1)
    columns, before, now = [], np.zeros(len(values)), np.ones(len(values))
    for j, centre in enumerate(basis.centres):
        ratio = basis.lengths[j] / basis.lengths[j - 1] if j else 0.0
        before, now = now, (values - centre) * now - ratio * before
        columns.append(now / np.sqrt(basis.lengths[j + 1]))
    return np.stack(columns, axis=1)


def _fit_spline(factor: str, function: str, values: Floats, options: Mapping[str, Any]) -> Basis:
    degree = options.get("degree", 3)
    low, high = (float(options.get(f"{end}_bound", default)) for end, default in _ends(values))
    if low > values.min() or high < values.max():
        raise SpecificationError(
            f"{factor}: the column goes from {values.min():g} to {values.max():g}, beyond its bounds"
        )
    asked = ", ".join(f"{name}={value!r}" for name, value in options.items() if not name.endswith("_bound"))
    beyond = [knot for knot in options.get("knots", ()) if not low < knot < high]
    if beyond:
        raise SpecificationError(
            f"{factor}: the knots {', '.join(map(str, beyond))} are not between {low:g} and {high:g}"
        )
    state = _transform_state(
        factor, f"{function}(x, {asked}, lower_bound={low!r}, upper_bound={high!r})", values
    )
    around = degree + 1 if function == "bs" else 1
    knots = tuple(float(knot) for knot in state["knots"][around:-around])
    return Basis(factor, function, degree, knots=knots, bounds=(low, high), centred=state.get("constraints"))


def _ends(values: Floats) -> tuple[tuple[str, float], tuple[str, float]]:
    return ("lower", float(values.min())), ("upper", float(values.max()))


def _transform_state(factor: str, formula: str, values: Floats) -> Mapping[str, Any]:
    state = _model_matrix(factor, formula, values, {}).model_spec.transform_state
    found: Mapping[str, Any] = next(iter(state.values()))
    return found


def _spline(basis: Basis, values: Floats) -> Floats:
    low, high = basis.bounds or (-np.inf, np.inf)
    slack = _ROUNDING * (high - low)
    outside = np.flatnonzero((values < low - slack) | (values > high + slack))
    if len(outside) and basis.function == "bs":
        raise InvalidDataError(
            f"{basis.factor} was estimated between {low:g} and {high:g}; {len(outside)} value(s) lie "
            "outside, where a B-spline does not exist: leave these rows out, or estimate with lower_bound= "
            "and upper_bound=, or with cr(), which goes on in a straight line",
            first_of((f"{value:g}" for value in np.unique(values[outside])), _LISTED),
        )
    inside = np.clip(values, low, high) if basis.function == "bs" else values
    degree = f", degree={basis.degree}" if basis.function == "bs" else ""
    centred = ", constraints=centred" if basis.centred is not None else ""
    formula = f"{basis.function}(x, knots=knots{degree}{centred}, lower_bound={low!r}, upper_bound={high!r})"
    context = {"knots": list(basis.knots), "centred": basis.centred}
    if not len(inside):
        # The number of columns is known from the bounds.
        return _spline(basis, np.array([low]))[:0]
    columns: Floats = _model_matrix(basis.factor, formula, inside, context).to_numpy(dtype=np.float64)
    return columns


def _model_matrix(factor: str, formula: str, values: Floats, context: Mapping[str, Any]) -> Any:
    """Formulaic's columns of a spline, without a constant."""
    import pandas as pd
    from formulaic import model_matrix

    try:
        return model_matrix(f"0 + {formula}", pd.DataFrame({"x": values}), context=dict(context))
    except Exception as error:  # formulaic raises many kinds; each means that the spline does not exist
        reason = error.__cause__ or error
        raise SpecificationError(f"{factor} does not exist for these values ({reason!s:.200})") from error
