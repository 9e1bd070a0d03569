"""What a sweep notes beside its runs: which are planned, how each stands, and everything that ever began or ended."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ..run import RunFolder, write_json

GRID = "grid"
WAITING, RUNNING, DONE, FAILED, STOPPED = "waiting", "running", "done", "failed", "stopped"


@dataclass(frozen=True)
class State:
    """How a run stands in this sweep.

    Attributes:
        state: One of the names above; ``stopped`` runs were not begun, because another had failed.
        reason: Why it failed.
        words: Its options, as Hydra gave them.
        began: When [s since 1970].
        seconds: How long it took, here.
    """

    state: str = WAITING
    reason: str = ""
    began: float = 0.0
    seconds: float = 0.0
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Records:
    """The notes of the sweeps in one folder of runs.

    Args:
        folder: Where the notes lie.
        part: What the runs belong to: the grid of the last sweep, or a search by its name.
    """

    folder: Path
    part: str = GRID

    @property
    def lock(self) -> Path:
        """Held by the sweep that is under way."""
        return self.folder / "lock"

    @property
    def history(self) -> Path:
        """One line of JSON for everything that began or ended, ever."""
        return self.folder / "history.jsonl"

    @property
    def _plan(self) -> Path:
        return self.folder / "plan.json"

    @property
    def _stop(self) -> Path:
        return self.folder / "stop"

    @property
    def _states(self) -> Path:
        return self.folder / self.part

    def lock_of(self, run: str) -> Path:
        """Held by who does a run."""
        return self._states / f"{run}.lock"

    def begin(self, keep: bool = False) -> None:
        """Forget how the runs of an earlier sweep stood; what they left behind is in their own folders.

        Args:
            keep: Whether to remember those that are done.
        """
        if not keep:
            shutil.rmtree(self._states, ignore_errors=True)
        self._states.mkdir(parents=True, exist_ok=True)
        for run in self.known():
            if self.of(run).state != DONE or not RunFolder(self.folder.parent / run).result_file.is_file():
                (self._states / f"{run}.json").unlink()
        self._plan.unlink(missing_ok=True)
        self._stop.unlink(missing_ok=True)

    def plan(self, words: Mapping[str, Sequence[str]]) -> None:
        """Note which runs are asked for: options by the name of the run's folder."""
        write_json(self._plan, {name: list(own) for name, own in words.items()})

    def planned(self) -> dict[str, list[str]]:
        """What :meth:`plan` noted; nothing before that."""
        try:
            planned: dict[str, list[str]] = json.loads(self._plan.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return planned

    def set(self, run: str, state: State) -> None:
        """Note how a run stands.

        Raises:
            OSError: If it cannot be written.
        """
        write_json(self._states / f"{run}.json", asdict(state))
        line = json.dumps({"time": round(time.time(), 3), "process": os.getpid(), "run": run, **asdict(state)})
        with open(self.history, "a", encoding="utf-8") as file:
            file.write(f"{line}\n")  # short lines are appended whole, whoever else writes

    def of(self, run: str) -> State:
        """How a run stands."""
        try:
            noted = json.loads((self._states / f"{run}.json").read_text(encoding="utf-8"))
            return State(**{**noted, "words": tuple(noted["words"])})
        except (OSError, ValueError, TypeError, KeyError):
            return State()

    def known(self) -> list[str]:
        """Names of the runs that have begun or been left out in this sweep, in no order."""
        return [file.stem for file in self._states.glob("*.json") if not file.name.startswith(".")]

    def stop(self) -> None:
        """Let no further run begin."""
        self._stop.touch()

    @property
    def stopped(self) -> bool:
        """Whether no further run is to begin."""
        return self._stop.exists()


def records_of(runs: str | Path, part: str = GRID) -> Records:
    """The notes of the sweeps in a folder of runs."""
    return Records(Path(runs) / ".sweep", part)


def score_of(folder: RunFolder) -> float | None:
    """The normalised score of a finished run's agent, if it has one."""
    try:
        result = json.loads(folder.result_file.read_text(encoding="utf-8"))
        return float(result["scores"][result["agent"]]["score"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
