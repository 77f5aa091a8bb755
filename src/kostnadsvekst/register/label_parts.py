"""What rows and columns are made of: labels of ages, years or codes as sets of parts that do not overlap."""

import math
import re
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

from kostnadsvekst.errors import InvalidDataError

Parts = Mapping[Hashable, Collection[Hashable]]
_UNIT = r"(?:\s*(?:år|years?|yrs?)(?:\s*old)?)?"
_RANGE = re.compile(rf"(\d+){_UNIT}\s*(?:[-\u2010-\u2015\u2212]|til|to)\s*(\d+){_UNIT}")
_OPEN = re.compile(
    rf"(\d+){_UNIT}\s*(?:\+|[-\u2010-\u2015\u2212]|og over|og eldre|and over|or older|and older){_UNIT}"
)
_UNDER = re.compile(rf"(?:under|below|<)\s*(\d+){_UNIT}")
_POINT = re.compile(rf"(\d+){_UNIT}")


@dataclass(frozen=True, slots=True)
class SharedParts:
    """Labels of two tables along one axis, as sets of the same parts.

    Attributes
    ----------
    first, second : dict
        Label to the numbers of its parts, for the labels of each table.
    n_parts : int
    ordered : bool
        Whether the parts follow each other as ages do, so that runs of them are groups one can speak of.
    names : tuple of str
        Of the parts.
    """

    first: dict[Hashable, frozenset[int]]
    second: dict[Hashable, frozenset[int]]
    n_parts: int
    ordered: bool
    names: tuple[str, ...]


def interval_of(label: Hashable) -> tuple[float, float] | None:
    """First and last whole number that a label such as ``67-79``, ``80+`` or ``under 18`` covers."""
    text = str(label).strip().casefold()
    if found := _RANGE.fullmatch(text):
        return float(found[1]), float(found[2])
    if found := _OPEN.fullmatch(text):
        return float(found[1]), math.inf
    if found := _UNDER.fullmatch(text):
        return 0.0, float(found[1]) - 1
    if (found := _POINT.fullmatch(text)) and found[1] == str(int(found[1])):  # "0301" is a code
        return float(found[1]), float(found[1])
    return None


def intervals_of(labels: Sequence[Hashable]) -> list[tuple[float, float]] | None:
    """Intervals of all labels; None unless all have one and one at least is longer than a number."""
    found = [interval for label in labels if (interval := interval_of(label)) is not None]
    if len(found) < len(labels) or all(low == high for low, high in found):
        return None
    return found if all(low <= high for low, high in found) else None


def overlaps(labels: Sequence[Hashable]) -> list[tuple[Hashable, Hashable]]:
    """Pairs of labels of one axis whose ages, years or numbers overlap."""
    found = intervals_of(labels)
    if found is None:
        return []
    spans = sorted(zip(found, labels, strict=True), key=lambda pair: pair[0])
    pairs = []
    for k, ((_, high), label) in enumerate(spans):
        pairs += [(label, other) for (low, _), other in spans[k + 1 :] if low <= high]
    return pairs


def shared_parts(
    first: Sequence[Hashable], second: Sequence[Hashable], parts: Parts | None, kind: str
) -> SharedParts:
    """Two sets of labels as sets of the same parts.

    Parameters
    ----------
    first, second : sequence of labels
        Without totals.
    parts : mapping, optional
        What labels are made of, such as ``{"Oslo region": ["0301", "0219"]}``; a label that is not
        mentioned is a part of its own.
    kind : str
        ``"row"`` or ``"column"``, for messages.

    Raises
    ------
    InvalidDataError
        If labels overlap in one table, or cannot be compared: each table has labels of its own, which are
        neither ranges of numbers nor told by `parts`.
    """
    own = [x for x in first if x not in second], [x for x in second if x not in first]
    told = {x: frozenset(made) for x, made in (parts or {}).items() if x in first or x in second}
    if told:
        return _told_parts(first, second, told, kind)
    spans = intervals_of([*first, *second]) if any(own) else None
    if spans is not None:
        return _interval_parts(first, second, spans, kind)
    if own[0] and own[1]:
        labels = [f"{kind} {x!r} is in one table only" for x in (*own[0], *own[1])]
        alike = {str(x).strip() for x in own[0]} & {str(x).strip() for x in own[1]}
        labels += [f"{kind} {x} is in both as different types: convert one" for x in sorted(alike)]
        raise InvalidDataError(
            f"{kind}s that are in one table only cannot be compared: say with parts= what each is made of (a "
            "collection of codes), or give both the same labels; of tables of other traits compare totals",
            labels,
        )
    every = {label: k for k, label in enumerate(dict.fromkeys([*first, *second] or [""]))}
    sets = [{label: frozenset([every[label]]) for label in labels} for labels in (first, second)]
    return SharedParts(sets[0], sets[1], len(every), False, tuple(map(str, every)))


def _told_parts(
    first: Sequence[Hashable],
    second: Sequence[Hashable],
    told: Mapping[Hashable, frozenset[Hashable]],
    kind: str,
) -> SharedParts:
    members = {x: told.get(x, frozenset([x])) for x in (*first, *second)}
    every = {
        part: k
        for k, part in enumerate(dict.fromkeys(p for x in members for p in sorted(members[x], key=str)))
    }
    sets = [{x: frozenset(every[p] for p in members[x]) for x in labels} for labels in (first, second)]
    problems = [f"{kind} {x!r} is made of nothing" for x in members if not members[x]]
    for side in sets:
        problems += [
            f"{kind}s {a!r} and {b!r} overlap in one table"
            for a, b in combinations(side, 2)
            if side[a] & side[b]
        ]
    if problems:
        raise InvalidDataError(f"parts: {len(problems)} problem(s)", problems)
    return SharedParts(sets[0], sets[1], len(every), False, tuple(map(str, every)))


def _interval_parts(
    first: Sequence[Hashable],
    second: Sequence[Hashable],
    spans: Sequence[tuple[float, float]],
    kind: str,
) -> SharedParts:
    problems = [f"{kind}s {a!r} and {b!r} overlap" for labels in (first, second) for a, b in overlaps(labels)]
    if problems:
        raise InvalidDataError("ranges of one table overlap: they are no parts of a whole", problems)
    cuts = sorted({low for low, _ in spans} | {high + 1 for _, high in spans})
    pieces = [
        (low, after - 1)
        for low, after in pairwise(cuts)
        if any(a <= low and after - 1 <= b for a, b in spans)
    ]
    sets = [frozenset(k for k, (low, high) in enumerate(pieces) if a <= low and high <= b) for a, b in spans]
    names = tuple(
        f"{low:g}" if low == high else f"{low:g}-{high:g}".replace("-inf", "+") for low, high in pieces
    )
    n = len(first)
    return SharedParts(
        dict(zip(first, sets[:n], strict=True)),
        dict(zip(second, sets[n:], strict=True)),
        len(pieces),
        True,
        names,
    )
