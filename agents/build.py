"""Agents from their config: a Stable-Baselines3 algorithm that is ready to learn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from stable_baselines3 import PPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from crossrec.config import AgentConfig, DQNConfig, PPOConfig
from crossrec.options import check_agent_config

from .dqn import MaskedDQN, gradient_steps_per_transition
from .fusion.network import FusionSizes
from .policies import FusionActorCriticPolicy, FusionDQNPolicy

#: The classes behind agent names, for loading what was saved.
ALGORITHMS: Mapping[str, type[BaseAlgorithm]] = {"dqn": MaskedDQN, "ppo": PPO}

_ACTOR_SIMILARITY = 5.0  # a cosine is too flat as a logit


def build_agent(
    config: AgentConfig, env: VecEnv, table: NDArray[np.float32] | None, *, seed: int = 0, device: str = "cpu"
) -> BaseAlgorithm:
    """Build an agent.

    Args:
        config: A `DQNConfig` or a `PPOConfig`.
        env: Where it learns.
        table: Item table from `item_table`; None where the observation holds vectors.
        seed: Of weights, exploration, replay and the people met.
        device: Torch device, or "auto".

    Raises:
        ConfigError: If a value is out of range.
    """
    check_agent_config(config)
    if isinstance(config, DQNConfig):
        return _build_dqn(config, env, table, seed, device)
    assert isinstance(config, PPOConfig)  # the only other one that the check lets through
    return _build_ppo(config, env, table, seed, device)


def gradient_steps(agent: BaseAlgorithm) -> int:
    """How many gradient steps an agent has taken; Stable-Baselines3's PPO counts passes over rollouts instead."""
    updates = int(getattr(agent, "_n_updates", 0))
    if isinstance(agent, PPO):
        return updates * (agent.n_steps * agent.n_envs // agent.batch_size)
    return updates


def _build_dqn(config: DQNConfig, env: VecEnv, table: NDArray[np.float32] | None, seed: int, device: str) -> MaskedDQN:
    every, steps = gradient_steps_per_transition(config.gradient_steps, env.num_envs)
    agent = MaskedDQN(
        FusionDQNPolicy,
        env,
        learning_rate=config.learning_rate,
        buffer_size=config.buffer_size,
        learning_starts=config.learning_starts,
        batch_size=config.batch_size,
        gamma=config.gamma,
        train_freq=every,
        gradient_steps=steps,
        target_update_interval=max(config.target_update, env.num_envs),
        exploration_fraction=config.exploration_fraction,
        exploration_final_eps=config.exploration_final,
        policy_kwargs={"sizes": _sizes(config, table, 1.0), "optimizer_kwargs": {"fused": True}},
        seed=seed,
        device=device,
    )
    return _with_items(agent, table)


def _build_ppo(config: PPOConfig, env: VecEnv, table: NDArray[np.float32] | None, seed: int, device: str) -> PPO:
    steps = max(config.rollout // env.num_envs, 2)
    agent = PPO(
        FusionActorCriticPolicy,
        env,
        learning_rate=config.learning_rate,
        n_steps=steps,
        # Stable-Baselines3 warns where minibatches do not divide the rollout.
        batch_size=_divisor(steps * env.num_envs, config.batch_size),
        n_epochs=config.n_epochs,
        gamma=config.gamma,
        gae_lambda=config.gae_lambda,
        ent_coef=config.ent_coef,
        clip_range=config.clip_range,
        policy_kwargs={"sizes": _sizes(config, table, _ACTOR_SIMILARITY), "optimizer_kwargs": {"fused": True}},
        seed=seed,
        device=device,
    )
    return _with_items(agent, table)


def _sizes(config: AgentConfig, table: NDArray[np.float32] | None, similarity: float) -> FusionSizes:
    width = FusionSizes.item_width if table is None else table.shape[1] - 1
    return FusionSizes(item_width=width, hidden=config.hidden, head=config.head, similarity=similarity)


Agent = TypeVar("Agent", MaskedDQN, PPO)


def _with_items(agent: Agent, table: NDArray[np.float32] | None) -> Agent:
    if table is not None:
        cast(FusionDQNPolicy | FusionActorCriticPolicy, agent.policy).set_items(table)
    return agent


def _divisor(total: int, most: int) -> int:
    """The largest divisor of ``total`` that is at most ``most``."""
    return next(size for size in range(min(most, total), 0, -1) if total % size == 0)
