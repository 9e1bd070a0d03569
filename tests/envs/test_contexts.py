"""Contexts: read on entering a scenario and kept till the next, the same alone and in a batch, final ones included."""

import numpy as np
import pytest
from gymnasium.vector import VectorEnv

from crossrec.envs.context import ContextWrapper, VectorContextWrapper
from crossrec.envs.single import CrossScenarioEnv
from crossrec.envs.vector import CrossScenarioVectorEnv

from .helpers import DIMENSION, make_reader, row, same

KINDS = ("template", "shuffled", "zeros", "oracle")
LIVELY = {"horizon": 25, "behaviour": {"leave": 0.4, "churn": 0.3, "session_minutes": 8.0, "interest": 12.0}}


def vector(n, kind="template", **options):
    env = CrossScenarioVectorEnv(n, **LIVELY)
    return VectorContextWrapper(env, make_reader(env.world, kind, **options))


def single(kind="template", **options):
    env = CrossScenarioEnv(**LIVELY)
    return ContextWrapper(env, make_reader(env.world, kind, **options))


@pytest.mark.parametrize("kind", KINDS)
def test_contexts_are_equal_alone_and_in_a_batch_through_the_ends_of_lives(kind):
    options = {"n_titles": 3, "detail": True} if kind in ("template", "shuffled") else {}
    batch, alone = vector(6, kind, **options), single(kind, **options)
    observations, _ = batch.reset(seed=100)
    same(alone.reset(seed=103)[0], row(observations, 3))
    rng, ends = np.random.default_rng(0), {"terminated": 0, "truncated": 0}
    for _ in range(150):
        actions = rng.integers(0, 50, 6)
        observations, rewards, _, _, infos = batch.step(actions)
        observation, reward, terminated, truncated, _ = alone.step(int(actions[3]))
        assert reward == rewards[3]
        if terminated or truncated:
            ends["terminated" if terminated else "truncated"] += 1
            same(observation, row(infos["final_obs"], 3))
            observation, _ = alone.reset()
        same(observation, row(observations, 3))
    assert min(ends.values()) > 0


def test_a_context_is_a_unit_vector_in_the_space_and_names_no_memory_of_the_batch():
    env = vector(40)
    assert isinstance(env, VectorEnv)
    assert env.single_observation_space["context"].shape == (DIMENSION,)
    observation, _ = env.reset(seed=0)
    for step in range(30):
        assert observation in env.observation_space
        np.testing.assert_allclose(np.linalg.norm(observation["context"], axis=1), 1.0, rtol=1e-5)
        before = observation["context"]
        before[:] = 9.0  # a caller may do with it what it wants
        observation, *_ = env.step(np.full(40, step))


@pytest.mark.parametrize("kind", ["template", "shuffled"])
def test_a_context_changes_only_when_a_scenario_is_entered_and_then_mostly_does(kind):
    env = vector(200, kind)
    observation, _ = env.reset(seed=0)
    changes, entries = 0, 0
    for step in range(40):
        before = observation["context"]
        observation, *_, infos = env.step(np.full(200, step % 50))
        changed = (observation["context"] != before).any(axis=1)
        assert not changed[~infos["entered"]].any()
        changes, entries = changes + changed.sum(), entries + infos["entered"].sum()
    assert entries > 1_000
    assert changes > 0.8 * entries


def test_the_oracle_context_names_the_true_intent_at_every_step():
    env = vector(100, "oracle")
    observation, _ = env.reset(seed=0)
    truth = env.unwrapped.core.simulator.truth
    for step in range(20):
        np.testing.assert_array_equal(observation["context"], env.reader.topics[truth.intent])
        observation, *_ = env.step(np.full(100, step))


def test_the_shuffled_context_is_somebody_elses_and_zeros_say_nothing():
    contexts = {kind: vector(300, kind).reset(seed=0)[0]["context"] for kind in KINDS}
    differs = (contexts["template"] != contexts["shuffled"]).any(axis=1)
    assert differs.mean() > 0.95
    assert not contexts["zeros"].any()
    # A stranger's note says as little of the intent as chance: no nearer to it than to a random person's.
    intent = contexts["oracle"]
    own, other = ((contexts[kind] * intent).sum(axis=1).mean() for kind in ("template", "shuffled"))
    assert own > other + 0.1


def test_a_template_context_knows_what_was_enjoyed_only_from_the_next_visit_on():
    env = vector(100, n_titles=3)
    env.reset(seed=0)
    seen = env.unwrapped.core.simulator.seen
    rng, told = np.random.default_rng(0), 0
    for _ in range(40):
        env.step(rng.integers(0, 50, 100))
        for prompt, recalled in zip(env.reader.prompts(seen), seen.recalled.tolist(), strict=True):
            expected = [env.unwrapped.world.catalogue.title(item) for item in reversed(recalled) if item]
            assert list(prompt.enjoyed) == expected
            told += len(expected)
    assert told > 100


def test_the_order_and_company_of_prompts_change_no_context():
    env = vector(30, n_titles=3)
    observation, _ = env.reset(seed=0)
    seen = env.unwrapped.core.simulator.seen
    order = np.random.default_rng(0).permutation(30)
    fresh = make_reader(env.unwrapped.world, n_titles=3)
    np.testing.assert_array_equal(fresh.read(seen.at(order), np.zeros(30, np.int64)), observation["context"][order])
