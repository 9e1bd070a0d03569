"""Cells side by side in a few processes with one thread each, with a bar."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars


class Cell(Protocol):
    """Something to compute; can be sent to another process."""

    @property
    def name(self) -> str:
        """For people."""

    def is_kept(self) -> bool:
        """Whether its result is there already."""

    def compute(self) -> str:
        """Compute it and keep the result; returns what went wrong, in words, or nothing."""


def compute_all(cells: Sequence[Cell], at_once: int, what: str) -> dict[str, str]:
    """Compute the cells that are not kept yet.

    Args:
        cells: In this order, those of one world together.
        at_once: How many processes.
        what: They are, for the bar.

    Returns:
        By name of the cell what went wrong, in words; the others are kept all the same.
    """
    todo = [cell for cell in cells if not cell.is_kept()]
    failed: dict[str, str] = {}
    if not todo:
        return failed
    columns = (
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
    )
    spawn = multiprocessing.get_context("spawn")
    with (
        Bars(*columns, console=Console(stderr=True)) as bars,
        ProcessPoolExecutor(min(at_once, len(todo)), spawn, _start_worker) as pool,
    ):
        bar = bars.add_task("", total=len(cells), completed=len(cells) - len(todo), note="")
        try:
            futures = {pool.submit(_timed, cell): cell.name for cell in todo}
            for done in as_completed(futures):
                name = futures[done]
                try:
                    problem, seconds = done.result()
                except BrokenProcessPool:
                    problem, seconds = "a process died, perhaps for lack of memory; try --jobs 1", 0.0
                if problem:
                    failed[name] = problem
                bars.update(bar, advance=1, note=f"{name} {'failed' if problem else f'took {seconds:.0f} s'}")
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for child in multiprocessing.active_children():
                child.terminate()  # what is finished is kept
            raise
    return failed


def _timed(cell: Cell) -> tuple[str, float]:
    began = time.perf_counter()
    return cell.compute(), time.perf_counter() - began


def _start_worker() -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # Two processes that each use all cores would fight over them; libraries read these when they are loaded.
    os.environ.update({"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"})
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(1)
    threadpool_limits(1)


def _end_with_parent() -> None:
    """A worker whose parent was killed must not go on for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
