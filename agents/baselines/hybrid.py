"""Several policies' scores in one: the weighted hybrid of Burke (2002)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossrec.errors import ConfigError
from crossrec.observation import MASK

from ..masks import allowed
from .base import BatchObservation, ScoringPolicy


class HybridPolicy(ScoringPolicy):
    """The candidate with the highest weighted sum of scores, each brought to mean 0 and deviation 1 per person first.

    References:
        Burke, "Hybrid recommender systems: survey and experiments", UMUAI 2002.

    Args:
        parts: Policies.
        weights: One for each; default: all alike.
    """

    def __init__(self, parts: Sequence[ScoringPolicy], weights: Sequence[float] | None = None) -> None:
        self._parts = list(parts)
        self._weights = [1.0] * len(self._parts) if weights is None else list(weights)
        if not self._parts or len(self._weights) != len(self._parts):
            raise ConfigError(
                f"a hybrid of {len(self._parts)} policies has {len(self._weights)} weights; give each one."
            )

    def scores(self, observation: BatchObservation) -> NDArray[np.float64]:
        """Weighted sums ``(n, C)``."""
        ok = allowed(np.asarray(observation[MASK]))
        found: NDArray[Any] = np.zeros(ok.shape)
        for part, weight in zip(self._parts, self._weights, strict=True):
            found = found + weight * standardised(np.asarray(part.scores(observation), np.float64), ok)
        return found


def standardised(scores: NDArray[np.float64], ok: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Scores ``(n, C)`` with mean 0 and deviation 1 among those that count; zero elsewhere, and where all are alike."""
    count = ok.sum(axis=1, keepdims=True)
    centred = np.where(ok, scores - np.where(ok, scores, 0.0).sum(axis=1, keepdims=True) / count, 0.0)
    spread = np.sqrt((centred**2).sum(axis=1, keepdims=True) / count)
    # What differs by rounding only is alike.
    found: NDArray[np.float64] = np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 1e-9)
    return found
