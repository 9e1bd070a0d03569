"""How sure one may be: bootstrap intervals over people, all policies resampled together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crossrec.errors import ConfigError


@dataclass(frozen=True)
class Estimate:
    """A value with its 95% interval."""

    value: float
    low: float
    high: float


def normalised_scores(
    returns: dict[str, NDArray[np.float64]],
    rng: np.random.Generator,
    *,
    zero: str = "random",
    one: str = "oracle",
    n_resamples: int = 2000,
    level: float = 0.95,
) -> dict[str, Estimate]:
    """Mean returns where policy ``zero`` is 0 and policy ``one`` is 1, with percentile bootstrap intervals.

    All policies met the same people in the same moments, so people are resampled jointly for all of them (a paired
    bootstrap, Efron and Tibshirani 1993): the uncertainty of both ends of the scale is part of each interval.

    Args:
        returns: (n,) returns by policy; entry i is the same person's everywhere.
        rng: Source of the resampling.
        zero: Policy at 0.
        one: Policy at 1.
        n_resamples: How many bootstrap samples.
        level: Coverage of the intervals, between 0 and 1.

    Raises:
        ConfigError: If the people differ in number, or the two ends of the scale do not differ.
    """
    names = list(returns)
    if len({len(values) for values in returns.values()}) != 1:
        raise ConfigError("returns of policies that met different numbers of people cannot be compared.")
    if missing := [name for name in (zero, one) if name not in returns]:
        raise ConfigError(f"returns have no policy '{missing[0]}', which is an end of the scale; found: {names}.")
    table = np.stack([returns[name] for name in names])  # (policies, n)
    n, i0, i1 = table.shape[1], names.index(zero), names.index(one)
    if table[i1].mean() <= table[i0].mean():
        raise ConfigError(f"'{one}' does not beat '{zero}' here, so there is no scale between them.")
    sampled = np.stack([table[:, rng.integers(0, n, n)].mean(axis=1) for _ in range(n_resamples)])  # (r, policies)
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = (sampled - sampled[:, [i0]]) / (sampled[:, [i1]] - sampled[:, [i0]])
    tail = (1.0 - level) / 2.0
    means = table.mean(axis=1)
    values = (means - means[i0]) / (means[i1] - means[i0])
    # With very few people a resample may not tell the two ends apart; it says nothing then.
    low, high = np.quantile(scaled[sampled[:, i1] > sampled[:, i0]], [tail, 1.0 - tail], axis=0)
    return {
        name: Estimate(float(v), float(a), float(b)) for name, v, a, b in zip(names, values, low, high, strict=True)
    }
