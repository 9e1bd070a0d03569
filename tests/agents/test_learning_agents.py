import dataclasses

import numpy as np
import pytest
import torch
from stable_baselines3 import A2C, PPO
from toy import Toy

from crossrec.agents.actor_critic import FusionActorCriticPolicy
from crossrec.agents.baselines.click_model import ClickModel
from crossrec.agents.baselines.simple import GreedyOracle, RandomPolicy
from crossrec.agents.build import ALGORITHMS, build_agent
from crossrec.agents.dqn import MaskedDQN, gradient_steps_per_transition
from crossrec.agents.masks import allowed
from crossrec.agents.q_networks import FusionDQNPolicy
from crossrec.agents.qrdqn import MaskedQRDQN
from crossrec.agents.slateq import SlateQ, SlateQPolicy
from crossrec.agents.vec_adapter import SB3VecEnv
from crossrec.config import A2CConfig, AgentConfig, DQNConfig, PPOConfig, QRDQNConfig, SlateQConfig
from crossrec.errors import ConfigError

CLASSES = {
    "dqn": (MaskedDQN, FusionDQNPolicy),
    "qrdqn": (MaskedQRDQN, FusionDQNPolicy),
    "slateq": (SlateQ, SlateQPolicy),
    "ppo": (PPO, FusionActorCriticPolicy),
    "a2c": (A2C, FusionActorCriticPolicy),
}
_OFF = {"learning_starts": 64, "batch_size": 32, "buffer_size": 2000, "hidden": 32, "gradient_steps": 0.125}
SHORT = {
    "dqn": DQNConfig(**_OFF),
    "qrdqn": QRDQNConfig(**_OFF, quantiles=5),
    "slateq": SlateQConfig(**_OFF),
    "ppo": PPOConfig(rollout=256, batch_size=64, n_epochs=2, hidden=32),
    "a2c": A2CConfig(rollout=64, hidden=32),
}


def trained(name, steps=512, seed=0, options=None, **toy):
    env = SB3VecEnv(Toy(8, **toy))
    config = dataclasses.replace(SHORT[name], **options or {})
    agent = build_agent(config, env, None if toy.get("raw") else env.env.table, seed=seed)
    return agent.learn(steps), env.env


def clicks_per_step(policy, env, steps=40):
    obs, _ = env.reset(seed=77)
    total = 0.0
    for _ in range(steps):
        obs, reward, *_ = env.step(policy.predict(obs, deterministic=True)[0])
        total += reward.mean()
    return total / steps


@pytest.mark.parametrize("name", ALGORITHMS)
@pytest.mark.parametrize("toy", [{}, {"context": False}, {"raw": 96}], ids=["ids", "no context", "raw"])
def test_training_never_takes_a_masked_action(name, toy):
    agent, env = trained(name, padding=0.7, **toy)
    assert agent.num_timesteps >= 512
    assert env.chosen_masked == 0
    assert all(torch.isfinite(p).all() for p in agent.policy.parameters())


@pytest.mark.parametrize("name", ALGORITHMS)
def test_saved_and_loaded_agents_act_alike(name, tmp_path):
    agent, env = trained(name)
    agent.save(tmp_path / "agent.zip")
    agent.policy.save(str(tmp_path / "policy.pt"))
    algorithm, policy_class = CLASSES[name]
    loaded = algorithm.load(tmp_path / "agent.zip", device="cpu")
    policy = policy_class.load(str(tmp_path / "policy.pt"), device="cpu")
    obs, _ = env.reset(seed=1)
    expected = agent.predict(obs, deterministic=True)[0]
    for other in (loaded, policy):
        np.testing.assert_array_equal(other.predict(obs, deterministic=True)[0], expected)
    for key, value in agent.policy.state_dict().items():
        assert torch.equal(loaded.policy.state_dict()[key], value), key
    loaded.set_env(SB3VecEnv(Toy(8)))
    loaded.learn(64)


def test_a_catalogue_of_another_size_is_saved_too(tmp_path):
    agent, _ = trained("dqn")
    large = Toy(4, items=333)
    agent.policy.set_items(large.table)
    agent.save(tmp_path / "agent.zip")
    loaded = MaskedDQN.load(tmp_path / "agent.zip", device="cpu")
    obs, _ = large.reset(seed=0)
    np.testing.assert_array_equal(loaded.predict(obs, deterministic=True)[0], agent.predict(obs, deterministic=True)[0])


def test_the_table_stands_once():
    agent, _ = trained("dqn")
    online, target = agent.q_net.fusion, agent.q_net_target.fusion
    assert online.items is target.items
    assert not any(p is v for p in agent.policy.parameters() for v in online.items.buffers())
    online.tower[0].weight.data += 1
    assert not torch.equal(online.tower[0].weight, target.tower[0].weight)


@pytest.mark.parametrize("name", ALGORITHMS)
def test_one_observation_or_many(name):
    agent, env = trained(name)
    obs, _ = env.reset(seed=5)
    batch = agent.predict(obs, deterministic=True)[0]
    assert batch.shape == (8,)
    for i in range(8):
        action = agent.predict({key: value[i] for key, value in obs.items()}, deterministic=True)[0]
        assert np.shape(action) == ()
        assert action == batch[i]


@pytest.mark.parametrize("name", ALGORITHMS)
@pytest.mark.parametrize("deterministic", [True, False])
def test_masks_hold_when_acting_and_exploring(name, deterministic):
    agent, env = trained(name)
    agent.exploration_rate = 0.8
    obs, _ = env.reset(seed=2)
    obs["mask"][:] = 0
    obs["mask"][:, [2, 7]] = 1
    seen = np.stack([agent.predict(obs, deterministic=deterministic)[0] for _ in range(50)])
    assert np.isin(seen, [2, 7]).all()
    if not deterministic:
        assert set(np.unique(seen)) == {2, 7}
    obs["mask"][3] = 0
    with pytest.raises(ConfigError, match=r"forbids every candidate of person 3 .*1 of 8"):
        agent.predict(obs, deterministic=deterministic)


def test_exploration_is_uniform_over_the_allowed_and_each_person_explores_alone():
    agent, _ = trained("dqn")
    mask = np.zeros((30_000, 5), np.int8)
    mask[:, [0, 2, 3]] = 1
    counts = np.bincount(agent._random(mask)[:, 0], minlength=5)
    assert counts[[1, 4]].sum() == 0
    np.testing.assert_allclose(counts[[0, 2, 3]], 10_000, rtol=0.05)
    agent.exploration_rate = 0.5
    obs, _ = Toy(512).reset(seed=0)
    greedy, mixed = (agent.predict(obs, deterministic=d)[0] for d in (True, False))
    assert 0.3 < (greedy != mixed).mean() < 0.6


def test_targets_are_double_and_respect_masks(monkeypatch):
    """The online network chooses among the allowed, the target network judges that choice."""
    agent, _ = trained("dqn")
    asked = []
    target = agent.q_net_target.forward
    with torch.no_grad():  # the two networks must disagree, or either could be the one that chooses
        for parameter in agent.q_net_target.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0)))

    def spy(obs, actions):
        best, its_own = agent.q_net(obs), target(obs, None).argmax(1, keepdim=True)
        asked.append((obs, actions, best, its_own))
        return target(obs, actions)

    monkeypatch.setattr(agent.q_net_target, "forward", spy)
    replay = agent.replay_buffer
    replay.records[:, :, replay.layout.parts["mask"][0]][:, :, :9] = 0
    agent.train(gradient_steps=3, batch_size=64)
    assert len(asked) == 3
    for obs, actions, best, its_own in asked:
        torch.testing.assert_close(actions, best.argmax(1, keepdim=True))
        assert (actions != its_own).any()
        assert allowed(obs["mask"]).gather(1, actions).all()


def test_the_loss_is_that_of_one_step_returns_cut_at_true_ends(monkeypatch):
    """Smooth L1 of Q(s, a) and r + gamma * (1 - done) * Q_target(s', argmax Q(s')), by hand."""
    agent, _ = trained("dqn", churn=0.3)
    batch = agent.replay_buffer.sample(256)
    assert 0 < batch.dones.sum() < 256
    monkeypatch.setattr(agent.replay_buffer, "sample", lambda *_, **__: batch)
    with torch.no_grad():
        choice = agent.q_net(batch.next_observations).argmax(1, keepdim=True)
        future = agent.q_net_target(batch.next_observations).gather(1, choice)
        goal = batch.rewards + agent.gamma * (1 - batch.dones) * future
        gap = (agent.q_net(batch.observations).gather(1, batch.actions.long()) - goal).abs()
        loss = torch.where(gap < 1, 0.5 * gap**2, gap - 0.5).mean()
    recorded = {}
    monkeypatch.setattr(agent.logger, "record", lambda key, value, **_: recorded.update({key: value}))
    agent.train(gradient_steps=1, batch_size=256)
    assert recorded["train/loss"] == pytest.approx(float(loss), rel=1e-4)


def test_n_step_targets_discount_what_follows_by_as_many_steps():
    agent, _ = trained("dqn", options={"n_steps": 3, "gamma": 0.9}, churn=0.3)
    batch = agent.replay_buffer.sample(256)
    steps = np.log(batch.discounts.numpy()) / np.log(0.9)
    assert set(steps.round(4).flatten().tolist()) == {1.0, 2.0, 3.0}
    with torch.no_grad():
        scores = agent.q_net.fusion.read(batch.observations, batch.actions.long()).scores
        choice = agent.q_net(batch.next_observations).argmax(1, keepdim=True)
        future = agent.q_net_target(batch.next_observations).gather(1, choice)
        goal = batch.rewards + batch.discounts * (1 - batch.dones) * future
        gap = (scores[:, :, 0] - goal).abs()
        by_hand = torch.where(gap < 1, 0.5 * gap**2, gap - 0.5).mean()
        torch.testing.assert_close(agent.return_loss(scores, batch), by_hand)


def test_ppo_probabilities_and_entropy_are_finite_under_masks():
    agent, env = trained("ppo", padding=0.7)
    obs, _ = env.reset(seed=4)
    tensors = agent.policy.obs_to_tensor(obs)[0]
    distribution = agent.policy.get_distribution(tensors).distribution
    ok = allowed(tensors["mask"])
    assert (distribution.probs[~ok] == 0).all()
    actions, values, log_prob = agent.policy(tensors)
    again = agent.policy.evaluate_actions(tensors, actions)
    torch.testing.assert_close(again[0], values)
    torch.testing.assert_close(again[1], log_prob)
    torch.testing.assert_close(again[0], agent.policy.predict_values(tensors))
    assert torch.isfinite(again[2]).all()
    assert (again[2] >= 0).all()


@pytest.mark.parametrize("name", ALGORITHMS)
def test_the_same_seed_gives_the_same_agent(name):
    weights = [trained(name, steps=256, seed=9)[0].policy.parameters_to_vector() for _ in range(2)]
    np.testing.assert_array_equal(*weights)


@pytest.mark.parametrize(
    ("ratio", "n_envs", "expected"),
    [
        (0.125, 1, (8, 1)),
        (0.125, 16, (1, 2)),
        (0.125, 256, (1, 32)),
        (0.1, 16, (5, 8)),
        (1.0, 1, (1, 1)),
        (2, 3, (1, 6)),
    ],
)
def test_gradient_steps_per_transition(ratio, n_envs, expected):
    assert gradient_steps_per_transition(ratio, n_envs) == expected


def test_dqn_takes_as_many_gradient_steps_as_asked():
    counts = []
    for n in (4, 16):
        env = SB3VecEnv(Toy(n))
        config = DQNConfig(learning_starts=0, gradient_steps=0.125, batch_size=8)
        agent = build_agent(config, env, env.env.table)
        counts.append(agent.learn(640)._n_updates)
    assert counts == [80, 80]


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (AgentConfig(), "does not go with AgentConfig"),
        (DQNConfig(gamma=1.5), r"agent\.gamma=1\.5"),
        (DQNConfig(gradient_steps=0.0), r"agent\.gradient_steps=0"),
        (DQNConfig(batch_size=0), r"agent\.batch_size=0"),
        (PPOConfig(clip_range=0.0), r"agent\.clip_range=0"),
    ],
)
def test_mistakes_are_named(config, words):
    env = SB3VecEnv(Toy(4))
    with pytest.raises(ConfigError, match=words):
        build_agent(config, env, env.env.table)


@pytest.mark.parametrize(
    ("config", "steps"),
    [
        (DQNConfig(batch_size=128, learning_starts=500, gradient_steps=0.125, target_update=1_000), 6_000),
        (PPOConfig(rollout=1024, batch_size=256), 20_000),
    ],
    ids=["dqn", "ppo"],
)
def test_agents_learn_what_the_context_means(config, steps):
    """The context is rotated, so that the cosine start is worthless and everything must be learned."""
    env = SB3VecEnv(Toy(32, candidates=10))
    env.env.centres = np.roll(env.env.centres, 1, axis=0)
    agent = build_agent(config, env, env.env.table, seed=1)
    before = clicks_per_step(agent, env.env)
    agent.learn(steps)
    random, oracle = (clicks_per_step(p, env.env) for p in (RandomPolicy(0), GreedyOracle(env.env.click_probability)))
    score = (clicks_per_step(agent, env.env) - random) / (oracle - random)
    assert (before - random) / (oracle - random) < 0.2
    assert score > 0.5


def test_the_click_model_learns_from_a_log():
    env = Toy(250)
    env.centres = np.roll(env.centres, 1, axis=0)
    policy, log, actions, clicks = RandomPolicy(0), [], [], []
    obs, _ = env.reset(seed=0)
    for _ in range(60):
        action = policy.predict(obs)[0]
        log.append(obs)
        actions.append(action)
        obs, reward, *_ = env.step(action)
        clicks.append(reward)
    rows = {key: np.concatenate([o[key] for o in log]) for key in obs}
    arguments = rows, np.concatenate(actions), np.concatenate(clicks)
    model = ClickModel(env.single_observation_space, env.table, seed=3)
    losses = model.fit(*arguments, epochs=6, batch_size=256)
    assert min(losses) < losses[0]
    random, oracle = (clicks_per_step(p, env) for p in (RandomPolicy(0), GreedyOracle(env.click_probability)))
    assert (clicks_per_step(model, env) - random) / (oracle - random) > 0.6
    twins = [ClickModel(env.single_observation_space, env.table, seed=4) for _ in range(2)]
    assert twins[0].fit(*arguments, epochs=1) == twins[1].fit(*arguments, epochs=1)
    with pytest.raises(ConfigError, match="at least 20 rows"):
        model.fit({key: value[:5] for key, value in rows.items()}, actions[0][:5], clicks[0][:5])
