"""The likely right value: which simple slip, undone, makes every relation hold."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from kostnadsvekst.report.consistency.findings import Violation
from kostnadsvekst.report.consistency.printed import Printed
from kostnadsvekst.report.consistency.relations import Numbers, Relation

# Digits swapped, lost or doubled are slips of the hand; another digit is one of the eye and less likely.
_SLIP, _OTHER_DIGIT = 1, 2
_DIGITS = "0123456789"
Holds = Callable[[Relation, Numbers, str], bool]


@dataclass(frozen=True, slots=True)
class Repair:
    """A number as it may have been meant.

    Attributes
    ----------
    id, text : str
    cost : int
        1: digits swapped, one lost or one too many; 2: another digit, or other decimals than its neighbours.
    digits : int
        Digits that count beyond those printed.
    distance : float
        From the middle of what the other numbers imply, relative.
    """

    id: str
    text: str
    cost: int
    digits: int
    distance: float


def find_repairs(
    violation: Violation, numbers: Numbers, relations: Iterable[Relation], holds: Holds
) -> list[Repair]:
    """Repairs of one number after which every relation that it takes part in holds; the simplest first."""
    relations = tuple(relations)
    found: list[Repair] = []
    for name in violation.members:
        if name.startswith("=") or not numbers[name].is_number:
            continue
        touched = [r for r in relations if name in r.ids]
        touched.sort(key=lambda r: len(r.ids))
        found += _repairs_of(numbers[name], violation, numbers, touched, holds)
    return sorted(found, key=lambda r: (r.cost, r.digits, r.distance, r.id, r.text))


def _repairs_of(
    item: Printed, violation: Violation, numbers: Numbers, touched: Sequence[Relation], holds: Holds
) -> Iterator[Repair]:
    usual = _usual_step(item, violation, numbers)
    for text, slip in edits(item.text):
        changed = _changed(item, text)
        if changed is None:
            continue
        cost = slip if changed.step in (item.step, usual) else _OTHER_DIGIT
        tried = numbers.with_one(changed)
        if all(holds(relation, tried, item.id) for relation in touched):
            more = max(0, _counting(text) - _counting(item.text))
            yield Repair(item.id, text, cost, more, _distance(changed, violation, item.id))


def _changed(item: Printed, text: str) -> Printed | None:
    try:
        return item.printed_as(text)
    except ValueError:
        return None


def _usual_step(item: Printed, violation: Violation, numbers: Numbers) -> float:
    """Last decimal of most other numbers: a lost decimal shows as one too few beside them."""
    others = [numbers[name] for name in violation.members if name != item.id]
    counts = Counter(other.step for other in others if other.is_number)
    return counts.most_common(1)[0][0] if counts else item.step


def _counting(text: str) -> int:
    return len("".join(c for c in text if c in _DIGITS).rstrip("0"))


def _distance(changed: Printed, violation: Violation, name: str) -> float:
    if violation.implied is None or name != violation.target:
        return 1.0
    middle = violation.implied.middle
    return abs(changed.value - middle) / max(abs(middle), 1e-12)


def edits(text: str) -> list[tuple[str, int]]:
    """Texts one slip away, with the cost of each, the printed text left out.

    Examples
    --------
    >>> [text for text, cost in edits("10") if cost == 1][:3]
    ['01', '0', '1']
    """
    places = [i for i, c in enumerate(text) if c in _DIGITS]
    found: dict[str, int] = {}
    for i, j in pairwise(places):
        found.setdefault(text[:i] + text[j] + text[i + 1 : j] + text[i] + text[j + 1 :], _SLIP)
    for i in places:
        found.setdefault(text[:i] + text[i + 1 :], _SLIP)
    for i in [*places, places[-1] + 1] if places else []:
        for digit in _DIGITS:
            found.setdefault(text[:i] + digit + text[i:], _SLIP)
    for i in places:
        for digit in _DIGITS:
            found.setdefault(text[:i] + digit + text[i + 1 :], _OTHER_DIGIT)
    kept = ((t, cost) for t, cost in found.items() if t != text and any(c in _DIGITS for c in t))
    return [(t, cost) for t, cost in kept if t.strip(" .,−-")]
