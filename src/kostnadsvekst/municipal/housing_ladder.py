"""The housing ladder of the elderly: places by step, what they cost, and dwellings that are needed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from kostnadsvekst.municipal.given_numbers import number_faults, refuse
from kostnadsvekst.naming import require_columns


@dataclass(frozen=True, slots=True)
class LadderStep:
    """A step.

    Attributes
    ----------
    service : str
        Name in the projection.
    number : int
        From the most help to the least.
    cost_mnok : float
        Mean unit cost, NOK million a year for each place, dwelling or user.
    nb, en : str
    dwelling : bool
        Whether the municipality must have a place or dwelling for each user.
    """

    service: str
    number: int
    cost_mnok: float
    nb: str
    en: str
    dwelling: bool = True


# Stated: seed text 001, lines 1444 to 1496 (mean unit costs of the consultant's other municipalities).
HOUSING_LADDER = (
    LadderStep("institution", 1, 1.2, "Institusjon", "Institution"),
    LadderStep("housing_24h", 2, 0.7, "Boliger med døgnomsorg", "Housing with 24-hour care"),
    LadderStep("municipal_rental", 3, 0.2, "Andre kommunale utleieboliger", "Other municipal rental housing"),
    LadderStep("private_home", 4, 0.2, "Private boliger", "Private homes", dwelling=False),
)


def housing_ladder(
    projection: pd.DataFrame,
    dwellings: Mapping[str, float] | None = None,
    steps: Sequence[LadderStep] = HOUSING_LADDER,
) -> pd.DataFrame:
    """Places, cost and dwellings needed by step of the ladder.

    Parameters
    ----------
    projection : DataFrame
        From `kostnadsvekst.municipal.projection.project`, with the steps as ``service``.
    dwellings : mapping of str to float, optional
        Places and dwellings that there are, by service. Default: as many as are used in the base year.
    steps : sequence of LadderStep

    Returns
    -------
    DataFrame
        ``municipality`` where given, ``alternative``, ``population_alternative``, ``year``, ``service``,
        ``step``, ``places``, ``cost_mnok``, ``dwellings`` and ``dwellings_needed`` (to build; negative where
        there are more than needed; missing for private homes).

    Raises
    ------
    InvalidDataError
        Services that are no step, dwellings that are negative or of no step; all at once.
    DataMissingError
        The projection has no services.

    Notes
    -----
    cost = places × unit cost; needed = places − dwellings. Stated unit costs: 1.2, 0.7, 0.2 and 0.2 NOK
    million. The source's own 16 municipalities have 0.569 on step 2, which contradicts its 0.7.
    """
    require_columns(
        ["service", "alternative", "population_alternative", "year", "places"], projection.columns
    )
    by_name = {one.service: one for one in steps}
    unknown = sorted(set(projection["service"]) - set(by_name))
    faults = [f"service {name!r} is no step of the ladder ({', '.join(by_name)})" for name in unknown]
    for name, value in (dwellings or {}).items():
        faults += [] if name in by_name else [f"dwellings of {name!r}: there is no such step"]
        faults += number_faults(f"dwellings of {name!r}", value, least=0)
    refuse("the housing ladder", faults)
    place = [name for name in ("municipality",) if name in projection]
    keys = [*place, "alternative", "population_alternative", "year", "service"]
    made = projection.groupby(keys, sort=False)["places"].sum().reset_index()
    made["step"] = made["service"].map({name: one.number for name, one in by_name.items()})
    made["cost_mnok"] = made["places"] * made["service"].map({n: one.cost_mnok for n, one in by_name.items()})
    base = made[made["year"] == made["year"].min()]
    alike = base.drop_duplicates([*place, "service"])[[*place, "service", "places"]]
    made = made.merge(alike.rename(columns={"places": "dwellings"}), on=[*place, "service"], how="left")
    given = made["service"].map(dict(dwellings or {})).astype(float)
    built = made["service"].map({name: one.dwelling for name, one in by_name.items()})
    made["dwellings"] = given.fillna(made["dwellings"]).where(built)
    made["dwellings_needed"] = made["places"] - made["dwellings"]
    order = [*keys[:-2], "year", "step"]
    made = made.sort_values(order, kind="stable").reset_index(drop=True)
    made.attrs = dict(projection.attrs)
    return made[[*keys, "step", "places", "cost_mnok", "dwellings", "dwellings_needed"]]
