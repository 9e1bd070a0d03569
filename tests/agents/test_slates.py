"""Slates: what is drawn, what a slate is worth, how slates are built, and that learners learn to build good ones."""

from itertools import permutations

import numpy as np
import pytest
import torch
from toy import WIDTH

from crossrec.agents.baselines.simple import GreedyOracle, RandomPolicy
from crossrec.agents.build import ALGORITHMS, build_agent
from crossrec.agents.fusion.items import item_table
from crossrec.agents.fusion.network import FusionSizes
from crossrec.agents.plackett_luce import PlackettLuce
from crossrec.agents.slateq import SlateQNetwork
from crossrec.agents.vec_adapter import SB3VecEnv
from crossrec.config import A2CConfig, DQNConfig, PPOConfig, QRDQNConfig, SlateQConfig
from crossrec.envs.vector import CrossScenarioVectorEnv
from crossrec.envs.wrappers import item_vectors

OPTIONS = {
    "scenarios": ["news"],
    "slate_size": 3,
    "n_candidates": 10,
    "history_length": 9,
    "behaviour": {"position": 2.0, "quality": 4.0, "interest": 2.0, "intent": 0.0, "churn": 0.0},
}
_OFF = {
    "learning_starts": 500,
    "target_update": 1_000,
    "gradient_steps": 0.0625,
    "batch_size": 128,
    "learning_rate": 3e-3,
    "gamma": 0.2,
}
CONFIGS = {
    "dqn": DQNConfig(**_OFF),
    "qrdqn": QRDQNConfig(**_OFF, quantiles=5),
    "slateq": SlateQConfig(**_OFF),
    "ppo": PPOConfig(rollout=1_024, batch_size=256, gamma=0.2),
    "a2c": A2CConfig(rollout=256, gamma=0.2, learning_rate=3e-3),
}


def world(people, **options):
    env = CrossScenarioVectorEnv(people, **OPTIONS | options)
    vectors = item_vectors(env.world, WIDTH)
    return env, item_table(vectors, env.world.catalogue.popularity)


def slate_network(greedy=False, candidates=6, places=3):
    """A network with values and appeals of any kind, and observations of five people, one candidate barred for each."""
    env, table = world(5, n_candidates=candidates, slate_size=places)
    torch.manual_seed(0)
    net = SlateQNetwork(env.single_observation_space, env.single_action_space, FusionSizes(outputs=2), greedy)
    net.fusion.set_items(table)
    for parameter in net.parameters():
        parameter.data += 0.3 * torch.randn_like(parameter)
    net.examined.data = -0.7 * torch.arange(places)
    obs = {key: torch.as_tensor(value) for key, value in env.reset(seed=1)[0].items()}
    obs["mask"][torch.arange(5), torch.arange(5)] = 0
    return net, obs


def worth(net, obs, slate):
    """The value of one slate of the first person, by hand from the definition."""
    with torch.no_grad():
        q, appeal, q0, a0 = (x[0].double().numpy() for x in net.judged(obs))
        examined = np.exp(net.places().double().numpy())
    weight = np.concatenate([np.exp(a0), [e * np.exp(appeal[i]) for e, i in zip(examined, slate, strict=True)]])
    return float((weight / weight.sum()) @ np.concatenate([q0, q[list(slate)]]))


def test_the_probabilities_of_all_slates_sum_to_one_and_draws_follow_them():
    torch.manual_seed(0)
    logits = torch.tensor([[0.3, -1.0, 1.5, 0.0], [0.0, 2.0, -1e9, 0.5]])
    slates = torch.tensor(list(permutations(range(4), 2)))
    for row in logits:
        several = PlackettLuce(2).proba_distribution(row.expand(len(slates), -1))
        probability = several.log_prob(slates).exp()
        assert float(probability.sum()) == pytest.approx(1.0, abs=1e-5)
        by_hand = torch.softmax(row, 0)
        first, second = slates[:, 0], slates[:, 1]
        expected = by_hand[first] * by_hand[second] / (1 - by_hand[first])
        torch.testing.assert_close(probability, expected, atol=1e-5, rtol=1e-4)
        drawn = PlackettLuce(2).proba_distribution(row.expand(40_000, -1)).sample()
        counts = torch.stack([(drawn == slate).all(1).float().mean() for slate in slates])
        torch.testing.assert_close(counts, probability, atol=0.01, rtol=0.0)


def test_the_mode_is_the_most_probable_slate_and_one_place_is_a_plain_softmax():
    logits = torch.tensor([[0.3, -1.0, 1.5, 0.0]])
    assert PlackettLuce(3).proba_distribution(logits).mode().tolist() == [[2, 0, 3]]
    alone = PlackettLuce(1).proba_distribution(logits)
    torch.testing.assert_close(alone.log_prob(torch.tensor([[1]])), torch.log_softmax(logits, 1)[:, 1])


def test_the_value_of_a_slate_is_that_of_its_definition():
    net, obs = slate_network()
    for slate in [(1, 2, 3), (5, 4, 1)]:
        found = net.value(obs, torch.tensor([slate] * 5))[0]
        assert found.item() == pytest.approx(worth(net, obs, slate), rel=1e-4)


@pytest.mark.parametrize("greedy", [False, True])
def test_slates_hold_each_allowed_candidate_at_most_once(greedy):
    net, obs = slate_network(greedy)
    slates = net.choose(obs)
    assert all(len(set(row)) == 3 for row in slates.tolist())
    assert obs["mask"].gather(1, slates).all()


def test_slates_are_nearly_the_best_there_are():
    """Against all slates of the first person: sorting and growing both come close, and close to each other."""
    net, obs = slate_network()
    allowed = [i for i in range(6) if obs["mask"][0, i]]
    values = [worth(net, obs, slate) for slate in permutations(allowed, 3)]
    spread = max(values) - min(values)
    for greedy in (False, True):
        net.greedy = greedy
        assert worth(net, obs, net.choose(obs)[0].tolist()) >= max(values) - 0.1 * spread


def test_a_greedy_slate_begins_with_the_item_that_is_best_alone():
    net, obs = slate_network(greedy=True)
    torch.testing.assert_close(net.choose(obs)[:, 0], net(obs).argmax(1))


def mean_reward(policy, env, steps=30):
    observation, _ = env.reset(seed=99)
    total = 0.0
    for _ in range(steps):
        observation, reward, *_ = env.step(policy.predict(observation, deterministic=True)[0])
        total += reward.mean()
    return total / steps


@pytest.mark.parametrize("name", ALGORITHMS)
def test_learners_build_slates_better_than_random_and_keep_to_masks(name):
    env, table = world(32)
    agent = build_agent(CONFIGS[name], SB3VecEnv(env), table, seed=0)
    agent.learn(5_000)
    tried, _ = world(200, expose_truth=True)
    random, oracle = RandomPolicy(0), GreedyOracle(tried.expected_rewards)
    random.slate_size = oracle.slate_size = 3
    low, high = mean_reward(random, tried), mean_reward(oracle, tried)
    assert (mean_reward(agent, tried) - low) / (high - low) > 0.25
    observation, _ = tried.reset(seed=1)
    slates, _ = agent.predict(observation, deterministic=False)
    assert slates.shape == (200, 3)
    assert np.take_along_axis(observation["mask"], slates, axis=1).all()
    one = agent.predict({key: value[0] for key, value in observation.items()}, deterministic=True)[0]
    np.testing.assert_array_equal(one, agent.predict(observation, deterministic=True)[0][0])


def test_slateq_learns_how_places_weigh():
    """Places below are examined less often: the learnt weights fall, roughly as the world's do."""
    env, table = world(32)
    agent = build_agent(CONFIGS["slateq"], SB3VecEnv(env), table, seed=0).learn(8_000)
    learnt = agent.q_net.places().detach().numpy()
    true = 2.0 * np.log(env.world.scenarios[0].examination) * np.arange(3)
    np.testing.assert_allclose(learnt, true, atol=0.5)
    assert learnt[2] < learnt[1] < 0
