"""Figures as Plotly's JavaScript draws them: plain dictionaries, one per view, each with the table of its numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .analysis import Row, told
from .curves import Curve
from .study import Study

# Apart for the colour-blind, with a contrast of at least 3 to the page, light or dark; lines also differ in dash.
PALETTE = ("#2878b5", "#d55e00", "#0a8f6a", "#b0599e", "#8a6d1d", "#6a6fd1", "#c2455e", "#3d8f9e")
GREY = "#7d8590"
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "solid", "dash")
_LIGHT = [[0.0, "#f2f7fc"], [0.5, "#a9cdea"], [1.0, "#5aa2d6"]]  # dark text can be read on all of it
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "x", "star", "cross", "triangle-down")


@dataclass(frozen=True)
class Chart:
    """A chart with one or several views among which the reader chooses.

    Attributes:
        name: Also the id in the page.
        title: What it shows.
        caption: How to read it.
        choices: For each choice its label and its options; a view's key joins the options' indices with ``|``.
        views: By key ``figure`` (data and layout as Plotly has them), ``alt`` and ``table`` (columns and rows).
    """

    name: str
    title: str
    caption: str
    views: Mapping[str, Mapping[str, Any]]
    choices: Sequence[tuple[str, Sequence[str]]] = field(default_factory=tuple)


def leaderboard_chart(rows: Sequence[Row]) -> Chart:
    """Interquartile means with their intervals, the best on top."""
    shown = list(reversed(rows))
    values = [row.found.iqm for row in shown]
    data = [
        {
            "type": "scatter",
            "mode": "markers",
            "x": [v.value for v in values],
            "y": [row.name for row in shown],
            "error_x": {
                "type": "data",
                "symmetric": False,
                "array": [_reach(v.high - v.value) for v in values],
                "arrayminus": [_reach(v.value - v.low) for v in values],
                "thickness": 2,
            },
            "marker": {
                "size": 11,
                "color": [GREY if row.baseline else PALETTE[0] for row in shown],
                "symbol": ["diamond" if row.baseline else "circle" for row in shown],
            },
        }
    ]
    layout = {"xaxis": {"title": {"text": "score"}}, "showlegend": False, "height": 90 + 34 * len(shown)}
    table = {"columns": ["policy", "IQM score"], "rows": [[row.name, told(row.found.iqm)] for row in rows]}
    alt = "Scores with intervals: " + "; ".join(f"{row.name} {row.found.iqm.value:.3f}" for row in rows[:8])
    caption = (
        "Interquartile mean and 95% interval; circles are agents, grey diamonds baselines. Random is 0, the oracle 1."
    )
    return Chart("scores", "Scores", caption, {"": view(data, layout, alt, table)})


def curves_chart(study: Study, names: Sequence[str], found: Mapping[str, Mapping[str, Curve]]) -> Chart:
    """Learning curves by task."""
    views = {}
    for place, task in enumerate(study.tasks):
        data: list[dict[str, Any]] = []
        for index, name in enumerate(names):
            if (curve := found[task].get(name)) is None:
                continue
            colour = PALETTE[index % len(PALETTE)]
            band = np.isfinite(curve.low)
            if band.any():
                at = curve.at[band]
                edge: dict[str, Any] = {"type": "scatter", "mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
                edge |= {"showlegend": False, "legendgroup": name, "x": numbers(at)}
                data.append(edge | {"y": numbers(curve.low[band])})
                data.append(edge | {"y": numbers(curve.high[band]), "fill": "tonexty", "fillcolor": f"{colour}26"})
            there = np.isfinite(curve.mean)
            data.append(
                {
                    "type": "scatter",
                    "mode": "lines",
                    "name": name,
                    "legendgroup": name,
                    "x": numbers(curve.at[there]),
                    "y": numbers(curve.mean[there]),
                    "line": {"color": colour, "width": 2.5, "dash": DASHES[index % len(DASHES)]},
                }
            )
        means = [value for curve in found[task].values() for value in curve.mean[np.isfinite(curve.mean)]]
        ends = max((curve.at[-1] for curve in found[task].values()), default=1.0)
        for name, dash in (("random", "dot"), ("popularity", "dash"), ("content", "dashdot"), ("oracle", "solid")):
            if name in study.baselines:
                level = study.returns(name, task)
                means.append(level)
                line = {"color": GREY, "width": 1.5, "dash": dash}
                data.append(
                    {
                        "type": "scatter",
                        "mode": "lines",
                        "name": name,
                        "x": [0, float(ends)],
                        "y": [level] * 2,
                        "line": line,
                    }
                )
        layout = {
            "xaxis": {"title": {"text": "transitions"}, "rangemode": "tozero"},
            "yaxis": {
                "title": {"text": "return per life"},
                "range": _around(means),
            },  # bands of few seeds are very wide
            "height": 460,
        }
        alt = f"Learning curves in {task}: " + "; ".join(
            f"{name} ends at {_last(curve.mean)}, {curve.seeds} seed{'s' * (curve.seeds > 1)}"
            for name, curve in found[task].items()
        )
        columns = ["transitions", *found[task]]
        grid = next(iter(found[task].values())).at if found[task] else np.zeros(0)
        rows = [[round(float(x)), *(number(c.mean[i]) for c in found[task].values())] for i, x in enumerate(grid)]
        views[str(place)] = view(data, layout, alt, {"columns": columns, "rows": rows})
    caption = (
        "Mean return of training episodes, which explore, with 95% intervals over seeds (Student's t, point by point). "
        "Grey lines: what baselines reach in evaluation."
    )
    return Chart("curves", "Learning curves", caption, views, (("Task", study.tasks),))


def profiles_chart(found: Mapping[str, Any]) -> Chart:
    """Performance profiles."""
    data = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": name,
            "x": numbers(profile.thresholds),
            "y": numbers(profile.value),
            "line": {
                "color": PALETTE[index % len(PALETTE)],
                "width": 2.5,
                "dash": DASHES[index % len(DASHES)],
                "shape": "hv",
            },
        }
        for index, (name, profile) in enumerate(found.items())
    ]
    layout = {
        "xaxis": {"title": {"text": "score t"}},
        "yaxis": {"title": {"text": "share of runs above t"}, "range": [-0.02, 1.02], "tickformat": ".0%"},
        "height": 420,
    }
    grid = next(iter(found.values())).thresholds
    rows = [[number(t), *(number(p.value[i]) for p in found.values())] for i, t in enumerate(grid)]
    alt = f"Performance profiles of {', '.join(found)}: the share of runs with a score above each threshold."
    caption = "Share of runs that score above t, tasks counting alike (Agarwal et al. 2021). Further right is better."
    return Chart(
        "profiles",
        "Performance profiles",
        caption,
        {"": view(data, layout, alt, {"columns": ["t", *found], "rows": rows})},
    )


def chances_chart(names: Sequence[str], chance: NDArray[np.float64]) -> Chart:
    """Who beats whom."""
    figure = heat(chance, names, names, (0.0, 1.0), ".2f")
    rows = [[name, *map(number, chance[i])] for i, name in enumerate(names)]
    alt = "Probability of improvement of each contender over each other one; the numbers are in the table."
    caption = "Probability that a run of the one on the left scores above a run of the one below, tasks counting alike."
    return Chart("pairs", "Who beats whom", caption, {"": view(*figure, alt, {"columns": ["", *names], "rows": rows})})


def heat(
    values: NDArray[np.float64],
    rows: Sequence[str],
    columns: Sequence[str],
    ends: tuple[float, float] | None,
    digits: str,
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Data and layout of a heat map of (rows, columns) values; ``ends`` of its colours, ``digits`` as in d3-format."""
    trace: dict[str, Any] = {
        "type": "heatmap",
        "z": [numbers(row) for row in values],
        "x": list(columns),
        "y": list(rows),
        "colorscale": _LIGHT,
        "textfont": {"color": "#111111"},
        "texttemplate": f"%{{z:{digits}}}",
        "hovertemplate": f"%{{y}}<br>%{{x}}: %{{z:{digits}}}<extra></extra>",
        "xgap": 2,
        "ygap": 2,
        "colorbar": {"thickness": 12},
    }
    if ends is not None:
        trace |= {"zmin": ends[0], "zmax": ends[1]}
    return [trace], {"yaxis": {"autorange": "reversed"}, "height": 150 + 44 * len(rows)}


def view(data: Any, layout: Any, alt: str, table: Any) -> dict[str, Any]:
    """One view of a :class:`Chart`."""
    return {"figure": {"data": data, "layout": layout}, "alt": alt, "table": table}


def _around(values: Sequence[float]) -> list[float]:
    """A range that shows all means; bands of few seeds are far wider."""
    low, high = min(0.0, *values), max(values)
    return [float(low), float(high + 0.08 * (high - low))]


def _reach(value: float) -> float | None:
    return max(float(value), 0.0) if np.isfinite(value) else None


def number(value: float) -> float | None:
    """A value to four digits; None for what is no number, as JSON has no other word for it."""
    return float(f"{value:.4g}") if np.isfinite(value) else None


def numbers(values: NDArray[np.float64]) -> list[float | None]:
    """The same for many."""
    return [number(value) for value in values]


def _last(values: NDArray[np.float64]) -> str:
    there = values[np.isfinite(values)]
    return f"{there[-1]:.2f}" if len(there) else "nothing"
