"""Where estimation begins: a formula or a specification, data, and what else is to be said in keywords."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Any, ParamSpec, TypedDict, TypeVar, Unpack, get_type_hints

import pandas as pd

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.models import fixed_effects
from kostnadsvekst.models.fixed_effects import Estimate
from kostnadsvekst.models.instrumental import estimate_instrumented
from kostnadsvekst.models.specifications import Specification
from kostnadsvekst.naming import nearest_names

P = ParamSpec("P")
R = TypeVar("R")


class SpecificationParts(TypedDict, total=False):
    """Parts of a specification beside its formula, see `kostnadsvekst.models.specifications`."""

    entity: str | None
    time: str
    weights: str | None
    covariance: str | tuple[str, ...]
    sample: str | tuple[str, ...]
    convention: str
    absorb: str | tuple[str, ...]
    effects: str
    macros: Mapping[str, Sequence[str]] | None


_CALL = 'write kostnadsvekst.estimate("y ~ x | unit", data)'
_OF_A_FORMULA = ("macros",)
_EFFECTS = "write the effects behind a bar in the formula, y ~ x | unit + year"
_CLUSTERED = 'write covariance="cluster" (by the entity) or covariance=("cluster", {value!r})'
# What other programs call what is here called otherwise.
_OTHERWISE = {
    **dict.fromkeys(("cluster", "clusters", "cluster_col", "cluster_entity", "cl"), _CLUSTERED),
    **dict.fromkeys(
        ("vcov", "vce", "cov_type", "cov", "se", "se_type", "robust"),
        'write covariance="hc1", covariance="cluster" or covariance=("cluster", "region")',
    ),
    **dict.fromkeys(("weight", "w", "wt", "pw", "aw", "aweight", "pweight"), "write weights={value!r}"),
    **dict.fromkeys(("fe", "fixef", "fixed_effects", "entity_effects", "time_effects"), _EFFECTS),
    **dict.fromkeys(("subset", "where", "query", "split"), 'write sample="year >= 2016"'),
    **dict.fromkeys(("ssc", "small", "dof"), 'write convention="areg", "xtreg" or "none"'),
    **dict.fromkeys(("id", "unit", "panel_id", "group", "i"), "write entity={value!r}"),
    **dict.fromkeys(("t", "year", "period"), "write time={value!r}"),
    **dict.fromkeys(
        ("iv", "instrument", "instruments", "endog", "endogenous", "exog"),
        "write the instruments behind the last bar of the formula, y ~ x | unit | income ~ grant",
    ),
    **dict.fromkeys(("formula", "fml", "model", "specification"), "the formula is the first argument"),
    **dict.fromkeys(("df", "dta", "frame"), "the data are the second argument, or data="),
    **dict.fromkeys(("y", "x", "outcome", "regressors"), "write a formula, y ~ x | unit"),
}


def _in_sentences(function: Callable[P, R]) -> Callable[P, R]:
    """Say in a sentence what is wrong with the arguments, where Python would say it in its own terms."""

    @wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        _check_arguments(args, kwargs)
        return function(*args, **kwargs)

    # For help and editors: the keywords by name, with what they are where they are not given.
    checked.__dict__["__signature__"] = _with_keywords(signature(function))
    return checked


def _with_keywords(plain: Signature) -> Signature:
    """Signature with the parts of a specification in the place of ``**parts``."""
    defaults = {part.name: part.default for part in fields(Specification) if part.default is not MISSING}
    named = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=defaults.get(name), annotation=annotation)
        for name, annotation in get_type_hints(SpecificationParts).items()
    ]
    placed = [p for p in plain.parameters.values() if p.kind is not Parameter.VAR_KEYWORD]
    return plain.replace(parameters=[*placed, *named])


@_in_sentences
def estimate(spec: Specification | str, data: pd.DataFrame, **parts: Unpack[SpecificationParts]) -> Estimate:
    """Fit a formula or specification with absorbed effects, by two-stage least squares if it has instruments.

    Parameters
    ----------
    spec : Specification or str
        A formula such as ``"y ~ x + C(year) | municipality"``, or one with instruments,
        ``"y ~ x | municipality | income ~ grant"``; see docs/formulas.md.
    data : DataFrame
        One row an observation, in any order. Rows with a missing outcome, regressor, instrument, entity or
        absorbed level are left out with a `DataWarning` that says how many.
    **parts
        ``weights``, ``covariance``, ``sample``, ``convention``, ``entity``, ``time``, ``absorb``,
        ``effects`` as in `Specification`, and ``macros`` as in `Specification.from_formula`. Beside a
        `Specification` they take the place of its own.

    Returns
    -------
    Estimate
        With instruments an `kostnadsvekst.models.instrumental.InstrumentalEstimate`.

    Raises
    ------
    DataMissingError
        If a column does not exist; the nearest name is suggested.
    InvalidDataError
        If a column holds text or infinite values, a weight is missing or not positive, or no row is
        complete.
    SpecificationError
        If the formula, a term or sample cannot be read, a keyword does not exist, too few units or degrees of
        freedom are left, nothing varies within entities, the covariance does not exist for these data, or the
        instruments do not identify the endogenous terms.

    Notes
    -----
    How is said where it is done: `kostnadsvekst.models.fixed_effects.estimate` and
    `kostnadsvekst.models.instrumental.estimate_instrumented`.

    Examples
    --------
    >>> kv.estimate(
    ...     "net_expenditure ~ C(year) + free_income | municipality",
    ...     panel,
    ...     weights="population",
    ...     covariance="cluster",
    ... )  # doctest: +SKIP
    """
    given: dict[str, Any] = dict(parts)
    if isinstance(spec, str):
        return _fit(_from_formula(spec, given), data)
    unfit = [name for name in _OF_A_FORMULA if name in given]
    if unfit:
        raise SpecificationError(
            f"{', '.join(unfit)} belongs to a formula, and a specification was given: pass it to "
            "Specification.from_formula"
        )
    return _fit(spec.vary(**given) if given else spec, data)


def _fit(spec: Specification, data: pd.DataFrame) -> Estimate:
    return estimate_instrumented(spec, data) if spec.instruments else fixed_effects.estimate(spec, data)


def _from_formula(formula: str, given: dict[str, Any]) -> Specification:
    return Specification.from_formula(formula, **given)


def _check_arguments(args: tuple[object, ...], keywords: Mapping[str, object]) -> None:
    unknown = [name for name in keywords if name not in (*SpecificationParts.__annotations__, "spec", "data")]
    if unknown:
        known = ", ".join(SpecificationParts.__annotations__)
        said = "; ".join(_way_out(name, keywords[name]) for name in unknown)
        raise SpecificationError(f"estimate has no keyword {said}. Its keywords are {known}")
    placed = dict(zip(("spec", "data"), args, strict=False)) | {
        name: keywords[name] for name in ("spec", "data") if name in keywords
    }
    if len(args) > 2:
        raise SpecificationError(
            f"a formula and the data stand without a keyword, and {len(args)} arguments were given: {_CALL}, "
            'and name the rest, as in weights="population"'
        )
    problem = _problem_with(placed)
    if problem:
        raise SpecificationError(problem)


def _problem_with(placed: Mapping[str, object]) -> str:
    """Say what is wrong with the two arguments that have no keyword; empty where nothing is."""
    spec, data = placed.get("spec"), placed.get("data")
    if isinstance(spec, pd.DataFrame):
        swapped = isinstance(data, str | Specification)
        return f"the formula comes first and the data second: {_CALL}" + (
            "" if swapped else "; a frame was given where the formula is due"
        )
    if not isinstance(spec, str | Specification):
        if isinstance(spec, list | tuple) and all(isinstance(one, str) for one in spec):
            joined = " + ".join(map(str, spec[1:])) or "x"
            first = spec[0] if spec else "y"
            return f'a list of names is no formula: write "{first} ~ {joined} | unit"; {_CALL}'
        given = "nothing" if spec is None else f"{type(spec).__name__} ({spec!r:.60})"
        return f"the first argument is a formula or a Specification, not {given}: {_CALL}"
    if "data" not in placed:
        return f"the data are missing: {_CALL}"
    if not isinstance(data, pd.DataFrame):
        path = " (read the file first, as with pandas.read_csv)" if isinstance(data, str) else ""
        return f"the data are a pandas DataFrame, not {type(data).__name__} ({data!r:.60}){path}: {_CALL}"
    return ""


def _way_out(name: str, value: object) -> str:
    if name in _OTHERWISE:
        column = value if isinstance(value, str) and re.fullmatch(r"\w+", value) else "region"
        return f"{name!r}: {_OTHERWISE[name].format(value=column)}"
    return nearest_names([name], SpecificationParts.__annotations__)
