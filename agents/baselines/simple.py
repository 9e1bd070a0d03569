"""Policies that learn nothing: the two ends of the scale, and what needs no log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossrec.observation import CANDIDATES, HISTORY, HISTORY_FEEDBACK, MASK

from .base import BatchObservation, ScoringPolicy


class RandomPolicy(ScoringPolicy):
    """Uniform among the allowed candidates.

    Args:
        seed: The same seed and the same observations in the same order give the same actions.
    """

    def __init__(self, seed: int) -> None:
        self._draws = np.random.default_rng(seed)

    def scores(self, observation: BatchObservation) -> NDArray[Any]:
        """Uniform draws ``(n, C)``."""
        return self._draws.random(observation[MASK].shape)


class PopularityPolicy(ScoringPolicy):
    """The most popular candidate.

    Args:
        popularity: ``(n_items + 1,)``; entry 0 is padding.
    """

    def __init__(self, popularity: NDArray[Any]) -> None:
        self._popularity = np.asarray(popularity)

    def scores(self, observation: BatchObservation) -> NDArray[Any]:
        """Popularity ``(n, C)``."""
        return self._popularity[observation[CANDIDATES]]


class ContentPolicy(ScoringPolicy):
    """The candidate nearest to what was liked: cosine with the mean of the clicked items of the history.

    Who has clicked nothing yet gets the most popular candidate.

    Args:
        vectors: ``(n_items + 1, d)``; row 0 is padding. Rows are made unit length.
        popularity: ``(n_items + 1,)``.
    """

    def __init__(self, vectors: NDArray[Any], popularity: NDArray[Any]) -> None:
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        self._vectors = np.asarray(vectors / np.maximum(lengths, 1e-12), dtype=np.float32)
        self._popularity = np.asarray(popularity)

    def scores(self, observation: BatchObservation) -> NDArray[Any]:
        """Cosines ``(n, C)``, or popularity where nothing was liked."""
        history, ids = observation[HISTORY], observation[CANDIDATES]
        clicked = (observation[HISTORY_FEEDBACK][:, : history.shape[1]] > 0) & (history > 0)
        # The mean's length is the same for all candidates of a person, so the sum ranks like the cosine.
        liked = np.matmul(clicked[:, None].astype(np.float32), self._vectors[history])  # (n, 1, d)
        cosines = np.matmul(self._vectors[ids], liked.transpose(0, 2, 1))[..., 0]
        return np.where(clicked.any(axis=1, keepdims=True), cosines, self._popularity[ids])


class GreedyOracle(ScoringPolicy):
    """The candidate with the highest true expected reward now; knows what no recommender may know.

    Args:
        expected_reward: Asks the environment for the truth of this moment, ``(n, C)``.
    """

    def __init__(self, expected_reward: Callable[[], NDArray[Any]]) -> None:
        self._expected_reward = expected_reward

    def scores(self, observation: BatchObservation) -> NDArray[Any]:
        """Expected rewards ``(n, C)``; the observation gives only the shape."""
        return np.asarray(self._expected_reward()).reshape(observation[MASK].shape)
