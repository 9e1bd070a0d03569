"""Policies by name for logging and judging: baselines, and the agents of finished runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossrec.agents.baselines.base import BatchObservation
from crossrec.config import ContextConfig, EnvConfig, TrainConfig
from crossrec.errors import ConfigError
from crossrec.language.build import make_source
from crossrec.world.scenario import resolve_scenarios
from crossrec.world.synthetic import world_of

from ..evaluate import Policy
from ..lab import Lab, build_lab
from ..progress import Progress
from ..run import RunFolder
from .behaviour import BehaviourPolicy, Greedy, Mixture, Softmax, Uniform, softened

NAMES = ("random", "popularity", "content")
MIXED = "mixed"
_SAME = ("items_per_scenario", "new_items", "world_seed", "n_candidates", "slate_size", "history_length")


def lab_for(config: TrainConfig, names: Sequence[str], progress: Progress | None = None) -> Lab:
    """What these policies need in this config; the catalogue is embedded only for those who look at item vectors."""
    if config.context.name != "none" or {MIXED, "content"} & set(names):
        if progress is not None:
            progress.stage("embed items", config.env.items_per_scenario * len(config.env.scenarios))
        return build_lab(config.env, config.context, progress.advance if progress is not None else None)
    source = make_source(dataclasses.replace(config.context, encoder="hashing"))
    return Lab(config.env, world_of(config.env), np.zeros((0, 0), np.float32), None, source)


def check_names(names: Sequence[str], option: str, *also: str) -> None:
    """Check that each name is a policy's or leads to a run's folder.

    Raises:
        ConfigError: Names the option and the first that is neither.
    """
    known = (*NAMES, *also)
    for name in names:
        if name not in known and not Path(name).is_dir():
            raise ConfigError(
                f"{option} {name} is neither a policy nor a folder; allowed: {', '.join(known)}, or the folder of a "
                "finished run."
            )


def behaviour(
    lab: Lab, config: TrainConfig, names: Sequence[str], temperature: float, epsilon: float
) -> BehaviourPolicy:
    """A behaviour policy: the named ones with equal shares, and with probability ``epsilon`` anything allowed.

    Scores of baselines become a softmax; what a run chooses is shown as it is.

    Args:
        lab: From :func:`lab_for`.
        config: Where people live.
        names: ``mixed`` (popularity and content), names of baselines, folders of runs.
        temperature: Of each softmax.
        epsilon: From 0 to 1.

    Raises:
        ConfigError: For an unknown name, a number out of range, or a run that cannot act in this environment.
        RunError: For a folder that holds no finished run.
    """
    check_names(names, "--behaviour", MIXED)
    spelt = [part for name in names for part in (("popularity", "content") if name == MIXED else (name,))]
    if not spelt:
        raise ConfigError(f"--behaviour names nothing; allowed: {MIXED}, {', '.join(NAMES)}, or folders of runs.")
    parts: list[BehaviourPolicy] = []
    for name in spelt:
        if name == "random":
            parts.append(Uniform())
        elif name in NAMES:
            parts.append(Softmax(_baseline(lab, name), temperature))
        else:
            parts.append(Greedy(RunPolicy(name, config)))
    return softened(Mixture(parts, [1.0 / len(parts)] * len(parts)), epsilon)


def target(lab: Lab, config: TrainConfig, name: str) -> BehaviourPolicy:
    """A policy to be judged: it shows what it thinks best, ``random`` anything allowed."""
    if name == "random":
        return Uniform()
    return Greedy(_baseline(lab, name) if name in NAMES else RunPolicy(name, config))


def _baseline(lab: Lab, name: str) -> Any:
    nobody: Any = None  # only oracles look into an environment
    return lab.baseline(name, nobody, 0)


class RunPolicy:
    """The agent of a finished run, which looks at what it knows of an observation.

    Args:
        folder: Of the run.
        config: Of the environment that it is to act in.

    Raises:
        ConfigError: If the run lives in another world or reads other contexts.
        RunError: If there is no finished run.
    """

    def __init__(self, folder: str, config: TrainConfig) -> None:
        run = RunFolder(Path(folder))
        own = run.config()
        run.training()  # refuses an unfinished one
        _check_same(folder, own, config)
        import torch

        from ..train import load_agent

        torch.set_num_threads(1)
        self._agent: Policy = load_agent(run, own)
        self._keys = list(self._agent.observation_space.spaces)  # type: ignore[attr-defined]

    def predict(
        self, observation: BatchObservation, state: Any = None, episode_start: Any = None, deterministic: bool = True
    ) -> tuple[NDArray[Any], Any]:
        """Actions (n,) for a batch of observations."""
        known = {key: observation[key] for key in self._keys}
        return self._agent.predict(known, state, episode_start, deterministic=deterministic)


def _check_same(folder: str, own: TrainConfig, config: TrainConfig) -> None:
    found, wanted = _world(own.env), _world(config.env)
    for option, value in wanted.items():
        if found[option] != value:
            raise ConfigError(
                f"the run {folder} was trained with env.{option}={found[option]}, here it is {value}; give the same "
                "env options."
            )
    if own.context.name == "none":
        return
    read, given = _context(own.context), _context(config.context)
    for option, value in given.items():
        if read[option] != value:
            raise ConfigError(
                f"the run {folder} reads contexts with context.{option}={read[option]}, here it is {value}; give the "
                "same context options."
            )


def _world(env: EnvConfig) -> Mapping[str, Any]:
    scenarios = [scenario.name for scenario in resolve_scenarios(env.scenarios)]
    return {"scenarios": scenarios, **{name: getattr(env, name) for name in _SAME}}


def _context(context: ContextConfig) -> Mapping[str, Any]:
    where = {"device", "store", "store_entries", "batch_size", "workers", "endpoint"}
    return {name: value for name, value in dataclasses.asdict(context).items() if name not in where}
