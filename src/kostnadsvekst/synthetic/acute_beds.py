"""Synthetic monthly panel of hospital contacts and municipal acute beds (ØHD), with known truth.

No municipality of Norway is in it: names are numbers, and sizes, rates and adoption are drawn. What was
taken from the report is the frame (425 municipalities, 2010-2017, the number with access on 31.12.2017)
and the two printed estimates that the effect path is calibrated to.

Equations, for municipality i, month t = 0 ... 95 and base cell c (24 cells: age × department × contact ×
urgency):

1. population_i = exp(8.45 + 1.25 z_i), clipped to 220 ... 650,000, growing by 0.35 z_i + N(0, 0.9^2) % a
   year. Age shares, nursing-home places and GPs step once a year, by N(0, 0.03^2) in logs. None of them has
   a common trend: in a model with calendar months only it would stand for time, and take up the effect's
   growth.
2. Adoption: first months follow the cumulative path `adoption_path` (8 from before 2010, the health centres
   with beds in Finnmark; none new before July 2012; the printed 416 of 425 at the end); the rest never.
   Who adopts when is drawn, larger municipalities a little earlier.
3. A physician is on site in five of nine adopters (`physician_on_site`), half are co-located with an
   emergency clinic (`co_located`), independently. The distance to hospital is
   exp(3.4 - 0.35 z_i + 0.7 N(0, 1)) km, fixed, and enters nowhere: its own random numbers leave all others
   as they are.
4. Effect on the log rate at exposure e = 0, 1, ... months:
   d_it = -m_i (level + growth min(e, 48) / 12), m_i = 1.8 with a physician on site and 0 without, so that
   the mean of m_i is 1; times 1 for acute admissions to internal medicine at 80+, 0.5 for the same under
   80, 0 for all other cells: none on elective and surgical contacts.
5. log mu_ict = log(persons of the age group / 12) + log rate_c + a_ic + season_c(month of year) + shock_ct
   - 0.05 log nursing-home places per 1000 of 80+ - 0.03 log GPs per 1000 + 0.1 log share 80+
   + d_it + v_ict, with v an AR(1) process, v_t = 0.5 v_{t-1} + 0.05 N(0, 1), a_ic ~ N(0, 0.12^2) and
   shock_ct ~ N(0, 0.004^2). There is no trend beside those of the regressors.
6. Counts are Poisson(mu), so small municipalities have months without a contact.

Targets: the report's model (municipality effects, calendar months, log counts) for acute admissions to
internal medicine at 80+ prints the report's estimates on 2010-2014 and 2010-2017 (section 6.2). `level`
and `growth` are found by `kostnadsvekst.analysis.acute_beds.effect_path` for the default seed; other seeds
have the same truth and print what their noise gives.

Expected biases: the static estimate of the report's model averages over the exposures seen so far. With an
effect for every month (two-way fixed effects) late adopters are compared with early ones whose effect still
grows, and the estimate is much too small. Logs drop months without a contact, which happen more often under
treatment, and pull the estimate towards zero as well; Poisson regression does not.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import pdtr

from kostnadsvekst.provenance import SYNTHETIC, Provenance
from kostnadsvekst.sources.published import printed_value

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

AGES = ("under80", "80plus")
DEPARTMENTS = ("internal", "surgery")
CONTACTS = ("admissions", "day_stays", "outpatient")
URGENCIES = ("elective", "acute")

FIRST_MONTH, LAST_MONTH = "2010-01", "2017-12"
DEFAULT_SEED = 2013
# Municipalities with access at the end of the month, between which the path is linear; the last point is
# the printed number.
_LAST_PRINTED = "2017-12"
_ADOPTION = (
    ("2010-01", 8),
    ("2012-06", 8),
    ("2012-07", 24),
    ("2012-12", 78),
    ("2013-12", 168),
    ("2014-12", 252),
    ("2015-12", 338),
    ("2016-01", 404),
    ("2016-12", 412),
)
# First month of those that had beds before the panel begins.
ALWAYS = "2004-01"
EFFECT_SHARES = {
    "admissions_acute_internal_80plus": 1.0,
    "admissions_acute_internal_under80": 0.5,
}
# Contacts per person and year: age under 80, age 80+.
RATES = {
    ("admissions", "elective", "internal"): (0.012, 0.040),
    ("admissions", "acute", "internal"): (0.040, 0.420),
    ("admissions", "elective", "surgery"): (0.028, 0.070),
    ("admissions", "acute", "surgery"): (0.030, 0.120),
    ("day_stays", "elective", "internal"): (0.030, 0.110),
    ("day_stays", "acute", "internal"): (0.004, 0.012),
    ("day_stays", "elective", "surgery"): (0.038, 0.090),
    ("day_stays", "acute", "surgery"): (0.003, 0.006),
    ("outpatient", "elective", "internal"): (0.320, 0.850),
    ("outpatient", "acute", "internal"): (0.025, 0.060),
    ("outpatient", "elective", "surgery"): (0.420, 0.900),
    ("outpatient", "acute", "surgery"): (0.050, 0.080),
}
CELLS = tuple(
    f"{contact}_{urgency}_{department}_{age}"
    for contact, urgency, department, age in product(CONTACTS, URGENCIES, DEPARTMENTS, AGES)
)


@dataclass(frozen=True, slots=True)
class EffectPath:
    """Fall in the log rate: ``level`` at once, ``growth`` more for each year of exposure, for four years."""

    level: float = 0.0039
    growth: float = 0.0248
    cap_months: int = 48

    def log_effect(self, exposure: Floats) -> Floats:
        """Effect at months of exposure; zero where exposure is negative."""
        size = self.level + self.growth * np.minimum(exposure, self.cap_months) / 12
        return np.where(exposure >= 0, -size, 0.0)


@dataclass(frozen=True)
class SyntheticAcuteBeds:
    """A synthetic panel with its truth.

    Attributes
    ----------
    panel : DataFrame
        One row for each municipality and month.
    log_effects : (N, T) array
        True effect on the log rate of acute admissions to internal medicine at 80+.
    path : EffectPath
    """

    panel: pd.DataFrame
    log_effects: Floats = field(repr=False)
    path: EffectPath

    @cached_property
    def treated(self) -> NDArray[np.bool_]:
        """(N, T) whether a municipality has acute beds in a month."""
        shape = self.log_effects.shape
        first = self.panel["first_month"].fillna("9999-12").to_numpy(dtype=str).reshape(shape)
        return np.asarray(self.panel["month"].to_numpy(dtype=str).reshape(shape) >= first)


def simulate(
    seed: int = DEFAULT_SEED,
    path: EffectPath | None = None,
    n_municipalities: int | None = None,
    cells: Sequence[str] = CELLS,
) -> SyntheticAcuteBeds:
    """Draw a synthetic panel; equations, truth and targets stand in the module's docstring.

    Parameters
    ----------
    seed : int
    path : EffectPath, optional
        Another truth, such as ``EffectPath(0, 0)`` for none.
    n_municipalities : int, optional
        The adoption path is scaled to it; without it as many as the report has.
    cells : sequence of str
        Base cells to draw; with fewer of them the others' random numbers change.

    Returns
    -------
    SyntheticAcuteBeds
    """
    path = path or EffectPath()
    n_municipalities = n_municipalities or municipalities_of_the_report()
    rng = np.random.default_rng(seed)
    months = pd.period_range(FIRST_MONTH, LAST_MONTH, freq="M")
    people = _draw_people(rng, n_municipalities, len(months))
    first = _draw_adoption(rng, people["population"][:, 0], months)
    traits = _draw_traits(rng, first)
    exposure = (np.arange(len(months)) - first[:, None]).astype(np.float64)
    log_effects = path.log_effect(exposure) * traits["multiplier"][:, None]
    counts = _draw_counts(rng, people, months, log_effects, cells)
    traits["distance_to_hospital_km"] = _draw_distance(seed, people["population"][:, 0])
    panel = _assemble(people, first, traits, counts, months)
    return SyntheticAcuteBeds(panel, log_effects, path)


def municipalities_of_the_report() -> int:
    """Return the number of municipalities that section 6.2 prints."""
    return int(printed_value("municipalities"))


def adoption_path() -> tuple[tuple[str, int], ...]:
    """Return months and numbers of municipalities with access at their end, the last of them printed."""
    return (*_ADOPTION, (_LAST_PRINTED, int(printed_value(f"adopters:{_LAST_PRINTED}"))))


def _draw_people(rng: np.random.Generator, n: int, n_months: int) -> dict[str, Floats]:
    size = np.sort(rng.normal(size=n))[::-1]
    start = np.clip(np.exp(8.45 + 1.25 * size), 220, 650_000)
    growth = (0.35 * size + 0.9 * rng.normal(size=n)) / 1200
    time = np.arange(n_months)
    population = np.round(start[:, None] * np.exp(growth[:, None] * time))
    older = (5.4 - 0.8 * size + 0.6 * rng.normal(size=n)).clip(2.2, 11)
    share_80 = older[:, None] * np.exp(0.03 * _walk(rng, n, n_months))
    share_67 = (10.0 - 0.9 * size + 0.8 * rng.normal(size=n)).clip(5, 17)[:, None] * np.exp(
        0.03 * _walk(rng, n, n_months)
    )
    places = (170 - 12 * size + 25 * rng.normal(size=n)).clip(90, 320)[:, None] * np.exp(
        0.03 * _walk(rng, n, n_months)
    )
    doctors = (0.85 - 0.06 * size + 0.12 * rng.normal(size=n)).clip(0.5, 2.2)[:, None] * np.exp(
        0.03 * _walk(rng, n, n_months)
    )
    return {
        "population": population,
        "share_67_79_percent": share_67,
        "share_80_plus_percent": share_80,
        "nursing_home_places_per_1000_80plus": places,
        "gps_per_1000": doctors,
    }


def _walk(rng: np.random.Generator, n: int, n_months: int) -> Floats:
    """Random walk that steps once a year, as annual statistics do; (n, n_months)."""
    steps = rng.normal(size=(n, n_months // 12 + 1)).cumsum(axis=1)
    return np.repeat(steps, 12, axis=1)[:, :n_months]


def _draw_adoption(rng: np.random.Generator, population: Floats, months: pd.PeriodIndex) -> Ints:
    """First treated month of each municipality as a number from 0; past the end for never."""
    points = adoption_path()
    anchors = [months.get_loc(month) for month, _ in points]
    scale = len(population) / municipalities_of_the_report()
    path = np.interp(np.arange(len(months)), anchors, [count * scale for _, count in points])
    cumulative = np.floor(path + 0.5).astype(np.intp)
    always = cumulative[0]
    score = rng.normal(size=len(population)) - 0.25 * np.log(population)
    small = np.argsort(np.abs(np.log(population) - np.log(2500)) + rng.exponential(1.0, len(population)))
    first = np.full(len(population), len(months) + 12_000, dtype=np.intp)
    first[small[:always]] = months.freq.n * (pd.Period(ALWAYS, "M") - months[0]).n
    queue = [i for i in np.argsort(score) if i not in set(small[:always])]
    new = np.diff(cumulative, prepend=always)
    first[queue[: int(new.sum())]] = np.repeat(np.arange(len(months)), new)
    return first


def _draw_traits(rng: np.random.Generator, first: Ints) -> dict[str, Floats]:
    adopts = first < 10_000
    physician = _deal(rng, np.flatnonzero(adopts), 5 / 9, len(first))
    co_located = _deal(rng, np.flatnonzero(adopts), 1 / 2, len(first))
    return {
        "physician_on_site": physician,
        "co_located": co_located,
        "multiplier": np.where(adopts, 1.8 * np.nan_to_num(physician), 0.0),
    }


def _draw_distance(seed: int, population: Floats) -> Floats:
    """Kilometres to the nearest hospital, longer for small municipalities."""
    rng = np.random.default_rng([seed, 1])
    size = (np.log(population) - 8.45) / 1.25
    distance: Floats = np.exp(3.4 - 0.35 * size + 0.7 * rng.normal(size=len(population))).round(1)
    return distance


def _deal(rng: np.random.Generator, members: Ints, share: float, n: int) -> Floats:
    """Ones for a share of the members, zeros for the rest, NaN for all others."""
    dealt = np.full(n, np.nan)
    dealt[members] = 0.0
    dealt[rng.permutation(members)[: round(share * len(members))]] = 1.0
    return dealt


def _draw_counts(
    rng: np.random.Generator,
    people: dict[str, Floats],
    months: pd.PeriodIndex,
    log_effects: Floats,
    cells: Sequence[str],
) -> dict[str, Ints]:
    n, n_months = log_effects.shape
    older = people["population"] * people["share_80_plus_percent"] / 100
    persons = {"80plus": older, "under80": people["population"] - older}
    need = (
        -0.05 * np.log(people["nursing_home_places_per_1000_80plus"])
        - 0.03 * np.log(people["gps_per_1000"])
        + 0.10 * np.log(people["share_80_plus_percent"])
    )
    need -= need.mean()
    counts = {}
    for cell in cells:
        contact, urgency, department, age = _parts(cell)
        rate = RATES[contact, urgency, department][AGES.index(age)]
        level = np.log(persons[age] / 12 * rate) + need + 0.12 * rng.normal(size=(n, 1))
        noise = _seasons(rng, months, urgency, age) + 0.05 * _ar1(rng, n, n_months, 0.5)
        mean = np.exp(level + noise + EFFECT_SHARES.get(cell, 0.0) * log_effects)
        uniform = rng.random((n, n_months)) if cell in EFFECT_SHARES else None
        counts[cell] = rng.poisson(mean) if uniform is None else _poisson_quantile(uniform, mean)
    return counts


def _parts(cell: str) -> list[str]:
    contact = next(c for c in CONTACTS if cell.startswith(c))
    return [contact, *cell.removeprefix(contact + "_").split("_")]


def _seasons(rng: np.random.Generator, months: pd.PeriodIndex, urgency: str, age: str) -> Floats:
    """Seasonality and common shocks of a cell, (T,): acute care peaks in winter, elective dips in July."""
    month = months.month.to_numpy()
    if urgency == "acute":
        season = (0.10 if age == "80plus" else 0.05) * np.cos(2 * np.pi * (month - 1) / 12)
    else:
        season = np.where(month == 7, -0.45, np.where(month == 12, -0.15, 0.02))
    total: Floats = season + 0.004 * rng.normal(size=len(months))
    return total


def _ar1(rng: np.random.Generator, n: int, n_months: int, rho: float) -> Floats:
    values = rng.normal(size=(n, n_months))
    values[:, 0] /= np.sqrt(1 - rho**2)
    for t in range(1, n_months):
        values[:, t] += rho * values[:, t - 1]
    return values


def _poisson_quantile(uniform: Floats, mean: Floats) -> Ints:
    """Smallest k with P(Poisson(mean) <= k) >= uniform.

    One uniform number a cell makes the counts of two effect paths comparable: a smaller mean never gives
    a larger count.
    """
    count: Floats = np.floor(mean + np.sqrt(mean) * np.sqrt(2) * _erfinv(2 * uniform - 1)).clip(0)
    for _ in range(10_000):
        high = (count > 0) & (pdtr(count - 1, mean) >= uniform)
        low = pdtr(count, mean) < uniform
        if not (high.any() or low.any()):
            break
        count += low.astype(float) - (high & ~low)
    return count.astype(np.intp)


def _erfinv(x: Floats) -> Floats:
    from scipy.special import erfinv

    inverse: Floats = erfinv(np.clip(x, -1 + 1e-15, 1 - 1e-15))
    return inverse


def _assemble(
    people: dict[str, Floats],
    first: Ints,
    traits: dict[str, Floats],
    counts: dict[str, Ints],
    months: pd.PeriodIndex,
) -> pd.DataFrame:
    n, n_months = people["population"].shape
    names = np.array([f"S{i + 1:03d}" for i in range(n)], dtype=object)
    first_month = np.array([_month_name(months, int(f)) for f in first], dtype=object)
    columns: dict[str, object] = {
        "municipality": np.repeat(names, n_months),
        "month": np.tile(months.astype(str).to_numpy(dtype=object), n),
        "first_month": np.repeat(first_month, n_months),
        "physician_on_site": np.repeat(traits["physician_on_site"], n_months),
        "co_located": np.repeat(traits["co_located"], n_months),
        "distance_to_hospital_km": np.repeat(traits["distance_to_hospital_km"], n_months),
    }
    columns |= {name: grid.ravel() for name, grid in people.items()}
    columns |= {name: grid.ravel() for name, grid in counts.items()}
    panel = pd.DataFrame({**columns, "data_origin": SYNTHETIC})
    panel["population"] = panel["population"].astype("int64")
    panel.attrs["provenance"] = Provenance(SYNTHETIC).to_attrs()
    return panel


def _month_name(months: pd.PeriodIndex, number: int) -> str | None:
    return None if number >= len(months) else str(months[0] + number)
