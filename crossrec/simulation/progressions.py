"""Distinct places in random order, without a search: arithmetic progressions whose strides share no factor with n."""

from __future__ import annotations

from math import gcd

import numpy as np
from numpy.typing import NDArray

_TABLE = 1 << 20  # numbers in the table of progressions of one group, at most


class Progressions:
    """Distinct places below a group's size, in the order of ``(a + j * b) mod size``.

    The start a is random, and so is the stride b, which has no factor in common with the size: no place comes twice,
    and each is equally likely at each j. ``j * b mod size`` stands in a table, a row per stride: a step looks it up and
    adds the start, without a division. Numbers are unsigned, so that ``min(x, x - size)`` is ``x mod size`` for x below
    ``2 * size``.

    Attributes:
        size: (G,) uint32, at least 1.
        strides: All groups' strides, int64, one group after the other.
        begin: (G,) intp, where each group's strides begin.
        count: (G,) uint64, how many strides it has.
    """

    def __init__(self, size: NDArray[np.integer], width: int) -> None:
        self.size = np.maximum(size, 1).astype(np.uint32)
        most = max(_TABLE // width, 16)
        strides = [_coprimes(int(n), most) for n in self.size]
        self.strides = np.concatenate(strides)
        self.count = np.array([len(s) for s in strides], np.uint64)
        self.begin = np.concatenate([[0], np.cumsum(self.count)[:-1]]).astype(np.intp)
        sizes = np.repeat(self.size.astype(np.int64), self.count.astype(np.int64))
        self._table = (self.strides[:, None] * np.arange(width) % sizes[:, None]).astype(np.uint32)

    def draw(
        self, random_bits: NDArray[np.uint64], group: NDArray[np.int64]
    ) -> tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.intp]]:
        """Places of each person.

        Args:
            random_bits: (2, n) for start and stride.
            group: (n,) index of the group.

        Returns:
            (n, width) places, (n, 1) the starts, (n,) which stride.
        """
        size = self.size[group][:, None]
        start = (random_bits[0][:, None] % size).astype(np.uint32)
        which = self.begin[group] + (random_bits[1] % self.count[group]).astype(np.intp)
        places: NDArray[np.uint32] = self._table[which]
        places += start
        np.minimum(places, places - size, out=places)
        return places, start, which


def _coprimes(n: int, most: int) -> NDArray[np.int64]:
    """At most ``most`` numbers below n that have no factor in common with it, spread evenly; 1 where n is 1."""
    values = np.unique(np.linspace(1, max(n - 1, 1), min(max(n - 1, 1), 4 * most)).astype(np.int64))
    coprime = np.array([v for v in values.tolist() if gcd(v, n) == 1], np.int64)
    return coprime[:: -(-len(coprime) // most)]
