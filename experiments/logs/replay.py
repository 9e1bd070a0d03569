"""Lives a log again: the same people, the same noise, the same items shown; now the truth may be looked at.

So no hidden truth stands in a log, and whoever judges estimators on it can still have the truth at its very moments.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossrec.config import EnvConfig
from crossrec.envs.vector import CrossScenarioVectorEnv
from crossrec.errors import ConfigError
from crossrec.log import Log
from crossrec.observation import CONTEXT
from crossrec.options import from_options

_AT_ONCE = 1000


def env_of(about: Mapping[str, Any]) -> EnvConfig:
    """Options of the environment that a log was made in.

    Raises:
        ConfigError: If the log does not say, or an option is unknown or not allowed.
    """
    if not isinstance(about.get("env"), dict) or not isinstance(about.get("first_seed"), int):
        raise ConfigError("the log does not say which environment it was made in; make it with `crossrec log`.")
    return from_options(EnvConfig, about["env"], "env.")


def replay(log: Log, at_once: int = _AT_ONCE) -> NDArray[np.float64]:
    """True expected reward of each candidate at each moment of a log.

    Args:
        log: Whole lives, for instance some rows of a longer log.
        at_once: How many lives at once.

    Returns:
        ``(N, C)``, of a candidate that is shown alone; minus infinity for padding.

    Raises:
        ConfigError: If lives are cut, or the log does not say where they were lived, or they turn out otherwise, as
            after a change of the simulation.
    """
    starts = np.flatnonzero(log.steps == 0)
    lengths = np.diff(np.append(starts, len(log)))
    whole = len(starts) > 0 and starts[0] == 0 and (log.steps == np.arange(len(log)) - np.repeat(starts, lengths)).all()
    if not whole:
        raise ConfigError("lives can be lived again from their first step only; give whole lives of a log.")
    config = env_of(log.about)
    truth = np.zeros((len(log), config.n_candidates))
    for first in range(0, len(starts), at_once):
        some = slice(first, first + at_once)
        _replay(log, config, starts[some], lengths[some], truth)
    return truth


def _replay(
    log: Log, config: EnvConfig, starts: NDArray[np.intp], lengths: NDArray[np.intp], truth: NDArray[np.float64]
) -> None:
    env = CrossScenarioVectorEnv(len(starts), config, expose_truth=True)
    seeds: list[int | None] = [log.about["first_seed"] + int(life) for life in log.lives[starts]]
    observation, _ = env.reset(seed=seeds, options={"user": log.users[starts]})
    for step in range(int(lengths.max())):
        here = np.flatnonzero(step < lengths)
        rows = starts[here] + step
        _check_same(log, observation, rows, here)
        truth[rows] = env.expected_rewards()[here]
        actions = np.zeros((len(starts), *log.actions.shape[1:]), np.int64)
        actions[here] = log.actions[rows]
        observation, rewards, *_ = env.step(actions)
        if not np.allclose(rewards[here], log.rewards[rows]):
            raise ConfigError(_otherwise("rewards", log, int(rows[0])))


def _check_same(
    log: Log, observation: Mapping[str, NDArray[Any]], rows: NDArray[np.intp], here: NDArray[np.intp]
) -> None:
    for key, logged in log.observations.items():
        if key == CONTEXT:  # comes from language, not from people
            continue
        if key not in observation or not np.allclose(observation[key][here], logged[rows], rtol=0.0, atol=1e-5):
            raise ConfigError(_otherwise(key, log, int(rows[0])))


def _otherwise(what: str, log: Log, row: int) -> str:
    return (
        f"lived again, step {log.steps[row]} of the log has other {what} than the log; it was made by another version "
        "of the simulation or with hooks: log again."
    )
