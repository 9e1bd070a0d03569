"""A table of the runs that are under way: how each stands, its score, how long the rest may take."""

from __future__ import annotations

import json
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ..run import RunFolder
from .records import DONE, FAILED, RUNNING, STOPPED, WAITING, State, score_of

_ROWS = 20  # runs shown at most; those under way and those that failed come first
_REFRESH = 0.5  # [s]
_ORDER = (RUNNING, FAILED, DONE, STOPPED, WAITING)
_STYLES = {RUNNING: "cyan", FAILED: "bold red", DONE: "green", STOPPED: "yellow", WAITING: "dim"}

Runs = Mapping[str, RunFolder]  # by what a run is called


class Watch:
    """Shows the runs while the block lasts: a table on a terminal, a line per finished run elsewhere.

    Args:
        runs: Gives all runs that are known so far.
        state: Gives how a run stands, by what it is called.
        jobs: How many runs there are at once.
    """

    def __init__(self, runs: Callable[[], Runs], state: Callable[[str], State], jobs: int) -> None:
        self._runs, self._state, self._jobs = runs, state, jobs
        self._console = Console(stderr=True)
        self._scores: dict[str, float | None] = {}
        self._done: dict[str, State] = {}
        self._told: set[str] = set()
        self._ended = threading.Event()
        self._teller = threading.Thread(target=self._tell_now_and_then, daemon=True)
        # Last, for it draws at once.
        self._live = Live(
            get_renderable=self.table, console=self._console, refresh_per_second=1 / _REFRESH, transient=True
        )

    def __enter__(self) -> Self:
        self._told |= {name for name, state in self._states().items() if state.state == DONE}
        if self._console.is_terminal:
            self._live.start()
        else:
            self._teller.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            self._live.stop()
        else:
            self._ended.set()
            self._teller.join()
            self._tell()

    def table(self) -> Group:
        """What is shown now."""
        states = self._states()
        table = Table(box=box.SIMPLE_HEAD, expand=False)
        for heading in ("run", "state", "", "score", "time", "left"):
            table.add_column(
                heading, no_wrap=heading != "", justify="right" if heading in ("score", "time", "left") else "left"
            )
        shown = sorted(states, key=lambda name: _ORDER.index(states[name].state))[:_ROWS]
        for name in shown:
            state, share, note = states[name], 0.0, ""
            if state.state == RUNNING:
                share, note = progress(self._runs()[name])
            took = time.time() - state.began if state.state == RUNNING else state.seconds
            score = self._score(name) if state.state == DONE else None
            table.add_row(
                name,
                Text(state.state, _STYLES[state.state]),
                ProgressBar(1.0, share, width=20)
                if state.state == RUNNING and not note
                else Text(state.reason or note),
                "" if score is None else f"{score:.3f}",
                clock(took) if state.began else "",
                clock(took * (1 - share) / share) if share > 0.02 else "",
            )
        more = [f"and {len(states) - len(shown)} more"] if len(states) > len(shown) else []
        return Group(table, Text(", ".join([*more, self.summary(states)])))

    def summary(self, states: Mapping[str, State] | None = None) -> str:
        """How all stand, in words."""
        states = self._states() if states is None else states
        counts = Counter(state.state for state in states.values())
        words = [f"{counts[name]} {name}" for name in (DONE, RUNNING, WAITING, FAILED, STOPPED) if counts[name]]
        times = [state.seconds for state in states.values() if state.state == DONE and state.began]
        todo = counts[RUNNING] / 2 + counts[WAITING]
        left = [f"about {clock(statistics.mean(times) * todo / self._jobs)} left"] if times and todo else []
        return f"{len(states)} runs: {', '.join([*words, *left])}" if states else "composing the runs"

    def _states(self) -> dict[str, State]:
        found = {}
        for name, folder in self._runs().items():
            state = self._done.get(name) or self._state(name)
            if state.state == WAITING and folder.result_file.is_file():
                state = State(DONE)  # by an earlier sweep
            if state.state == DONE:
                self._done[name] = state  # it stays so
            found[name] = state
        return found

    def _score(self, name: str) -> float | None:
        if name not in self._scores:
            self._scores[name] = score_of(self._runs()[name])
        return self._scores[name]

    def _tell_now_and_then(self) -> None:
        while not self._ended.wait(_REFRESH):
            self._tell()

    def _tell(self) -> None:
        """Print what has ended since the last time, where nobody could read a table that changes."""
        states = self._states()
        for name, state in states.items():
            if name in self._told or state.state not in (DONE, FAILED) or not state.began:
                continue
            self._told.add(name)
            score = self._score(name) if state.state == DONE else None
            what = state.reason if state.state == FAILED else "" if score is None else f"score {score:.3f}"
            line = f"{state.state} {name} in {clock(state.seconds)}{': ' if what else ''}{what}"
            self._console.print(f"{line} ({self.summary(states)})", soft_wrap=True, highlight=False, markup=False)


def progress(folder: RunFolder) -> tuple[float, str]:
    """How much of its training a run has done, 0 to 1, and what else it does, if it does not train."""
    try:
        state = json.loads(folder.progress_file.read_text(encoding="utf-8"))
        share, stage = state["done"] / max(state["total"], 1), str(state["stage"])
    except (OSError, ValueError, KeyError):
        return 0.0, "starting"
    return (share, "") if stage == "train" else (0.0, f"{stage} {share:.0%}")


def clock(seconds: float) -> str:
    """A time as h:mm:ss or m:ss."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
