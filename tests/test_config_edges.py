"""Both ends of every range work: lives stay finite and agents learn; the most of a size only memory can refuse."""

import dataclasses

import numpy as np
import pytest

from crossrec.agents.build import build_agent
from crossrec.agents.fusion.items import item_table
from crossrec.agents.vec_adapter import SB3VecEnv
from crossrec.config import AGENTS, AuxiliaryConfig, BehaviourConfig, CandidateConfig, EnvConfig, RewardConfig
from crossrec.envs.vector import CrossScenarioVectorEnv
from crossrec.options import meanings_of, types_of

TINY = EnvConfig(
    items_per_scenario=20, n_candidates=8, slate_size=2, history_length=4, horizon=6, engine="numpy", new_items=0.3
)
SIZES = {  # whose most fills a large machine; their least is tried here
    "batch_size", "buffer_size", "rollout", "quantiles", "hidden", "head", "n_epochs", "gradient_steps",
}  # fmt: skip
STRENGTHS = [
    pytest.param(group, name, end, id=f"{name}-{end}")
    for group, schema in (("behaviour", BehaviourConfig), ("reward", RewardConfig), ("candidates", CandidateConfig))
    for name, kind in types_of(schema).items()
    if kind is float
    for end in ("low", "high")
]
OWN = [
    pytest.param(agent, name, end, id=f"{agent}-{name}-{end}")
    for agent, schema in AGENTS.items()
    for name, kind in types_of(schema).items()
    if kind in (int, float) and (agent not in ("qrdqn", "slateq") or name not in types_of(AGENTS["dqn"]))
    for end in ("low", *(["high"] if name not in SIZES else []))
]


@pytest.mark.parametrize(("group", "name", "end"), STRENGTHS)
def test_lives_stay_finite(group, name, end):
    inner = getattr(TINY, group)
    value = getattr(meanings_of(type(inner))[name], end)
    env = CrossScenarioVectorEnv(8, dataclasses.replace(TINY, **{group: dataclasses.replace(inner, **{name: value})}))
    env.reset(seed=0)
    for step in range(8):
        observation, reward, *_ = env.step(np.full((8, 2), step % 4) + np.arange(2))
        assert observation in env.observation_space
        assert np.isfinite(reward).all()
        assert np.abs(reward).max() < 1e9


def learnt(config, people=8):
    """Weights of an agent after 64 transitions."""
    env = SB3VecEnv(CrossScenarioVectorEnv(people, dataclasses.replace(TINY, slate_size=1)))
    items = 20 * len(TINY.scenarios)
    vectors = np.random.default_rng(0).normal(size=(items + 1, 8)).astype(np.float32)
    agent = build_agent(config, env, item_table(vectors, np.ones(items + 1)), seed=0)
    agent.learn(64)
    return [weights.detach().numpy() for weights in agent.policy.parameters()]


def small(agent):
    """Options by which few transitions are enough to learn from."""
    named = {"learning_starts": 16, "batch_size": 8, "rollout": 16, "buffer_size": 64, "target_update": 16}
    return AGENTS[agent](**{name: value for name, value in named.items() if name in types_of(AGENTS[agent])})


@pytest.mark.slow
@pytest.mark.parametrize(("agent", "name", "end"), OWN)
def test_agents_learn(agent, name, end):
    value = getattr(meanings_of(AGENTS[agent])[name], end)
    for weights in learnt(dataclasses.replace(small(agent), **{name: value})):
        assert np.isfinite(weights).all()


def test_a_rollout_that_nothing_divides_is_one_batch():
    """Stable-Baselines3 refuses batches of one."""
    config = dataclasses.replace(small("ppo"), rollout=7, batch_size=3)
    assert all(np.isfinite(weights).all() for weights in learnt(config, people=1))


@pytest.mark.slow
@pytest.mark.parametrize("name", types_of(AuxiliaryConfig))
def test_heads_of_any_weight_learn(name):
    heads = AuxiliaryConfig(**{name: meanings_of(AuxiliaryConfig)[name].high})
    for weights in learnt(dataclasses.replace(small("dqn"), auxiliary=heads)):
        assert np.isfinite(weights).all()
