"""A run's metrics in words: read from its folder and printed as a table."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from crossrec.errors import RunError, check_name
from crossrec.measures.table import TABLE
from crossrec.metrics import COLD_STEPS, METRICS

from ..run import RunFolder

_ARROWS = {True: "↑", False: "↓", None: ""}
_BARE = 3  # significant digits beyond the point for numbers below 1


def read_metrics(path: str | Path) -> pd.DataFrame:
    """The metrics of a finished run, columns :data:`crossrec.measures.table.TABLE`.

    Raises:
        RunError: If the folder is no finished run's, was made before there were metrics, or the file is damaged.
    """
    folder = RunFolder(Path(path))
    folder.config()
    folder.result()
    again = f"`crossrec evaluate {folder.path}` writes it again"
    if not folder.metrics_file.is_file():
        raise RunError(f"{folder.path} has no metrics.parquet, which runs of older versions lack; {again}.")
    try:
        table = pd.read_parquet(folder.metrics_file)
        if missing := [column for column in TABLE if column not in table]:
            raise ValueError(f"no column '{missing[0]}'")
        if table.empty:
            raise ValueError("no rows")
    # A damaged Parquet file raises whatever its reader stumbles over.
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise RunError(f"{folder.metrics_file} is damaged ({reason}); {again}.") from error
    return table[list(TABLE)]


def print_metrics(
    console: Console, run: str | Path, table: pd.DataFrame, *, people: str = "all", scenario: str = "all"
) -> None:
    """Print metrics as rows and policies as columns.

    Args:
        console: Where to.
        run: The run's folder, for the heading.
        table: From :func:`read_metrics`.
        people: Of which group.
        scenario: In which scenario.

    Raises:
        ConfigError: If the table has no such group or scenario.
    """
    check_name("--scenario", scenario, dict.fromkeys(table["scenario"]))
    check_name("--people", people, dict.fromkeys(table["people"]))
    part = table[(table["scenario"] == scenario) & (table["people"] == people)]
    policies = list(dict.fromkeys(table["policy"]))
    values = part.set_index(["metric", "policy"])["value"].to_dict()
    printed = Table(title=_heading(run, people, scenario), title_justify="left", box=box.SIMPLE_HEAD)
    printed.add_column("metric", no_wrap=True)
    printed.add_column("", no_wrap=True)
    printed.add_column("unit", no_wrap=True)
    for policy in policies:
        printed.add_column(policy, justify="right", no_wrap=True)
    for name, metric in METRICS.items():
        row = [values.get((name, policy), math.nan) for policy in policies]
        if (name, policies[0]) in values:
            printed.add_row(name, _ARROWS[metric.higher_is_better], metric.unit, *map(_number, row))
    console.print(printed)
    console.print("↑ higher is better, ↓ lower is better; - : nothing to measure it by.", soft_wrap=True)
    if people == "all" and scenario == "all":
        groups = ", ".join(name for name in dict.fromkeys(table["people"]) if name != "all")
        console.print(f"--people: {groups}", soft_wrap=True, markup=False)
        scenarios = ", ".join(name for name in dict.fromkeys(table["scenario"]) if name != "all")
        console.print(f"--scenario: {scenarios}", soft_wrap=True, markup=False)


def _heading(run: str | Path, people: str, scenario: str) -> str:
    moments = {
        "all": "all people",
        "cold": f"the first {COLD_STEPS} steps of each life",
        "warm": f"each life after its first {COLD_STEPS} steps",
    }
    where = "all scenarios" if scenario == "all" else scenario
    return f"{Path(run).name}: {moments.get(people, f'people: {people}')}, {where}"


def _number(value: float) -> str:
    """Three digits after the point, fewer for large numbers; a minus where there is none."""
    if math.isnan(value):
        return "-"
    return f"{value:.{_BARE}f}" if abs(value) < 10.0 else f"{value:.1f}"
