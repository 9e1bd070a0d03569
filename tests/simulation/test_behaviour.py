"""Each effect of human behaviour: 0 switches it off, more of it goes the documented way, by the documented amount."""

import numpy as np
import pytest

from crossrec.simulation.dynamics import scaled_dwell
from crossrec.simulation.journey import WEEK, daypart, weekday

from .conftest import ALWAYS, FOREVER, NEVER, OFF, first, living, make_world, scenario

STAY = {"leave": 0.0, "session_minutes": FOREVER}  # nobody ever moves
HOP = {"leave": 1.0, "session_minutes": FOREVER}  # everybody moves at every step, within one session
AWAY = {"session_minutes": 1e-6}  # every step ends a session
LOVED = make_world(scenario("news", base=ALWAYS), scenario("video", base=ALWAYS), scenario("music", base=ALWAYS))
IGNORED = make_world(scenario("news", base=NEVER), scenario("video", base=NEVER))


def shown(simulator):
    return simulator.seen.candidates[:, 0].copy()


def topics(simulator, items):
    return simulator.world.catalogue.topics[items]


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
    effective = simulator.choice.interest(simulator.truth, simulator.seen.scenario).astype(float)
    of_intent = effective[np.arange(8_000), simulator.truth.intent]
    expected = (effective**2).sum(axis=1)
    variance = (effective**3).sum(axis=1) - expected**2
    assert abs((of_intent - expected).sum()) < 4 * np.sqrt(variance.sum())
    routine = simulator.truth.routine[np.arange(8_000), daypart(simulator.seen.minute)]
    assert (simulator.truth.intent == routine).mean() < 0.6


def test_leave_0_keeps_people_where_they_are_and_1_makes_everybody_go():
    stay = living(LOVED, 300, **STAY)
    where = stay.seen.scenario.copy()
    for _ in range(30):
        stay.step(first(stay))
        assert not stay.seen.entered.any()
    np.testing.assert_array_equal(stay.seen.scenario, where)

    hop = living(LOVED, 300, **HOP)
    for _ in range(10):
        where = hop.seen.scenario.copy()
        hop.step(first(hop))
        assert hop.seen.entered.all()
        assert (hop.seen.scenario != where).all()


def test_leave_0_keeps_even_the_unhappiest_whatever_the_weight_of_the_mood():
    assert not leaving(0.0, leave=0.0, leave_mood=100.0).any()


def test_people_leave_at_the_documented_hazard_at_average_mood_and_patience():
    n = 20_000
    simulator = living(IGNORED, n, leave=0.2, mood=0.0, session_minutes=FOREVER)
    simulator.truth.patience[:] = 1.0
    simulator.step(first(simulator))
    assert abs(simulator.seen.entered.mean() - 0.2) < 4 * np.sqrt(0.16 / n)


def leaving(satisfaction, patience=1.0, world=IGNORED, **behaviour):
    """Who leaves at one step with a given mood and patience; the same noise each time."""
    simulator = living(world, 5_000, mood=0.0, session_minutes=FOREVER, **behaviour)
    simulator.truth.satisfaction[:] = satisfaction
    simulator.truth.patience[:] = patience
    simulator.step(first(simulator))
    return simulator.seen.entered.copy()


def test_the_satisfied_and_the_patient_stay_longer_and_leave_mood_0_switches_the_mood_off():
    sad, happy = leaving(0.0), leaving(1.0)
    assert (happy <= sad).all()
    assert happy.sum() < 0.5 * sad.sum()
    np.testing.assert_array_equal(leaving(0.0, leave_mood=0.0), leaving(1.0, leave_mood=0.0))
    patient = leaving(0.3, patience=4.0)
    assert patient.sum() < 0.5 * leaving(0.3).sum()
    roomy = make_world(*(scenario(name, base=NEVER, patience=4.0) for name in ("news", "video")))
    np.testing.assert_array_equal(leaving(0.3, world=roomy), patient)


def test_transition_feedback_sends_those_who_clicked_to_scenarios_with_follow_up_and_0_switches_it_off():
    names = {"news": 0.0, "video": 1.0, "music": -1.0}

    def share(base, strength):
        world = make_world(*(scenario(name, base=base, follow_up=up) for name, up in names.items()))
        simulator = living(world, 6_000, transition_feedback=strength, **HOP)
        from_news = simulator.seen.scenario == 0
        simulator.step(first(simulator))
        return (simulator.seen.scenario[from_news] == 1).mean()

    assert share(ALWAYS, 1.0) > share(NEVER, 1.0) + 0.1
    assert share(NEVER, 0.0) == share(NEVER, 1.0), "who has not clicked is not sent anywhere"
    # Dwell takes time, and with it some people into another daypart.
    assert share(ALWAYS, 0.0) == pytest.approx(share(NEVER, 0.0), abs=0.02)


def test_the_next_scenario_follows_the_habits_of_the_person_at_that_daypart():
    simulator = living(LOVED, 8_000, transition_feedback=0.0, **HOP)
    simulator.step(first(simulator))
    simulator.step(first(simulator))
    before = simulator.seen.scenario.copy()
    simulator.step(first(simulator))
    rows = np.arange(8_000)
    weights = simulator.truth.habit[rows, daypart(simulator.seen.minute)].astype(float)
    weights[rows, before] = 0
    p = weights / weights.sum(axis=1, keepdims=True)
    for place in range(3):
        went = simulator.seen.scenario == place
        assert abs(went.sum() - p[:, place].sum()) < 4 * np.sqrt((p * (1 - p))[:, place].sum())


def test_time_passes_by_browsing_and_dwell_and_wraps_round_the_week():
    simulator = living(LOVED, 300, **STAY)
    minute = simulator.seen.minute.copy()
    dwell = simulator.step(first(simulator)).parts["dwell"]
    np.testing.assert_allclose(simulator.seen.minute, (minute + 0.3 + dwell) % WEEK, atol=1e-9)
    for _ in range(40):
        simulator.step(first(simulator))
    assert (simulator.seen.minute >= 0).all()
    assert (simulator.seen.minute < WEEK).all()


def test_dayparts_and_weekdays_of_known_minutes():
    minutes = np.array([0, 5 * 60 + 59, 6 * 60, 11 * 60, 17 * 60, 22 * 60, 1_440, WEEK - 1], float)
    assert daypart(minutes).tolist() == [3, 3, 0, 1, 2, 3, 3, 3]
    assert weekday(minutes).tolist() == [0, 0, 0, 0, 0, 0, 1, 6]


def test_sessions_last_the_documented_median_and_longer_ones_end_less_often():
    simulator = living(LOVED, 8_000, session_minutes=40.0)
    assert np.median(simulator.truth.budget) == pytest.approx(40.0, rel=0.05)

    def visits(minutes):
        people = living(LOVED, 1_000, session_minutes=minutes, leave=0.0)
        entries = 0.0
        for _ in range(20):
            people.step(first(people))
            entries += people.seen.entered.mean()
        return entries

    assert visits(5.0) > 2 * visits(50.0)


def gaps(satisfaction, **behaviour):
    simulator = living(IGNORED, 5_000, mood=0.0, gap_minutes=60.0, **behaviour, **AWAY)
    simulator.truth.satisfaction[:] = satisfaction
    minute = simulator.seen.minute.copy()
    simulator.step(first(simulator))
    return (simulator.seen.minute - minute - 0.3) % WEEK


def test_gaps_have_the_documented_median_and_shrink_with_satisfaction_unless_gap_mood_is_0():
    average = gaps(0.3)
    assert np.median(average) == pytest.approx(60.0, rel=0.06)
    short = average < WEEK / 4  # longer gaps might wrap round the week
    np.testing.assert_allclose(gaps(0.8)[short], (average * np.exp(-0.5))[short], rtol=1e-6)
    np.testing.assert_allclose(gaps(0.8, gap_mood=0.0)[short], average[short], rtol=1e-6)


def churners(satisfaction=0.3, n=20_000, **behaviour):
    simulator = living(IGNORED, n, mood=0.0, **behaviour, **AWAY)
    simulator.truth.satisfaction[:] = satisfaction
    return simulator.step(first(simulator)).terminated


def test_churn_is_the_documented_probability_at_the_end_of_a_session():
    assert abs(churners(churn=0.1).mean() - 0.1) < 4 * np.sqrt(0.09 / 20_000)


def test_churn_0_never_ends_a_life_and_1_ends_it_with_the_first_session():
    assert not churners(churn=0.0).any()
    assert not churners(0.0, churn=0.0, churn_mood=100.0).any()
    assert churners(churn=1.0).all()
    assert not living(IGNORED, 500, churn=1.0, **STAY).step(np.zeros(500, np.int64)).terminated.any()


def test_the_satisfied_churn_less_unless_churn_mood_is_0():
    sad, happy = churners(0.0), churners(1.0)
    assert (happy <= sad).all()
    assert happy.sum() < 0.5 * sad.sum()
    np.testing.assert_array_equal(churners(0.0, churn_mood=0.0), churners(1.0, churn_mood=0.0))


def test_the_horizon_truncates_and_a_churn_in_the_last_step_terminates_instead():
    simulator = living(LOVED, 100, horizon=3, **STAY)
    flags = [simulator.step(first(simulator)) for _ in range(3)]
    assert [outcome.truncated.all() for outcome in flags] == [False, False, True]
    assert not any(outcome.terminated.any() for outcome in flags)
    last = living(IGNORED, 100, horizon=1, churn=1.0, **AWAY).step(np.zeros(100, np.int64))
    assert last.terminated.all()
    assert not last.truncated.any()


# What a recommender remembers


def test_history_is_newest_first_and_tells_item_scenario_and_feedback(two_rooms):
    simulator = living(two_rooms, 200)
    steps = []
    for _ in range(12):
        items, where = shown(simulator), simulator.seen.scenario.copy()
        steps.append((items, where, simulator.step(first(simulator)).parts))
    seen = simulator.seen
    for age, (items, where, parts) in enumerate(reversed(steps[-10:])):
        np.testing.assert_array_equal(seen.history[:, age], items)
        np.testing.assert_array_equal(seen.history_scenario[:, age], np.where(items > 0, where + 1, 0))
        np.testing.assert_array_equal(seen.history_feedback[:, 0, age], parts["click"])
        np.testing.assert_allclose(seen.history_feedback[:, 1, age], scaled_dwell(60 * parts["dwell"]), rtol=1e-5)
        np.testing.assert_array_equal(seen.history_feedback[:, 2, age], parts["conversion"])


def test_enjoyed_are_the_last_three_clicked_items(two_rooms):
    simulator = living(two_rooms, 200)
    liked = [[] for _ in range(200)]
    for _ in range(15):
        items = shown(simulator)
        for person in np.flatnonzero(simulator.step(first(simulator)).parts["click"]):
            liked[person].insert(0, items[person])
    expected = np.array([[*row, 0, 0, 0][:3] for row in liked])
    np.testing.assert_array_equal(simulator.seen.enjoyed, expected)


def test_the_next_life_in_a_place_forgets_everything_of_the_ended_one_and_leaves_the_others_alone():
    """It is the life that a fresh simulator begins with that seed's next episode, in whatever order places end."""
    simulator, fresh = living(LOVED, 50), living(LOVED, 50)
    fresh.reset(np.arange(50), np.ones(50, np.int64))
    for rows in (np.arange(10, 20), np.array([0, 49]), np.arange(20, 40)):
        for _ in range(5):
            simulator.step(first(simulator))
        untouched = {name: values.copy() for name, values in vars(simulator.seen).items()}
        simulator.replace(rows)
        for half in ("seen", "truth"):
            for name, values in vars(getattr(simulator, half)).items():
                np.testing.assert_array_equal(values[rows], getattr(getattr(fresh, half), name)[rows], err_msg=name)
        others = np.setdiff1d(np.arange(50), rows)
        for name, values in untouched.items():
            np.testing.assert_array_equal(getattr(simulator.seen, name)[others], values[others], err_msg=name)
