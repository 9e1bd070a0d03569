"""A figure for each answer of the study: bars with intervals, a map of pairs, or curves."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from ..figures import COLOURS, pyplot
from ..run import write_file
from .answer import Answer

_LINES = ("#2f6fb2", "#d9a441", "#4c9f70", "#c0504d", "#7f6fb2")


HEADLINE = ("joint", "zero-shot", "cold")  # what the study is about, at a glance


def draw_answer(answer: Answer, file: Path) -> None:
    """Draw what an answer shows.

    Args:
        answer: With bars, a matrix or curves.
        file: PNG to write.
    """
    figure, axes = pyplot().subplots(figsize=(7.0, _height(answer)), layout="constrained")
    _panel(axes, figure, answer)
    _write(figure, file)


def draw_headline(answers: Mapping[str, Answer], file: Path) -> None:
    """Draw the answers of :data:`HEADLINE` side by side.

    Args:
        answers: By name; those are among them.
        file: PNG to write.
    """
    figure, panels = pyplot().subplots(1, len(HEADLINE), figsize=(6.2 * len(HEADLINE), 3.8), layout="constrained")
    for axes, name in zip(panels, HEADLINE, strict=True):
        _panel(axes, figure, answers[name])
    _write(figure, file)


def _write(figure: Any, file: Path) -> None:
    write_file(file, lambda path: figure.savefig(path, dpi=130, format="png", metadata={"Software": None}))
    pyplot().close(figure)


def _panel(axes: Any, figure: Any, answer: Answer) -> None:
    if answer.matrix is not None:
        _map(axes, figure, answer)
    elif answer.curves:
        _curves(axes, answer)
    else:
        _bars(axes, answer)
    axes.set_title(answer.asks, fontsize=10)


def _height(answer: Answer) -> float:
    return 4.2 if answer.matrix is not None or answer.curves else 0.45 * len(answer.bars) + 1.4


def _bars(axes: Any, answer: Answer) -> None:
    names = list(answer.bars)[::-1]
    values = [answer.bars[name] for name in names]
    reach = [[v.value - v.low if isfinite(v.low) else 0.0 for v in values],
             [v.high - v.value if isfinite(v.high) else 0.0 for v in values]]  # fmt: skip
    axes.barh(names, [v.value for v in values], xerr=reach, color=COLOURS["agent"], error_kw={"capsize": 3, "lw": 1.2})
    axes.axvline(0.0, color="#333333", lw=0.8)
    axes.set_xlabel(f"{answer.unit}, with 95% interval over agents")
    axes.spines[["top", "right"]].set_visible(False)


def _map(axes: Any, figure: Any, answer: Answer) -> None:
    assert answer.matrix is not None
    names, values = answer.matrix
    most = float(np.abs(values).max()) or 1.0
    signed = bool((values < 0.0).any())
    image = axes.imshow(values, cmap="RdBu" if signed else "Blues", vmin=-most if signed else 0.0, vmax=most)
    for (row, column), value in np.ndenumerate(values):
        light = abs(value) > 0.6 * most
        axes.text(column, row, f"{value:.3f}", ha="center", va="center", fontsize=8, color="w" if light else "k")
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel(answer.axes[0])
    axes.set_ylabel(answer.axes[1])
    figure.colorbar(image, ax=axes, shrink=0.8, label=answer.unit)


def _curves(axes: Any, answer: Answer) -> None:
    for colour, (name, points) in zip(_LINES * 2, answer.curves.items(), strict=False):
        x = list(points)
        axes.plot(x, [points[at].value for at in x], marker="o", ms=4, color=colour, label=name)
        axes.fill_between(
            x, *([getattr(points[at], end) for at in x] for end in ("low", "high")), color=colour, alpha=0.15
        )
    axes.set_xlabel(answer.axes[0])
    axes.set_ylabel(f"{answer.axes[1]}, 95% interval")
    axes.legend(frameon=False, fontsize=9)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
