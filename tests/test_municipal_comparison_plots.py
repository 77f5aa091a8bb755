"""Funnel plot and plot of ranks: what is drawn is what was computed."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import kostnadsvekst as kv
from kostnadsvekst.errors import DataMissingError, DataWarning, SpecificationError
from kostnadsvekst.municipal.comparison import intervals
from kostnadsvekst.municipal.funnel_limits import funnel_limits
from kostnadsvekst.provenance import Provenance


def comparison(n, cv=0.3, measure="users_per_1000"):
    rng = np.random.default_rng(2)
    people = rng.lognormal(8.5, 0.9, n).round()
    users = rng.poisson(people * 0.02 * rng.gamma(cv**-2, cv**2, n)).astype(float)
    frame = pd.DataFrame(
        {
            "municipality": [f"Oppdiktet {k + 1}" for k in range(n)],
            "year": 2023,
            "group": "elderly_home",
            "age": "all",
            "service": "home_nursing",
            "provision": "all",
            "measure": measure,
            "numerator": users,
            "denominator": people,
            "value": users / people * 1000,
        }
    ).assign(unit="", mean=1.0, index=100.0, colour="", status="derived")
    frame.attrs["provenance"] = Provenance("synthetic").to_attrs()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return intervals(frame)


@pytest.fixture(scope="module")
def compared():
    return comparison(15)


@pytest.fixture(scope="module")
def many():
    return comparison(90)


def axes_of(picture):
    return picture._figure.axes[0]


def texts_of(picture):
    from matplotlib.text import Text

    return " | ".join(text.get_text() for text in picture._figure.findobj(Text))


@pytest.mark.parametrize("lang", ["nb", "en"])
def test_funnel_shows_points_limits_and_names(compared, lang):
    picture = kv.draw_funnel(compared, lang, own="Oppdiktet 3")
    assert not picture.layout_faults
    (points,) = axes_of(picture).collections[-1:]
    drawn = points.get_offsets()
    rows = compared.sort_values("municipality")
    np.testing.assert_allclose(np.sort(drawn[:, 0]), np.sort(rows["denominator"]))
    np.testing.assert_allclose(np.sort(drawn[:, 1]), np.sort(rows["value"]))
    words = texts_of(picture)
    assert "Oppdiktet 3" in words
    assert {"nb": "tilfeldighet alene", "en": "chance alone"}[lang] in words
    assert {"nb": "SYNTETISKE", "en": "SYNTHETIC"}[lang] in words
    lines = {line.get_label(): line for line in axes_of(picture).lines}
    (phi,) = [line for name, line in lines.items() if "φ" in name]
    at = phi.get_xdata()
    expected = funnel_limits(
        compared["target"].iloc[0] / 1000, at, phi=compared["phi"].iloc[0], kind="poisson"
    )
    np.testing.assert_allclose(phi.get_ydata(), 1000 * expected.high)


@pytest.mark.parametrize("lang", ["nb", "en"])
def test_ranks_show_expected_raw_and_limits(compared, many, lang):
    picture = kv.draw_ranks(compared, lang, own="Oppdiktet 3")
    assert not picture.layout_faults
    limits, points = axes_of(picture).collections
    rows = compared.sort_values("rank")
    np.testing.assert_allclose(points.get_offsets()[:, 0], rows["rank"])
    np.testing.assert_allclose([s[0][0] for s in limits.get_segments()], rows["rank_low"])
    np.testing.assert_allclose([s[1][0] for s in limits.get_segments()], rows["rank_high"])
    large = kv.draw_ranks(many, lang, own="Oppdiktet 3")
    assert not large.layout_faults
    assert [t.get_text() for t in axes_of(large).get_yticklabels()] == ["Oppdiktet 3"]


def test_what_cannot_be_drawn_is_refused_by_name(compared):
    later = pd.concat([compared, compared.assign(year=2024)])
    for draw in (kv.draw_funnel, kv.draw_ranks):
        with pytest.raises(SpecificationError, match="year differ"):
            draw(later)
        with pytest.raises(SpecificationError, match="Oppdiktet 99"):
            draw(compared, own="Oppdiktet 99")
        with pytest.raises(SpecificationError, match="language"):
            draw(compared, "sv")
        with pytest.raises(SpecificationError, match="no row has limits"):
            draw(compared.assign(low=np.nan))
        with pytest.raises(DataMissingError, match="rank_low"):
            draw(compared.drop(columns="rank_low"))


def test_funnel_limits_by_hand():
    """Rate 0.02, size 10 000: 200 expected, standard deviation root 200."""
    found = funnel_limits(0.02, [10_000.0], phi=4.0)
    half = 1.959964 * 2 * np.sqrt(200) / 10_000
    assert (found.low[0], found.high[0]) == pytest.approx((0.02 - half, 0.02 + half), rel=1e-6)
    found = funnel_limits(0.02, [10_000.0], tau2=0.005**2)
    half = 1.959964 * np.sqrt(0.02 / 10_000 + 0.005**2)
    assert found.high[0] == pytest.approx(0.02 + half, rel=1e-6)
    found = funnel_limits(100.0, [50.0], kind="compound", relative=1.64)
    assert found.high[0] == pytest.approx(100 + 1.959964 * 100 * np.sqrt(1.64 / 50), rel=1e-6)
    assert funnel_limits(0.02, [10.0], phi=9.0).low[0] == 0


def test_limits_of_chance_have_the_probability_between_whole_numbers():
    """Below the limit, a count's probability shared evenly: exactly one in forty."""
    for kind, law in (("poisson", stats.poisson(37.0)), ("binomial", stats.binom(370, 0.1))):
        found = funnel_limits(0.1, [370.0], kind=kind)
        for limit, below in ((found.low[0] * 370, 0.025), (found.high[0] * 370, 0.975)):
            whole = np.ceil(limit)
            assert law.cdf(whole) - (whole - limit) * law.pmf(whole) == pytest.approx(below)
