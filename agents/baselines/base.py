"""What a policy is that scores candidates: the `predict` of Stable-Baselines3 over one method, `scores`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossrec.observation import MASK

from ..masks import allowed

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
