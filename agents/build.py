"""Agents from their config: a Stable-Baselines3 algorithm that is ready to learn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3 import A2C, PPO
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from crossrec.config import A2CConfig, AgentConfig, DQNConfig, PPOConfig, QRDQNConfig, SlateQConfig
from crossrec.options import check_agent_config

from .actor_critic import FusionActorCriticPolicy
from .dqn import MaskedDQN, gradient_steps_per_transition
from .fusion.network import FusionSizes
from .q_networks import FusionDQNPolicy
from .qrdqn import MaskedQRDQN
from .slateq import SlateQ, SlateQPolicy

#: The classes behind agent names, for loading what was saved.
ALGORITHMS: Mapping[str, type[BaseAlgorithm]] = {
    "dqn": MaskedDQN,
    "qrdqn": MaskedQRDQN,
    "slateq": SlateQ,
    "ppo": PPO,
    "a2c": A2C,
}

_ACTOR_SIMILARITY = 5.0  # a cosine is too flat as a logit


def build_agent(
    config: AgentConfig, env: VecEnv, table: NDArray[np.float32] | None, *, seed: int = 0, device: str = "cpu"
) -> BaseAlgorithm:
    """Build an agent.

    Args:
        config: Of one of the classes in `crossrec.config.AGENTS`.
        env: Where it learns.
        table: Item table from `item_table`; None where the observation holds vectors.
        seed: Of weights, exploration, replay and the people met.
        device: Torch device, or "auto".

    Raises:
        ConfigError: If a value is out of range.
    """
    check_agent_config(config)
    width = FusionSizes.item_width if table is None else table.shape[1] - 1
    sizes: dict[str, Any] = {"item_width": width, "fusion": config.fusion, "hidden": config.hidden}
    sizes |= {"head": config.head, "experts": config.experts}
    agent = _BUILDERS[config.name](config, env, sizes, {"seed": seed, "device": device})
    if table is not None:
        agent.policy.set_items(table)  # type: ignore[operator]  # all policies of ours can
    return agent


def gradient_steps(agent: BaseAlgorithm) -> int:
    """How many gradient steps an agent has taken; Stable-Baselines3's PPO counts passes over rollouts instead."""
    updates = int(getattr(agent, "_n_updates", 0))
    if isinstance(agent, PPO):
        return updates * (agent.n_steps * agent.n_envs // agent.batch_size)
    return updates


def _build_dqn(config: DQNConfig, env: VecEnv, sizes: dict[str, Any], shared: dict[str, Any]) -> BaseAlgorithm:
    every, steps = gradient_steps_per_transition(config.gradient_steps, env.num_envs)
    auxiliary = {head: weight for head, weight in vars(config.auxiliary).items() if weight > 0.0}
    sizes |= {"dueling": config.dueling, "auxiliary": tuple(auxiliary)}
    algorithm, policy, more = _off_policy(config, sizes)
    return algorithm(
        policy,
        env,
        learning_rate=config.learning_rate,
        buffer_size=config.buffer_size,
        learning_starts=config.learning_starts,
        batch_size=config.batch_size,
        gamma=config.gamma,
        double=config.double,
        n_steps=config.n_steps,
        auxiliary=auxiliary,
        train_freq=every,
        gradient_steps=steps,
        target_update_interval=max(config.target_update, env.num_envs),
        exploration_fraction=config.exploration_fraction,
        exploration_final_eps=config.exploration_final,
        policy_kwargs={"sizes": FusionSizes(**sizes), "optimizer_kwargs": {"fused": True}, **more},
        **shared,
    )


def _off_policy(
    config: DQNConfig, sizes: dict[str, Any]
) -> tuple[type[MaskedDQN], type[FusionDQNPolicy], dict[str, Any]]:
    """Algorithm, policy and the policy's further arguments; says in ``sizes`` how many outputs it wants."""
    if isinstance(config, QRDQNConfig):
        sizes["outputs"] = config.quantiles
        return MaskedQRDQN, FusionDQNPolicy, {}
    if isinstance(config, SlateQConfig):
        sizes["outputs"] = 2  # value and appeal
        return SlateQ, SlateQPolicy, {"greedy": config.slate == "greedy"}
    return MaskedDQN, FusionDQNPolicy, {}


def _build_ppo(config: PPOConfig, env: VecEnv, sizes: dict[str, Any], shared: dict[str, Any]) -> BaseAlgorithm:
    steps = max(config.rollout // env.num_envs, 2)
    return PPO(
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
        policy_kwargs=_actor_critic(sizes),
        **shared,
    )


def _build_a2c(config: A2CConfig, env: VecEnv, sizes: dict[str, Any], shared: dict[str, Any]) -> BaseAlgorithm:
    return A2C(
        FusionActorCriticPolicy,
        env,
        learning_rate=config.learning_rate,
        n_steps=max(config.rollout // env.num_envs, 1),
        gamma=config.gamma,
        gae_lambda=config.gae_lambda,
        ent_coef=config.ent_coef,
        use_rms_prop=False,
        policy_kwargs=_actor_critic(sizes),
        **shared,
    )


_BUILDERS: Mapping[str, Callable[..., BaseAlgorithm]] = {
    "dqn": _build_dqn,
    "qrdqn": _build_dqn,
    "slateq": _build_dqn,
    "ppo": _build_ppo,
    "a2c": _build_a2c,
}


def _actor_critic(sizes: dict[str, Any]) -> dict[str, Any]:
    return {
        "sizes": FusionSizes(**sizes, similarity=_ACTOR_SIMILARITY),
        "optimizer_kwargs": {"fused": True},
    }


def _divisor(total: int, most: int) -> int:
    """The largest divisor of ``total`` that is at most ``most`` and not 1, or else ``total``."""
    return next((size for size in range(min(most, total), 1, -1) if total % size == 0), total)
