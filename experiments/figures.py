"""Figures of a run: the learning curve and the scores with their intervals."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from .run import RunFolder, write_file

_POINTS, _EPISODES = 30, 32  # points of the learning curve at most, episodes behind each at least
COLOURS = {"baseline": "#9aa5b1", "agent": "#2f6fb2", "bound": "#d9a441"}


def draw_figures(folder: RunFolder, result: Mapping[str, Any]) -> None:
    """Draw what a run's folder shows: ``scores.png``, and ``learning.png`` where training was recorded."""
    folder.figures.mkdir(exist_ok=True)
    draw_scores(folder.figures / "scores.png", result["scores"], {result["agent"]}, _people(result))
    if folder.training_file.is_file():
        draw_learning(folder.figures / "learning.png", pd.read_parquet(folder.training_file), result["scores"])


def draw_scores(file: Path, scores: Mapping[str, Mapping[str, float]], agents: set[str], subtitle: str) -> None:
    """Bars of normalised scores with 95% intervals.

    Args:
        file: PNG to write.
        scores: Score, low and high by policy, in the order of drawing.
        agents: Which policies have learnt.
        subtitle: What was evaluated.
    """
    plt = pyplot()
    names = list(scores)
    values = [scores[name]["score"] for name in names]
    errors = [
        [max(scores[n]["score"] - scores[n]["low"], 0.0) for n in names],
        [max(scores[n]["high"] - scores[n]["score"], 0.0) for n in names],
    ]
    kinds = ["agent" if n in agents else "bound" if n == "oracle" else "baseline" for n in names]
    figure, axes = plt.subplots(figsize=(7.0, 0.5 * len(names) + 1.5), layout="constrained")
    axes.barh(names, values, xerr=errors, color=[COLOURS[k] for k in kinds], error_kw={"capsize": 3, "lw": 1.2})
    for place, name in enumerate(names):
        axes.text(scores[name]["high"] + 0.02, place, f"{scores[name]['score']:.2f}", va="center", fontsize=9)
    axes.set_xlim(min(0.0, *values) - 0.02, max(1.0, *values) + 0.15)
    axes.set_xlabel("normalised return with 95% interval")
    axes.set_title(subtitle, fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    write_file(file, lambda path: figure.savefig(path, dpi=150, format="png"))
    plt.close(figure)


def draw_learning(file: Path, episodes: pd.DataFrame, scores: Mapping[str, Mapping[str, float]]) -> None:
    """Mean return of training episodes over transitions, beside the baselines' returns.

    Args:
        file: PNG to write.
        episodes: Columns ``transitions`` and ``return``.
        scores: Each policy's ``return`` in evaluation.
    """
    plt = pyplot()
    figure, axes = plt.subplots(figsize=(7.0, 4.0), layout="constrained")
    if len(episodes):
        points = min(_POINTS, max(len(episodes) // _EPISODES, 1))
        curve = episodes.groupby(np.arange(len(episodes)) * points // len(episodes)).mean()
        axes.plot(
            curve["transitions"], curve["return"], color=COLOURS["agent"], lw=2, marker=".", label="training episodes"
        )
    for name, style in (("random", ":"), ("popularity", "--"), ("content", "-."), ("oracle", "-")):
        if name in scores:
            axes.axhline(scores[name]["return"], color="#555555", ls=style, lw=1, label=f"{name} (evaluation)")
    axes.set_xlabel("transitions")
    axes.set_ylabel("return per life, with exploration")
    axes.set_ylim(bottom=0.0)
    axes.legend(frameon=False, fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    write_file(file, lambda path: figure.savefig(path, dpi=150, format="png"))
    plt.close(figure)


def _people(result: Mapping[str, Any]) -> str:
    return f"{', '.join(result['scenarios'])}; {result['people']} people never met in training"


def pyplot() -> Any:
    """Matplotlib for files, imported where it is used."""
    import matplotlib

    matplotlib.use("Agg")  # figures go to files, also where there is no screen
    import matplotlib.pyplot as plt

    return plt
