"""Aggregates over seeds and tasks, on numbers that can be done by hand, beside SciPy, and on draws of known truth."""

import time

import numpy as np
import pytest
from scipy import stats

from benchmarks.intervals import cases, coverage, kept
from crossrec.aggregates import (
    aggregate,
    expanded_tails,
    iqm,
    optimality_gap,
    performance_profiles,
    probability_of_improvement,
)
from crossrec.errors import ConfigError

RNG = np.random.default_rng
NAMES = ("iqm", "mean", "median", "optimality_gap")


def same_interval(one, other):
    return np.allclose([one.value, one.low, one.high], [other.value, other.low, other.high], rtol=0.0, atol=1e-12)


@pytest.mark.parametrize("n", [4, 8, 20, 100])
def test_the_interquartile_mean_is_scipys_trimmed_mean_where_that_is_exact(n):
    values = RNG(n).gamma(1.0, size=n)
    assert iqm(values) == pytest.approx(stats.trim_mean(values, 0.25))


@pytest.mark.parametrize(
    ("values", "mean"),
    [
        ([7.0], 7.0),
        ([0.0, 4.0], 2.0),
        ([0.0, 4.0, 100.0], (0.25 * 0.0 + 1.0 * 4.0 + 0.25 * 100.0) / 1.5),
        ([100.0, 0.0, 1.0, 2.0, 5.0], (0.75 * 1.0 + 1.0 * 2.0 + 0.75 * 5.0) / 2.5),
        ([9.0, 0.0, 1.0, 2.0, 5.0, 3.0], (0.5 * 1.0 + 2.0 + 3.0 + 0.5 * 5.0) / 3.0),
    ],
)
def test_values_at_the_edge_of_the_middle_half_count_in_part(values, mean):
    assert iqm(values) == pytest.approx(mean)


def test_the_optimality_gap_counts_what_is_lacking_only():
    assert optimality_gap([0.5, 1.5, 0.9]) == pytest.approx((0.5 + 0.0 + 0.1) / 3)
    assert optimality_gap([0.5, 1.5], target=2.0) == pytest.approx(1.0)


def test_statistics_of_two_tasks_by_hand():
    scores = {"policy": [np.array([0.0, 0.2, 0.4, 0.6]), np.array([0.5, 0.7, 0.9, 1.1])]}
    found = aggregate(scores, RNG(0))["policy"]
    assert found.mean.value == pytest.approx((0.3 + 0.8) / 2)
    assert found.median.value == pytest.approx((0.3 + 0.8) / 2)
    assert found.iqm.value == pytest.approx(np.mean([0.4, 0.5, 0.6, 0.7]))
    assert found.optimality_gap.value == pytest.approx(((1.0 + 0.8 + 0.6 + 0.4) + (0.5 + 0.3 + 0.1 + 0.0)) / 8)
    for name in NAMES:
        estimate = getattr(found, name)
        assert estimate.low < estimate.value < estimate.high


def test_the_median_is_over_tasks_or_over_the_seeds_of_a_single_one():
    three = [np.full(2, 0.1), np.full(2, 0.3), np.array([0.8, 1.0])]
    assert aggregate({"p": three}, RNG(0))["p"].median.value == pytest.approx(0.3)
    assert aggregate({"p": [np.array([0.0, 0.1, 0.8])]}, RNG(0))["p"].median.value == pytest.approx(0.1)


def test_tasks_count_alike_however_many_seeds_they_have():
    few, many = np.array([0.0, 0.0]), np.full(50, 1.0)
    found = aggregate({"p": [few, many]}, RNG(0))["p"]
    assert found.mean.value == pytest.approx(0.5)
    assert found.iqm.value == pytest.approx(0.5)
    assert found.optimality_gap.value == pytest.approx(0.5)


def test_seeds_are_resampled_within_their_task():
    """Tasks that differ a lot, whose seeds agree: there is no doubt about any statistic."""
    found = aggregate({"p": [np.full(3, 0.1), np.full(3, 0.9)]}, RNG(0))["p"]
    for name in NAMES:
        estimate = getattr(found, name)
        assert estimate.low == pytest.approx(estimate.value)
        assert estimate.high == pytest.approx(estimate.value)


def test_the_interval_of_a_mean_of_many_seeds_is_scipys_bootstrap():
    values = RNG(3).normal(0.5, 0.1, 200)
    ours = aggregate({"p": [values]}, RNG(0), n_resamples=5000)["p"].mean
    theirs = stats.bootstrap((values,), np.mean, n_resamples=5000, method="percentile", rng=RNG(1)).confidence_interval
    assert ours.low == pytest.approx(theirs.low, abs=0.001)
    assert ours.high == pytest.approx(theirs.high, abs=0.001)


def test_few_seeds_widen_the_interval_as_students_t_does():
    assert expanded_tails([10_000], 0.95) == pytest.approx((0.025, 0.975), abs=1e-4)
    five = stats.norm.cdf(-stats.t.ppf(0.975, 4) * np.sqrt(5 / 4))
    assert expanded_tails([5], 0.95)[0] == pytest.approx(five)
    assert expanded_tails([5] * 4, 0.95)[0] == pytest.approx(stats.norm.cdf(-stats.t.ppf(0.975, 16) * np.sqrt(5 / 4)))


def test_a_single_seed_says_nothing_of_other_seeds():
    found = aggregate({"p": [np.array([0.5]), np.array([0.1, 0.2])]}, RNG(0))["p"]
    assert found.mean.value == pytest.approx(0.325)
    assert np.isnan([found.iqm.low, found.iqm.high, found.mean.low, found.mean.high]).all()


def test_profiles_by_hand():
    scores = {"p": [np.array([0.1, 0.3, 0.5, 0.7]), np.array([0.5, 0.9])]}
    profile = performance_profiles(scores, [0.0, 0.4, 0.5, 0.9], RNG(0))["p"]
    assert profile.value == pytest.approx([1.0, (0.5 + 1.0) / 2, (0.25 + 0.5) / 2, 0.0])
    assert ((profile.low <= profile.value) & (profile.value <= profile.high)).all()
    assert profile.low[0] == profile.high[0] == 1.0
    assert profile.low[1] < profile.high[1]


def test_the_probability_of_improvement_is_mann_and_whitneys():
    first, second = RNG(0).integers(0, 6, 12) / 5, RNG(1).integers(0, 6, 9) / 5  # with ties
    u = stats.mannwhitneyu(first, second).statistic
    assert probability_of_improvement([first], [second], RNG(0)).value == pytest.approx(u / (12 * 9))


def test_the_probability_of_improvement_is_averaged_over_tasks_and_turns_round():
    first = [np.array([1.0, 2.0]), np.array([0.0, 5.0])]
    second = [np.array([0.0, 0.5]), np.array([3.0, 5.0])]
    there = probability_of_improvement(first, second, RNG(0))
    back = probability_of_improvement(second, first, RNG(0))
    assert there.value == pytest.approx((1.0 + (1.0 + 0.5) / 4) / 2)
    assert back.value == pytest.approx(1.0 - there.value)
    assert there.low < there.value < there.high
    assert probability_of_improvement(first, first, RNG(0)).value == pytest.approx(0.5)


def test_the_same_generator_gives_the_same_interval():
    scores = {"p": [RNG(4).normal(size=30)]}
    one, same, other = (aggregate(scores, RNG(seed))["p"].iqm for seed in (0, 0, 1))
    assert same_interval(one, same)
    assert not same_interval(one, other)


def test_a_thousand_runs_take_no_time():
    scores = {f"p{i}": [RNG(i * 10 + task).normal(size=25) for task in range(4)] for i in range(10)}
    began = time.process_time()
    aggregate(scores, RNG(0))
    performance_profiles(scores, np.linspace(0.0, 1.0, 101), RNG(0))
    probability_of_improvement(scores["p0"], scores["p1"], RNG(0))
    assert time.process_time() - began < 3.0


@pytest.mark.parametrize(
    "case",
    [case for case in cases() if case.demanded and case.interval != "paired_difference"],
    ids=lambda case: f"{case.interval}, {case.data}",
)
def test_intervals_cover_the_truth_as_often_as_they_say(case):
    assert kept(coverage(case))


@pytest.mark.parametrize(
    ("scores", "named"),
    [
        ({}, "no policy"),
        ({"a": []}, "'a' hold no task"),
        ({"a": [np.array([])]}, r"'a'.*\(0,\)"),
        ({"a": [np.ones(3), np.ones((2, 2))]}, r"'a', task 1,.*\(2, 2\)"),
        ({"a": [np.array([0.1, np.nan])]}, "1 of 2 values"),
        ({"a": [np.ones(3)], "b": [np.ones(3), np.ones(3)]}, "a 1, b 2"),
    ],
)
def test_scores_that_cannot_be_compared_are_refused(scores, named):
    with pytest.raises(ConfigError, match=named):
        aggregate(scores, RNG(0))
    with pytest.raises(ConfigError, match=named):
        performance_profiles(scores, [0.5], RNG(0))


def test_other_mistakes_are_refused():
    with pytest.raises(ConfigError, match=r"values.*\(0,\)"):
        iqm([])
    with pytest.raises(ConfigError, match="1 of 2"):
        optimality_gap([1.0, np.inf])
    with pytest.raises(ConfigError, match="first 1, second 2"):
        probability_of_improvement([np.ones(2)], [np.ones(2), np.ones(2)], RNG(0))
    with pytest.raises(ConfigError, match=r"thresholds.*\(0,\)"):
        performance_profiles({"a": [np.ones(2)]}, [], RNG(0))
    with pytest.raises(ConfigError, match=r"level=1\.5"):
        aggregate({"a": [np.ones(2)]}, RNG(0), level=1.5)
