"""A report against itself: cells, claims and relations in, findings out."""

import math
from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from kostnadsvekst.errors import InvalidDataError, SpecificationError
from kostnadsvekst.language import Bilingual
from kostnadsvekst.report.consistency.corrections import find_repairs
from kostnadsvekst.report.consistency.faults import relation_faults
from kostnadsvekst.report.consistency.findings import (
    CONTRADICTION,
    ROUNDING,
    UNDECLARED,
    WORDING,
    Finding,
    Violation,
    shown,
)
from kostnadsvekst.report.consistency.kinds import KINDS
from kostnadsvekst.report.consistency.printed import Printed, read_printed
from kostnadsvekst.report.consistency.relations import Numbers, Relation, read_numbers, read_relations

_NEEDED = ("id", "place", "printed")
# Beyond this many members a search for misprints says too little for its time.
_MOST_MEMBERS = 30


def check(
    cells: pd.DataFrame,
    claims: pd.DataFrame | None,
    relations: Sequence[Mapping[str, Any]] | pd.DataFrame,
    *,
    corrections: bool = True,
    decimal_mark: str = "",
) -> tuple[Finding, ...]:
    """Find where a report contradicts itself by arithmetic alone.

    Parameters
    ----------
    cells : DataFrame
        Numbers of the report's tables, one row each: ``id``, ``place``, ``printed`` (text, with every digit
        as printed); optionally ``stars``, ``unit``, ``period`` (``2017``, ``2017-01``, ``2015-2020``),
        ``wording``, ``word``, ``quote``, and ``low`` with ``high`` where the interval is known better than
        from the text.
    claims : DataFrame or None
        Numbers and words of the running text, with the same columns. ``wording`` is one of
        `kostnadsvekst.report.consistency.printed.WORDINGS` ("om lag", "just over"); zeros at the end of a
        whole number are no digits here, save in percentages. A claim without a number has its ``word``.
    relations : sequence of mapping or DataFrame
        How the numbers hang together: ``kind`` (a key of `KINDS`), its roles and options; or a table with
        ``relation`` (its id), ``kind``, ``role`` and ``member``.
    corrections : bool
        Whether the likely right value is searched for.
    decimal_mark : {"", ".", ","}
        The report's; the other mark then separates thousands.

    Returns
    -------
    tuple of Finding
        In the order of the relations. Every number is the interval of half a unit of its last printed digit,
        or of its wording; a finding says that no values inside the intervals meet the relation.

    Raises
    ------
    InvalidDataError
        Columns that lack, numbers that cannot be read, ids that occur twice; all faults at once.
    SpecificationError
        Relations that cannot be read; all faults at once.
    """
    if decimal_mark not in ("", ".", ","):
        raise SpecificationError(f"decimal_mark {decimal_mark!r} is not '.', ',' or ''")
    printed = _read_rows("cells", cells, decimal_mark, running_text=False)
    if claims is not None:
        printed += _read_rows("claims", claims, decimal_mark, running_text=True)
    numbers = read_numbers(printed)
    if not isinstance(relations, pd.DataFrame) and not _are_mappings(relations):
        raise SpecificationError("relations must be a list of mappings (kind, roles) or a DataFrame")
    raw = relations_of(relations) if isinstance(relations, pd.DataFrame) else relations
    read = read_relations(raw, numbers, {name: kind.shape for name, kind in KINDS.items()})
    _refuse_faults(read, numbers)
    return tuple(_findings(read, numbers, corrections=corrections))


def _are_mappings(relations: object) -> bool:
    return isinstance(relations, (list, tuple)) and all(isinstance(r, Mapping) for r in relations)


def _read_rows(name: str, frame: pd.DataFrame, decimal_mark: str, *, running_text: bool) -> list[Printed]:
    if not isinstance(frame, pd.DataFrame):
        raise InvalidDataError(f"{name} are a {type(frame).__name__}, not a DataFrame")
    lacking = [column for column in _NEEDED if column not in frame.columns]
    if lacking:
        raise InvalidDataError(
            f"{name} lack the column(s) {', '.join(lacking)}; found: {', '.join(frame.columns)}"
        )
    rows, problems = [], []
    for k, row in enumerate(frame.to_dict("records"), start=1):
        try:
            rows.append(_read_row(row, running_text=running_text, decimal_mark=decimal_mark))
        except ValueError as fault:
            problems.append(f"row {k} ({row.get('id')}): {fault}")
    if problems:
        raise InvalidDataError(f"{name}: {len(problems)} row(s) cannot be read", problems)
    return rows


def _read_row(row: Mapping[Hashable, Any], *, running_text: bool, decimal_mark: str) -> Printed:
    named = {str(key): value for key, value in row.items()}
    item = read_printed(named, running_text=running_text, decimal_mark=decimal_mark)
    if not item.id or item.id.startswith("=") or "*" in item.id:
        raise ValueError("the id is empty, begins with = or holds *")
    return item


def relations_of(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Relations from a long table: ``relation``, ``kind``, ``role``, ``member``, one member a row.

    Members that are numbers count as such; an option is a role of its own. A role of one row is that member.
    """
    lacking = [c for c in ("relation", "kind", "role", "member") if c not in table.columns]
    if lacking:
        raise SpecificationError(
            f"the table of relations lacks the column(s) {', '.join(lacking)}; "
            f"found: {', '.join(table.columns)}"
        )
    entries: dict[str, dict[str, Any]] = {}
    for row in table.to_dict("records"):
        entry = entries.setdefault(
            str(row["relation"]), {"id": str(row["relation"]), "kind": str(row["kind"])}
        )
        entry.setdefault(str(row["role"]), []).append(_member(row["member"]))
    return [_unlisted(entry) for entry in entries.values()]


# Options that are lists; with one row, too.
_LIST_OPTIONS = ("labels", "listed", "defined", "levels")


def _unlisted(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Take a role or option of one row as that member, save where a list is wanted."""
    return {
        role: value[0] if isinstance(value, list) and len(value) == 1 and role not in _LIST_OPTIONS else value
        for role, value in entry.items()
    }


def _member(value: object) -> str | float:
    text = str(value).strip()
    try:
        return float(text)
    except ValueError:
        return text


def _refuse_faults(relations: Sequence[Relation], numbers: Numbers) -> None:
    problems = [f"{r.id}: {fault}" for r in relations for fault in relation_faults(r, numbers)]
    if problems:
        raise SpecificationError("\n  - ".join([f"relations: {len(problems)} problem(s)", *problems]))


def _holds(relation: Relation, numbers: Numbers, name: str) -> bool:
    """Whether a relation finds nothing in which a number takes part."""
    found = KINDS[relation.kind].check(relation, numbers)
    return not any(name in v.members for v in found if v.severity != UNDECLARED)


def _findings(relations: Sequence[Relation], numbers: Numbers, *, corrections: bool) -> Iterator[Finding]:
    touching: dict[str, list[Relation]] = defaultdict(list)
    for relation in relations:
        for name in relation.ids:
            touching[name].append(relation)
    for relation in relations:
        violations = [*KINDS[relation.kind].check(relation, numbers)]
        for k, violation in enumerate(violations, start=1):
            name = relation.id if len(violations) == 1 else f"{relation.id} ({k})"
            found = _finding(name, relation, violation, numbers)
            if corrections and violation.likely:
                found = replace(found, likely_id=violation.target, likely=violation.likely)
            elif corrections and found.severity == ROUNDING:
                found = _rounded_rightly(found, violation, numbers)
            elif corrections and found.severity == CONTRADICTION:
                found = _with_repair(found, violation, numbers, touching)
            yield found


def _finding(name: str, relation: Relation, violation: Violation, numbers: Numbers) -> Finding:
    ids = [violation.target, *violation.members]
    ids = [i for i in dict.fromkeys(ids) if not i.startswith("=")]
    items = [numbers[i] for i in ids]
    severity = _severity(violation, numbers)
    return Finding(
        id=name,
        kind=relation.kind,
        places=tuple(dict.fromkeys(item.place for item in items)),
        printed=tuple(map(shown, items)),
        ids=tuple(ids),
        implied=violation.implied,
        arithmetic=violation.arithmetic,
        severity=severity,
        confidence=relation.confidence or _confidence(severity, items),
        note=Bilingual(relation.note_nb, relation.note_en),
    )


def _severity(violation: Violation, numbers: Numbers) -> str:
    """Call a last digit that is off by one a slip of rounding."""
    target = numbers[violation.target]
    if violation.severity != CONTRADICTION or violation.implied is None or not target.is_number:
        return violation.severity
    near = violation.implied.distance(target.interval) <= target.step and not target.bounded
    return ROUNDING if near and not target.wording else CONTRADICTION


def _confidence(severity: str, items: Sequence[Printed]) -> str:
    if severity in (WORDING, UNDECLARED):
        return "medium"
    return "medium" if any(item.wording for item in items) else "high"


def _rounded_rightly(found: Finding, violation: Violation, numbers: Numbers) -> Finding:
    item, implied = numbers[violation.target], violation.implied
    if implied is None:
        return found
    decimals = round(-math.log10(item.step))
    low, high = (f"{end:.{decimals}f}" for end in (implied.low, implied.high))
    text = low.replace(".", ",") if "," in item.text else low
    return replace(found, likely_id=item.id, likely=text) if low == high else found


def _with_repair(
    found: Finding, violation: Violation, numbers: Numbers, touching: Mapping[str, list[Relation]]
) -> Finding:
    if len(violation.members) > _MOST_MEMBERS:
        return found
    relations = dict.fromkeys(r.id for i in violation.members for r in touching.get(i, ()))
    known = {r.id: r for i in violation.members for r in touching.get(i, ())}
    repairs = find_repairs(violation, numbers, [known[name] for name in relations], _holds)
    if not repairs:
        return found
    best = repairs[0]
    equal = [r for r in repairs if (r.cost, r.digits) == (best.cost, best.digits)]
    return replace(found, likely_id=best.id, likely=best.text, alternatives=len(equal) - 1)
