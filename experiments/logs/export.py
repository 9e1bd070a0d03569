"""A log as a Minari data set, one episode per life, for other offline reinforcement learning libraries."""

from __future__ import annotations

import dataclasses
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from crossrec import __version__
from crossrec.envs.registration import CROSS_SCENARIO
from crossrec.errors import ConfigError
from crossrec.log import Log
from crossrec.log_file import read_log
from crossrec.observation import CONTEXT, context_space

from .replay import env_of


def check_data_set(name: str) -> None:
    """Check that a Minari data set of this name can be made, before anything is computed.

    Raises:
        ConfigError: If Minari is not installed, the name is none of Minari's, or there is such a data set.
    """
    _minari()
    from minari.dataset.minari_dataset import parse_dataset_id
    from minari.storage.local import get_dataset_path

    try:
        parse_dataset_id(name)
    except ValueError as error:
        raise ConfigError(
            f"--minari {name} is no name of a Minari data set; write for example crossrec/news-v0."
        ) from error
    if get_dataset_path(name).exists():
        raise ConfigError(f"--minari {name} exists in {get_dataset_path(name)}; choose another name or version.")


def export_minari(path: str | Path, name: str) -> int:
    """Make a Minari data set of a log, in Minari's own folder (``$MINARI_DATASETS_PATH``).

    Episodes are the lives in their order. What was seen after the last step is the last observation. As in Minari
    infos begin with that of the reset, ``infos["propensity"][t + 1]`` belongs to action t, and so do ``user``,
    ``click``, ``dwell`` and ``conversion``.

    Args:
        path: A file of ``crossrec log``.
        name: For instance ``crossrec/news-v0``.

    Returns:
        How many episodes were made.

    Raises:
        ConfigError: As :func:`check_data_set` and :func:`crossrec.log_file.read_log`, or if the log does not hold what
            was seen after the last step of each life.
    """
    check_data_set(name)
    log = read_log(path, finals=True)
    if set(log.finals) != set(log.observations):
        raise ConfigError(f"{path} lacks what was seen after each life's last step; make it with `crossrec log`.")
    ends = np.flatnonzero(log.ends)
    spec = dataclasses.replace(gym.spec(CROSS_SCENARIO), kwargs=dict(log.about["env"]))
    space, actions = _spaces(spec, log)
    minari = _minari()
    from minari.storage.local import get_dataset_path

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about authors and links that a private data set need not have
            made = minari.create_dataset_from_buffers(
                name,
                [],
                env=spec,
                observation_space=space,
                action_space=actions,
                algorithm_name=" + ".join(log.about["behaviour"]["policies"]) or "behaviour policy",
                description=f"People of CrossRec {__version__} under a behaviour policy whose propensities are known.",
                data_format="arrow",
            )
        _fill(made.storage, _episodes(log, ends))
    except BaseException:
        shutil.rmtree(get_dataset_path(name), ignore_errors=True)  # a part of a data set looks like a whole one
        raise
    return len(ends)


def _fill(storage: Any, episodes: Iterator[Any]) -> None:
    measure = storage.get_size
    storage.get_size = lambda: 0.0  # Minari measures all files after each episode, which takes squared time
    storage.update_episodes(episodes)
    storage.get_size = measure
    storage.update_metadata({"dataset_size": measure()})


def _minari() -> Any:
    try:
        import minari
    except ImportError as error:
        raise ConfigError('Minari is not installed; pip install "crossrec[offline]".') from error
    return minari


def _spaces(spec: Any, log: Log) -> tuple[spaces.Dict, spaces.Space[Any]]:
    env_of(log.about)  # refuses a log that does not say where it was made
    env = gym.make(spec)
    assert isinstance(env.observation_space, spaces.Dict)
    parts = dict(env.observation_space.spaces)
    if CONTEXT in log.observations:
        parts[CONTEXT] = context_space(log.observations[CONTEXT].shape[1])
    return spaces.Dict(parts), env.action_space


def _episodes(log: Log, ends: Any) -> Iterator[Any]:
    from minari.data_collector.episode_buffer import EpisodeBuffer

    start = 0
    told = {"propensity": log.propensities, "click": log.clicks, "dwell": log.dwell, "conversion": log.conversions}
    for number, end in enumerate(ends):
        rows = slice(start, end + 1)
        seen = {
            key: np.concatenate([value[rows], log.finals[key][number, None]]) for key, value in log.observations.items()
        }
        infos = {name: [float("nan"), *values[rows].tolist()] for name, values in told.items()}
        truncations = log.ends[rows] & ~log.terminated[rows]
        yield EpisodeBuffer(
            id=number,
            seed=int(log.about["first_seed"] + log.lives[start]),
            options={"user": int(log.users[start])},
            observations=seen,
            actions=log.actions[rows],
            rewards=log.rewards[rows],
            terminations=log.terminated[rows],
            truncations=truncations,
            infos={**infos, "user": [int(log.users[start])] * (end + 2 - start)},  # Minari cannot read 1-D arrays back
        )
        start = end + 1
