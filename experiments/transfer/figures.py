"""A figure for each finding of the study: bars with intervals, a map of pairs, or curves."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np

from ..figures import COLOURS, pyplot
from ..run import write_file
from .finding import Finding

_LINES = ("#2f6fb2", "#d9a441", "#4c9f70", "#c0504d", "#7f6fb2")


HEADLINE = ("joint", "zero-shot", "cold")  # what the study is about, at a glance


def draw_finding(finding: Finding, file: Path) -> None:
    """Draw what a finding shows.

    Args:
        finding: With bars, a matrix or curves.
        file: PNG to write.
    """
    figure, axes = pyplot().subplots(figsize=(7.0, _height(finding)), layout="constrained")
    _panel(axes, figure, finding)
    _write(figure, file)


def draw_headline(findings: Mapping[str, Finding], file: Path) -> None:
    """Draw the findings of :data:`HEADLINE` in one figure.

    Args:
        findings: By name; those are among them.
        file: PNG to write.
    """
    first, second, below = HEADLINE
    figure, panels = pyplot().subplot_mosaic(
        [[first, second], [below, below]], figsize=(11.0, 7.0), layout="constrained"
    )
    for name, axes in panels.items():
        _panel(axes, figure, findings[name])
        axes.set_title(fill(findings[name].asks, 48), fontsize=10)
    _write(figure, file)


def _write(figure: Any, file: Path) -> None:
    write_file(file, lambda path: figure.savefig(path, dpi=130, format="png", metadata={"Software": None}))
    pyplot().close(figure)


def _panel(axes: Any, figure: Any, finding: Finding) -> None:
    if finding.matrix is not None:
        _map(axes, figure, finding)
    elif finding.curves:
        _curves(axes, finding)
    else:
        _bars(axes, finding)
    axes.set_title(finding.asks, fontsize=10)


def _height(finding: Finding) -> float:
    return 4.2 if finding.matrix is not None or finding.curves else 0.45 * len(finding.bars) + 1.4


def _bars(axes: Any, finding: Finding) -> None:
    names = list(finding.bars)[::-1]
    values = [finding.bars[name] for name in names]
    reach = [[v.value - v.low if isfinite(v.low) else 0.0 for v in values],
             [v.high - v.value if isfinite(v.high) else 0.0 for v in values]]  # fmt: skip
    axes.barh(names, [v.value for v in values], xerr=reach, color=COLOURS["agent"], error_kw={"capsize": 3, "lw": 1.2})
    axes.axvline(0.0, color="#333333", lw=0.8)
    axes.set_xlabel(f"{finding.unit}, 95% interval")
    axes.spines[["top", "right"]].set_visible(False)


def _map(axes: Any, figure: Any, finding: Finding) -> None:
    assert finding.matrix is not None
    names, values = finding.matrix
    most = float(np.abs(values).max()) or 1.0
    signed = bool((values < 0.0).any())
    least = -most if signed else max(0.0, 1.5 * float(values.min()) - 0.5 * most)
    image = axes.imshow(values, cmap="RdBu" if signed else "Blues", vmin=least, vmax=most)
    for (row, column), value in np.ndenumerate(values):
        light = abs(value) > 0.6 * most if signed else value > 0.4 * least + 0.6 * most
        axes.text(column, row, f"{value:.3f}", ha="center", va="center", fontsize=8, color="w" if light else "k")
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel(finding.axes[0])
    axes.set_ylabel(finding.axes[1])
    figure.colorbar(image, ax=axes, shrink=0.8, label=finding.unit)


def _curves(axes: Any, finding: Finding) -> None:
    for colour, (name, points) in zip(_LINES * 2, finding.curves.items(), strict=False):
        x = list(points)
        axes.plot(x, [points[at].value for at in x], marker="o", ms=4, color=colour, label=name)
        axes.fill_between(
            x, *([getattr(points[at], end) for at in x] for end in ("low", "high")), color=colour, alpha=0.15
        )
    axes.set_xlabel(finding.axes[0])
    axes.set_ylabel(f"{finding.axes[1]}, 95% interval")
    axes.legend(frameon=False, fontsize=9)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
