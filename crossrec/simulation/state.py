"""The state of a batch of people, in two halves: what is hidden and what a recommender may know.

Observations are built from :class:`Seen` alone, so hidden truth cannot leak into one by accident.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from crossrec.observation import DAYPARTS, PROFILE_SIZE, ObservationLayout
from crossrec.world.population import People

ENJOYED = 3  # how many of the latest enjoyed items a recommender keeps in mind


@dataclass
class Truth:
    """Hidden state, one row per person."""

    theta: NDArray[np.float32]  # (n, K) shared interest
    phi: NDArray[np.float32]  # (n, S, K) private interest per scenario
    private: NDArray[np.float32]  # (n, K) the part of effective interest that the current scenario shares with none
    routine: NDArray[np.int64]  # (n, D) topic usually on the mind at each daypart
    habit: NDArray[np.float32]  # (n, D, S) weight of each scenario at each daypart
    patience: NDArray[np.float32]  # (n,) factor on how long they stay
    intent: NDArray[np.int64]  # (n,) topic on the mind
    satiation: NDArray[np.float32]  # (n, K) at least 0
    satisfaction: NDArray[np.float64]  # (n,) mood in [0, 1]
    budget: NDArray[np.float64]  # (n,) minutes left in the session
    clicked: NDArray[np.bool_]  # (n,) whether the last item shown was clicked


@dataclass
class Seen:
    """Observable state, one row per person."""

    user: NDArray[np.int64]  # (n,) id
    profile: NDArray[np.int8]  # (n, PROFILE_SIZE)
    stated: NDArray[np.int64]  # (n, 2) interests in the profile note
    noted: NDArray[np.int64]  # (n, D) routines in the profile note
    minute: NDArray[np.float64]  # (n,) of the week, 0 to 10,080
    scenario: NDArray[np.int64]  # (n,) index
    device: NDArray[np.int64]  # (n,) index
    location: NDArray[np.int64]  # (n,) index
    entered: NDArray[np.bool_]  # (n,) whether this moment is the first in the scenario
    history: NDArray[np.int32]  # (n, H) items shown, newest first, 0 = none
    history_scenario: NDArray[np.int8]  # (n, H) 1 + scenario, 0 = none
    history_feedback: NDArray[np.float32]  # (n, 3, H) clicked, dwell, converted
    enjoyed: NDArray[np.int32]  # (n, ENJOYED) latest clicked items, newest first, 0 = none
    recalled: NDArray[np.int32]  # (n, ENJOYED) the same when the person entered the scenario
    candidates: NDArray[np.int32]  # (n, C) item ids, 0 = padding

    def at(self, rows: NDArray[np.intp]) -> Seen:
        """A copy of the observable state of some people."""
        return Seen(**{column.name: getattr(self, column.name)[rows] for column in fields(self)})


@dataclass
class Lives:
    """Where each life stands in its own randomness and time."""

    key: NDArray[np.uint64]  # (n,) of the counter-based generator
    step: NDArray[np.int64]  # (n,) steps taken


@dataclass
class State:
    """Everything that is kept of n people."""

    truth: Truth
    seen: Seen
    lives: Lives


def blank_state(n: int, n_topics: int, n_scenarios: int, layout: ObservationLayout) -> State:
    """A state of ``n`` rows to be filled by :func:`put`."""
    return State(
        _blank_truth(n, n_topics, n_scenarios, len(DAYPARTS)),
        _blank_seen(n, PROFILE_SIZE, len(DAYPARTS), layout.history_length, layout.n_candidates),
        Lives(np.zeros(n, np.uint64), np.zeros(n, np.int64)),
    )


def copy_rows(source: State, target: State, rows: NDArray[np.intp]) -> None:
    """Copy everything about some people from one state to the same rows of another."""
    for here, there in (
        (source.truth, target.truth),
        (source.seen, target.seen),
        (source.lives, target.lives),
    ):
        for column in fields(here):
            getattr(there, column.name)[rows] = getattr(here, column.name)[rows]


def _blank_truth(n: int, n_topics: int, n_scenarios: int, n_dayparts: int) -> Truth:
    return Truth(
        theta=np.zeros((n, n_topics), np.float32),
        phi=np.zeros((n, n_scenarios, n_topics), np.float32),
        private=np.zeros((n, n_topics), np.float32),
        routine=np.zeros((n, n_dayparts), np.int64),
        habit=np.zeros((n, n_dayparts, n_scenarios), np.float32),
        patience=np.ones(n, np.float32),
        intent=np.zeros(n, np.int64),
        satiation=np.zeros((n, n_topics), np.float32),
        satisfaction=np.zeros(n),
        budget=np.zeros(n),
        clicked=np.zeros(n, np.bool_),
    )


def _blank_seen(n: int, profile_size: int, n_dayparts: int, history_length: int, n_candidates: int) -> Seen:
    return Seen(
        user=np.zeros(n, np.int64),
        profile=np.zeros((n, profile_size), np.int8),
        stated=np.zeros((n, 2), np.int64),
        noted=np.zeros((n, n_dayparts), np.int64),
        minute=np.zeros(n),
        scenario=np.zeros(n, np.int64),
        device=np.zeros(n, np.int64),
        location=np.zeros(n, np.int64),
        entered=np.zeros(n, np.bool_),
        history=np.zeros((n, history_length), np.int32),
        history_scenario=np.zeros((n, history_length), np.int8),
        history_feedback=np.zeros((n, 3, history_length), np.float32),
        enjoyed=np.zeros((n, ENJOYED), np.int32),
        recalled=np.zeros((n, ENJOYED), np.int32),
        candidates=np.zeros((n, n_candidates), np.int32),
    )


def put(state: State, rows: NDArray[np.intp], ids: NDArray[np.int64], people: People) -> None:
    """Begin new lives in ``rows``: these people, and everything else as nothing had happened yet."""
    for half in (state.truth, state.seen):
        for column in fields(half):
            values = getattr(people, column.name, None)
            getattr(half, column.name)[rows] = 0 if values is None else values
    state.seen.user[rows] = ids
