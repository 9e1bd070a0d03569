"""Resume points: all that a training needs to go on exactly where it was, in one file that is put in place at once."""

from __future__ import annotations

import io
import json
import random
import shutil
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm

from crossrec import __version__
from crossrec.agents.build import ALGORITHMS
from crossrec.agents.fusion.items import TableItems
from crossrec.agents.vec_adapter import SB3VecEnv
from crossrec.config import TrainConfig
from crossrec.errors import RunError
from crossrec.language.ledger import Ledger
from crossrec.language.reader import ContextReader
from crossrec.language.table import MomentTable

from .archive import pack, unpack
from .lab import Lab
from .run import RunFolder, deciding, differences, write_file

_KEPT = 2  # points on disk: should the latest be damaged, there is one before it

Episode = tuple[int, float, int]  # transitions so far, return, length [steps]


@dataclass
class Training:
    """A training between two rollouts.

    Attributes:
        agent: With its environment.
        episodes: What ended so far: the learning curve.
        seconds: How long it took so far.
    """

    agent: BaseAlgorithm
    episodes: list[Episode]
    seconds: float


class ResumePoints:
    """Resume points of a run's training, ``resume/TRANSITIONS.zip``.

    A point is to be taken between two rollouts, when an algorithm holds no half of anything. Taking it draws no random
    number, so it leaves the training as it was.

    Args:
        folder: The run's.
        config: The run's.
    """

    def __init__(self, folder: RunFolder, config: TrainConfig) -> None:
        self.folder, self.path = folder, folder.resume
        self.device, self.algorithm = config.device, ALGORITHMS[config.agent.name]
        self._options: dict[str, Any] = json.loads(json.dumps(deciding(config)))  # as they are read back
        self._options.pop("version")  # versions are a matter of their own
        self._versions = _versions()
        self._damaged: set[Path] = set()

    def check(self) -> None:
        """Check that the latest point, if there is one, belongs to this run as it is now.

        Raises:
            RunError: If it was taken with other options or versions, or the run's ``config.yaml`` was edited since.
        """
        for file in self._files():
            try:
                with zipfile.ZipFile(file) as archive:
                    header = _header(archive)
            except Exception:
                continue  # damaged, which is told when training looks for a point
            self._check(file, header)
            try:
                edited = json.loads(json.dumps(deciding(self.folder.config())))
            except RunError:
                return  # it is written anew
            edited.pop("version")
            if changed := differences(header["options"], edited):
                raise RunError(
                    f"{self.folder.config_file} was changed since training began ({', '.join(changed)}); "
                    f"put the old values back, or delete {self.path} to begin again."
                )
            return

    def save(self, training: Training, reader: ContextReader | None) -> None:
        """Take a point; where the disk is full, training goes on without."""
        agent = training.agent
        environment, generator = agent.get_env(), agent.action_space.np_random
        assert isinstance(environment, SB3VecEnv)
        state = {
            "episodes": training.episodes,
            "seconds": training.seconds,
            "environment": environment.snapshot(),
            "reader": _memory(reader),
            "replay": getattr(agent, "replay_buffer", None),
            "actions": generator.bit_generator.state,
            "random": _random_state(),
        }
        header = {"options": self._options, "versions": self._versions}
        try:
            self.path.mkdir(exist_ok=True)
            self._tidy(_KEPT - 1)
            file = self.path / f"{agent.num_timesteps:012d}.zip"
            write_file(file, lambda path: _write(path, header, agent, state))
        except OSError as error:
            _say(f"no resume point could be written to {self.path} ({error.strerror}); training goes on without.")

    def latest(self, environment: SB3VecEnv, lab: Lab) -> Training | None:
        """The training as it was at the latest point that is whole; None where there is none.

        Args:
            environment: Is put back to where it was.
            lab: Its reader remembers again what it did.

        Raises:
            RunError: If the point was taken with other options or versions, or does not fit the lab.
        """
        files = self._files()
        for file in files:
            try:
                agent, state = self._read(file, environment, lab)
            except (MemoryError, RunError):
                raise
            # Zip, pickle and torch each raise errors of their own for a damaged file.
            except Exception as error:
                self._damaged.add(file)
                _say(f"{file} is damaged ({_reason(error)}); going back to the point before it.")
                continue
            environment.restore(state["environment"])
            if lab.reader is not None:
                vars(lab.reader).update(state["reader"])
            agent.action_space.np_random.bit_generator.state = state["actions"]
            _set_random_state(state["random"])
            return Training(agent, state["episodes"], state["seconds"])
        if files:
            _say(f"no whole point is left in {self.path}; training begins again.")
        return None

    def clear(self) -> None:
        """Delete all points: training is finished."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _files(self) -> list[Path]:
        """Points, the latest first."""
        return sorted(self.path.glob("[0-9]*.zip"), reverse=True)

    def _tidy(self, kept: int) -> None:
        """Delete all but the latest whole points, and what killed processes left half-written."""
        whole = [file for file in self._files() if file not in self._damaged]
        for file in {*self.path.iterdir()} - {*whole[:kept]}:
            file.unlink()

    def _check(self, file: Path, header: Mapping[str, Any]) -> None:
        if changed := differences(header["versions"], self._versions):
            raise RunError(
                f"{file} was written by other versions ({', '.join(changed)}), with which a training would not go on "
                f"exactly; install the old ones, or delete {self.path} to begin again."
            )
        if changed := differences(header["options"], self._options):
            raise RunError(
                f"{file} is of a training with other options ({', '.join(changed)}); "
                f"put it back to the run that it comes from, or delete {self.path} to begin again."
            )

    def _read(self, file: Path, environment: SB3VecEnv, lab: Lab) -> tuple[BaseAlgorithm, dict[str, Any]]:
        with zipfile.ZipFile(file) as archive:
            self._check(file, _header(archive))
            state = unpack(archive)
            saved = io.BytesIO(archive.read("agent.zip"))
        agent = self.algorithm.load(saved, env=environment, device=self.device, force_reset=False)
        check_fits(agent, lab, file)
        if state["replay"] is not None:
            replay: Any = state["replay"]
            replay.device = agent.device
            vars(agent)["replay_buffer"] = replay
        return agent, state


def check_fits(agent: BaseAlgorithm, lab: Lab, file: Path) -> None:
    """Check that an agent sees, does and knows what there is to be seen, done and known in a lab.

    Args:
        agent: Loaded.
        lab: Where it is to act.
        file: Where it comes from.

    Raises:
        RunError: Names the part of the observation or the table that differs, and both shapes.
    """
    what = "train again, or use the config that it was trained with"
    environment = lab.make_env(1)
    space: Any = environment.single_observation_space
    saved: Any = agent.observation_space
    for key in sorted({*space.spaces, *saved.spaces}):
        then, now = (part.spaces[key].shape if key in part.spaces else None for part in (saved, space))
        if then != now:
            told = [f"has shape {shape}" if shape is not None else "is missing" for shape in (then, now)]
            raise RunError(f"{file}: observation '{key}' {told[0]} in the checkpoint and {told[1]} here; {what}.")
    if agent.action_space != environment.single_action_space:
        raise RunError(
            f"{file}: actions are {agent.action_space} in the checkpoint and {environment.single_action_space} here; "
            f"{what}."
        )
    n, d = lab.vectors.shape
    for items in agent.policy.modules():
        if isinstance(items, TableItems) and tuple(items.vectors.shape) != (n, d):
            many, wide = items.vectors.shape
            raise RunError(
                f"{file}: the catalogue has {many - 1} items with vectors of {wide} components in the checkpoint, "
                f"and {n - 1} of {d} here; {what}."
            )


def _write(path: Path, header: dict[str, Any], agent: BaseAlgorithm, state: dict[str, Any]) -> None:
    saved = io.BytesIO()
    agent.save(saved)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("header.json", json.dumps(header))
        archive.writestr("agent.zip", saved.getbuffer())
        pack(archive, state)


def _header(archive: zipfile.ZipFile) -> dict[str, dict[str, Any]]:
    header = json.loads(archive.read("header.json"))
    return {part: dict(header[part]) for part in ("options", "versions")}


def _memory(reader: ContextReader | None) -> dict[str, Any]:
    """What a reader has met so far: by its name in the reader."""
    return {} if reader is None else {k: v for k, v in vars(reader).items() if isinstance(v, (Ledger, MomentTable))}


def _random_state() -> dict[str, Any]:
    state = {
        "python": random.getstate(),
        "numpy": np.random.get_state(),  # noqa: NPY002  Stable-Baselines3 samples its replay by it
        "torch": torch.get_rng_state(),
    }
    return {**state, "cuda": torch.cuda.get_rng_state_all()} if torch.cuda.is_initialized() else state  # type: ignore[no-untyped-call]


def _set_random_state(state: Mapping[str, Any]) -> None:
    random.setstate(state["python"])
    np.random.set_state(state["numpy"])  # noqa: NPY002
    torch.set_rng_state(state["torch"])
    if "cuda" in state and torch.cuda.device_count() == len(state["cuda"]):
        torch.cuda.set_rng_state_all(state["cuda"])


def _versions() -> dict[str, str]:
    """Of what decides how a training goes on: CrossRec's, and of libraries major and minor."""
    libraries = ("stable-baselines3", "torch", "numpy")
    return {"crossrec": __version__, **{name: ".".join(version(name).split(".")[:2]) for name in libraries}}


def _reason(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _say(sentence: str) -> None:
    print(f"crossrec: {sentence}", file=sys.stderr)
