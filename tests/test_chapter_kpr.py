"""Chapter 5: printed numbers as data, their computation, and the whole chapter once (slow)."""

import io

import numpy as np
import pandas as pd
import pytest

import kostnadsvekst as kv
from kostnadsvekst.analysis.claims.register import compute_claims
from kostnadsvekst.chapters import Settings, kpr, kpr_data, run_chapters
from kostnadsvekst.chapters.kpr_data import growth_of_totals
from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.report.audit import count_by_evidence
from kostnadsvekst.sources.embedded import embedded_path
from kostnadsvekst.sources.published import load_claims
from register_cubes import protected_tables_of

WEEKS = pd.date_range("2017-01-02", "2020-12-28", freq="W-MON")
GROUPS = ["0-17", "18-39", "40-59", "60-79", "80+"]


def tables():
    """Home health: 1000 k users in age group k, each sex growing 1 a week; BPA the same without growth."""
    rows = [
        (service, g, sex, week, (500 * (k + 1) + growth * w), 400 * (k + 1), 4000.0 * (k + 1), 10.0 + 20 * k)
        for service, growth in (("home_health", 1), ("practical_bpa", 0))
        for k, g in enumerate(GROUPS)
        for sex in (1, 2)
        for w, week in enumerate(WEEKS)
    ]
    names = ["service", "age_group", "sex", "week", "users", "users_with_hours", "hours", "mean_age"]
    return protected_tables_of(pd.DataFrame(rows, columns=names))


def test_claims_are_computed_by_hand():
    claims = load_claims("kpr")
    found = compute_claims(tables(), claims).set_axis(claims["id"])
    # January 2017 without week 1 is weeks 1 to 4 counted from 0: mean 2.5; December 2020 is weeks 204 to 206
    # without 51+1: 2020-12-07 and 2020-12-14 have numbers 205 and 206, the 21st is ISO week 52.
    start, end = 15_000 + 10 * 2.5, 15_000 + 10 * 205.5
    assert found["C114"] == pytest.approx(start)
    assert found["C115"] == pytest.approx(end)
    assert found["C116"] == pytest.approx(100 * (end / start - 1))
    assert found["C122"] == pytest.approx(1000 + 2 * 2.5)
    assert found["C131"] == pytest.approx(10.0)  # hours per user with hours
    assert found["C223"] == 1  # 80+ is the largest group
    assert found["C224"] == 1  # 0-17 the smallest
    assert found["C161"] == 15_000  # BPA users of 2017
    assert found["C235"] == 4  # the worse of ranks 3 and 4 by size for 40-59 and 18-39
    assert np.isnan(found["C117"])  # the Directorate's number
    assert np.isnan(found["C071"])  # no long-term stays in these tables


def test_growth_without_a_level_to_start_from_is_a_row_without_numbers():
    time = np.arange(len(WEEKS))
    nobody, few = pd.Series(0.0, index=WEEKS), pd.Series(np.where(time % 3, 0.0, 1.0), index=WEEKS)
    straight = pd.Series(1000.0 + 2 * time, index=WEEKS)
    confidential = straight.where(time > 5)
    totals = {"practical_bpa": nobody, "long_term_stay": few, "practical_daily": straight}
    found = growth_of_totals(totals | {"practical_training": confidential})
    assert found.index.tolist() == ["practical_bpa", "long_term_stay", "practical_daily"]
    assert found.loc["practical_bpa"].isna().all()
    assert found.loc["long_term_stay"].isna().all()
    # By hand: 2 a week for 205 weeks, from 1002.
    assert found.loc["practical_daily", "change_percent"] == pytest.approx(100 * 410 / 1002, abs=1e-4)
    assert found.loc["practical_daily", "components_percent"] == pytest.approx(100 * 410 / 1002, abs=0.05)


def test_claims_are_complete():
    claims = load_claims("kpr")
    assert len(claims) == 173
    assert claims["id"].is_unique
    assert (claims["low"] <= claims["high"]).all()


def test_own_register_needs_a_population(tmp_path):
    with pytest.raises(SpecificationError, match="--population FILE"):
        run_chapters(["kpr"], Settings(register=tmp_path / "e.parquet"), tmp_path)


def test_chapter_from_simulated_register_to_figures(kpr_run):
    report = kpr_run
    names = {path.name for path in report.written}
    assert {f"figure_{n:02}" for n in range(5, 12)} <= {name[:9] for name in names}
    assert report.result.moved == ()
    counts = count_by_evidence(report.result.audit)
    assert counts.loc["none", "not attempted"] == 11, "the Directorate's numbers"
    assert counts["differs"].to_dict() == {
        "identity": 0,
        # hours of BPA by age, a misprint, a fall that is too small, a rise that is not weak; each accepted
        "input": 4,
        "consequence": 2,  # growth below 80, the strongest service; what is repeated counts once
        "real": 0,
        "none": 0,
    }
    assert counts["calibrated"].sum() == 140 - 11 - 6


def test_no_small_number_is_written(kpr_run):
    files = kpr_run.result.files
    users = pd.read_csv(io.StringIO(files["kpr/weekly_users.csv"]), dtype=str)
    numbers = users.drop(columns=["week", "data_origin"]).replace(":", None).astype(float)
    assert not ((numbers > 0) & (numbers < 5)).any().any()
    assert numbers.isna().any().any(), "there is something to hide"
    assert (users["data_origin"] == "synthetic").all()


def test_small_register_tells_of_growth_only_what_the_weekly_table_tells(tmp_path, monkeypatch):
    # The second opinion on trends is asked for, and pictures are rendered, in the run on the embedded data.
    no_opinion = pd.DataFrame({"components": [np.nan]})
    monkeypatch.setattr(kpr_data.register, "components_check", lambda *arguments, **options: no_opinion)
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda *arguments, **options: None)
    raw = kv.register.simulate_episodes(n_persons=3_000, seed=4, out=tmp_path / "raw.parquet")
    kv.register.ingest(raw, tmp_path / "episodes.parquet")
    settings = Settings(
        register=tmp_path / "episodes.parquet",
        population=embedded_path("synthetic/population_by_age_group_synthetic.csv"),
        languages=("en",),
    )
    files = kpr.run(settings).files
    users = pd.read_csv(io.StringIO(files["kpr/weekly_users.csv"]), dtype=str).set_index("week")
    drivers = pd.read_csv(io.StringIO(files["kpr/growth_drivers_en.csv"]), dtype=str, index_col=0)
    months = [w for w in users.index if w[:7] in ("2017-01", "2020-12") and w < "2020-12-21"][1:]
    assert len(months) == 6
    told = drivers.iloc[1:10]["Total"]
    services = ["long_term_stay", "respite_institution", "home_health", "practical_bpa"]
    for service, label in zip(
        services, ["Long-term", "Respite", "Health services", "User-contr"], strict=True
    ):
        total = users.loc[months, f"{service} all"]
        row = told[told.index.str.startswith(label)].item()
        if (total == ":").any():
            assert row == ":"
            continue
        first, last = (total[total.index < "2018"], total[total.index > "2020"])
        growth = last.astype(float).mean() - first.astype(float).mean()
        assert abs(float(row) - growth) <= 0.5
    assert (told == ":").any(), "the case that matters is in the data"
    assert (told != ":").any()
