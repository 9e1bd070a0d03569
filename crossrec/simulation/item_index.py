"""Search for the nearest of a scenario's items: exactly, or in a graph where there are very many.

Cosines are compared as whole numbers: unit vectors are rounded to 15 to 24 binary places, fewer the more items there
are, and sums of their products stay below 2^53, where double precision is exact. So neither the batch, nor the
processor, nor the linear-algebra library can turn a near-tie around: what is nearest is a pure function of the
catalogue. Equal cosines go by item id.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

_ONE_CELL = 4_096  # items up to which one product is quicker than leaving cells out
_SCANNED = 1 << 20  # numbers in a block of cosines
_MARGIN = 1e-3  # on bounds of cosines, far above what rounding to 15 binary places does


class Index(Protocol):
    """Finds the nearest items of one scenario."""

    def search(self, topics: NDArray[np.float32], count: int) -> NDArray[np.int64]:
        """Places in the scenario, (m, count), nearest first, -1 = none, for topic mixtures (m, K)."""


class ExactIndex:
    """Exact search that leaves out what cannot be near.

    Items stand in cells by their largest topic. No item of a cell is nearer to x than ``cos(angle(x, c) - r)``, where c
    is the cell's centre and r the largest angle between c and an item of it (the triangle inequality on the sphere), so
    once the nearest ones found are nearer than that, the cell need not be scanned.

    Args:
        topics: (n, K) mixtures of the scenario's items.
    """

    def __init__(self, topics: NDArray[np.float32]) -> None:
        self.n = len(topics)
        self.shift, self.precision = _precision(self.n)
        cell = topics.argmax(axis=1) if self.n > _ONE_CELL else np.zeros(self.n, np.intp)
        order = np.argsort(cell, kind="stable")
        self._begin = np.flatnonzero(np.diff(cell[order], prepend=-1))
        self._end = np.append(self._begin[1:], self.n)
        self._last_first = (self.n - 1 - order).astype(np.float64)  # the lower id wins among equal cosines
        self._vectors = np.empty(topics.shape, np.float32)  # whole numbers below 2^24, so nothing is lost
        self._centre = np.empty((len(self._begin), topics.shape[1]))
        self._radius = np.empty(len(self._begin))
        for index, (begin, end) in enumerate(zip(self._begin, self._end, strict=True)):
            members = _whole(topics[order[begin:end]], self.precision)
            self._vectors[begin:end] = members
            self._centre[index] = _unit(members.sum(axis=0)[None])[0]
            cosine = (_unit(members) @ self._centre[index]).min()
            self._radius[index] = np.arccos(np.clip(cosine, -1.0, 1.0))

    def search(self, topics: NDArray[np.float32], count: int) -> NDArray[np.int64]:
        """See :class:`Index`."""
        whole = _whole(topics, self.precision)
        cosine = np.clip(_unit(whole) @ self._centre.T, -1.0, 1.0)
        bound = np.cos(np.maximum(np.arccos(cosine) - self._radius, 0.0)) + _MARGIN
        bound *= 4.0**self.precision * 2.0**self.shift
        whole *= 2.0**self.shift
        best = np.full((len(topics), count), -1.0)  # keys; the least stands first
        home = cosine.argmax(axis=1)
        for cell in range(len(self._begin)):
            self._scan(cell, np.flatnonzero(home == cell), whole, best)
        for cell in range(len(self._begin)):
            self._scan(cell, np.flatnonzero((home != cell) & (bound[:, cell] >= best[:, 0])), whole, best)
        best.sort(axis=1)
        found = best[:, ::-1].astype(np.int64)
        return np.where(found >= 0, self.n - 1 - (found & ((1 << self.shift) - 1)), -1)

    def _scan(self, cell: int, rows: NDArray[np.intp], whole: NDArray[np.float64], best: NDArray[np.float64]) -> None:
        """Let a cell's items compete with the best keys of some rows; a key is cosine, then id, in one number."""
        if not rows.size:
            return
        begin, end, count = self._begin[cell], self._end[cell], best.shape[1]
        block = self._vectors[begin:end].T.astype(np.float64)
        step = max(_SCANNED // int(end - begin), 1)
        for part in (rows[i : i + step] for i in range(0, len(rows), step)):
            keys = np.empty((len(part), count + block.shape[1]))
            keys[:, :count] = best[part]
            np.matmul(whole[part], block, out=keys[:, count:])
            keys[:, count:] += self._last_first[begin:end]
            keys.partition(keys.shape[1] - count, axis=1)
            best[part] = keys[:, -count:]


class ApproximateIndex:
    """A graph of near items, searched in logarithmic time (HNSW, by usearch), for scenarios with very many items.

    It is built at the first search, by one thread and in order of ids, and holds whole numbers in double precision:
    sums are exact whichever kernel usearch takes, so every process finds the same items. A few in a thousand of the
    nearest are missed. Another version of usearch, or one for another operating system, may build another graph.

    Args:
        topics: (n, K) mixtures of the scenario's items.
    """

    def __init__(self, topics: NDArray[np.float32]) -> None:
        self.topics = topics
        self.shift, self.precision = _precision(len(topics))
        self._graph: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_graph": None}  # a copy builds the same graph when it needs one

    def search(self, topics: NDArray[np.float32], count: int) -> NDArray[np.int64]:
        """See :class:`Index`."""
        if self._graph is None:
            self._graph = self._build()
        whole = _whole(topics, self.precision)
        # usearch answers a single question in another shape
        matches = self._graph.search(whole if len(whole) > 1 else np.repeat(whole, 2, axis=0), count, threads=1)
        found = matches.keys[: len(whole)].astype(np.int64)
        none = np.arange(count) >= matches.counts[: len(whole), None]
        found[none] = 0
        near = np.einsum("mk,mck->mc", whole, _whole(self.topics[found], self.precision))
        order = np.lexsort((found, np.where(none, 1.0, -near)), axis=1)
        found[none] = -1
        return np.take_along_axis(found, order, axis=1)

    def _build(self) -> Any:
        usearch = import_module("usearch.index")
        n, n_topics = self.topics.shape
        graph = usearch.Index(ndim=n_topics, metric="ip", dtype="f64", connectivity=32)
        for begin in range(0, n, _SCANNED // 16):
            ids = np.arange(begin, min(begin + _SCANNED // 16, n), dtype=np.uint64)
            graph.add(ids, _whole(self.topics[begin : begin + len(ids)], self.precision), threads=1)
        return graph


def _precision(n: int) -> tuple[int, int]:
    """Binary places for a place among n items and for a coordinate, such that a key of both is exact below 2^53."""
    shift = n.bit_length()
    return shift, (52 - shift) // 2


def _unit(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    """Rows scaled to length 1; rows of zeros stay."""
    wide = np.array(vectors, np.float64, order="C")
    length = np.sqrt((wide * wide).sum(axis=1, keepdims=True))
    wide /= np.where(length > 0.0, length, 1.0)
    return wide


def _whole(vectors: NDArray[np.floating], precision: int) -> NDArray[np.float64]:
    """Unit vectors as whole numbers of ``2^-precision``; any leading dimensions."""
    flat = _unit(vectors.reshape(-1, vectors.shape[-1]))
    return np.rint(flat * 2.0**precision).reshape(vectors.shape)
