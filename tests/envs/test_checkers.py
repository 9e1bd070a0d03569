"""Both libraries' checkers pass without a warning for every id, plain and wrapped; registration and copies work."""

import copy
import pickle
import subprocess
import sys

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.wrappers import FlattenObservation
from stable_baselines3.common.env_checker import check_env as sb3_check_env

import crossrec
from crossrec.config import EnvConfig
from crossrec.envs.context import ContextWrapper, VectorContextWrapper
from crossrec.envs.registration import register_all
from crossrec.envs.single import CrossScenarioEnv
from crossrec.envs.vector import CrossScenarioVectorEnv
from crossrec.envs.wrappers import ExpandItems, VectorExpandItems, item_vectors
from crossrec.errors import ConfigError
from crossrec.world.scenario import SCENARIOS

from .helpers import arrays, make_reader, same

CHECKS = pytest.mark.filterwarnings("error")
# Gymnasium's checker says of any wrapped environment that it is one, and that it did not come from `gym.make`.
WRAPPED = pytest.mark.filterwarnings(
    "error", "ignore:.*is different from the unwrapped version.*", "ignore:.*not having a spec.*"
)


def with_context(env):
    return ContextWrapper(env, make_reader(env.unwrapped.world, titles=3))


WRAPPERS = {
    "context": with_context,
    "vectors": ExpandItems,
    "flat": FlattenObservation,
    "flat vectors": lambda env: FlattenObservation(ExpandItems(env)),
    "context and vectors": lambda env: ExpandItems(with_context(env)),
    "flat context": lambda env: FlattenObservation(with_context(env)),
}


@CHECKS
@pytest.mark.parametrize("truth", [False, True], ids=["plain", "with truth"])
@pytest.mark.parametrize("env_id", crossrec.ENV_IDS)
def test_gymnasium_check_env_passes_without_a_warning(env_id, truth):
    check_env(gym.make(env_id, expose_truth=truth).unwrapped)


@CHECKS
@pytest.mark.parametrize("env_id", crossrec.ENV_IDS)
def test_stable_baselines3_check_env_passes_without_a_warning(env_id):
    sb3_check_env(gym.make(env_id).unwrapped)


@WRAPPED
@pytest.mark.parametrize("name", WRAPPERS)
def test_both_checkers_pass_on_wrapped_environments(name):
    for options in ({}, {"scenarios": ["news"]}):
        check_env(WRAPPERS[name](CrossScenarioEnv(**options)))
        sb3_check_env(WRAPPERS[name](CrossScenarioEnv(**options)))


@CHECKS
def test_a_life_in_the_environment_that_gym_make_gives_raises_no_warning():
    """`gym.make` adds Gymnasium's passive checker, which looks at every step."""
    env = gym.make("crossrec/CrossScenario-v0", horizon=30)
    for _ in range(3):
        env.reset(seed=1)
        done = False
        while not done:
            _, _, terminated, truncated, _ = env.step(env.action_space.sample())
            done = terminated or truncated


@pytest.mark.parametrize("env_id", crossrec.ENV_IDS)
def test_a_module_prefix_registers_in_a_fresh_process(env_id):
    env = gym.make(f"crossrec:{env_id}")
    assert isinstance(env.unwrapped, CrossScenarioEnv)
    if env_id == "crossrec/News-v0":
        code = f"import gymnasium; print(gymnasium.make('crossrec:{env_id}').unwrapped.config.scenarios)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "['news']"


@pytest.mark.parametrize("env_id", crossrec.ENV_IDS)
def test_make_vec_gives_the_native_batch(env_id):
    env = gym.make_vec(env_id, num_envs=3, vectorization_mode="vector_entry_point", horizon=7)
    assert isinstance(env, CrossScenarioVectorEnv)
    assert env.num_envs == 3
    assert env.config.horizon == 7
    assert env.config.scenarios == gym.make(env_id).unwrapped.config.scenarios
    observation, _ = env.reset(seed=0)
    assert observation in env.observation_space


def test_single_scenario_ids_hold_their_scenario_only():
    for name in SCENARIOS:
        assert gym.make(f"crossrec/{name.title()}-v0").unwrapped.config.scenarios == [name]
    assert len(SCENARIOS) == 8


def test_registering_again_changes_nothing_and_warns_of_nothing(recwarn):
    before = dict(gym.registry)
    register_all()
    assert gym.registry == before
    assert not recwarn.list


def sampled(env, steps=60):
    """Observations, rewards, flags and infos of a random life, and whatever comes after it."""
    rng = np.random.default_rng(0)
    for _ in range(steps):
        size = getattr(env, "num_envs", None)
        result = env.step(rng.integers(0, env.unwrapped.config.n_candidates, env.action_space.shape or None))
        yield result
        if size is None and (result[2] or result[3]):
            env.reset()


@pytest.mark.parametrize("vector", [False, True], ids=["single", "vector"])
@pytest.mark.parametrize("env_id", crossrec.ENV_IDS)
def test_every_observation_lies_in_the_space(env_id, vector):
    env = gym.make_vec(env_id, num_envs=5) if vector else gym.make(env_id).unwrapped
    observation, _ = env.reset(seed=3)
    assert observation in env.observation_space
    for observation, *_, infos in sampled(env):
        assert observation in env.observation_space
        if "final_obs" in infos:
            assert infos["final_obs"] in env.observation_space


def make_vector(**options):
    return CrossScenarioVectorEnv(6, EnvConfig(horizon=20, **options), expose_truth=True)


COPIED = {
    "single": lambda: CrossScenarioEnv(EnvConfig(horizon=20), expose_truth=True),
    "vector": make_vector,
    "single with context": lambda: with_context(CrossScenarioEnv(EnvConfig(horizon=20))),
    "vector with context": lambda: VectorContextWrapper(make_vector(), make_reader(make_vector().world, titles=3)),
    "vectors": lambda: ExpandItems(CrossScenarioEnv(EnvConfig(horizon=20))),
}


@pytest.mark.parametrize("name", COPIED)
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))], ids=["copy", "pickle"])
def test_a_copy_made_mid_life_goes_on_equally_and_apart(name, copied):
    env = COPIED[name]()
    env.reset(seed=4, options={"user": 17})
    for _ in sampled(env, 25):  # across the first end of a life
        pass
    twin = copied(env)
    ahead = list(sampled(env))
    for one, other in zip(ahead, sampled(twin), strict=True):
        for part, its_twin in zip(one, other, strict=True):
            same(part, its_twin)


@pytest.mark.parametrize("env_id", crossrec.ENV_IDS)
def test_two_instances_live_the_same_lives(env_id):
    for make in (lambda: gym.make(env_id).unwrapped, lambda: gym.make_vec(env_id, num_envs=4)):
        one, other = make(), make()
        same(one.reset(seed=9)[0], other.reset(seed=9)[0])
        for first, second in zip(sampled(one), sampled(other), strict=True):
            for part, its_twin in zip(first, second, strict=True):
                same(part, its_twin)


def unshared(results):
    """Assert that no array of one call shares memory with one of another call, or with another of its own."""
    everything = [array for result in results for array in arrays(result)]
    assert len(everything) > 20
    for i, one in enumerate(everything):
        for other in everything[:i]:
            assert not np.shares_memory(one, other)


def test_observations_and_infos_of_different_calls_share_no_memory():
    for name, make in COPIED.items():
        env = make()
        results = [env.reset(seed=0), *sampled(env, 24)]
        many = results[:3] + results[19:23]  # the horizon of 20 lies among them
        if "vector" in name and name != "vectors":
            assert any("final_obs" in result[-1] for result in many[1:])
        unshared(many)


def test_what_a_caller_does_to_an_observation_changes_no_life():
    env, other = make_vector(), make_vector()
    env.reset(seed=0), other.reset(seed=0)
    for mine, undisturbed in zip(sampled(env), sampled(other), strict=True):
        same(mine[0], undisturbed[0])
        for array in arrays(mine):
            array[...] = 0


@pytest.mark.parametrize("wrapper", [ContextWrapper, VectorContextWrapper])
def test_a_context_wrapper_refuses_what_is_no_environment_of_ours(wrapper):
    env = gym.make("CartPole-v1") if wrapper is ContextWrapper else gym.make_vec("CartPole-v1", num_envs=2)
    with pytest.raises(ConfigError, match="needs a CrossRec environment; found"):
        wrapper(env, make_reader(None, "zeros"))


def test_item_vectors_must_fit_the_catalogue_and_the_observation():
    env = CrossScenarioEnv(items_per_scenario=60)
    with pytest.raises(ConfigError, match=r"item vectors have 301 rows.*n_items \+ 1"):
        ExpandItems(CrossScenarioEnv(items_per_scenario=80), item_vectors(env.world, 8))
    with pytest.raises(ConfigError, match="items can be expanded only where"):
        ExpandItems(gym.make("CartPole-v1"), item_vectors(env.world, 8))
    for wrong in (np.nan, np.inf):
        vectors = item_vectors(env.world, 8).copy()
        vectors[17, 2] = wrong
        with pytest.raises(ConfigError, match="the item vector of id 17 is not finite"):
            ExpandItems(env, vectors)


def test_expanded_items_are_the_rows_of_the_table_in_the_single_and_the_vector_environment():
    table = item_vectors(CrossScenarioEnv().world, 8)
    assert not table[0].any()
    plain, expanded = CrossScenarioEnv(horizon=9), ExpandItems(CrossScenarioEnv(horizon=9), table)
    batch = VectorExpandItems(CrossScenarioVectorEnv(2, horizon=9), table)
    ids, _ = plain.reset(seed=5)
    vectors, _ = expanded.reset(seed=5)
    both, _ = batch.reset(seed=5)
    for step in range(9):
        for key, name in (("candidates", "candidate_vectors"), ("history", "history_vectors")):
            np.testing.assert_array_equal(vectors[name].reshape(-1, 8), table[ids[key]])
        same(vectors, {key: value[0] for key, value in both.items()})
        ids, *_ = plain.step(step)
        vectors, *_ = expanded.step(step)
        both, *_, infos = batch.step(np.array([step, step]))
        if "final_obs" in infos:
            both = infos["final_obs"]
    same(vectors, {key: value[0] for key, value in both.items()})
    assert infos["_final_obs"].all()
