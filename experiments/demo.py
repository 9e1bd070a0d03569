"""The demonstration: the same agent three times, told nothing, told a template's text, told a language model's text."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from crossrec.errors import RunError

from .compose import compose_train
from .figures import draw_scores
from .report import print_scores, wide_console
from .run import RunFolder, folder_of

DEFAULTS = ("steps=40000", "train_users=48", "eval_people=100", "context.workers=2")
CONTEXTS = ("llm", "none", "template")  # the longest first, so that two side by side end soonest
_AT_ONCE = 2  # single-threaded runs side by side beat one run with two threads
_POLL = 0.5  # [s]


def demo(overrides: list[str]) -> None:
    """Run what is missing of the three runs, two at a time, and print one table.

    Args:
        overrides: Options for all three runs, as for ``crossrec train``.

    Raises:
        ConfigError: If an option is wrong.
        RunError: If a run fails; the others are finished first, and what is done is kept.
    """
    overrides = [*DEFAULTS, *overrides]
    configs = {name: compose_train([*overrides, f"context={name}"]) for name in CONTEXTS}
    folders = {name: folder_of(config) for name, config in configs.items()}
    waiting = [name for name in CONTEXTS if not folders[name].result_file.is_file()]
    failed = _run_all(waiting, folders, overrides)
    if failed:
        raise RunError(failed)
    results = {name: folders[name].result() for name in CONTEXTS}
    table = merged(results)
    any_result = next(iter(results.values()))
    figure = Path(configs["none"].runs) / "demo.png"
    learners = {name for name in table if "context" in name}
    draw_scores(
        figure, table, learners, f"{any_result['people']} people never met in training, seed {any_result['seed']}"
    )
    console = wide_console()
    print_scores(console, table, "CrossScenario: what should be shown next?")
    console.print(f"Figure: {figure}\nLearning curves: {configs['none'].runs}/*/figures/learning.png", soft_wrap=True)


def merged(results: dict[str, dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Scores of all runs in one table, ordered by score; baselines are equal in all of them and stand once.

    Args:
        results: ``result.json`` of each run, by context.
    """
    table: dict[str, dict[str, float]] = {}
    for context, result in results.items():
        for policy, row in result["scores"].items():
            name = f"{policy.upper()}, {_described(context)}" if policy == result["agent"] else policy
            table.setdefault(name, row)
    return dict(sorted(table.items(), key=lambda entry: entry[1]["score"]))


def _described(context: str) -> str:
    return {"none": "no context", "template": "template context", "llm": "language context"}[context]


def _run_all(waiting: list[str], folders: dict[str, RunFolder], overrides: list[str]) -> str:
    """Run in processes of their own; returns what went wrong, in words."""
    todo, failed = list(waiting), []
    running: dict[str, subprocess.Popen[bytes]] = {}
    with _bars() as bars:
        tasks = {name: bars.add_task(f"context={name}", total=None, note="waiting") for name in waiting}
        try:
            while todo or running:
                while todo and len(running) < _AT_ONCE:
                    running[todo[0]] = _start(todo[0], folders[todo[0]], overrides)
                    todo.pop(0)
                time.sleep(_POLL)
                for name, process in list(running.items()):
                    _show(bars, tasks[name], folders[name])
                    if process.poll() is not None:
                        del running[name]
                        bars.update(tasks[name], note="done" if process.returncode == 0 else "failed")
                        if process.returncode != 0:
                            failed.append(f"context={name}: {_last_words(folders[name])}")
        finally:
            for process in running.values():
                process.terminate()
                process.wait()
    return "; ".join(failed)


def _start(name: str, folder: RunFolder, overrides: list[str]) -> subprocess.Popen[bytes]:
    folder.path.mkdir(parents=True, exist_ok=True)
    folder.progress_file.unlink(missing_ok=True)
    command = [sys.executable, "-m", "crossrec.experiments.cli", "train", "--quiet", *overrides, f"context={name}"]
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
def _bars() -> Iterator[Bars]:
    columns = (TextColumn("{task.description:18}"), BarColumn(), TimeElapsedColumn(), TextColumn("{task.fields[note]}"))
    with Bars(*columns, console=Console(stderr=True)) as bars:
        yield bars
