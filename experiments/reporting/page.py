"""The report as one HTML page that needs nothing else: no network, no server, no other file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from crossrec import __version__

from . import plotly_file, templates_folder
from .analysis import Row, answer, chances, leaderboard, profiles
from .charts import (
    PALETTE,
    chances_chart,
    curves_chart,
    leaderboard_chart,
    profiles_chart,
)
from .commands import command
from .curves import curves
from .measured import journeys, measured
from .metric_charts import groups_chart, scenarios_chart, trade_offs
from .notes import notes
from .pairs import compared, mean_over_tasks
from .runs import FINISHED, Run, sections
from .study import Study, environment, study_of

SHOWN = len(PALETTE)  # contenders that charts of lines show, the best ones
PAIRED = 12  # contenders that tables of all against all show
_LISTED = 50  # lines of the leaderboard
_LIVES = 4  # contenders whose people's lives are shown


def page(path: Path, runs: Sequence[Run]) -> str:
    """The page about some runs.

    Args:
        path: The folder that they lie in.
        runs: From :func:`crossrec.experiments.reporting.runs.read_runs`.
    """
    from jinja2 import Environment, FileSystemLoader

    study = study_of(runs)
    rows = leaderboard(study)
    ranked = [row.name for row in rows if not row.baseline]
    found = measured(study, ranked[:PAIRED])
    drawn = [
        leaderboard_chart(rows[:_LISTED]),
        curves_chart(study, ranked[:SHOWN], {task: curves(study, ranked[:SHOWN], task) for task in study.tasks}),
        profiles_chart(profiles(study, ranked[:SHOWN])),
    ]
    if len(ranked) > 1:
        drawn.append(chances_chart(ranked[:PAIRED], chances(study, ranked[:PAIRED])))
    of_metrics = (make(study, ranked[:PAIRED], found) for make in (scenarios_chart, groups_chart))
    drawn += [chart for chart in of_metrics if chart is not None]
    data = {
        "charts": {chart.name: asdict(chart) for chart in drawn},
        "trade": trade_offs(study, ranked[:SHOWN], found),
        "journeys": journeys(study, ranked[:_LIVES]),
        "runs": _table_of_runs(runs, study),
    }
    templates = Environment(loader=FileSystemLoader(templates_folder()), autoescape=True)
    return templates.get_template("page.html").render(
        title=path.resolve().name,
        version=__version__,
        finished=sum(run.state == FINISHED for run in runs),
        answer=answer(study, rows),
        tiles=_tiles(study, rows),
        notes=notes(runs, study, ranked, found.without),
        lines=_lines(rows[:_LISTED]),
        left_out=max(len(rows) - _LISTED, 0),
        by_task=_by_task(study, ranked[:_LISTED]),
        tasks=study.shared,
        all_tasks=study.tasks,
        charts=drawn,
        shown=SHOWN if len(ranked) > SHOWN else 0,
        paired=PAIRED if len(ranked) > PAIRED else 0,
        has_trade=data["trade"] is not None,
        has_journeys=bool(data["journeys"]),
        data=_script(data),
        plotly=plotly_file().read_text(encoding="utf-8"),
    )


def _script(data: Any) -> str:
    """JSON that may stand in a page: no text in it can end the element."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"), default=_plain)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} cannot stand in a page")


def _tiles(study: Study, rows: Sequence[Row]) -> list[tuple[str, str, str]]:
    """The answer's figures: heading, value, and what it means."""
    ranked = [row for row in rows if not row.baseline]
    best = ranked[0]
    tiles = [("Best agent", best.name, f"of {len(ranked)}"), ("Its score", f"{best.found.iqm.value:.3f}", _ends(best))]
    rivals = [row.name for row in ranked[1:2]] or [r.name for r in rows if r.baseline and r.name != "oracle"][:1]
    for rival in rivals:
        pair = compared(study, best.name, rival)
        sure = {True: "clear: the interval leaves out 0", False: "not certain: the interval holds 0", None: "unknown"}
        tiles.append((f"Ahead of {rival} by", f"{pair.difference.value:+.3f}", sure[pair.certain]))
        if pair.seeds:
            what = f"that a run of it scores above one of {rival}"
            tiles.append(("Probability of improvement", f"{pair.probability.value:.0%}", what))
    return tiles


def _ends(row: Row) -> str:
    estimate = row.found.iqm
    if not np.isfinite(estimate.low):
        return "one seed: no interval"
    return f"{estimate.low:.3f} to {estimate.high:.3f}, 95% interval over {'people' if row.over_people else 'seeds'}"


def _lines(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The leaderboard as the template has it; only agents have a place."""
    ranked = [row.name for row in rows if not row.baseline]
    places = ["" if row.baseline else str(ranked.index(row.name) + 1) for row in rows]
    return [{"order": i, "place": place, **_line(row)} for i, (place, row) in enumerate(zip(places, rows, strict=True))]


def _line(row: Row) -> dict[str, Any]:
    cells = []
    for name in ("iqm", "mean", "median", "optimality_gap"):
        estimate = getattr(row.found, name)
        ends = f"{estimate.low:.3f} to {estimate.high:.3f}" if np.isfinite(estimate.low) else "no interval"
        cells.append({"value": f"{estimate.value:.3f}", "sort": estimate.value, "ends": ends})
    seeds = sorted(set(row.seeds))
    return {
        "name": row.name,
        "kind": "baseline" if row.baseline else "agent",
        "cells": cells,
        "seeds": str(seeds[0]) if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}",
        "few": seeds[0],
        "over": "people" if row.over_people else "seeds",
    }


def _by_task(study: Study, names: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Mean scores by contender and task with Student's intervals over seeds; nothing with a single task."""
    if len(study.tasks) < 2:
        return []
    found = []
    for name in [*names, *(name for name in study.contenders if name not in study.ranked)]:
        cells = []
        for task in study.tasks:
            scores = study.scores(name, task)
            mean = mean_over_tasks([scores]) if len(scores) else None
            ends = f" ({mean.low:.3f} to {mean.high:.3f})" if mean and np.isfinite(mean.low) else ""
            cells.append(f"{mean.value:.3f}{ends}" if mean else "–")
        found.append((name, cells))
    return found


def _table_of_runs(runs: Iterable[Run], study: Study) -> dict[str, Any]:
    """All runs as the page's own table wants them; texts that several share are held once."""
    contender = {run.name: name for name, tasks in study.runs.items() for each in tasks.values() for run in each}
    task = {run.name: t for tasks in study.runs.values() for t, each in tasks.items() for run in each}
    texts: dict[str, int] = {}
    rows = []
    for run in runs:
        config, own = run.config, str(run.result.get("agent"))
        known = config is not None
        rows.append(
            {
                "run": run.name,
                "state": run.state,
                "agent": contender.get(run.name, config.agent.name if config is not None else ""),
                "task": task.get(run.name, environment(run) if known else ""),
                "seed": config.seed if config is not None else None,
                "score": round(run.scores[own], 4) if run.returns else None,
                "return": round(run.returns[own], 4) if run.returns else None,
                "seconds": (run.result.get("training") or {}).get("seconds"),
                "code": " ".join(run.code) if run.result else "",
                "problem": run.problem,
                "path": str(run.folder.path),
                "command": command(run) if known else "",
                "config": [texts.setdefault(part, len(texts)) for part in sections(run.text)],
            }
        )
    return {"rows": rows, "texts": list(texts), "states": dict(Counter(row["state"] for row in rows))}
