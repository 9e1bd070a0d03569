"""DQN that knows masks: double targets, exploration among allowed candidates only, gradient steps counted honestly."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import DQN
from stable_baselines3.common.noise import ActionNoise
from torch.nn import functional as F

from crossrec.errors import check_range
from crossrec.observation import MASK

from .masks import allowed


def gradient_steps_per_transition(ratio: float, n_envs: int) -> tuple[int, int]:
    """Translate gradient steps per transition into what Stable-Baselines3 understands.

    Its ``train_freq`` counts steps of the whole vector: the same number means less training with more people.

    Args:
        ratio: Gradient steps per transition, for instance 0.125.
        n_envs: People in the vector environment.

    Returns:
        ``(train_freq, gradient_steps)``: after so many vector steps, so many gradient steps.

    Raises:
        ConfigError: If the ratio is not between 1/1024 and 16.
    """
    check_range("agent.gradient_steps", ratio, 1 / 1024, 16)
    exact = Fraction(ratio).limit_denominator(1024) * n_envs
    return exact.denominator, exact.numerator


class MaskedDQN(DQN):
    """Double DQN (van Hasselt et al. 2016) for policies whose Q-values are masked, such as `FusionDQNPolicy`.

    Three differences from Stable-Baselines3's DQN. Targets are double. Each person explores on their own, uniformly
    among the allowed candidates, by a generator that is saved with the agent. And because a candidate's Q-value depends
    on no other candidate, only the greedy choice in the next state scores all of them; the action taken and the action
    whose value is the target are scored alone, which makes a gradient step several times cheaper.
    """

    exploration: np.random.Generator

    def _setup_model(self) -> None:
        super()._setup_model()
        if getattr(self, "exploration", None) is None:  # a loaded agent continues its own stream
            self.exploration = np.random.default_rng(self.seed)

    def _sample_action(
        self, learning_starts: int, action_noise: ActionNoise | None = None, n_envs: int = 1
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        rate = 1.0 if self.num_timesteps < learning_starts else self.exploration_rate
        assert isinstance(self._last_obs, dict)
        actions = self._act(self._last_obs, rate)
        return actions, actions

    def predict(
        self,
        observation: NDArray[Any] | Mapping[str, NDArray[Any]],
        state: tuple[NDArray[Any], ...] | None = None,
        episode_start: NDArray[Any] | None = None,
        deterministic: bool = False,
    ) -> tuple[NDArray[Any], tuple[NDArray[Any], ...] | None]:
        """Actions ``(n,)`` for a batch, or one for a single observation; explores unless deterministic."""
        assert isinstance(observation, Mapping)
        rate = 0.0 if deterministic else self.exploration_rate
        if np.ndim(observation[MASK]) > 1:
            return self._act(observation, rate), state
        single = {key: np.asarray(value)[None] for key, value in observation.items()}
        return self._act(single, rate)[0], state

    def _act(self, observation: Mapping[str, NDArray[Any]], rate: float) -> NDArray[np.int64]:
        """Epsilon-greedy among the allowed: ``observation`` batched, actions ``(n,)``."""
        n = len(observation[MASK])
        explore = self.exploration.random(n) < rate if rate > 0.0 else np.zeros(n, dtype=bool)
        if explore.all():
            return self._random(observation[MASK])
        with torch.no_grad():
            tensors = {key: torch.as_tensor(value, device=self.device) for key, value in observation.items()}
            actions: NDArray[np.int64] = self.q_net(tensors).argmax(dim=1).cpu().numpy()
        if explore.any():
            actions[explore] = self._random(observation[MASK][explore])
        return actions

    def _random(self, mask: NDArray[Any]) -> NDArray[np.int64]:
        # The largest of independent uniforms is a uniform choice.
        draws = np.where(allowed(mask), self.exploration.random(mask.shape), -1.0)
        choices: NDArray[np.int64] = draws.argmax(axis=1)
        return choices

    def train(self, gradient_steps: int, batch_size: int = 100) -> None:
        """Take ``gradient_steps`` steps on minibatches of ``batch_size`` transitions."""
        assert self.replay_buffer is not None
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        parameters = list(self.q_net.parameters())
        losses = []
        for _ in range(gradient_steps):
            data: Any = self.replay_buffer.sample(batch_size, env=self._vec_normalize_env)
            with torch.no_grad():
                greedy = self.q_net(data.next_observations).argmax(dim=1, keepdim=True)
                following = self.q_net_target(data.next_observations, greedy)
                target = data.rewards + (1.0 - data.dones) * self.gamma * following
            current = self.q_net(data.observations, data.actions.long())
            loss = F.smooth_l1_loss(current, target)
            self.policy.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(parameters, self.max_grad_norm)
            self.policy.optimizer.step()
            losses.append(loss.detach())
        self._n_updates += gradient_steps
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        self.logger.record("train/loss", float(torch.stack(losses).mean()))
