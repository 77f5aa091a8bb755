"""The gap in cost per inhabitant between two municipalities, split into need, coverage, mix and unit cost."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from math import factorial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.errors import DataMissingError
from kostnadsvekst.municipal.given_numbers import (
    as_name,
    municipality_name,
    number_faults,
    refuse,
    twice,
    year_faults,
)
from kostnadsvekst.municipal.user_group_inputs import require_frame
from kostnadsvekst.naming import require_columns
from kostnadsvekst.provenance import provenance_of

__all__ = ["FACTORS", "CostFactors", "SplitGap", "gap", "gap_by_service", "split_gap"]

FACTORS = ("need", "coverage", "mix", "unit_cost")
_COLUMNS = ("service", "users", "cost_kr", "population", "need_index")
# Kroner. Sums are told to it; of huge costs to so large a share of them.
_ORE, _DIGITS = 0.01, 1e-9
_EPSILON = float(np.finfo(float).eps)
_OF_PLACE = ("population", "need_index")


@dataclass(frozen=True, slots=True)
class CostFactors:
    """What a cost per inhabitant is the product of.

    Attributes
    ----------
    need : float
        Need index, 1 = country.
    coverage : float
        Users per need-adjusted inhabitant.
    mix : array, shape (s,)
        Shares of the users by service; they sum to one.
    unit_cost : array, shape (s,)
        Kroner per user.
    """

    need: float
    coverage: float
    mix: NDArray[np.float64]
    unit_cost: NDArray[np.float64]

    @property
    def cost(self) -> float:
        """Kroner per inhabitant."""
        return float(self.need * self.coverage * (self.mix @ self.unit_cost))


@dataclass(frozen=True, slots=True)
class SplitGap:
    """Contributions to a gap, kroner per inhabitant.

    Attributes
    ----------
    need, coverage : float
    mix, unit_cost : array, shape (s,)
        By service.
    """

    need: float
    coverage: float
    mix: NDArray[np.float64]
    unit_cost: NDArray[np.float64]


def split_gap(own: CostFactors, reference: CostFactors) -> SplitGap:
    """Split the difference of two costs per inhabitant exactly (Shapley value of the four factors).

    Parameters
    ----------
    own, reference : CostFactors
        Of the same services.

    Returns
    -------
    SplitGap
        All contributions sum to own.cost − reference.cost.

    Notes
    -----
    The mean over all 24 orders in which the factors can be changed from the reference's to one's own (Shapley
    1953; Shorrocks 2013, Journal of Economic Inequality 11(1), for decompositions). A factor's weight after k
    others is k!(3 − k)!/4!. By service, a change of mix counts the unit cost above the mean one, so that more
    of a cheap service lowers the cost; the shares' changes sum to zero, so the sum is the same.
    """
    both = (reference, own)
    need = coverage = 0.0
    mix, unit = np.zeros_like(own.mix), np.zeros_like(own.mix)
    for chosen in product((0, 1), repeat=3):
        first, second, third = (both[k] for k in chosen)
        weight = factorial(sum(chosen)) * factorial(3 - sum(chosen)) / factorial(4)
        per_user = float(second.mix @ third.unit_cost)
        need += weight * (own.need - reference.need) * first.coverage * per_user
        coverage += weight * (own.coverage - reference.coverage) * first.need * per_user
        base = weight * first.need * second.coverage
        centre = float((own.mix + reference.mix) @ third.unit_cost) / 2.0
        mix += base * (own.mix - reference.mix) * (third.unit_cost - centre)
        unit += base * third.mix * (own.unit_cost - reference.unit_cost)
    return SplitGap(need, coverage, mix, unit)


def gap(own: pd.DataFrame, reference: pd.DataFrame) -> pd.DataFrame:
    """Split the gap in cost per inhabitant into need, coverage, mix and unit cost.

    Parameters
    ----------
    own : DataFrame
        One's own municipality in one year, one row for each service: ``service``, ``users`` (or places, or
        hours), ``cost_kr`` (kroner of the service), and on every row the same ``population`` and
        ``need_index`` (0.972 for 97.2 per cent). ``municipality`` and ``year`` may be there.
    reference : DataFrame
        The same of another municipality; or of several with ``municipality``, whose users, kroner,
        inhabitants and need are added up (ratio of sums). A service that is not offered has 0 users and 0
        kroner.

    Returns
    -------
    DataFrame
        ``factor`` (``"need"``, ``"coverage"``, ``"mix"``, ``"unit_cost"``), ``contribution_kr`` per
        inhabitant: above zero where it makes one's own dearer. They sum to the gap, ``attrs["gap_kr"]`` =
        ``attrs["own_kr"]`` − ``attrs["reference_kr"]``. By service: `gap_by_service`.

    Raises
    ------
    InvalidDataError
        All faults together: services that only one has, costs without users, users of which one has none,
        numbers that are negative or missing, no inhabitants, years that do not meet, one's own among the
        references.
    DataMissingError
        Columns that lack.

    Notes
    -----
    Cost per inhabitant = need index × (users per need-adjusted inhabitant) × Σ (share of the users × kroner
    per user), split as `split_gap` says. Services without users and kroner in both count for nothing.
    """
    mine, theirs, services, told = _read(own, reference)
    made = split_gap(mine, theirs)
    values = [made.need, made.coverage, float(made.mix.sum()), float(made.unit_cost.sum())]
    found = pd.DataFrame({"factor": list(FACTORS), "contribution_kr": values})
    found.attrs = {**_told(mine, theirs), "services": services, **told}
    return found


def gap_by_service(own: pd.DataFrame, reference: pd.DataFrame) -> pd.DataFrame:
    """Split the contributions of mix and unit cost of `gap` by service.

    Parameters
    ----------
    own, reference : DataFrame
        As `gap`.

    Returns
    -------
    DataFrame
        ``factor``, ``service``, ``contribution_kr`` per inhabitant; by factor they sum to `gap`'s.

    Raises
    ------
    InvalidDataError, DataMissingError
        As `gap`.
    """
    mine, theirs, services, told = _read(own, reference)
    made = split_gap(mine, theirs)
    rows = [("mix", s, float(v)) for s, v in zip(services, made.mix, strict=True)]
    rows += [("unit_cost", s, float(v)) for s, v in zip(services, made.unit_cost, strict=True)]
    found = pd.DataFrame(rows, columns=["factor", "service", "contribution_kr"])
    found.attrs = {**_told(mine, theirs), **told}
    return found


def _told(own: CostFactors, reference: CostFactors) -> dict[str, float]:
    return {"own_kr": own.cost, "reference_kr": reference.cost, "gap_kr": own.cost - reference.cost}


def _read(
    own: pd.DataFrame, reference: pd.DataFrame
) -> tuple[CostFactors, CostFactors, list[str], dict[str, object]]:
    tables = {"own": _table(own, "own"), "reference": _table(reference, "reference")}
    faults = [fault for name, table in tables.items() for fault in _faults_of(table, name)]
    faults += _faults_between(tables["own"], tables["reference"])
    refuse("the gap", faults)
    tables = {name: table.astype(dict.fromkeys(_COLUMNS[1:], float)) for name, table in tables.items()}
    sums = [table.groupby("service", sort=True)[["users", "cost_kr"]].sum() for table in tables.values()]
    both = sums[0].add_suffix("_own").join(sums[1].add_suffix("_reference"), how="inner")
    used = both[(both["users_own"] > 0) & (both["users_reference"] > 0)]
    refuse("the gap", [*_service_faults(both), *([] if len(used) else ["no service has users in both"])])
    mine, theirs = (
        _factors(tables[name], used[f"users_{name}"].to_numpy(), used[f"cost_kr_{name}"].to_numpy())
        for name in ("own", "reference")
    )
    refuse("the gap", _lost(mine, theirs))
    origins = [provenance_of(frame).to_attrs() for frame in (own, reference)]
    synthetic = next((one for one in origins if one["origin"] == "synthetic"), origins[0])
    return mine, theirs, [str(s) for s in used.index], {"provenance": synthetic}


def _factors(table: pd.DataFrame, users: NDArray[np.float64], cost: NDArray[np.float64]) -> CostFactors:
    places = table.drop_duplicates("municipality")
    population = float(places["population"].sum())
    adjusted = float((places["population"] * places["need_index"]).sum())
    total = float(users.sum())
    return CostFactors(adjusted / population, total / adjusted, users / total, cost / users)


def _lost(own: CostFactors, reference: CostFactors) -> list[str]:
    """Say where floating point cannot split the gap to the øre, or to its last digits if it is huge."""
    with np.errstate(over="ignore", invalid="ignore"):
        made, costs = split_gap(own, reference), (own.cost, reference.cost)
        parts = np.array([made.need, made.coverage, made.mix.sum(), made.unit_cost.sum()])
        lost = max(abs(parts.sum() - (costs[0] - costs[1])), _EPSILON * np.abs(parts).max())
    if lost <= max(_ORE / 2, _DIGITS * max(map(abs, costs))):
        return []
    return ["the numbers are too far apart to be split: look for users or kroner in a wrong unit"]


def _table(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    require_frame(frame, name)
    try:
        require_columns(_COLUMNS, frame.columns)
    except DataMissingError as error:
        raise DataMissingError(f"{name}: {error}") from None
    table = frame.reset_index(drop=True).copy()
    places = table.get("municipality", pd.Series(name, table.index))
    table["municipality"] = [municipality_name(m) for m in places]
    table["service"] = [as_name(s) if pd.notna(s) else "" for s in table["service"]]
    return table


def _faults_of(table: pd.DataFrame, name: str) -> list[str]:
    faults = [] if len(table) else [f"{name} has no rows; give one for each service"]
    for k, row in enumerate(table.to_dict("records")):
        where = f"{name} row {k + 1} ({row['municipality']}, {row['service'] or 'no service'})"
        empty = [what for what in ("service", "municipality") if not row[what]]
        faults += [f"{where}: the {what} is empty; name it" for what in empty]
        faults += number_faults(f"{where}: users", row["users"], least=0)
        faults += number_faults(f"{where}: cost_kr", row["cost_kr"])
        faults += number_faults(f"{where}: population", row["population"], above=0)
        told = f"{where}: need_index"
        faults += number_faults(told, row["need_index"], least=0.1, most=10, remedy="97.2 per cent is 0.972")
    pairs = [f"{r.municipality}, {r.service}" for r in table.itertuples()]
    faults += twice(f"{name}: services stand", pairs, "add them up, and give one year")
    faults += _uneven(table, name)
    if name == "own" and len(set(table["municipality"])) > 1:
        faults.append(f"own has several municipalities: {', '.join(sorted(set(table['municipality'])))}")
    return faults


def _uneven(table: pd.DataFrame, name: str) -> Iterable[str]:
    """Municipalities with two populations, or without a service that others of the references have."""
    services = sorted(set(table["service"]))
    for municipality, rows in table.groupby("municipality", sort=True):
        for column in _OF_PLACE:
            if len(set(rows[column].astype(str))) > 1:
                yield f"{name}, {municipality}: {column} differs from row to row; it is one number a year"
        lacking = [s for s in services if s not in set(rows["service"])]
        if lacking:
            yield f"{name}, {municipality} lacks {', '.join(lacking)}; none is 0 users and 0 kroner"


def _faults_between(own: pd.DataFrame, reference: pd.DataFrame) -> list[str]:
    faults = []
    for one, other, name in ((own, reference, "reference"), (reference, own, "own")):
        lacking = sorted(set(one["service"]) - set(other["service"]))
        faults += [f"{name} lacks the service {s!r}; give it, or leave it out of both" for s in lacking]
    if "municipality" in own and set(own["municipality"]) & set(reference["municipality"]):
        faults.append(f"{own['municipality'].iloc[0]} is compared with itself; leave it out of the reference")
    given = [list(table["year"]) if "year" in table else [] for table in (own, reference)]
    wrong = [*year_faults("own: year", given[0]), *year_faults("reference: year", given[1])]
    if wrong:
        return [*faults, *wrong]
    years = [{int(float(str(year))) for year in one} for one in given]
    if all(years) and (years[0] != years[1] or len(years[0]) > 1):
        told = [", ".join(map(str, sorted(one))) for one in years]
        faults.append(
            f"years do not meet: own has {told[0]}, reference {told[1]}; give one and the same year"
        )
    return faults


def _service_faults(both: pd.DataFrame) -> Sequence[str]:
    """Name services whose unit cost one of the two does not have."""
    faults = []
    for row in both.itertuples():
        for name in ("own", "reference"):
            other = "reference" if name == "own" else "own"
            users, cost = getattr(row, f"users_{name}"), getattr(row, f"cost_kr_{name}")
            if users == 0 and cost != 0:
                faults.append(f"{name}: {row.Index} costs {cost:,.0f} kr and has no users; move the cost")
            elif users == 0 and getattr(row, f"users_{other}") > 0:
                faults.append(
                    f"{name}: {row.Index} has no users, {other} has; its unit cost is not known: leave it "
                    "out of both, or add it to a service like it"
                )
    return faults
