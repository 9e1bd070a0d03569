"""The metrics' formulas as functions of arrays: no loop over people or items, nothing but NumPy.

Each has a known answer in ``tests/test_metrics.py``; sources in full stand in docs/metrics.md.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crossrec.errors import ConfigError

SMOOTHING = 0.01  # share of p in q of the calibration, so that no logarithm is of 0 (Steck 2018)
Floats = NDArray[np.float64]


def gini(exposure: NDArray[np.number]) -> float:
    """Inequality of exposure over a catalogue: 0 where all items are shown equally often (Fleder and Hosanagar 2009).

        G = sum_i (2 i - N - 1) x_i / (N sum_i x_i), x ascending, i from 1

    Args:
        exposure: (N,) how often each item was shown, 0 included.

    Returns:
        0 to ``1 - 1 / N``; NaN where nothing was shown.

    Raises:
        ConfigError: For anything but a vector of numbers of at least 0.
    """
    counts = _exposures(exposure)
    return gini_of_shown(counts[counts > 0.0], len(counts))


def gini_of_shown(exposure: NDArray[np.number], n: int) -> float:
    """As :func:`gini`, from the items that were shown at all, since the others add nothing to the sum.

    Args:
        exposure: (m,) more than 0 each.
        n: N, how many items there are.
    """
    if not exposure.size:
        return float("nan")
    shown = np.sort(exposure).astype(np.float64)
    rank = np.arange(n - len(shown) + 1, n + 1)
    return float((2.0 * rank - n - 1.0) @ shown / (n * shown.sum()))


def coverage(exposure: NDArray[np.number]) -> float:
    """Share of the items that were shown at least once (Ge et al. 2010).

    Args:
        exposure: (N,) how often each item was shown, 0 included.

    Raises:
        ConfigError: For anything but a vector of numbers of at least 0.
    """
    return float((_exposures(exposure) > 0.0).mean())


def diversity(topics: NDArray[np.floating], shown: NDArray[np.bool_]) -> Floats:
    """Intra-list diversity: 1 minus the mean cosine over pairs (Smyth and McClave 2001; Ziegler et al. 2005).

    Args:
        topics: (n, m, K) topic mixtures of lists of m items.
        shown: (n, m) which of them count.

    Returns:
        (n,); NaN for lists of fewer than two.

    Raises:
        ConfigError: If the shapes do not go together.
    """
    if topics.ndim != 3 or shown.shape != topics.shape[:2]:
        raise ConfigError(f"topics {topics.shape} and shown {shown.shape} must be (n, m, K) and (n, m).")
    return pair_diversity((unit(topics) * shown[..., None]).sum(axis=1), shown.sum(axis=1))


def unit(topics: NDArray[np.floating]) -> NDArray[np.floating]:
    """Topic mixtures (..., K) scaled to length 1; zeros stay."""
    length = np.sqrt(np.einsum("...k,...k->...", topics, topics))[..., None]
    scaled: NDArray[np.floating] = topics / np.where(length > 0.0, length, 1.0)
    return scaled


def pair_diversity(total: NDArray[np.floating], count: NDArray[np.number]) -> Floats:
    """As :func:`diversity`, of lists that were added up: the square of a sum holds all pairs.

    Args:
        total: (..., K) sum of the unit vectors of a list.
        count: (...) how many.

    Returns:
        (...); NaN for lists of fewer than two.
    """
    m = np.asarray(count, np.float64)
    wide = np.asarray(total, np.float64)
    squared = np.einsum("...k,...k->...", wide, wide)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = 1.0 - (squared - m) / (m * (m - 1.0))
    return np.where(m > 1.0, np.maximum(found, 0.0), np.nan)


def novelty(popularity: NDArray[np.floating], least: NDArray[np.floating] | float) -> Floats:
    """Self-information ``-log2 p`` [bits] of items (Zhou et al. 2010; Vargas and Castells 2011).

    Args:
        popularity: (...) share of past interactions, 0 for items that nobody has met.
        least: What counts in place of less, more than 0, such as the popularity of the least popular known item.

    Raises:
        ConfigError: If ``least`` is not more than 0.
    """
    if not (np.asarray(least) > 0.0).all():
        raise ConfigError(f"least={least} must be more than 0: nobody knows how novel an impossible item is.")
    bits: Floats = -np.log2(np.maximum(popularity, least, dtype=np.float64))
    return bits


def miscalibration(interest: NDArray[np.floating], shown: NDArray[np.floating]) -> Floats:
    """How far what is shown departs from what people care for: ``KL(p || 0.99 q + 0.01 p)`` [nats] (Steck 2018).

    Steck takes p from what people played; here interest is known, so p is the truth.

    Args:
        interest: (..., K) how much people care for each topic; scaled to sum 1.
        shown: (..., K) how much of each topic they were shown; scaled to sum 1.

    Returns:
        (...), at least 0; NaN where either is all 0.

    Raises:
        ConfigError: If the shapes differ, or a number is negative.
    """
    if interest.shape != shown.shape:
        raise ConfigError(f"interest {interest.shape} and shown {shown.shape} must have the same shape.")
    if (interest < 0).any() or (shown < 0).any():
        raise ConfigError("interest and shown must be at least 0; found a negative number.")
    ones = np.ones(interest.shape[-1])
    cared, seen = interest @ ones, shown @ ones
    there = (cared > 0.0) & (seen > 0.0)
    p, q = interest[there] / cared[there][:, None], shown[there] / seen[there][:, None]
    ratio = p / np.where(p > 0.0, (1.0 - SMOOTHING) * q + SMOOTHING * p, 1.0)
    divergence = (p * np.log(np.where(p > 0.0, ratio, 1.0))) @ ones
    found = np.full(there.shape, np.nan)
    found[there] = np.maximum(divergence, 0.0)
    return found


def ndcg(relevance: NDArray[np.floating], order: NDArray[np.integer]) -> Floats:
    """Normalised discounted cumulative gain at k (Järvelin and Kekäläinen 2002), gains being relevance itself.

        DCG = sum_r relevance of rank r / log2(1 + r), r from 1 to k; divided by that of the best order

    Args:
        relevance: (n, C) of at least 0.
        order: (n, k) places of the candidates, the first rank first; none twice.

    Returns:
        (n,) from 0 to 1; NaN where nothing is relevant.

    Raises:
        ConfigError: If shapes or places do not go together, or relevance is negative.
    """
    k = _ranks(relevance, order)
    if (relevance < 0.0).any():
        raise ConfigError(f"relevance must be at least 0; found {relevance.min()}.")
    discount = 1.0 / np.log2(np.arange(2, k + 2))
    gained = np.take_along_axis(relevance, order, axis=1) @ discount
    best = -np.sort(-relevance, axis=1)[:, :k] @ discount
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(best > 0.0, gained / best, np.nan)


def precision_recall_f1(relevant: NDArray[np.bool_], order: NDArray[np.integer]) -> tuple[Floats, Floats, Floats]:
    """Precision, recall (Herlocker et al. 2004) and F1 (van Rijsbergen 1979) at k, of each moment.

    Args:
        relevant: (n, C).
        order: (n, k) places of the candidates, the first rank first; none twice.

    Returns:
        (n,) each; NaN where nothing is relevant.

    Raises:
        ConfigError: If shapes or places do not go together.
    """
    k = _ranks(relevant, order)
    found = np.take_along_axis(relevant, order, axis=1).sum(axis=1)
    there = np.where(relevant.any(axis=1), relevant.sum(axis=1), np.nan)
    # 2 P R / (P + R) with P = found / k and R = found / there.
    return found / k + 0.0 * there, found / there, 2.0 * found / (k + there)


def step_regret(expected: NDArray[np.floating], shown: NDArray[np.floating]) -> Floats:
    """What the best candidates would bring more than what is shown, per place (Lai and Robbins 1985).

    Args:
        expected: (n, C) true expected reward of each candidate as if shown alone; minus infinity for padding.
        shown: (n, S) that of what is shown; 0 where nothing is.

    Returns:
        (n,) mean over places of the S best, less the mean of what is shown; never below 0 for what was a candidate.

    Raises:
        ConfigError: If there are more places than candidates, or for other people.
    """
    size = shown.shape[1] if shown.ndim == 2 else 0
    if expected.ndim != 2 or len(shown) != len(expected) or not 0 < size <= expected.shape[1]:
        raise ConfigError(f"expected {expected.shape} and shown {shown.shape} must be (n, C) and (n, S), S at most C.")
    best = -np.partition(-expected, size - 1, axis=1)[:, :size]
    regret: Floats = np.where(np.isfinite(best), best, 0.0).mean(axis=1) - shown.mean(axis=1)
    return regret


def head_edge(popularity: NDArray[np.floating], head: float) -> float:
    """Popularity from which on an item of a scenario, (N,), belongs to the head, its most popular share."""
    return float(np.quantile(popularity, 1.0 - head))


def _exposures(exposure: NDArray[np.number]) -> Floats:
    counts = np.asarray(exposure, np.float64)
    if counts.ndim != 1 or not counts.size or not (counts >= 0.0).all():
        raise ConfigError(f"exposure {counts.shape} must be a vector of numbers of at least 0, one per item.")
    return counts


def _ranks(relevance: NDArray[np.generic], order: NDArray[np.integer]) -> int:
    """k, once shapes and places are checked."""
    k = order.shape[1] if order.ndim == 2 else 0
    if relevance.ndim != 2 or len(order) != len(relevance) or not 0 < k <= relevance.shape[1]:
        raise ConfigError(
            f"relevance {relevance.shape} and order {order.shape} must be (n, C) and (n, k), k at most C."
        )
    if order.size and (order.min() < 0 or order.max() >= relevance.shape[1]):
        raise ConfigError(
            f"order has places from {order.min()} to {order.max()}; allowed: 0 to {relevance.shape[1] - 1}."
        )
    return k
