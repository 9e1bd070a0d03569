"""Agents of other libraries train on the flattened environment as they come, and learn: they beat random choice."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from cleanrl_dqn import train
from gymnasium.wrappers import FlattenObservation
from skrl.agents.torch.dqn import DQN, DQN_CFG
from skrl.envs.wrappers.torch import wrap_env
from skrl.memories.torch import RandomMemory
from skrl.models.torch import DeterministicMixin, Model
from skrl.trainers.torch import SequentialTrainer
from skrl.utils import set_seed
from torch import nn

from crossrec.envs.wrappers import ExpandItems, item_vectors

LIVES, STEPS = 60, 6_000
# An easy world: few items, of which the good ones are good for everybody.
EASY = {
    "scenarios": ["news"],
    "items_per_scenario": 24,
    "n_candidates": 4,
    "history_length": 2,
    "horizon": 20,
    "behaviour": {"quality": 3.0, "interest": 2.0, "intent": 0.0, "satiation": 0.0, "churn": 0.0},
}


def flat_env():
    env = gym.make("crossrec/CrossScenario-v0", **EASY)
    return FlattenObservation(ExpandItems(env, item_vectors(env.unwrapped.world, 16)))


def returns(choose):
    """Return of each of the same lives, (LIVES,); none was met in training."""
    env, found = flat_env(), []
    for life in range(LIVES):
        observation, _ = env.reset(seed=100_000 + life, options={"user": 500_000 + life})
        total, done = 0.0, False
        while not done:
            observation, reward, terminated, truncated, _ = env.step(choose(observation))
            total, done = total + reward, terminated or truncated
        found.append(total)
    return np.array(found)


@pytest.fixture(scope="module")
def by_chance():
    draws = np.random.default_rng(0)
    return returns(lambda _: int(draws.integers(EASY["n_candidates"])))


def assert_beats(found, by_chance):
    """On average by a quarter, and by three standard errors of the paired differences."""
    gained = found - by_chance
    assert found.mean() > 1.25 * by_chance.mean()
    assert gained.mean() > 3.0 * gained.std(ddof=1) / np.sqrt(len(gained))


def test_the_environment_is_one_flat_box_of_floats():
    env = flat_env()
    assert isinstance(env.observation_space, gym.spaces.Box)
    assert env.observation_space.dtype == np.float32
    assert len(env.observation_space.shape) == 1
    observation, _ = env.reset(seed=0)
    assert observation in env.observation_space


def test_a_single_file_dqn_learns(by_chance):
    network, losses = train(flat_env(), STEPS)
    assert np.isfinite(losses).all()
    assert np.mean(losses[-100:]) < np.mean(losses[:20])
    with torch.no_grad():
        found = returns(lambda observation: int(network(torch.as_tensor(observation)[None]).argmax()))
    assert_beats(found, by_chance)


class QNetwork(DeterministicMixin, Model):
    """As skrl's documentation has them: a model of the user's, an agent of the library's."""

    def __init__(self, env):
        spaces = {"observation_space": env.observation_space, "action_space": env.action_space}
        Model.__init__(self, **spaces, device=env.device)
        DeterministicMixin.__init__(self)
        inner = nn.Linear(self.num_observations, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU()
        self.net = nn.Sequential(*inner, nn.Linear(64, self.num_actions))

    def compute(self, inputs, role):
        return self.net(inputs["observations"]), {}


def test_dqn_of_skrl_learns(by_chance, tmp_path):
    set_seed(0)
    env = wrap_env(flat_env(), verbose=False)
    models = {"q_network": QNetwork(env), "target_q_network": QNetwork(env)}
    start = [weights.clone() for weights in models["q_network"].parameters()]
    config = DQN_CFG(
        batch_size=128,
        discount_factor=0.5,
        random_timesteps=500,
        learning_starts=500,
        update_interval=4,
        exploration_scheduler=lambda step, steps: max(1.0 - 2.0 * step / steps, 0.1),
        experiment={"directory": str(tmp_path), "write_interval": 0, "checkpoint_interval": 0},
    )
    agent = DQN(
        models=models,
        memory=RandomMemory(memory_size=STEPS, num_envs=1, device=env.device),
        observation_space=env.observation_space,
        action_space=env.action_space,
        device=env.device,
        cfg=config,
    )
    quiet = {"headless": True, "disable_progressbar": True, "close_environment_at_exit": False}
    SequentialTrainer(env=env, agents=agent, cfg={"timesteps": STEPS, **quiet}).train()
    now = list(models["q_network"].parameters())
    assert all(torch.isfinite(weights).all() for weights in now)
    assert all(not torch.equal(old, new) for old, new in zip(start, now, strict=True))
    with torch.no_grad():
        found = returns(lambda observation: int(models["q_network"].net(torch.as_tensor(observation)[None]).argmax()))
    assert_beats(found, by_chance)
