"""An attacker who sees only what is published, and what is left of the suppressed cells.

Written from the promises of `protect`, `protect_cube` and `check_differences`, not from how they keep them:
every published table is turned into constraints on whole numbers of persons in municipality × age group ×
sex, and an integer program looks for the smallest and the largest value of every suppressed cell.

What the attacker knows beside the tables: a cell with ``":"`` is not empty; users with
hours are users; ages are whole years inside the age group; hours are above 0 and at most 168 a person.
The true values are used to judge the answers, never to find them; and as one solution that must be feasible,
else the attack itself would be wrong.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import csr_array

AGES = {"0-17": (0, 17), "18-39": (18, 39), "40-59": (40, 59), "60-79": (60, 79), "80+": (80, 120)}
SEXES = ("1", "2")
MOST_HOURS = 168.0
LEAST_HOURS = 0.01
LARGE = 1e4  # persons in a cell: enough to see that a range is wide
# A magnitude is found when it is known to a thousandth; one of few persons, to a fifth (as `protect`).
FOUND, FOUND_FEW = 1e-3, 0.2
ALL = "all"
UNPUBLISHED = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One suppressed value that the attacker recovered."""

    cell: tuple
    measure: str
    kind: str  # exact, bounded, dominated, shown
    low: float
    high: float
    true: float


@dataclass(frozen=True, slots=True)
class Attack:
    """All findings, of how many suppressed values; and how much was published."""

    findings: tuple[Finding, ...]
    attacked: int
    cells: int
    shown: int
    attacked_hours: int = 0  # of those attacked, magnitudes

    @property
    def shown_share(self) -> float:
        return self.shown / self.cells if self.cells else 1.0

    def count(self, *kinds: str) -> int:
        return sum(f.kind in kinds for f in self.findings)


def merged(attacks: Iterable[Attack]) -> Attack:
    """Several attacks as one."""
    attacks = list(attacks)
    return Attack(
        tuple(f for a in attacks for f in a.findings),
        sum(a.attacked for a in attacks),
        sum(a.cells for a in attacks),
        sum(a.shown for a in attacks),
        sum(a.attacked_hours for a in attacks),
    )


# --- Systems of whole numbers


@dataclass(slots=True)
class System:
    """Unknown numbers, and what is known of their sums."""

    lower: list[float] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)
    whole: list[int] = field(default_factory=list)
    true: list[float] = field(default_factory=list)
    _entries: list[tuple[int, int, float]] = field(default_factory=list)
    _low: list[float] = field(default_factory=list)
    _high: list[float] = field(default_factory=list)

    def unknown(self, low: float, high: float, true: float, whole: bool = True) -> int:
        self.lower.append(low)
        self.upper.append(high)
        self.whole.append(int(whole))
        self.true.append(true)
        return len(self.lower) - 1

    def know(self, sums: Mapping[int, float], low: float, high: float) -> None:
        """Sum of coefficients times unknowns lies in [low, high]."""
        row = len(self._low)
        self._entries += [(row, k, c) for k, c in sums.items()]
        self._low.append(low)
        self._high.append(high)

    def constraints(self) -> LinearConstraint:
        rows, columns, values = zip(*self._entries, strict=True)
        matrix = csr_array((values, (rows, columns)), shape=(len(self._low), len(self.lower)))
        return LinearConstraint(matrix, np.array(self._low), np.array(self._high))

    def assert_truth_is_feasible(self) -> None:
        known, x = self.constraints(), np.array(self.true)
        sums = known.A @ x
        slack = 1e-6 * (1 + np.abs(sums))
        wrong = np.flatnonzero((sums < known.lb - slack) | (sums > known.ub + slack))
        assert not wrong.size, f"the attack excludes the truth: constraints {wrong[:5]}"
        assert (x >= np.array(self.lower) - 1e-6).all()
        assert (x <= np.array(self.upper) + 1e-6).all()


@dataclass(frozen=True, slots=True)
class Target:
    """A sum of unknowns that was suppressed: a count, or a magnitude."""

    cell: tuple
    measure: str
    sums: Mapping[int, float]
    true: float
    width: float  # a range narrower than this is a finding
    reach: float  # so is a range that ends below this; -inf where it does not matter
    kind: str = "bounded"


def attack_system(system: System, targets: Sequence[Target], seed: int = 0) -> list[Finding]:
    """Findings among the targets; the ranges of all others are shown to be wide by solutions."""
    if not targets:
        return []
    system.assert_truth_is_feasible()
    goals = csr_array(
        (
            [c for t in targets for c in t.sums.values()],
            ([k for k, t in enumerate(targets) for _ in t.sums], [v for t in targets for v in t.sums]),
        ),
        shape=(len(targets), len(system.lower)),
    )
    ranges = _Ranges(system, goals)
    width = np.array([t.width for t in targets])
    reach = np.array([t.reach for t in targets])
    rng = np.random.default_rng(seed)
    for _ in range(8):
        open_ = np.flatnonzero(~ranges.wide(width, reach))
        if open_.size < 3:
            break
        some = rng.permutation(open_)[: max(3, open_.size // 2)]
        ranges.push(np.bincount(some, rng.choice([-1.0, 1.0, 1.0], some.size), len(targets)), gap=0.3)
    proved: set[tuple[int, float]] = set()
    for k, presolve, sign in itertools.product(range(len(targets)), (True, False), (1.0, -1.0)):
        # A range is narrow only if a second way of solving says so: presolving can lose solutions.
        if not ranges.wide(width, reach)[k] and ranges.push(
            np.bincount([k], [sign], len(targets)), presolve=presolve
        ):
            proved.add((k, sign))
    found = np.flatnonzero(~ranges.wide(width, reach))
    undecided = {k for k in found for sign in (1.0, -1.0) if (k, sign) not in proved}
    return [_finding(targets[k], ranges.low[k], ranges.high[k], k in undecided) for k in found]


class _Ranges:
    """Smallest and largest value of each goal over all solutions seen."""

    def __init__(self, system: System, goals: csr_array) -> None:
        self.goals = goals
        self.known = system.constraints()
        self.bounds = Bounds(np.array(system.lower), np.array(system.upper))
        self.whole = np.array(system.whole)
        self.low = self.high = goals @ np.array(system.true)

    def wide(self, width: NDArray[np.float64], reach: NDArray[np.float64]) -> NDArray[np.bool_]:
        return (self.high - self.low >= width - 1e-6) & (self.high >= reach - 1e-6)

    def push(self, weights: NDArray[np.float64], gap: float = 0.0, presolve: bool = True) -> bool:
        """Take the solution that is largest in this direction (but for a gap) into account; is it proved?"""
        answer = milp(
            -(weights @ self.goals),
            constraints=self.known,
            bounds=self.bounds,
            integrality=self.whole,
            options={"time_limit": 10.0, "presolve": presolve, "mip_rel_gap": gap},
        )
        if answer.x is not None:
            x = np.where(self.whole == 1, np.round(answer.x), answer.x)
            sums = self.known.A @ x
            slack = 1e-5 * (1 + np.abs(sums))
            if ((sums >= self.known.lb - slack) & (sums <= self.known.ub + slack)).all():
                values = self.goals @ x
                self.low, self.high = np.minimum(self.low, values), np.maximum(self.high, values)
        return bool(answer.status == 0)


def _finding(target: Target, low: float, high: float, unproved: bool) -> Finding:
    """What the range tells; ``undecided`` where the solver did not prove its ends."""
    kind = "exact" if high - low < target.width - 1e-6 else target.kind
    kind = "undecided" if unproved else kind
    return Finding(target.cell, target.measure, kind, float(low), float(high), target.true)


# --- Persons, from whom cubes are counted and answers judged


PEOPLE = ("person", "municipality", "service", "age", "sex", "hours", "first", "last")


def group_of(age: int) -> str:
    return next(name for name, (low, high) in AGES.items() if low <= age <= high)


def present(people: pd.DataFrame, week: int) -> pd.DataFrame:
    """Persons with the service in a week (number from 0)."""
    return people[(people["first"] <= week) & (people["last"] >= week)]


def monday(week: int) -> pd.Timestamp:
    return pd.Timestamp("2018-01-08") + pd.Timedelta(weeks=week)


def count(people: pd.DataFrame, n_weeks: int, by_municipality: bool) -> pd.DataFrame:
    """What `weekly_cube` gives for these persons."""
    parts = [present(people, t).assign(week=monday(t)) for t in range(n_weeks)]
    return _cells(pd.concat(parts), "week", by_municipality)


def count_year(people: pd.DataFrame, n_weeks: int) -> pd.DataFrame:
    """What `yearly_users` gives for these persons."""
    here = people[(people["first"] < n_weeks) & (people["last"] >= 0)].assign(year=2018)
    return _cells(here, "year", False)[["service", "age_group", "sex", "year", "users", "mean_age"]]


def _cells(rows: pd.DataFrame, time: str, by_municipality: bool) -> pd.DataFrame:
    keys = [*(["municipality"] if by_municipality else []), "service", "age_group", "sex", time]
    rows = rows.assign(
        age_group=rows["age"].map(group_of), sex=rows["sex"].astype(int), with_hours=rows["hours"] > 0
    )
    cells = rows.groupby(keys).agg(
        users=("person", "size"),
        users_with_hours=("with_hours", "sum"),
        hours=("hours", "sum"),
        mean_age=("age", "mean"),
        largest_hours=("hours", "max"),
    )
    return cells.reset_index()


# --- What a protected cube says


def half_widths(frame: pd.DataFrame, measure: str) -> NDArray[np.float64]:
    """Half the unit to which a measure is printed, by row; a trace of floating point where none is promised.

    A cube promises units in columns ``<measure>_unit``.
    """
    values = np.abs(frame[measure].to_numpy(dtype=float))
    unit = frame.get(f"{measure}_unit")
    exact = 1e-9 * np.maximum(values, 1.0)
    return exact if unit is None else np.fmax(unit.to_numpy(dtype=float) / 2, 0.0) + exact


@dataclass(slots=True)
class _Block:
    """Unknowns of one service and week (year): persons, with hours, ages and hours by atom."""

    system: System
    atoms: dict[tuple[str, str, str], dict[str, int]]
    largest: dict[tuple[str, str, str], float]  # hours of one person, for judging

    def places(self, row: Mapping) -> list[tuple[str, str, str]]:
        """Atoms of which a published row is the sum."""
        wanted = [str(row.get(k, ALL)) for k in ("municipality", "age_group", "sex")]
        choices = [[w] if w != ALL else sorted({p[k] for p in self.atoms}) for k, w in enumerate(wanted)]
        return list(itertools.product(*choices))

    def sums(self, measure: str, row: Mapping) -> dict[int, float]:
        return {self.atoms[place][measure]: 1.0 for place in self.places(row)}

    def true(self, sums: Mapping[int, float]) -> float:
        return sum(c * self.system.true[k] for k, c in sums.items())

    def largest_in(self, row: Mapping) -> float:
        return max(self.largest[place] for place in self.places(row))


def attack_cubes(
    frames: Sequence[pd.DataFrame],
    people: pd.DataFrame,
    threshold: int = 5,
    dominance: float = 0.85,
) -> Attack:
    """Attack cubes of the same register together: of the country, of its municipalities, of weeks, of a year.

    Parameters
    ----------
    frames : sequence of DataFrame
        From `protect_cube`.
    people : DataFrame
        One row for each person and service; columns `PEOPLE`. Used as the truth only.
    """
    findings: list[Finding] = []
    attacked = attacked_hours = 0
    for number, tables in enumerate(_linked_tables(frames)):
        system, blocks, targets = System(), {}, []
        for key, parts in tables.items():
            blocks[key] = _unknowns(system, key, parts, people)
            for part in parts:
                targets += _read(blocks[key], part, key, threshold, dominance)
                findings += _shown_findings(blocks[key], part, key, threshold, dominance)
        _know_years(system, blocks)
        # The same cell can stand in two frames; that a service has no hours at all is no secret.
        targets = list(
            {(t.measure, tuple(sorted(t.sums.items()))): t for t in targets if t.true > 0}.values()
        )
        attacked += len(targets)
        attacked_hours += sum(t.measure == "hours" for t in targets)
        findings += attack_system(system, targets, number)
    rows = pd.concat([f["status"] for f in frames])
    return Attack(tuple(findings), attacked, len(rows), int((rows == "").sum()), attacked_hours)


def _linked_tables(frames: Sequence[pd.DataFrame]) -> list[dict[tuple, list[pd.DataFrame]]]:
    """Rows by service and time; all times of a service together where a year stands beside its weeks."""
    found: dict[tuple, list[pd.DataFrame]] = defaultdict(list)
    for frame in frames:
        time = "week" if "week" in frame else "year"
        for key, part in frame.groupby(["service", time], observed=True):
            found[str(key[0]), key[1]].append(part)
    linked: dict[object, dict[tuple, list[pd.DataFrame]]] = defaultdict(dict)
    with_year = {service for service, time in found if not isinstance(time, pd.Timestamp)}
    for key, parts in found.items():
        linked[key[0] if key[0] in with_year else key][key] = parts
    return list(linked.values())


def _know_years(system: System, blocks: Mapping[tuple, "_Block"]) -> None:
    """Users of a week are users of its year; the age of a year is one."""
    years = [block for key, block in blocks.items() if not isinstance(key[1], pd.Timestamp)]
    weeks = [block for key, block in blocks.items() if isinstance(key[1], pd.Timestamp)]
    for year, week in itertools.product(years, weeks):
        for group, sex in itertools.product(AGES, SEXES):
            row = {"age_group": group, "sex": sex}
            less = dict.fromkeys(week.sums("users", row), -1.0)
            system.know({**year.sums("users", row), **less}, 0, np.inf)


def _unknowns(system: System, key: tuple, parts: Sequence[pd.DataFrame], people: pd.DataFrame) -> _Block:
    places = {str(m) for part in parts if "municipality" in part for m in part["municipality"].unique()}
    here = people[people["service"] == key[0]]
    if isinstance(key[1], pd.Timestamp):
        here = present(here, (key[1] - monday(0)).days // 7)
    municipality = here["municipality"] if places - {ALL} else pd.Series("", index=here.index)
    groups = [municipality, here["age"].map(group_of), here["sex"]]
    cells = dict(iter(here.groupby(groups))) if len(here) else {}
    block = _Block(system, {}, {})
    for place in itertools.product(sorted(places - {ALL} or {""}), AGES, SEXES):
        cell = cells.get(place, here[:0])
        block.atoms[place] = _atom(system, cell, *AGES[place[1]])
        block.largest[place] = float(cell["hours"].max()) if len(cell) else 0.0
    return block


def _atom(system: System, cell: pd.DataFrame, youngest: int, oldest: int) -> dict[str, int]:
    n, with_hours = len(cell), int((cell["hours"] > 0).sum())
    atom = {
        "users": system.unknown(0, LARGE, n),
        "users_with_hours": system.unknown(0, LARGE, with_hours),
        "age_sum": system.unknown(0, 120 * LARGE, float(cell["age"].sum())),
        "hours": system.unknown(0, MOST_HOURS * LARGE, float(cell["hours"].sum()), whole=False),
    }
    users, hours = atom["users"], atom["users_with_hours"]
    system.know({users: 1, hours: -1}, 0, np.inf)
    system.know({atom["age_sum"]: 1, users: -youngest}, 0, np.inf)
    system.know({atom["age_sum"]: 1, users: -oldest}, -np.inf, 0)
    system.know({atom["hours"]: 1, hours: -LEAST_HOURS}, 0, np.inf)
    system.know({atom["hours"]: 1, hours: -MOST_HOURS}, -np.inf, 0)
    return atom


def _read(block: _Block, part: pd.DataFrame, key: tuple, threshold: int, dominance: float) -> list[Target]:
    """Turn published rows into constraints; what is missing in them are targets."""
    targets = []
    half = {m: half_widths(part, m) for m in ("hours", "mean_age", "hours_per_user") if m in part}
    for number, row in enumerate(part.to_dict("records")):
        sums = {m: block.sums(m, row) for m in ("users", "users_with_hours", "age_sum", "hours")}
        spread = {m: h[number] for m, h in half.items()}
        _know_row(block.system, row, sums, spread)
        targets += _row_targets(block, _cell(key, row), row, sums, threshold, dominance)
    return targets


def _cell(key: tuple, row: Mapping) -> tuple:
    return (*key, *(str(row.get(k, ALL)) for k in ("municipality", "age_group", "sex")))


def _know_row(
    system: System, row: Mapping, sums: Mapping[str, dict[int, float]], half: Mapping[str, float]
) -> None:
    if np.isnan(row["users"]):
        system.know(sums["users"], 1 if row["status"] == ":" else 0, np.inf)
    else:
        system.know(sums["users"], row["users"], row["users"])
    if not np.isnan(row["mean_age"]):
        _know_mean(system, sums["age_sum"], sums["users"], row["mean_age"], half["mean_age"])
    if "hours" not in row:
        return
    if not np.isnan(row["users_with_hours"]):
        system.know(sums["users_with_hours"], row["users_with_hours"], row["users_with_hours"])
    if not np.isnan(row["hours"]):
        system.know(sums["hours"], row["hours"] - half["hours"], row["hours"] + half["hours"])
    if not np.isnan(row["hours_per_user"]):
        _know_mean(
            system, sums["hours"], sums["users_with_hours"], row["hours_per_user"], half["hours_per_user"]
        )
        system.know(sums["users_with_hours"], 1, np.inf)


def _know_mean(
    system: System, parts: Mapping[int, float], heads: Mapping[int, float], mean: float, half: float
) -> None:
    """A printed mean, times the persons, is the sum."""
    system.know({**parts, **dict.fromkeys(heads, -(mean - half))}, 0, np.inf)
    system.know({**parts, **dict.fromkeys(heads, -(mean + half))}, -np.inf, 0)


def _row_targets(
    block: _Block,
    cell: tuple,
    row: Mapping,
    sums: Mapping[str, dict[int, float]],
    threshold: int,
    dominance: float,
) -> list[Target]:
    targets = []
    if np.isnan(row["users"]):
        targets.append(_count_target(block, cell, "users", sums["users"], threshold))
    if "hours" not in row:
        return targets
    if np.isnan(row["users_with_hours"]):
        targets.append(_count_target(block, cell, "users_with_hours", sums["users_with_hours"], threshold))
        without = {**sums["users"], **dict.fromkeys(sums["users_with_hours"], -1.0)}
        # Who has no hours is a group of its own, unless it is everybody.
        if not np.isnan(row["users"]) and block.true(sums["users_with_hours"]) > 0:
            targets.append(_count_target(block, cell, "users_without_hours", without, threshold))
    true, largest = block.true(sums["hours"]), block.largest_in(row)
    if np.isnan(row["hours"]) and true > 0:
        dominated = largest > dominance * true
        small = block.true(sums["users_with_hours"]) < threshold
        width = (FOUND_FEW if small or dominated else FOUND) * true
        reach = largest / dominance if dominated else -np.inf
        targets.append(Target(cell, "hours", sums["hours"], true, width, reach, "dominated"))
    return targets


def _count_target(
    block: _Block, cell: tuple, measure: str, sums: Mapping[int, float], threshold: int
) -> Target:
    true = block.true(sums)
    return Target(cell, measure, sums, true, 1.0, threshold if 0 < true < threshold else -np.inf)


def _shown_findings(
    block: _Block, part: pd.DataFrame, key: tuple, threshold: int, dominance: float
) -> list[Finding]:
    """Small or dominated cells that are simply shown."""
    found = []
    for row in part.to_dict("records"):
        shown = {"users": row["users"]}
        if "hours" in row:
            shown["users_with_hours"] = row["users_with_hours"]
            if part["users_with_hours"].max() > 0:
                shown["users_without_hours"] = row["users"] - row["users_with_hours"]
        cell, hours = _cell(key, row), row.get("hours", np.nan)
        found += [Finding(cell, m, "shown", v, v, v) for m, v in shown.items() if 0 < v < threshold]
        if not np.isnan(hours) and hours > 0:
            true = block.true(block.sums("hours", row))
            if block.largest_in(row) > dominance * true:
                found.append(Finding(cell, "hours", "shown", hours, hours, true))
    return found


# --- Neighbouring weeks


@dataclass(frozen=True, slots=True)
class Told:
    """What a run of weeks tells of one person who came or left."""

    person: object
    measure: str  # age or hours
    low: float
    high: float
    true: float
    prior: float  # width of what was known before: the age group, or 168 hours

    @property
    def width(self) -> float:
        return self.high - self.low

    @property
    def found(self) -> bool:
        """Age to the year; hours to a half hour or five per cent."""
        return self.width < (1.0 if self.measure == "age" else max(0.5, 0.05 * self.true))


def attack_weeks(frames: Sequence[pd.DataFrame], people: pd.DataFrame, everybody: bool = False) -> list[Told]:
    """Ranges of age and hours of those who came or left, for one who knows whose weeks are whose.

    The strongest neighbour: knows of each person of the one service in which weeks and in which cell he or
    she stands, and that ages and hours do not change. All published means and sums hold together: of all
    weeks, of the country and of municipalities, of weeks and of years.
    """
    people = people.reset_index(drop=True)
    rows = pd.concat(frames, ignore_index=True)
    n_weeks = rows["week"].nunique()
    movers = people.index[everybody | (people["first"] > 0) | (people["last"] < n_weeks - 1)]
    told = []
    for measure in ("age", "hours"):
        some = people if measure == "age" else people[people["hours"] > 0]
        bounds = [_prior(person, measure) for person in some.to_dict("records")]
        known = _sums_over_weeks(rows, some, measure)
        place = {index: k for k, index in enumerate(some.index)}
        for index in movers.intersection(some.index):
            ends = _ends(known, bounds, place[index])
            person = people.loc[index]
            low, high = bounds[place[index]]
            told.append(Told(person["person"], measure, *ends, float(person[measure]), high - low))
    return told


def _prior(person: Mapping, measure: str) -> tuple[float, float]:
    return AGES[group_of(person["age"])] if measure == "age" else (LEAST_HOURS, MOST_HOURS)


def _sums_over_weeks(rows: pd.DataFrame, people: pd.DataFrame, measure: str) -> LinearConstraint | None:
    matrix, low, high = [], [], []
    mean, total = ("mean_age", None) if measure == "age" else ("hours_per_user", "hours")
    half = {m: half_widths(rows, m) for m in (mean, total) if m is not None}
    if mean not in rows:
        return None
    here = people.assign(age_group=people["age"].map(group_of))
    for number, row in enumerate(rows.to_dict("records")):
        inside = np.ones(len(here))
        for name in ("municipality", "age_group", "sex"):
            if isinstance(row.get(name), str) and row[name] != ALL:
                inside *= (here[name] == row[name]).to_numpy()
        if isinstance(row["week"], pd.Timestamp) and not pd.isna(row["week"]):
            week = (row["week"] - monday(0)).days // 7
            inside *= ((here["first"] <= week) & (here["last"] >= week)).to_numpy()
        n = inside.sum()
        for name, heads in ((mean, n), (total, 1.0)):
            if name is not None and not np.isnan(row[name]) and n:
                matrix.append(inside)
                low.append((row[name] - half[name][number]) * heads)
                high.append((row[name] + half[name][number]) * heads)
    return LinearConstraint(np.array(matrix), np.array(low), np.array(high)) if matrix else None


def _ends(
    known: LinearConstraint | None, bounds: Sequence[tuple[float, float]], k: int
) -> tuple[float, float]:
    if known is None:
        return bounds[k]
    ends = []
    for sign in (1.0, -1.0):
        goal = np.zeros(len(bounds))
        goal[k] = sign
        answer = linprog(
            goal,
            A_ub=np.vstack((known.A, -known.A)),
            b_ub=np.concatenate((known.ub, -known.lb)) + 1e-7,
            bounds=bounds,
        )
        assert answer.status == 0, "the attack excludes the truth"
        ends.append(sign * answer.fun)
    return ends[0], ends[1]


# --- Two-way tables from `protect`, alone or two of the same persons


def attack_tables(tables: Sequence[pd.DataFrame], true: Sequence[pd.DataFrame], threshold: int = 5) -> Attack:
    """Attack two-way tables that are layers of one whole.

    The last table is the sum of the others where there is more than one. Margins are labelled ``"all"``; of a
    cell with ``""`` nothing is known, and it is asked for.
    """
    system, targets = System(), []
    layers = true[:-1] if len(true) > 1 else true
    number = [
        {
            (r, c): system.unknown(0, LARGE, float(layer.loc[r, c]))
            for r in layer.index.drop(ALL, errors="ignore")
            for c in layer.columns.drop(ALL, errors="ignore")
        }
        for layer in layers
    ]
    cells = shown = 0
    for k, table in enumerate(tables):
        of = number if len(true) > 1 and k == len(tables) - 1 else number[k : k + 1]
        for r, c, value in ((r, c, table.loc[r, c]) for r in table.index for c in table.columns):
            sums = {v: 1.0 for layer in of for (i, j), v in layer.items() if r in (ALL, i) and c in (ALL, j)}
            cells += 1
            if value in (":", "..", UNPUBLISHED):
                system.know(sums, 1 if value == ":" else 0, np.inf)
                here = sum(system.true[v] for v in sums)
                if here == 0:
                    continue
                reach = threshold if 0 < here < threshold else -np.inf
                targets.append(Target((k, r, c), "count", sums, here, 1.0, reach))
            else:
                shown += 1
                system.know(sums, float(value), float(value))
    return Attack(tuple(attack_system(system, targets)), len(targets), cells, shown)


# --- The control: small cells hidden, nothing else


def hide_small(cube: pd.DataFrame, protected: pd.DataFrame, threshold: int = 5) -> pd.DataFrame:
    """The same frame as `protected`, of the cells of `cube`, with primary suppression only."""
    time = "week" if "week" in cube else "year"
    outer = [k for k in ("municipality", "service") if k in cube]
    keys = [*outer, time, "age_group", "sex"]
    rows = cube.assign(age_group=cube["age_group"].astype(str), sex=cube["sex"].astype(str))
    for name in [*outer, time]:
        rows[name] = rows[name] if name == time else rows[name].astype(str)
    rows["age_sum"] = rows["mean_age"] * rows["users"]
    sums = [m for m in ("users", "users_with_hours", "hours", "age_sum") if m in rows]
    parts = [
        rows.assign(**dict.fromkeys(names, ALL)).groupby(keys)[sums].sum().reset_index()
        for names in ((), ("age_group",), ("sex",), ("age_group", "sex"))
    ]
    frame = protected[keys].astype({"age_group": str, "sex": str, **dict.fromkeys(outer, str)})
    frame = frame.merge(pd.concat(parts), on=keys, how="left").fillna(dict.fromkeys(sums, 0.0))
    few = frame["users"].between(1, threshold - 1)
    frame["mean_age"] = (frame["age_sum"] / frame["users"]).mask(few)
    if "hours" in frame:
        few_hours = few | frame["users_with_hours"].between(1, threshold - 1)
        few_hours |= (frame["users"] - frame["users_with_hours"]).between(1, threshold - 1)
        frame["hours_per_user"] = (frame["hours"] / frame["users_with_hours"]).mask(few_hours)
        for name in ("users_with_hours", "hours"):
            frame[name] = frame[name].mask(few_hours)
    frame["users"] = frame["users"].mask(few)
    frame["status"] = np.where(few, ":", "")
    return frame.drop(columns="age_sum")
