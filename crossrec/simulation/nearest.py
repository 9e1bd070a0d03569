"""Nearest items of a scenario by the cosine of topic mixtures, found once per (item, scenario) and remembered."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from crossrec.errors import ConfigError
from crossrec.simulation.item_index import ApproximateIndex, ExactIndex, Index
from crossrec.world.catalogue import Catalogue

_LISTS = 200_000  # lists remembered, at most
_NUMBERS = 1 << 24  # numbers in them, at most


class Neighbours:
    """The nearest items of a scenario to any item, looked up in a table that grows as questions come.

    An item is not its own neighbour. When the table is full it is emptied, which changes nothing but time.

    Args:
        catalogue: All items.
        count: How many neighbours each item gets.
        index: ``exact``, or ``usearch``, which misses a few neighbours in a thousand; exact search stays quick up to
            some 100,000 items per scenario.
        limit: Lists kept, at most; default: 200,000, or as many as make 2^24 numbers.

    Raises:
        ConfigError: If usearch is asked for and not installed.
    """

    def __init__(self, catalogue: Catalogue, count: int, index: str = "exact", limit: int | None = None) -> None:
        if index == "usearch" and find_spec("usearch") is None:
            raise ConfigError(
                "candidates.index='usearch' needs usearch, which is not installed; install it with "
                "pip install 'crossrec[index]', or set candidates.index=exact."
            )
        self.catalogue, self.count = catalogue, count
        self.limit = limit or max(min(_LISTS, _NUMBERS // count), 1)
        self.approximate = index == "usearch"
        self._indexes: dict[int, Index] = {}
        self._width = catalogue.n_items + 1
        self._row = np.zeros(self._width * len(catalogue.size), np.int32)  # of each list; pages unused take no memory
        self._known = np.empty(0, np.int64)  # keys that have a row
        self._lists = np.zeros((1, count), np.int32)  # row 0: nothing

    def of(self, items: NDArray[np.int32], scenario: NDArray[np.int64]) -> NDArray[np.int32]:
        """Nearest items.

        Args:
            items: (m,) ids in any scenario; 0 = none.
            scenario: (m,) where neighbours are wanted.

        Returns:
            (m, count) ids, nearest first; 0 where there are no more.
        """
        if len(items) > self.limit:
            cut = self.limit
            return np.concatenate([self.of(items[:cut], scenario[:cut]), self.of(items[cut:], scenario[cut:])])
        key = scenario * self._width + items
        missing = np.unique(key[(self._row[key] == 0) & (items > 0)])
        if missing.size:
            if len(self._known) + missing.size > self.limit:
                self._row[self._known] = 0
                self._known = self._known[:0]
                missing = np.unique(key[items > 0])
            self._add(missing)
        lists: NDArray[np.int32] = self._lists[self._row[key]]
        return lists

    def _add(self, missing: NDArray[np.int64]) -> None:
        begin = 1 + len(self._known)
        end = begin + len(missing)
        if end > len(self._lists):
            larger = np.zeros((min(max(2 * len(self._lists), end), self.limit + 1), self.count), np.int32)
            larger[:begin] = self._lists[:begin]
            self._lists = larger
        scenario, item = np.divmod(missing, self._width)
        for index in np.unique(scenario).tolist():
            rows = np.flatnonzero(scenario == index)
            self._lists[begin + rows] = self._search(index, item[rows])
        self._row[missing] = np.arange(begin, end)
        self._known = np.concatenate([self._known, missing])

    def _search(self, scenario: int, items: NDArray[np.int64]) -> NDArray[np.int32]:
        first, size = int(self.catalogue.first[scenario]), int(self.catalogue.size[scenario])
        if scenario not in self._indexes:
            kind = ApproximateIndex if self.approximate else ExactIndex
            self._indexes[scenario] = kind(self.catalogue.topics[first : first + size])
        wanted = min(self.count + 1, size)  # one more, for the item may find itself
        found = self._indexes[scenario].search(self.catalogue.topics[items], wanted)
        found = np.where(found < 0, 0, found + first)
        found[found == items[:, None]] = 0
        order = np.argsort(found == 0, axis=1, kind="stable")  # nothing goes last
        lists = np.zeros((len(items), self.count), np.int32)
        width = min(self.count, wanted)
        lists[:, :width] = np.take_along_axis(found, order, axis=1)[:, :width]
        return lists
