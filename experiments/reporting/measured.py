"""What the report takes of metrics.parquet and journeys.parquet; runs of older code have neither."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from crossrec.metrics import METRICS
from crossrec.observation import WEEKDAYS

from ..evaluated import read_columns
from .curves import mean_and_ends
from .runs import Run
from .study import Study

EVERYWHERE = "all"
_STEPS = 60  # of a life that a page shows
_DAY, _WEEK = 1440, 10080  # [min]
_COLUMNS = (
    "user",
    "step",
    "minute",
    "scenario",
    "title",
    "topic",
    "clicked",
    "converted",
    "dwell",
    "reward",
    "satisfaction",
)


@dataclass(frozen=True)
class Measured:
    """Means of metrics over runs.

    A place is a scenario with all people in it, a group of people in all scenarios, or "all".

    Attributes:
        values: (mean, half width of its 95% interval over seeds or NaN) by (task, metric, place, name).
        metrics: Names of those that are there, in the order of METRICS.
        scenarios: By task, without "all".
        groups: Of people, by task, without "all".
        without: Runs that have no readable metrics.
    """

    values: Mapping[tuple[str, str, str, str], tuple[float, float]]
    metrics: Sequence[str]
    scenarios: Mapping[str, Sequence[str]]
    groups: Mapping[str, Sequence[str]]
    without: Sequence[str]


def measured(study: Study, names: Sequence[str]) -> Measured:
    """Metrics of some contenders, and of the baselines."""
    found: dict[tuple[str, str, str, str], list[float]] = defaultdict(list)
    scenarios: dict[str, dict[str, None]] = defaultdict(dict)
    groups: dict[str, dict[str, None]] = defaultdict(dict)
    without, seen = [], set()
    for name, task, run in ((n, t, run) for n in names for t, each in study.runs[n].items() for run in each):
        own, seed = str(run.result["agent"]), run.result["seed"]
        first = (task, seed) not in seen  # baselines are the same in all runs of a seed
        rows = _rows(run, {own, *(study.baselines if first else ())})
        if not rows:
            without.append(run.name)
            continue
        seen.add((task, seed))
        for policy, scenario, people, metric, value in rows:
            place = scenario if people == EVERYWHERE else people
            found[task, metric, place, name if policy == own else policy].append(value)
            if place != EVERYWHERE:
                (scenarios if people == EVERYWHERE else groups)[task][place] = None
    values = {}
    for key, each in found.items():
        mean, low, _ = mean_and_ends(np.array(each, np.float64)[:, None])
        values[key] = (float(mean[0]), float(mean[0] - low[0]))
    there = {metric for (_, metric, _, _), (mean, _) in values.items() if np.isfinite(mean)}
    order = [name for name in METRICS if name in there] + sorted(there - set(METRICS))
    ordered = [{task: list(places) for task, places in kind.items()} for kind in (scenarios, groups)]
    return Measured(values, order, ordered[0], ordered[1], without)


def heading(metric: str) -> str:
    """A metric with its unit."""
    known = METRICS.get(metric)
    return f"{metric} [{known.unit}]" if known is not None and known.unit else metric


def direction(metric: str) -> str:
    """Which values of a metric are better, in words; empty where neither is."""
    known = METRICS.get(metric)
    return {True: "higher is better", False: "lower is better", None: ""}[known.higher_is_better if known else None]


def choice(metric: str) -> str:
    """A metric with its unit and direction, for who chooses one."""
    return ", ".join(filter(None, (heading(metric), direction(metric))))


def journeys(study: Study, names: Sequence[str]) -> list[dict[str, Any]]:
    """Lives under some contenders in the first task: of the first run of each that has kept some.

    Returns:
        By contender a dict with its ``name``, ``run``, and ``lives``: by person columns of equal length.
    """
    found = []
    for name in names:
        for run in study.runs[name].get(study.shared[0], ()):
            if lives := _lives(run):
                found.append({"name": name, "run": run.name, "lives": lives})
                break
    return found


def _rows(run: Run, policies: set[str]) -> list[tuple[str, str, str, str, float]]:
    """(policy, scenario, people, metric, value) of some policies, of all people or all scenarios."""
    try:
        table = read_columns(run.folder.metrics_file, ("policy", "scenario", "people", "metric", "value"))
        policy, scenario, people = (table[name].to_numpy().astype(str) for name in ("policy", "scenario", "people"))
        kept = np.isin(policy, list(policies)) & ((scenario == EVERYWHERE) | (people == EVERYWHERE))
        metric, value = table["metric"].to_numpy()[kept], table["value"].to_numpy().astype(np.float64)[kept]
    # A damaged Parquet file raises whatever its reader stumbles over.
    except Exception:
        return []
    columns = (each.tolist() for each in (policy[kept], scenario[kept], people[kept], metric, value))
    return list(zip(*columns, strict=True))


def _lives(run: Run) -> list[dict[str, Any]]:
    """By person; whatever is no number is None, and steps without a person or a place in the life are left out."""
    table = {name: [*map(_rounded, column)] for name, column in _table(run.folder.journeys_file, _COLUMNS).items()}
    if not table:
        return []
    of: dict[Any, list[int]] = defaultdict(list)
    for row, (user, step) in enumerate(zip(table["user"], table["step"], strict=True)):
        if user is not None and step is not None:
            of[user].append(row)
    lives = []
    for user, rows in of.items():
        rows.sort(key=lambda row: table["step"][row])
        life: dict[str, Any] = {name: [table[name][row] for row in rows[:_STEPS]] for name in _COLUMNS[1:]}
        life["minute"] = [None if minute is None else _clock(minute) for minute in life["minute"]]
        lives.append({"user": user, "steps": len(rows), **life})
    return lives


def _clock(minute: float) -> str:
    """A minute of the week as people say it, e.g. ``Tue 07:40``."""
    day, rest = divmod(int(minute) % _WEEK, _DAY)
    return f"{WEEKDAYS[day][:3]} {rest // 60:02}:{rest % 60:02}"


def _rounded(value: Any) -> Any:
    """A value as a page may hold it."""
    if isinstance(value, float):
        return round(value, 3) if isfinite(value) else None
    return value


def _table(file: Path, columns: Sequence[str]) -> dict[str, list[Any]]:
    """Columns of a Parquet file; nothing where it is missing, damaged or lacks one."""
    try:
        found: dict[str, list[Any]] = read_columns(file, columns).to_pydict()
    # A damaged Parquet file raises whatever its reader stumbles over.
    except Exception:
        return {}
    return found if set(columns) <= set(found) else {}
