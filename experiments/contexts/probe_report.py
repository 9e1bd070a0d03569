"""What the probe prints and writes: tables on the screen, a table in a file, a figure beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from ..figures import COLOURS, pyplot
from ..run import write_file
from .leakage import MARGIN, Gain
from .tables import write_table_file

_PANELS = {"intent": "intent", "next_like": "next like"}  # beginnings of columns, and their names
_SHARES = (
    "Moments in percent at which the topic on a person's mind (intent), or that of the next item they click in this "
    "life (next like), is the likeliest (top-1, with the 95% interval over people) or among the three likeliest "
    "(top-3): multinomial logistic regressions, tested on people whom they did not learn from. Observation: situation, "
    "profile and history, which agents see without a context; prompt fields: what the prompts are made from, as plain "
    "columns."
)
_GAINS = (
    "Log loss (nats per moment) that a context saves in naming the topic of the best candidate, once observation and "
    f"prompt fields are known, with the 95% interval over people; it leaks where the whole interval is above {MARGIN}."
)


def print_shares(console: Console, table: pd.DataFrame, title: str) -> None:
    """Print the shares of right answers.

    Args:
        console: Where to.
        table: From :func:`crossrec.experiments.contexts.probe.probe`.
        title: What was probed.
    """
    shown = _table(title, _SHARES, "context")
    for panel in _PANELS.values():
        for heading in (f"{panel} top-1", "top-3"):
            shown.add_column(heading, justify="right", no_wrap=True)
    for row in _sorted(table).to_dict("records"):
        shown.add_row(str(row["features"]), *(cell for panel in _PANELS for cell in _cells(row, panel)))
    console.print(shown)


def print_gains(console: Console, gains: Sequence[Gain]) -> None:
    """Print what contexts know beyond what their prompts may know."""
    if not gains:
        return
    shown = _table("gain over what the prompt may know", _GAINS, "context")
    for heading in ("log loss without", "saved", "95% interval"):
        shown.add_column(heading, justify="right", no_wrap=True)
    shown.add_column("verdict", no_wrap=True)
    for gain in sorted(gains, key=lambda gain: gain.saved.value):
        saved = gain.saved
        interval = f"{saved.low:+.3f} to {saved.high:+.3f}"
        shown.add_row(gain.context, f"{gain.loss:.3f}", f"{saved.value:+.3f}", interval, gain.verdict)
    console.print(shown)


def write_probe(file: Path, table: pd.DataFrame, gains: Sequence[Gain], title: str) -> None:
    """Write all numbers in one table, a row for each set of features.

    Args:
        file: ``.csv``, ``.parquet``, or ``.md``, which gets fewer columns and a figure beside it.
        table: From :func:`crossrec.experiments.contexts.probe.probe`.
        gains: From :func:`crossrec.experiments.contexts.leakage.leakage`.
        title: What was probed.
    """
    told = pd.DataFrame(
        [(g.context, g.saved.value, g.saved.low, g.saved.high, g.verdict) for g in gains],
        columns=["features", "saved", "saved_low", "saved_high", "verdict"],
    )
    whole = _sorted(table).merge(told, on="features", how="left")
    if file.suffix != ".md":
        write_table_file(file, whole, title)
        return
    rows = []
    for row in whole.to_dict("records"):
        cells: dict[str, str] = {"context": str(row["features"])}
        for panel, name in _PANELS.items():
            cells[f"{name} top-1"], cells[f"{name} top-3"] = _cells(row, panel)
        asked = isinstance(row["verdict"], str)
        saved = f"{row['saved']:+.3f} ({row['saved_low']:+.3f} to {row['saved_high']:+.3f})" if asked else ""
        rows.append(cells | {"log loss saved": saved, "verdict": str(row["verdict"]) if asked else ""})
    caption = f"`crossrec context probe`: {title}.\n\n{_SHARES}\n\nLog loss saved: {_GAINS[0].lower()}{_GAINS[1:]}"
    write_table_file(file, pd.DataFrame(rows), caption)
    _draw(file.with_suffix(".png"), _sorted(table), title)


def _draw(file: Path, table: pd.DataFrame, title: str) -> None:
    """Bars of the top-1 shares with their intervals, one panel for each target."""
    plt = pyplot()
    names = table["features"].tolist()
    kinds = ["baseline" if n in _PLAIN else "bound" if n.endswith("oracle") else "agent" for n in names]
    figure, panels = plt.subplots(1, 2, figsize=(9.0, 0.35 * len(names) + 1.5), sharey=True, layout="constrained")
    for axes, (panel, name) in zip(panels, _PANELS.items(), strict=True):
        value = table[f"{panel}_top1"]
        errors: list[Any] = [value - table[f"{panel}_top1_low"], table[f"{panel}_top1_high"] - value]
        colours = [COLOURS[kind] for kind in kinds]
        axes.barh(names, value, xerr=errors, color=colours, error_kw={"capsize": 3, "lw": 1.2})
        axes.set_xlim(0.0, 1.0)
        axes.set_xlabel(f"{name}: share right, with 95% interval")
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].invert_yaxis()
    figure.suptitle(title, fontsize=9)
    write_file(file, lambda path: figure.savefig(path, dpi=150, format="png"))
    plt.close(figure)


_PLAIN = ("majority class", "observation", "prompt fields")


def _sorted(table: pd.DataFrame) -> pd.DataFrame:
    """What is there without contexts first, then contexts alone, then with the observation; the best of each last."""
    group = [0 if n in _PLAIN else 2 if n.startswith("observation + ") else 1 for n in table["features"]]
    ordered = table.assign(group=group).sort_values(["group", "intent_top1"], kind="stable", ignore_index=True)
    return ordered.drop(columns="group")


def _cells(row: Any, panel: str) -> tuple[str, str]:
    """Top-1 with its interval, and top-3, of one target in percent."""
    value, low, high, third = (100 * row[f"{panel}_{key}"] for key in ("top1", "top1_low", "top1_high", "top3"))
    return f"{value:.1f} ({low:.1f} to {high:.1f})", f"{third:.1f}"


def _table(title: str, caption: str, first: str) -> Table:
    table = Table(title=title, caption=caption, title_justify="left", caption_justify="left", box=box.SIMPLE_HEAD)
    table.add_column(first, no_wrap=True)
    return table
