"""What learning in one scenario is worth in another: measures on learning curves, score matrices and first steps.

Curves of unequal length are compared on the stretch that both cover, with straight lines between their points; what
lies beyond is left out. Curves that share no stretch are refused.

References:
    Jumpstart, asymptotic gain, time to threshold, area ratio: Taylor and Stone (2009), "Transfer learning for
    reinforcement learning domains", JMLR 10, section 2.1. Forward and backward transfer: Lopez-Paz and Ranzato (2017),
    "Gradient episodic memory", NeurIPS. Forgetting: Chaudhry et al. (2018), "Riemannian walk", ECCV. Negative transfer:
    Wang et al. (2019), "Characterizing and avoiding negative transfer", CVPR. Cold-start regret: the cumulative regret
    of Lattimore and Szepesvari (2020), "Bandit algorithms", chapter 4, over a person's first interactions. Interactions
    saved: time to threshold with a person's interactions in the place of transitions, of this project.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossrec.errors import ConfigError, check_range

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """A learning curve.

    Attributes:
        transitions: (p,) what training had cost so far, ascending.
        scores: (p,) what was reached then, the higher the better.
    """

    transitions: Floats
    scores: Floats

    def __post_init__(self) -> None:
        for name in ("transitions", "scores"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), np.float64))
        x, y = self.transitions, self.scores
        if x.ndim != 1 or x.shape != y.shape or not len(x):
            raise ConfigError(
                f"a curve has transitions of shape {x.shape} and scores of shape {y.shape}; allowed: (p,) and (p,) "
                "with p at least 1."
            )
        if not (np.isfinite(x).all() and np.isfinite(y).all()) or (np.diff(x) <= 0).any():
            raise ConfigError("a curve's transitions must ascend, and all its numbers be finite.")

    def at(self, transitions: ArrayLike) -> Floats:
        """Scores on straight lines between points; the ends' beyond them."""
        return np.interp(np.asarray(transitions, np.float64), self.transitions, self.scores)


def on_common_stretch(first: Curve, second: Curve) -> tuple[Curve, Curve]:
    """Two curves at all points of either, on the stretch that both cover.

    Raises:
        ConfigError: If there is none.
    """
    low = max(first.transitions[0], second.transitions[0])
    high = min(first.transitions[-1], second.transitions[-1])
    if low > high:
        ends = [f"{curve.transitions[0]:,.0f} to {curve.transitions[-1]:,.0f}" for curve in (first, second)]
        raise ConfigError(f"the curves share no stretch of transitions: {ends[0]} and {ends[1]}; evaluate both alike.")
    points = np.union1d(first.transitions, second.transitions)
    points = points[(points >= low) & (points <= high)]
    return Curve(points, first.at(points)), Curve(points, second.at(points))


def jumpstart(transferred: Curve, scratch: Curve) -> float:
    """Score before any training in the target with transfer, minus without."""
    first, second = on_common_stretch(transferred, scratch)
    return float(first.scores[0] - second.scores[0])


def asymptotic_gain(transferred: Curve, scratch: Curve, share: float = 0.2) -> float:
    """Mean score over the last stretch with transfer, minus without.

    Args:
        transferred: With transfer.
        scratch: Without.
        share: Of the common stretch that counts as its end, 0 (its last point) to 1.

    Raises:
        ConfigError: If the share is out of range, or the curves share no stretch.
    """
    check_range("share", share, 0.0, 1.0)
    first, second = on_common_stretch(transferred, scratch)
    x = first.transitions
    begin = x[-1] - share * (x[-1] - x[0])
    return _mean_height(first, begin) - _mean_height(second, begin)


def area_ratio(transferred: Curve, scratch: Curve) -> float:
    """Area under the curve with transfer, less that without, in units of that without; NaN where that is not above 0.

    Taylor and Stone call this the transfer ratio, a name that :func:`transfer_ratio` has here.
    """
    first, second = on_common_stretch(transferred, scratch)
    with_transfer, without = (_mean_height(curve, curve.transitions[0]) for curve in (first, second))
    return (with_transfer - without) / without if without > 0.0 else float("nan")


def time_to_threshold(curve: Curve, threshold: float) -> float:
    """Transitions after which a curve first reaches a score, on straight lines; infinite if it never does."""
    reached = np.flatnonzero(curve.scores >= threshold)
    if not len(reached):
        return float("inf")
    i = int(reached[0])
    x, y = curve.transitions, curve.scores
    if i == 0:
        return float(x[0])
    return float(x[i - 1] + (threshold - y[i - 1]) / (y[i] - y[i - 1]) * (x[i] - x[i - 1]))


def transfer_ratio(transferred: ArrayLike, blind: ArrayLike, at_home: ArrayLike) -> float:
    """Share of what knowing the target is worth that knowing the source is worth there.

        (mean transferred - mean blind) / (mean at_home - mean blind)

    1: the source tells as much as the target itself; 0: nothing; below 0: it misleads (negative transfer).

    Args:
        transferred: (n,) results in the target with what was learnt in the source.
        blind: (n,) of the same people with nothing learnt of either.
        at_home: (n,) with what was learnt in the target.

    Returns:
        The ratio; NaN where knowing the target is worth nothing or less.
    """
    means = [float(np.mean(np.asarray(values, np.float64))) for values in (transferred, blind, at_home)]
    worth = means[2] - means[1]
    return (means[0] - means[1]) / worth if worth > 0.0 else float("nan")


def backward_transfer(matrix: ArrayLike) -> float:
    """What learning later scenarios did to earlier ones.

        mean over i < T of R[T, i] - R[i, i]

    Args:
        matrix: (T, T) scores R[j, i] on scenario i after learning scenarios 0 to j.

    Raises:
        ConfigError: If it is not square with at least two rows, or holds numbers that are not finite.
    """
    r = _square(matrix)
    return float(np.mean(r[-1, :-1] - np.diag(r)[:-1]))


def forward_transfer(matrix: ArrayLike, untrained: ArrayLike) -> float:
    """What earlier scenarios did for later ones before those were learnt.

        mean over i > 1 of R[i - 1, i] - b[i]

    Args:
        matrix: As for :func:`backward_transfer`.
        untrained: (T,) scores b of an agent that has learnt nothing.

    Raises:
        ConfigError: As there, or if there are not as many scores as scenarios.
    """
    r, b = _square(matrix), np.asarray(untrained, np.float64)
    if b.shape != (len(r),):
        raise ConfigError(f"untrained has the shape {b.shape}; allowed: ({len(r)},), a score for each scenario.")
    return float(np.mean(np.diag(r, 1) - b[1:]))


def forgetting(matrix: ArrayLike) -> float:
    """What was lost of the best that was ever reached.

        mean over i < T of max over j < T of R[j, i], minus R[T, i]

    Args:
        matrix: As for :func:`backward_transfer`.

    Raises:
        ConfigError: As there.
    """
    r = _square(matrix)
    return float(np.mean(r[:-1, :-1].max(axis=0) - r[-1, :-1]))


def negative_rate(gains: ArrayLike, ends: ArrayLike | None = None) -> tuple[float, float]:
    """Share of pairs of scenarios where transfer harms.

    Args:
        gains: (pairs,) what transfer brought.
        ends: (pairs,) upper ends of their intervals.

    Returns:
        Share of gains below 0, and of those whose whole interval is below 0 (NaN where an end is missing).

    Raises:
        ConfigError: If there are no gains, or other numbers of ends.
    """
    values = np.asarray(gains, np.float64)
    if values.ndim != 1 or not len(values):
        raise ConfigError(f"gains have the shape {values.shape}; allowed: (pairs,) with at least one pair.")
    if ends is None:
        return float(np.mean(values < 0.0)), float("nan")
    high = np.asarray(ends, np.float64)
    if high.shape != values.shape:
        raise ConfigError(f"ends have the shape {high.shape}; allowed: {values.shape}, one for each gain.")
    return float(np.mean(values < 0.0)), float("nan") if np.isnan(high).any() else float(np.mean(high < 0.0))


def cold_start_regret(reached: ArrayLike, best: ArrayLike, first: int) -> Floats:
    """What people lost in their first interactions against the best that could be shown.

        sum over t < first of best[t] - reached[t]

    Args:
        reached: (n, steps) expected reward of what was shown; NaN where somebody had left.
        best: (n, steps) expected reward of the best candidate in the same moments.
        first: How many interactions count.

    Returns:
        (n,) regrets.

    Raises:
        ConfigError: If the shapes differ, or there are fewer steps.
    """
    shown, possible = np.asarray(reached, np.float64), np.asarray(best, np.float64)
    if shown.shape != possible.shape or shown.ndim != 2:
        raise ConfigError(f"reached has the shape {shown.shape} and best {possible.shape}; allowed: twice (n, steps).")
    check_range("first", first, 1, shown.shape[1])
    regret: Floats = np.nansum(possible[:, :first] - shown[:, :first], axis=1)
    return regret


def interactions_saved(cold: ArrayLike, warm: ArrayLike) -> float:
    """After how many interactions a cold start reaches what a warm one begins with.

    Args:
        cold: (steps,) mean reward at each interaction of people of whom nothing is known.
        warm: (steps,) the same with help; its first is what is to be reached.

    Returns:
        Interactions, on straight lines between them; 0 where help is worth nothing, infinite where cold never gets
        there.
    """
    without, begins = np.asarray(cold, np.float64), float(np.asarray(warm, np.float64)[0])
    return time_to_threshold(Curve(np.arange(len(without), dtype=np.float64), without), begins)


def _mean_height(curve: Curve, begin: float) -> float:
    """Mean score from ``begin`` to the curve's end, on straight lines."""
    x = np.union1d(curve.transitions[curve.transitions >= begin], [begin])
    y = curve.at(x)
    if len(x) == 1:
        return float(y[-1])
    return float(np.trapezoid(y, x) / (x[-1] - x[0]))


def _square(matrix: ArrayLike) -> Floats:
    r = np.asarray(matrix, np.float64)
    if r.ndim != 2 or r.shape[0] != r.shape[1] or len(r) < 2 or not np.isfinite(r).all():
        raise ConfigError(f"the matrix of scores has the shape {r.shape}; allowed: (T, T), T at least 2, all finite.")
    return r
