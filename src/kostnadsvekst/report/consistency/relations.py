"""How printed numbers hang together: relations as values, and the numbers that they name."""

import difflib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from kostnadsvekst.errors import InvalidDataError, SpecificationError
from kostnadsvekst.report.consistency.intervals import exact
from kostnadsvekst.report.consistency.printed import Printed

Member = str | float


@dataclass(frozen=True, slots=True)
class Shape:
    """What a kind of relation takes.

    Attributes
    ----------
    one : tuple of str
        Roles of exactly one number.
    many : tuple of str
        Roles of a list of numbers.
    maybe_one, maybe_many : tuple of str
        The same, where the relation may be without.
    paired : tuple of tuple of str
        Roles whose lists, where given, are equally long.
    options : tuple of str
        Numbers, words and lists that are no printed numbers.
    needed_options : tuple of str
    wordy : tuple of str
        Roles whose members have a word.
    either : tuple of str
        Roles whose members may be numbers or words.
    least : int
        Members that the first list needs.
    """

    one: tuple[str, ...] = ()
    many: tuple[str, ...] = ()
    maybe_one: tuple[str, ...] = ()
    maybe_many: tuple[str, ...] = ()
    paired: tuple[tuple[str, ...], ...] = ()
    options: tuple[str, ...] = ()
    needed_options: tuple[str, ...] = ()
    wordy: tuple[str, ...] = ()
    either: tuple[str, ...] = ()
    least: int = 1


@dataclass(frozen=True, slots=True)
class Relation:
    """A relation between printed numbers.

    Attributes
    ----------
    id : str
    kind : str
    members : Mapping
        Role -> ids, patterns resolved; numbers of the relation itself have ids such as ``"=100"``.
    options : Mapping
    note_nb, note_en : str
    confidence : str
        Empty, or what the author of the relation says of it.
    """

    id: str
    kind: str
    members: Mapping[str, tuple[str, ...]]
    options: Mapping[str, Any]
    note_nb: str = ""
    note_en: str = ""
    confidence: str = ""

    def number(self, option: str) -> float:
        """Value of an option, zero where it is not given."""
        return float(self.options.get(option, 0))

    @property
    def ids(self) -> tuple[str, ...]:
        """Every member once, those of the relation itself left out."""
        every = (name for names in self.members.values() for name in names)
        return tuple(dict.fromkeys(name for name in every if not name.startswith("=")))


class Numbers:
    """The printed numbers by id, and those that relations state themselves."""

    def __init__(self, printed: Mapping[str, Printed]) -> None:
        self._printed = printed

    def __getitem__(self, name: str) -> Printed:
        if name.startswith("="):
            value = float(name[1:])
            return Printed(name, "", name[1:], value, exact(value), 1.0, bounded=True)
        return self._printed[name]

    def __contains__(self, name: str) -> bool:
        return name in self._printed

    def __iter__(self) -> Iterator[str]:
        return iter(self._printed)

    def with_one(self, item: Printed) -> "Numbers":
        """Return all numbers with one replaced."""
        return Numbers({**self._printed, item.id: item})

    def all(self, relation: Relation, role: str) -> list[Printed]:
        """Numbers in a role, none where the relation has no such role."""
        return [self[name] for name in relation.members.get(role, ())]

    def one(self, relation: Relation, role: str) -> Printed:
        """Return the number in a role."""
        return self[relation.members[role][0]]

    def maybe(self, relation: Relation, role: str) -> Printed | None:
        """Return the number in a role, None where the relation has none."""
        names = relation.members.get(role)
        return self[names[0]] if names else None


_SAID = ("kind", "id", "note_nb", "note_en", "confidence")


def read_relations(
    raw: Sequence[Mapping[str, Any]], numbers: Numbers, shapes: Mapping[str, Shape]
) -> tuple[Relation, ...]:
    """Read relations, their patterns resolved.

    Parameters
    ----------
    raw : sequence of mapping
        ``kind``, optionally ``id``, ``note_nb``, ``note_en`` and ``confidence``, and the roles and options of
        the kind. Members are ids, patterns with ``*`` that are replaced by all ids that fit in the order of
        the numbers, or plain numbers.
    numbers : Numbers
    shapes : mapping
        Kind -> what it takes.

    Raises
    ------
    SpecificationError
        Unknown kinds, roles or ids, roles that lack or that differ in length. Everything is told at once.
    """
    problems: list[str] = []
    relations = []
    for k, entry in enumerate(raw, start=1):
        kind = str(entry.get("kind", ""))
        name = str(entry.get("id") or f"{kind or 'relation'} {k}")
        where = f"relation {k} ({name})"
        if kind not in shapes:
            near = difflib.get_close_matches(kind, shapes, 1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(shapes)}"
            problems.append(f"{where}: unknown kind {kind!r}{hint}")
            continue
        found = _read(entry, name, numbers, shapes[kind])
        faults = [*_faults(entry, found, numbers, shapes[kind])]
        problems += [f"{where}: {fault}" for fault in faults]
        if not faults:
            relations.append(found)
    repeated = [r.id for k, r in enumerate(relations) if r.id in {s.id for s in relations[:k]}]
    problems += [f"two relations have the id {name!r}" for name in repeated]
    if problems:
        raise SpecificationError(
            "\n  - ".join([f"relations: {len(problems)} problem(s); mend the relations file", *problems])
        )
    return tuple(relations)


def _read(entry: Mapping[str, Any], name: str, numbers: Numbers, shape: Shape) -> Relation:
    roles = (*shape.one, *shape.many, *shape.maybe_one, *shape.maybe_many)
    members = {role: _resolve(entry[role], numbers) for role in roles if role in entry}
    options = {o: entry[o] for o in (*shape.options, *shape.needed_options) if o in entry}
    said = {key: str(entry.get(key, "")) for key in ("note_nb", "note_en", "confidence")}
    return Relation(name, str(entry["kind"]), members, options, **said)


def _resolve(value: object, numbers: Numbers) -> tuple[str, ...]:
    listed = value if isinstance(value, (list, tuple)) else [value]
    names: list[str] = []
    for member in listed:
        if isinstance(member, (int, float)) and not isinstance(member, bool) and math.isfinite(member):
            names.append(f"={member!r}")
        elif str(member).startswith("="):
            # Such ids are those of numbers that the relation states; nobody else may use them.
            names.append(f"id {member}")
        elif "*" in str(member):
            names += [name for name in numbers if fnmatchcase(name, str(member))]
        else:
            names.append(str(member))
    return tuple(names)


def _faults(entry: Mapping[str, Any], relation: Relation, numbers: Numbers, shape: Shape) -> Iterator[str]:
    yield from _role_faults(entry, relation, shape)
    if relation.confidence not in ("", "high", "medium", "low"):
        yield f"confidence {relation.confidence!r} is not high, medium or low"
    for role, names in relation.members.items():
        for name in names:
            if not name.startswith("=") and name not in numbers:
                near = difflib.get_close_matches(name, list(numbers), 1)
                yield f"{role}: no number has the id {name!r}" + (f"; near: {near[0]!r}" if near else "")
            elif role in shape.wordy and not numbers[name].word:
                yield f"{role}: {name!r} has no word (column word)"
            elif role not in (*shape.wordy, *shape.either) and not numbers[name].is_number:
                yield f"{role}: {name!r} is no number (column printed)"
    for roles in shape.paired:
        lengths = {role: len(relation.members[role]) for role in roles if relation.members.get(role)}
        if len(set(lengths.values())) > 1:
            yield "lists differ in length: " + ", ".join(f"{role} has {n}" for role, n in lengths.items())


def _role_faults(entry: Mapping[str, Any], relation: Relation, shape: Shape) -> Iterator[str]:
    known = {*shape.one, *shape.many, *shape.maybe_one, *shape.maybe_many}
    options = {*shape.options, *shape.needed_options}
    for role in (*shape.one, *shape.many, *shape.needed_options):
        if role not in entry:
            yield f"lacks {role!r}"
    for role in entry:
        if role not in known | options | set(_SAID):
            yield f"unknown role {role!r}; known: {', '.join(sorted(known | options))}"
    for role in (*shape.one, *shape.maybe_one):
        if role in relation.members and len(relation.members[role]) != 1:
            yield f"{role}: one number wanted, {len(relation.members[role])} given"
    for role in (*shape.many, *shape.maybe_many):
        least = shape.least if role in shape.many else 1
        if role in relation.members and len(relation.members[role]) < least:
            yield f"{role}: {len(relation.members[role])} number(s), at least {least} wanted"


def read_numbers(rows: Sequence[Printed]) -> Numbers:
    """Numbers by id.

    Raises
    ------
    InvalidDataError
        If an id occurs twice or is empty.
    """
    seen: dict[str, Printed] = {}
    problems = []
    for row in rows:
        if row.id in seen:
            problems.append(f"id {row.id!r} stands at {seen[row.id].place} and at {row.place}")
        seen.setdefault(row.id, row)
    if problems:
        raise InvalidDataError(f"printed numbers: {len(problems)} id(s) occur twice", problems)
    return Numbers(seen)
