"""What chapter 5 is made of: protected tables of the register, its claims, trends and growth."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from kostnadsvekst import register
from kostnadsvekst.analysis.claims.register import compute_claims
from kostnadsvekst.chapters import Settings
from kostnadsvekst.errors import DataMissingError, InvalidDataError
from kostnadsvekst.panel.age_groups import read_population
from kostnadsvekst.provenance import SYNTHETIC, Provenance
from kostnadsvekst.register.protected_growth import ProtectedGrowth
from kostnadsvekst.register.protected_municipality import ProtectedMunicipality
from kostnadsvekst.register.protected_tables import protect_register
from kostnadsvekst.register.schema import AGE_GROUPS, SERVICES
from kostnadsvekst.register.tables import RegisterTables
from kostnadsvekst.register.user_profiles import monthly_profile
from kostnadsvekst.register.weekly_series import Break
from kostnadsvekst.register.workspace import workspace
from kostnadsvekst.sources.embedded import embedded_path
from kostnadsvekst.sources.published import load_claims

START, END = "2017-01", "2020-12"
# Without the weeks of Christmas and New Year at either end.
_COMPARED = ("2017-01-09", "2020-12-14")
CONF_LEVEL = 0.95
# Where the report's numbers of one municipality end.
LAST_LOCAL_DAY = "2020-09-30"
GROWTH_COLUMNS = (
    "level_start",
    "level_end",
    "change_percent",
    "conf_low_percent",
    "conf_high_percent",
    "components_percent",
)
LOCKDOWN, SUMMER, NEW_YEAR_2019, MARCH_2019 = "2020-03-09", "2020-06-15", "2018-12-31", "2019-03-04"
_SHORT = (
    "respite_institution",
    "time_limited_other",
    "time_limited_rehabilitation",
    "time_limited_assessment",
)
# Level shifts that the text names: the lockdown, and the fall of services at home at the turn of 2018/2019.
# Users came back step by step.
_LOCKED_DOWN = register.ChangingShift(LOCKDOWN, SUMMER)
BREAKS: Mapping[str, tuple[Break, ...]] = {
    **dict.fromkeys(_SHORT, (_LOCKED_DOWN,)),
    "time_limited_other": (_LOCKED_DOWN, SUMMER),
    "home_health": (register.ChangingShift(NEW_YEAR_2019, MARCH_2019),),
}


@dataclass(frozen=True, slots=True)
class Material:
    """All that the chapter's tables and figures are made of; nothing in it is below the threshold."""

    tables: RegisterTables
    claims: pd.DataFrame
    trends: Mapping[str, pd.DataFrame]
    growth: pd.DataFrame
    told: ProtectedGrowth
    profile: pd.DataFrame
    largest: ProtectedMunicipality
    rules: Mapping[str, str]
    provenance: Provenance


def gather(settings: Settings) -> Material:
    """Protected tables of the user's register, or of a synthetic one of national size."""
    if settings.register is None:
        with workspace() as folder:
            raw = register.simulate_episodes(out=folder / "deliveries.parquet")
            episodes = folder / "episodes.parquet"
            register.ingest(raw, episodes)
            return _compute(episodes, embedded_path("synthetic/population_by_age_group_synthetic.csv"))
    if settings.population is None:
        raise DataMissingError(
            "a register of your own needs a population: give --population with year, age_group "
            f"({', '.join(AGE_GROUPS)}) and persons on 1 January 2017 to 2021"
        )
    return _compute(settings.register, settings.population)


def _compute(episodes: Path, population_file: Path) -> Material:
    shown = protect_register(episodes, read_population(population_file, AGE_GROUPS), START, END)
    claims = load_claims("kpr")
    claims["ours"] = compute_claims(shown.tables, claims)
    totals = {service: shown.tables.users((service,)) for service in SERVICES}
    trends = {
        service: register.trend(series, BREAKS.get(service, ()), level=CONF_LEVEL)
        for service, series in totals.items()
        if series.notna().all()
    }
    return Material(
        tables=shown.tables,
        claims=claims,
        trends=trends,
        growth=growth_of_totals(totals),
        told=shown.growth,
        profile=monthly_profile(shown.tables),
        largest=shown.largest,
        rules=shown.rules,
        provenance=Provenance(SYNTHETIC if shown.origin == SYNTHETIC else "KPR register of the user"),
    )


def growth_of_totals(totals: Mapping[str, pd.Series]) -> pd.DataFrame:
    """Growth of each service without season, and the check by unobserved components.

    A service whose level may be zero at the start has a row without numbers.
    """
    rows = {}
    for service, series in totals.items():
        if series.isna().any():
            continue
        breaks = BREAKS.get(service, ())
        try:
            found = register.growth(series, *_COMPARED, breaks, level=CONF_LEVEL)
        except InvalidDataError:  # so few users that the level may be zero: no growth in per cent
            rows[service] = pd.Series(dtype=float)
            continue
        check = register.components_check(series, breaks, start=_COMPARED[0], end=_COMPARED[1]).iloc[-1]
        found["components_percent"] = 100 * check["components"] / found["level_start"]
        rows[service] = found
    return pd.DataFrame(rows).T.reindex(columns=GROWTH_COLUMNS)
