"""Static figures (PNG and PDF) and a LaTeX table of a folder of runs, for a paper."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from crossrec.statistics import Estimate

from ..figures import pyplot
from ..run import write_file, write_text
from .analysis import Row, leaderboard, profiles
from .charts import DASHES, GREY, PALETTE
from .curves import curves
from .runs import Run
from .study import Study, study_of

_LINES = len(PALETTE)  # contenders in figures of lines
_STYLES = {
    "solid": "-",
    "dash": "--",
    "dot": ":",
    "dashdot": "-.",
    "longdash": (0, (8, 3)),
    "longdashdot": (0, (8, 3, 2, 3)),
}
_ESCAPES = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "…": r"\ldots{}"}
_ESCAPES |= {sign: f"\\{sign}" for sign in "&%$#_{}"}


def write_paper(folder: Path, runs: Sequence[Run]) -> list[Path]:
    """Write ``scores``, ``profiles`` and one ``learning`` figure per task, and ``table.tex``.

    Args:
        folder: Where they go; made if it is not there.
        runs: From :func:`crossrec.experiments.reporting.runs.read_runs`.

    Returns:
        The files.
    """
    folder.mkdir(exist_ok=True)
    study = study_of(runs)
    rows = leaderboard(study)
    names = [row.name for row in rows if not row.baseline][:_LINES]
    written = [folder / "table.tex"]
    write_text(written[0], latex_table(rows, study.shared))
    written += _saved(folder / "scores", _scores(rows))
    written += _saved(folder / "profiles", _profiles(study, names))
    for place, task in enumerate(study.tasks, 1):
        if figure := _learning(study, names, task):
            written += _saved(folder / (f"learning-{place}" if len(study.tasks) > 1 else "learning"), figure)
    return written


def latex_table(rows: Sequence[Row], tasks: Sequence[str]) -> str:
    """The leaderboard as a table for the package booktabs."""
    lines = [
        f"% Normalised scores (random 0, oracle 1) over {', '.join(tasks)}; 95% intervals in brackets.",
        r"\begin{tabular}{lrrrr}",
        r"\toprule",
        r"Policy & IQM & Mean & Optimality gap & Seeds \\",
        r"\midrule",
    ]
    for row in rows:
        cells = [_cell(row.found.iqm), _cell(row.found.mean), _cell(row.found.optimality_gap)]
        seeds = sorted(set(row.seeds))
        told = str(seeds[0]) if len(seeds) == 1 else f"{seeds[0]}--{seeds[-1]}"
        lines.append(f"{escaped(row.name)} & {' & '.join(cells)} & {told} \\\\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def escaped(text: str) -> str:
    """A text as LaTeX prints it."""
    return "".join(_ESCAPES.get(sign, sign) for sign in text)


def _cell(estimate: Estimate) -> str:
    if not np.isfinite(estimate.low):
        return f"{estimate.value:.3f}"
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def _scores(rows: Sequence[Row]) -> Any:
    figure, axes = _axes(0.32 * len(rows) + 1.0)
    for place, row in enumerate(reversed(rows)):
        estimate, colour = row.found.iqm, GREY if row.baseline else PALETTE[0]
        reach = [[max(estimate.value - estimate.low, 0.0)], [max(estimate.high - estimate.value, 0.0)]]
        error = reach if np.isfinite(estimate.low) else None
        axes.errorbar([estimate.value], [place], xerr=error, fmt="D" if row.baseline else "o", color=colour, capsize=3)
    axes.set_yticks(range(len(rows)), [row.name for row in reversed(rows)])
    axes.set_xlabel("score (IQM with 95% interval)")
    return figure


def _profiles(study: Study, names: Sequence[str]) -> Any:
    figure, axes = _axes(4.0)
    for index, (name, profile) in enumerate(profiles(study, names).items()):
        axes.step(profile.thresholds, profile.value, where="post", label=name, **_style(index))
        if np.isfinite(profile.low).all():
            band = {"step": "post", "color": PALETTE[index % len(PALETTE)], "alpha": 0.12, "lw": 0}
            axes.fill_between(profile.thresholds, profile.low, profile.high, **band)
    axes.set_xlabel("score t")
    axes.set_ylabel("share of runs above t")
    axes.set_ylim(-0.02, 1.02)
    axes.legend(frameon=False, fontsize=8)
    return figure


def _learning(study: Study, names: Sequence[str], task: str) -> Any:
    found = curves(study, names, task)
    if not found:
        return None
    figure, axes = _axes(4.0)
    for name, curve in found.items():
        index = names.index(name)
        axes.plot(curve.at, curve.mean, label=name, **_style(index))
        axes.fill_between(curve.at, curve.low, curve.high, color=PALETTE[index % len(PALETTE)], alpha=0.12, lw=0)
    levels = [study.returns(name, task) for name in ("random", "popularity") if name in study.baselines]
    for name, level in zip(("random", "popularity"), levels, strict=False):
        axes.axhline(level, color=GREY, lw=1, ls=":" if name == "random" else "--", label=name)
    means = np.concatenate([*(curve.mean[np.isfinite(curve.mean)] for curve in found.values()), levels])
    axes.set_ylim(min(0.0, means.min()), means.max() * 1.15)
    axes.set_xlabel("transitions")
    axes.set_ylabel("return per life, with exploration")
    axes.set_title(task, fontsize=10)
    axes.legend(frameon=False, fontsize=8)
    return figure


def _axes(height: float) -> Any:
    figure, axes = pyplot().subplots(figsize=(6.5, height), layout="constrained")
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _style(index: int) -> dict[str, Any]:
    return {"color": PALETTE[index % len(PALETTE)], "ls": _STYLES[DASHES[index % len(DASHES)]], "lw": 1.8}


def _saved(file: Path, figure: Any) -> list[Path]:
    """Write a figure as PNG and PDF, the same bytes each time."""
    png, pdf = file.with_suffix(".png"), file.with_suffix(".pdf")
    write_file(png, lambda path: figure.savefig(path, dpi=200, format="png"))
    write_file(pdf, lambda path: figure.savefig(path, format="pdf", metadata={"CreationDate": None}))
    pyplot().close(figure)
    return [png, pdf]
