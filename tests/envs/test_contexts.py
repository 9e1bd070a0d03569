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


WRITTEN = [(kind, rule) for kind in ("template", "shuffled") for rule in ("enter", "steps", "topic")]


@pytest.mark.parametrize(("kind", "refresh"), [*WRITTEN, ("zeros", "enter"), ("oracle", "enter")])
def test_contexts_are_equal_alone_and_in_a_batch_through_the_ends_of_lives(kind, refresh):
    told = {"titles": 3, "sees": ["persona", "scenario", "hour", "weekday", "device"], "refresh": refresh}
    options = told if kind in ("template", "shuffled") else {}
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
    changes, entries = 0, 0
    for changed, infos, *_ in lives(vector(200, kind)):
        assert not changed[~infos["entered"]].any()
        changes, entries = changes + changed.sum(), entries + infos["entered"].sum()
    assert entries > 1_000
    assert changes > 0.8 * entries


def test_a_context_is_written_anew_every_few_steps_where_that_is_asked():
    env = vector(200, refresh="steps", titles=1)
    since, changes = np.zeros(200, np.int64), 0
    for changed, infos, _ in lives(env):
        since += 1
        due = infos["entered"] | (since == 3)
        assert not changed[~due].any()
        changes += (changed & ~infos["entered"]).sum()
        since[due] = 0
    assert changes > 100, "what was enjoyed since entering is told within the visit"


def test_a_context_is_written_anew_when_the_enjoyed_topic_changes_where_that_is_asked():
    env = vector(200, refresh="topic", titles=1)
    topic = env.base.world.catalogue.main_topic
    before, changes = np.full(200, -1), 0
    for changed, infos, seen in lives(env):
        now = topic[seen.enjoyed[:, 0]]
        due = infos["entered"] | (now != before)
        assert not changed[~due].any()
        changes += (changed & ~infos["entered"]).sum()
        before = np.where(due, now, before)
    assert changes > 100


def lives(env):
    """Whose contexts changed in each of 40 steps, the infos, and what is seen of people."""
    observation, _ = env.reset(seed=0)
    rng = np.random.default_rng(0)
    for _ in range(40):
        before = observation["context"]
        observation, *_, infos = env.step(rng.integers(0, 50, len(before)))
        yield (observation["context"] != before).any(axis=1), infos, env.base.core.simulator.seen


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
    env = vector(100, titles=3)
    env.reset(seed=0)
    world, seen = env.base.world, env.base.core.simulator.seen
    rng, told = np.random.default_rng(0), 0
    for _ in range(40):
        env.step(rng.integers(0, 50, 100))
        for prompt, recalled in zip(env.reader.prompts(seen), seen.recalled.tolist(), strict=True):
            enjoyed = [world.catalogue.title(item) for item in reversed(recalled) if item]
            assert ("Recently enjoyed" in prompt.sentence) == bool(enjoyed)
            assert prompt.sentence.endswith(f"Recently enjoyed: {'; '.join(enjoyed)}." if enjoyed else "")
            told += len(enjoyed)
    assert told > 100


def test_the_order_and_company_of_moments_change_no_context():
    env = vector(30, titles=3)
    observation, _ = env.reset(seed=0)
    seen = env.base.core.simulator.seen
    order = np.random.default_rng(0).permutation(30)
    fresh = make_reader(env.base.world, titles=3)
    np.testing.assert_array_equal(fresh.read(seen, order, np.zeros(30)), observation["context"][order])


def test_a_reader_asks_its_source_once_for_each_distinct_moment_and_notes_all_that_it_used(monkeypatch):
    env = vector(100)
    asked = []
    lookup = env.reader.source.lookup
    monkeypatch.setattr(env.reader.source, "lookup", lambda prompts: asked.extend(prompts) or lookup(prompts))
    for _ in range(3):
        for _ in lives(env):
            pass
    assert 100 < len(asked) == len(set(asked)) == env.reader.ledger.summary()["distinct"]
    env.reader.forget()
    assert env.reader.ledger.summary()["distinct"] == 0
    env.reset(seed=0)
    assert len(asked) > len(set(asked))


def test_a_small_table_changes_no_context(monkeypatch):
    expected = [env["context"] for env in observed(vector(50))]
    monkeypatch.setattr("crossrec.language.table.CAPACITY", 20)
    for small, whole in zip(observed(vector(50)), expected, strict=True):
        np.testing.assert_array_equal(small["context"], whole)


def observed(env):
    observation, _ = env.reset(seed=0)
    yield observation
    for step in range(30):
        yield env.step(np.full(50, step))[0]
