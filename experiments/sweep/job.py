"""What Hydra's launchers call for each run of a sweep: it does what is missing."""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
import time
from dataclasses import dataclass
from typing import Any

from filelock import FileLock, Timeout
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf, open_dict

from crossrec.config import TrainConfig
from crossrec.errors import ConfigError
from crossrec.options import check_train_config

from ..run import RunFolder, folder_of
from .children import TRAIN, Children
from .records import DONE, FAILED, RUNNING, STOPPED, Records, State, score_of

_PATIENCE = 15.0  # [s] that a run which was cut off gets to leave its folder
_POLL = 0.5  # [s]


@dataclass(frozen=True)
class Job:
    """A task function for Hydra; it is sent to workers, so it holds plain values only.

    Attributes:
        records: Where the sweep's notes lie.
        sweep: Process of the sweep.
        task: What a run does, as ``module:function``.
        timeout: After how many seconds a run is stopped, or None.
        fail_fast: Whether no further run begins after one has failed.
    """

    records: Records
    sweep: int
    task: str = TRAIN
    timeout: float | None = None
    fail_fast: bool = False

    def __call__(self, composed: DictConfig) -> float | None:
        """Do the run of a composed config; returns the agent's score, or None if there is none.

        Raises:
            OSError: If nothing can be written, so that no run can begin; whatever else goes wrong is noted.
        """
        _end_with(self.sweep)
        folder, config = run_of(composed)
        # A search may choose the same options twice at once: the second waits for the first.
        with FileLock(self.records.lock_of(folder.path.name)):
            return self._missing(folder, config, tuple(HydraConfig.get().overrides.task))

    def _missing(self, folder: RunFolder, config: TrainConfig, words: tuple[str, ...]) -> float | None:
        name = folder.path.name
        state = self.records.of(name)
        if folder.result_file.is_file():
            if state.state != DONE:
                self._note(name, State(DONE, words=words))
            return score_of(folder)
        if state.state == FAILED:
            return None  # in this sweep, whose launcher was started again
        if self.records.stopped:
            self._note(name, State(STOPPED, words=words))
            return None
        began = time.time()
        self.records.set(name, State(RUNNING, began=began, words=words))  # on a full disk no run begins
        reason = self._done(config, folder)
        state = State(FAILED if reason else DONE, reason, began, round(time.time() - began, 2), words)
        if reason and self.fail_fast:
            self.records.stop()
        self._note(name, state)
        return None if reason else score_of(folder)

    def _done(self, config: TrainConfig, folder: RunFolder) -> str:
        """Do the run; returns what went wrong, in words, or nothing."""
        try:
            check_train_config(config)  # a search chooses options that nobody has seen before
        except ConfigError as error:
            return str(error)
        return attempt(_children(self.task), config, folder, self.timeout)

    def _note(self, name: str, state: State) -> None:
        with contextlib.suppress(OSError):  # the disk is full: what counts is in the run's folder
            self.records.set(name, state)


def run_of(composed: DictConfig) -> tuple[RunFolder, TrainConfig]:
    """Folder and config of a run, from what Hydra composed."""
    if "hydra" in composed:
        with open_dict(composed):
            del composed["hydra"]
    config: Any = OmegaConf.to_object(composed)
    assert isinstance(config, TrainConfig)
    return folder_of(config), config


def attempt(children: Children, config: TrainConfig, folder: RunFolder, timeout: float | None = None) -> str:
    """Do a run, or the rest of it; returns what went wrong, in words, or nothing."""
    try:
        folder.path.mkdir(parents=True, exist_ok=True)
        folder.progress_file.unlink(missing_ok=True)
        # The run may have been cut off just now, with its process still on the way out.
        with FileLock(folder.path / ".lock", timeout=_PATIENCE):
            pass
    except Timeout:
        return f"another process works on {folder.path}"
    except OSError as error:
        return f"{folder.path} cannot be written ({error.strerror or error})"
    try:
        reason = children.run(config, folder.path / "log.txt", timeout)
    except OSError as error:
        return f"its process could not be started ({error.strerror or error})"
    if not reason and not folder.result_file.is_file():
        return f"it ended without a result, see {folder.path / 'log.txt'}"
    return reason


_servers: dict[str, Children] = {}  # of this process, by task


def _children(task: str) -> Children:
    if task not in _servers:
        _servers[task] = Children(task)
        atexit.register(_servers[task].close)
    return _servers[task]


_watching = False


def _end_with(sweep: int) -> None:
    """Let this worker end when the sweep that started it is killed, and with it the run that it does."""
    global _watching
    if _watching or os.getppid() != sweep:
        return
    _watching = True

    def watch() -> None:
        while os.getppid() == sweep:
            time.sleep(_POLL)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
