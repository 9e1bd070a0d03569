"""DQN that knows masks and slates, and counts its gradient steps honestly."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3 import DQN
from stable_baselines3.common.noise import ActionNoise
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.type_aliases import Schedule
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor
from torch.nn import functional as F

from crossrec.errors import check_range
from crossrec.observation import MASK

from .auxiliary import auxiliary_loss
from .fusion.items import Observation
from .fusion.network import Reading
from .masks import allowed, check_mask
from .q_networks import FusionQNetwork
from .replay import PeopleReplay


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
    """DQN (Mnih et al. 2015) for policies whose Q-values are masked, such as `FusionDQNPolicy`; double by default.

    Differences from Stable-Baselines3's DQN. Targets are double (van Hasselt et al. 2016). Each person explores on
    their own, uniformly among the allowed candidates, by a generator that is saved with the agent. Replay is
    `PeopleReplay`. And because a candidate's Q-value depends on no other candidate, only the greedy choice in the
    next state scores all of them; what was shown and the action whose value is the target are scored alone, which makes
    a gradient step several times cheaper.

    With slates the items are valued independently: each is credited with the whole slate's reward, and the slate that
    follows is worth the mean of its items. What is shown are the candidates with the highest values.

    Args:
        policy: The policy's class.
        env: Where it learns.
        double: Whether the online network chooses the action that the target network judges.
        n_steps: Steps of reward before the target network's estimate takes over (Sutton 1988), cut at ends of lives.
        auxiliary: Weights of the losses of the network's auxiliary heads, by head.
        gamma: Discount per step.
        replay_buffer_kwargs: Further arguments of `PeopleReplay`.
        seed: Of weights, exploration and minibatches.
        _init_setup_model: Whether to build networks and replay at once.
        **options: As for Stable-Baselines3's ``OffPolicyAlgorithm``.
    """

    exploration: np.random.Generator
    q_net: FusionQNetwork  # type: ignore[assignment]  # of the policies that this learner takes
    q_net_target: FusionQNetwork  # type: ignore[assignment]

    def __init__(
        self,
        policy: Any,
        env: VecEnv | None,
        learning_rate: float | Schedule = 1e-3,
        *,
        double: bool = True,
        n_steps: int = 1,
        auxiliary: Mapping[str, float] | None = None,
        gamma: float = 0.5,
        target_update_interval: int = 5_000,
        exploration_fraction: float = 0.3,
        exploration_initial_eps: float = 1.0,
        exploration_final_eps: float = 0.1,
        max_grad_norm: float = 10.0,
        replay_buffer_kwargs: dict[str, Any] | None = None,
        seed: int | None = None,
        _init_setup_model: bool = True,
        **options: Any,
    ) -> None:
        self.double, self.auxiliary = double, dict(auxiliary or {})
        # The parent's constructor lets no slates pass; all else that it does stands here.
        OffPolicyAlgorithm.__init__(
            self,
            policy,
            env,  # type: ignore[arg-type]  # none while a saved agent is loaded
            learning_rate,
            tau=1.0,
            gamma=gamma,
            replay_buffer_class=PeopleReplay,
            replay_buffer_kwargs={"seed": seed, **(replay_buffer_kwargs or {}), "n_steps": n_steps, "gamma": gamma},
            seed=seed,
            sde_support=False,
            supported_action_spaces=(spaces.Discrete, spaces.MultiDiscrete),
            support_multi_env=True,
            **options,
        )
        self.exploration_initial_eps = exploration_initial_eps
        self.exploration_final_eps = exploration_final_eps
        self.exploration_fraction = exploration_fraction
        self.target_update_interval = target_update_interval
        self.max_grad_norm = max_grad_norm
        self._n_calls, self.exploration_rate = 0, 0.0
        if _init_setup_model:
            self._setup_model()

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
        """Actions ``(n,)`` for a batch, or one for a single observation; explores unless deterministic.

        Slates are ``(n, S)``, the best first.
        """
        assert isinstance(observation, Mapping)
        rate = 0.0 if deterministic else self.exploration_rate
        if np.ndim(observation[MASK]) > 1:
            return self._act(observation, rate), state
        single = {key: np.asarray(value)[None] for key, value in observation.items()}
        return self._act(single, rate)[0], state

    def _act(self, observation: Mapping[str, NDArray[Any]], rate: float) -> NDArray[np.int64]:
        """Epsilon-greedy among the allowed: ``observation`` batched, actions ``(n,)`` or ``(n, S)``."""
        mask = observation[MASK]
        check_mask(mask)
        explore = self.exploration.random(len(mask)) < rate if rate > 0.0 else np.zeros(len(mask), dtype=bool)
        if explore.all():
            slates = self._random(mask)
        else:
            with torch.no_grad():
                tensors = {key: torch.as_tensor(value, device=self.device) for key, value in observation.items()}
                slates = self.q_net.choose(tensors).cpu().numpy()
            if explore.any():
                slates[explore] = self._random(mask[explore])
        return slates[:, 0] if isinstance(self.action_space, spaces.Discrete) else slates

    def _random(self, mask: NDArray[Any]) -> NDArray[np.int64]:
        """Slates ``(n, S)`` of allowed candidates, uniformly."""
        # The largest of independent uniforms is a uniform choice.
        draws = np.where(allowed(mask), self.exploration.random(mask.shape), -1.0)
        size = self.q_net.slate_size
        if size == 1:
            best: NDArray[np.int64] = draws.argmax(axis=1)
            return best[:, None]
        order: NDArray[np.int64] = np.argsort(-draws, axis=1)
        return order[:, :size]

    def train(self, gradient_steps: int, batch_size: int = 100) -> None:
        """Take ``gradient_steps`` steps on minibatches of ``batch_size`` transitions."""
        assert self.replay_buffer is not None
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        parameters = list(self.q_net.parameters())
        losses = []
        for _ in range(gradient_steps):
            loss = self.loss(self.replay_buffer.sample(batch_size, env=self._vec_normalize_env))
            self.policy.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(parameters, self.max_grad_norm)
            self.policy.optimizer.step()
            losses.append(loss.detach())
        self._n_updates += gradient_steps
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        self.logger.record("train/loss", float(torch.stack(losses).mean()))

    def loss(self, data: Any) -> Tensor:
        """Loss of a batch of transitions: that of the returns, and those of the auxiliary heads."""
        reading = self.q_net.fusion.read(data.observations, data.actions.long())
        return self.return_loss(reading.scores, data) + self.auxiliary_loss(reading, data.next_observations)

    def auxiliary_loss(self, reading: Reading, following: Observation) -> Tensor:
        """Weighted losses of the auxiliary heads; see `crossrec.agents.auxiliary`."""
        if not self.auxiliary:
            return reading.scores.new_zeros(())
        return auxiliary_loss(self.q_net.fusion, reading, following, self.auxiliary)

    def return_loss(self, scores: Tensor, data: Any) -> Tensor:
        """Smooth L1 between the values of what was shown and their targets.

        Args:
            scores: ``(B, S, 1)`` of the items shown.
            data: The transitions, as a replay gives them.
        """
        with torch.no_grad():
            chooser = self.q_net if self.double else self.q_net_target
            greedy = chooser.choose(data.next_observations)
            following = self.q_net_target(data.next_observations, greedy).mean(1, keepdim=True)
            target = data.rewards + (1.0 - data.dones) * self.discounts(data) * following
        current = scores.squeeze(-1)
        return F.smooth_l1_loss(current, target.expand_as(current))

    def discounts(self, data: Any) -> Tensor | float:
        """Discount of what follows each transition ``(B, 1)``, or one for all."""
        return self.gamma if data.discounts is None else data.discounts
