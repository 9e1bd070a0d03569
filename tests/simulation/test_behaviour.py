"""Each effect of human behaviour: 0 switches it off, more of it goes the documented way, by the documented amount."""

import numpy as np
import pytest

from crossrec.simulation.dynamics import scaled_dwell
from crossrec.simulation.journey import WEEK, daypart

from .conftest import (
    ALWAYS,
    AWAY,
    HOP,
    IGNORED,
    LOVED,
    OFF,
    STAY,
    choice_of,
    first,
    living,
    make_world,
    scenario,
    shown,
    topics,
)

# What a step does to interests, boredom, mood and mind


def test_drift_0_keeps_interests_for_ever():
    simulator = living(LOVED, 200, drift=0.0)
    before = simulator.truth.theta.copy()
    for _ in range(20):
        simulator.step(first(simulator))
    np.testing.assert_array_equal(simulator.truth.theta, before)


def test_drift_moves_interests_that_share_of_the_way_to_a_clicked_item_and_to_no_other(two_rooms):
    simulator = living(two_rooms, 400, drift=0.25)
    before, x = simulator.truth.theta.copy(), topics(simulator, shown(simulator))
    click = simulator.step(first(simulator)).parts["click"].astype(bool)
    assert 0.1 < click.mean() < 0.99
    np.testing.assert_allclose(simulator.truth.theta[click], (0.75 * before + 0.25 * x)[click], atol=1e-6)
    np.testing.assert_array_equal(simulator.truth.theta[~click], before[~click])
    np.testing.assert_allclose(simulator.truth.theta.sum(axis=1), 1.0, rtol=1e-5)


def test_satiation_grows_with_every_exposure_clicked_or_not_and_decays():
    for world in (LOVED, IGNORED):
        simulator = living(world, 100, satiation_decay=0.5, **STAY)
        x1 = topics(simulator, shown(simulator))
        simulator.step(first(simulator))
        np.testing.assert_allclose(simulator.truth.satiation, 0.5 * x1, rtol=1e-6)
        x2 = topics(simulator, shown(simulator))
        simulator.step(first(simulator))
        np.testing.assert_allclose(simulator.truth.satiation, 0.5 * (0.5 * x1 + x2), rtol=1e-5)


def test_satiation_decay_0_forgets_at_once_and_1_never():
    for decay, kept in ((0.0, 0.0), (1.0, 5.0)):
        simulator = living(LOVED, 50, satiation_decay=decay, **STAY)
        for _ in range(5):
            simulator.step(first(simulator))
        np.testing.assert_allclose(simulator.truth.satiation.sum(axis=1), kept, rtol=1e-5)


def test_showing_the_same_topics_again_lowers_clicks_and_satiation_0_switches_that_off():
    def clicks(**strength):
        simulator = living(make_world(scenario()), 4_000, **{**OFF, **strength}, satiation_decay=1.0, **STAY)
        simulator.truth.satiation[:] = 2.0
        return simulator.step(first(simulator)).parts["click"].mean()

    fresh, same, sated = clicks(), clicks(satiation=0.0), clicks(satiation=1.0)
    assert fresh == same
    assert sated == pytest.approx(1 / (1 + np.exp(2.0)), abs=4 * np.sqrt(0.25 / 4_000))


@pytest.mark.parametrize("leak", [0.0, 0.3, 1.0])
def test_satiation_leaks_that_share_into_another_scenario(leak):
    simulator = living(LOVED, 200, satiation_leak=leak, satiation_decay=0.5, **HOP)
    x, where = topics(simulator, shown(simulator)), simulator.seen.scenario.copy()
    simulator.step(first(simulator))
    assert (simulator.seen.scenario != where).all()
    np.testing.assert_allclose(simulator.truth.satiation, leak * 0.5 * x, rtol=1e-6)


def test_satiation_halves_with_each_half_life_away():
    def after(half_life):
        simulator = living(LOVED, 200, satiation_half_life=half_life, satiation_decay=1.0, mood=0.0, **AWAY)
        minute, x = simulator.seen.minute.copy(), topics(simulator, shown(simulator))
        dwell = simulator.step(first(simulator)).parts["dwell"]
        gap = (simulator.seen.minute - minute - 0.3 - dwell) % WEEK
        return simulator.truth.satiation, x, gap

    satiation, x, gap = after(120.0)
    np.testing.assert_allclose(satiation, x * 0.5 ** (gap / 120.0)[:, None], rtol=1e-4, atol=1e-7)
    assert after(1e-3)[0].max() < 1e-6
    np.testing.assert_allclose(after(1e12)[0], x, rtol=1e-4)


def test_mood_0_keeps_satisfaction_and_mood_1_makes_it_the_last_experience(two_rooms):
    flat = living(two_rooms, 300, mood=0.0)
    before = flat.truth.satisfaction.copy()
    for _ in range(5):
        flat.step(first(flat))
    np.testing.assert_array_equal(flat.truth.satisfaction, before)

    quick = living(two_rooms, 300, mood=1.0)
    parts = quick.step(first(quick)).parts
    expected = parts["click"] * (0.5 + 0.3 * scaled_dwell(60 * parts["dwell"]) + 0.2 * parts["conversion"])
    np.testing.assert_allclose(quick.truth.satisfaction, expected, rtol=1e-9)
    assert quick.truth.satisfaction.min() == 0
    assert 0.5 < quick.truth.satisfaction.max() <= 1


def test_clicks_lift_the_mood_and_boredom_lowers_it():
    for world, better in ((LOVED, True), (IGNORED, False)):
        simulator = living(world, 100, mood=0.2)
        before = simulator.truth.satisfaction.copy()
        simulator.step(first(simulator))
        assert ((simulator.truth.satisfaction > before) == better).all()


@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
def test_a_click_puts_its_topic_on_the_mind_with_that_probability(probability):
    n = 4_000
    simulator = living(LOVED, n, on_mind=probability, **STAY)
    intent, topic = simulator.truth.intent.copy(), simulator.world.catalogue.main_topic[shown(simulator)]
    simulator.step(first(simulator))
    now = simulator.truth.intent
    assert ((now == topic) | (now == intent)).all()
    other = topic != intent
    share = (now == topic)[other].mean()
    assert abs(share - probability) <= 4 * np.sqrt(probability * (1 - probability) / other.sum())


def test_without_a_click_the_mind_stays():
    simulator = living(IGNORED, 200, on_mind=1.0, **STAY)
    before = simulator.truth.intent.copy()
    for _ in range(5):
        simulator.step(first(simulator))
    np.testing.assert_array_equal(simulator.truth.intent, before)


# How people move


def test_carry_over_1_takes_the_intent_along_to_every_scenario():
    simulator = living(LOVED, 300, carry_over=1.0, on_mind=0.0, **HOP)
    intent = simulator.truth.intent.copy()
    for _ in range(10):
        where = simulator.seen.scenario.copy()
        simulator.step(first(simulator))
        assert (simulator.seen.scenario != where).all()
        np.testing.assert_array_equal(simulator.truth.intent, intent)


def test_a_new_session_begins_with_a_fresh_intent_whatever_the_carry_over():
    simulator = living(LOVED, 2_000, carry_over=1.0, on_mind=0.0, routine=0.0, **AWAY)
    intent = simulator.truth.intent.copy()
    simulator.step(first(simulator))
    assert (simulator.truth.intent != intent).mean() > 0.3


def test_carry_over_keeps_more_intents_the_stronger_it_is():
    def kept(carry_over):
        simulator = living(LOVED, 3_000, carry_over=carry_over, on_mind=0.0, routine=0.0, **HOP)
        intent = simulator.truth.intent.copy()
        simulator.step(first(simulator))
        return (simulator.truth.intent == intent).mean()

    none, half, all_ = kept(0.0), kept(0.5), kept(1.0)
    assert all_ == 1.0
    assert half == pytest.approx((none + 1.0) / 2, abs=4 * np.sqrt(0.25 / 3_000) * 2)
    assert none < 0.6, "a fresh draw can be the same topic, not more"


def test_routine_1_makes_a_fresh_intent_the_routine_of_the_daypart():
    simulator = living(LOVED, 1_000, routine=1.0)
    truth = simulator.truth
    part = daypart(simulator.seen.minute)
    np.testing.assert_array_equal(truth.intent, truth.routine[np.arange(1_000), part])


def test_routine_0_draws_a_fresh_intent_from_interest():
    simulator = living(LOVED, 8_000, routine=0.0)
    effective = choice_of(simulator).interest(simulator.truth, simulator.seen.scenario).astype(float)
    of_intent = effective[np.arange(8_000), simulator.truth.intent]
    expected = (effective**2).sum(axis=1)
    variance = (effective**3).sum(axis=1) - expected**2
    assert abs((of_intent - expected).sum()) < 4 * np.sqrt(variance.sum())
    routine = simulator.truth.routine[np.arange(8_000), daypart(simulator.seen.minute)]
    assert (simulator.truth.intent == routine).mean() < 0.6


def test_drift_raises_the_interest_that_counts_also_where_shared_interest_is_mirrored():
    world = make_world(scenario("news", base=ALWAYS, rho=-0.5), scenario("video", base=ALWAYS, rho=0.5))
    simulator = living(world, 400, drift=0.25, **STAY)
    where, people = simulator.seen.scenario.copy(), np.arange(simulator.n)
    assert 0 < where.mean() < 1
    topic = world.catalogue.main_topic[shown(simulator)]
    before = choice_of(simulator).interest(simulator.truth, where)[people, topic].copy()
    click = simulator.step(first(simulator)).parts["click"].astype(bool)
    after = choice_of(simulator).interest(simulator.truth, where)[people, topic]
    room = click & (before < 0.3)  # who is full of a topic already cannot want it more
    assert room[where == 0].any()
    assert (after > before)[room].all()
