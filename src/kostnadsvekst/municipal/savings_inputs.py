"""Read what a saving is computed from: costs by function, inhabitants, need index; all faults at once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.municipal.given_numbers import as_name, municipality_name, number_faults, twice
from kostnadsvekst.naming import first_of

OWN, ALL = "own", "all"
AMOUNT, ADJUSTED = "amount_kr", "adjusted_kr"
Cell = tuple[str, str]


@dataclass(frozen=True, slots=True)
class SavingInputs:
    """What savings are computed from, read and checked.

    Attributes
    ----------
    functions : tuple of str
    members : tuple of str
        Municipalities that one's own is compared with.
    own, reference : arrays, shapes (f,) and (m, f)
        Kroner per need-adjusted inhabitant.
    population : float
        One's own inhabitants.
    need : array, shape (f,)
        One's own need index, of each function.
    weights : array, shape (m, f), or None
        Need-adjusted inhabitants of the members; None where they are not told.
    """

    functions: tuple[str, ...]
    members: tuple[str, ...]
    own: NDArray[np.float64]
    reference: NDArray[np.float64]
    population: float
    need: NDArray[np.float64]
    weights: NDArray[np.float64] | None


@dataclass(slots=True)
class _Costs:
    """Costs by municipality and function, kroner in the accounts or per need-adjusted inhabitant."""

    cells: dict[Cell, float] = field(default_factory=dict)
    kind: str = ADJUSTED
    years: set[str] = field(default_factory=set)

    def names(self) -> list[str]:
        return list(dict.fromkeys(name for name, _ in self.cells))

    def functions(self) -> list[str]:
        return list(dict.fromkeys(function for _, function in self.cells))


def read_savings(
    own: object, references: object, population: object, need_index: object, *, weighted: bool
) -> tuple[SavingInputs | None, list[str]]:
    """Read the inputs of `savings.savings`.

    Parameters
    ----------
    own, references, population, need_index
        As `savings.savings`.
    weighted : bool
        Whether inhabitants and need of the references must be told.

    Returns
    -------
    inputs : SavingInputs or None
    faults : list of str
        Empty if, and only if, there are inputs.
    """
    faults: list[str] = []
    mine = _own_costs(own, faults)
    theirs = _reference_costs(references, faults)
    name = mine.names()[0] if mine.cells else OWN
    faults += _faults_between(mine, theirs, name)
    places = [name, *theirs.names()]
    years = mine.years or theirs.years
    people = _numbers_of(population, "population", places, mine.functions(), years, faults)
    needs = _numbers_of(need_index, "need_index", places, mine.functions(), years, faults)
    wanted = places if weighted or theirs.kind == AMOUNT else [name]
    faults += _place_faults(people, needs, wanted, mine.functions())
    if faults:
        return None, list(dict.fromkeys(faults))
    return _made(mine, theirs, people, needs), []


def _made(
    mine: _Costs, theirs: _Costs, people: Mapping[Cell, float], needs: Mapping[Cell, float]
) -> SavingInputs:
    functions, members = mine.functions(), theirs.names()
    name = mine.names()[0]

    def adjusted(place: str) -> NDArray[np.float64]:
        return np.array([people[place, f] * needs[place, f] for f in functions], dtype=float)

    def costs(of: _Costs, place: str) -> NDArray[np.float64]:
        values = np.array([of.cells[place, f] for f in functions], dtype=float)
        return values / adjusted(place) if of.kind == AMOUNT else values

    known = all((m, f) in people and (m, f) in needs for m in members for f in functions)
    return SavingInputs(
        tuple(functions),
        tuple(members),
        costs(mine, name),
        np.array([costs(theirs, m) for m in members]),
        people[name, functions[0]],
        np.array([needs[name, f] for f in functions]),
        np.array([adjusted(m) for m in members]) if known else None,
    )


# --- Costs


def _own_costs(own: object, faults: list[str]) -> _Costs:
    """Costs of one's own: a frame, a mapping or Series by function, or one number."""
    if isinstance(own, pd.DataFrame):
        made = _frame_costs(own, "own", faults)
        if len(made.names()) > 1:
            faults.append(f"own has several municipalities: {', '.join(first_of(made.names()))}; give one")
        return made
    name = municipality_name(own.name) if isinstance(own, pd.Series) and own.name is not None else OWN
    return _Costs(_by_function(own, "own", name, faults))


def _reference_costs(references: object, faults: list[str]) -> _Costs:
    """Costs of the others: a long frame, a frame with a column for each, a mapping, or numbers."""
    if isinstance(references, pd.DataFrame):
        if "function" in references.columns:
            return _frame_costs(references, "references", faults)
        pairs: Iterable[tuple[Any, Any]] = [(c, references[c]) for c in references.columns]
    elif isinstance(references, Mapping):
        pairs = references.items()
    elif isinstance(references, pd.Series):
        pairs = [(references.name or "reference", references)]
    elif isinstance(references, np.ndarray) and references.ndim == 1:
        pairs = [(f"reference {k}", one) for k, one in enumerate(references, start=1)]
    elif isinstance(references, Sequence) and not isinstance(references, str):
        pairs = [(_name_of(one, k), one) for k, one in enumerate(references, start=1)]
    elif isinstance(references, Real):
        pairs = [("reference", references)]
    else:
        faults.append(f"references are a frame, a mapping or numbers, not {type(references).__name__}")
        return _Costs()
    listed = [(municipality_name(name), values) for name, values in pairs]
    if not listed:
        faults.append("references are empty; give at least one municipality")
    faults += twice("references stand", [name for name, _ in listed], "give each once")
    cells: dict[Cell, float] = {}
    for name, values in listed:
        cells |= _by_function(values, f"reference {name}", name, faults)
    return _Costs(cells)


def _name_of(one: object, k: int) -> str:
    named = isinstance(one, pd.Series) and one.name is not None
    return str(one.name) if named and isinstance(one, pd.Series) else f"reference {k}"


def _by_function(values: object, what: str, name: str, faults: list[str]) -> dict[Cell, float]:
    if isinstance(values, Mapping | pd.Series):
        pairs = [(as_name(function), value) for function, value in values.items()]
        faults += [] if pairs else [f"{what} has no function; give at least one"]
        faults += twice(f"functions of {what} stand", [f for f, _ in pairs], "add them up")
    else:
        pairs = [(ALL, values)]
    cells = {}
    for function, value in pairs:
        wrong = number_faults(f"{what}, function {function}", value)
        faults += wrong
        cells[name, function] = float("nan") if wrong else float(value)
    return cells


def _frame_costs(frame: pd.DataFrame, what: str, faults: list[str]) -> _Costs:
    kinds = [c for c in (AMOUNT, ADJUSTED) if c in frame.columns]
    if "function" not in frame.columns or len(kinds) != 1:
        faults.append(f"{what} needs the column function, and one of {AMOUNT} and {ADJUSTED}")
        return _Costs()
    made = _Costs(kind=kinds[0])
    if frame.empty:
        faults.append(f"{what} has no rows; give at least one function")
    for k, row in enumerate(frame.to_dict("records"), start=1):
        name = municipality_name(row.get("municipality", OWN))
        function = "" if pd.isna(row["function"]) else as_name(row["function"])
        where = f"{what} row {k} ({name}, {function})"
        named = (("municipality", name), ("function", function))
        wrong = [f"{where}: the {column} is empty; name it" for column, text in named if not text]
        wrong += number_faults(f"{where}: {kinds[0]}", row[kinds[0]])
        if (name, function) in made.cells:
            wrong.append(f"{where}: stands twice; add the rows up, and give one year")
        faults += wrong
        made.cells[name, function] = float("nan") if wrong else float(row[kinds[0]])
        made.years |= {as_name(row["year"])} if "year" in row else set()
    if len(made.years) > 1:
        faults.append(f"{what} has several years: {', '.join(sorted(made.years))}; give one")
    return made


def _faults_between(mine: _Costs, theirs: _Costs, own: str) -> list[str]:
    faults = []
    functions = mine.functions()
    if own in theirs.names():
        faults.append(f"{own} is among its own references; leave it out")
    for name in theirs.names():
        told = [function for member, function in theirs.cells if member == name]
        lacking = [function for function in functions if function not in told]
        extra = [function for function in told if function not in functions]
        faults += [f"{name} lacks function {', '.join(lacking)}; none is 0"] if lacking and functions else []
        faults += (
            [f"own lacks function {', '.join(extra)} of {name}; none is 0"] if extra and functions else []
        )
    if mine.years and theirs.years and mine.years != theirs.years:
        told_years = [", ".join(sorted(one)) for one in (mine.years, theirs.years)]
        faults.append(f"years do not meet: own has {told_years[0]}, references have {told_years[1]}")
    return faults


# --- Inhabitants and need


def _numbers_of(
    given: object,
    what: str,
    places: Sequence[str],
    functions: Sequence[str],
    years: set[str],
    faults: list[str],
) -> dict[Cell, float]:
    """Read the number of each place and function, as far as they are told."""
    if isinstance(given, pd.DataFrame):
        return _frame_numbers(given, what, places, functions, years, faults)
    if isinstance(given, Mapping | pd.Series):
        pairs = {as_name(key): value for key, value in given.items()}
        of_place = {municipality_name(key): value for key, value in given.items()}
        by_place = bool(set(of_place) & set(places))
        if by_place == bool(set(pairs) & set(functions)):
            told = "both" if by_place else "neither"
            faults.append(f"{what} is by municipality or by function; its keys are {told} of them")
            return {}
        if by_place:
            return {(p, f): of_place[p] for p in places if p in of_place for f in functions}
        return {(places[0], f): pairs[f] for f in functions if f in pairs}
    # A number is that of one's own.
    return {(places[0], f): given for f in functions}  # type: ignore[misc]


def _frame_numbers(
    frame: pd.DataFrame,
    what: str,
    places: Sequence[str],
    functions: Sequence[str],
    years: set[str],
    faults: list[str],
) -> dict[Cell, float]:
    if not {"municipality", what} <= set(frame.columns):
        faults.append(f"{what} needs the columns municipality and {what}")
        return {}
    made: dict[Cell, float] = {}
    dated = "year" in frame.columns and bool(years)
    for row in frame.to_dict("records"):
        name = municipality_name(row["municipality"])
        if name not in places or (dated and as_name(row["year"]) not in years):
            continue
        told = [as_name(row["function"])] if "function" in row else functions
        for function in told:
            if (name, function) in made:
                faults.append(f"{what} of {name} stands twice; keep one" + ("" if dated else ", of one year"))
            made[name, function] = row[what]
    return made


def _place_faults(
    people: Mapping[Cell, float],
    needs: Mapping[Cell, float],
    wanted: Sequence[str],
    functions: Sequence[str],
) -> list[str]:
    faults = []
    for place in dict.fromkeys(wanted):
        for what, numbers, bounds in (
            ("population", people, {"above": 0.0}),
            ("need_index", needs, {"least": 0.1, "most": 10.0, "remedy": "97.2 per cent is 0.972"}),
        ):
            lacking = [f for f in functions if (place, f) not in numbers]
            if lacking:
                of = "" if len(lacking) == len(functions) else f" for function {', '.join(lacking)}"
                faults.append(f"{what} of {place} is not told{of} (of this year); give it")
            for function in functions:
                if (place, function) in numbers:
                    faults += number_faults(f"{what} of {place}", numbers[place, function], **bounds)
    return faults
