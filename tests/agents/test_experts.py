"""Experts: each scenario's own network, alone or mixed, behaves as the formulas in agents/fusion/experts.py say."""

import numpy as np
import pytest
import torch
from toy import Toy

from crossrec.agents.build import build_agent
from crossrec.agents.fusion.experts import ExpertNetwork
from crossrec.agents.fusion.items import item_table
from crossrec.agents.fusion.network import FusionSizes
from crossrec.agents.vec_adapter import SB3VecEnv
from crossrec.config import EXPERTS, A2CConfig, DQNConfig, PPOConfig, QRDQNConfig
from crossrec.envs.vector import CrossScenarioVectorEnv
from crossrec.errors import ConfigError

MIXED = tuple(kind for kind in EXPERTS if kind != "shared")


def lived(n=40):
    env = CrossScenarioVectorEnv(n)
    env.reset(seed=2)
    for _ in range(5):
        obs, *_ = env.step(np.zeros(n, int))
    vectors = np.random.default_rng(0).normal(size=(env.world.catalogue.n_items + 1, 64))
    table = item_table(vectors, env.world.catalogue.popularity)
    return env, table, {key: torch.as_tensor(value) for key, value in obs.items()}


def network(env, table, kind, shake=0.1, **sizes):
    torch.manual_seed(0)
    net = ExpertNetwork(env.single_observation_space, FusionSizes(experts=kind, **sizes))
    net.set_items(table)
    for parameter in net.parameters():
        parameter.data += shake * torch.randn_like(parameter)
    return net


def where(obs):
    return obs["situation"][:, :5].argmax(1)


def close(a, b):
    torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("actions", [None, 3])
def test_independent_experts_score_their_own_scenario(actions):
    env, table, obs = lived()
    net = network(env, table, "independent")
    chosen = None if actions is None else torch.full((40, 1), actions)
    found = net.read(obs, chosen)
    assert len(where(obs).unique()) == 5
    for row, scenario in enumerate(where(obs)):
        one = {key: values[row : row + 1] for key, values in obs.items()}
        alone = net.experts[scenario].read(one, None if chosen is None else chosen[:1])
        close(found.scores[row : row + 1], alone.scores)
        close(found.state[row : row + 1], alone.state)


def test_an_independent_expert_learns_from_its_own_scenario_only():
    env, table, obs = lived()
    net = network(env, table, "independent")
    mine = where(obs) == 2
    net.read({key: values[mine] for key, values in obs.items()}).scores.sum().backward()
    touched = [any(p.grad is not None for p in expert.parameters()) for expert in net.experts]
    assert touched == [False, False, True, False, False]


@pytest.mark.parametrize("kind", ["average", "stacked", "gated"])
def test_a_mixture_is_the_weighted_sum_of_its_experts(kind):
    env, table, obs = lived()
    net = network(env, table, kind)
    weights = net.weights(obs)
    close(weights.sum(1), torch.ones(40))
    parts = torch.stack([expert.read(obs).scores for expert in net.experts], dim=-1)
    close(net.read(obs).scores, torch.einsum("bcok,bk->bco", parts, weights))
    if kind == "average":
        close(weights, torch.full((40, 5), 0.2))
    if kind == "stacked":  # the same for everybody in a scenario
        assert all(
            torch.equal(weights[where(obs) == s].unique(dim=0).shape[0] * torch.ones(1), torch.ones(1))
            for s in range(5)
        )
    if kind == "gated":
        assert len(weights[where(obs) == where(obs)[0]].unique(dim=0)) > 1


@pytest.mark.parametrize("kind", ["stacked", "gated"])
def test_mixtures_begin_near_the_own_expert(kind):
    env, table, obs = lived()
    weights = network(env, table, kind, shake=0.0).weights(obs)
    assert (weights.argmax(1) == where(obs)).all()
    assert (weights.max(1).values > 0.7).all()


@pytest.mark.parametrize("kind", MIXED)
def test_a_permutation_of_candidates_permutes_scores_and_another_catalogue_is_taken(kind):
    env, table, obs = lived()
    net, order = network(env, table, kind), torch.randperm(env.config.n_candidates)
    shuffled = obs | {"candidates": obs["candidates"][:, order], "mask": obs["mask"][:, order]}
    before = net(obs)
    close(net(shuffled), before[:, order])
    net.set_items(np.concatenate([table[:1], table[:0:-1]]))
    assert not torch.equal(net(obs), before)
    assert all(expert.items is net.items for expert in net.experts)


@pytest.mark.parametrize("kind", MIXED)
@pytest.mark.parametrize("config", [DQNConfig, QRDQNConfig, PPOConfig, A2CConfig])
def test_learners_train_with_them_and_act_alike_when_loaded(kind, config, tmp_path):
    toy = Toy(8)
    options = {} if config in (PPOConfig, A2CConfig) else {"learning_starts": 32}
    agent = build_agent(config(experts=kind, **options), SB3VecEnv(toy), toy.table)
    agent.learn(256)
    agent.save(tmp_path / "agent.zip")
    again = type(agent).load(tmp_path / "agent.zip")
    obs, _ = toy.reset(seed=9)
    np.testing.assert_array_equal(agent.predict(obs, deterministic=True)[0], again.predict(obs, deterministic=True)[0])


def test_a_head_that_asks_one_network_is_refused():
    toy, config = Toy(2), DQNConfig(experts="gated")
    config.auxiliary.topic = 1.0
    with pytest.raises(ConfigError, match=r"does not go with agent\.experts=gated"):
        build_agent(config, SB3VecEnv(toy), toy.table)
