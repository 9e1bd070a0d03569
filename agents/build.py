"""Agents by name: from explicit options to a Stable-Baselines3 algorithm that is ready to learn."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from stable_baselines3 import PPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from crossrec.errors import check_name, check_range

from .dqn import MaskedDQN, gradient_steps_per_transition
from .fusion import FusionSizes
from .policies import FusionActorCriticPolicy, FusionDQNPolicy


def build_dqn(
    env: VecEnv,
    table: NDArray[np.float32] | None,
    *,
    seed: int = 0,
    device: str = "cpu",
    learning_rate: float = 1e-3,
    gamma: float = 0.8,
    batch_size: int = 256,
    gradient_steps: float = 0.125,
    buffer_size: int = 100_000,
    learning_starts: int = 1_000,
    target_update: int = 1_000,
    exploration_fraction: float = 0.3,
    exploration_final: float = 0.05,
    hidden: int = 64,
    head: int = 16,
) -> MaskedDQN:
    """Double DQN with the fusion network.

    Args:
        env: Where it learns.
        table: Item table from `item_table`; None where the observation holds vectors.
        seed: Of weights, exploration, replay and the people met.
        device: Torch device, or "auto".
        learning_rate: Of Adam.
        gamma: Discount per step.
        batch_size: Transitions per gradient step.
        gradient_steps: Gradient steps per transition, whatever the number of people.
        buffer_size: Transitions kept.
        learning_starts: Transitions taken at random before learning.
        target_update: Transitions between copies to the target network.
        exploration_fraction: Share of training over which exploration falls.
        exploration_final: Share of random actions from then on.
        hidden: Width of the query tower.
        head: Width of the per-candidate head.
    """
    _check(batch_size=batch_size, buffer_size=buffer_size, target_update=target_update, hidden=hidden, head=head)
    check_range("learning_rate", learning_rate, 0.0, 1.0)
    check_range("gamma", gamma, 0.0, 1.0)
    check_range("learning_starts", learning_starts, 0)
    check_range("exploration_fraction", exploration_fraction, 0.0, 1.0)
    check_range("exploration_final", exploration_final, 0.0, 1.0)
    every, steps = gradient_steps_per_transition(gradient_steps, env.num_envs)
    agent = MaskedDQN(
        FusionDQNPolicy,
        env,
        learning_rate=learning_rate,
        buffer_size=buffer_size,
        learning_starts=learning_starts,
        batch_size=batch_size,
        gamma=gamma,
        train_freq=every,
        gradient_steps=steps,
        target_update_interval=max(target_update, env.num_envs),
        exploration_fraction=exploration_fraction,
        exploration_final_eps=exploration_final,
        policy_kwargs={"sizes": _sizes(table, hidden, head, 1.0), "optimizer_kwargs": {"fused": True}},
        seed=seed,
        device=device,
    )
    return _with_items(agent, table)


def build_ppo(
    env: VecEnv,
    table: NDArray[np.float32] | None,
    *,
    seed: int = 0,
    device: str = "cpu",
    learning_rate: float = 1e-3,
    gamma: float = 0.8,
    batch_size: int = 512,
    rollout: int = 4_096,
    n_epochs: int = 4,
    gae_lambda: float = 0.9,
    ent_coef: float = 0.003,
    clip_range: float = 0.2,
    hidden: int = 64,
    head: int = 16,
) -> PPO:
    """PPO with the fusion network.

    Args:
        env: Where it learns.
        table: Item table from `item_table`; None where the observation holds vectors.
        seed: Of weights, sampled actions and the people met.
        device: Torch device, or "auto".
        learning_rate: Of Adam.
        gamma: Discount per step.
        batch_size: Transitions per gradient step.
        rollout: Transitions, of all people together, between updates.
        n_epochs: Passes over each rollout.
        gae_lambda: Of generalised advantage estimation.
        ent_coef: Weight of the entropy bonus.
        clip_range: Of the probability ratio.
        hidden: Width of the query tower.
        head: Width of the per-candidate head.
    """
    _check(batch_size=batch_size, rollout=rollout, n_epochs=n_epochs, hidden=hidden, head=head)
    check_range("learning_rate", learning_rate, 0.0, 1.0)
    check_range("gamma", gamma, 0.0, 1.0)
    check_range("gae_lambda", gae_lambda, 0.0, 1.0)
    check_range("ent_coef", ent_coef, 0.0)
    check_range("clip_range", clip_range, 1e-6, 1.0)
    steps = max(rollout // env.num_envs, 2)
    agent = PPO(
        FusionActorCriticPolicy,
        env,
        learning_rate=learning_rate,
        n_steps=steps,
        # Stable-Baselines3 warns where minibatches do not divide the rollout.
        batch_size=_divisor(steps * env.num_envs, batch_size),
        n_epochs=n_epochs,
        gamma=gamma,
        gae_lambda=gae_lambda,
        ent_coef=ent_coef,
        clip_range=clip_range,
        policy_kwargs={"sizes": _sizes(table, hidden, head, 5.0), "optimizer_kwargs": {"fused": True}},
        seed=seed,
        device=device,
    )
    return _with_items(agent, table)


_BUILDERS: Mapping[str, Callable[..., BaseAlgorithm]] = {"dqn": build_dqn, "ppo": build_ppo}
AGENTS = tuple(_BUILDERS)


def build_agent(
    name: str,
    env: VecEnv,
    table: NDArray[np.float32] | None,
    *,
    seed: int = 0,
    device: str = "cpu",
    options: Mapping[str, Any] | None = None,
) -> BaseAlgorithm:
    """Build an agent by name.

    Args:
        name: One of `AGENTS`.
        env: Where it learns.
        table: Item table from `item_table`; None where the observation holds vectors.
        seed: See `build_dqn` and `build_ppo`.
        device: Torch device, or "auto".
        options: Further arguments of `build_dqn` or `build_ppo` by name.

    Raises:
        ConfigError: If the name or an option is unknown, or a value is out of range.
    """
    builder = _BUILDERS[check_name("agent", name, AGENTS)]
    known = set(inspect.signature(builder).parameters) - {"env", "table", "seed", "device"}
    for option in options or {}:
        check_name(f"option of agent '{name}'", option, known)
    return builder(env, table, seed=seed, device=device, **(options or {}))


def _check(**counts: int) -> None:
    for option, value in counts.items():
        check_range(option, value, 1)


def _sizes(table: NDArray[np.float32] | None, hidden: int, head: int, similarity: float) -> FusionSizes:
    width = FusionSizes.item_width if table is None else table.shape[1] - 1
    return FusionSizes(item_width=width, hidden=hidden, head=head, similarity=similarity)


Agent = TypeVar("Agent", MaskedDQN, PPO)


def _with_items(agent: Agent, table: NDArray[np.float32] | None) -> Agent:
    if table is not None:
        cast(FusionDQNPolicy | FusionActorCriticPolicy, agent.policy).set_items(table)
    return agent


def _divisor(total: int, most: int) -> int:
    """The largest divisor of ``total`` that is at most ``most``."""
    return next(size for size in range(min(most, total), 0, -1) if total % size == 0)
