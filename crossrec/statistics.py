"""How sure one may be: bootstrap intervals over people and seeds, all policies resampled together."""

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


def scores_over_seeds(
    returns: NDArray[np.float64],
    zero: NDArray[np.float64],
    one: NDArray[np.float64],
    reference: int,
    rng: np.random.Generator,
    *,
    n_resamples: int = 2000,
    level: float = 0.95,
) -> tuple[list[Estimate], list[Estimate]]:
    """Mean normalised scores of agents trained with several seeds, and their paired differences to one of them.

    Seeds are resampled, and within each drawn seed people, jointly for all agents (a hierarchical, paired bootstrap;
    Davison and Hinkley 1997, section 3.8): all agents met the same people in the same moments. With few seeds such
    intervals are rather too narrow.

    Args:
        returns: (a, s, n) returns of a agents, s seeds and n people; entry [:, i, j] is the same person's.
        zero: (s, n) returns of the policy at 0.
        one: (s, n) returns of the policy at 1.
        reference: Index of the agent that the others are compared with.
        rng: Source of the resampling.
        n_resamples: How many bootstrap samples.
        level: Coverage of the intervals, between 0 and 1.

    Returns:
        a scores and a differences ``score - score of the reference``.

    Raises:
        ConfigError: If the ends of the scale do not differ for some seed.
    """
    table = np.concatenate([zero[None], one[None], returns])  # (2 + a, s, n)
    _, s, n = table.shape
    if (one.mean(axis=1) <= zero.mean(axis=1)).any():
        raise ConfigError("the policy at 1 does not beat the policy at 0 for every seed, so there is no scale.")

    def scaled(sample: NDArray[np.float64]) -> NDArray[np.float64]:
        low, high, rest = sample[0], sample[1], sample[2:]
        scores: NDArray[np.float64] = ((rest - low) / (high - low)).mean(axis=1)
        return scores

    drawn = []
    for _ in range(n_resamples):
        seeds: NDArray[np.int64] = rng.integers(0, s, (s, 1))
        people: NDArray[np.int64] = rng.integers(0, n, (s, n))
        sample = table[:, seeds, people].mean(axis=2)
        if (sample[1] > sample[0]).all():  # with very few people a resample may not tell the two ends apart
            drawn.append(scaled(sample))
    samples, value = np.stack(drawn), scaled(table.mean(axis=2))
    gap, gaps = value - value[reference], samples - samples[:, [reference]]
    tails = [(1.0 - level) / 2.0, (1.0 + level) / 2.0]

    def estimates(values: NDArray[np.float64], around: NDArray[np.float64]) -> list[Estimate]:
        low, high = np.quantile(around, tails, axis=0)
        return [Estimate(float(v), float(a), float(b)) for v, a, b in zip(values, low, high, strict=True)]

    return estimates(value, samples), estimates(gap, gaps)


def mean_over_people(
    values: NDArray[np.float64], people: NDArray[np.int64], seed: int, n_resamples: int = 2000
) -> Estimate:
    """Mean of values with its 95% interval: people are resampled, each with all of their values.

    Args:
        values: (m,), for instance paired differences.
        people: (m,) whose each value is.
        seed: Of the resampling.
        n_resamples: How many bootstrap samples (Efron and Tibshirani 1993).
    """
    _, person = np.unique(people, return_inverse=True)
    counts, sums = np.bincount(person), np.bincount(person, weights=values)
    n = len(counts)
    times = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), n_resamples)
    low, high = np.quantile((times @ sums) / (times @ counts), (0.025, 0.975))
    return Estimate(float(values.mean()), float(low), float(high))
