"""Off-policy evaluation: what a policy would have earned, from what another one showed.

What is estimated is the mean reward of the next recommendation at the logged moments, had the target policy chosen it:
one step, not a life under the target policy, which would have met other moments.

The weight of a row is the target's probability of what was shown over the behaviour policy's; q is a reward model.

============ ==================================================== ==============================================
estimator    mean over rows of                                    relies on
============ ==================================================== ==============================================
``ips``      weight * reward                                      propensities; unbiased, but large weights shake it
``snips``    weight * reward, over the mean weight                the same; steadier, a little biased
``dm``       sum over candidates of target * q                    the reward model alone
``dr``       ``dm`` + weight * (reward - q of what was shown)     either of them
============ ==================================================== ==============================================

References:
    Horvitz and Thompson, "A generalization of sampling without replacement from a finite universe", JASA 1952 (ips).
    Dudik, Langford and Li, "Doubly robust policy evaluation and learning", ICML 2011 (dm, dr).
    Swaminathan and Joachims, "The self-normalized estimator for counterfactual learning", NeurIPS 2015 (snips).
    Cameron and Miller, "A practitioner's guide to cluster-robust inference", J. of Human Resources 2015 (errors).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crossrec.errors import ConfigError, check_range
from crossrec.log import Log
from crossrec.observation import MASK

ESTIMATORS = ("ips", "snips", "dm", "dr")
_RESAMPLES, _AT_ONCE = 1000, 50  # bootstrap samples, and how many are drawn at once, which bounds memory
_MISSING = 3.0  # standard errors by which the mean weight falls short of 1 where support is missing

Array = NDArray[np.float64]


@dataclass(frozen=True)
class OffPolicyEstimate:
    """What one estimator says.

    Attributes:
        value: Mean reward per recommendation.
        error: Standard error; rows of one life count as dependent.
        low: Lower end of the 95% bootstrap interval over lives.
        high: Upper end.
    """

    value: float
    error: float
    low: float
    high: float


@dataclass(frozen=True)
class OffPolicyEvaluation:
    """What all estimators say of one target policy.

    Attributes:
        estimates: By name of :data:`ESTIMATORS`; those that need a reward model only where there is one.
        effective: Effective sample size (Kish): how many rows of equal weight would tell as much.
        coverage: Mean weight before clipping. Its expectation is the target's share of probability on what the
            behaviour policy may show, which is 1 where nothing is missing.
        covered: Whether that mean is compatible with 1, its sampling error considered.
    """

    estimates: dict[str, OffPolicyEstimate]
    effective: float
    coverage: float
    covered: bool


def evaluate_target(
    log: Log,
    target: Array,
    model: Array | None = None,
    *,
    clip: float | None = None,
    seed: int = 0,
) -> OffPolicyEvaluation:
    """Estimate what a target policy would have earned at the moments of a log.

    Args:
        log: With propensities; one item per step.
        target: ``(N, C)`` probabilities of the target policy at the logged moments.
        model: ``(N, C)`` rewards that a model expects, which must not have learned from the row itself.
        clip: Largest weight; clipping trades variance for bias. Default: none.
        seed: Of the bootstrap.

    Raises:
        ConfigError: If propensities are missing, the log shows slates, or the probabilities are not such.
    """
    log.check()
    check_target(log, target)
    if clip is not None:
        check_range("--clip", clip, 1e-6)
    if model is not None and (model.shape != target.shape or not np.isfinite(model).all()):
        raise ConfigError(f"the reward model must give finite rewards {target.shape}; found shape {model.shape}.")
    shown = log.actions[:, None]
    raw = np.take_along_axis(target, shown, axis=1)[:, 0] / log.propensities
    weight = raw if clip is None else np.minimum(raw, clip)
    ones = np.ones(len(log))
    parts: dict[str, tuple[Array, Array]] = {
        "ips": (weight * log.rewards, ones),
        "snips": (weight * log.rewards, weight),
    }
    if model is not None:
        direct = (target * model).sum(axis=1)
        residual = log.rewards - np.take_along_axis(model, shown, axis=1)[:, 0]
        parts |= {"dm": (direct, ones), "dr": (direct + weight * residual, ones)}
    _, life = np.unique(log.lives, return_inverse=True)
    estimates = {name: _ratio(above, below, life, seed) for name, (above, below) in parts.items()}
    coverage = _ratio(raw, ones, life, seed)
    return OffPolicyEvaluation(
        estimates=estimates,
        effective=float(weight.sum() ** 2 / max((weight**2).sum(), 1e-300)),
        coverage=coverage.value,
        covered=bool(coverage.value + _MISSING * coverage.error >= 1.0 - 1e-9),
    )


def check_target(log: Log, target: Array) -> None:
    """Check that a target's probabilities fit a log.

    Raises:
        ConfigError: If the log shows slates, or the probabilities have another shape, are negative or not finite, do
            not sum to 1, or are above 0 where the mask forbids the candidate.
    """
    mask = log.observations[MASK]
    if log.slates.shape[1] > 1:
        raise ConfigError(
            f"the log shows slates of {log.slates.shape[1]}; estimators take logs of single items (env.slate_size=1)."
        )
    if target.shape != mask.shape:
        raise ConfigError(f"the target's probabilities must be {mask.shape}, rows by candidates; found {target.shape}.")
    if not (target >= 0.0).all():  # also what is not a number
        raise ConfigError("the target's probabilities must be at least 0; some are negative or not a number.")
    sums = target.sum(axis=1)
    if (wrong := np.flatnonzero(np.abs(sums - 1.0) > 1e-6)).size:
        raise ConfigError(
            f"the target's probabilities must sum to 1 in every row; row {wrong[0]} sums to {sums[wrong[0]]:g}."
        )
    barred = (np.where(mask > 0, 0.0, target) > 0.0) & (mask > 0).any(axis=1, keepdims=True)
    if barred.any():
        row = int(np.flatnonzero(barred.any(axis=1))[0])
        raise ConfigError(f"the target gives probability to a candidate that the mask of row {row} forbids.")


def true_value(log: Log, target: Array, truth: Array) -> float:
    """The mean reward that a target policy would truly have earned at the moments of a log.

    Args:
        log: One item per step.
        target: ``(N, C)`` probabilities.
        truth: ``(N, C)`` true expected rewards; those of padding are not looked at.
    """
    check_target(log, target)
    return float((target * np.where(log.observations[MASK] > 0, truth, 0.0)).sum(axis=1).mean())


def _ratio(above: Array, below: Array, life: NDArray[np.intp], seed: int) -> OffPolicyEstimate:
    """The sum of ``above`` over that of ``below``, with errors that take lives, not rows, as independent."""
    total = below.sum()
    if total <= 0.0:
        return OffPolicyEstimate(*[float("nan")] * 4)
    value = above.sum() / total
    sums = np.stack([np.bincount(life, above), np.bincount(life, below)], axis=1)  # (L, 2)
    n = len(sums)
    residuals = sums[:, 0] - value * sums[:, 1]
    error = np.sqrt((residuals**2).sum() * n / max(n - 1, 1)) / total
    rng, drawn = np.random.default_rng(seed), []
    for _ in range(0, _RESAMPLES, _AT_ONCE):
        times = rng.multinomial(n, np.full(n, 1.0 / n), _AT_ONCE)
        drawn.append(times @ sums)
    resampled = np.concatenate(drawn)
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = np.nanquantile(resampled[:, 0] / resampled[:, 1], (0.025, 0.975))
    return OffPolicyEstimate(float(value), float(error), float(low), float(high))
