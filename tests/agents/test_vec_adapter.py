import numpy as np
import pytest
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.evaluation import evaluate_policy
from toy import Toy

from crossrec.agents.build import build_agent
from crossrec.agents.vec_adapter import SB3VecEnv
from crossrec.config import DQNConfig, PPOConfig
from crossrec.errors import ConfigError


class Counter:
    """Person i's episodes end after ``lengths[i]`` steps: terminated if i is even, truncated if odd, both for the last.

    The observation is (person, step); the reward is the action.
    """

    render_mode = None
    single_observation_space = spaces.Dict({"place": spaces.Box(0, 1000, (2,), np.int32)})

    def __init__(self, lengths, form="arrays"):
        self.metadata = {"autoreset_mode": AutoresetMode.SAME_STEP}
        self.lengths, self.form = np.array(lengths), form
        self.num_envs = len(lengths)
        self.single_action_space = spaces.Discrete(5)
        self.resets = []

    def _observe(self):
        return {"place": np.stack([np.arange(self.num_envs), self.clock], axis=1).astype(np.int32)}

    def reset(self, *, seed=None, options=None):
        self.resets.append((seed, options))
        self.clock = np.zeros(self.num_envs, int)
        return self._observe(), {"born": np.arange(self.num_envs)}

    def step(self, actions):
        self.clock += 1
        done = self.clock >= self.lengths
        people = np.arange(self.num_envs)
        last = people == self.num_envs - 1
        terminated, truncated = done & ((people % 2 == 0) | last), done & ((people % 2 == 1) | last)
        info = {}
        if done.any():
            final = self._observe()
            if self.form == "objects":
                final = np.array([{"place": row} if d else None for row, d in zip(final["place"], done, strict=True)])
            info = {"final_obs": final, "_final_obs": done, "final_info": {"parts": {"click": actions}, "_parts": done}}
            self.clock[done] = 0
        return self._observe(), np.asarray(actions, float), terminated, truncated, info

    def close(self):
        self.closed = True


@pytest.mark.parametrize("form", ["arrays", "objects"])
def test_the_end_of_an_episode(form):
    env = SB3VecEnv(Counter([2, 3, 2], form))
    env.reset()
    _, _, done, infos = env.step(np.array([1, 2, 3]))
    assert not done.any()
    assert infos == [{}, {}, {}]
    obs, rewards, done, infos = env.step(np.array([1, 2, 4]))
    assert done.tolist() == [True, False, True]
    assert rewards.dtype == np.float32
    np.testing.assert_array_equal(obs["place"], [[0, 0], [1, 2], [2, 0]])
    np.testing.assert_array_equal(infos[0]["terminal_observation"]["place"], [0, 2])
    assert infos[0]["TimeLimit.truncated"] is False
    assert infos[1] == {}
    assert infos[2]["TimeLimit.truncated"] is False, "terminated and truncated at once is an end"
    assert (infos[0]["episode"]["r"], infos[0]["episode"]["l"]) == (2.0, 2)
    assert infos[2]["episode"]["r"] == 7.0
    assert infos[2]["final_info"]["parts"]["click"] == 4
    _, _, done, infos = env.step(np.array([3, 2, 0]))
    assert done.tolist() == [False, True, False]
    assert infos[1]["TimeLimit.truncated"] is True
    np.testing.assert_array_equal(infos[1]["terminal_observation"]["place"], [1, 3])
    assert (infos[1]["episode"]["r"], infos[1]["episode"]["l"]) == (6.0, 3)


def test_seeds_and_options_are_used_once():
    env = SB3VecEnv(Counter([2, 2]))
    assert env.seed(7) == [7, 8]
    env.set_options({"user": 3})
    env.reset()
    env.reset()
    assert env.env.resets == [(7, {"user": 3}), (None, None)]
    assert env.reset_infos == [{"born": 0}, {"born": 1}]
    env.set_options([{"user": 3}, {"user": 4}])
    with pytest.raises(ConfigError, match="same options"):
        env.reset()


def test_replay_keeps_the_last_observation_and_bootstraps_only_at_the_horizon():
    env = SB3VecEnv(Toy(8, churn=0.2))
    agent = build_agent(DQNConfig(learning_starts=10_000, buffer_size=800), env, env.env.table)
    ends = []
    step = env.step_wait
    env.step_wait = lambda: ends.append(step()) or ends[-1]
    agent.learn(400)
    replay = agent.replay_buffer
    for t, (_, _, done, infos) in enumerate(ends):
        np.testing.assert_array_equal(replay.final[t] >= 0, done)
        for i in np.flatnonzero(done):
            assert replay.left[t, i] != infos[i]["TimeLimit.truncated"]
            last = replay.layout.read(torch.from_numpy(replay.finals[replay.final[t, [i]]]))
            for key, value in infos[i]["terminal_observation"].items():
                np.testing.assert_array_equal(last[key][0], value)
    assert replay.left.sum() > 0
    assert (replay.final >= 0).sum() > replay.left.sum()


def test_stable_baselines_evaluates_and_logs_returns():
    env = SB3VecEnv(Toy(8))
    agent = build_agent(PPOConfig(rollout=64, batch_size=32), env, env.env.table).learn(64)
    assert agent.ep_info_buffer[0].keys() == {"r", "l", "t"}
    mean, _ = evaluate_policy(agent, env, n_eval_episodes=8)  # warns, hence fails, if episodes could not be counted
    assert mean >= 0


def test_attributes_and_mistakes():
    inner = Counter([2, 2, 2])
    env = SB3VecEnv(inner)
    assert env.get_attr("num_envs") == [3, 3, 3]
    assert env.get_attr("num_envs", indices=1) == [3]
    env.set_attr("form", "objects")
    assert inner.form == "objects"
    with pytest.raises(ConfigError, match="one environment"):
        env.set_attr("form", "arrays", indices=[0])
    with pytest.raises(AttributeError):
        env.get_attr("nothing_of_the_kind")
    env.close()
    assert inner.closed
    inner.metadata = {"autoreset_mode": AutoresetMode.NEXT_STEP}
    with pytest.raises(ConfigError, match="SAME_STEP"):
        SB3VecEnv(inner)
