"""Progress of a run: bars for who sits in front of it, a small file for who watches from outside."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from crossrec.language.context import ContextSource

from .run import RunFolder, write_json

_SECONDS = 0.5  # between two writes of the file


class Progress:
    """Shows one stage of a run at a time.

    Args:
        folder: Where the file goes, or None for none.
        show: Whether to draw bars (on standard error).
    """

    def __init__(self, folder: RunFolder | None, show: bool) -> None:
        self.folder = folder
        console = Console(stderr=True)
        self._bars = Bars(
            TextColumn("{task.description:12}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=console,
            disable=not show or not console.is_terminal,  # a log file wants no bars
        )
        self._source: ContextSource | None = None
        self._task = self._bars.add_task("start", total=1, note="", visible=False)
        self._stage, self._done, self._total, self._written = "start", 0, 1, 0.0

    def watch(self, source: ContextSource) -> None:
        """Tell from now on how many contexts this source has written."""
        self._source = source

    def stage(self, name: str, total: int) -> None:
        """Begin a stage of ``total`` units."""
        self._bars.update(self._task, completed=self._total)
        self._stage, self._done, self._total = name, 0, total
        self._task = self._bars.add_task(name, total=total, note="")
        self._write(force=True)

    def advance(self, units: int = 1) -> None:
        """Count some units of the stage as done."""
        self._done = min(self._done + units, self._total)
        self._bars.update(self._task, completed=self._done, note=self._note())
        self._write()

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._done = self._total
            self._bars.update(self._task, completed=self._total, note=self._note())
        self._bars.stop()
        self._write(force=True)

    def _note(self) -> str:
        generated = self._source.generated if self._source is not None else 0
        return f"{generated} contexts written" if generated else ""

    def _write(self, force: bool = False) -> None:
        now = time.monotonic()
        if self.folder is not None and (force or now - self._written > _SECONDS):
            self._written = now
            state = {"stage": self._stage, "done": self._done, "total": self._total, "note": self._note()}
            write_json(self.folder.progress_file, state)
