"""Behaviour policies: what is shown is drawn, and the probability of what was drawn is known exactly."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from crossrec.agents.baselines.base import BatchObservation, ScoringPolicy
from crossrec.agents.masks import allowed
from crossrec.errors import ConfigError, check_range
from crossrec.observation import MASK
from crossrec.random import categorical

from ..evaluate import Policy

Probabilities = NDArray[np.float64]


class BehaviourPolicy(ABC):
    """Draws among the allowed candidates by :meth:`probabilities`."""

    @abstractmethod
    def probabilities(self, observation: BatchObservation) -> Probabilities:
        """``(n, C)`` for a batched observation: 0 where a candidate is not allowed, each row sums to 1."""

    def act(
        self, observation: BatchObservation, draws: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """What is shown, and how probable that was.

        A slate is drawn place by place without replacement, the probabilities of what is left made to sum to 1 again
        (Plackett 1975); its propensity is the product.

        Args:
            observation: Batched.
            draws: ``(n, S)`` uniform numbers, one for each place of a slate.

        Returns:
            Places among the candidates, ``(n,)``, for slates ``(n, S)``, and propensities ``(n,)``.
        """
        left = self.probabilities(observation)
        mask = np.asarray(observation[MASK])
        rows, propensities, places = np.arange(len(left)), np.ones(len(left)), []
        free = np.ones(left.shape, np.bool_)
        for place in range(draws.shape[1]):
            total = left.sum(axis=1, keepdims=True)
            spent = total[:, 0] <= 0.0  # nothing that the policy would show is left: any other, allowed ones first
            if spent.any():
                others = free[spent] & (mask[spent] > 0)
                left[spent] = np.where(others.any(axis=1, keepdims=True), others, free[spent])
                total = left.sum(axis=1, keepdims=True)
            chosen = categorical(left, draws[:, place])
            propensities *= left[rows, chosen] / total[:, 0]
            left[rows, chosen], free[rows, chosen] = 0.0, False
            places.append(chosen.astype(np.int64))
        return places[0] if len(places) == 1 else np.stack(places, axis=1), propensities


class Uniform(BehaviourPolicy):
    """All allowed candidates alike."""

    def probabilities(self, observation: BatchObservation) -> Probabilities:
        """One over the number of allowed candidates."""
        ok = allowed(np.asarray(observation[MASK]))
        uniform: Probabilities = ok / ok.sum(axis=1, keepdims=True)
        return uniform


class Greedy(BehaviourPolicy):
    """What another policy chooses, with probability 1; of a slate, each place half as probable as the one before.

    Args:
        policy: A baseline or a Stable-Baselines3 algorithm; it chooses deterministically where it can.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def probabilities(self, observation: BatchObservation) -> Probabilities:
        """1 at the choice."""
        actions, _ = self._policy.predict(observation, None, None, deterministic=True)
        slates = np.asarray(actions, np.int64).reshape(len(observation[MASK]), -1)
        found: Probabilities = np.zeros(observation[MASK].shape)
        weights = np.broadcast_to(0.5 ** np.arange(slates.shape[1]), slates.shape)
        np.put_along_axis(found, slates, weights, axis=1)
        found /= found.sum(axis=1, keepdims=True)
        return found


class Softmax(BehaviourPolicy):
    """Softmax of a policy's scores, which are brought to mean 0 and deviation 1 over each person's candidates first.

    Args:
        policy: Scores candidates.
        temperature: Above 0; small is nearly greedy, large nearly uniform.
    """

    def __init__(self, policy: ScoringPolicy, temperature: float = 1.0) -> None:
        check_range("--temperature", temperature, 1e-3, 1e3)
        self._policy, self._temperature = policy, temperature

    def probabilities(self, observation: BatchObservation) -> Probabilities:
        """Softmax over the allowed candidates."""
        ok = allowed(np.asarray(observation[MASK]))
        scores = np.where(ok, np.asarray(self._policy.scores(observation), np.float64), 0.0)
        count = ok.sum(axis=1, keepdims=True)
        scores = np.where(ok, scores - scores.sum(axis=1, keepdims=True) / count, 0.0)
        spread = np.sqrt((scores**2).sum(axis=1, keepdims=True) / count)
        logits = np.where(ok, scores / np.where(spread > 1e-12, spread, 1.0) / self._temperature, -np.inf)
        weights: Probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
        weights /= weights.sum(axis=1, keepdims=True)
        return weights


class Mixture(BehaviourPolicy):
    """One of several policies, drawn anew at every step; probabilities are those of the whole mixture.

    Args:
        parts: The policies.
        weights: How often each is drawn; above 0, they sum to 1.
    """

    def __init__(self, parts: Sequence[BehaviourPolicy], weights: Sequence[float]) -> None:
        if len(parts) != len(weights) or min(weights, default=0.0) < 0.0 or not np.isclose(sum(weights), 1.0):
            raise ConfigError(f"weights={list(weights)} of a mixture of {len(parts)} must be as many and sum to 1.")
        self._parts = [(part, weight) for part, weight in zip(parts, weights, strict=True) if weight > 0.0]

    def probabilities(self, observation: BatchObservation) -> Probabilities:
        """Weighted sum of the parts' probabilities."""
        mixed: Probabilities = np.zeros(observation[MASK].shape)
        for part, weight in self._parts:
            mixed += weight * part.probabilities(observation)
        return mixed


def softened(part: BehaviourPolicy, epsilon: float) -> BehaviourPolicy:
    """A policy that shows something uniform with probability ``epsilon``.

    Raises:
        ConfigError: If epsilon is not from 0 to 1.
    """
    check_range("--epsilon", epsilon, 0.0, 1.0)
    return Mixture([part, Uniform()], [1.0 - epsilon, epsilon])
