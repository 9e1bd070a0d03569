"""Q-learning over (scenario, topic): the smallest planner that a log can teach.

References:
    Watkins and Dayan, "Q-learning", Machine Learning 1992.
    Kumar and Varaiya, "Stochastic systems", 1986 (certainty equivalence: plan in the model that was counted).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from crossrec.errors import check_range
from crossrec.log import Log
from crossrec.observation import CANDIDATES

from .base import BatchObservation, ScoringPolicy
from .reading import liked, n_scenarios, scenario_of

_TIE = 1e-6


@dataclass(frozen=True)
class Transitions:
    """Steps of a finite process.

    Attributes:
        states: ``(N,)``.
        actions: ``(N,)``.
        rewards: ``(N,)``.
        following: ``(N,)`` next states; -1 where life ended for good, -2 where nobody saw what came next.
    """

    states: NDArray[np.int64]
    actions: NDArray[np.int64]
    rewards: NDArray[np.float64]
    following: NDArray[np.int64]


def q_values(
    steps: Transitions, n_states: int, n_actions: int, gamma: float, tolerance: float = 1e-9
) -> NDArray[np.float64]:
    """The fixed point that Q-learning reaches when it goes over logged steps for ever, each as often as it happened.

    Found by iterating over the counted model, which has the same fixed point and no learning rate.

    Args:
        steps: What was logged.
        n_states: How many states.
        n_actions: How many actions.
        gamma: Discount per step, below 1.
        tolerance: Largest change in the last round.

    Returns:
        ``(n_states, n_actions)``; minus infinity for what was never tried.
    """
    check_range("gamma", gamma, 0.0, 0.9999)
    cells = steps.states * n_actions + steps.actions
    size = n_states * n_actions
    counts = np.bincount(cells, minlength=size)
    tried = (counts > 0).reshape(n_states, n_actions)
    reward = np.bincount(cells, steps.rewards, size) / np.maximum(counts, 1)
    known = steps.following > -2
    seen = np.bincount(cells[known], minlength=size)
    goes = steps.following >= 0
    share = 1.0 / np.maximum(seen[cells[goes]], 1)
    chances = csr_array((share, (cells[goes], steps.following[goes])), shape=(size, n_states))
    values = np.zeros((n_states, n_actions))
    change = np.inf
    while change > tolerance:
        best = np.where(tried, values, -np.inf).max(axis=1)
        best[~tried.any(axis=1)] = 0.0
        fresh = (reward + gamma * (chances @ best)).reshape(n_states, n_actions)
        change, values = float(np.abs(np.where(tried, fresh - values, 0.0)).max()), fresh
    return np.where(tried, values, -np.inf)


class TabularQ(ScoringPolicy):
    """The candidate of the topic with the highest Q-value, given the scenario and the topic clicked last.

    Candidates of one topic are ranked by another policy.

    Args:
        log: What to learn from; of a slate the topic of what was clicked counts, or else of the first place.
        topics: ``(n_items + 1,)`` main topic of each item, from 0.
        within: Ranks candidates of one topic.
        gamma: Discount per step.
    """

    def __init__(self, log: Log, topics: NDArray[np.integer], within: ScoringPolicy, gamma: float = 0.5) -> None:
        self._topics, self._within = np.asarray(topics, np.int64), within
        self._n_topics = int(self._topics.max()) + 1
        states = self.states(log.observations)
        clicked = log.clicked
        actions = self._topics[np.where(clicked > 0, clicked, log.shown[:, 0])]
        following = np.append(states[1:], -2)
        following[log.ends] = -2
        following[log.terminated] = -1
        steps = Transitions(states, actions, log.rewards, following)
        n_states = n_scenarios(log.observations) * (self._n_topics + 1)
        values = q_values(steps, n_states, self._n_topics, gamma)
        # What was never tried is taken for the worst that was.
        worst = values[np.isfinite(values)].min()
        self.values = np.where(np.isfinite(values), values, worst)

    def states(self, observation: BatchObservation) -> NDArray[np.int64]:
        """State ``(n,)``: scenario and, among the topics and none, the one clicked last."""
        ids = liked(observation)
        newest = ids[np.arange(len(ids)), (ids > 0).argmax(axis=1)]
        topic = np.where(newest > 0, self._topics[newest], self._n_topics)
        return scenario_of(observation) * (self._n_topics + 1) + topic

    def scores(self, observation: BatchObservation) -> NDArray[np.float64]:
        """Q-values ``(n, C)`` of the candidates' topics, with a trifle for the rank within a topic."""
        ids = np.asarray(observation[CANDIDATES])
        values = self.values[self.states(observation)[:, None], np.maximum(self._topics[ids], 0)]
        found: NDArray[np.float64] = values + _TIE * np.tanh(self._within.scores(observation))
        return found
