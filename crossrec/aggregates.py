"""Scores over seeds and tasks: robust aggregates, performance profiles, probability of improvement, with intervals.

What is measured follows Agarwal et al. 2021 ("Deep reinforcement learning at the edge of the statistical precipice",
NeurIPS). Scores of one policy are one array of seeds per task; every task counts alike, however many seeds it has.
Intervals are of a stratified bootstrap: seeds are resampled within each task.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from crossrec.errors import ConfigError, check_range
from crossrec.statistics import Estimate

Scores = Sequence[NDArray[np.float64]]
_TRIMMED = 0.25  # of the mass at each end that the interquartile mean leaves out


@dataclass(frozen=True)
class Aggregate:
    """One policy's scores over seeds and tasks.

    Attributes:
        iqm: Interquartile mean over all runs; the one to report.
        mean: Mean over tasks of the mean over seeds.
        median: Median over tasks of the mean over seeds; with a single task the median over its seeds.
        optimality_gap: What runs lack of the target on average; what exceeds the target does not make up for it.
    """

    iqm: Estimate
    mean: Estimate
    median: Estimate
    optimality_gap: Estimate


@dataclass(frozen=True)
class Profile:
    """Share of runs that score above each threshold, with pointwise bands.

    Attributes:
        thresholds: (t,) scores.
        value: (t,) shares, 0 to 1.
        low: (t,) lower ends.
        high: (t,) upper ends.
    """

    thresholds: NDArray[np.float64]
    value: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def iqm(values: ArrayLike) -> float:
    """Interquartile mean: the mean of the middle half.

    Value i of n in order stands for the mass from i/n to (i + 1)/n and counts with the part of it that lies between 1/4
    and 3/4. So where n is a multiple of 4 it is the 25% trimmed mean (``scipy.stats.trim_mean(values, 0.25)``); else
    the two values at the edges count in part, where SciPy would count them in full.

    Args:
        values: (n,) scores.

    Raises:
        ConfigError: If there is none, or one is not a number.
    """
    (checked,) = _checked([np.asarray(values, np.float64)], "values")
    return float(_iqm(checked[None], _weights([checked]))[0])


def optimality_gap(values: ArrayLike, target: float = 1.0) -> float:
    """Mean of ``max(target - value, 0)``: what is lacking of the target.

    Args:
        values: (n,) scores.
        target: Score that is good enough; 1 is the oracle's normalised score.

    Raises:
        ConfigError: If there is none, or one is not a number.
    """
    (checked,) = _checked([np.asarray(values, np.float64)], "values")
    return float(np.maximum(target - checked, 0.0).mean())


def aggregate(
    scores: Mapping[str, Scores],
    rng: np.random.Generator,
    *,
    target: float = 1.0,
    n_resamples: int = 2000,
    level: float = 0.95,
) -> dict[str, Aggregate]:
    """Interquartile mean, mean, median and optimality gap of each policy.

    Ends of an interval are NaN where some task has a single seed: nothing is known of how its seeds differ.

    Args:
        scores: By policy (seeds,) normalised scores of each task; the order of tasks is the same for all.
        rng: Source of the resampling.
        target: Of the optimality gap.
        n_resamples: How many bootstrap samples.
        level: Coverage of the intervals, between 0 and 1.

    Raises:
        ConfigError: If there are no scores, one is not a number, or policies have different numbers of tasks.
    """
    found = {}
    for name, tasks in _of_all(scores).items():
        around = _statistics(_resampled(tasks, rng, n_resamples), target)
        found[name] = Aggregate(*_estimates(_statistics([t[None] for t in tasks], target)[:, 0], around, tasks, level))
    return found


def performance_profiles(
    scores: Mapping[str, Scores],
    thresholds: ArrayLike,
    rng: np.random.Generator,
    *,
    n_resamples: int = 2000,
    level: float = 0.95,
) -> dict[str, Profile]:
    """Share of each policy's runs that score above each threshold (run-score distributions, Agarwal et al. 2021).

    Args:
        scores: As for :func:`aggregate`.
        thresholds: (t,) scores.
        rng: Source of the resampling.
        n_resamples: How many bootstrap samples.
        level: Coverage of the bands at each threshold, between 0 and 1.

    Raises:
        ConfigError: As :func:`aggregate`; or if there is no threshold.
    """
    (at,) = _checked([np.asarray(thresholds, np.float64)], "thresholds")
    found = {}
    for name, tasks in _of_all(scores).items():
        above = [(task[:, None] > at).astype(np.float64) for task in tasks]  # (n, t) each
        counts = [_counts(len(task), rng, n_resamples) for task in tasks]
        around = np.mean([c @ a for c, a in zip(counts, above, strict=True)], axis=0)  # (r, t)
        low, high = _ends(around, tasks, level)
        found[name] = Profile(at, np.mean([a.mean(axis=0) for a in above], axis=0), low, high)
    return found


def probability_of_improvement(
    first: Scores,
    second: Scores,
    rng: np.random.Generator,
    *,
    n_resamples: int = 2000,
    level: float = 0.95,
) -> Estimate:
    """Probability that a run of the first policy scores above one of the second on a task, averaged over tasks.

    Of each task it is Mann and Whitney's (1947) U divided by the number of pairs; ties count half (Agarwal et al.).
    Where all pairs agree, resampling cannot show any doubt: the interval is then a point, whatever the number of seeds.

    Args:
        first: (seeds,) scores of each task.
        second: The same tasks' scores of another policy; numbers of seeds may differ.
        rng: Source of the resampling.
        n_resamples: How many bootstrap samples.
        level: Coverage of the interval, between 0 and 1.

    Raises:
        ConfigError: As :func:`aggregate`.
    """
    one, two = _of_all({"first": first, "second": second}).values()
    wins = [  # (n, m) each
        (a[:, None] > b).astype(np.float64) + 0.5 * (a[:, None] == b) for a, b in zip(one, two, strict=True)
    ]
    around = np.zeros(n_resamples)
    for won in wins:
        n, m = won.shape
        around += ((_counts(n, rng, n_resamples) @ won) * _counts(m, rng, n_resamples)).sum(axis=1) / len(wins)
    value = np.mean([won.mean() for won in wins])
    return _estimates(np.array([value]), around[None], [*one, *two], level)[0]


def expanded_tails(sizes: Sequence[int], level: float) -> tuple[float, float]:
    """At which quantiles of a bootstrap distribution an interval ends, so that few values do not make it too narrow.

    Resampling n values gives (n - 1)/n of the variance, and the normal's tails instead of Student's. Both are mended by
    going further out: to ``Phi(-t * sqrt(n / (n - 1)))`` with t the quantile of Student's t at n - 1 degrees of freedom
    (the expanded percentile interval, Hesterberg 2015). Over strata, n/(n - 1) is averaged and the degrees
    of freedom are added.

    Args:
        sizes: How many values each stratum has, at least 2.
        level: Coverage, between 0 and 1.
    """
    check_range("level", level, 0.0, 1.0)
    freedom = np.sum(np.asarray(sizes) - 1)
    expansion = np.sqrt(np.mean([n / (n - 1) for n in sizes]))
    tail = float(stats.norm.cdf(-stats.t.ppf((1.0 + level) / 2.0, freedom) * expansion))
    return tail, 1.0 - tail


def _of_all(scores: Mapping[str, Scores]) -> dict[str, list[NDArray[np.float64]]]:
    if not scores:
        raise ConfigError("scores hold no policy; give the scores of at least one.")
    counts = {name: len(tasks) for name, tasks in scores.items()}
    if len(set(counts.values())) != 1:
        told = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise ConfigError(f"scores hold different numbers of tasks ({told}); give every policy's scores of the same.")
    return {name: _checked(tasks, f"scores of '{name}'") for name, tasks in scores.items()}


def _checked(tasks: Scores, what: str) -> list[NDArray[np.float64]]:
    if not len(tasks):
        raise ConfigError(f"{what} hold no task; give one array of seeds per task.")
    arrays = [np.asarray(task, np.float64) for task in tasks]
    for place, task in enumerate(arrays):
        where = f"{what}, task {place}," if len(arrays) > 1 else what
        if task.ndim != 1 or not task.size:
            raise ConfigError(f"{where} have the shape {task.shape}; allowed: (n,) with n at least 1.")
        if wrong := int((~np.isfinite(task)).sum()):
            raise ConfigError(f"{where} hold {wrong} of {task.size} values that are no finite number; leave them out.")
    return arrays


def _weights(tasks: Scores) -> NDArray[np.float64]:
    """(n of all tasks,) shares of the mass, the same for each task."""
    return np.concatenate([np.full(len(task), 1.0 / (len(tasks) * len(task))) for task in tasks])


def _iqm(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(r,) interquartile means of (r, n) values with (n,) masses."""
    order = np.argsort(values, axis=1)
    upper = np.cumsum(weights[order], axis=1)
    lower = upper - weights[order]
    inside = np.clip(np.minimum(upper, 1.0 - _TRIMMED) - np.maximum(lower, _TRIMMED), 0.0, None)
    means: NDArray[np.float64] = (np.take_along_axis(values, order, axis=1) * inside).sum(axis=1) / inside.sum(axis=1)
    return means


def _statistics(tasks: Sequence[NDArray[np.float64]], target: float) -> NDArray[np.float64]:
    """(4, r) statistics in the order of :class:`Aggregate`, of (r, seeds) scores per task."""
    means = np.stack([task.mean(axis=1) for task in tasks])  # (tasks, r)
    pooled, weights = np.concatenate(tasks, axis=1), _weights([task[0] for task in tasks])
    median = np.median(means, axis=0) if len(tasks) > 1 else np.median(tasks[0], axis=1)
    return np.stack([_iqm(pooled, weights), means.mean(axis=0), median, np.maximum(target - pooled, 0.0) @ weights])


def _resampled(tasks: Scores, rng: np.random.Generator, n_resamples: int) -> list[NDArray[np.float64]]:
    """(r, seeds) resampled scores of each task."""
    return [task[rng.integers(0, len(task), (n_resamples, len(task)))] for task in tasks]


def _counts(n: int, rng: np.random.Generator, n_resamples: int) -> NDArray[np.float64]:
    """(r, n) how often each of n values is drawn, as a share."""
    drawn = rng.integers(0, n, (n_resamples, n)) + n * np.arange(n_resamples)[:, None]
    return np.bincount(drawn.ravel(), minlength=n_resamples * n).reshape(n_resamples, n) / n


def _ends(around: NDArray[np.float64], tasks: Scores, level: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lower and upper ends of (r, ...) resampled values along the first axis."""
    sizes = [len(task) for task in tasks]
    if min(sizes) == 1:
        unknown = np.full(around.shape[1:], np.nan)
        return unknown, unknown
    low, high = np.quantile(around, expanded_tails(sizes, level), axis=0)
    return low, high


def _estimates(values: NDArray[np.float64], around: NDArray[np.float64], tasks: Scores, level: float) -> list[Estimate]:
    lows, highs = _ends(around.T, tasks, level)
    return [Estimate(float(v), float(a), float(b)) for v, a, b in zip(values, lows, highs, strict=True)]
