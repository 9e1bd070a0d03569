"""Numbers of the study from its rows: means over agents of different seeds, paired where seeds can be paired."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crossrec.comparison import student_reach
from crossrec.statistics import Estimate
from crossrec.transfer import transfer_ratio

Floats = NDArray[np.float64]


def over_agents(values: Sequence[float] | Floats) -> Estimate:
    """Mean over agents of different seeds, with Student's 95% interval; NaN ends for one. NaN values are left out."""
    found = np.asarray(values, np.float64)
    found = found[np.isfinite(found)]
    mean = float(found.mean()) if len(found) else float("nan")
    if len(found) < 2:
        return Estimate(mean, float("nan"), float("nan"))
    reach = float(student_reach(found.std(ddof=1) / np.sqrt(len(found)), len(found) - 1))
    return Estimate(mean, mean - reach, mean + reach)


def by_seed(rows: pd.DataFrame, **where: object) -> pd.Series:
    """Values by seed of the rows where columns have these values; a seed's several rows are averaged."""
    chosen = rows
    for column, value in where.items():
        chosen = chosen[chosen[column] == value]
    return chosen.groupby("seed")["value"].mean()


def gap(first: pd.Series, second: pd.Series) -> Estimate:
    """First minus second, paired by seed."""
    seeds = sorted(set(first.index) & set(second.index))
    return over_agents(first[seeds].to_numpy() - second[seeds].to_numpy())


def ratio(top: pd.Series, bottom: pd.Series) -> Estimate:
    """Mean over seeds of :func:`crossrec.transfer.transfer_ratio` of two gains."""
    seeds = sorted(set(top.index) & set(bottom.index))
    return over_agents([transfer_ratio(top[seed], 0.0, bottom[seed]) for seed in seeds])


def over_x(rows: pd.DataFrame, **where: object) -> Mapping[float, Estimate]:
    """By x, ascending, the mean over agents of the rows where columns have these values."""
    return {float(x): over_agents(by_seed(rows, x=x, **where).to_numpy()) for x in sorted(rows["x"].unique())}


def scores(rows: pd.DataFrame, question: str, arms: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], Estimate]:
    """Mean score of each (arm, task) that there is."""
    table = rows[rows["question"] == question]
    found = {(arm, task): by_seed(table, arm=arm, task=task) for arm, task in arms}
    return {key: over_agents(values.to_numpy()) for key, values in found.items() if len(values)}


def told(estimate: Estimate, digits: int = 3, sign: bool = False) -> str:
    """An estimate as text: ``0.123 (0.100 to 0.146)``."""
    form = f"{{:{'+' if sign else ''}.{digits}f}}"
    if not isfinite(estimate.low):
        return form.format(estimate.value)
    return f"{form.format(estimate.value)} ({form.format(estimate.low)} to {form.format(estimate.high)})"


def verdict(estimate: Estimate, yes: str, no: str, open_: str) -> str:
    """Which of three sentences an interval bears out: above 0, below 0, or neither."""
    if not isfinite(estimate.low):
        return open_
    return yes if estimate.low > 0.0 else no if estimate.high < 0.0 else open_
