"""From episodes to all that may be shown of them, in one call: no count of persons in between leaves it."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from kostnadsvekst.provenance import SYNTHETIC, provenance_of
from kostnadsvekst.register.episodes import Episodes, open_episodes
from kostnadsvekst.register.literal_paths import parquet_labels
from kostnadsvekst.register.masking import masked
from kostnadsvekst.register.protected_cube import protect_cube
from kostnadsvekst.register.protected_growth import ProtectedGrowth, protected_growth
from kostnadsvekst.register.protected_municipality import ProtectedMunicipality, protect_largest
from kostnadsvekst.register.tables import RegisterTables
from kostnadsvekst.register.weekly import weekly_cube, yearly_users

REGISTER = "register"
# Shown of the largest municipality.
LOCAL_SERVICES = ("home_health", "practical_training")
_DISCLOSURE = (
    "fewer than 5 persons: suppressed, and what reveals them; sums of hours in multiples of 336, sums of "
    "ages in multiples of twice the width of the age group"
)


@dataclass(frozen=True, slots=True)
class ProtectedRegister:
    """What may be shown of a register; nothing in it is below the threshold.

    Attributes
    ----------
    tables : RegisterTables
        Protected weekly and yearly tables.
    growth : ProtectedGrowth
        Growth between the two months by age, computed from the weekly table.
    largest : ProtectedMunicipality
        The largest municipality's weekly table of `LOCAL_SERVICES`, protected beside the country's.
    rules : mapping of str to str
        Counting rules in words, and the rule of disclosure.
    origin : str
        ``"synthetic"`` if any episode file says so; otherwise ``"register"``, or what a frame knows.
    """

    tables: RegisterTables
    growth: ProtectedGrowth
    largest: ProtectedMunicipality
    rules: Mapping[str, str]
    origin: str


@masked
def protect_register(episodes: Episodes, population: pd.DataFrame, start: str, end: str) -> ProtectedRegister:
    """Count a register, protect the tables and tell the growth between two months.

    Parameters
    ----------
    episodes : DataFrame, path, or sequence of paths
        As `weekly_cube`.
    population : DataFrame
        ``year``, ``age_group``, ``persons`` on 1 January.
    start, end : str
        ``"YYYY-MM"``: the months compared.

    Returns
    -------
    ProtectedRegister

    Raises
    ------
    DataMissingError
        No such file, a population without a year or an age group, or nobody who uses a service.
    InvalidDataError
        Unusable episodes.
    """
    cube, years = weekly_cube(episodes), yearly_users(episodes)
    weekly = protect_cube(cube, beside=years)
    return ProtectedRegister(
        tables=RegisterTables(weekly, protect_cube(years, beside=cube)),
        growth=protected_growth(weekly, population, start, end),
        largest=protect_largest(episodes, cube, years, LOCAL_SERVICES),
        rules=cube.attrs["rules"] | {"disclosure": _DISCLOSURE},
        origin=read_origin(episodes),
    )


@masked
def read_origin(episodes: Episodes) -> str:
    """Origin that episodes carry with them.

    Parameters
    ----------
    episodes : DataFrame, path, or sequence of paths

    Returns
    -------
    str
        See `ProtectedRegister`. One synthetic file makes the whole synthetic.
    """
    if isinstance(episodes, pd.DataFrame):
        return provenance_of(episodes).origin
    labels = [parquet_labels(path) for path in open_episodes(episodes).files]
    return SYNTHETIC if any(label.get(b"origin") == SYNTHETIC.encode() for label in labels) else REGISTER
