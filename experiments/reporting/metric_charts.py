"""Charts of metrics: by scenario, and one against another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .charts import GREY, PALETTE, SYMBOLS, Chart, heat, number, view
from .measured import EVERYWHERE, Measured, choice, heading
from .study import Study

_NONE = (float("nan"), float("nan"))


def scenarios_chart(study: Study, names: Sequence[str], found: Measured) -> Chart | None:
    """Heat maps of metrics by scenario; None where no run has any."""
    caption = "Mean over seeds of what people did in each scenario."
    return _by_place(study, names, found, found.scenarios, ("scenarios", "By scenario", caption))


def groups_chart(study: Study, names: Sequence[str], found: Measured) -> Chart | None:
    """Heat maps of metrics by group of people; None where no run has any."""
    caption = "Mean over seeds by group of people; cold: moments early in a life, warm: the rest (docs/metrics.md)."
    return _by_place(study, names, found, found.groups, ("groups", "By group of people", caption))


def _by_place(
    study: Study, names: Sequence[str], found: Measured, places: Mapping[str, Sequence[str]], said: tuple[str, str, str]
) -> Chart | None:
    tasks = [task for task in study.tasks if places.get(task)]
    cells = [(task, place, name) for task in tasks for place in places[task] for name in names]
    wanted = [
        m for m in found.metrics if any(np.isfinite(found.values.get((t, m, p, n), _NONE)[0]) for t, p, n in cells)
    ]
    views = {}
    for i, task in enumerate(tasks):
        for j, metric in enumerate(wanted):
            columns = places[task]
            values = np.array(
                [[found.values.get((task, metric, place, name), _NONE)[0] for place in columns] for name in names]
            )
            rows = [[name, *map(number, values[k])] for k, name in enumerate(names)]
            alt = f"{heading(metric)} {said[1].lower()}, in {task}; the numbers are in the table."
            views[f"{i}|{j}"] = view(
                *heat(values, names, columns, None, ".3g"), alt, {"columns": ["", *columns], "rows": rows}
            )
    if not views:
        return None
    return Chart(*said, views, (("Task", tasks), ("Metric", [choice(metric) for metric in wanted])))


def trade_offs(study: Study, names: Sequence[str], found: Measured) -> dict[str, Any] | None:
    """What the page's own scatter of any two metrics needs; None where no run has any."""
    everyone = [*names, *study.baselines]
    tasks = [t for t in study.tasks if any((t, m, EVERYWHERE, n) in found.values for m in found.metrics for n in names)]
    metrics = [m for m in found.metrics if any((t, m, EVERYWHERE, n) in found.values for t in tasks for n in names)]
    if len(metrics) < 2:
        return None

    def points(task: str, metric: str) -> list[list[Any]]:
        pairs = (found.values.get((task, metric, EVERYWHERE, name), (np.nan, np.nan)) for name in everyone)
        return [[number(mean), number(reach)] for mean, reach in pairs]

    return {
        "tasks": tasks,
        "metrics": [choice(metric) for metric in metrics],
        "titles": [heading(metric) for metric in metrics],
        "names": everyone,
        "colours": [PALETTE[i % len(PALETTE)] if i < len(names) else GREY for i in range(len(everyone))],
        "symbols": [SYMBOLS[i % len(SYMBOLS)] + ("" if i < len(names) else "-open") for i in range(len(everyone))],
        "points": [[points(task, metric) for metric in metrics] for task in tasks],
    }
