"""Learning curves of many runs, averaged on a grid, so that a page holds them however many runs there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crossrec.comparison import student_reach

from ..evaluated import read_columns
from .runs import Run
from .study import Study

_POINTS, _LEAST, _EPISODES = 40, 4, 32  # of the grid at most and at least; episodes behind each point, if it can be


@dataclass(frozen=True)
class Curve:
    """Mean return of training episodes over transitions.

    Attributes:
        at: (p,) transitions in the middle of each stretch of the grid.
        mean: (p,) mean over seeds; NaN where no episode ended.
        low: (p,) lower ends of 95% intervals over seeds (Student's t); NaN with fewer than two seeds.
        high: (p,) upper ends.
        seeds: How many.
    """

    at: NDArray[np.float64]
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    seeds: int


def curves(study: Study, names: Sequence[str], task: str) -> dict[str, Curve]:
    """Curves of some contenders in a task; those without a readable record of training are left out."""
    episodes = {
        name: [e for run in study.runs[name].get(task, ()) if (e := _episodes(run)) is not None] for name in names
    }
    ends = [transitions[-1] for each in episodes.values() for transitions, _ in each if len(transitions)]
    if not ends:
        return {}
    fewest = min(len(transitions) for each in episodes.values() for transitions, _ in each if len(transitions))
    points = int(np.clip(fewest // _EPISODES, _LEAST, _POINTS))
    edges = np.linspace(0.0, max(ends), points + 1)
    return {name: _curve([_binned(*e, edges) for e in each], edges) for name, each in episodes.items() if each}


def mean_and_ends(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Means (p,) of (s, p) values, NaN left out, and ends of Student's 95% intervals, NaN for one value."""
    count = np.isfinite(values).sum(axis=0)
    filled = np.where(np.isfinite(values), values, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(count > 0, filled.sum(axis=0) / count, np.nan)
        spread = np.where(np.isfinite(values), (values - mean) ** 2, 0.0).sum(axis=0) / (count - 1)
        reach = np.where(count > 1, student_reach(np.sqrt(spread / count), np.maximum(count - 1, 1)), np.nan)
    return mean, mean - reach, mean + reach


def _curve(runs: Sequence[NDArray[np.float64]], edges: NDArray[np.float64]) -> Curve:
    mean, low, high = mean_and_ends(np.stack(runs))
    return Curve((edges[:-1] + edges[1:]) / 2.0, mean, low, high, len(runs))


def _binned(
    transitions: NDArray[np.float64], returns: NDArray[np.float64], edges: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(p,) mean return of the episodes that ended in each stretch."""
    place = np.clip(np.searchsorted(edges, transitions, side="left") - 1, 0, len(edges) - 2)
    count = np.bincount(place, minlength=len(edges) - 1)
    with np.errstate(invalid="ignore"):
        means: NDArray[np.float64] = np.bincount(place, weights=returns, minlength=len(edges) - 1) / count
    return means


def _episodes(run: Run) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Transitions and return of a run's training episodes; None where they were not recorded or cannot be read."""
    try:
        table = read_columns(run.folder.training_file, ("transitions", "return"))
    # A damaged Parquet file raises whatever its reader stumbles over.
    except Exception:
        return None
    transitions, returns = (table[name].to_numpy().astype(np.float64) for name in ("transitions", "return"))
    return transitions, returns
