"""Hidden truth stays hidden: other truths give the same first observation; infos tell it only where asked for."""

import dataclasses

import gymnasium as gym
import numpy as np
import pytest

import crossrec
from crossrec.envs.context import VectorContextWrapper
from crossrec.envs.single import CrossScenarioEnv
from crossrec.envs.vector import CrossScenarioVectorEnv
from crossrec.errors import ConfigError
from crossrec.simulation.state import Truth
from crossrec.world.population import Population
from crossrec.world.synthetic import World

from .helpers import make_reader, same

HIDDEN = {"theta", "patience", "routine", "device_routine"}  # habits decide where people are met, which is observable
TOLD = {"user", "scenario", "entered", "minute", "away"}


@pytest.fixture
def permute(monkeypatch):
    """Give everybody somebody else's interests, routine and patience; profile, notes and habits stay.

    Only the NumPy engine asks these functions; that compiled code gives the same observations is shown elsewhere.
    """

    def swap():
        draw = World.people

        def people(world, ids):
            own, other = draw(world, ids), draw(world, ids + 1_000_003)
            return dataclasses.replace(own, **{name: getattr(other, name) for name in HIDDEN})

        private = Population.private
        monkeypatch.setattr(World, "people", people)
        monkeypatch.setattr(Population, "private", lambda self, ids, where: private(self, ids + 1_000_003, where))

    return swap


@pytest.mark.parametrize("env_id", crossrec.ENV_IDS)
def test_permuting_the_hidden_truth_leaves_the_first_observation_and_infos_unchanged(env_id, permute):
    env = gym.make_vec(env_id, num_envs=512, expose_truth=True, engine="numpy")
    observation, infos = env.reset(seed=0)
    truth = infos.pop("truth")
    observation.pop("query", None)  # what people type they tell themselves
    permute()
    permuted, its_infos = env.reset(seed=0)
    other = its_infos.pop("truth")
    permuted.pop("query", None)
    assert not np.array_equal(truth["expected_reward"], other["expected_reward"]), "else nothing was permuted"
    assert (truth["intent"] != other["intent"]).mean() > 0.1
    same(observation, permuted)
    same(infos, its_infos)


@pytest.mark.parametrize("kind", ["template", "shuffled", "zeros"])
def test_permuting_the_hidden_truth_leaves_the_first_context_unchanged(kind, permute):
    env = CrossScenarioVectorEnv(512, engine="numpy")
    wrapped = VectorContextWrapper(env, make_reader(env.world, kind))
    first, _ = wrapped.reset(seed=0)
    intent = env.core.simulator.truth.intent.copy()
    permute()
    permuted, _ = wrapped.reset(seed=0)
    assert (env.core.simulator.truth.intent != intent).mean() > 0.1
    same(first, permuted)


def test_the_oracle_context_does_change_with_the_truth(permute):
    """The control of the test above: it can fail."""
    env = CrossScenarioVectorEnv(512, engine="numpy")
    wrapped = VectorContextWrapper(env, make_reader(env.world, "oracle"))
    first, _ = wrapped.reset(seed=0)
    permute()
    assert not np.array_equal(first["context"], wrapped.reset(seed=0)[0]["context"])


def test_an_observation_reads_nothing_of_the_hidden_state_at_any_moment():
    """Scrambling every array of it between two looks changes neither observation, nor infos, nor prompts."""
    env = CrossScenarioVectorEnv(64)
    reader = make_reader(env.world, titles=3, sees=["persona", "scenario", "daypart", "weekend", "device"])
    env.reset(seed=0)
    simulator, rng = env.core.simulator, np.random.default_rng(0)
    for _ in range(15):
        env.step(rng.integers(0, 50, 64))

    def read():
        reader.forget()
        return reader.read(simulator.seen, np.arange(64), simulator.truth.intent)

    before = simulator.observe(), env.core.info(), read()
    for field in dataclasses.fields(Truth):
        values = getattr(simulator.truth, field.name)
        values[...] = rng.permutation(values.ravel()).reshape(values.shape) + (values.dtype != bool)
    after = simulator.observe(), env.core.info(), read()
    for one, other in zip(before, after, strict=True):
        same(one, other)


def test_infos_tell_no_truth_unless_that_was_asked_for():
    single, batch = CrossScenarioEnv(horizon=3), CrossScenarioVectorEnv(4, horizon=3)
    _, info = single.reset(seed=0)
    _, infos = batch.reset(seed=0)
    assert set(info) == set(infos) == TOLD
    for _ in range(7):
        *_, truncated, info = single.step(0)
        *_, infos = batch.step(np.zeros(4, int))
        assert set(info) == TOLD | {"reward_parts"}
        assert set(infos) - {"final_obs", "_final_obs", "final_info", "_final_info"} == TOLD | {"reward_parts"}
        if "final_info" in infos:
            assert set(infos["final_info"]) == TOLD | {"reward_parts"}
            assert set(infos["final_obs"]) == set(batch.single_observation_space)
        if truncated:
            single.reset()


def test_truth_is_refused_unless_that_was_asked_for():
    for env in (CrossScenarioVectorEnv(2), CrossScenarioEnv().core):
        with pytest.raises(ConfigError, match="make the environment with expose_truth=True"):
            env.expected_rewards()


def test_exposed_truth_is_the_expectation_of_each_candidate():
    env = CrossScenarioVectorEnv(200, expose_truth=True)
    observation, infos = env.reset(seed=0)
    assert set(infos["truth"]) == {"intent", "satisfaction", "expected_reward"}
    np.testing.assert_array_equal(infos["truth"]["expected_reward"], env.expected_rewards())
    assert infos["truth"]["expected_reward"].shape == observation["candidates"].shape


def test_exposing_the_truth_changes_no_life():
    plain, exposed = CrossScenarioVectorEnv(32, horizon=20), CrossScenarioVectorEnv(32, horizon=20, expose_truth=True)
    plain.reset(seed=0), exposed.reset(seed=0)
    for step in range(50):
        one, other = plain.step(np.full(32, step % 50)), exposed.step(np.full(32, step % 50))
        for part, its_twin in zip(one[:4], other[:4], strict=True):
            same(part, its_twin)


def test_no_prompt_names_a_candidate_as_long_as_it_is_in_use():
    """300 people are shown what they want most, so that there is much to remember and to repeat."""
    env = CrossScenarioVectorEnv(300, items_per_scenario=60, expose_truth=True, horizon=10**6)
    reader = make_reader(env.world, titles=3, sees=["persona", "scenario", "daypart", "weekend", "device"])
    title = ["", *(env.world.catalogue.title(i) for i in range(1, env.world.catalogue.n_items + 1))]
    observation, _ = env.reset(seed=0)
    texts = [prompt.text for prompt in reader.prompts(env.core.simulator.seen)]
    named = 0
    for _ in range(50):
        for text, candidates in zip(texts, observation["candidates"].tolist(), strict=True):
            assert not [title[item] for item in candidates if item and title[item] in text]
        observation, *_, infos = env.step(env.expected_rewards().argmax(axis=1))
        entered = np.flatnonzero(infos["entered"])
        for person, prompt in zip(entered, reader.prompts(env.core.simulator.seen.at(entered)), strict=True):
            texts[person] = prompt.text
            named += prompt.text.count(";") + ("Enjoyed" in prompt.text)
    assert named > 1_000
