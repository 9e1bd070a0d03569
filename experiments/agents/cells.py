"""Baselines evaluated one by one, each on the people and the noise of the learners of its seed, and kept in a file."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from crossrec.config import AgentConfig, TrainConfig
from crossrec.log import Log
from crossrec.metrics import COLUMNS

from ..evaluate import evaluation_people, rollout
from ..kept import keep, read_kept
from ..lab import Lab, build_lab
from ..run import folder_of, provenance


@dataclass(frozen=True)
class Cell:
    """One baseline in one environment with one seed.

    Attributes:
        env: Name of the environment.
        policy: Name of the baseline.
        config: Says where, whom and with which seed; who trains how is left at the defaults.
        log: What it learns from, or None.
        versions: Of the packages that take part.
    """

    env: str
    policy: str
    config: TrainConfig
    log: Path | None
    versions: str

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.env} {self.policy}, seed {self.config.seed}"

    @property
    def file(self) -> Path:
        """Where the result is kept; its name tells everything that decides the result."""
        log = self.log.name if self.log is not None else None
        digest = digest_of(self.config, self.policy, log, self.versions)
        folder = Path(self.config.runs) / "baselines"
        return folder / f"{self.env}-{self.policy}-seed{self.config.seed}-{digest}.parquet"

    def is_kept(self) -> bool:
        """Whether its lives are there; see :func:`kept`."""
        return kept(self) is not None

    def compute(self) -> str:
        """Evaluate it and keep the result; returns what went wrong, in words, or nothing."""
        return keep(self.file, lambda: _lives(self))


def cell(env: str, policy: str, config: TrainConfig, seed: int, people: int, log: Path | None) -> Cell:
    """The cell of a baseline.

    Args:
        env: Name of the environment.
        policy: Name of the baseline.
        config: Of the environment's runs.
        seed: Of the baseline and the lives.
        people: How many of those met in evaluation are met.
        log: File of the log that it learns from.
    """
    people = min(people, config.eval_people)
    config = dataclasses.replace(plain(config), seed=seed, eval_people=people)
    return Cell(env, policy, config, log, _versions())


@functools.cache
def _versions() -> str:
    return " ".join(f"{name}={version}" for name, version in sorted(provenance()["packages"].items()))


def plain(config: TrainConfig) -> TrainConfig:
    """A config without what learners' options say, which decide nothing here."""
    default = TrainConfig()
    return dataclasses.replace(
        config, agent=AgentConfig(), steps=default.steps, people=default.people, train_users=default.train_users
    )


def digest_of(config: TrainConfig, *also: Any) -> str:
    """A short name for a config and what else decides a result."""
    return hashlib.sha256(repr((folder_of(config).path.name, *also)).encode()).hexdigest()[:8]


def kept(cell: Cell) -> pd.DataFrame | None:
    """The lives of a finished cell, one row per person with COLUMNS and ``commit``, or None if there are none yet.

    See :func:`crossrec.experiments.kept.read_kept`.
    """
    users, _ = evaluation_people(cell.config)

    def check(people: pd.DataFrame) -> None:
        if not np.array_equal(people["user"], users) or not np.isfinite(people[list(COLUMNS)].to_numpy()).all():
            raise ValueError("it is about other people")

    return read_kept(cell.file, COLUMNS, check)


def _lives(cell: Cell) -> pd.DataFrame:
    lab: Any
    lab, log = _shared(cell)
    users, seed = evaluation_people(cell.config)
    env: Any = lab.make_env(len(users), expose_truth=True)
    policy = lab.baseline(cell.policy, env.unwrapped, seed, *([] if log is None else [log]))
    return rollout(policy, env, users, seed)


_labs: dict[str, Lab] = {}  # of this process: the last one, for building and reading take longer than most cells
_logs: dict[Path, Log] = {}


def _shared(cell: Cell) -> tuple[Lab, Log | None]:
    """What the cell works with, as left by the cell before where that was in the same world."""
    world = repr((cell.config.env, cell.config.context))
    if world not in _labs:
        _labs.clear()
        _logs.clear()
        _labs[world] = build_lab(cell.config.env, cell.config.context)
    lab = _labs[world]
    if cell.log is None:
        return lab, None
    if cell.log not in _logs:
        from crossrec.log_file import read_log

        _logs.clear()
        _logs[cell.log] = read_log(cell.log, lab.world.catalogue.n_items)
    return lab, _logs[cell.log]
