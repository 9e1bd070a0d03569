"""An explanation as a picture: a bar for each group of inputs and for each liked title."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from crossrec.envs.rendering.log import cut

from ..figures import COLOURS, pyplot
from .explanation import Explanation, Parts

_LETTERS = 46  # of a title beside its bar


def draw_explanation(explanation: Explanation, path: Path) -> None:
    """Write the picture as PNG."""
    plt, e = pyplot(), explanation
    panels = [("what each group of inputs contributed", e.groups)]
    if e.titles.parts:
        panels.append(("what each liked title contributed", e.titles))
    heights = [len(parts.parts) + 1.2 for _, parts in panels]
    figure, axes = plt.subplots(
        len(panels),
        1,
        figsize=(9.0, 0.34 * sum(heights) + 1.6),
        height_ratios=heights,
        layout="constrained",
        squeeze=False,
    )
    for axis, (title, parts) in zip(axes[:, 0], panels, strict=True):
        _bars(axis, title, parts)
    axes[-1, 0].set_xlabel(f"contribution to the advantage of the title shown [{e.unit}]")
    figure.suptitle(
        f"{cut(e.chosen.title, 70)}\nperson {e.user}, step {e.step}: {e.when}, {e.doing}", fontsize=11, ha="center"
    )
    figure.savefig(path, dpi=150, format="png")
    plt.close(figure)


def _bars(axis: Any, title: str, parts: Parts) -> None:
    values = [part.contribution for part in parts.parts]
    places = range(len(values))
    axis.barh(places, values, color=[COLOURS["agent"] if value >= 0.0 else COLOURS["bound"] for value in values])
    labels = [cut(part.name, _LETTERS) + (f"\n{part.about}" if part.about else "") for part in parts.parts]
    axis.set_yticks(places, labels, fontsize=8)
    axis.invert_yaxis()  # the first on top
    axis.axvline(0.0, color="#555555", lw=0.8)
    low, high = min(0.0, *values), max(0.0, *values)
    room = 0.16 * (high - low or 1.0)
    axis.set_xlim(low - room * (low < 0.0), high + room)
    for place, value in zip(places, values, strict=True):
        right = value >= 0.0
        axis.annotate(
            f"{value:+.3f}",
            (value, place),
            xytext=(4 if right else -4, 0),
            textcoords="offset points",
            va="center",
            ha="left" if right else "right",
            fontsize=8,
        )
    total = parts.everything - parts.nothing
    axis.set_title(f"{title}: {total:+.3f} in all", fontsize=9, loc="left")
    axis.spines[["top", "right"]].set_visible(False)
