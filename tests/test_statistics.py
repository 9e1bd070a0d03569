"""Normalised scores and their intervals, on numbers that can be done by hand and on draws whose truth is known."""

import numpy as np
import pytest

from crossrec.errors import ConfigError
from crossrec.statistics import Estimate, normalised_scores

RNG = np.random.default_rng


def by_hand():
    """Means 1, 2 and 5: the middle one stands a quarter of the way up."""
    return {
        "random": np.array([0.0, 1.0, 2.0, 1.0]),
        "agent": np.array([1.0, 3.0, 2.0, 2.0]),
        "oracle": np.array([4.0, 6.0, 5.0, 5.0]),
    }


def test_a_score_is_the_share_of_the_way_from_zero_to_one():
    estimates = normalised_scores(by_hand(), RNG(0))
    assert estimates["agent"].value == pytest.approx(0.25)
    assert estimates["agent"].low <= 0.25 <= estimates["agent"].high
    assert estimates["agent"].low < estimates["agent"].high


def test_the_ends_of_the_scale_are_exact():
    estimates = normalised_scores(by_hand(), RNG(0))
    assert estimates["random"] == Estimate(0.0, 0.0, 0.0)
    assert estimates["oracle"] == Estimate(1.0, 1.0, 1.0)


def test_a_policy_may_lie_outside_the_scale():
    returns = by_hand() | {"worse": by_hand()["random"] - 4, "better": by_hand()["oracle"] + 4}
    estimates = normalised_scores(returns, RNG(0))
    assert estimates["worse"].value == pytest.approx(-1.0)
    assert estimates["better"].value == pytest.approx(2.0)


def test_the_order_of_policies_and_other_ends_do_not_matter():
    returns = by_hand()
    backwards = dict(reversed(returns.items()))
    assert normalised_scores(returns, RNG(1)) == normalised_scores(backwards, RNG(1))
    other = normalised_scores(returns, RNG(1), zero="agent", one="oracle")
    assert other["random"].value == pytest.approx(-1 / 3)


def test_the_same_generator_gives_the_same_interval_and_another_one_nearly_the_same():
    one, same, other = (normalised_scores(by_hand(), RNG(seed))["agent"] for seed in (0, 0, 1))
    assert one == same
    assert one.low == pytest.approx(other.low, abs=0.1)


def test_people_are_resampled_together_so_what_differs_between_people_but_not_policies_cancels():
    people = RNG(5).normal(0.0, 100.0, 50)
    returns = {"random": people, "shifted": people + 1.0, "oracle": people + 4.0}
    shifted = normalised_scores(returns, RNG(0))["shifted"]
    assert shifted.value == pytest.approx(0.25)
    assert shifted.high - shifted.low < 1e-9
    unpaired = {"random": people, "shifted": RNG(6).permutation(people) + 1.0, "oracle": people + 4.0}
    loose = normalised_scores(unpaired, RNG(0))["shifted"]
    assert loose.high - loose.low > 1.0


def test_a_wider_level_gives_a_wider_interval():
    narrow, wide = (normalised_scores(by_hand(), RNG(0), level=level)["agent"] for level in (0.5, 0.99))
    assert wide.low < narrow.low < narrow.high < wide.high


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    """True scores 0, 0.4 and 1 over 200 groups of 60 people with large differences between people."""
    covered, rng = [], RNG(11)
    for _ in range(200):
        people = rng.normal(0.0, 2.0, 60)
        returns = {
            name: mean + people + rng.normal(0.0, 1.0, 60)
            for name, mean in (("random", 1.0), ("agent", 3.0), ("oracle", 6.0))
        }
        estimate = normalised_scores(returns, rng, n_resamples=300)["agent"]
        covered.append(estimate.low <= 0.4 <= estimate.high)
    assert 0.88 <= np.mean(covered) <= 0.99


def test_different_numbers_of_people_are_refused():
    with pytest.raises(ConfigError, match="different numbers of people"):
        normalised_scores(by_hand() | {"agent": np.ones(3)}, RNG(0))


def test_a_scale_without_extent_is_refused():
    with pytest.raises(ConfigError, match="'oracle' does not beat 'random'"):
        normalised_scores(by_hand() | {"oracle": by_hand()["random"]}, RNG(0))


def test_a_missing_end_of_the_scale_is_refused_by_name():
    with pytest.raises(ConfigError, match="oracle"):
        normalised_scores({"random": np.zeros(3), "agent": np.ones(3)}, RNG(0))


def test_intervals_are_numbers_even_where_some_resamples_have_no_scale():
    """Two people, one of whom gives every policy the same: every fourth resample meets only that one."""
    returns = {"random": np.array([0.0, 0.0]), "agent": np.array([0.0, 1.0]), "oracle": np.array([0.0, 2.0])}
    for estimate in normalised_scores(returns, RNG(0)).values():
        assert np.isfinite([estimate.low, estimate.high]).all()
