"""The gap in cost per inhabitant: Shapley by permutations, sums to the øre, refusals and their neighbours."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest

from kostnadsvekst.errors import DataMissingError, InvalidDataError
from kostnadsvekst.municipal.comparison import gap, gap_by_service
from kostnadsvekst.municipal.comparison_gap import FACTORS, CostFactors, split_gap

ORE = 0.005
CLOSE = 1e-9


def made(rows, population=10_000, need_index=1.0, **more):
    frame = pd.DataFrame(rows, columns=["service", "users", "cost_kr"])
    return frame.assign(population=population, need_index=need_index, **more)


OWN = made([("institution", 60, 60e6), ("home", 140, 28e6)], 10_000, 1.1, municipality="Vik", year=2023)
OTHER = made([("institution", 40, 36e6), ("home", 160, 40e6)], 20_000, 0.9, municipality="Nes", year=2023)


def cost(frame):
    """Kroner per inhabitant, straight from the accounts."""
    return frame["cost_kr"].sum() / frame["population"].iloc[0]


def brute_force(own, reference):
    """Mean change over all orders in which the four factors are exchanged."""
    facts = [dict(zip(FACTORS, one, strict=True)) for one in (own, reference)]
    total = dict.fromkeys(FACTORS, 0.0)
    for order in permutations(FACTORS):
        now = dict(facts[1])
        for factor in order:
            before = product_of(now)
            now[factor] = facts[0][factor]
            total[factor] += (product_of(now) - before) / 24
    return [total[factor] for factor in FACTORS]


def product_of(facts):
    return facts["need"] * facts["coverage"] * float(np.dot(facts["mix"], facts["unit_cost"]))


def facts_of(frame):
    adjusted = frame["population"].iloc[0] * frame["need_index"].iloc[0]
    users = frame["users"].sum()
    return (
        frame["need_index"].iloc[0],
        users / adjusted,
        (frame["users"] / users).to_numpy(),
        (frame["cost_kr"] / frame["users"]).to_numpy(),
    )


def test_split_is_the_mean_over_all_orders():
    found = gap(OWN, OTHER)
    assert found["factor"].tolist() == list(FACTORS)
    assert found["contribution_kr"].tolist() == pytest.approx(brute_force(facts_of(OWN), facts_of(OTHER)))
    # 88 million over 10 000 inhabitants against 76 million over 20 000.
    assert found["contribution_kr"].sum() == pytest.approx(8800 - 3800, abs=ORE)
    assert found.attrs["gap_kr"] == pytest.approx(5000, abs=ORE)


@pytest.mark.parametrize(
    ("factor", "own", "other", "difference"),
    [
        ("need", made([("a", 11, 11e3)], 100, 1.1), made([("a", 10, 10e3)], 100, 1.0), 10),
        ("coverage", made([("a", 12, 12e3)], 100), made([("a", 10, 10e3)], 100), 20),
        ("unit_cost", made([("a", 10, 15e3)], 100), made([("a", 10, 10e3)], 100), 50),
        (
            "mix",
            made([("a", 6, 6e3), ("b", 4, 8e3)], 100),
            made([("a", 4, 4e3), ("b", 6, 12e3)], 100),
            -20,
        ),
    ],
)
def test_what_differs_in_one_factor_is_that_factor(factor, own, other, difference):
    """By hand: 110 against 100 kroner, and so on; the other factors are equal."""
    found = gap(own, other).set_index("factor")["contribution_kr"]
    assert found[factor] == pytest.approx(difference)
    assert found.drop(factor).abs().max() < CLOSE


def test_a_thousand_gaps_sum_to_the_ore():
    rng = np.random.default_rng(1)
    for _ in range(1000):
        n = rng.integers(1, 7)
        one, other = (
            CostFactors(
                rng.uniform(0.7, 1.6),
                rng.uniform(0.001, 0.3),
                rng.dirichlet(np.ones(n)),
                rng.lognormal(12, 1.5, n),
            )
            for _ in range(2)
        )
        found = split_gap(one, other)
        parts = [found.need, found.coverage, found.mix.sum(), found.unit_cost.sum()]
        assert abs(sum(parts) - (one.cost - other.cost)) < ORE
        back = split_gap(other, one)
        assert [back.need, back.coverage, back.mix.sum(), back.unit_cost.sum()] == pytest.approx(
            [-x for x in parts], abs=1e-6
        )


def test_frames_give_what_permutations_give_in_any_order_of_rows():
    rng = np.random.default_rng(2)
    for _ in range(60):
        n = int(rng.integers(1, 6))
        names = [f"s{k}" for k in range(n)]
        frames = [
            made(
                zip(names, rng.integers(1, 900, n), rng.uniform(1e4, 9e8, n).round(2), strict=True),
                int(rng.integers(500, 700_000)),
                rng.uniform(0.8, 1.4),
            )
            for _ in range(2)
        ]
        found = gap(*frames)
        assert abs(found["contribution_kr"].sum() - (cost(frames[0]) - cost(frames[1]))) < ORE
        expected = brute_force(facts_of(frames[0]), facts_of(frames[1]))
        assert found["contribution_kr"].tolist() == pytest.approx(expected, rel=1e-7, abs=1e-6)
        mixed = gap(*(frame.sample(frac=1, random_state=int(rng.integers(99))) for frame in frames))
        pd.testing.assert_frame_equal(found, mixed)


def test_services_below_sum_to_mix_and_unit_cost():
    whole = gap(OWN, OTHER).set_index("factor")["contribution_kr"]
    below = gap_by_service(OWN, OTHER)
    sums = below.groupby("factor")["contribution_kr"].sum()
    assert sums["mix"] == pytest.approx(whole["mix"])
    assert sums["unit_cost"] == pytest.approx(whole["unit_cost"])
    parts = below.set_index(["factor", "service"])["contribution_kr"]
    # One's own institutions are dearer per user, home care is cheaper.
    assert parts["unit_cost", "institution"] > 0 > parts["unit_cost", "home"]
    # More users in institutions, which cost more than the mean user; fewer at home, who cost less.
    assert parts["mix", "institution"] > 0
    assert parts["mix", "home"] > 0


def test_several_references_are_added_up():
    third = OTHER.assign(municipality="Ås", population=10_000, users=[10, 50], cost_kr=[8e6, 9e6])
    both = pd.concat([OTHER, third])
    added = made([("institution", 50, 44e6), ("home", 210, 49e6)], 30_000, 0.9, municipality="sum", year=2023)
    assert gap(OWN, both)["contribution_kr"].tolist() == pytest.approx(
        gap(OWN, added)["contribution_kr"].tolist()
    )


def test_services_that_nobody_uses_count_for_nothing():
    none = pd.DataFrame({"service": ["day"], "users": [0], "cost_kr": [0.0]})
    with_none = [
        pd.concat([f, none.assign(**{c: f[c].iloc[0] for c in f.columns[3:]})]) for f in (OWN, OTHER)
    ]
    pd.testing.assert_frame_equal(gap(*with_none), gap(OWN, OTHER))


def changed(frame, row, **values):
    made_of = frame.astype(object).copy()
    for column, value in values.items():
        made_of.loc[row, column] = value
    return made_of


@pytest.mark.parametrize(
    ("own", "other", "told"),
    [
        (OWN, changed(OTHER, 1, users=0, cost_kr=0), "reference: home has no users, own has"),
        (changed(OWN, 1, users=0), OTHER, "own: home costs 28,000,000 kr and has no users"),
        (OWN.iloc[:1], OTHER, "own lacks the service 'home'; give it, or leave it out of both"),
        (OWN, OTHER.assign(year=2022), "years do not meet: own has 2023, reference 2022"),
        (OWN, OTHER.assign(municipality="Vik"), "Vik is compared with itself"),
        (OWN.assign(population=0), OTHER, "population is 0, must be above 0"),
        (changed(OWN, 0, users=-1), OTHER, "own row 1 (Vik, institution): users is -1"),
        (changed(OWN, 0, cost_kr="mye"), OTHER, "cost_kr is 'mye', not a number"),
        (changed(OWN, 0, service=None), OTHER, "the service is empty"),
        (OWN.assign(need_index=97.2), OTHER, "need_index is 97.2, must be at least 0.1 and at most 10"),
        (pd.concat([OWN, OWN]), OTHER, "'Vik, institution' (2 times)"),
        (changed(OWN, 0, population=9), OTHER, "own, Vik: population differs from row to row"),
        (pd.concat([OWN, OTHER]), made([("a", 1, 1.0)]), "own has several municipalities: Nes, Vik"),
        (
            OWN,
            pd.concat([OTHER, OTHER.iloc[:1].assign(municipality="Ås")]),
            "reference, Ås lacks home; none is 0 users",
        ),
        (OWN.iloc[:0], OTHER, "own has no rows"),
    ],
)
def test_what_is_not_identified_is_refused_by_name(own, other, told):
    with pytest.raises(InvalidDataError, match="the gap cannot be computed") as error:
        gap(own, other)
    assert told in " | ".join(error.value.problems)


def test_all_faults_at_once_and_what_is_no_frame():
    with pytest.raises(InvalidDataError) as error:
        gap(OWN.assign(population=0), changed(OTHER, 0, users=-1).assign(year=1999))
    told = " | ".join(error.value.problems)
    assert all(words in told for words in ("population is 0", "users is -1", "years do not meet"))
    with pytest.raises(InvalidDataError, match="own: a data frame is needed, not list"):
        gap([], OTHER)
    with pytest.raises(DataMissingError, match=r"reference: the data lack .*'users'"):
        gap(OWN, OTHER.drop(columns="users"))
