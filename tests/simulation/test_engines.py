"""Compiled lives are the reference's, and lives of published ids are those that they were published with."""

import pickle
import subprocess
import sys
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from numba.core.caching import CacheImpl

from crossrec.config import BehaviourConfig
from crossrec.envs.vector import CrossScenarioVectorEnv
from crossrec.options import meanings_of
from crossrec.simulation.compiled import draws, jit, layout
from crossrec.simulation.state import field_shapes
from crossrec.world.scenario import SCENARIOS

PUBLISHED = np.load(Path(__file__).parent.parent / "data" / "lives_v0.npz")
EVERY_EFFECT = {
    "ageing": 0.5, "bait": 1.0, "rebound": 0.5, "drift": 0.2, "device_routine": 0.5, "transition_habit": 1.0,
    "device_habit": 0.6, "leave": 0.3, "session_minutes": 3.0, "carry_over": 0.5, "routine": 0.5,
}  # fmt: skip
OPTIONS = {
    "one item": {},
    "every scenario and effect": {"scenarios": list(SCENARIOS), "behaviour": EVERY_EFFECT, "new_items": 0.2},
    "slates, examination": {"slate_size": 4, "behaviour": EVERY_EFFECT},
    "slates, cascade": {"slate_size": 3, "choice": "cascade", "scenarios": ["video", "search"]},
    "all effects off": {
        "behaviour": {
            "interest": 0.0, "intent": 0.0, "quality": 0.0, "satiation": 0.0, "satiation_decay": 0.0, "drift": 0.0,
            "satiation_leak": 0.0, "mood": 0.0, "on_mind": 0.0, "leave": 0.0, "churn": 0.0, "position": 0.0,
        }
    },
    "mixed candidates": {"candidates": {"popular": 0.3, "near": 0.3, "new": 0.1}, "new_items": 0.1},
    "odd sizes": {
        "n_candidates": 7, "items_per_scenario": 13, "history_length": 3, "first_user": 2**40, "last_user": 2**62,
    },
    "a mirrored scenario": {"scenarios": [{**vars(SCENARIOS["news"]), "name": "odd", "rho": -0.7}, "video"]},
}  # fmt: skip


def lives(engine, n=64, steps=60, **options):
    """All that is told of n people over some steps, with hidden state at the end."""
    env = CrossScenarioVectorEnv(n, engine=engine, **options)
    told = [env.reset(seed=7)[0]]
    rng = np.random.default_rng(3)
    for _ in range(steps):
        best = np.argsort(-env.core.simulator.expected_rewards(), axis=1)
        anything = rng.integers(0, env.config.n_candidates, best.shape)
        actions = np.where(np.arange(n)[:, None] % 2 == 0, best, anything)[:, : env.config.slate_size]
        observation, reward, terminated, truncated, infos = env.step(actions if actions.shape[1] > 1 else actions[:, 0])
        told.append({**observation, "reward": reward, "terminated": terminated, "truncated": truncated})
        told[-1] |= {"minute": infos["minute"], "away": infos["away"], "user": infos["user"]}
        told[-1] |= {f"final {key}": value for key, value in infos.get("final_obs", {}).items()}
    return told, env.core.simulator


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_compiled_lives_are_the_references(options):
    """Whole numbers equal, others up to rounding: compiled code sums in another order."""
    compiled, one = lives("compiled", **options)
    reference, other = lives("numpy", **options)
    clicks = 0.0
    for step, (told, expected) in enumerate(zip(compiled, reference, strict=True)):
        assert told.keys() == expected.keys()
        for key, value in told.items():
            assert value.dtype == expected[key].dtype, key
            if value.dtype.kind in "iub":
                np.testing.assert_array_equal(value, expected[key], err_msg=f"{key} at step {step}")
            else:
                np.testing.assert_allclose(value, expected[key], rtol=2e-4, atol=2e-4, err_msg=f"{key} at step {step}")
        clicks += told.get("reward", np.zeros(1)).sum()
    assert clicks > 10, "else little would be compared"
    for name, block in one.state.blocks.items():
        np.testing.assert_allclose(block, other.state.blocks[name], rtol=2e-4, atol=2e-4, err_msg=name)
    np.testing.assert_allclose(one.expected_rewards(), other.expected_rewards(), rtol=2e-4)


def anything(seed):
    """Valid options at random: strengths from nothing to four times the default, sizes, scenarios, slates."""
    rng = np.random.default_rng(seed)
    behaviour = {}
    for name, default in vars(BehaviourConfig()).items():
        most = meanings_of(BehaviourConfig)[name].high
        strength = rng.choice([0.0, 0.5, 1.0, 2.0, 4.0]) * (default or 0.3)
        behaviour[name] = float(min(strength, 1.0) if most == 1.0 else max(strength, 1e-3))
    count = int(rng.integers(1, 5))
    scenarios = [
        {**vars(SCENARIOS[name]), "rho": float(rng.uniform(-1, 1)), "examination": float(rng.choice([0.0, 0.5, 1.0]))}
        for name in rng.permutation(list(SCENARIOS))[:count].tolist()
    ]
    slate = int(rng.integers(1, 5))
    return {
        "scenarios": scenarios,
        "behaviour": behaviour,
        "slate_size": slate,
        "choice": str(rng.choice(["examination", "cascade"])),
        "n_candidates": int(rng.integers(max(slate, 4), 30)),
        "items_per_scenario": int(rng.integers(30, 200)),
        "history_length": int(rng.integers(slate, 12)),
        "horizon": int(rng.integers(1, 40)),
        "world_seed": int(rng.integers(2**62)),
    }


@pytest.mark.parametrize("seed", range(25))
def test_compiled_lives_are_the_references_whatever_the_options(seed):
    compiled, _ = lives("compiled", 24, 25, **anything(seed))
    reference, _ = lives("numpy", 24, 25, **anything(seed))
    for step, (told, expected) in enumerate(zip(compiled, reference, strict=True)):
        for key, value in told.items():
            if value.dtype.kind in "iub":
                np.testing.assert_array_equal(value, expected[key], err_msg=f"{key} at step {step}")
            else:
                np.testing.assert_allclose(value, expected[key], rtol=1e-3, atol=1e-3, err_msg=f"{key} at step {step}")


@pytest.mark.parametrize("engine", ["compiled", "numpy"])
@pytest.mark.parametrize("name", sorted({key.split(".")[0] for key in PUBLISHED}))
def test_lives_of_published_ids_stay_as_they_were_published(name, engine):
    """Recorded with release 0.1.0: half the people are shown the most popular candidate, half any."""
    expected = {key.split(".")[1]: PUBLISHED[key] for key in PUBLISHED if key.startswith(f"{name}.")}
    steps, n = expected["item"].shape
    env = gym.make_vec(f"crossrec/{name}", num_envs=n, vectorization_mode="vector_entry_point", engine=engine)
    observation, _ = env.reset(seed=3)
    rng, popularity = np.random.default_rng(5), env.unwrapped.world.catalogue.popularity
    for step in range(steps):
        anything, popular = rng.integers(0, 50, n), popularity[observation["candidates"]].argmax(axis=1)
        action = np.where(np.arange(n) % 2 == 0, popular, anything)
        item = observation["candidates"][np.arange(n), action]
        observation, _, terminated, _, infos = env.step(action)
        told = {"item": item, "terminated": terminated, **infos["reward_parts"], **infos}
        told["candidates"] = observation["candidates"].sum(axis=1)
        for key, values in expected.items():
            np.testing.assert_allclose(told[key], values[step], rtol=1e-5, atol=1e-3, err_msg=f"{key} at step {step}")


def test_places_in_blocks_and_strengths_are_numbered_as_the_state_and_the_options_are():
    shapes = field_shapes(24, CrossScenarioVectorEnv(1).core.simulator.layout)
    assert [getattr(layout, name.upper()) for name in shapes] == list(range(len(shapes)))
    assert [getattr(layout, f"B_{name.upper()}") for name in layout.BEHAVIOUR] == list(range(len(layout.BEHAVIOUR)))


@pytest.mark.parametrize("u", [2.0**-53, 1e-9, 0.01, 0.074, 0.076, 0.3, 0.5, 0.9, 0.999999, 1 - 2.0**-53])
def test_the_compiled_normal_quantile_is_scipys(u):
    from scipy.special import ndtri

    assert draws.normal(u) == pytest.approx(ndtri(u), rel=1e-13, abs=1e-15)


def test_kept_machine_code_is_stamped_with_all_sources_and_not_with_one_files_age_only():
    """Else a change in one file would leave code that was pasted into others as it was."""
    assert draws.normal._cache._cache_file._source_stamp == jit.source_stamp()


def test_a_person_takes_a_few_hundred_bytes_beside_what_is_observed():
    simulator = CrossScenarioVectorEnv(3).core.simulator
    observed = sum(value[:1].nbytes for value in simulator.observe().values())
    assert simulator.state.bytes_per_person - observed < 500
    larger = CrossScenarioVectorEnv(3, items_per_scenario=5_000, scenarios=list(SCENARIOS)).core.simulator
    assert larger.state.bytes_per_person == simulator.state.bytes_per_person


def test_rows_taken_from_a_state_are_copies_that_live_on_alone():
    env = CrossScenarioVectorEnv(4)
    env.reset(seed=0)
    state = env.core.simulator.state
    taken = state.take(np.array([2, 2, 0]))
    np.testing.assert_array_equal(taken.truth.theta, state.truth.theta[[2, 2, 0]])
    taken.truth.theta[:] = 0
    assert state.truth.theta.any()
    again = pickle.loads(pickle.dumps(taken))
    again.seen.minute[0] = 5
    assert again.blocks["f8"][0].tolist().count(5) == 1, "views of the copy lead into the copy's own blocks"


def test_code_is_compiled_where_it_cannot_be_kept(monkeypatch):
    """A read-only installation has nowhere to keep it."""
    monkeypatch.setattr(CacheImpl, "_locator_classes", [])

    def half(number):
        return number / 2.0

    compiled = jit.program(half)
    assert compiled(3) == 1.5
    assert compiled.signatures
    assert compiled.stats.cache_path is None


def test_lives_go_on_where_compiling_is_switched_off():
    """NUMBA_DISABLE_JIT is how people look for faults."""
    code = (
        "import os; os.environ['NUMBA_DISABLE_JIT'] = '1'; import crossrec, gymnasium; "
        "e = gymnasium.make('crossrec/News-v0').unwrapped; e.reset(seed=0); e.step(3); "
        "print(type(e.core.simulator.engine).__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Reference")


def test_who_moves_on_goes_elsewhere_however_small_the_weights():
    def transition(moment, weights):
        return weights * 1e-30

    env = CrossScenarioVectorEnv(
        300, hooks={"transition": transition}, behaviour={"leave": 1.0, "session_minutes": 1e6}
    )
    _, infos = env.reset(seed=0)
    for _ in range(5):
        before = infos["scenario"]
        _, _, terminated, truncated, infos = env.step(np.zeros(300, np.int64))
        assert not (terminated | truncated).any()
        assert (infos["scenario"] != before).all()
