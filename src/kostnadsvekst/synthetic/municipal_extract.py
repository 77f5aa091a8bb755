"""An invented extract of municipal care: all municipalities and years with users, places, costs and need."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.provenance import SYNTHETIC, Provenance

# Group, service, own or bought; mean per 1000 inhabitants of users, of places, and of man-years; the function
# of the accounts (empty: counts only).
_CELLS = (
    ("pu_children", "unique_users", "all", 2.0, 0.0, 0.0, ""),
    ("pu_children", "children_home", "own", 0.4, 0.4, 0.9, "housing"),
    ("pu_children", "respite_institution", "own", 0.8, 0.0, 0.5, "home"),
    ("pu_children", "respite_private", "bought", 0.3, 0.0, 0.0, "home"),
    ("pu_children", "support_contact", "own", 0.9, 0.0, 0.1, "home"),
    ("pu_children", "care_allowance", "own", 0.6, 0.0, 0.1, "home"),
    ("pu_adults", "unique_users", "all", 5.5, 0.0, 0.0, ""),
    ("pu_adults", "housing", "own", 3.3, 3.5, 4.6, "housing"),
    ("pu_adults", "housing", "bought", 0.4, 0.4, 0.0, "housing"),
    ("pu_adults", "activity_work", "own", 3.2, 0.0, 1.1, "234"),
    ("pu_adults", "home_nursing", "own", 0.7, 0.0, 0.4, "home"),
    ("pu_adults", "practical_assistance", "own", 0.6, 0.0, 0.2, "home"),
    ("pu_adults", "support_contact", "own", 1.9, 0.0, 0.1, "home"),
    ("pu_adults", "personal_assistance", "own", 0.2, 0.0, 0.4, "home"),
    ("pu_adults", "personal_assistance", "bought", 0.2, 0.0, 0.0, "home"),
    ("mh_children", "unique_users", "all", 3.0, 0.0, 0.0, ""),
    ("mh_children", "psychosocial", "own", 2.1, 0.0, 0.4, "home"),
    ("mh_children", "support_contact", "own", 0.6, 0.0, 0.1, "home"),
    ("mh_children", "respite_private", "bought", 0.3, 0.0, 0.0, "home"),
    ("mh_adults", "unique_users", "all", 9.0, 0.0, 0.0, ""),
    ("mh_adults", "housing", "own", 1.3, 1.4, 1.6, "housing"),
    ("mh_adults", "housing", "bought", 0.3, 0.3, 0.0, "housing"),
    ("mh_adults", "psychosocial", "own", 3.3, 0.0, 0.5, "home"),
    ("mh_adults", "home_nursing", "own", 2.2, 0.0, 0.6, "home"),
    ("mh_adults", "ambulant_support", "own", 1.6, 0.0, 0.4, "home"),
    ("mh_adults", "activity_work", "own", 1.4, 0.0, 0.3, "234"),
    ("elderly_institution", "nursing_home", "own", 7.4, 0.0, 0.0, "253"),
    ("elderly_institution", "nursing_home", "bought", 0.8, 0.0, 0.0, "253"),
    ("elderly_institution", "long_term_ordinary", "own", 0.0, 4.1, 4.2, ""),
    ("elderly_institution", "long_term_ordinary", "bought", 0.0, 0.5, 0.0, ""),
    ("elderly_institution", "long_term_dementia", "own", 0.0, 1.3, 1.6, ""),
    ("elderly_institution", "short_term_ordinary", "own", 0.0, 1.0, 1.1, ""),
    ("elderly_institution", "short_term_rehabilitation", "own", 0.0, 0.3, 0.4, ""),
    ("elderly_institution", "acute_beds", "own", 0.0, 0.1, 0.2, "256"),
    ("elderly_housing", "unique_users", "all", 2.8, 0.0, 0.0, ""),
    ("elderly_housing", "housing", "own", 2.2, 2.6, 2.4, "housing"),
    ("elderly_home", "unique_users", "all", 30.0, 0.0, 0.0, ""),
    ("elderly_home", "home_nursing", "own", 20.0, 0.0, 2.4, "home"),
    ("elderly_home", "practical_assistance", "own", 16.0, 0.0, 0.7, "home"),
    ("elderly_home", "personal_assistance", "own", 0.2, 0.0, 0.3, "home"),
    ("elderly_home", "personal_assistance", "bought", 0.2, 0.0, 0.0, "home"),
    ("elderly_home", "meals", "own", 6.0, 0.0, 0.1, "home"),
    ("elderly_home", "safety_alarm", "own", 15.0, 0.0, 0.1, "home"),
    ("elderly_home", "electronic_medication", "own", 3.0, 0.0, 0.0, "home"),
)
_TEMPLATE = pd.DataFrame(
    _CELLS, columns=["group", "service", "provision", "users", "places", "fte", "function"]
)
# Function 254 ended with 2023.
_HOUSING, _HOME, _LAST_OF_254 = "257", "258", 2023
_KR_PER_MAN_YEAR = 900_000.0
_SECTIONS = ("population", "counts", "accounts")


@dataclass(frozen=True, slots=True)
class MadeUpExtract:
    """An extract in which every number is made up.

    Attributes
    ----------
    population, counts, accounts : DataFrame
        With the columns of the sheets of a book of user groups, groups and services by their codes.
    """

    population: pd.DataFrame
    counts: pd.DataFrame
    accounts: pd.DataFrame

    def tables(self) -> Mapping[str, pd.DataFrame]:
        """Return the three by name."""
        return {name: getattr(self, name) for name in _SECTIONS}


def make_extract(
    municipalities: int = 356, years: int = 20, *, last_year: int = 2024, seed: int = 1
) -> MadeUpExtract:
    """Make up an extract of user groups: every measure of the profile has rows in it.

    Parameters
    ----------
    municipalities, years : int
        How many; each municipality has every year. They are called ``"Oppdiktet 001"`` and so on.
    last_year : int
    seed : int

    Returns
    -------
    MadeUpExtract
        About 44 rows of counts and 34 of accounts for each municipality and year.

    Raises
    ------
    SpecificationError
        Numbers below one.
    """
    if municipalities < 1 or years < 1:
        raise SpecificationError(f"municipalities={municipalities}, years={years}: at least one of each")
    rng = np.random.default_rng(seed)
    people = _people(rng, municipalities, range(last_year - years + 1, last_year + 1))
    counts, accounts = _cells(rng, people)
    made = MadeUpExtract(people, counts, accounts)
    for table in made.tables().values():
        table["source"] = "oppdiktet"
        table.attrs["provenance"] = Provenance(SYNTHETIC).to_attrs()
    return made


def _people(rng: Generator, municipalities: int, years: range) -> pd.DataFrame:
    """Inhabitants from a thousand to some hundred thousands, growing by a per cent a year at most."""
    size = np.exp(rng.normal(8.7, 1.1, municipalities)).clip(900, 700_000)
    growth = rng.uniform(-0.005, 0.01, municipalities)
    whole = size[:, None] * (1.0 + growth[:, None]) ** np.arange(len(years))
    shares = [rng.uniform(low, high, (municipalities, 1)) for low, high in ((0.18, 0.24), (0.55, 0.64))]
    aged = rng.uniform(0.04, 0.08, (municipalities, 1))
    need = rng.uniform(0.85, 1.2, (municipalities, 1)) + rng.normal(0.0, 0.01, whole.shape)
    pu = rng.uniform(0.6, 1.5, (municipalities, 1)) + 0.0 * whole
    names = np.array([f"Oppdiktet {k:03d}" for k in range(1, municipalities + 1)], dtype=object)
    return pd.DataFrame(
        {
            "municipality": np.repeat(names, len(years)),
            "year": np.tile(np.asarray(years), municipalities),
            "population": _whole(whole),
            "population_0_17": _whole(whole * shares[0]),
            "population_18_67": _whole(whole * shares[1]),
            "population_80_plus": _whole(whole * aged),
            "need_index": need.ravel().round(4),
            "pu_index": pu.ravel().round(4),
        }
    )


def _whole(numbers: NDArray[np.float64]) -> NDArray[np.int64]:
    return numbers.ravel().round().astype(np.int64)


def _cells(rng: Generator, people: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw counts and accounts of all municipalities and years."""
    n, k = len(people), len(_TEMPLATE)
    at = np.repeat(np.arange(n), k)
    rows = pd.concat(
        [
            people[["municipality", "year"]].iloc[at].reset_index(drop=True),
            pd.concat([_TEMPLATE] * n, ignore_index=True),
        ],
        axis=1,
    )
    thousands = people["population"].to_numpy()[at] / 1000.0
    for name in ("users", "places"):
        rows[name] = _drawn(rng, rows[name].to_numpy() * thousands, rows[name].to_numpy() > 0)
    expected = rows["fte"].to_numpy() * thousands
    rows["units"] = np.where(rows["places"].notna(), np.ceil(rows["places"] / 12).clip(lower=1), np.nan)
    rows["fte"] = np.where(expected > 0, (expected * rng.uniform(0.7, 1.3, len(rows))).round(2), np.nan)
    rows = _unique_users_hold(rows)
    accounts = _spent(rng, rows, expected + 0.3 * thousands)
    return rows.drop(columns="function"), accounts


def _drawn(rng: Generator, mean: NDArray[np.float64], told: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.where(told, rng.poisson(mean).astype(float), np.nan)


def _unique_users_hold(rows: pd.DataFrame) -> pd.DataFrame:
    """Keep persons between the users of any one service and those of all together."""
    groups, services = (_TEMPLATE[name].to_numpy() for name in ("group", "service"))
    users = rows["users"].to_numpy().reshape(-1, len(_TEMPLATE)).copy()
    for at in np.flatnonzero(services == "unique_users"):
        inside = (groups == groups[at]) & (services != "unique_users")
        each = [
            np.nansum(users[:, inside & (services == name)], axis=1) for name in np.unique(services[inside])
        ]
        users[:, at] = users[:, at].clip(np.max(each, axis=0), np.sum(each, axis=0))
    return rows.assign(users=users.ravel())


def _spent(rng: Generator, rows: pd.DataFrame, size: NDArray[np.float64]) -> pd.DataFrame:
    costs = rows["function"].ne("").to_numpy()
    inside = rows.loc[costs, ["municipality", "year", "group", "service", "provision", "function"]]
    new = inside["year"] > _LAST_OF_254
    function = inside["function"].mask(inside["function"].eq("housing"), np.where(new, _HOUSING, "254"))
    function = function.mask(function.eq("home"), np.where(new, _HOME, "254"))
    gross = (size[costs] * _KR_PER_MAN_YEAR * rng.uniform(0.7, 1.3, costs.sum())).round(2)
    share = np.where(inside["group"].str.startswith("pu"), rng.uniform(0.0, 0.4, len(inside)), 0.0)
    return inside.assign(function=function, gross_kr=gross, refund_kr=(gross * share).round(2)).reset_index(
        drop=True
    )
