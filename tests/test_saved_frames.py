"""Every frame that the package hands out can be saved, with its origin, and read back."""

import inspect
import io
import json
import pickle
import types
import warnings
from functools import cache

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import kostnadsvekst as kv
from conftest import ROOT
from fake_country import CHANGES, CODES, country
from fake_statbank import FakeStatBank, running
from kostnadsvekst.errors import DataWarning
from kostnadsvekst.models.fixed_effects import Estimate
from kostnadsvekst.municipal import protection
from kostnadsvekst.municipal import user_groups as groups
from kostnadsvekst.panel.raw import RawData, read_raw
from kostnadsvekst.provenance import Provenance, provenance_of
from kostnadsvekst.sources.statbank import fetch
from kostnadsvekst.sources.transport import Policy
from kostnadsvekst.synthetic.municipal_extract import make_extract
from municipal_books import made_book
from municipal_projections import made_up_record
from register_cubes import cube_of, lasting

WEEKS = pd.date_range("2017-01-02", "2020-12-28", freq="7D")


@cache
def panel() -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return kv.load_panel()


@cache
def estimated() -> Estimate:
    return kv.estimate(kv.SPECIFICATIONS["A3-3"], panel())


@cache
def months() -> pd.DataFrame:
    return kv.acute_beds.load_panel()


@cache
def study(**options: str) -> kv.staggered.EventStudy:
    rng = np.random.default_rng(2)
    unit, year = np.repeat(np.arange(30), 8), np.tile(np.arange(2010, 2018), 30)
    first = np.where(unit % 3 == 0, 0, 2012 + unit % 3 * 2)
    y = (first > 0) * (year >= first) + unit / 10 + rng.normal(size=240)
    data = pd.DataFrame({"unit": unit, "year": year, "first": first, "y": y})
    return kv.staggered.event_study(data, *ADOPTION, **options)


ADOPTION = ("y", "unit", "year", "first")


@cache
def adoption() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    unit, year = np.repeat(np.arange(30), 8), np.tile(np.arange(2010, 2018), 30)
    first = np.where(unit % 3 == 0, 0, 2012 + unit % 3 * 2)
    data = pd.DataFrame({"unit": unit, "year": year, "first": first, "y": rng.normal(size=240)})
    data.attrs["provenance"] = Provenance("synthetic").to_attrs()
    return data


@cache
def cube() -> pd.DataFrame:
    levels = [
        (service, week, [40 + i // 8, 3, 60, 80, 100 - i // 9])
        for service in ("home_health", "practical_bpa")
        for i, week in enumerate(WEEKS)
    ]
    return cube_of(levels)


@cache
def episodes() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    start = pd.Timestamp("2017-02-01") + pd.to_timedelta(rng.integers(0, 900, 400), unit="D")
    return pd.DataFrame(
        {
            "person_id": np.arange(400),
            "birth_year": rng.integers(1930, 2000, 400),
            "sex": rng.integers(1, 3, 400),
            "municipality": "0301",
            "service": "home_health",
            "start_date": start,
            "end_date": start + pd.Timedelta(days=200),
            "hours_per_week": 2.0,
        }
    )


def users() -> pd.Series:
    wave = 1000 + np.arange(len(WEEKS)) + 20 * np.sin(np.arange(len(WEEKS)) / 8)
    noise = np.random.default_rng(1).normal(0, 3, len(WEEKS))
    return pd.Series(wave + noise, index=WEEKS, name="users")


@cache
def account() -> pd.DataFrame:
    spent = pd.DataFrame({"a": [1000.0, 1100.0], "b": [500.0, 1100.0]}, index=[2015, 2016])
    return kv.growth.account(spent, {2015: 1.0, 2016: 1.1}, {2015: 100, 2016: 125})


def by_group() -> pd.DataFrame:
    grouped = panel().assign(kostra_group=panel()["municipality"].str[-1])
    return kv.growth.by_group(grouped, 2015, 2019)


def fetched() -> pd.DataFrame:
    with running(FakeStatBank()) as bank:
        selection = dict.fromkeys(
            ("KOKkommuneregion0000", "KOKfunksjon0000", "KOKart0000", "ContentsCode", "Tid"), "*"
        )
        return fetch("12362", selection, base_url=bank.url, cache=None, policy=Policy(timeout=5.0))


def built() -> pd.DataFrame:
    data = read_raw(country())
    return kv.build_panel(RawData(data.values, data.provenance, CHANGES, CODES))


def ingested() -> pd.DataFrame:
    return kv.register.IngestReport("out", 10, 7, {"a": 3}, {"b": 2}).to_frame()


def crossed() -> pd.DataFrame:
    cells = [[9, 3, 12], [2, 8, 10], [11, 11, 22]]
    return pd.DataFrame(cells, index=["a", "b", "all"], columns=["x", "y", "all"])


@cache
def printed() -> kv.consistency.PrintedReport:
    return kv.consistency.read_report(ROOT / "docs" / "examples" / "consistency" / "report.toml")


@cache
def extract() -> kv.municipal.extracts.MunicipalExtract:
    return kv.municipal.extracts.read_extract(make_extract(2, 1).tables())


def care_hours() -> kv.municipal.unit_costs.Hours:
    return kv.municipal.unit_costs.Hours(400, 380, 15, 0.08, 3, 2, 10)


def effort_ladder() -> pd.DataFrame:
    steps = kv.municipal.effort_ladder.edition("calculator").assign(recipients=50, total_mnok=1.5)
    return kv.municipal.effort_ladder.ladder(steps)


# Public name -> a frame of it. Answers over the network have the frames of those that read the answers.
FRAMES = {
    "kv.load_panel": panel,
    "kv.build_panel": built,
    "kv.load_cells": lambda: kv.load_cells("A1", "A2"),
    "kv.Estimate.coefficients": lambda: estimated().coefficients,
    "kv.Estimate.covariance": lambda: estimated().covariance,
    "kv.Estimate.data": lambda: estimated().data,
    "kv.estimate_ar1.coefficients": lambda: (
        kv.estimate_ar1(kv.SPECIFICATIONS["A3-3"].vary(weights=None), panel()).coefficients
    ),
    "kv.specification_curve.frame": lambda: (
        kv.specification_curve(
            kv.grid(kv.SPECIFICATIONS["A3-3"], covariance=["cluster", "hc1"]), panel()
        ).frame
    ),
    "kv.influence.coefficients": lambda: kv.influence(estimated()).coefficients,
    "kv.influence.of": lambda: kv.influence(estimated()).of("free_income"),
    "kv.acute_beds.load_panel": months,
    "kv.acute_beds.check_panel": lambda: kv.acute_beds.check_panel(months()),
    "kv.acute_beds.collapse_to_quarters": lambda: kv.acute_beds.collapse_to_quarters(months()),
    "kv.acute_beds.cumulative_adoption": lambda: kv.acute_beds.cumulative_adoption(months()).to_frame("n"),
    "kv.acute_beds.estimate_effects": lambda: kv.acute_beds.estimate_effects(
        months(), ["admissions_acute_internal_80plus"], until="2014-12"
    ),
    "kv.growth.account": account,
    "kv.growth.summarise": lambda: kv.growth.summarise(account()),
    "kv.growth.split_growth": lambda: kv.growth.split_growth(
        {2015: 100.0, 2020: 132.64}, {2015: 1.0, 2020: 1.129}, {2015: 100, 2020: 104}
    ),
    "kv.growth.by_group": by_group,
    "kv.growth.shift_share": lambda: kv.growth.shift_share(by_group()),
    "kv.klass.read_changes": lambda: kv.klass.read_changes(CHANGES),
    "kv.klass.read_codes": lambda: kv.klass.read_codes(
        {"classificationItems": [{"code": "0301", "name": "Oslo"}]}
    ),
    "kv.klass.list_splits": lambda: kv.klass.list_splits(CHANGES),
    "kv.klass.municipality_mapping": lambda: kv.klass.municipality_mapping(
        2015, 2019, 2019, changes=CHANGES, codes=CODES
    ),
    "kv.statbank.fetch": fetched,
    "kv.staggered.EventStudy.horizons": lambda: study().horizons,
    "kv.staggered.EventStudy.group_time": lambda: study().group_time(),
    "kv.staggered.EventStudy.coefficients": lambda: study().coefficients,
    "kv.staggered.TwoStageStudy.horizons": lambda: study(method="two_stage").horizons,
    "kv.staggered.TwoStageStudy.group_time": lambda: study(method="two_stage").group_time(),
    "kv.staggered.TwoStageStudy.coefficients": lambda: study(method="two_stage").coefficients,
    "kv.staggered.Aggregate.parts": lambda: kv.staggered.placebo(adoption(), *ADOPTION, shift=2).parts,
    "kv.staggered.NegativeWeights.weights": lambda: (
        kv.staggered.negative_weights(adoption(), *ADOPTION).weights
    ),
    "kv.staggered.bacon": lambda: kv.staggered.bacon(adoption(), *ADOPTION),
    "kv.staggered.bacon_shares": lambda: kv.staggered.bacon_shares(kv.staggered.bacon(adoption(), *ADOPTION)),
    "kv.staggered.robust_relative_magnitudes": lambda: kv.staggered.robust_relative_magnitudes(
        study(), (0.0, 0.5), window=1
    ),
    "kv.staggered.robust_smoothness": lambda: kv.staggered.robust_smoothness(study(), (0.0, 0.1), window=1),
    "kv.staggered.sensitivity": lambda: kv.staggered.sensitivity(study(), [0.5, 1.0]),
    "kv.register.weekly_cube": lambda: kv.register.weekly_cube(episodes()),
    "kv.register.yearly_users": lambda: kv.register.yearly_users(episodes()),
    "kv.register.protect_cube": lambda: kv.register.protect_cube(kv.register.weekly_cube(episodes())),
    # Cells are numbers or the symbol of a suppressed one, for print: as text they can be saved.
    "kv.register.protect": lambda: kv.register.protect(crossed()).astype(str),
    "kv.register.trend": lambda: kv.register.trend(users()),
    "kv.register.trend without season": lambda: kv.register.trend(users(), season=False),
    "kv.register.growth": lambda: kv.register.growth(users(), "2017-01-09", "2020-12-14").to_frame("growth"),
    "kv.register.components_check": lambda: kv.register.components_check(users(), ()),
    "kv.register.decompose_growth": lambda: kv.register.decompose_growth(
        cube(), lasting([1000] * 5), "2017-03", "2020-09"
    ),
    "kv.register.growth_below_age": lambda: kv.register.growth_below_age(cube(), "2017-03", "2020-09"),
    "kv.register.IngestReport.to_frame": ingested,
}


@cache
def user_groups() -> tuple[pd.DataFrame, ...]:
    """Counts, accounts, population, need and their profile, of invented municipalities."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return *made_book(3), groups.profile(*made_book(3))


def compared() -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return kv.municipal.comparison.intervals(user_groups()[-1])


def old_people() -> pd.DataFrame:
    return pd.DataFrame({"year": [2020, 2030], "age_group": "80+", "population": [100, 200]})


def projected() -> pd.DataFrame:
    return kv.municipal.projection.project({"80+": 0.1}, old_people())


def by_step() -> pd.Series:
    index = pd.MultiIndex.from_tuples(
        [("institution", "80+"), ("housing_24h", "80+")], names=["service", "age_group"]
    )
    return pd.Series([0.1, 0.2], index=index)


def ledger() -> tuple[pd.DataFrame, pd.DataFrame]:
    accounts = pd.DataFrame({"municipality": "A", "year": 2023, "function": ["253", "254"], "gross_kr": 9.0})
    moves = {"pair": "x", "function": ["253", "254"], "amount_kr": [-1.0, 1.0], "reason": "night"}
    return accounts, pd.DataFrame(moves)


def same_number_twice() -> pd.DataFrame:
    return pd.DataFrame({"id": "x", "role": ["part", "printed"], "value": [1.0, 3.0]})


FRAMES |= {
    "kv.municipal.user_groups.profile": lambda: user_groups()[-1],
    "kv.municipal.extracts.profile_extract": lambda: kv.municipal.extracts.profile_extract(extract()),
    "kv.municipal.extracts.MunicipalExtract.population": lambda: extract().population,
    "kv.municipal.extracts.MunicipalExtract.counts": lambda: extract().counts,
    "kv.municipal.extracts.MunicipalExtract.accounts": lambda: extract().accounts,
    "kv.municipal.user_groups.allocate": lambda: groups.allocate({"a": 1.0, "b": 2.0}, {"it": 10.0}),
    "kv.municipal.user_groups.correct": lambda: groups.correct(*ledger()),
    "kv.municipal.user_groups.moved": lambda: groups.moved(ledger()[1]),
    "kv.municipal.user_groups.contradictions": lambda: groups.contradictions([same_number_twice()]),
    "kv.municipal.comparison.intervals": compared,
    "kv.municipal.protection.protect_profile": lambda: protection.protect_profile(user_groups()[-1]),
    "kv.municipal.protection.protect_cells": lambda: protection.protect_cells(
        user_groups()[0], protection.protect_profile(user_groups()[-1])
    ),
    "kv.municipal.protection.protect_rows": lambda: protection.protect_rows(
        pd.DataFrame({"users": [3, 40, 50]}), ["users"], []
    ),
}
FRAMES |= {
    "kv.describe": lambda: kv.describe(panel(), ["free_income"], "year", weights="population"),
    "kv.decompose": lambda: kv.decompose(kv.SPECIFICATIONS["A3-1"], kv.SPECIFICATIONS["A3-3"], panel()),
    "kv.account_for_growth": lambda: kv.account_for_growth(estimated(), panel(), 2015, 2016),
    "kv.many_outcomes": lambda: kv.many_outcomes({"one": estimated()}, "free_income", draws=19),
    "kv.staggered.EventStudy.simultaneous": lambda: study().simultaneous(),
    "kv.staggered.TwoStageStudy.simultaneous": lambda: study(method="two_stage").simultaneous(),
    "kv.register.protect_layers": lambda: kv.register.protect_layers(
        {"women": crossed(), "men": crossed() * 3}
    )["all"].astype(str),
    "kv.consistency.PrintedReport.cells": lambda: printed().cells,
    "kv.consistency.PrintedReport.claims": lambda: printed().claims,
    "kv.consistency.findings_frame": lambda: kv.consistency.findings_frame(printed().check()),
    "kv.klass.boundary_adjustments": lambda: kv.klass.boundary_adjustments(2015, 2020),
}
# What every result answers, of each kind of result.
RESULTS = {
    "kv.Estimate": estimated,
    "kv.staggered.EventStudy": study,
    "kv.staggered.TwoStageStudy": lambda: study(method="two_stage"),
}
for _name, _made in RESULTS.items():
    FRAMES |= {
        f"{_name}.coef": lambda made=_made: made().coef().to_frame(),
        f"{_name}.se": lambda made=_made: made().se().to_frame(),
        f"{_name}.confint": lambda made=_made: made().confint(0.9),
        f"{_name}.tidy": lambda made=_made: made().tidy(0.9),
        f"{_name}.vcov": lambda made=_made: made().vcov(),
    }
FRAMES |= {
    "kv.Estimate.predict": lambda: estimated().predict(panel().head(20)).to_frame(),
    "kv.Estimate.fitted": lambda: pd.DataFrame({"a": estimated().fitted}),
    "kv.Estimate.residuals": lambda: pd.DataFrame({"a": estimated().residuals}),
    "kv.Estimate.effects": lambda: estimated().effects,
    "kv.Estimate.effects_of": lambda: kv.estimate(
        kv.SPECIFICATIONS["A3-3"].vary(absorb="kostra_group^year"),
        panel().assign(kostra_group=panel()["municipality"].str[-1]),
    ).effects_of("kostra_group^year"),
    "kv.Estimate.marginal": lambda: estimated().marginal("free_income", by="year"),
}
FRAMES |= {
    "kv.municipal.unit_costs.place_weights": lambda: kv.municipal.unit_costs.place_weights(
        {"Ordinær langtidsplass": 800_000.0, "Korttidsplass": 900_000.0}, "Ordinær langtidsplass"
    ).to_frame(),
    "kv.municipal.unit_costs.oslo_weights": lambda: kv.municipal.unit_costs.oslo_weights().to_frame(),
    "kv.municipal.unit_costs.nursing_home": lambda: kv.municipal.unit_costs.nursing_home(
        100_000, {"Ordinær langtidsplass": 90, "Korttidsplass": 10}, care_fte=95
    ),
    "kv.municipal.unit_costs.home_service": lambda: kv.municipal.unit_costs.home_service(
        pd.Series({1010: 9e6, 1710: 2e5}), care_hours(), admin=5e5
    ),
    "kv.municipal.unit_costs.ata_sensitivity": lambda: kv.municipal.unit_costs.ata_sensitivity(
        9e6, care_hours(), [0.5, 0.6]
    ),
    "kv.municipal.effort_ladder.edition": kv.municipal.effort_ladder.edition,
    "kv.municipal.effort_ladder.ladder": effort_ladder,
    "kv.municipal.effort_ladder.move": lambda: kv.municipal.effort_ladder.move(effort_ladder(), 1, 5, 6),
    "kv.municipal.effort_ladder.summarise": lambda: kv.municipal.effort_ladder.summarise(effort_ladder()),
    "kv.municipal.resource_calculator.prices": lambda: kv.municipal.resource_calculator.prices("list2"),
    "kv.municipal.resource_calculator.package": lambda: kv.municipal.resource_calculator.package(
        pd.DataFrame({"service": ["Trygghetsalarm"], "quantity": [12.0], "alternative": ["A"]}),
        kv.municipal.resource_calculator.prices("list2"),
    ),
    "kv.municipal.resource_calculator.equivalents": lambda: kv.municipal.resource_calculator.equivalents(
        1e6, kv.municipal.resource_calculator.prices("list2")
    ),
    "kv.municipal.resource_calculator.index_prices": lambda: kv.municipal.resource_calculator.index_prices(
        kv.municipal.resource_calculator.prices("list2"), 1.047
    ),
    "kv.municipal.resource_calculator.bought_premium": lambda: (
        kv.municipal.resource_calculator.bought_premium(kv.municipal.resource_calculator.prices("list1"))
    ),
    "kv.municipal.projection.coverage": lambda: kv.municipal.projection.coverage(
        {"80+": 9}, {"80+": 90}
    ).to_frame(),
    "kv.municipal.projection.project": projected,
    "kv.municipal.projection.errors": lambda: kv.municipal.projection.errors(*made_up_record(places=3)),
    "kv.municipal.projection.recorded_errors": kv.municipal.projection.recorded_errors,
    "kv.municipal.projection.same_borders": lambda: kv.municipal.projection.same_borders(
        *made_up_record(places=3)
    ),
    "kv.municipal.projection.bands": lambda: kv.municipal.projection.bands(
        projected(), kv.municipal.projection.recorded_errors()
    ),
    "kv.municipal.projection.totals": lambda: kv.municipal.projection.totals(projected()),
    "kv.municipal.projection.healthy_ageing": lambda: kv.municipal.projection.healthy_ageing(
        {"80-89": 0.1, "90+": 0.3}, {2030: 1.0}
    ),
    "kv.municipal.projection.policy_factors": lambda: kv.municipal.projection.policy_factors(
        {"80+": 0.2}, pd.DataFrame({"year": [2030], "age_group": "80+", "coverage": 0.15}), [2020, 2030]
    ),
    "kv.municipal.projection.moved_to_housing": lambda: kv.municipal.projection.moved_to_housing(
        by_step(), 0.2, "institution", "housing_24h"
    ),
    "kv.municipal.projection.housing_ladder": lambda: kv.municipal.projection.housing_ladder(
        kv.municipal.projection.project(by_step(), old_people())
    ),
    "kv.municipal.staffing.decisions": lambda: kv.municipal.staffing.decisions([0.5, 3.0, 20.0]),
}


def compared(name: str) -> pd.DataFrame:
    """Services of an invented municipality."""
    services = {"service": ["a", "b"], "users": [60.0, 140.0], "cost_kr": [60e6, 28e6 + len(name)]}
    return pd.DataFrame(services).assign(municipality=name, year=2023, population=9000, need_index=1.1)


def savings_tables() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Accounts, inhabitants and need of two invented municipalities."""
    keys = pd.DataFrame({"municipality": ["Vik", "Nes"], "year": 2023})
    costs = keys.assign(function="253", amount_kr=[9e6, 7e6])
    return costs, keys.assign(population=1000), keys.assign(need_index=1.0)


FRAMES |= {
    "kv.municipal.comparison.similar": lambda: kv.municipal.comparison.similar(
        pd.DataFrame({"municipality": ["A", "B", "C"], "need_index": [1.0, 1.1, 0.8]}),
        "A",
        ["need_index"],
        n=2,
    ),
    "kv.municipal.comparison.group_members": lambda: kv.municipal.comparison.group_members(
        pd.DataFrame({"municipality": ["A", "B"], "year": 2023, "kostra_group": 8}), "A", [2023]
    ),
    "kv.municipal.comparison.gap": lambda: kv.municipal.comparison.gap(compared("Vik"), compared("Nesset")),
    "kv.municipal.comparison.gap_by_service": lambda: kv.municipal.comparison.gap_by_service(
        compared("Vik"), compared("Nesset")
    ),
    "kv.municipal.comparison.findings": lambda: kv.municipal.comparison.findings(
        user_groups()[-1].assign(low=lambda p: p["value"] * 0.9, high=lambda p: p["value"] * 1.1)
    ),
    "kv.municipal.savings.savings": lambda: kv.municipal.savings.savings(
        savings_tables()[0].head(1), savings_tables()[0].tail(1), *savings_tables()[1:]
    ),
    "kv.municipal.savings.grid": lambda: kv.municipal.savings.grid(
        *savings_tables()[:2], {"all": savings_tables()[2]}, {"g": ["Nes"]}, own="Vik"
    ),
}
SAME_AS = {
    "kv.klass.fetch_changes": "kv.klass.read_changes",
    "kv.klass.fetch_codes": "kv.klass.read_codes",
    "kv.klass.fetch_kostra_groups": "kv.klass.read_codes",
    "kv.klass.read_kostra_groups": "kv.klass.read_codes",
}


def frames_of(where: object, name: str, seen: set[str]) -> set[str]:
    """Public names under a module or class that hand out a frame or a series, by their annotations."""
    found: set[str] = set()
    names = getattr(where, "__all__", None) or [n for n in dir(where) if not n.startswith("_")]
    for part in names:
        value = inspect.getattr_static(where, part, None) or getattr(where, part)
        if isinstance(value, types.ModuleType) and value.__name__ not in seen:
            seen.add(value.__name__)
            found |= frames_of(value, f"{name}.{part}", seen)
        elif inspect.isclass(value) and value.__module__.startswith("kostnadsvekst"):
            found |= frames_of(value, f"{name}.{part}", seen)
        elif inspect.isfunction(value) or isinstance(value, property):
            told = inspect.signature(value.fget if isinstance(value, property) else value).return_annotation
            found |= {f"{name}.{part}"} if is_frame(told) else set()
    if inspect.isclass(where):
        found |= {f"{name}.{n}" for n, told in where.__annotations__.items() if is_frame(told)}
    return found


def is_frame(told: object) -> bool:
    return any(kind in str(told) for kind in ("DataFrame", "Series")) and "tuple" not in str(told)


def test_every_public_frame_is_in_the_list():
    for name in kv.__all__:
        getattr(kv, name)
    listed = frames_of(kv, "kv", set())
    assert listed - set(FRAMES) - set(SAME_AS) == set()
    assert set(SAME_AS.values()) <= set(FRAMES)
    assert len(listed) > 40


@pytest.mark.parametrize("name", FRAMES)
def test_a_frame_can_be_saved_and_comes_back(name, tmp_path):
    frame = FRAMES[name]()
    assert len(frame)
    assert json.loads(json.dumps(frame.attrs, allow_nan=False)) == frame.attrs, "attributes are plain JSON"
    path = tmp_path / "a.parquet"
    frame.to_parquet(path)
    back = pd.read_parquet(path)
    pd.testing.assert_frame_equal(back, frame, check_freq=False, check_names=True, check_dtype=False)
    assert back.attrs == frame.attrs
    assert provenance_of(back) == provenance_of(frame)
    whole = frame.reset_index() if frame.index.names != [None] else frame.reset_index(drop=True)
    whole.to_feather(tmp_path / "a.feather")
    pd.testing.assert_frame_equal(pd.read_feather(tmp_path / "a.feather"), whole, check_dtype=False)
    table = pa.Table.from_pandas(frame)
    pq.write_table(table, path)
    assert pd.read_parquet(path).attrs == frame.attrs
    pd.testing.assert_frame_equal(pickle.loads(pickle.dumps(frame)), frame)
    text = whole.to_json(orient="split", date_format="iso")
    assert len(pd.read_json(io.StringIO(text), orient="split")) == len(frame)
    assert frame.copy().attrs == frame.attrs
    both = pd.concat([frame, frame])
    assert len(both) == 2 * len(frame)
    assert both.attrs == frame.attrs


def test_origin_survives_files_and_reads_from_plain_text():
    origin = Provenance("file of the user", "a.csv", "0" * 64)
    frame = pd.DataFrame({"a": [1]})
    frame.attrs["provenance"] = origin.to_attrs()
    assert provenance_of(frame) == origin
    assert set(frame.attrs["provenance"]) == {"origin", "file", "file_sha256", "package_version"}
    frame.attrs["provenance"] = origin  # as older versions of the package have it in memory
    assert provenance_of(frame) == origin
    frame.attrs["provenance"] = {"origin": "synthetic", "unknown": "x"}
    assert provenance_of(frame).synthetic
    for strange in ("synthetic", {"file": "a"}, {"origin": 3}, None):
        frame.attrs["provenance"] = strange
        assert provenance_of(frame).origin == "data frame of the caller"


def test_a_saved_synthetic_panel_stays_synthetic(tmp_path):
    for suffix, save in {"parquet": "to_parquet", "feather": "to_feather"}.items():
        path = tmp_path / f"a.{suffix}"
        getattr(panel(), save)(path)
        with pytest.warns(DataWarning, match="suspicious"):
            assert provenance_of(kv.load_panel(path)).synthetic
