"""Policies that learn nothing, with the `predict` of Stable-Baselines3: what every agent is measured against."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossrec.observation import CANDIDATES, HISTORY, HISTORY_FEEDBACK, MASK

from .masks import allowed

BatchObservation = Mapping[str, NDArray[Any]]
State = tuple[NDArray[Any], ...] | None


class ScoringPolicy(ABC):
    """Chooses the allowed candidate with the highest score; the first of equals; 0 where none is allowed.

    Attributes:
        slate_size: With more than 1 a slate is chosen: the candidates with the highest scores, the best first.
    """

    slate_size = 1

    @abstractmethod
    def scores(self, observation: BatchObservation) -> NDArray[Any]:
        """Scores ``(n, C)`` for a batched observation."""

    def predict(
        self,
        observation: BatchObservation,
        state: State = None,
        episode_start: NDArray[Any] | None = None,
        deterministic: bool = True,
    ) -> tuple[NDArray[np.int64], State]:
        """Actions for a batch, or one for a single person's observation, and the state as it came.

        Actions are ``(n,)``, for slates ``(n, slate_size)``.
        """
        batched = np.ndim(observation[MASK]) > 1
        batch = observation if batched else {key: np.asarray(value)[None] for key, value in observation.items()}
        scores = np.where(allowed(np.asarray(batch[MASK])), self.scores(batch), -np.inf)
        if self.slate_size == 1:
            actions: NDArray[np.int64] = scores.argmax(axis=1)
        else:
            actions = np.argsort(-scores, axis=1, kind="stable")[:, : self.slate_size]
        return (actions if batched else actions[0]), state


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
