"""Two policies on common random numbers: how much better one is, how sure that is, and what pairing has saved."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from crossrec.aggregates import expanded_tails
from crossrec.errors import ConfigError, check_range
from crossrec.statistics import Estimate

_BOOTSTRAP = 20  # pairs from which on the interval is a bootstrap's: fewer give too few different samples
_EXACT = 12  # differences up to which all 2**n sign flips are enumerated
_AT_ONCE = 4_000_000  # numbers held in memory at once while resampling


@dataclass(frozen=True)
class PairedDifference:
    """How two policies differ that met the same people in the same moments.

    Attributes:
        difference: Mean of first minus second, with its interval.
        p_value: Two-sided, of the hypothesis that it does not matter which policy a person gets.
        variance_ratio: ``var(a - b) / (var a + var b)``: 1 where pairing does not help, 0 where it tells everything;
            NaN where nothing varies.
        people: How many pairs.
        unpaired_people: How many people for each policy, others for each, would have given as narrow an interval; None
            where no number would.
    """

    difference: Estimate
    p_value: float
    variance_ratio: float
    people: int
    unpaired_people: int | None


def paired_difference(
    first: ArrayLike,
    second: ArrayLike,
    rng: np.random.Generator,
    *,
    n_resamples: int = 2000,
    n_flips: int = 10_000,
    level: float = 0.95,
) -> PairedDifference:
    """Mean difference of paired values, with interval, permutation test and what pairing has saved.

    The interval: pairs are resampled, and it ends at the expanded percentiles (Hesterberg 2015, see
    :func:`crossrec.aggregates.expanded_tails`). With fewer than 20 pairs it is Student's t.

    The test: if it did not matter which policy a person gets, every difference could have had the other sign as well.
    The p-value is the share of sign flips whose mean is at least as far from 0 as that which was found: of all flips up
    to 12 differences that are not 0, else of ``n_flips`` random ones and the one found (the +1 of Phipson and Smyth
    2010, without which p could be 0).

    Unpaired, N people for each policy give the variance ``(var a + var b) / N``, paired n give ``var(a - b) / n``: the
    two are equal for N = n / variance ratio.

    Args:
        first: (n,) values under one policy, n at least 2.
        second: (n,) values under the other; entry i is the same person's.
        rng: Source of resampling and flips.
        n_resamples: How many bootstrap samples.
        n_flips: How many random sign flips.
        level: Coverage of the interval, between 0 and 1.

    Raises:
        ConfigError: If the two differ in number, are fewer than 2 or hold something that is not a number.
    """
    a, b = (_checked(values, name) for values, name in ((first, "first"), (second, "second")))
    if len(a) != len(b):
        raise ConfigError(f"first has {len(a)} values and second {len(b)}; pairs need as many of both.")
    gaps = a - b
    paired, apart = float(gaps.var(ddof=1)), float(a.var(ddof=1) + b.var(ddof=1))
    ratio = paired / apart if apart > 0.0 else math.nan
    return PairedDifference(
        difference=_interval(gaps, rng, n_resamples, level),
        p_value=_sign_flip(gaps, rng, n_flips),
        variance_ratio=ratio,
        people=len(gaps),
        unpaired_people=math.ceil(len(gaps) / ratio - 1e-9) if ratio > 0.0 else None,
    )


def detectable_difference(deviation: float, n: int, *, power: float = 0.8, level: float = 0.95) -> float:
    """Smallest true mean difference that n pairs (of people, or of seeds) are likely to show.

    ``(t_(1 + level)/2 + t_power) * deviation / sqrt(n)`` with quantiles of Student's t at n - 1 degrees of freedom: the
    normal approximation of power with t for the normal (minimum detectable difference, Zar 2010).

    Args:
        deviation: Standard deviation of the differences, in any unit; that of the result.
        n: How many pairs, at least 2.
        power: Probability of an interval without 0, between 0 and 1.
        level: Coverage of the interval, between 0 and 1.

    Raises:
        ConfigError: If an argument is out of range.
    """
    check_range("deviation", deviation, 0.0)
    check_range("n", n, 2)
    for name, share in (("power", power), ("level", level)):
        if not 0.0 < share < 1.0:
            raise ConfigError(f"{name}={share!r} is out of range; allowed: above 0 and below 1.")
    sum_of_quantiles = stats.t.ppf((1.0 + level) / 2.0, n - 1) + stats.t.ppf(power, n - 1)
    return float(max(sum_of_quantiles, 0.0) * deviation / math.sqrt(n))


def student_reach(standard_error: Any, freedom: Any, level: float = 0.95) -> Any:
    """How far Student's interval reaches to either side of a mean.

    Args:
        standard_error: Of the mean; a number or an array.
        freedom: Degrees of freedom, above 0; of the same shape.
        level: Coverage, between 0 and 1.
    """
    return stats.t.ppf((1.0 + level) / 2.0, freedom) * standard_error


def _checked(values: ArrayLike, name: str) -> NDArray[np.float64]:
    array = np.asarray(values, np.float64)
    if array.ndim != 1 or len(array) < 2:
        raise ConfigError(f"{name} has the shape {array.shape}; allowed: (n,) with n at least 2.")
    if wrong := int((~np.isfinite(array)).sum()):
        raise ConfigError(
            f"{name} holds {wrong} of {len(array)} values that are no finite number; leave out such pairs."
        )
    return array


def _interval(gaps: NDArray[np.float64], rng: np.random.Generator, n_resamples: int, level: float) -> Estimate:
    n, mean = len(gaps), float(gaps.mean())
    if n < _BOOTSTRAP:
        check_range("level", level, 0.0, 1.0)
        reach = float(student_reach(gaps.std(ddof=1) / math.sqrt(n), n - 1, level))
        return Estimate(mean, mean - reach, mean + reach)
    means = _in_blocks(lambda rows: gaps[rng.integers(0, n, (rows, n), np.int32)].mean(axis=1), n_resamples, n)
    low, high = np.quantile(means, expanded_tails([n], level))
    return Estimate(mean, float(low), float(high))


def _sign_flip(gaps: NDArray[np.float64], rng: np.random.Generator, n_flips: int) -> float:
    moved = np.abs(gaps[gaps != 0.0])  # a difference of 0 is the same with any sign
    found, n = abs(float(gaps.sum())), len(moved)
    bound = found - 1e-9 * float(moved.sum())  # sums of the same numbers in another order count as equal
    if n <= _EXACT:
        signs = 1.0 - 2.0 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)  # (2**n, n)
        return float(np.mean(np.abs(signs @ moved) >= bound))

    def flipped(rows: int) -> NDArray[np.float64]:
        minus = rng.integers(0, 2, (rows, n), dtype=np.int8)
        sums: NDArray[np.float64] = moved.sum() - 2.0 * (minus @ moved)
        return sums

    as_far = np.abs(_in_blocks(flipped, n_flips, n)) >= bound
    return float((1 + as_far.sum()) / (1 + n_flips))


def _in_blocks(draw: Callable[[int], NDArray[np.float64]], rows: int, width: int) -> NDArray[np.float64]:
    """(rows,) values, drawn so many rows of this width at a time as fit."""
    block = max(_AT_ONCE // max(width, 1), 1)
    return np.concatenate([draw(min(block, rows - start)) for start in range(0, rows, block)])
