"""Evaluation on common random numbers: every policy meets the same new people in the same moments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, Protocol

import numpy as np
import pandas as pd
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from crossrec.config import TrainConfig
from crossrec.metrics import LifeTally, summary
from crossrec.statistics import normalised_scores

from .lab import BASELINES, Lab
from .measuring.watch import Measured, Watch

_EVALUATION = 1_000_003  # keeps evaluation noise apart from training noise


class Policy(Protocol):
    """Anything that chooses: a baseline or a Stable-Baselines3 algorithm."""

    def predict(
        self,
        observation: Any,
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = False,
    ) -> tuple[NDArray[Any], Any]:
        """Actions (n,) for a batch of observations, and the next recurrent state."""
        ...


def rollout(
    policy: Policy,
    env: VectorEnv[Any, Any, Any],
    users: NDArray[np.int64],
    seed: int,
    on_step: Callable[[], None] | None = None,
    watch: Watch | None = None,
) -> pd.DataFrame:
    """One life of each person under a policy.

    Args:
        policy: Chooses, deterministically where it can.
        env: A vector environment of ``len(users)`` people.
        users: (n,) ids of the people.
        seed: Person i lives with the noise of seed + i, whatever the policy.
        on_step: Called after each step of everybody.
        watch: Made for this policy, environment and people; it changes nothing.

    Returns:
        One row per person, see :data:`crossrec.metrics.COLUMNS`.
    """
    observation, _ = env.reset(seed=seed, options={"user": users})
    tally, state = LifeTally(users), None
    start = np.ones(len(users), np.bool_)
    policy = policy if watch is None else watch.policy
    while tally.alive.any():
        actions, state = policy.predict(observation, state, start, deterministic=True)
        if watch is not None:
            watch.before(actions)
        observation, reward, terminated, truncated, infos = env.step(actions)
        tally.add(reward, infos["reward_parts"], infos["entered"], terminated, truncated)
        if watch is not None:
            watch.after(reward, infos, terminated, truncated)
        start = terminated | truncated
        if on_step is not None:
            on_step()
    return tally.table()


def evaluation_people(config: TrainConfig) -> tuple[NDArray[np.int64], int]:
    """Ids (n,) of the people met in a run's evaluation, and the seed of their lives' noise."""
    return np.arange(config.eval_first_user, config.eval_first_user + config.eval_people), config.seed + _EVALUATION


def evaluate(
    lab: Lab,
    config: TrainConfig,
    agents: Mapping[str, Policy],
    on_step: Callable[[], None] | None = None,
    measured: Measured | None = None,
) -> pd.DataFrame:
    """Evaluate agents beside all baselines.

    Args:
        lab: What the run works with; only agents see its contexts, baselines do not read any.
        config: Says whom to meet.
        agents: Trained agents by name.
        on_step: Called after each step of everybody.
        measured: Is filled with what all metrics need.

    Returns:
        Rows of :func:`rollout` with the policy's name in the column ``policy``.
    """
    users, seed = evaluation_people(config)
    tables = []
    for name in (*BASELINES, *agents):
        env: Any = lab.make_env(len(users), expose_truth=name == "oracle", with_context=name in agents)
        policy = agents[name] if name in agents else lab.baseline(name, env.unwrapped, seed)
        watch = None if measured is None else measured.watch(name, policy, env, users)
        try:
            tables.append(rollout(policy, env, users, seed, on_step, watch).assign(policy=name))
        finally:
            if watch is not None:
                watch.close()
    return pd.concat(tables, ignore_index=True)


def scores(people: pd.DataFrame, seed: int) -> dict[str, dict[str, float]]:
    """Normalised score with its 95% interval, and other means, by policy.

    Args:
        people: From :func:`evaluate`.
        seed: Of the bootstrap.
    """
    groups = {str(name): group for name, group in people.groupby("policy", sort=False)}
    returns = {name: group["return"].to_numpy() for name, group in groups.items()}
    estimates = normalised_scores(returns, np.random.default_rng(seed))
    table = {
        name: {
            **{("score" if key == "value" else key): value for key, value in asdict(estimates[name]).items()},
            **summary(group),
        }
        for name, group in groups.items()
    }
    return dict(sorted(table.items(), key=lambda entry: entry[1]["score"]))
