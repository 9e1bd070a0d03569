"""Measures of transfer agree with values worked out by hand."""

import numpy as np
import pytest

from crossrec.errors import ConfigError
from crossrec.transfer import (
    Curve,
    area_ratio,
    asymptotic_gain,
    backward_transfer,
    cold_start_regret,
    forgetting,
    forward_transfer,
    interactions_saved,
    jumpstart,
    negative_rate,
    on_common_stretch,
    time_to_threshold,
    transfer_ratio,
)

# Three made-up pairs of curves. By hand:
#   better   with: 0.2 at 0, 0.6 at 100, 0.8 at 200; without: 0.0, 0.4, 0.8. Areas 40 + 70 = 110 and 20 + 60 = 80.
#   worse    with: 0.1 at 0, 0.3 at 200; without: 0.2 at 0, 0.4 at 200. Areas 40 and 60.
#   unequal  with: 0.5 at 0 and at 400; without: 0.0 at 100, 1.0 at 300. Common: 100 to 300. Areas 100 and 100.
PAIRS = {
    "better": (Curve([0, 100, 200], [0.2, 0.6, 0.8]), Curve([0, 100, 200], [0.0, 0.4, 0.8])),
    "worse": (Curve([0, 200], [0.1, 0.3]), Curve([0, 200], [0.2, 0.4])),
    "unequal": (Curve([0, 400], [0.5, 0.5]), Curve([100, 300], [0.0, 1.0])),
}
#                  jumpstart, area ratio, gain of the last half, time to 0.3 with and without
BY_HAND = {
    "better": (0.2, 30 / 80, 0.7 - 0.6, 25.0, 75.0),
    "worse": (-0.1, -20 / 60, 0.25 - 0.35, 200.0, 100.0),
    "unequal": (0.5, 0.0, 0.5 - 0.75, 0.0, 160.0),
}


@pytest.mark.parametrize("name", PAIRS)
def test_curves_of_which_the_answer_is_known(name):
    transferred, scratch = PAIRS[name]
    found = (
        jumpstart(transferred, scratch),
        area_ratio(transferred, scratch),
        asymptotic_gain(transferred, scratch, 0.5),
        time_to_threshold(transferred, 0.3),
        time_to_threshold(scratch, 0.3),
    )
    assert found == pytest.approx(BY_HAND[name])


def test_a_threshold_that_is_never_reached_takes_forever():
    assert time_to_threshold(PAIRS["worse"][0], 0.31) == float("inf")


def test_the_last_point_alone_can_be_the_end():
    assert asymptotic_gain(*PAIRS["better"], 0.0) == pytest.approx(0.0)
    assert asymptotic_gain(*PAIRS["unequal"], 0.0) == pytest.approx(-0.5)


def test_a_curve_of_one_point_is_compared_there():
    once = Curve([0.0], [0.3])
    assert jumpstart(once, PAIRS["better"][1]) == asymptotic_gain(once, PAIRS["better"][1]) == pytest.approx(0.3)


def test_curves_meet_at_the_points_of_both():
    first, second = on_common_stretch(*PAIRS["unequal"])
    assert first.transitions.tolist() == second.transitions.tolist() == [100.0, 300.0]
    with pytest.raises(ConfigError, match="share no stretch of transitions: 0 to 10 and 20 to 30"):
        jumpstart(Curve([0, 10], [0, 1]), Curve([20, 30], [0, 1]))


def test_the_transfer_ratio_is_a_share_of_what_knowing_the_target_is_worth():
    blind, home = np.array([1.0, 3.0]), np.array([5.0, 7.0])
    assert transfer_ratio(home, blind, home) == 1.0
    assert transfer_ratio(blind, blind, home) == 0.0
    assert transfer_ratio([3.0, 3.0], blind, home) == 0.25
    assert transfer_ratio([0.0, 2.0], blind, home) == -0.25
    assert np.isnan(transfer_ratio(home, blind, blind))
    assert np.isnan(transfer_ratio(home, home, blind))  # knowing the target does worse than knowing nothing


def test_three_scenarios_one_after_another():
    r = np.array([[0.8, 0.2, 0.1], [0.6, 0.7, 0.4], [0.5, 0.6, 0.9]])
    assert backward_transfer(r) == pytest.approx(((0.5 - 0.8) + (0.6 - 0.7)) / 2)
    assert forgetting(r) == pytest.approx(((0.8 - 0.5) + (0.7 - 0.6)) / 2)
    assert forward_transfer(r, [0.0, 0.1, 0.1]) == pytest.approx(((0.2 - 0.1) + (0.4 - 0.1)) / 2)


def test_what_was_better_before_it_was_learnt_counts_as_forgotten():
    assert forgetting([[0.5, 0.9, 0.0], [0.5, 0.4, 0.0], [0.5, 0.4, 0.9]]) == pytest.approx(0.25)


def test_an_area_below_zero_is_no_unit():
    assert np.isnan(area_ratio(Curve([0, 1], [-0.1, 0.0]), Curve([0, 1], [-0.2, -0.1])))


def test_what_is_best_later_counts_for_forgetting_and_not_for_backward_transfer():
    r = np.array([[0.5, 0.0, 0.0], [0.9, 0.5, 0.0], [0.7, 0.5, 0.5]])
    assert forgetting(r) == pytest.approx((0.2 + 0.0) / 2)
    assert backward_transfer(r) == pytest.approx((0.2 + 0.0) / 2)


def test_how_often_transfer_harms():
    assert negative_rate([0.1, -0.1, -0.2, 0.0], [0.2, 0.1, -0.1, 0.1]) == (0.5, 0.25)
    assert np.isnan(negative_rate([-1.0, 1.0], [np.nan, 2.0])[1])
    rate, sure = negative_rate([-1.0])
    assert rate == 1.0
    assert np.isnan(sure)


def test_regret_counts_first_interactions_and_stops_where_people_leave():
    best = np.array([[1.0, 1.0, 1.0], [2.0, 2.0, np.nan]])
    reached = np.array([[0.5, 0.25, 1.0], [2.0, 1.0, np.nan]])
    assert cold_start_regret(reached, best, 2).tolist() == [1.25, 1.0]
    assert cold_start_regret(reached, best, 3).tolist() == [1.25, 1.0]
    assert cold_start_regret(reached, best, 1).tolist() == [0.5, 0.0]


def test_interactions_saved():
    assert interactions_saved([0.0, 0.2, 0.4], [0.3, 0.3, 0.4]) == pytest.approx(1.5)
    assert interactions_saved([0.4, 0.5], [0.3, 0.5]) == 0.0
    assert interactions_saved([0.0, 0.1], [0.3, 0.3]) == float("inf")


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (lambda: Curve([0, 1], [0.0]), r"shape \(2,\) and scores of shape \(1,\)"),
        (lambda: Curve([], []), "at least 1"),
        (lambda: Curve([1, 0], [0, 0]), "must ascend"),
        (lambda: Curve([0, 1], [0, float("nan")]), "finite"),
        (lambda: asymptotic_gain(*PAIRS["better"], 2.0), "share=2.0 is out of range"),
        (lambda: backward_transfer([[1.0]]), "T at least 2"),
        (lambda: forgetting([[1.0, 2.0]]), r"shape \(1, 2\)"),
        (lambda: forward_transfer(np.eye(2), [0.0]), "a score for each scenario"),
        (lambda: negative_rate([]), "at least one pair"),
        (lambda: negative_rate([1.0], [1.0, 2.0]), "one for each gain"),
        (lambda: cold_start_regret(np.zeros((2, 3)), np.zeros((2, 2)), 1), r"\(2, 3\) and best \(2, 2\)"),
        (lambda: cold_start_regret(np.zeros((2, 3)), np.zeros((2, 3)), 4), "first=4 is out of range"),
    ],
)
def test_what_is_not_allowed_is_said(wrong, named):
    with pytest.raises(ConfigError, match=named):
        wrong()
