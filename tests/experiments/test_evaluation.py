"""Evaluation: lives are added up correctly, each policy meets the same people, and none of them was met in training."""

import numpy as np
import pandas as pd
import pytest

from crossrec.config import ContextConfig, EnvConfig, TrainConfig
from crossrec.envs.single import CrossScenarioEnv
from crossrec.experiments.evaluate import evaluate, evaluation_people, rollout, scores
from crossrec.experiments.lab import build_lab
from crossrec.metrics import COLUMNS, LifeTally, summary

ENV = EnvConfig(items_per_scenario=60, n_candidates=10, horizon=12)
CONFIG = TrainConfig(env=ENV, context=ContextConfig(encoder="hashing"), eval_people=30)


@pytest.fixture(scope="module")
def lab():
    return build_lab(ENV, CONFIG.context)


def test_lives_are_counted_until_they_end_and_no_further():
    """Over three steps the first churns in step 2, the second is truncated in step 3, the third in step 1."""
    tally = LifeTally(np.array([7, 8, 9]))
    no, yes = False, True
    steps = [
        # reward, clicks, dwell, conversions, entered, terminated, truncated
        ([1.0, 0.0, 4.0], [1, 0, 1], [2.0, 0.0, 5.0], [0, 0, 1], [no, yes, yes], [no, no, no], [no, no, yes]),
        ([2.0, 0.5, 9.0], [1, 0, 1], [1.0, 0.0, 9.0], [1, 0, 1], [yes, yes, yes], [yes, no, no], [no, no, no]),
        ([8.0, 0.5, 9.0], [1, 1, 1], [9.0, 3.0, 9.0], [1, 0, 1], [yes, no, yes], [yes, no, no], [no, yes, no]),
    ]
    alive = []
    for reward, click, dwell, conversion, entered, terminated, truncated in steps:
        parts = {
            "click": np.array(click, float),
            "dwell": np.array(dwell),
            "conversion": np.array(conversion, float),
        }
        tally.add(np.array(reward), parts, np.array(entered), np.array(terminated), np.array(truncated))
        alive.append(tally.alive.tolist())
    assert alive == [[yes, yes, no], [no, yes, no], [no, no, no]]
    expected = pd.DataFrame(
        {
            "user": [7, 8, 9],
            "return": [3.0, 1.0, 4.0],
            "steps": [2.0, 3.0, 1.0],
            "click": [2.0, 1.0, 1.0],
            "dwell": [3.0, 3.0, 5.0],
            "conversion": [1.0, 0.0, 1.0],
            "visits": [1.0, 3.0, 1.0],  # an entry in the step that ends a life belongs to no life, or to the next
            "churned": [1.0, 0.0, 0.0],
        }
    )
    pd.testing.assert_frame_equal(tally.table(), expected)
    means = summary(expected)
    assert means == pytest.approx(
        {
            "return": 8 / 3,
            "click_rate": 4 / 6,
            "conversion_rate": 2 / 6,
            "dwell": 11 / 4,
            "steps": 2.0,
            "visits": 5 / 3,
            "churn": 1 / 3,
        }
    )


def test_people_without_a_click_have_no_dwell_rather_than_no_number():
    table = LifeTally(np.array([1, 2])).table().assign(steps=1.0)
    assert summary(table)["dwell"] == 0.0


@pytest.mark.parametrize("name", ["popularity", "content"])
def test_a_rollout_adds_up_the_life_that_the_single_environment_lives(lab, name):
    users, seed = np.array([500_003, 500_001, 17]), 99
    policy = lab.baseline(name, lab.make_env(1).unwrapped, seed)
    table = rollout(policy, lab.make_env(3), users, seed)
    assert list(table.columns) == list(COLUMNS)
    for i, user in enumerate(users):
        env = CrossScenarioEnv(ENV)
        observation, _ = env.reset(seed=seed + i, options={"user": user})
        total, steps, visits, terminated, truncated = 0.0, 0, 1, False, False
        while not (terminated or truncated):
            observation, reward, terminated, truncated, info = env.step(int(policy.predict(observation)[0]))
            total, steps = total + reward, steps + 1
            visits += info["entered"] and not (terminated or truncated)
        row = table.iloc[i]
        assert row["user"] == user
        assert row["return"] == pytest.approx(total)
        assert (row["steps"], row["visits"], row["churned"]) == (steps, visits, terminated)


def test_baselines_meet_the_same_lives_whoever_is_evaluated_beside_them(lab):
    class First:
        """Always the first candidate."""

        def predict(self, observation, state=None, episode_start=None, deterministic=False):
            return np.zeros(len(observation["mask"]), np.int64), state

    alone = evaluate(lab, CONFIG, {})
    beside = evaluate(lab, CONFIG, {"first": First()})
    baselines = beside[beside["policy"] != "first"].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, baselines)
    assert set(beside["policy"]) == {"random", "popularity", "content", "oracle", "first"}
    table = scores(beside, 0)
    assert table["random"]["score"] == 0.0
    assert table["oracle"]["score"] == 1.0
    assert table == scores(beside, 0)


def test_an_agent_that_is_a_baseline_scores_exactly_as_it(lab):
    policy = lab.baseline("popularity", lab.make_env(1).unwrapped, 0)
    table = scores(evaluate(lab, CONFIG, {"twin": policy}), 0)
    assert table["twin"] == table["popularity"]


def test_a_policy_is_asked_deterministically_and_told_when_lives_begin(lab):
    asked = []

    class Recorder:
        """Remembers what it is asked."""

        def predict(self, observation, state=None, episode_start=None, deterministic=False):
            asked.append((state, episode_start.copy(), deterministic))
            return np.zeros(len(observation["mask"]), np.int64), (state or 0) + 1

    rollout(Recorder(), lab.make_env(5), np.arange(5), 0)
    assert [state for state, *_ in asked] == [None, *range(1, len(asked))]
    assert asked[0][1].all()
    assert not asked[1][1].all()
    assert all(deterministic for *_, deterministic in asked)


def test_people_of_evaluation_are_not_met_in_training(lab):
    evaluated, _ = evaluation_people(CONFIG)
    env = lab.make_env(64, users=CONFIG.train_users)
    _, infos = env.reset(seed=0)
    met = set(infos["user"].tolist())
    for _ in range(250):
        *_, infos = env.step(np.zeros(64, int))
        met |= set(infos["user"].tolist())
    assert met == set(range(64))
    assert not met & set(evaluated.tolist())


def test_another_seed_of_a_run_evaluates_in_other_moments(lab):
    one = evaluate(lab, CONFIG, {})
    other = evaluate(lab, TrainConfig(env=ENV, context=CONFIG.context, eval_people=30, seed=1), {})
    assert (one["user"] == other["user"]).all()
    assert (one["return"] != other["return"]).mean() > 0.5
