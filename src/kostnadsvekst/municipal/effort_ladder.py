"""The effort ladder (innsatstrapp): recipients, prices and costs by degree of intervention in people's lives.

Source: Ålesund 2020 to 2021, with Asker's ladder. The ladder shows intervention, not rising cost: a lower
step may be the dearer one. Prices are net.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from kostnadsvekst.errors import InvalidDataError
from kostnadsvekst.municipal.cost_parameters import ladder_edition
from kostnadsvekst.municipal.given_numbers import number_faults, refuse, twice
from kostnadsvekst.municipal.ladder_steps import Steps, read_steps
from kostnadsvekst.naming import require_columns
from kostnadsvekst.provenance import provenance_of

__all__ = ["cost_per_inhabitant", "edition", "ladder", "move", "summarise"]

KR_PER_MNOK = 1_000_000
COLUMNS = (
    "step",
    "name",
    "group",
    "recipients",
    "price_kr",
    "total_mnok",
    "share_percent",
    "price_difference_kr",
)


def __dir__() -> list[str]:
    return sorted(__all__)


def edition(name: str = "asker_2021") -> pd.DataFrame:
    """List the steps of a ladder as a source names them, to be filled in.

    Parameters
    ----------
    name : str
        ``asker_2021`` (13 steps) or ``calculator`` (12, those of the resource calculator).

    Returns
    -------
    DataFrame
        ``step``, ``name``, ``group``, ``unit`` (what recipients are: innbyggere, mottakere, boliger, enheter,
        plasser). Steps for all inhabitants have no price. ``attrs``: ``source`` and ``group_status``.

    Raises
    ------
    SpecificationError
        No such edition.
    """
    found = ladder_edition(name)
    steps = pd.DataFrame(found["steps"], columns=["step", "name", "group", "unit"])
    steps.attrs = {"edition": name, "source": found["source"], "group_status": found["group_status"]}
    return steps


def ladder(steps: pd.DataFrame) -> pd.DataFrame:
    """Cost profile of an effort ladder.

    Parameters
    ----------
    steps : DataFrame, one row a step, or one an item of a step
        ``step`` (whole number), ``name``, ``recipients`` (or inhabitants, dwellings, units, places; may be
        missing on steps for all inhabitants), and ``total_mnok`` (net, million kroner) or ``price_kr`` (net,
        per recipient), or both. Optional: ``group``; ``unit``; ``item``, whose rows add up to their step;
        ``in_cost``, false for what is left out of costs. A name or item that ends in ``*`` is left out of
        costs, too, as the source marks it. ``share_percent`` as printed is compared, not used.

    Returns
    -------
    DataFrame, sorted by step
        ``step``, ``name``, ``group``, ``recipients``, ``price_kr`` (total / recipients; missing on steps for
        all inhabitants), ``total_mnok``, ``share_percent`` (of the sum; sums to 100), ``price_difference_kr``
        (to the priced step below). ``attrs``: ``total_mnok`` (sum), ``left_out`` (starred items),
        ``contradictions`` (prices and shares as given that do not round from totals and recipients),
        ``share_sum_percent`` (of the shares as given).

    Raises
    ------
    DataMissingError
        A column is absent.
    InvalidDataError
        Steps twice, numbers that are negative or missing, costs without recipients, shares over 100 per cent,
        a sum that is not positive; all at once.

    Notes
    -----
    price = total / recipients, share = total / sum of totals. Derived: the formulas reproduce Asker's printed
    numbers, but for those that contradict each other. Steps for all inhabitants are those with ``unit``
    innbyggere, or 1 to 3 where no unit is given. Prices need not rise.
    """
    read = read_steps(steps)
    columns = {
        name: list(getattr(read, name)) for name in ("step", "name", "group", "recipients", "price_kr")
    }
    return _frame(columns, np.array(read.total_kr), _attributes(read, steps))


def move(ladder: pd.DataFrame, n: float, origin: int, target: int) -> pd.DataFrame:
    """Move recipients from one step to another at the prices of the ladder.

    Parameters
    ----------
    ladder : DataFrame
        From `ladder`.
    n : float
        Recipients.
    origin, target : int
        Steps with a price.

    Returns
    -------
    DataFrame
        The ladder afterwards, prices as before; ``attrs["change_kr"]``, the change of cost in a year, and
        ``attrs["moves"]``, all moves since the ladder was made.

    Raises
    ------
    DataMissingError
        A column is absent.
    InvalidDataError
        Steps that are not in the ladder or have no price, a negative number, or more than the origin has; all
        at once.

    Notes
    -----
    n × (price of the target − price of the origin). Assumed: who moves costs what the average recipient of
    each step does.
    """
    require_columns(COLUMNS, ladder.columns)
    place = _places_of_move(ladder, n, {"origin": origin, "target": target})
    price = ladder["price_kr"].to_numpy(dtype=float)
    recipients = ladder["recipients"].to_numpy(dtype=float, copy=True)
    total_kr = ladder["total_mnok"].to_numpy(dtype=float) * KR_PER_MNOK
    for which, change in (("origin", -n), ("target", n)):
        recipients[place[which]] += change
        total_kr[place[which]] += change * price[place[which]]
    change_kr = float(n * (price[place["target"]] - price[place["origin"]]))
    done = {"n": float(n), "origin": int(origin), "target": int(target), "change_kr": change_kr}
    attributes = {
        **ladder.attrs,
        "change_kr": change_kr,
        "moves": [*ladder.attrs.get("moves", []), done],
    }
    columns = {name: ladder[name].to_numpy() for name in COLUMNS[:5]} | {"recipients": recipients}
    return _frame(columns, total_kr, attributes)


def summarise(ladder: pd.DataFrame) -> pd.DataFrame:
    """Costs of the groups of steps.

    Parameters
    ----------
    ladder : DataFrame
        From `ladder` or `move`.

    Returns
    -------
    DataFrame, in the order of the steps
        ``group``, ``steps``, ``total_mnok``, ``share_percent``. Recipients are not added up: a person may
        stand on several steps.
    """
    require_columns(COLUMNS, ladder.columns)
    grouped = ladder.groupby("group", sort=False, dropna=False)
    parts = grouped[["total_mnok", "share_percent"]].sum()
    parts.insert(0, "steps", grouped.size())
    return parts.reset_index()


def cost_per_inhabitant(ladder: pd.DataFrame, inhabitants: float) -> float:
    """Cost of all steps per inhabitant.

    Parameters
    ----------
    ladder : DataFrame
        From `ladder` or `move`.
    inhabitants : float

    Returns
    -------
    float
        Kroner.

    Raises
    ------
    InvalidDataError
        No inhabitants.
    """
    require_columns(COLUMNS, ladder.columns)
    refuse("the cost per inhabitant", number_faults("inhabitants", inhabitants, above=0))
    return math.fsum(ladder["total_mnok"]) * KR_PER_MNOK / inhabitants


def _frame(
    columns: Mapping[str, Any], total_kr: NDArray[np.float64], attributes: Mapping[str, Any]
) -> pd.DataFrame:
    """Ladder with shares of the sum, and differences between the prices of steps that have one."""
    whole = math.fsum(total_kr)
    if not whole > 0:
        raise InvalidDataError(
            "the ladder cannot be computed: 1 fault(s)",
            [f"the costs of all steps sum to {whole:.2f} kr; shares need a positive sum"],
        )
    price = np.asarray(columns["price_kr"], dtype=float)
    difference = np.full(len(price), math.nan)
    priced = np.flatnonzero(~np.isnan(price))
    difference[priced[1:]] = np.diff(price[priced])
    frame = pd.DataFrame(
        {
            **columns,
            "total_mnok": total_kr / KR_PER_MNOK,
            "share_percent": 100 * total_kr / whole,
            "price_difference_kr": difference,
        }
    )
    frame.attrs = {**attributes, "total_mnok": whole / KR_PER_MNOK}
    return frame


def _attributes(read: Steps, steps: pd.DataFrame) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        "left_out": list(read.left_out),
        "contradictions": [dict(one) for one in read.contradictions],
        "status": {"price_kr": "derived", "share_percent": "derived"},
    }
    if read.share_sum is not None:
        attributes["share_sum_percent"] = read.share_sum
    if "provenance" in steps.attrs:
        attributes["provenance"] = provenance_of(steps).to_attrs()
    return attributes


def _places_of_move(ladder: pd.DataFrame, n: float, wanted: Mapping[str, int]) -> dict[str, int]:
    """Position of origin and target in the ladder; refuses what cannot be moved."""
    steps = ladder["step"].tolist()
    faults = twice("steps", map(str, steps), "make the ladder with `ladder`")
    faults += number_faults("n", n, least=0, remedy="change origin and target")
    place = {which: steps.index(step) for which, step in wanted.items() if step in steps}
    for which, step in wanted.items():
        if which not in place:
            faults.append(f"{which}: there is no step {step!r}; the ladder has {', '.join(map(str, steps))}")
        elif math.isnan(ladder["price_kr"].iloc[place[which]]):
            faults.append(f"{which}: step {step} has no price: all inhabitants have it, or nobody")
    if "origin" in place and not faults and n > ladder["recipients"].iloc[place["origin"]]:
        has = ladder["recipients"].iloc[place["origin"]]
        faults.append(f"n is {n:g}, but step {wanted['origin']} has {has:g} recipients")
    refuse("the move", faults)
    return place
