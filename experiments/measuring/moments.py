"""Moments that are judged: copies of people's states and what was chosen, judged many at once since that is cheaper."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossrec.config import RewardConfig
from crossrec.measures.tally import Judged
from crossrec.metrics import TOP
from crossrec.reward import weighted
from crossrec.simulation.choice import ChoiceModel
from crossrec.simulation.simulator import Simulator
from crossrec.simulation.state import State

from .ranks import ranking


class Moments:
    """At most one moment of each of n people.

    Args:
        simulator: Where they live; it is only looked at.

    Attributes:
        choice: Knows true interest and utility.
    """

    def __init__(self, simulator: Simulator) -> None:
        config, n = simulator.config, simulator.n
        self._simulator, self.choice = simulator, ChoiceModel(simulator.world, config)
        self._state: State = simulator.state.take(np.arange(n))
        self._actions = np.zeros((n, config.slate_size), np.int64)
        self._items = np.zeros((n, config.slate_size), np.int32)
        self._scores: NDArray[Any] | None = None
        self._ranked = True  # whether scores of all moments are known
        self._k = min(TOP, config.n_candidates)
        self._steps = np.zeros(n, np.int64)
        self._there, self._now = np.zeros(n, np.bool_), np.zeros(0, np.intp)

    def put(self, rows: NDArray[np.intp], step: int, actions: NDArray[Any], scores: NDArray[Any] | None) -> None:
        """Note the present moment of some people.

        Args:
            rows: (m,) whose.
            step: Which step of their lives, from 0.
            actions: (n,) or (n, slate) places that were chosen and are not yet shown.
            scores: (m, C) by which, if that is known.
        """
        for name, block in self._simulator.state.blocks.items():
            self._state.blocks[name][rows] = block[rows]
        self._actions[rows] = np.asarray(actions).reshape(self._actions.shape)[rows]
        self._steps[rows], self._there[rows], self._now = step, True, rows
        if scores is None:
            self._ranked = False
        else:
            if self._scores is None:
                self._scores = np.zeros(self._state.seen.candidates.shape, scores.dtype)
            self._scores[rows] = scores

    def shown(self, items: NDArray[np.int32]) -> None:
        """Note what was shown, (n, slate), in the moments that were noted last."""
        self._items[self._now] = items[self._now]

    def judged(self) -> Judged:
        """All moments since the last call, as the truth has them."""
        rows = np.flatnonzero(self._there)
        state = self._state if self._there.all() else self._state.take(rows)
        candidates, actions = state.seen.candidates, self._actions[rows]
        scores = self._scores[rows] if self._ranked and self._scores is not None else None
        self._there[:] = False
        expected, clicks = self._truth(state)
        return Judged(
            rows=rows,
            steps=self._steps[rows],
            scenario=state.seen.scenario.copy(),
            expected=expected,
            clicks=clicks,
            actions=actions,
            items=self._items[rows],
            order=ranking(candidates, actions, scores, self._k),
        )

    def _truth(self, state: State) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """True expected reward and probability of a click of each candidate as if shown alone, (m, C) each."""
        simulator, candidates = self._simulator, state.seen.candidates
        if simulator.hooks is not None:  # only their engine knows what they do
            clicks = dataclasses.replace(simulator.config, reward=RewardConfig(click=1.0, dwell=0.0, conversion=0.0))
            engines = simulator.engine, simulator.make_engine(clicks, own_reward=False)
            rewards, chances = (engine.expected_rewards(state, candidates) for engine in engines)
            return rewards, chances
        # Both at once, in half the time.
        utility = self.choice.utility(state, candidates)
        parts = self.choice.expected(utility, state.seen.scenario, candidates)
        reward = weighted({name: part.ravel() for name, part in parts.items()}, simulator.config.reward)
        return np.where(candidates > 0, reward.reshape(candidates.shape), -np.inf), parts["click"]
