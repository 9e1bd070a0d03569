"""Tally and table: what was noted step by step adds up to what a slow loop over people, steps and items finds."""

import weakref
from dataclasses import dataclass, fields, replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from crossrec.config import EnvConfig
from crossrec.errors import ConfigError
from crossrec.measures import totals as totals_module
from crossrec.measures.formulas import diversity, gini, miscalibration
from crossrec.measures.table import TABLE, metric_table, profile_groups
from crossrec.measures.tally import Judged, MetricTally, Taken
from crossrec.measures.totals import popularities, totals
from crossrec.metrics import COLD_STEPS, METRICS
from crossrec.simulation.blind import _edge_of_head
from crossrec.world.synthetic import world_of

WORLD = world_of(EnvConfig(scenarios=["news", "music", "video"], items_per_scenario=12, new_items=0.25))
USERS = np.arange(40, 56)
STEPS = 14


@dataclass(frozen=True)
class Lived(Taken):
    """A step with the interest that a tally adds up and does not keep."""

    interest: np.ndarray  # (n, K)


def lives(seed, slate, users=USERS):
    """Steps of people who click, come and go at random; who has left goes on, as others do in their place."""
    rng, n = np.random.default_rng(seed), len(users)
    steps = []
    for number in range(STEPS):
        scenario = rng.integers(0, 3, n)
        items = (
            rng.permuted(np.tile(np.arange(12), (n, 1)), axis=1)[:, :slate] + WORLD.catalogue.first[scenario][:, None]
        )
        items[rng.random((n, slate)) < 0.15] = 0
        place = rng.integers(0, slate, n)
        click = (rng.random(n) < 0.5) & (items[np.arange(n), place] > 0)
        place = np.where(click, place, 0)
        steps.append(
            Lived(
                scenario=scenario,
                satisfaction=rng.random(n),
                interest=rng.dirichlet(np.ones(WORLD.n_topics), n).astype(np.float32),
                items=items.astype(np.int32),
                place=place,
                reward=rng.normal(size=n),
                click=click.astype(float),
                dwell=click * rng.random(n),
                conversion=(click & (rng.random(n) < 0.5)).astype(float),
                away=np.where(rng.random(n) < 0.3, 600 * rng.random(n), 0.0),
                terminated=rng.random(n) < 0.02,
                truncated=np.full(n, number == STEPS - 1),
            )
        )
    return steps


def add(tally, step):
    tally.add(Taken(**{field.name: getattr(step, field.name) for field in fields(Taken)}), step.interest)


def tallied(steps, users=USERS):
    tally = MetricTally(users, WORLD)
    for step in steps:
        add(tally, step)
    return tally


def some(steps, rows):
    """The same steps of some of the people."""
    return [replace(step, **{f.name: getattr(step, f.name)[rows] for f in fields(step)}) for step in steps]


def slowly(steps, people, when, scenario):
    """The metrics of some people's moments, by loops."""
    sums = dict.fromkeys(("steps", "reward", "click", "dwell", "conversion", "satisfaction"), 0.0)
    shown, bits, tail, new_clicks, lists, divergences = [], 0.0, 0, 0, [], []
    edges, _ = popularities(WORLD)
    for person in people:
        interest, topics, session = np.zeros(WORLD.n_topics), np.zeros(WORLD.n_topics), []
        for number, step in enumerate(steps):
            place, here = step.scenario[person], step.items[person]
            if scenario in (None, place):
                session += [(item, number) for item in here if item]
                if when(number):
                    sums["steps"] += 1
                    for name in list(sums)[1:]:
                        sums[name] += getattr(step, name)[person]
                    interest += step.interest[person]
                    for item in here[here > 0]:
                        shown.append(item)
                        topics += WORLD.catalogue.topics[item]
                        own = slice(WORLD.catalogue.first[place], WORLD.catalogue.first[place] + 12)
                        popularity = WORLD.catalogue.popularity[own]
                        share = WORLD.catalogue.popularity[item]
                        bits -= np.log2(share if share else popularity[popularity > 0].min())
                        tail += share < edges[place]
                    new_clicks += step.click[person] * WORLD.catalogue.new[here[step.place[person]]]
            ended = step.terminated[person] | step.truncated[person]
            if (ended or step.away[person] or len(here) > 1) and session:
                if when(session[-1][1]):
                    mixtures = WORLD.catalogue.topics[[item for item, _ in session]]
                    lists.append(diversity(mixtures[None], np.ones((1, len(session)), bool))[0])
                session = []
            if ended:
                break
        if topics.any():
            divergences.append(miscalibration(interest, topics))
    new = int(WORLD.catalogue.new[shown].sum())
    known = len(shown) - new
    catalogue = np.flatnonzero(WORLD.catalogue.scenario == scenario) if scenario is not None else np.arange(1, 37)
    counts = np.array([shown.count(item) for item in catalogue])
    return {
        "reward": sums["reward"] / sums["steps"],
        "return": sums["reward"] / len(people),
        "click_through": sums["click"] / sums["steps"],
        "conversion": sums["conversion"] / sums["click"],
        "dwell": sums["dwell"] / sums["click"],
        "satisfaction": sums["satisfaction"] / sums["steps"],
        "exposure": len(shown) / len(people),
        "long_tail": tail / len(shown),
        "novelty": bits / len(shown),
        "coverage": len(set(shown)) / len(catalogue),
        "gini": gini(counts),
        "diversity": np.nanmean(lists),
        "miscalibration": np.mean(divergences),
        "new_share": new / len(shown),
        "new_click_through": new_clicks / new,
        "known_click_through": (sums["click"] - new_clicks) / known,
    }


def values(table, policy="a", scenario="all", people="all", column="value"):
    part = table[(table["policy"] == policy) & (table["scenario"] == scenario) & (table["people"] == people)]
    return dict(zip(part["metric"], part[column], strict=True))


@pytest.mark.parametrize("slate", [1, 3])
@pytest.mark.parametrize("at_once", [200_000, 50], ids=["all people", "few people"])
def test_the_table_holds_what_a_slow_loop_finds(slate, at_once, monkeypatch):
    monkeypatch.setattr(totals_module, "_AT_ONCE", at_once)
    steps = lives(3, slate)
    table, everybody = metric_table({"a": tallied(steps)}), range(len(USERS))
    groups = profile_groups(WORLD, USERS)
    large = max(groups, key=lambda name: groups[name].sum())
    for people, rows, when in (
        ("all", everybody, lambda step: True),
        ("cold", everybody, lambda step: step < COLD_STEPS),
        ("warm", everybody, lambda step: step >= COLD_STEPS),
        (large, np.flatnonzero(groups[large]), lambda step: True),
    ):
        for scenario, index in (("all", None), ("news", 0), ("video", 2)):
            found = values(table, scenario=scenario, people=people)
            expected = slowly(steps, rows, when, index)
            assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-6), (people, scenario)


def test_sessions_and_returns_by_hand():
    """The first comes back once and stays, the second leaves for good at once, the third is cut off, then absent."""
    steps = some(lives(0, 1), np.arange(3))[:3]
    away = [[0.0, 60.0, 0.0], [120.0, 30.0, 0.0], [240.0, 0.0, 30.0]]
    gone = [[False, True, False], [False, False, False], [False, False, False]]
    cut = [[False, False, False], [False, False, True], [True, True, False]]
    dwell = [[3.0, 0.0, 0.0], [0.0, 9.0, 1.0], [0.0, 0.0, 9.0]]
    steps = [
        replace(step, away=np.array(a), terminated=np.array(t), truncated=np.array(c), dwell=np.array(d))
        for step, a, t, c, d in zip(steps, away, gone, cut, dwell, strict=True)
    ]
    steps[1] = replace(steps[1], away=np.array([120.0, 30.0, 45.0]))  # the gap after an end belongs to nobody
    tally = tallied(steps, USERS[:3])
    assert not tally.alive.any()
    found, n = (values(metric_table({"a": tally}), column=column) for column in ("value", "n"))
    assert found["session_length"] == pytest.approx((3 + 1 + 2) / 4)
    assert found["session_minutes"] == pytest.approx((6 * 0.3 + 3.0 + 1.0) / 4)
    assert (found["retention"], n["retention"]) == (pytest.approx(2 / 3), 3)
    assert (found["return_rate"], n["return_rate"]) == (pytest.approx(1 / 2), 2)
    assert (found["return_gap"], n["return_gap"]) == (pytest.approx(2.0), 1)


def test_score_and_regret_lie_between_the_ends():
    steps = lives(1, 1)
    moved = {"random": 0.0, "a": 0.25, "oracle": 1.0}
    tallies = {name: tallied([replace(step, reward=step.reward + by) for step in steps]) for name, by in moved.items()}
    table = metric_table(tallies)
    for scenario, people in (("all", "all"), ("news", "cold"), ("music", "warm")):
        found = {name: values(table, name, scenario, people) for name in moved}
        assert found["a"]["score"] == pytest.approx(0.25)
        assert (found["random"]["score"], found["oracle"]["score"]) == (0.0, 1.0)
        assert found["a"]["regret"] == pytest.approx(found["oracle"]["return"] - found["a"]["return"])
        assert found["oracle"]["regret"] == 0.0
    upside_down = metric_table(tallies, zero="oracle", one="random")
    assert np.isnan(values(upside_down)["score"]), "no scale between ends that stand the wrong way round"
    assert np.isnan(values(metric_table({"a": tallies["a"]}))["regret"]), "nothing to regret without an oracle"


def test_judged_moments_are_means_over_those_that_say_something():
    tally = tallied(lives(2, 2))
    expected = np.array([[0.2, 0.8, 0.5, -np.inf]] * 3)
    tally.judge(
        Judged(
            rows=np.array([0, 4, 7]),
            steps=np.array([0, 3, COLD_STEPS]),
            scenario=np.array([0, 0, 2]),
            expected=expected,
            clicks=np.array([[0.2, 0.7, 0.5, -np.inf], [0.1, 0.2, 0.2, -np.inf], [0.9, 0.1, 0.1, -np.inf]]),
            actions=np.array([[1, 2], [0, 1], [3, 0]]),
            items=np.array([[5, 6], [5, 6], [0, 6]], np.int32),
            order=np.array([[1, 2], [0, 1], [3, 0]]),
        )
    )
    table = metric_table({"a": tally})
    found, n = (values(table, column=column) for column in ("value", "n"))
    assert found["step_regret"] == pytest.approx(np.mean([0.0, 0.65 - 0.5, 0.65 - 0.1]))
    assert (n["step_regret"], n["precision_at_5"], n["ndcg_at_5"]) == (3, 2, 3)
    assert found["precision_at_5"] == pytest.approx(np.mean([1.0, 0.5]))
    assert found["recall_at_5"] == pytest.approx(1.0)
    assert found["f1_at_5"] == pytest.approx(np.mean([1.0, 2 / 3]))
    low = 1 / np.log2(3)
    gains = [1.0, (0.1 + 0.2 * low) / (0.2 + 0.2 * low), 0.9 * low / (0.9 + 0.1 * low)]
    assert found["ndcg_at_5"] == pytest.approx(np.mean(gains))
    assert values(table, people="warm")["ndcg_at_5"] == pytest.approx(gains[2])
    assert values(table, people="cold", scenario="news")["ndcg_at_5"] == pytest.approx(np.mean(gains[:2]))
    assert np.isnan(values(table, people="cold", scenario="music")["ndcg_at_5"])


@pytest.mark.parametrize("slate", [1, 3])
def test_the_order_of_people_does_not_matter(slate):
    steps, order = lives(4, slate), np.random.default_rng(0).permutation(len(USERS))
    one = metric_table({"a": tallied(steps)})
    other = metric_table({"a": tallied(some(steps, order), USERS[order])})
    pd.testing.assert_frame_equal(one, other, rtol=1e-6)


@pytest.mark.parametrize("slate", [1, 3])
def test_a_batch_adds_up_to_what_people_do_one_by_one(slate):
    steps = lives(5, slate)
    together = totals(tallied(steps))
    for person in range(len(USERS)):
        alone = totals(tallied(some(steps, [person]), USERS[[person]]))
        for name in ("sums", "topics", "lists"):
            np.testing.assert_allclose(getattr(alone, name)[:, 0], getattr(together, name)[:, person], rtol=1e-9)
        np.testing.assert_allclose(alone.lives[0], together.lives[person])


def test_the_table_is_tidy_and_has_no_rows_for_what_never_was():
    steps = lives(6, 1)
    table = metric_table({"a": tallied(steps), "b": tallied(steps)})
    assert tuple(table.columns) == TABLE
    assert not table.duplicated(["policy", "scenario", "people", "metric"]).any()
    assert list(values(table)) == list(METRICS)
    assert (table["value"].dtype, table["n"].dtype) == (np.float64, np.int64)
    scaled = table["metric"].isin(["score", "regret"])  # there are no ends of a scale here
    assert (table.loc[~scaled, "value"].notna() == (table.loc[~scaled, "n"] > 0)).all()
    whole = {name for name, metric in METRICS.items() if metric.whole_life}
    assert whole
    for people, scenario in (("cold", "all"), ("all", "news")):
        assert set(values(table, people=people, scenario=scenario)) == set(METRICS) - whole
    early = metric_table({"a": tallied(steps[:COLD_STEPS])})
    assert "warm" not in set(early["people"])
    assert values(early, people="cold")["return"] == values(early)["return"]
    groups = profile_groups(WORLD, USERS[:1])
    assert len(groups) == 2, "one person has one age and one language"
    assert set(metric_table({"a": tallied(some(steps, [0]), USERS[:1])})["people"]) == {"all", "cold", "warm", *groups}


def test_groups_are_those_of_the_profile():
    groups = profile_groups(WORLD, np.arange(200))
    ages, languages = (
        np.sum([groups[name] for name in names], axis=0) for names in (list(groups)[:5], list(groups)[5:])
    )
    assert (ages == 1).all()
    assert (languages == 1).all()


def test_without_new_items_nothing_is_said_of_them():
    world = world_of(EnvConfig(scenarios=["news", "music", "video"], items_per_scenario=12))
    tally = MetricTally(USERS, world)
    for step in lives(7, 1):
        add(tally, step)
    assert not {name for name in values(metric_table({"a": tally})) if "new" in name or "known" in name}


def test_the_head_is_that_of_the_oracle_that_is_blind_to_the_tail():
    edges, least = popularities(WORLD)
    np.testing.assert_allclose(edges, _edge_of_head(WORLD), rtol=1e-6)
    assert (least > 0).all()
    assert all(a < b for a, b in pairwise((0.0, least[0], edges[0])))


def test_what_cannot_stand_in_one_table_is_refused():
    with pytest.raises(ConfigError, match="no policy"):
        metric_table({})
    with pytest.raises(ConfigError, match="different people"):
        metric_table({"a": tallied(lives(0, 1)), "b": MetricTally(USERS + 1, WORLD)})
    with pytest.raises(ConfigError, match="before the first step"):
        metric_table({"a": MetricTally(USERS, WORLD)})
    with pytest.raises(ConfigError, match=r"must be \(3, slate\)"):
        add(MetricTally(USERS[:3], WORLD), lives(0, 1)[0])
    with pytest.raises(ConfigError, match=r"interest \(3, \d+\) must be \(16, \d+\)"):
        add(MetricTally(USERS, WORLD), replace(lives(0, 1)[0], interest=np.ones((3, WORLD.n_topics), np.float32)))


def test_interest_is_added_up_and_not_kept():
    """It is by far the largest part of a step: of many people over long lives it would fill the memory."""
    steps = lives(8, 1)
    tally, expected = MetricTally(USERS, WORLD), np.zeros(WORLD.n_topics)
    for number, step in enumerate(steps):
        expected += (step.interest * tally.alive[:, None]).sum(axis=0)
        interest = step.interest.copy()
        kept = weakref.ref(interest)
        add(tally, replace(step, interest=interest))
        del interest
        assert kept() is None, number
    np.testing.assert_allclose(tally.interest.sum(axis=(0, 1, 2)), expected, rtol=1e-5)
