"""The state of a batch of people, in two halves: what is hidden and what a recommender may know.

Observations are built from :class:`Seen` alone, so hidden truth cannot leak into one by accident.

All values of one type stand in one array, a row per person (a *block*), and every field is a view of its columns. So a
person's state lies together in memory, NumPy code reads fields by name, and compiled code gets five arrays. No row
holds anything per item or per scenario: a person takes a few hundred bytes, whatever the size of the world.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import prod
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from crossrec.observation import DAYPARTS, DEVICES, PROFILE_SIZE, ObservationLayout
from crossrec.world.population import N_STATED

ENJOYED = 3  # how many of the latest enjoyed items a recommender keeps in mind


@dataclass
class Truth:
    """Hidden state, one row per person."""

    theta: NDArray[np.float32]  # (n, K) shared interest
    private: NDArray[np.float32]  # (n, K) the part of effective interest that the current scenario shares with none
    satiation: NDArray[np.float32]  # (n, K)
    patience: NDArray[np.float32]  # (n,) factor on how long they stay
    satisfaction: NDArray[np.float64]  # (n,) mood in [0, 1]
    budget: NDArray[np.float64]  # (n,) minutes left in the session
    routine: NDArray[np.int32]  # (n, D) topic usually on the mind at each daypart
    device_routine: NDArray[np.int32]  # (n, 4) topic usually on the mind on each device
    intent: NDArray[np.int32]  # (n,) topic on the mind
    clicked: NDArray[np.bool_]  # (n,) whether something of the last slate was clicked


@dataclass
class Seen:
    """Observable state, one row per person."""

    user: NDArray[np.int64]  # (n,) id
    minute: NDArray[np.float64]  # (n,) of the week, 0 to 10,080
    away: NDArray[np.float64]  # (n,) [min] gap before a session that has just begun, 0 within one
    profile: NDArray[np.int8]  # (n, PROFILE_SIZE)
    stated: NDArray[np.int32]  # (n, 2) interests in the profile note
    noted: NDArray[np.int32]  # (n, D) routines in the profile note
    scenario: NDArray[np.int32]  # (n,) index
    device: NDArray[np.int32]  # (n,) index
    location: NDArray[np.int32]  # (n,) index
    query: NDArray[np.int32]  # (n,) 1 + index of the search query, 0 = none
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


def field_shapes(n_topics: int, layout: ObservationLayout) -> dict[str, tuple[type[np.generic], tuple[int, ...]]]:
    """Type and shape (per person) of every field, in the order of ``FIELDS``."""
    k, d, h = (n_topics,), (len(DAYPARTS),), layout.history_length
    return {
        "satisfaction": (np.float64, ()),
        "budget": (np.float64, ()),
        "minute": (np.float64, ()),
        "away": (np.float64, ()),
        "theta": (np.float32, k),
        "private": (np.float32, k),
        "satiation": (np.float32, k),
        "patience": (np.float32, ()),
        "history_feedback": (np.float32, (3, h)),
        "user": (np.int64, ()),
        "step": (np.int64, ()),
        "key": (np.uint64, ()),
        "routine": (np.int32, d),
        "device_routine": (np.int32, (len(DEVICES),)),
        "intent": (np.int32, ()),
        "stated": (np.int32, (N_STATED,)),
        "noted": (np.int32, d),
        "scenario": (np.int32, ()),
        "device": (np.int32, ()),
        "location": (np.int32, ()),
        "query": (np.int32, ()),
        "history": (np.int32, (h,)),
        "enjoyed": (np.int32, (ENJOYED,)),
        "recalled": (np.int32, (ENJOYED,)),
        "candidates": (np.int32, (layout.n_candidates,)),
        "clicked": (np.bool_, ()),
        "entered": (np.bool_, ()),
        "profile": (np.int8, (PROFILE_SIZE,)),
        "history_scenario": (np.int8, (h,)),
    }


Half = TypeVar("Half", Truth, Seen, Lives)
_BLOCK = {np.float64: "f8", np.float32: "f4", np.int64: "i8", np.uint64: "i8", np.int32: "i4", np.bool_: "i1"}
BLOCKS = ("f8", "f4", "i8", "i4", "i1")


class State:
    """Everything that is kept of n people.

    Args:
        n: How many.
        n_topics: K.
        layout: Sizes of observations.

    Attributes:
        blocks: The arrays by type: f8, f4, i8 (whole numbers and keys), i4, i1 (small numbers and booleans).
        offsets: (fields,) first column of each field in its block, in the order of :func:`field_shapes`.
    """

    def __init__(self, n: int, n_topics: int, layout: ObservationLayout) -> None:
        self.n, self._make = n, (n_topics, layout)
        shapes = field_shapes(n_topics, layout)
        widths = dict.fromkeys(BLOCKS, 0)
        offsets = []
        for dtype, shape in shapes.values():
            block = _BLOCK.get(dtype, "i1")
            offsets.append(widths[block])
            widths[block] += prod(shape)
        self.offsets = np.array(offsets, np.int64)
        self.blocks: dict[str, NDArray[Any]] = {name: np.zeros((n, widths[name]), name) for name in BLOCKS}
        views: Mapping[str, NDArray[Any]] = {
            name: _columns(self.blocks[_BLOCK.get(dtype, "i1")], begin, dtype, shape)
            for (name, (dtype, shape)), begin in zip(shapes.items(), offsets, strict=True)
        }
        self.truth, self.seen, self.lives = _half(Truth, views), _half(Seen, views), _half(Lives, views)

    def __reduce__(self) -> tuple[Any, ...]:
        # Views would become arrays of their own in a copy, so a copy is made of the blocks alone.
        return _restored, (self.n, self._make, self.blocks)

    @property
    def bytes_per_person(self) -> int:
        """Size of one person's row."""
        return sum(block.shape[1] * block.itemsize for block in self.blocks.values())

    def take(self, rows: NDArray[np.intp]) -> State:
        """A state of its own with copies of some rows, in that order; a row may be taken several times."""
        taken = State(len(rows), *self._make)
        for name in BLOCKS:
            np.take(self.blocks[name], rows, axis=0, out=taken.blocks[name])
        return taken


def _half(half: type[Half], views: Mapping[str, NDArray[Any]]) -> Half:
    return half(**{column.name: views[column.name] for column in fields(half)})


def _restored(n: int, make: tuple[int, ObservationLayout], blocks: dict[str, NDArray[Any]]) -> State:
    state = State(n, *make)
    for name in BLOCKS:
        state.blocks[name][:] = blocks[name]
    return state


def _columns(block: NDArray[Any], begin: int, dtype: type[np.generic], shape: tuple[int, ...]) -> NDArray[Any]:
    part = block[:, begin : begin + prod(shape)]
    if part.dtype != dtype:
        part = part.view(dtype)  # of the same size: keys, booleans
    return part[:, 0] if not shape else part.reshape(len(block), *shape) if len(shape) > 1 else part
