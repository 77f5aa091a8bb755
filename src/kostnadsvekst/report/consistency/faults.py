"""What is wrong with a relation itself, before any number is judged."""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kostnadsvekst.report.consistency.directions import DIRECTIONS
from kostnadsvekst.report.consistency.relations import Numbers, Relation
from kostnadsvekst.report.consistency.words import read_band

_POSITIVE = ("n", "df", "df_small", "df_large", "years", "top")
_SHARES = ("weight_slack", "share_slack")
_NUMBERS = ("first", "last", "stable_percent")
_LISTS = ("labels", "listed", "defined")
Fault = Callable[[Relation, Numbers], Iterator[str]]


def relation_faults(relation: Relation, numbers: Numbers) -> list[str]:
    """Options out of range, lists that do not fit, words that mean nothing, relations that say nothing."""
    faults = [*_option_faults(relation)]
    if not faults and relation.kind in _BY_KIND:
        faults += _BY_KIND[relation.kind](relation, numbers)
    return faults


def _option_faults(relation: Relation) -> Iterator[str]:
    for option, value in relation.options.items():
        # Degrees of freedom of two models are a list.
        listed = _listed(value) if (relation.kind, option) == ("nested_errors", "df") else [value]
        numeric = bool(listed) and all(map(_is_number, listed))
        if option in _POSITIVE and not (numeric and all(v > 0 for v in listed)):
            yield f"{option} is {value!r}, must be above zero"
        if option in _SHARES and not (numeric and all(0 <= v < 1 for v in listed)):
            yield f"{option} is {value!r}, must be from 0 to below 1"
        if option in _LISTS and not (isinstance(value, (list, tuple)) and value):
            yield f"{option} must be a list"
        if option in _NUMBERS and not numeric:
            yield f"{option} is {value!r}, must be a number"


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _listed(value: object) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _size(relation: Relation, role: str) -> int:
    return len(relation.members.get(role, ()))


def _together(relation: Relation, *roles: str) -> Iterator[str]:
    given = [role for role in roles if _size(relation, role)]
    if given and len(given) < len(roles):
        missing = [role for role in roles if role not in given]
        yield f"{', '.join(given)} without {', '.join(missing)}"


def _growth(relation: Relation, numbers: Numbers) -> Iterator[str]:
    levels, yearly = _size(relation, "levels"), _size(relation, "yearly")
    if levels == 1:
        yield "levels: one level has no growth, two or more wanted"
    if levels and yearly and yearly != levels - 1:
        yield f"yearly has {yearly} number(s), {levels} levels want {levels - 1}"
    if sum(map(bool, (levels, yearly, *(_size(relation, r) for r in ("total", "per_year"))))) < 2:
        yield "nothing to compare: give two or more of levels, yearly, total and per_year"
    if not levels and not yearly and not relation.number("years"):
        yield "years: needed where there are neither levels nor yearly growth"


def _difference(relation: Relation, numbers: Numbers) -> Iterator[str]:
    if _size(relation, "levels") != 2:
        yield "levels must be the first and the last"


def _within(relation: Relation, numbers: Numbers) -> Iterator[str]:
    if _size(relation, "sds") and not _size(relation, "means"):
        yield "sds without means"


def _pooled(relation: Relation, numbers: Numbers) -> Iterator[str]:
    pairs = [("means", "pooled_mean"), ("sds", "pooled_sd")]
    pairs += [("minima", "pooled_minimum"), ("maxima", "pooled_maximum")]
    given = [_size(relation, many) > 0 and _size(relation, one) > 0 for many, one in pairs]
    if not any(given):
        yield "nothing to compare: give means with pooled_mean, minima with pooled_minimum, ..."
    for many, one in pairs:
        yield from _together(relation, many, one)
    if given[1] and not (given[0] and relation.number("n") > 1):
        yield "sds want means, pooled_mean and n (rows in each period)"
    yield from _weights(relation, _size(relation, "means") - 1)


def _weights(relation: Relation, wanted: int) -> Iterator[str]:
    yield from _together(relation, "weights_se", "weights_constant")
    errors = _size(relation, "weights_se")
    if errors and errors != wanted:
        yield f"weights_se has {errors} number(s), {wanted} wanted: one less than the periods"


def _constant(relation: Relation, numbers: Numbers) -> Iterator[str]:
    yield from _together(relation, "b", "means")
    yield from _together(relation, "interaction_b", "interaction_means")
    if _size(relation, "interaction_b") and not _size(relation, "period_b"):
        yield "interaction_b without period_b"
    if not _size(relation, "b") and not _size(relation, "period_b"):
        yield "nothing to compare: give b with means, or period_b"
    yield from _weights(relation, _size(relation, "period_b"))


def _stars(relation: Relation, numbers: Numbers) -> Iterator[str]:
    levels = _listed(relation.options.get("levels", [0.05]))
    if not all(_is_number(level) and 0 < level < 1 for level in levels) or not levels:
        yield f"levels are {levels!r}, must be between 0 and 1"
    for name in relation.members["b"]:
        if set(numbers[name].stars) - {"*"}:
            yield f"b: {name!r} has stars {numbers[name].stars!r}; write * for each level that is passed"


def _nested_errors(relation: Relation, numbers: Numbers) -> Iterator[str]:
    if len(_listed(relation.options["df"])) != 2:
        yield "df must list the degrees of freedom of both models"
    if _size(relation, "r_squared") != 2:
        yield "r_squared must name both models' R²"


def _period_dummies(relation: Relation, numbers: Numbers) -> Iterator[str]:
    if _size(relation, "mean") and not (_size(relation, "constant") and _size(relation, "b")):
        yield "mean wants constant and b"
    if _size(relation, "sd") and not (_size(relation, "r_squared") and relation.number("df")):
        yield "sd wants r_squared, n and df"
    if relation.number("df") and not relation.number("n"):
        yield "df wants n, the number of rows"


def _direction(relation: Relation, numbers: Numbers) -> Iterator[str]:
    yield from _known_direction(relation, numbers)
    if not _size(relation, "growth") and _size(relation, "levels") < 2:
        yield "nothing to compare: give growth, or two levels or more"


def _known_direction(relation: Relation, numbers: Numbers) -> Iterator[str]:
    word = numbers[relation.members["claim"][0]].word
    if word not in DIRECTIONS:
        yield f"claim: {word!r} is no direction; known: {', '.join(DIRECTIONS)}"


def _largest(relation: Relation, numbers: Numbers) -> Iterator[str]:
    labels = [str(label) for label in _listed(relation.options["labels"])]
    word = numbers[relation.members["claim"][0]].word
    if word not in labels:
        yield f"claim: {word!r} is not among the labels {', '.join(labels)}"
    if len(labels) != _size(relation, "values"):
        yield f"labels has {len(labels)} entries, values {_size(relation, 'values')}"


def _coincide(relation: Relation, numbers: Numbers) -> Iterator[str]:
    first, second = _size(relation, "first"), _size(relation, "second")
    second = second or _size(relation, "second_levels") - 1
    labels, top = len(_listed(relation.options["labels"])), relation.options["top"]
    if not labels == first == second:
        yield f"labels has {labels} entries, first {first}, second {second} (levels: one more), not as many"
    if not isinstance(top, int) or not 0 < top < first:
        yield f"top is {top!r}, must be a whole number from 1 to below the number of labels"


def _bands(relation: Relation, numbers: Numbers) -> Iterator[str]:
    for name in relation.members["claims"]:
        if read_band(numbers[name].word) is None:
            yield f"claims: {numbers[name].word!r} is no group such as 18-39"


def _unit(relation: Relation, numbers: Numbers) -> Iterator[str]:
    for name in relation.members["numbers"]:
        if not numbers[name].unit:
            yield f"numbers: {name!r} has no unit (column unit)"


_BY_KIND: Mapping[str, Fault] = {
    "growth": _growth,
    "difference": _difference,
    "within": _within,
    "pooled": _pooled,
    "constant": _constant,
    "stars": _stars,
    "nested_errors": _nested_errors,
    "period_dummies": _period_dummies,
    "direction": _direction,
    "sign": _known_direction,
    "largest": _largest,
    "coincide": _coincide,
    "bands": _bands,
    "unit": _unit,
}
