"""Sources of candidates: new items, and items near what was enjoyed lately; popular.py and candidates.py have others.

Each answers for a whole batch of people without looping over them and without scanning the catalogue. What a source
gives is a pure function of the life, its step and what the person enjoyed.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from crossrec.random import Draw, bits, purposes
from crossrec.simulation.nearest import Neighbours
from crossrec.simulation.progressions import Progressions
from crossrec.world.catalogue import Catalogue

_NEW = purposes(Draw.CANDIDATE_NEW, Draw.CANDIDATE_NEW_STRIDE)


class Source(Protocol):
    """Anything that proposes items; ``q`` is how many at most."""

    def draw(
        self,
        key: NDArray[np.uint64],
        step: NDArray[np.int64],
        scenario: NDArray[np.int64],
        enjoyed: NDArray[np.int32],
    ) -> NDArray[np.int32]:
        """Items of each person's scenario.

        Args:
            key: (n,) of the lives.
            step: (n,) of the moment.
            scenario: (n,) where the people are.
            enjoyed: (n, 3) latest clicked items, newest first, 0 = none.

        Returns:
            (n, q) distinct item ids, 0 = none.
        """


class NewItems:
    """``quota`` items uniformly among the scenario's new ones; all of them where there are fewer."""

    def __init__(self, catalogue: Catalogue, quota: int) -> None:
        ids = np.flatnonzero(catalogue.new).astype(np.int32)
        self._begin = np.searchsorted(ids, catalogue.first)
        self._count = np.searchsorted(ids, catalogue.first + catalogue.size) - self._begin
        self._ids = np.append(ids, np.int32(0))  # a scenario without new items may stand at the very end
        self._places = Progressions(self._count, quota)
        self._quota = np.arange(quota)

    def draw(
        self,
        key: NDArray[np.uint64],
        step: NDArray[np.int64],
        scenario: NDArray[np.int64],
        enjoyed: NDArray[np.int32],
    ) -> NDArray[np.int32]:
        """See :class:`Source`."""
        places, _, _ = self._places.draw(bits(key, step, _NEW), scenario)
        items: NDArray[np.int32] = self._ids[self._begin[scenario][:, None] + places]
        items[self._quota >= self._count[scenario][:, None]] = 0
        return items


class NearItems:
    """``quota`` items of the scenario nearest to the latest enjoyed ones, which take turns, newest first."""

    def __init__(self, neighbours: Neighbours, quota: int) -> None:
        self.neighbours, self._quota = neighbours, quota

    def draw(
        self,
        key: NDArray[np.uint64],
        step: NDArray[np.int64],
        scenario: NDArray[np.int64],
        enjoyed: NDArray[np.int32],
    ) -> NDArray[np.int32]:
        """See :class:`Source`; nothing for who has enjoyed nothing."""
        n, m = enjoyed.shape
        count = self.neighbours.count
        lists = self.neighbours.of(enjoyed.ravel(), np.repeat(scenario, m)).reshape(n, m, count)
        return distinct(lists.transpose(0, 2, 1).reshape(n, m * count), self._quota)


def distinct(items: NDArray[np.int32], count: int) -> NDArray[np.int32]:
    """The first ``count`` different items of each row, in their order; 0 is none and fills up.

    Args:
        items: (n, w) ids, at least 0.
        count: At most w.

    Returns:
        (n, count).
    """
    n, width = items.shape
    shift = width.bit_length()
    ordered = (items.astype(np.int64) << shift) | np.arange(width)
    ordered.sort(axis=1)  # by item, then by place: the first of its kind comes first
    item, place = ordered >> shift, ordered & ((1 << shift) - 1)
    first = item > 0
    first[:, 1:] &= item[:, 1:] != item[:, :-1]
    keep = np.zeros((n, width), np.bool_)
    np.put_along_axis(keep, place, first, axis=1)
    rank = np.cumsum(keep, axis=1, dtype=np.int32)
    keep &= rank <= count
    result = np.zeros((n, count), np.int32)
    result[np.arange(count) < rank[:, -1:]] = items[keep]
    return result
