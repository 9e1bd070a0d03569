"""Utilities, click probabilities and rewards against formulas worked out by hand, and against what people then do."""

import numpy as np
import pytest

from crossrec.config import DEFAULT_SCENARIOS, BehaviourConfig, EnvConfig, RewardConfig
from crossrec.random import as_uniform, bits, keys
from crossrec.simulation.choice import ChoiceModel
from crossrec.world.scenario import resolve_scenarios
from crossrec.world.synthetic import build_world

from .conftest import OFF, choice_of, first, living, make_world, scenario

DEFAULT = build_world(resolve_scenarios(DEFAULT_SCENARIOS), 100, 0)
EFFECTS = ("interest", "intent", "quality", "satiation")


def shown(simulator, place=0):
    return simulator.seen.candidates[:, place]


def utilities(simulator, items, **strengths):
    """Of these items for these people, were the strengths as given."""
    model = ChoiceModel(simulator.world, EnvConfig(behaviour=BehaviourConfig(**{**OFF, **strengths})))
    return model.utility(simulator.state, items[:, None])[:, 0]


@pytest.fixture(scope="module")
def crowd():
    """People in the default world after some steps, so that satiation and intents are there."""
    simulator = living(DEFAULT, 3_000)
    for _ in range(3):
        simulator.step(first(simulator))
    return simulator


def test_without_any_effect_the_utility_is_the_base_of_the_scenario(crowd):
    bases = np.array([spec.base for spec in DEFAULT.scenarios])
    np.testing.assert_allclose(utilities(crowd, shown(crowd, 5)), bases[crowd.seen.scenario], rtol=1e-12)


def test_without_any_effect_people_click_with_the_logistic_of_the_base():
    base, n = -1.5, 20_000
    simulator = living(make_world(scenario(base=base)), n, **OFF)
    probability = 1 / (1 + np.exp(1.5))
    clicks = simulator.step(first(simulator)).parts["click"]
    assert abs(clicks.mean() - probability) < 4 * np.sqrt(probability * (1 - probability) / n)


def test_each_effect_adds_what_the_formula_says(crowd):
    truth, world, here = crowd.truth, crowd.world, crowd.seen.scenario
    items = shown(crowd, 3)
    base = utilities(crowd, items)
    x = world.catalogue.topics[items].astype(float)
    rho = np.array([spec.rho for spec in world.scenarios])[here][:, None]
    private = world.population.private(crowd.seen.user, here)
    interest = ((rho * truth.theta + (1 - rho) * private) * x).sum(axis=1)
    expected = {
        "interest": 2.5 * interest,
        "intent": 2.5 * (x.argmax(axis=1) == truth.intent),
        "quality": 2.5 * world.catalogue.quality[items],
        "satiation": -2.5 * (truth.satiation * x).sum(axis=1),
    }
    assert (items > 0).all()
    for effect, added in expected.items():
        assert np.abs(added).max() > 0.5, "else nothing would be tested"
        np.testing.assert_allclose(utilities(crowd, items, **{effect: 2.5}) - base, added, atol=1e-5)
    together = utilities(crowd, items, **dict.fromkeys(EFFECTS, 2.5))
    np.testing.assert_allclose(together - base, sum(expected.values()), atol=1e-5)


def test_a_negative_rho_mirrors_shared_interest_to_the_topics_half_way_round():
    world = make_world(scenario("news", rho=-0.4), scenario("video", rho=0.4), scenario("music", rho=-1.0))
    simulator = living(world, 300)
    truth, here = simulator.truth, simulator.seen.scenario
    assert set(here) == {0, 1, 2}
    effective = choice_of(simulator).interest(truth, here)
    phi = world.population.private(simulator.seen.user, here)
    for i in range(300):
        theta, private, rho = truth.theta[i], phi[i], (-0.4, 0.4, -1.0)[here[i]]
        mirrored = np.array([theta[(k - 12) % 24] for k in range(24)]) if rho < 0 else theta
        np.testing.assert_allclose(effective[i], abs(rho) * mirrored + (1 - abs(rho)) * private, rtol=1e-5)


def test_interest_of_some_rows_equals_theirs_in_the_batch(crowd):
    rows, here = np.array([5, 2_999, 5]), crowd.seen.scenario
    batch = choice_of(crowd).interest(crowd.truth, here)
    np.testing.assert_array_equal(choice_of(crowd).interest(crowd.truth, here[rows], rows), batch[rows])


def test_nothing_shown_is_never_clicked_dwelt_on_or_converted(crowd):
    items = np.zeros(crowd.n, np.int32)
    utility = utilities(crowd, items, interest=7.0, intent=3.0)
    assert (utility == -np.inf).all()
    u = np.full((3, crowd.n), 1e-300)
    feedback = choice_of(crowd).feedback(utility[:, None], crowd.seen.scenario, items[:, None], u)
    assert not feedback.click.any()
    assert not feedback.dwell.any()
    assert not feedback.conversion.any()


def test_dwell_and_conversion_come_only_after_a_click_and_dwell_is_capped():
    simulator = living(make_world(scenario(dwell=3_000.0, dwell_spread=2.0)), 5_000, **OFF)
    parts = simulator.step(first(simulator)).parts
    missed = parts["click"] == 0
    assert missed.any()
    assert not parts["dwell"][missed].any()
    assert not parts["conversion"][missed].any()
    assert (parts["dwell"][~missed] > 0).all()
    assert parts["dwell"].max() == 60.0, "an hour at most"


@pytest.mark.parametrize("place", [0, 7])
def test_people_do_what_the_true_expected_rewards_say(place):
    """Sums of clicks, dwell and conversions over 30,000 people against the sums of their expectations."""
    simulator = living(DEFAULT, 30_000)
    for _ in range(2):
        simulator.step(first(simulator))
    items, here = shown(simulator, place), simulator.seen.scenario
    allowed = items > 0
    model = choice_of(simulator)
    utility = model.utility(simulator.state, items[:, None])
    expected = {name: part[:, 0] for name, part in model.expected(utility, here, items[:, None]).items()}
    asked = simulator.expected_rewards()[:, place]
    weights = simulator.config.reward
    by_hand = weights.click * expected["click"] + weights.dwell * expected["dwell"]
    by_hand += weights.conversion * expected["conversion"]
    np.testing.assert_allclose(asked[allowed], by_hand[allowed], rtol=1e-6)
    assert (asked[~allowed] == -np.inf).all()

    outcome = simulator.step(np.full((simulator.n, 1), place))
    p = expected["click"]
    clicks = outcome.parts["click"]
    assert abs(clicks.sum() - p.sum()) < 4 * np.sqrt((p * (1 - p)).sum())
    p = expected["conversion"]
    assert abs(outcome.parts["conversion"].sum() - p.sum()) < 4 * np.sqrt((p * (1 - p)).sum())
    surplus = (outcome.parts["dwell"] - expected["dwell"])[allowed]
    assert abs(surplus.sum()) < 4 * surplus.std() * np.sqrt(allowed.sum())


def test_clicks_are_calibrated_at_every_level_of_probability():
    """Not only on the whole: in each tenth of the probability scale people click as often as it says."""
    simulator = living(DEFAULT, 20_000, seed=9)
    place = np.argmax(simulator.expected_rewards(), axis=1)
    place[::2] = 0
    items = simulator.seen.candidates[np.arange(simulator.n), place]
    p = 1 / (1 + np.exp(-choice_of(simulator).utility(simulator.state, items[:, None])[:, 0]))
    clicks = simulator.step(place[:, None]).parts["click"]
    level = (p * 10).astype(int)
    assert len(set(level)) >= 8
    for tenth in set(level):
        own = level == tenth
        assert abs(clicks[own].sum() - p[own].sum()) < 4 * np.sqrt((p * (1 - p))[own].sum()) + 1


def test_better_items_are_dwelt_on_longer_and_convert_more_often():
    simulator = living(make_world(scenario()), 10)
    items, here = np.ones((2, 1), np.int32), np.zeros(2, np.int64)
    expected = choice_of(simulator).expected(np.array([[0.0], [2.0]]), here, items)
    per_click = {name: (expected[name] / expected["click"])[:, 0] for name in ("dwell", "conversion")}
    assert per_click["dwell"][0] == pytest.approx(1.0 * np.exp(0.5 * 0.5**2)), "mean of a log-normal with median 60 s"
    assert per_click["conversion"][0] == pytest.approx(0.2)
    assert per_click["dwell"][1] > per_click["dwell"][0]
    assert per_click["conversion"][1] > per_click["conversion"][0]


def test_long_items_take_longer_and_dear_ones_convert_less():
    world = make_world(scenario("music", facet="length"), scenario("shopping", facet="price"), items=400)
    model, catalogue = choice_of(living(world, 1)), world.catalogue
    for index, (name, sign) in enumerate((("dwell", 1), ("conversion", -1))):
        own = np.flatnonzero(catalogue.scenario == index)
        order = own[np.argsort(catalogue.facet[own])]
        ends = order[[0, len(order) // 2, -1]].astype(np.int32)
        value = model.expected(np.zeros((3, 1)), np.full(3, index), ends[:, None])[name][:, 0]
        assert (sign * np.diff(value) > 0).all()


@pytest.mark.parametrize("weights", [(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (0.5, -2.0, 3.0)])
def test_the_reward_is_the_weighted_sum_of_its_parts(weights):
    reward = RewardConfig(*weights)
    simulator = living(make_world(scenario()), 500, reward=reward)
    outcome = simulator.step(first(simulator))
    expected = sum(w * outcome.parts[name] for w, name in zip(weights, ("click", "dwell", "conversion"), strict=True))
    assert np.abs(expected).max() > 0
    np.testing.assert_allclose(outcome.reward, expected, rtol=1e-12)


def test_common_random_numbers_a_better_item_is_clicked_whenever_a_worse_one_is(crowd):
    u = as_uniform(bits(keys(1, np.arange(crowd.n)), np.zeros(crowd.n), np.arange(3, dtype=np.uint64)))
    items, here = shown(crowd), crowd.seen.scenario
    model, slates = choice_of(crowd), items[:, None]
    worse, better = (model.feedback(np.full((crowd.n, 1), level), here, slates, u) for level in (-1.0, 0.5))
    assert (better.click >= worse.click).all()
    assert better.click.sum() > worse.click.sum()
