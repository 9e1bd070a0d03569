"""A picture of how near estimators come to the truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ..figures import COLOURS, pyplot
from ..run import write_file

_SHADES = {"ips": COLOURS["baseline"], "snips": "#5f6b7a", "dm": COLOURS["bound"], "dr": COLOURS["agent"]}


def draw_judgement(file: Path, table: pd.DataFrame, subtitle: str) -> None:
    """Estimates with 95% intervals beside the truth, and root mean squared errors, by target policy.

    Args:
        file: PNG to write.
        table: From :func:`crossrec.experiments.logs.judge.judge`.
        subtitle: What was judged.
    """
    plt = pyplot()
    policies = list(dict.fromkeys(table["policy"]))
    figure, (left, right) = plt.subplots(1, 2, figsize=(10.0, 1.0 + 0.9 * len(policies)), layout="constrained")
    places = np.arange(len(policies))
    for number, (estimator, shade) in enumerate(_SHADES.items()):
        rows = table[table["estimator"] == estimator]
        at = places + (number - 1.5) * 0.18
        around = np.abs(rows[["low", "high"]].to_numpy().T - rows["estimate"].to_numpy())
        left.errorbar(rows["estimate"], at, xerr=around, fmt="o", ms=5, capsize=3, color=shade, label=estimator)
        right.barh(at, rows["rmse"], height=0.16, color=shade)
    for place, truth in enumerate(table.drop_duplicates("policy")["truth"]):
        left.plot([truth, truth], [place - 0.4, place + 0.4], color="black", lw=1.2, label="" if place else "truth")
    for axes, label in ((left, "mean reward per recommendation"), (right, "root mean squared error of a part")):
        axes.set_yticks(places, [Path(name).name for name in policies] if axes is left else [])
        axes.invert_yaxis()
        axes.set_xlabel(label)
        axes.spines[["top", "right"]].set_visible(False)
    left.legend(frameon=False, fontsize=8)
    figure.suptitle(subtitle, fontsize=10)
    write_file(file, lambda path: figure.savefig(path, dpi=150, format="png"))
    plt.close(figure)
