"""A comparison as a picture: how the paired differences spread, and where their mean lies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from crossrec.envs.rendering.log import cut

from ..figures import COLOURS, pyplot

if TYPE_CHECKING:
    from .compare import Comparison

_LETTERS, _BINS = 90, 40


def draw_comparison(comparison: Comparison, path: Path) -> None:
    """Write the picture as PNG."""
    plt = pyplot()
    estimate = comparison.measures["return"].paired.difference
    figure, (bars, whole) = plt.subplots(
        2, 1, figsize=(7.0, 4.6), height_ratios=[5, 1], layout="constrained", sharex=False
    )
    bars.hist(comparison.gaps.ravel(), bins=_BINS, color=COLOURS["baseline"])
    bars.axvline(0.0, color="#555555", lw=0.8)
    bars.axvline(estimate.value, color=COLOURS["agent"], lw=2)
    bars.set_xlabel("difference of return of one life, A - B, on the same person with the same noise")
    bars.set_ylabel("lives")
    reach = [[max(estimate.value - estimate.low, 0.0)], [max(estimate.high - estimate.value, 0.0)]]
    whole.errorbar([estimate.value], [0], xerr=reach, fmt="o", color=COLOURS["agent"], capsize=4)
    if comparison.seeds > 1:
        whole.plot(comparison.gaps.mean(axis=1), [0.4] * comparison.seeds, "|", color="#555555")
    whole.axvline(0.0, color="#555555", lw=0.8)
    whole.set_yticks([])
    whole.set_ylim(-0.6, 0.8)
    whole.set_xlabel(
        f"mean difference {estimate.value:+.2f}, 95% interval {estimate.low:+.2f} to {estimate.high:+.2f} "
        f"over {comparison.unit}"
    )
    for axis in (bars, whole):
        axis.spines[["top", "right"]].set_visible(False)
    whole.spines["left"].set_visible(False)
    a, b = (cut(name, _LETTERS) for name in comparison.names)
    figure.suptitle(f"A: {a}\nB: {b}", fontsize=10)
    figure.savefig(path, dpi=150, format="png")
    plt.close(figure)
