"""One step of people's lives in plain NumPy: the readable reference, and the only one that calls hooks."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossrec.config import EnvConfig
from crossrec.observation import (
    CANDIDATES,
    DAYPARTS,
    DEVICES,
    HISTORY,
    HISTORY_FEEDBACK,
    HISTORY_SCENARIO,
    MASK,
    PROFILE,
    SITUATION,
    WEEKDAYS,
    ObservationLayout,
)
from crossrec.random import LIFE, MEETING, Draw, keys, purposes, uniforms
from crossrec.reward import weighted
from crossrec.simulation.choice import ChoiceModel, Step, shown_once
from crossrec.simulation.dynamics import react, remember
from crossrec.simulation.hooks import Hooks, Moment
from crossrec.simulation.journey import Journey, daypart, weekday
from crossrec.simulation.state import State
from crossrec.world.synthetic import World

_STEP = purposes(Draw.CLICK, Draw.DWELL, Draw.CONVERSION, Draw.LEAVE, Draw.MIND)


class ReferenceEngine:
    """Begins lives, takes steps and says what is expected, for all people of a state.

    Args:
        world: What exists.
        config: Behaviour.
        layout: Sizes of observations.
        hooks: Behaviour of the user's own, or None.
    """

    def __init__(self, world: World, config: EnvConfig, layout: ObservationLayout, hooks: Hooks | None = None) -> None:
        self.world, self.config, self.hooks = world, config, hooks
        self.choice = ChoiceModel(world, config)
        self.journey = Journey(world, config, self.choice, hooks)
        sizes = (layout.n_scenarios, len(DAYPARTS), len(WEEKDAYS), len(DEVICES))
        self._one_hot = np.cumsum((0, *sizes))[:, None]  # where each part of the situation begins
        self._situation_size = layout.situation_size

    def identify(
        self, seeds: NDArray[np.int64], episodes: NDArray[np.int64], users: NDArray[np.int64] | None
    ) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
        """Ids (m,) of the people that seeds (m,) meet in their episodes (m,), unless given, and keys of their lives."""
        if users is None:
            span = np.uint64(self.config.last_user - self.config.first_user)
            users = self.config.first_user + (keys(seeds, MEETING, episodes) % span).astype(np.int64)
        return users, keys(seeds, LIFE, episodes, users)

    def begin(self, state: State, rows: NDArray[np.intp], users: NDArray[np.int64], key: NDArray[np.uint64]) -> None:
        """Begin new lives in ``rows`` (m,) for people ``users`` (m,) with keys (m,) of their randomness."""
        for block in state.blocks.values():
            block[rows] = 0
        people = self.world.people(users)
        for half in (state.truth, state.seen):
            for column in fields(half):
                if hasattr(people, column.name):
                    getattr(half, column.name)[rows] = getattr(people, column.name)
        state.seen.user[rows], state.lives.key[rows] = users, key
        self.journey.begin(state, rows)

    def step(self, state: State, actions: NDArray[np.int64]) -> Step:
        """Show everybody the candidates at places ``actions`` (n, S)."""
        truth, seen, lives = state.truth, state.seen, state.lives
        slates = shown_once(np.take_along_axis(seen.candidates, actions, axis=1))
        everybody = np.arange(len(slates))
        u = uniforms(lives.key, lives.step, _STEP)
        feedback = self.choice.feedback(self._utility(state, slates), seen.scenario, slates, u[:3])
        react(truth, slates, seen.scenario, feedback, u[4], self.choice)
        if self.hooks is not None:
            self.hooks.dynamics(Moment(self.world, truth, seen, slates, everybody), feedback)
        remember(seen, slates, feedback)
        lives.step += 1
        return Step(slates, feedback, self.journey.advance(state, u[3], feedback.dwell))

    def expected_rewards(self, state: State, items: NDArray[np.int32]) -> NDArray[np.float64]:
        """True expected reward now of items (n, C), each as if shown alone; minus infinity for item 0."""
        parts = self.choice.expected(self._utility(state, items), state.seen.scenario, items)
        flat = {name: values.ravel() for name, values in parts.items()}
        reward = weighted(flat, self.config.reward)
        if self.hooks is not None:
            reward = self.hooks.reward(flat, reward)
        return np.where(items > 0, reward.reshape(items.shape), -np.inf)

    def observe(self, state: State, rows: NDArray[np.intp], spread: bool) -> dict[str, NDArray[np.generic]]:
        """Observations of some people, new arrays at each call; reads :class:`Seen` and nothing else.

        Args:
            state: Of n people.
            rows: (m,) who is looked at.
            spread: Whether arrays have n rows, zero for everybody else, rather than m.
        """
        seen, n = state.seen, len(rows)
        minute, candidates = seen.minute[rows], seen.candidates[rows]
        parts = (seen.scenario[rows], daypart(minute), weekday(minute), seen.device[rows], seen.location[rows])
        situation = np.zeros((n, self._situation_size), np.int8)
        # One write through flat indices is faster than one per part.
        situation.ravel()[np.arange(n) * self._situation_size + np.stack(parts) + self._one_hot] = 1
        told: dict[str, NDArray[np.generic]] = {
            PROFILE: seen.profile[rows],
            SITUATION: situation,
            HISTORY: seen.history[rows],
            HISTORY_SCENARIO: seen.history_scenario[rows],
            HISTORY_FEEDBACK: seen.history_feedback[rows].reshape(n, -1),
            CANDIDATES: candidates,
            MASK: (candidates > 0).view(np.int8),
        }
        return {key: spread_rows(values, rows, state.n) for key, values in told.items()} if spread else told

    def _utility(self, state: State, items: NDArray[np.int32]) -> NDArray[np.float64]:
        utility = self.choice.utility(state, items)
        if self.hooks is not None and self.hooks.overrides("choice"):
            everybody = np.arange(len(items))
            utility = self.hooks.choice(Moment(self.world, state.truth, state.seen, items, everybody), utility)
            utility = np.where(items > 0, utility, -np.inf)
        return utility


def spread_rows(values: NDArray[Any], rows: NDArray[np.intp], n: int) -> NDArray[Any]:
    """Values (m, ...) of some rows as (n, ...), zero elsewhere."""
    full = np.zeros((n, *values.shape[1:]), values.dtype)
    full[rows] = values
    return full
