"""Lives in compiled code: the same as :class:`crossrec.simulation.reference.ReferenceEngine`, several times faster."""

from __future__ import annotations

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
    PROFILE_SIZE,
    SITUATION,
    WEEKDAYS,
    ObservationLayout,
)
from crossrec.reward import PARTS
from crossrec.simulation.candidates import CandidateSampler
from crossrec.simulation.choice import DAY, Feedback, Step
from crossrec.simulation.compiled import layout as L
from crossrec.simulation.compiled.jit import program
from crossrec.simulation.compiled.journey import daypart_of
from crossrec.simulation.compiled.layout import Blocks, blocks_of, pack
from crossrec.simulation.compiled.step import begin, expect, identify, live
from crossrec.simulation.state import State
from crossrec.world.synthetic import World

_AFTER_DAYPART, _AFTER_DAY, _AFTER_DEVICE = (
    len(DAYPARTS),
    len(DAYPARTS) + len(WEEKDAYS),
    len(DAYPARTS) + len(WEEKDAYS) + len(DEVICES),
)


class CompiledEngine:
    """Begins lives, takes steps and says what is expected, for all people of a state.

    Args:
        world: What exists.
        config: Behaviour.
        layout: Sizes of observations.
        sampler: Uniform candidates, offered here as well; None where the simulator offers them.
    """

    def __init__(
        self, world: World, config: EnvConfig, layout: ObservationLayout, sampler: CandidateSampler | None
    ) -> None:
        self.layout, self.packed = layout, pack(world, config, sampler)
        self.first_user, self.n_users = config.first_user, np.uint64(config.last_user - config.first_user)
        self.reward = np.array([getattr(config.reward, name) for name in PARTS])

    def identify(
        self, seeds: NDArray[np.int64], episodes: NDArray[np.int64], users: NDArray[np.int64] | None
    ) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
        """Ids (m,) of the people that seeds (m,) meet in their episodes (m,), unless given, and keys of their lives."""
        met = np.full(len(seeds), -1) if users is None else users.copy()
        keys = np.empty(len(seeds), np.uint64)
        identify(seeds, episodes, self.first_user, self.n_users, met, keys)
        return met, keys

    def begin(self, state: State, rows: NDArray[np.intp], users: NDArray[np.int64], keys: NDArray[np.uint64]) -> None:
        """Begin new lives in ``rows`` (m,) for people ``users`` (m,) with keys (m,) of their randomness."""
        begin(self.packed, blocks_of(state), rows, users, keys)

    def step(self, state: State, actions: NDArray[np.int64]) -> Step:
        """Show everybody the candidates at places ``actions`` (n, S)."""
        n = len(actions)
        click, conversion, churned = np.empty(n, np.bool_), np.empty(n, np.bool_), np.empty(n, np.bool_)
        place, dwell, slates = np.empty(n, np.int64), np.empty(n), np.empty(actions.shape, np.int32)
        live(self.packed, blocks_of(state), actions, slates, click, place, dwell, conversion, churned)
        return Step(slates, Feedback(click, place, dwell, conversion), churned)

    def expected_rewards(self, state: State, items: NDArray[np.int32]) -> NDArray[np.float64]:
        """True expected reward now of items (n, C), each as if shown alone; minus infinity for item 0."""
        out = np.empty(items.shape)
        expect(self.packed, blocks_of(state), items, self.reward, out)
        return out

    def observe(self, state: State, rows: NDArray[np.intp], spread: bool) -> dict[str, NDArray[np.generic]]:
        """Observations of some people, new arrays at each call; reads what is observable and nothing else.

        Args:
            state: Of n people.
            rows: (m,) who is looked at.
            spread: Whether arrays have n rows, zero for everybody else, rather than m.
        """
        n, size, made = state.n if spread else len(rows), self.layout, np.zeros if spread else np.empty
        h, c = size.history_length, size.n_candidates
        profile, situation = made((n, PROFILE_SIZE), np.int8), np.zeros((n, size.situation_size), np.int8)
        history, where, feedback = made((n, h), np.int32), made((n, h), np.int8), made((n, 3 * h), np.float32)
        candidates, mask = made((n, c), np.int32), made((n, c), np.int8)
        told = (profile, situation, history, where, feedback, candidates, mask)
        _observe(blocks_of(state), rows, spread, size.n_scenarios, *told)
        return {
            PROFILE: profile,
            SITUATION: situation,
            HISTORY: history,
            HISTORY_SCENARIO: where,
            HISTORY_FEEDBACK: feedback,
            CANDIDATES: candidates,
            MASK: mask,
        }


@program
def _observe(
    s: Blocks,
    rows: NDArray[np.intp],
    spread: bool,
    n_scenarios: int,
    profile: NDArray[np.int8],
    situation: NDArray[np.int8],
    history: NDArray[np.int32],
    where: NDArray[np.int8],
    feedback: NDArray[np.float32],
    candidates: NDArray[np.int32],
    mask: NDArray[np.int8],
) -> None:
    at, h, c = s.at, history.shape[1], candidates.shape[1]
    all_f8, all_f4, all_i4, all_i1 = s.f8, s.f4, s.i4, s.i1
    for row in range(len(rows)):
        i = rows[row]
        j = i if spread else row
        f4, i4, i1, minute = all_f4[i], all_i4[i], all_i1[i], all_f8[i, at[L.MINUTE]]
        profile[j] = i1[at[L.PROFILE] : at[L.PROFILE] + profile.shape[1]]
        situation[j, i4[at[L.SCENARIO]]] = 1
        situation[j, n_scenarios + daypart_of(minute)] = 1
        situation[j, n_scenarios + _AFTER_DAYPART + int(minute / DAY)] = 1
        situation[j, n_scenarios + _AFTER_DAY + i4[at[L.DEVICE]]] = 1
        situation[j, n_scenarios + _AFTER_DEVICE + i4[at[L.LOCATION]]] = 1
        history[j] = i4[at[L.HISTORY] : at[L.HISTORY] + h]
        where[j] = i1[at[L.HISTORY_SCENARIO] : at[L.HISTORY_SCENARIO] + h]
        feedback[j] = f4[at[L.HISTORY_FEEDBACK] : at[L.HISTORY_FEEDBACK] + 3 * h]
        items = i4[at[L.CANDIDATES] : at[L.CANDIDATES] + c]
        for place in range(c):
            candidates[j, place], mask[j, place] = items[place], items[place] > 0
