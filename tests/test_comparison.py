"""Paired differences: by hand, beside SciPy, and over draws whose truth is known."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from benchmarks.intervals import cases, coverage, kept, unexplained
from crossrec.comparison import detectable_difference, paired_difference
from crossrec.errors import ConfigError

RNG = np.random.default_rng
_SLOW = {"log-normal, 1,000 people", "unlike, 1,000 people"}  # `python -m benchmarks.intervals` has them as well


def test_the_difference_is_the_mean_of_first_minus_second():
    found = paired_difference([3.0, 5.0, 4.0], [1.0, 2.0, 3.0], RNG(0))
    assert found.difference.value == pytest.approx(2.0)
    assert found.people == 3
    turned = paired_difference([1.0, 2.0, 3.0], [3.0, 5.0, 4.0], RNG(0))
    assert turned.difference.value == pytest.approx(-2.0)
    assert turned.p_value == found.p_value


def test_all_sign_flips_by_hand():
    """Differences 2, 3, 1: of eight flips, only all plus and all minus reach a sum of 6."""
    assert paired_difference([3.0, 5.0, 4.0], [1.0, 2.0, 3.0], RNG(0)).p_value == pytest.approx(2 / 8)


@pytest.mark.parametrize("seed", range(4))
def test_exact_p_values_are_scipys(seed):
    first, second = RNG(seed).normal(0.5, 1.0, 9), RNG(seed + 10).normal(size=9)
    theirs = stats.permutation_test(
        (first, second), lambda x, y: np.abs(np.mean(x - y)), permutation_type="samples", alternative="greater"
    )
    assert paired_difference(first, second, RNG(0)).p_value == pytest.approx(theirs.pvalue)


def test_random_flips_agree_with_all_of_them():
    first, second = RNG(0).normal(0.4, 1.0, 14), RNG(1).normal(size=14)
    gaps = np.abs(first - second)
    signs = 1.0 - 2.0 * ((np.arange(2**14)[:, None] >> np.arange(14)) & 1)
    exact = np.mean(np.abs(signs @ gaps) >= abs((first - second).sum()) - 1e-9)
    assert 0.01 < exact < 0.9
    drawn = paired_difference(first, second, RNG(0), n_flips=40_000).p_value
    assert drawn == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / 40_000) + 1e-4)


def test_a_p_value_of_random_flips_is_never_zero():
    first = RNG(0).normal(10.0, 1.0, 50)
    assert paired_difference(first, np.zeros(50), RNG(0), n_flips=999).p_value == pytest.approx(1 / 1000)


def test_pairs_without_a_difference_leave_the_exact_test_exact():
    first = np.concatenate([[3.0, 5.0, 4.0], np.zeros(40)])
    second = np.concatenate([[1.0, 2.0, 3.0], np.zeros(40)])
    assert paired_difference(first, second, RNG(0)).p_value == pytest.approx(2 / 8)


def test_without_any_difference_nothing_can_be_told_apart():
    same = RNG(0).normal(size=30)
    found = paired_difference(same, same, RNG(0))
    assert (found.difference.value, found.difference.low, found.difference.high) == (0.0, 0.0, 0.0)
    assert found.p_value == 1.0
    assert found.variance_ratio == 0.0
    assert found.unpaired_people is None
    assert math.isnan(paired_difference(np.ones(5), np.ones(5), RNG(0)).variance_ratio)


def test_the_interval_of_few_pairs_is_students_t():
    first, second = RNG(0).normal(1.0, 1.0, 8), RNG(1).normal(size=8)
    found = paired_difference(first, second, RNG(0)).difference
    theirs = stats.ttest_rel(first, second).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high))


def test_the_interval_of_many_pairs_is_scipys_bootstrap():
    first, second = RNG(0).gamma(2.0, size=800), RNG(1).gamma(2.0, size=800)
    found = paired_difference(first, second, RNG(0), n_resamples=8000).difference
    theirs = stats.bootstrap(
        (first - second,), np.mean, n_resamples=8000, method="percentile", rng=RNG(1)
    ).confidence_interval
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=0.01)


def test_the_variance_ratio_and_the_people_that_pairing_saves_by_hand():
    first, second = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 2.0, 3.0, 6.0])
    found = paired_difference(first, second, RNG(0))
    apart = first.var(ddof=1) + second.var(ddof=1)
    assert found.variance_ratio == pytest.approx((first - second).var(ddof=1) / apart)
    assert found.unpaired_people == math.ceil(4 / found.variance_ratio)


def test_as_many_unpaired_people_as_it_says_give_as_wide_an_interval():
    person, rng = RNG(0).normal(0.0, 3.0, 400), RNG(1)
    found = paired_difference(person + rng.normal(size=400), person + rng.normal(size=400), RNG(2))
    n = found.unpaired_people
    assert n > 2000
    first, second = RNG(3).normal(0.0, 3.0, (2, n)) + RNG(4).normal(size=(2, n))
    unpaired = stats.ttest_ind(first, second).confidence_interval(0.95)
    width = found.difference.high - found.difference.low
    assert unpaired.high - unpaired.low == pytest.approx(width, rel=0.1)


def test_unrelated_values_gain_nothing_from_being_paired():
    found = paired_difference(RNG(0).normal(size=2000), RNG(1).normal(size=2000), RNG(2))
    assert found.variance_ratio == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize(
    "case",
    [case for case in cases() if case.interval == "paired_difference" and case.data not in _SLOW],
    ids=lambda case: case.data,
)
def test_over_500_comparisons_without_a_difference_95_percent_of_intervals_cover_0(case):
    assert kept(coverage(case))


def test_what_baselines_explain_of_differences_is_left_out():
    baselines = RNG(0).normal(size=(4, 300))
    noise = RNG(1).normal(size=300)

    def lives(returns):
        policies = dict(zip(("random", "popularity", "content", "oracle", "dqn"), [*baselines, returns], strict=True))
        return pd.concat([pd.DataFrame({"policy": name, "return": values}) for name, values in policies.items()])

    zero = lives(np.zeros(300))
    assert unexplained([lives(2.0 * baselines[0] - baselines[3] + 1.0), zero], "dqn", "return") < 1e-12
    assert unexplained([lives(noise), zero], "dqn", "return") == pytest.approx(1.0, abs=0.05)
    assert unexplained([lives(noise + baselines[1]), zero], "dqn", "return") == pytest.approx(0.5, abs=0.1)


def test_p_values_are_below_a_level_as_often_as_it_says():
    made = [RNG(seed).normal(size=(2, 30)) for seed in range(500)]
    below = np.mean([paired_difference(*pair, RNG(0), n_resamples=2, n_flips=400).p_value <= 0.05 for pair in made])
    assert 0.02 <= below <= 0.08


@pytest.mark.parametrize("n", [5, 20, 200])
def test_a_detectable_difference_is_found_as_often_as_it_says(n):
    """The power of the t test comes from the non-central t; the formula approximates it."""
    delta = detectable_difference(2.0, n)
    edge = stats.t.ppf(0.975, n - 1)
    power = stats.nct.sf(edge, n - 1, delta / 2.0 * math.sqrt(n))
    assert power == pytest.approx(0.8, abs=0.04)


def test_detectable_differences_by_hand_and_in_order():
    t = stats.t.ppf(0.975, 4) + stats.t.ppf(0.8, 4)
    assert detectable_difference(0.03, 5) == pytest.approx(t * 0.03 / math.sqrt(5))
    assert detectable_difference(1.0, 400) == pytest.approx((1.96 + 0.8416) / 20, rel=0.01)
    assert detectable_difference(0.0, 5) == 0.0
    assert detectable_difference(1.0, 10, power=0.95) > detectable_difference(1.0, 10)
    assert detectable_difference(1.0, 10, level=0.99) > detectable_difference(1.0, 10)


@pytest.mark.parametrize(
    ("first", "second", "named"),
    [
        ([], [], r"first has the shape \(0,\)"),
        ([1.0], [1.0], r"first has the shape \(1,\)"),
        (np.ones((2, 2)), np.ones(4), r"first has the shape \(2, 2\)"),
        ([1.0, 2.0], [1.0, np.nan], "second holds 1 of 2"),
        ([1.0, 2.0, 3.0], [1.0, 2.0], "first has 3 values and second 2"),
    ],
)
def test_values_that_cannot_be_paired_are_refused(first, second, named):
    with pytest.raises(ConfigError, match=named):
        paired_difference(first, second, RNG(0))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"deviation": -1.0, "n": 5}, "deviation=-1"),
        ({"deviation": 1.0, "n": 1}, "n=1"),
        ({"deviation": 1.0, "n": 5, "power": 1.0}, "power=1"),
        ({"deviation": 1.0, "n": 5, "level": 0.0}, "level=0"),
    ],
)
def test_a_detectable_difference_out_of_range_is_refused(arguments, named):
    with pytest.raises(ConfigError, match=named):
        detectable_difference(**arguments)
