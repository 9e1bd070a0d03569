"""Linear bandits over candidates: a prior from the log, and a posterior of each person from their own feedback.

A candidate is ``x``: its vector, its popularity, its likeness to the context where there is one, and 1. A person's
weights are ``w ~ N(b, I / k)``, where ``b`` is the ridge estimate from the log and the precision k says how much people
differ; a click is ``x w`` with unit noise. The history in the observation then gives the person's posterior in closed
form, so acting goes on learning, person by person, for as long as the history reaches. With ``b = 0`` this is LinUCB of
Li et al. (2010) with one model per person.

References:
    Li et al., "A contextual-bandit approach to personalized news article recommendation", WWW 2010.
    Agrawal and Goyal, "Thompson sampling for contextual bandits with linear payoffs", ICML 2013.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crossrec.errors import check_range
from crossrec.log import Log
from crossrec.observation import CANDIDATES, CONTEXT, HISTORY, HISTORY_FEEDBACK, SITUATION
from crossrec.random import as_uniform, keys, normal

from .base import BatchObservation, ScoringPolicy
from .features import clicks_by_place

_CHUNK = 20_000


class Posterior(NamedTuple):
    """What is believed of the clicks of each person's candidates.

    Attributes:
        candidates: ``(n, C, F)`` features.
        history: ``(n, H, F)`` features of what was shown; zero where nothing was.
        gain: ``(n, H, H)`` inverse of ``I + history history' / k``.
        mean: ``(n, C)``.
    """

    candidates: NDArray[np.float64]
    history: NDArray[np.float64]
    gain: NDArray[np.float64]
    mean: NDArray[np.float64]


class LinearBandit(ScoringPolicy):
    """What LinUCB and Thompson sampling share.

    Args:
        table: ``(n_items + 1, d + 1)`` from `crossrec.agents.fusion.items.item_table`: unit vectors and popularity.
        log: What the prior mean is estimated from; None for zero.
        precision: k, of a person's weights around the prior mean.
        ridge: Added to the diagonal when the prior mean is estimated.
    """

    def __init__(self, table: NDArray[np.float32], log: Log | None, precision: float = 2.0, ridge: float = 1.0) -> None:
        check_range("precision", precision, 1e-6)
        self._table, self._precision = np.asarray(table, np.float64), precision
        self._prior = None if log is None else self._estimated(log, ridge)

    def posterior(self, observation: BatchObservation) -> Posterior:
        """What is believed now."""
        candidates = self._features(observation, np.asarray(observation[CANDIDATES]))
        ids = np.asarray(observation[HISTORY])
        history = self._features(observation, ids) * (ids > 0)[:, :, None]
        clicked = (np.asarray(observation[HISTORY_FEEDBACK])[:, : ids.shape[1]] > 0) & (ids > 0)
        prior = np.zeros(candidates.shape[2]) if self._prior is None else self._prior
        system = np.eye(ids.shape[1]) + history @ history.transpose(0, 2, 1) / self._precision
        gain = np.linalg.inv(system).astype(np.float64)
        surprise = (gain @ (clicked - history @ prior)[:, :, None]) / self._precision
        weights = prior + (history.transpose(0, 2, 1) @ surprise)[..., 0]  # (n, F)
        return Posterior(candidates, history, gain, (candidates @ weights[:, :, None])[..., 0])

    def scores(self, observation: BatchObservation) -> NDArray[np.float64]:
        """What each candidate promises ``(n, C)``."""
        return self._promise(self.posterior(observation), observation)

    @abstractmethod
    def _promise(self, posterior: Posterior, observation: BatchObservation) -> NDArray[np.float64]: ...

    def _features(self, observation: BatchObservation, ids: NDArray[np.integer]) -> NDArray[np.float64]:
        parts = [self._table[ids]]
        if CONTEXT in observation:
            context = np.asarray(observation[CONTEXT], np.float64)
            parts.append(parts[0][..., :-1] @ context[:, :, None])
        return np.concatenate([*parts, np.ones((*ids.shape, 1))], axis=2)

    def _estimated(self, log: Log, ridge: float) -> NDArray[np.float64]:
        width = self._table.shape[1] + 1 + (CONTEXT in log.observations)
        gram, drawn = np.zeros((width, width)), np.zeros(width)
        for start in range(0, len(log), _CHUNK):
            rows = np.arange(start, min(start + _CHUNK, len(log)))
            shown = np.take_along_axis(log.observations[CANDIDATES][rows], log.slates[rows], axis=1)
            found = self._features({key: value[rows] for key, value in log.observations.items()}, shown)
            flat = found.reshape(-1, found.shape[2])
            gram = gram + flat.T @ flat
            drawn = drawn + flat.T @ clicks_by_place(log, rows)
        return np.linalg.solve(gram + ridge * np.eye(width), drawn).astype(np.float64)


class LinUCB(LinearBandit):
    """The candidate with the highest upper confidence bound: mean and ``alpha`` standard deviations.

    Args:
        table: See :class:`LinearBandit`.
        log: See :class:`LinearBandit`.
        alpha: Standard deviations; 0 does not explore.
        precision: See :class:`LinearBandit`.
        ridge: See :class:`LinearBandit`.
    """

    def __init__(
        self,
        table: NDArray[np.float32],
        log: Log | None,
        alpha: float = 0.1,
        precision: float = 2.0,
        ridge: float = 1.0,
    ) -> None:
        super().__init__(table, log, precision, ridge)
        self.alpha = alpha

    def deviations(self, posterior: Posterior) -> NDArray[np.float64]:
        """Standard deviation ``(n, C)`` of what is believed of each candidate."""
        across = posterior.candidates @ posterior.history.transpose(0, 2, 1)  # (n, C, H)
        own = (posterior.candidates**2).sum(axis=2)
        known = ((across @ posterior.gain) * across).sum(axis=2) / self._precision
        found: NDArray[np.float64] = np.sqrt(np.maximum(own - known, 0.0) / self._precision)
        return found

    def _promise(self, posterior: Posterior, observation: BatchObservation) -> NDArray[np.float64]:
        return posterior.mean + self.alpha * self.deviations(posterior)


class Thompson(LinearBandit):
    """The best candidate under weights that are drawn from the person's posterior.

    The draw is a function of the seed, the moment and which candidates there are, in whatever order: so a person is
    shown the same alone and in a batch, and something else when the moment comes again with other candidates.

    Args:
        table: See :class:`LinearBandit`.
        log: See :class:`LinearBandit`.
        seed: Of the draws.
        scale: Of the posterior's deviation; 0 does not explore.
        precision: See :class:`LinearBandit`.
        ridge: See :class:`LinearBandit`.
    """

    def __init__(
        self,
        table: NDArray[np.float32],
        log: Log | None,
        seed: int = 0,
        scale: float = 0.1,
        precision: float = 2.0,
        ridge: float = 1.0,
    ) -> None:
        super().__init__(table, log, precision, ridge)
        self._seed, self.scale = seed, scale

    def _promise(self, posterior: Posterior, observation: BatchObservation) -> NDArray[np.float64]:
        _, length, width = posterior.history.shape
        key = keys(self._seed, *_moment(observation))[:, None]
        drawn = normal(as_uniform(keys(key, np.arange(width + length))))
        prior, noise = drawn[:, :width] / np.sqrt(self._precision), drawn[:, width:]
        # A draw from the prior, and what was seen of it with noise, corrected by the truth: a draw from the posterior.
        missed = (posterior.history @ prior[:, :, None])[..., 0] + noise
        correction = posterior.gain @ missed[:, :, None] / self._precision
        weights = prior - (posterior.history.transpose(0, 2, 1) @ correction)[..., 0]
        found: NDArray[np.float64] = (posterior.candidates @ weights[:, :, None])[..., 0]
        return posterior.mean + self.scale * found


def _moment(observation: BatchObservation) -> list[NDArray[np.integer]]:
    """Whole numbers (n,) that change with the moment, but not with the candidates' order."""
    candidates = np.asarray(observation[CANDIDATES]).astype(np.int64)
    situation = np.asarray(observation[SITUATION]).astype(np.int64)
    code = situation @ (1 << np.arange(situation.shape[1]) % 62)
    history = np.asarray(observation[HISTORY]).astype(np.int64)
    return [candidates.sum(axis=1), (candidates**2).sum(axis=1), code, *history.T]
