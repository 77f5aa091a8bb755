"""Mean age and share of women by month, by hand and against a loop over the rows."""

import numpy as np
import pandas as pd
import pytest

import kostnadsvekst as kv
from kostnadsvekst.register.schema import weeks_of_month
from kostnadsvekst.register.tables import RegisterTables
from kostnadsvekst.register.user_profiles import monthly_profile

WEEKS = pd.date_range("2017-01-02", "2017-02-27", freq="W-MON")


def tables_of(women, men, mean_age, hidden=()):
    """One service and all ages; `women` and `men` by week number; cells of `hidden` have no number."""
    rows = []
    for k, week in enumerate(WEEKS):
        counts = {"2": women(k), "1": men(k), "all": women(k) + men(k)}
        for sex, users in counts.items():
            age = np.nan if (k, "age") in hidden else mean_age(k)
            told = np.nan if (k, sex) in hidden else float(users)
            rows.append(("home_health", week, "all", sex, told, age, 0.5))
    names = ["service", "week", "age_group", "sex", "users", "mean_age", "mean_age_unit"]
    return RegisterTables(pd.DataFrame(rows, columns=names), pd.DataFrame())


def profile_of(*arguments, **options):
    return monthly_profile(tables_of(*arguments, **options)).set_index("month")


def test_months_by_hand():
    found = profile_of(lambda k: 10 * (k + 1), lambda _: 40, lambda k: 80.0 + k)
    # Week 0 is ISO week 1 and left out. January: weeks 1 to 4, with 20 to 50 women among 60 to 90.
    january = 100 * np.mean([20 / 60, 30 / 70, 40 / 80, 50 / 90])
    february = 100 * np.mean([60 / 100, 70 / 110, 80 / 120, 90 / 130])
    assert found["women_percent"].tolist() == pytest.approx([january, february])
    assert found["mean_age_years"].tolist() == pytest.approx([82.5, 86.5])
    assert found["mean_age_unit_years"].tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("hidden", "ages", "shares"),
    [
        ([(2, "age")], [True, False], [False, False]),
        ([(2, "2")], [False, False], [True, False]),
        ([(2, "all")], [False, False], [True, False]),
        ([(0, "2"), (0, "age")], [False, False], [False, False]),  # ISO week 1 counts in no month
        ([(k, "2") for k in range(9)], [False, False], [True, True]),
    ],
)
def test_a_month_is_told_where_each_of_its_weeks_is(hidden, ages, shares):
    found = profile_of(lambda _: 20, lambda _: 30, lambda _: 80.0, hidden=hidden)
    assert found["mean_age_years"].isna().tolist() == ages
    assert found["women_percent"].isna().tolist() == shares
    told = found["women_percent"].dropna()
    assert (told == 40.0).all()


def test_nobody_has_no_share_and_women_alone_have_all():
    nobody = profile_of(lambda _: 0, lambda _: 0, lambda _: np.nan)
    assert nobody["women_percent"].isna().all()
    women = profile_of(lambda _: 20, lambda _: 0, lambda _: 80.0)
    assert (women["women_percent"] == 100.0).all()
    men = profile_of(lambda _: 0, lambda _: 20, lambda _: 80.0)
    assert (men["women_percent"] == 0.0).all()


def test_against_a_loop_over_a_protected_register(tmp_path):
    raw = kv.register.simulate_episodes(n_persons=3_000, seed=4, out=tmp_path / "raw.parquet")
    kv.register.ingest(raw, tmp_path / "episodes.parquet")
    cube = kv.register.weekly_cube(tmp_path / "episodes.parquet")
    cube = cube[cube["week"] < "2017-07-01"]
    weekly = kv.register.protect_cube(cube)
    found = monthly_profile(RegisterTables(weekly, pd.DataFrame()))
    weeks = pd.DatetimeIndex(sorted(weekly["week"].unique()))
    cells = weekly.assign(service=weekly["service"].astype(str)).set_index(
        ["service", "age_group", "week", "sex"]
    )
    assert found["women_percent"].isna().any()
    assert found["women_percent"].notna().any()
    for row in found.itertuples():
        ages, shares = [], []
        for week in weeks[weeks_of_month(weeks, row.month)]:
            try:
                both = cells.loc[(row.service, row.age_group, week, "all")]
                women = cells.loc[(row.service, row.age_group, week, "2")]
            except KeyError:
                ages, shares = [np.nan], [np.nan]
                break
            ages.append(both["mean_age"])
            shares.append(100 * women["users"] / both["users"] if both["users"] else np.nan)
        np.testing.assert_allclose(row.mean_age_years, np.mean(ages))
        np.testing.assert_allclose(row.women_percent, np.mean(shares))
