"""Errors of past projections and bands from them: by hand, in simulation, on the public record."""

import math
import re

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

import kostnadsvekst as kv
from conftest import ROOT
from kostnadsvekst.errors import DataMissingError, DataWarning, InvalidDataError
from kostnadsvekst.municipal.error_growth import ErrorGrowth, fit_error_growth
from kostnadsvekst.sources.age_groups import in_age_groups
from kostnadsvekst.sources.population_projections import (
    read_population,
    read_projections,
    tidy_population,
    tidy_projections,
)
from municipal_projections import GROUPS, made_up_record

projection = kv.municipal.projection
CLOSE = 1e-12
PUBLIC = ROOT.parent / "shared" / "data" / "projections"
HELD = ROOT / "results" / "projection" / "coverage_of_bands.csv"


def faults_of(call, *args, **options):
    with pytest.raises(InvalidDataError) as error:
        call(*args, **options)
    return " | ".join(error.value.problems or [str(error.value)])


def small_record():
    """Two editions, two places, one age group; what came is 100, 110, 121 everywhere."""
    came = [(m, 2010 + k, "80+", 100 * 1.1**k) for m in "AB" for k in range(3)]
    actual = pd.DataFrame(came, columns=["municipality", "year", "age_group", "population"])
    told = [
        (m, edition, "MMMM", year, "80+", 100 * 1.1 ** (edition - 2010) * rate ** (year - edition))
        for edition, rates in ((2010, (1.1, 1.21)), (2011, (1.0, 1.1)))
        for m, rate in zip("AB", rates, strict=True)
        for year in range(edition, 2013)
    ]
    names = ["municipality", "edition", "alternative", "year", "age_group", "population"]
    return pd.DataFrame(told, columns=names), actual


# --- Errors


def test_errors_by_hand():
    """One year ahead: A 0 and ln 1.1, B −ln 1.1 and 0; two years: A 0, B −2 ln 1.1."""
    editions, actual = small_record()
    found = projection.errors(editions, actual)
    assert found.columns[:5].tolist() == ["age_group", "horizon", "bias", "sd", "n"]
    step = math.log(1.1)
    one, two = found.itertuples(index=False)
    assert (one.horizon, one.n, one.editions, one.municipalities) == (1, 4, 2, 2)
    assert one.bias == pytest.approx(0, abs=CLOSE)
    assert one.sd == pytest.approx(step * math.sqrt(2 / 3), rel=1e-9)
    assert (two.horizon, two.n, two.editions) == (2, 2, 1)
    assert two.bias == pytest.approx(-step, rel=1e-9)
    assert two.sd == pytest.approx(step * math.sqrt(2), rel=1e-9)
    assert (one.smallest_population, one.largest_population) == pytest.approx((110, 146.41))


def test_main_alternative_alone_makes_the_record():
    editions, actual = small_record()
    others = [editions.assign(alternative=a, population=editions["population"] * 2) for a in ("LLML", "HHMH")]
    more = projection.errors(pd.concat([*others, editions]), actual)
    pd.testing.assert_frame_equal(more, projection.errors(editions, actual))


def test_growth_of_errors_is_found_again():
    """Known: 0.0001 h² common and 0.5 h / population, 6 000 errors, each to some per cent."""
    rng = np.random.default_rng(1)
    horizon = rng.integers(1, 13, 6_000).astype(float)
    people = np.exp(rng.uniform(4, 10, 6_000))
    true = ErrorGrowth(1e-4, 2.0, 0.5, 1.0)
    errors = rng.normal(size=6_000) * np.sqrt(true.mean_square(horizon, people))
    found = fit_error_growth(errors, horizon, people)
    for h, n in ((1.0, 100.0), (6.0, 1000.0), (12.0, 20_000.0)):
        at = np.array([h]), np.array([n])
        assert found.mean_square(*at)[0] == pytest.approx(true.mean_square(*at)[0], rel=0.15)


def test_zero_persons_are_left_out_by_name():
    editions, actual = small_record()
    actual.loc[(actual["municipality"] == "A") & (actual["year"] == 2012), "population"] = 0
    with pytest.warns(DataWarning, match="A, edition 2010, 2012, 80\\+"):
        found = projection.errors(editions, actual)
    assert found["n"].tolist() == [3, 1]
    assert len(found.attrs["left_out"]) == 2


def test_record_names_every_fault():
    editions, actual = small_record()
    other = editions.assign(municipality=editions["municipality"].replace("B", "Bygd"))
    other.loc[(other["municipality"] == "A") & (other["edition"] == 2011), "population"] *= 1.2
    late = editions[editions["year"] > 2010].assign(edition=editions["edition"].replace(2011, 2009))
    told = faults_of(projection.errors, other, actual)
    assert "edition 2010: Bygd: is not among those" in told
    assert "edition 2011: Bygd: is not among those" in told
    assert "edition 2011: A: has 132 inhabitants in the base year, and 110 came: other borders" in told
    assert "edition 2010 begins in 2011" in faults_of(
        projection.errors, late.query("edition == 2010"), actual
    )
    low = editions.assign(alternative="LLML")
    assert "edition 2010 has no main alternative MMMM" in faults_of(projection.errors, low, actual)
    young = pd.concat([editions, editions.query("edition == 2010").assign(age_group="0-79")])
    told = faults_of(projection.errors, young, actual)
    assert "edition 2011 lacks age group '0-79'" in told
    assert "population that came lacks age group '0-79'" in told
    assert "stands twice" in faults_of(projection.errors, pd.concat([editions, editions.iloc[[1]]]), actual)
    early = actual[actual["year"] == 2010]
    assert "the years do not meet" in faults_of(projection.errors, editions.query("edition == 2010"), early)
    wrong = editions.assign(alternative="Framskriving")
    assert "has no code such as MMMM" in faults_of(projection.errors, wrong, actual)


def test_borders_are_matched_or_left_out_by_name():
    editions, actual = small_record()
    parts = editions[(editions["municipality"] == "B") & (editions["edition"] == 2010)]
    halves = [parts.assign(municipality=name, population=parts["population"] / 2) for name in ("B1", "B2")]
    split = pd.concat([editions.drop(parts.index), *halves])
    kept = projection.same_borders(split, actual)
    assert set(map(tuple, kept[["municipality", "edition"]].drop_duplicates().to_numpy())) == {
        ("A", 2010),
        ("A", 2011),
        ("B", 2011),
    }
    assert [text.split(":")[1].strip() for text in kept.attrs["left_out"]] == ["B1", "B2"]
    whole = projection.same_borders(split, actual, merged={"B": ["B1", "B2"]})
    pd.testing.assert_frame_equal(projection.errors(whole, actual), projection.errors(editions, actual))
    with pytest.raises(InvalidDataError, match="no municipality has the same borders"):
        projection.same_borders(editions, actual.assign(municipality=actual["municipality"] + "C"))


# --- Bands


def test_bands_by_hand():
    """Mean square 0.0004 + 0.5 / 2500 = 0.0006 two years ahead; z of 90 per cent is 1.6449."""
    record = pd.DataFrame(
        {
            "age_group": "80+",
            "horizon": [1, 2],
            "bias": 0.0,
            "sd": 0.1,
            "n": 10,
            "editions": [3, 2],
            "mean_square_common": [0.0001, 0.0004],
            "mean_square_counted": [0.25, 0.5],
            "largest_population": 2500.0,
        }
    )
    people = pd.DataFrame(
        {"year": [2020, 2021, 2022, 2024], "age_group": "80+", "population": [1000, 1000, 2500, 5000]}
    )
    made = projection.bands(projection.project({"80+": 0.1}, people), record)
    z = norm.ppf(0.95)
    # 5000 is above the record's largest and as uncertain as 2500; four years ahead 0.0016 + 1 / 2500.
    roots = [0, math.sqrt(0.0001 + 0.25 / 1000), math.sqrt(0.0006), math.sqrt(0.0016 + 1.0 / 2500)]
    places = np.array([100, 100, 250, 500])
    assert made["low"].tolist() == pytest.approx((places * np.exp(-z * np.array(roots))).tolist(), rel=1e-10)
    assert made["high"].tolist() == pytest.approx((places * np.exp(z * np.array(roots))).tolist(), rel=1e-10)
    assert made["extrapolated"].tolist() == [False, False, False, True]
    assert made["editions"].tolist() == [0, 3, 2, 0]
    half = projection.bands(projection.project({"80+": 0.1}, people), record, level=0.5)
    assert (half["high"] <= made["high"]).all()
    assert half["high"].iloc[2] == pytest.approx(250 * math.exp(norm.ppf(0.75) * roots[2]), rel=1e-10)


def test_bands_of_bias_and_spread_alone():
    """Without sizes: √(0.03² + 0.04²) = 0.05 for all."""
    record = pd.DataFrame({"age_group": "80+", "horizon": [1], "bias": [0.03], "sd": [0.04], "n": [9]})
    frame = pd.DataFrame(
        {"alternative": "a", "year": [2020, 2021], "age_group": "80+", "places": [10.0, 20.0]}
    )
    made = projection.bands(frame, record)
    assert made["high"].tolist() == pytest.approx([10, 20 * math.exp(norm.ppf(0.95) * 0.05)], rel=1e-10)
    assert not made["extrapolated"].any()


def test_part_of_an_age_group_is_extrapolation():
    record = projection.recorded_errors()
    parts = []
    for age in ("80-84 år", "80-89 år"):
        people = pd.DataFrame({"year": [2020, 2026], "age_group": age, "population": 500})
        parts.append(projection.bands(projection.project({age: 0.1}, people), record))
    made = pd.concat(parts)
    last = made[made["year"] == 2026].set_index("age_group")
    assert last["extrapolated"].to_dict() == {"80-84 år": True, "80-89 år": False}
    assert set(last["record_age_group"]) == {"80-89"}


def test_totals_have_bands_between_independent_and_alike():
    record = projection.recorded_errors()
    people = pd.DataFrame(
        [(year, age, n) for year in (2020, 2030) for age, n in (("80-89", 900), ("90+", 200))],
        columns=["year", "age_group", "population"],
    )
    made = projection.bands(projection.project({"80-89": 0.1, "90+": 0.3}, people), record)
    later = made[made["year"] == 2030]
    half = later["places"] * np.log(later["high"] / later["places"])
    spread = math.sqrt(0.8 * (half**2).sum() + 0.2 * half.sum() ** 2)
    whole = projection.totals(made).iloc[1]
    assert whole["high"] == pytest.approx(150 * math.exp(spread / 150), rel=1e-10)
    assert whole["low"] == pytest.approx(150 * math.exp(-spread / 150), rel=1e-10)
    # Two services of one age group have the same persons: their errors add up.
    services = pd.concat(
        [made.assign(service=name, **{c: made[c] / 2 for c in ("places", "low", "high")}) for name in "ab"]
    )
    again = projection.totals(services).iloc[1]
    assert again["high"] == pytest.approx(whole["high"], rel=1e-10)


def test_bands_name_every_fault():
    record = projection.recorded_errors()
    people = pd.DataFrame({"year": [2020, 2021], "age_group": "0-200", "population": 10})
    made = projection.project({"0-200": 0.1}, people)
    twice = pd.concat([record, record.iloc[[0]]])
    twice.loc[twice["age_group"] == "90+", "mean_square_counted"] = np.nan
    told = faults_of(projection.bands, made, twice, level=90)
    for words in (
        "level is 90",
        "0-66 1 years ahead twice",
        "mean_square_counted of '90+' is missing",
        "age group '0-200' is not in the record",
    ):
        assert words in told
    with pytest.raises(DataMissingError):
        projection.bands(made, record.drop(columns="sd"))
    with pytest.raises(InvalidDataError, match="before its base year"):
        projection.bands(made.assign(age_group="80+", horizon=-1), record)


def leave_one_out(editions, actual, level=0.9):
    """Whether bands from the other editions hold what came, with the horizon."""
    keys = ["municipality", "year", "age_group"]
    held = []
    for edition in editions["edition"].unique():
        own = editions[(editions["edition"] == edition) & (editions["alternative"] == "MMMM")]
        record = projection.errors(editions[editions["edition"] != edition], actual)
        met = own.assign(places=own["population"], horizon=own["year"] - edition)
        met = met.merge(actual[[*keys, "population"]].rename(columns={"population": "came"}), on=keys)
        made = projection.bands(met[met["horizon"] > 0], record, level=level)
        inside = (made["came"] >= made["low"]) & (made["came"] <= made["high"])
        held.append(made.assign(held=inside))
    return pd.concat(held)


def test_bands_cover_in_simulation():
    """Common errors and those by size, 4 editions of 40 places: 90 per cent, as far as they tell."""
    editions, actual = made_up_record(
        3, editions=(2004, 2007, 2010, 2013), places=40, last=2020, common=0.004
    )
    held = leave_one_out(editions, actual)
    assert 0.85 < held["held"].mean() < 0.95
    sizes = held.groupby(pd.qcut(held["population"], 3), observed=True)["held"].mean()
    assert sizes.between(0.8, 0.98).all(), sizes
    narrow = leave_one_out(editions, actual, level=0.5)["held"].mean()
    assert 0.42 < narrow < 0.58


# --- The public record


def test_committed_coverage_of_bands():
    """By horizon, all ages together and each age over all horizons: 80 to 97 per cent of level 90."""
    table = pd.read_csv(HELD)
    nine = table[table["level_percent"] == 90]
    by_horizon = nine[nine["age_group"] == "each"]
    assert len(by_horizon) == 17
    assert by_horizon["held_percent"].between(80, 97).all()
    assert nine.loc[nine["horizon"] == "all", "held_percent"].between(85, 95).all()
    assert (table["editions_behind_the_band"] == table["editions_tested"] - 1).all()
    # Beyond what two editions have reached nothing is behind the band but extrapolation.
    alone = by_horizon[by_horizon["horizon"] != "all"]
    assert alone["extrapolated"].eq(alone["editions_tested"] == 1).all()
    assert table["source"].str.contains("Statistics Norway").all()


@pytest.fixture(scope="module")
def public():
    if not PUBLIC.is_dir():
        pytest.skip(f"the public projections are not here: {PUBLIC}")
    editions = read_projections(
        [*PUBLIC.glob("telemark_201*-*.csv.gz"), *PUBLIC.glob("telemark_2020-*.csv.gz")]
    )
    return editions, read_population(PUBLIC / "telemark_hist.csv.gz")


def test_range_of_alternatives_held_a_quarter_to_four_fifths(public):
    """After six years, 80 and above, in the municipalities that have the same name throughout."""
    editions, actual = (in_age_groups(frame, ["80+"]) for frame in public)
    same = projection.same_borders(editions, actual)
    assert any("Sauherad" in text for text in same.attrs["left_out"])
    late = same[(same["year"] == same["edition"] + 6) & (same["municipality"] != "Midt-Telemark")]
    wide = late.pivot_table(index=["municipality", "year"], columns="alternative", values="population")
    came = actual.set_index(["municipality", "year"])["population"].reindex(wide.index)
    held = ((came >= wide["LLML"]) & (came <= wide["HHMH"])).groupby(level="year").agg(["mean", "size"])
    assert held["size"].tolist() == [16] * 4
    assert [round(100 * share) for share in held["mean"]] == [25, 81, 31, 31]


def test_committed_record_is_that_of_the_public_data(public):
    """The editions before 2022 give what the committed record has for horizons that no later one reached."""
    editions, actual = (in_age_groups(frame, ["90+"]) for frame in public)
    merged = {"Midt-Telemark": ["Bø (Telemark)", "Sauherad"]}
    found = projection.errors(projection.same_borders(editions, actual, merged=merged), actual)
    kept = projection.recorded_errors()
    for column in ("bias", "sd", "n", "editions"):
        ours = found[found["horizon"] >= 5].reset_index()[column]
        theirs = kept[(kept["age_group"] == "90+") & (kept["horizon"] >= 5)].reset_index()[column]
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-9)


# --- Reading


def test_editions_are_read_as_the_statbank_writes_them(tmp_path):
    path = tmp_path / "edition.csv"
    path.write_text(
        "region,statistikkvariabel,år,alder,value,Framskriving,Tabell\n"
        "Bø (Telemark) (-2019),Middels nasjonal vekst (Alternativ MMMM),2014,80 år og over,12,2014,10213\n"
        "Bø (Telemark) (-2019),Lav nasjonal vekst (LLML),2014,80 år og over,11,2014,10213\n",
        encoding="utf-8",
    )
    made = read_projections(path)
    assert made["municipality"].unique().tolist() == ["Bø (Telemark)"]
    assert made["borders"].unique().tolist() == ["-2019"]
    assert made["alternative"].tolist() == ["MMMM", "LLML"]
    assert made["edition"].tolist() == [2014, 2014]
    pd.testing.assert_frame_equal(tidy_projections(made), made)


def test_reading_names_every_fault():
    frame = pd.DataFrame(
        {"region": "A", "år": [2014, "x", 2015, 2015], "alder": "80+", "value": [1, 2, "y", 3]}
    )
    told = faults_of(tidy_population, frame)
    for words in ("row 2: year is 'x'", "row 3: population is 'y'", "stands twice: A, 2015, 80+"):
        assert words in told
    with pytest.raises(DataMissingError, match="lacks year"):
        tidy_population(frame.drop(columns="år"))
    with pytest.raises(DataMissingError, match=re.escape("no file")):
        read_projections([])


def test_groups_of_the_record_are_those_of_the_guide():
    assert list(dict.fromkeys(projection.recorded_errors()["age_group"])) == [*GROUPS, "80+"]
