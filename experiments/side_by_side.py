"""Runs side by side: each in a process of its own with one thread, a few at once, with a bar each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from .compose import compose_train
from .run import RunFolder, folder_of

_POLL = 0.5  # [s]


def run_all(
    jobs: Mapping[str, Sequence[str]], at_once: int, config_dir: str | None = None
) -> tuple[dict[str, RunFolder], str]:
    """Do what is missing of some runs; single-threaded ones side by side beat one that uses all cores.

    Args:
        jobs: Options of each run as for ``crossrec train``, by what it is called; the longest first end soonest.
        at_once: How many processes.
        config_dir: Folder of own configs.

    Returns:
        The folders by name, and in words what went wrong; the other runs are finished all the same.

    Raises:
        ConfigError: If an option is wrong, before anything runs.
    """
    folders = {name: folder_of(compose_train(list(words), config_dir)) for name, words in jobs.items()}
    todo = [name for name in jobs if not folders[name].result_file.is_file()]
    own = ["--config-dir", config_dir] if config_dir is not None else []
    failed = []
    running: dict[str, subprocess.Popen[bytes]] = {}
    with _bars(len(jobs), len(jobs) - len(todo)) as (bars, total):
        tasks: dict[str, TaskID] = {}
        try:
            while todo or running:
                while todo and len(running) < at_once:
                    name = todo.pop(0)
                    running[name] = _start(folders[name], [*jobs[name], *own])
                    tasks[name] = bars.add_task(name, total=None, note="starting")
                time.sleep(_POLL)
                for name, process in list(running.items()):
                    _show(bars, tasks[name], folders[name])
                    if process.poll() is not None:
                        del running[name]
                        bars.remove_task(tasks[name])
                        bars.advance(total)
                        if process.returncode != 0:
                            failed.append(f"{name}: {_last_words(folders[name])}")
        finally:
            for process in running.values():
                process.terminate()
                process.wait()
    return folders, "; ".join(failed)


def _start(folder: RunFolder, words: Sequence[str]) -> subprocess.Popen[bytes]:
    folder.path.mkdir(parents=True, exist_ok=True)
    folder.progress_file.unlink(missing_ok=True)
    command = [sys.executable, "-m", "crossrec.experiments.cli", "train", "--quiet", *words]
    with open(folder.path / "log.txt", "wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=_one_thread())


def _one_thread() -> dict[str, str]:
    # Two runs that each use all cores would fight over them.
    return {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def _show(bars: Bars, task: TaskID, folder: RunFolder) -> None:
    try:
        state = json.loads(folder.progress_file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    note = f"{state['stage']} {state['done']:,} of {state['total']:,}"
    note += f", {state['note']}" if state["note"] else ""
    bars.update(task, completed=state["done"], total=state["total"], note=note)


def _last_words(folder: RunFolder) -> str:
    log = folder.path / "log.txt"
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return lines[-1].removeprefix("crossrec: ") if lines else f"failed without a word, see {log}"


@contextmanager
def _bars(runs: int, done: int) -> Iterator[tuple[Bars, TaskID]]:
    columns = (TextColumn("{task.description:24}"), BarColumn(), TimeElapsedColumn(), TextColumn("{task.fields[note]}"))
    with Bars(*columns, console=Console(stderr=True)) as bars:
        yield bars, bars.add_task(f"all {runs} runs", total=runs, completed=done, note="")
