"""Where and when people go, and what is remembered of them: each effect off at 0, and by the documented amount."""

import numpy as np
import pytest

from crossrec.simulation.dynamics import scaled_dwell
from crossrec.simulation.journey import WEEK, daypart, weekday

from .conftest import (
    ALWAYS,
    AWAY,
    FOREVER,
    HOP,
    IGNORED,
    LOVED,
    NEVER,
    STAY,
    first,
    living,
    make_world,
    scenario,
    shown,
)


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
    weights = simulator.world.population.habits(rows, daypart(simulator.seen.minute)).astype(float)
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
    assert not living(IGNORED, 500, churn=1.0, **STAY).step(np.zeros((500, 1), np.int64)).terminated.any()


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
    last = living(IGNORED, 100, horizon=1, churn=1.0, **AWAY).step(np.zeros((100, 1), np.int64))
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
        simulator.begin(rows, rows, np.ones(len(rows), np.int64))
        for half in ("seen", "truth"):
            for name, values in vars(getattr(simulator, half)).items():
                np.testing.assert_array_equal(values[rows], getattr(getattr(fresh, half), name)[rows], err_msg=name)
        others = np.setdiff1d(np.arange(50), rows)
        for name, values in untouched.items():
            np.testing.assert_array_equal(getattr(simulator.seen, name)[others], values[others], err_msg=name)
