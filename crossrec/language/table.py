"""Context vectors of the moments met so far, found for a whole batch by one search."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CAPACITY = 200_000
"""Moments kept in memory; beyond, the table begins anew (the store still has their texts)."""


class MomentTable:
    """Vectors (m, dimension) by 64-bit code."""

    def __init__(self, dimension: int) -> None:
        self._dimension = dimension
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._codes = np.zeros(0, np.uint64)  # (m,) sorted
        self._places = np.zeros(0, np.intp)  # (m,) row of each code in the vectors
        self._vectors = np.zeros((1024, self._dimension), np.float32)

    def __len__(self) -> int:
        return len(self._codes)

    def find(self, codes: NDArray[np.uint64]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Vectors (n, dimension) of codes (n,), and whether each is known; rows of unknown ones mean nothing."""
        if not len(self._codes):
            return np.zeros((len(codes), self._dimension), np.float32), np.zeros(len(codes), np.bool_)
        at = self._codes.searchsorted(codes)
        np.minimum(at, len(self._codes) - 1, out=at)
        return self._vectors[self._places[at]], self._codes[at] == codes

    def add(self, codes: NDArray[np.uint64], vectors: NDArray[np.float32]) -> None:
        """Take in new, distinct codes (n,) and their vectors (n, dimension)."""
        if len(self) + len(codes) > CAPACITY:
            self.clear()
        begin, end = len(self), len(self) + len(codes)
        if end > len(self._vectors):
            larger = np.zeros((max(end, 2 * len(self._vectors)), self._dimension), np.float32)
            larger[:begin] = self._vectors[:begin]
            self._vectors = larger
        self._vectors[begin:end] = vectors
        order = np.argsort(codes)
        where = self._codes.searchsorted(codes[order])
        self._codes = np.insert(self._codes, where, codes[order])
        self._places = np.insert(self._places, where, begin + order)
