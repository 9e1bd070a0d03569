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


def over_agents(values: Sequence[float] | Floats, level: float = 0.95) -> Estimate:
    """Mean over agents of different seeds, with Student's interval; NaN ends for one. NaN values are left out."""
    found = np.asarray(values, np.float64)
    found = found[np.isfinite(found)]
    mean = float(found.mean()) if len(found) else float("nan")
    if len(found) < 2:
        return Estimate(mean, float("nan"), float("nan"))
    reach = float(student_reach(found.std(ddof=1) / np.sqrt(len(found)), len(found) - 1, level))
    return Estimate(mean, mean - reach, mean + reach)


def by_seed(rows: pd.DataFrame, **where: object) -> pd.Series:
    """Values by seed of the rows where columns have these values; a seed's several rows are averaged."""
    chosen = rows
    for column, value in where.items():
        chosen = chosen[chosen[column] == value]
    return chosen.groupby("seed")["value"].mean()


def gap(first: pd.Series, second: pd.Series, level: float = 0.95) -> Estimate:
    """First minus second, paired by seed."""
    seeds = sorted(set(first.index) & set(second.index))
    return over_agents(first[seeds].to_numpy() - second[seeds].to_numpy(), level)


def gaps(arms: Mapping[str, pd.Series], than: pd.Series) -> Mapping[str, Estimate]:
    """Each arm minus one and the same, with intervals that hold for all at once in 95% of studies (Bonferroni)."""
    return {name: gap(values, than, 1.0 - 0.05 / len(arms)) for name, values in arms.items()}


def ratio(top: pd.Series, bottom: pd.Series) -> Estimate:
    """Mean over seeds of :func:`crossrec.transfer.transfer_ratio` of two gains."""
    return over_agents(_ratios(top, bottom))


def told_ratio(top: pd.Series, bottom: pd.Series) -> str:
    """A :func:`ratio` as text; how many agents have none is said."""
    values = _ratios(top, bottom)
    missing = int(np.isnan(values).sum())
    some = (
        f", of {len(values) - missing} agents of {len(values)}, for of the others it has no meaning" if missing else ""
    )
    return f"{told(over_agents(values), 2)}{some}"


def _ratios(top: pd.Series, bottom: pd.Series) -> Floats:
    seeds = sorted(set(top.index) & set(bottom.index))
    return np.array([transfer_ratio(top[seed], 0.0, bottom[seed]) for seed in seeds])


def over_x(rows: pd.DataFrame, **where: object) -> Mapping[float, Estimate]:
    """By x, ascending, the mean over agents of the rows where columns have these values."""
    return {float(x): over_agents(by_seed(rows, x=x, **where).to_numpy()) for x in sorted(rows["x"].unique())}


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


def verdict_on(found: Mapping[str, Estimate], yes: str, no: str, open_: str) -> tuple[str, str]:
    """Which of three sentences the intervals of several arms bear out, and the arm that it is about.

    One arm above 0 is enough for the first, all must be below 0 for the second.
    """
    above = {name: each for name, each in found.items() if each.low > 0.0}
    chosen = above or found
    sentence = yes if above else no if all(each.high < 0.0 for each in found.values()) else open_
    return sentence, max(chosen, key=lambda name: chosen[name].value)
