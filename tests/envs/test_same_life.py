"""The same seed gives the same life: alone, among 8 and among 1,024 people, through the ends of lives and beyond."""

import gymnasium as gym
import numpy as np
import pytest

import crossrec
from crossrec.config import BehaviourConfig, EnvConfig, RewardConfig
from crossrec.envs.single import CrossScenarioEnv
from crossrec.envs.vector import CrossScenarioVectorEnv

from .helpers import plain, row, same

SEED, USER, STEPS = 5_000, 17, 200


def live_alone(env_id, options, steps=STEPS):
    """User 17's life, reset whenever it ends: per step what the single environment says, and what follows an end."""
    env = gym.make(env_id, **options).unwrapped
    rng = np.random.default_rng(3)
    first = env.reset(seed=SEED, options={"user": USER})
    moments = []
    for _ in range(steps):
        action = rng.integers(0, env.config.n_candidates, env.action_space.shape or None)
        result = env.step(action)
        following = env.reset() if result[2] or result[3] else None
        moments.append((action, result, following))
    return first, moments


def check_batch(env_id, options, n, place, first, moments):
    """Live the same life in one place of a vector environment whose other places live others."""
    env = gym.make_vec(env_id, num_envs=n, vectorization_mode="vector_entry_point", **options)
    rng = np.random.default_rng(n)
    users = 100 + np.arange(n)
    users[place] = USER
    observation, infos = env.reset(seed=SEED - place, options={"user": users})
    same(row(observation, place), first[0])
    same(row(infos, place), first[1])
    for action, (last, reward, terminated, truncated, info), following in moments:
        actions = rng.integers(0, env.config.n_candidates, env.action_space.shape)
        actions[place] = action
        observation, rewards, terminations, truncations, infos = env.step(actions)
        assert rewards[place] == reward
        assert (terminations[place], truncations[place]) == (terminated, truncated)
        same(row(infos["reward_parts"], place), info["reward_parts"])
        if following is None:
            assert "final_obs" not in infos or not infos["_final_obs"][place]
            same(row(observation, place), last)
            same(row(plain(infos), place), info)
        else:
            assert infos["_final_obs"][place]
            assert infos["_final_info"][place]
            same(row(infos["final_obs"], place), last)
            same(row(infos["final_info"], place), info)
            same(row(observation, place), following[0])
            now = {key: value for key, value in plain(infos).items() if key not in ("reward_parts", "slate")}
            same(row(now, place), following[1])


@pytest.mark.parametrize("env_id", crossrec.ENV_IDS)
def test_200_steps_of_user_17_are_equal_alone_among_8_and_among_1024(env_id):
    options = {"horizon": 100_000, "behaviour": {"churn": 0.0}}
    first, moments = live_alone(env_id, options)
    assert all(following is None for *_, following in moments), "one long life"
    assert sum(result[4]["reward_parts"]["click"] for _, result, _ in moments) > 0
    check_batch(env_id, options, 8, 3, first, moments)
    check_batch(env_id, options, 1_024, 700, first, moments)


@pytest.mark.parametrize("env_id", ["crossrec/CrossScenario-v0", "crossrec/Video-v0"])
def test_200_steps_are_equal_through_the_ends_of_lives_and_the_lives_of_the_next_people(env_id):
    options = {"behaviour": {"churn": 0.4, "session_minutes": 10.0}}  # the default horizon, and more churn
    first, moments = live_alone(env_id, options)
    endings = [(result[2], result[3]) for _, result, following in moments if following is not None]
    assert (True, False) in endings
    assert (False, True) in endings
    for n, place in ((1, 0), (8, 7), (1_024, 511)):
        check_batch(env_id, options, n, place, first, moments)


def test_the_truth_of_ended_lives_is_equal_too():
    options = {"expose_truth": True, "horizon": 7}
    first, moments = live_alone("crossrec/CrossScenario-v0", options, 30)
    check_batch("crossrec/CrossScenario-v0", options, 4, 2, first, moments)


def test_whom_else_a_batch_holds_and_what_they_do_changes_nothing():
    one, other = (CrossScenarioVectorEnv(16, horizon=15) for _ in range(2))
    users, strangers = np.arange(16), np.arange(16) + 500
    strangers[4] = 4
    one.reset(seed=0, options={"user": users}), other.reset(seed=0, options={"user": strangers})
    rng = np.random.default_rng(0)
    for _ in range(50):
        actions, others = rng.integers(0, 50, 16), rng.integers(0, 50, 16)
        others[4] = actions[4]
        same(row(one.step(actions)[0], 4), row(other.step(others)[0], 4))


def test_a_vector_seed_s_gives_place_i_the_life_of_seed_s_plus_i_and_a_list_gives_one_each():
    env = CrossScenarioVectorEnv(5)
    by_number, infos = env.reset(seed=40)
    by_list, _ = env.reset(seed=[40, 41, 42, 43, 44])
    same(by_number, by_list)
    for i in range(5):
        observation, info = CrossScenarioEnv().reset(seed=40 + i)
        same(row(by_number, i), observation)
        same(row(infos, i), info)
    shuffled, _ = env.reset(seed=[44, 0, 40, 1, 2])
    same(row(shuffled, 0), row(by_number, 4))
    same(row(shuffled, 2), row(by_number, 0))


def test_different_seeds_meet_different_people_and_the_same_person_in_different_moments():
    env = CrossScenarioVectorEnv(200)
    _, infos = env.reset(seed=0)
    assert len(set(infos["user"].tolist())) > 195
    first, infos = env.reset(seed=0, options={"user": 17})
    assert (infos["user"] == 17).all()
    assert len(np.unique(infos["minute"])) > 150
    assert len(np.unique(first["candidates"], axis=0)) > 195


def test_resetting_without_a_seed_goes_on_to_the_next_person_and_with_the_seed_begins_again():
    env = CrossScenarioEnv()
    lives = [env.reset(seed=8), env.reset(), env.reset()]
    assert len({info["user"] for _, info in lives}) == 3
    again = [env.reset(seed=8), env.reset(), env.reset()]
    for (observation, info), (repeated, repeated_info) in zip(lives, again, strict=True):
        same(observation, repeated)
        same(info, repeated_info)


def test_without_any_seed_every_environment_lives_another_life():
    one, other = CrossScenarioEnv(), CrossScenarioEnv()
    assert one.reset()[1] != other.reset()[1]
    batch, another = CrossScenarioVectorEnv(3), CrossScenarioVectorEnv(3)
    assert not np.array_equal(batch.reset()[1]["minute"], another.reset()[1]["minute"])
    assert not np.array_equal(
        batch.reset(seed=[None, None, None])[1]["minute"], another.reset(seed=[None] * 3)[1]["minute"]
    )


def test_the_policy_changes_feedback_but_not_the_moments_that_do_not_depend_on_it():
    """Common random numbers: with effects on the way switched off, two policies meet the same candidates."""
    calm = {"leave_mood": 0.0, "gap_mood": 0.0, "churn": 0.0, "transition_feedback": 0.0, "session_minutes": 1e6}
    one, other = (CrossScenarioVectorEnv(64, behaviour=calm, horizon=30, history_length=1) for _ in range(2))
    one.reset(seed=0), other.reset(seed=0)
    shown = []
    for step in range(29):
        a, b = one.step(np.full(64, 1)), other.step(np.full(64, 2 + step % 3))
        shown.append((a[0]["candidates"], b[0]["candidates"]))
        np.testing.assert_array_equal(a[4]["entered"], b[4]["entered"])
    alike = [(x == y)[(x > 0) & (y > 0)].mean() for x, y in shown]
    assert min(alike) > 0.5, "scenarios differ only where dwell took someone into another daypart"


def test_the_reward_is_the_weighted_sum_of_the_parts_that_infos_name():
    weights = RewardConfig(click=2.0, dwell=-0.5, conversion=7.0)
    single, batch = CrossScenarioEnv(reward=weights), CrossScenarioVectorEnv(50, EnvConfig(reward=weights))
    single.reset(seed=0), batch.reset(seed=0)
    total = 0.0
    for step in range(60):
        _, reward, _, _, info = single.step(step % 50)
        assert set(info["reward_parts"]) == {"click", "dwell", "conversion"}
        assert reward == pytest.approx(sum(getattr(weights, k) * v for k, v in info["reward_parts"].items()))
        _, rewards, _, _, infos = batch.step(np.arange(50))
        expected = sum(getattr(weights, k) * v for k, v in infos["reward_parts"].items())
        np.testing.assert_allclose(rewards, expected)
        total += np.abs(expected).sum()
    assert total > 0


def test_the_horizon_truncates_and_churn_terminates():
    batch = CrossScenarioVectorEnv(50, horizon=6, behaviour=BehaviourConfig(churn=0.0))
    batch.reset(seed=0)
    for step in range(1, 13):
        _, _, terminated, truncated, infos = batch.step(np.zeros(50, int))
        assert not terminated.any()
        assert truncated.all() == truncated.any() == (step % 6 == 0) == ("final_obs" in infos)
    leaving = CrossScenarioVectorEnv(50, behaviour={"churn": 1.0, "session_minutes": 1e-6, "churn_mood": 0.0})
    leaving.reset(seed=0)
    for _ in range(3):
        _, _, terminated, truncated, infos = leaving.step(np.zeros(50, int))
        assert terminated.all()
        assert not truncated.any()
        assert infos["_final_obs"].all()
