"""What a design would have found: formula, resampling, and fresh samples."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import nct
from scipy.stats import t as student

import kostnadsvekst as kv
from kostnadsvekst.errors import SpecificationError
from kostnadsvekst.models.detectable import ResampledPower


def test_formula_by_hand():
    # 1.959964 + 0.841621 standard errors; with 10 degrees of freedom 2.228139 + 0.879058 (tables).
    assert kv.detectable_effect(1.0) == pytest.approx(2.801585, abs=1e-6)
    assert kv.detectable_effect(2.0, df=10) == pytest.approx(2 * (2.228139 + 0.879058), abs=1e-5)
    assert kv.detectable_effect(1.0, power=0.9, alpha=0.1) == pytest.approx(1.644854 + 1.281552, abs=1e-6)
    assert np.isnan(kv.detectable_effect(float("nan")))


@pytest.mark.parametrize("df", [8, 30, 400])
def test_the_noncentral_t_has_about_that_power(df):
    effect = kv.detectable_effect(1.0, df=df)
    critical = student.ppf(0.975, df)
    power = 1 - nct.cdf(critical, df, effect) + nct.cdf(-critical, df, effect)
    assert power == pytest.approx(0.8, abs=0.015)


@pytest.mark.parametrize("numbers", [(0.05, 0.8), (1.0, 0.05), (0.8, 0.0), (0.05, 0.05)])
def test_numbers_that_are_no_probabilities(numbers):
    with pytest.raises(SpecificationError, match="0 < alpha < power < 1"):
        kv.detectable_effect(1.0, power=numbers[0], alpha=numbers[1])


def test_power_and_what_is_detectable_by_hand():
    draws = ResampledPower(np.array([-1.0, 0.0, 1.0, 3.0]), np.ones(4), 2.0)
    # Found without any effect: 3 of (-1, 0, 1, 3). With 1.5: -1 + 1.5 and 1.5 are not.
    assert draws.false_alarms == 0.25
    assert draws.power(1.5) == 0.5
    assert draws.power(3.5) == 1.0
    # Thresholds 2 - (-1, 0, 1, 3) = 3, 2, 1, -1: a third of the way from 1 to 2 is their median plus.
    assert draws.detectable(0.5) == 1.5


def staggered_panel(seed, n_units=60, periods=8, effect=0.0, rho=0.6):
    rng = np.random.default_rng(seed)
    first = rng.choice([3.0, 4.0, 6.0, np.nan], n_units)
    shocks = rng.normal(size=(n_units, periods))
    for t in range(1, periods):
        shocks[:, t] = rho * shocks[:, t - 1] + np.sqrt(1 - rho**2) * shocks[:, t]
    unit, time = (v.ravel() for v in np.meshgrid(np.arange(n_units), np.arange(periods), indexing="ij"))
    treated = time >= np.nan_to_num(first[unit], nan=np.inf)
    y = rng.normal(size=n_units)[unit] + 0.1 * time + shocks.ravel() + effect * treated
    return pd.DataFrame({"unit": unit, "time": time, "y": y, "first": first[unit]})


COLUMNS = ("y", "unit", "time", "first")


@pytest.mark.parametrize("method", ["callaway_santanna", "imputation"])
def test_resampling_agrees_with_the_formula_on_errors_that_it_knows(method):
    data = staggered_panel(1)
    error = kv.staggered.event_study(data, *COLUMNS, method=method).aggregate("simple").std_error
    found = kv.resample_power(data, *COLUMNS, method=method, draws=99)
    assert found.detectable() == pytest.approx(kv.detectable_effect(error), rel=0.25)
    assert found.false_alarms < 0.2


def test_an_effect_in_the_data_is_not_resampled():
    zero, large = (kv.resample_power(staggered_panel(2, effect=e), *COLUMNS, draws=19) for e in (0.0, 50.0))
    assert large.estimates == pytest.approx(zero.estimates, abs=1e-9)
    assert large.std_errors == pytest.approx(zero.std_errors, rel=1e-9)


def test_an_added_effect_moves_the_estimate_and_not_its_error():
    """What lets one set of draws serve every size of effect."""
    data = staggered_panel(3)
    treated = data["time"] >= data["first"].fillna(np.inf)
    for method in kv.staggered.METHODS:
        one, other = (
            kv.staggered.event_study(
                data.assign(y=data["y"] + e * treated), *COLUMNS, method=method
            ).aggregate("simple")
            for e in (0.0, 1.3)
        )
        assert other.estimate - one.estimate == pytest.approx(1.3, abs=1e-9)
        assert other.std_error == pytest.approx(one.std_error, rel=1e-6)


@pytest.mark.slow
def test_fresh_samples_find_it_four_times_in_five():
    """500 samples with the effect that resampling of another sample calls detectable; error 1.8 points."""
    data = staggered_panel(4, n_units=150)
    effect = kv.resample_power(data, *COLUMNS, draws=399).detectable()
    found = 0
    for seed in range(500):
        sample = staggered_panel(1000 + seed, n_units=150, effect=effect)
        mean = kv.staggered.event_study(sample, *COLUMNS, method="imputation").aggregate("simple")
        found += abs(mean.estimate) > 1.959964 * mean.std_error
    # The sample that was resampled has an error of its own: five per cent of the effect are eight points.
    assert found / 500 == pytest.approx(0.8, abs=0.1)
