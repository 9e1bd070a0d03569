"""The simulator: a batch of lives, one step at a time. It knows nothing of Gymnasium, language or agents."""

from __future__ import annotations

import os
from copy import copy
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from crossrec.config import EnvConfig
from crossrec.observation import (
    CANDIDATE_AGE,
    HISTORY,
    HISTORY_FEEDBACK,
    HISTORY_SCENARIO,
    QUERY,
    QUERY_BYTES,
    WEEK,
    ObservationLayout,
)
from crossrec.reward import weighted
from crossrec.simulation.candidates import make_candidates
from crossrec.simulation.choice import Feedback, Step, item_age
from crossrec.simulation.hooks import Hooks
from crossrec.simulation.reference import ReferenceEngine, spread_rows
from crossrec.simulation.state import Seen, State, Truth
from crossrec.world.synthetic import World
from crossrec.world.text import N_QUERIES, query_text


class Engine(Protocol):
    """What lives run on: :class:`ReferenceEngine`, which explains each method, or compiled code."""

    def identify(
        self, seeds: NDArray[np.int64], episodes: NDArray[np.int64], users: NDArray[np.int64] | None
    ) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
        """Whom seeds meet, and keys of the lives."""

    def begin(
        self, state: State, rows: NDArray[np.intp], users: NDArray[np.int64], keys: NDArray[np.uint64], /
    ) -> None:
        """Begin new lives."""

    def step(self, state: State, actions: NDArray[np.int64]) -> Step:
        """Show everybody a slate."""

    def observe(self, state: State, rows: NDArray[np.intp], spread: bool) -> dict[str, NDArray[np.generic]]:
        """What is observable."""

    def expected_rewards(self, state: State, items: NDArray[np.int32]) -> NDArray[np.float64]:
        """What each item would bring now."""


@dataclass
class Outcome:
    """What one step of n people brought."""

    reward: NDArray[np.float64]  # (n,)
    parts: dict[str, NDArray[np.float64]]  # (n,) each
    terminated: NDArray[np.bool_]  # (n,) churn
    truncated: NDArray[np.bool_]  # (n,) horizon
    items: NDArray[np.int32]  # (n, S) what was shown
    place: NDArray[np.int64]  # (n,) which place of the slate was clicked; 0 without a click


class Simulator:
    """n people living in one world.

    Args:
        world: What exists.
        config: Behaviour, reward, sizes.
        n: How many people live at once.
        hooks: Behaviour of the user's own, or None.
    """

    def __init__(self, world: World, config: EnvConfig, n: int, hooks: Hooks | None = None) -> None:
        self.world, self.config, self.n, self.hooks = world, config, n, hooks
        self.layout = ObservationLayout(
            len(world.scenarios),
            world.catalogue.n_items,
            config.n_candidates,
            config.history_length,
            queries=any(s.query for s in world.scenarios),
            ages=config.behaviour.ageing > 0.0,
        )
        self.candidates = make_candidates(world, config)
        self.state = State(n, world.n_topics, self.layout)
        self.engine = self.make_engine(config)
        self._everybody = np.arange(n)
        self._offered = self.candidates.plain and not isinstance(self.engine, ReferenceEngine)  # by compiled code

    def make_engine(self, config: EnvConfig, own_reward: bool = True) -> Engine:
        """What lives run on, here with other strengths or rewards, or without the reward of a hook."""
        world, offers, hooks = self.world, self.candidates, self.hooks
        if hooks is not None and not own_reward:
            hooks = copy(hooks)
            hooks.reward = Hooks().reward  # type: ignore[method-assign]
        # Numba has this switch for those who look for faults; compiled code would be thousands of times slower then.
        interpreted = config.engine == "auto" and os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")
        if config.engine == "numpy" or hooks is not None or interpreted:
            return ReferenceEngine(world, config, self.layout, hooks)
        from crossrec.simulation.compiled.engine import CompiledEngine  # Numba takes a while to import

        return CompiledEngine(world, config, self.layout, offers.uniform if offers.plain else None)

    @property
    def truth(self) -> Truth:
        """Hidden state."""
        return self.state.truth

    @property
    def seen(self) -> Seen:
        """Observable state."""
        return self.state.seen

    def begin(
        self,
        rows: NDArray[np.intp],
        seeds: NDArray[np.int64],
        episodes: NDArray[np.int64],
        users: NDArray[np.int64] | None = None,
    ) -> None:
        """Begin new lives.

        Args:
            rows: (m,) places.
            seeds: (m,) seed of each place.
            episodes: (m,) how many lives that seed has begun before.
            users: (m,) ids, or None to let the seeds decide whom they meet.
        """
        self.engine.begin(self.state, rows, *self.engine.identify(seeds, episodes, users))
        self.offer(self.state, rows)

    def reset(
        self, seeds: NDArray[np.int64], episodes: NDArray[np.int64], users: NDArray[np.int64] | None = None
    ) -> None:
        """Begin a new life in every place, see :meth:`begin`."""
        self.begin(self._everybody, seeds, episodes, users)

    def step(self, actions: NDArray[np.int64]) -> Outcome:
        """Show everybody a slate; padding is shown as nothing and is never clicked.

        Args:
            actions: (n, S) places among the candidates.
        """
        taken = self.engine.step(self.state, actions)
        self.offer(self.state, slice(None))
        parts = _parts(taken.feedback)
        reward = weighted(parts, self.config.reward)
        if self.hooks is not None:
            reward = np.asarray(self.hooks.reward(parts, reward), np.float64)
        truncated = self.state.lives.step >= self.config.horizon
        truncated &= ~taken.churned
        return Outcome(reward, parts, taken.churned, truncated, taken.slates, taken.feedback.place)

    def observe(self, rows: NDArray[np.intp] | None = None, spread: bool = False) -> dict[str, NDArray[Any]]:
        """Observations of people, new arrays at each call; tells no truth.

        Args:
            rows: (m,) who is looked at; everybody by default.
            spread: Whether arrays have n rows, zero for those who are not looked at, rather than m.
        """
        rows = self._everybody if rows is None else rows
        told = self.engine.observe(self.state, rows, spread)
        if self.config.history == "own":
            forget_elsewhere(told, self.seen.scenario[rows] if not spread else self.seen.scenario)
        more: dict[str, NDArray[np.generic]] = {}
        if self.layout.queries:
            more[QUERY] = _query_bytes()[self.seen.query[rows]]
        if self.layout.ages:
            more[CANDIDATE_AGE] = self._ages(self.seen.minute[rows], self.seen.candidates[rows])
        return told | {key: spread_rows(values, rows, self.n) if spread else values for key, values in more.items()}

    def expected_rewards(self) -> NDArray[np.float64]:
        """True expected reward of each candidate now, as if shown alone, (n, C); minus infinity for padding."""
        return self.engine.expected_rewards(self.state, self.seen.candidates)

    def _ages(self, minute: NDArray[np.float64], items: NDArray[np.int32]) -> NDArray[np.float32]:
        """Age in weeks of items (m, C); 0 for padding and where items do not age."""
        catalogue = self.world.catalogue
        ageing = np.array([False] + [s.facet == "age" for s in self.world.scenarios])[catalogue.scenario[items] + 1]
        return np.where(ageing, item_age(minute[:, None], catalogue.born[items]) / WEEK, 0.0).astype(np.float32)

    def offer(self, state: State, rows: NDArray[np.intp] | slice) -> None:
        """Draw new candidates for some rows of a state, unless compiled code has done so."""
        if self._offered:
            return
        seen, lives = state.seen, state.lives
        where = seen.scenario[rows].astype(np.int64)
        seen.candidates[rows] = self.candidates.sample(
            lives.key[rows], lives.step[rows], where, seen.recalled[rows], seen.enjoyed[rows]
        )


def forget_elsewhere(told: dict[str, NDArray[np.generic]], scenario: NDArray[np.integer]) -> None:
    """Leave of an observation's history only what was shown in people's current scenario (m,), in place."""
    told_in: Any = told[HISTORY_SCENARIO]
    own = told_in == (scenario + 1)[:, None]
    told[HISTORY], told[HISTORY_SCENARIO] = told[HISTORY] * own, told_in * own
    told[HISTORY_FEEDBACK] = told[HISTORY_FEEDBACK] * np.tile(own, 3)


def _parts(feedback: Feedback) -> dict[str, NDArray[np.float64]]:
    """The named parts of the reward, see :mod:`crossrec.reward`."""
    return {
        "click": feedback.click.astype(np.float64),
        "dwell": feedback.dwell / 60.0,
        "conversion": feedback.conversion.astype(np.float64),
    }


@lru_cache(maxsize=1)
def _query_bytes() -> NDArray[np.uint8]:
    """(queries + 1, QUERY_BYTES) text of every query."""
    table = np.zeros((N_QUERIES + 1, QUERY_BYTES), np.uint8)
    for query in range(N_QUERIES + 1):
        text = query_text(query).encode()
        table[query, : len(text)] = np.frombuffer(text, np.uint8)
    return table
