"""Which items may be shown: a uniform sample of the scenario's items, without ever touching the catalogue.

The sample is the arithmetic progression ``first + (a + j * b) mod n`` with random start a and a random stride b that
has no factor in common with n. It never repeats an item, and each item is equally likely at each place. Where an item
stands is known by the stride's inverse modulo n, so leaving some out needs no search either.
"""

from __future__ import annotations

from math import gcd

import numpy as np
from numpy.typing import NDArray

from crossrec.random import Draw, bits, purposes
from crossrec.world.catalogue import Catalogue

_DRAWS = purposes(Draw.CANDIDATE_START, Draw.CANDIDATE_STRIDE)
_TABLE = 1 << 20  # numbers in the table of progressions of one scenario, at most


class CandidateSampler:
    """Draws ``n_candidates`` distinct items of a scenario for each person.

    The progressions ``j * b mod n`` stand in a table, a row per stride: a step looks them up and adds the start,
    without a division. Numbers are unsigned, so that ``min(x, x - n)`` is ``x mod n`` for x below 2n.
    """

    def __init__(self, catalogue: Catalogue, n_candidates: int) -> None:
        self.first, self.size = catalogue.first.astype(np.uint32), catalogue.size.astype(np.uint32)
        self.n_candidates = n_candidates
        most = max(_TABLE // n_candidates, 16)
        strides = [_coprimes(int(n), most) for n in self.size]
        self._n_strides = np.array([len(s) for s in strides], np.uint64)
        self._begin = np.concatenate([[0], np.cumsum(self._n_strides)[:-1]]).astype(np.intp)
        sizes = np.repeat(self.size.astype(np.int64), self._n_strides.astype(np.int64))
        stride = np.concatenate(strides)
        self._progressions = (stride[:, None] * np.arange(n_candidates) % sizes[:, None]).astype(np.uint32)
        self._inverses = np.array([pow(b, -1, n) for b, n in zip(stride.tolist(), sizes.tolist(), strict=True)])

    def sample(
        self,
        key: NDArray[np.uint64],
        step: NDArray[np.int64],
        scenario: NDArray[np.int64],
        excluded: NDArray[np.int32],
    ) -> NDArray[np.int32]:
        """Candidates of one moment.

        Args:
            key: (n,) of the lives.
            step: (n,) of the moment.
            scenario: (n,) where the people are.
            excluded: (n, m) item ids that may not be shown now.

        Returns:
            (n, C) item ids; excluded ones are replaced by 0, the padding.
        """
        random_bits = bits(key, step, _DRAWS)
        size, first = self.size[scenario][:, None], self.first[scenario][:, None]
        start = (random_bits[0][:, None] % size).astype(np.uint32)
        which = self._begin[scenario] + (random_bits[1] % self._n_strides[scenario]).astype(np.intp)
        items: NDArray[np.uint32] = self._progressions[which]
        items += start
        np.minimum(items, items - size, out=items)
        items += first

        row, column = np.nonzero((excluded >= first) & (excluded < first + size))
        if row.size:
            offset = excluded[row, column] - first[row, 0] + size[row, 0].astype(np.int64) - start[row, 0]
            place = offset * self._inverses[which[row]] % size[row, 0]
            near = place < self.n_candidates
            items[row[near], place[near]] = 0
        candidates: NDArray[np.int32] = items.view(np.int32)
        return candidates


def _coprimes(n: int, most: int) -> NDArray[np.int64]:
    """At most ``most`` numbers below n that have no factor in common with it, spread evenly; 1 where n is 1."""
    values = np.unique(np.linspace(1, max(n - 1, 1), min(max(n - 1, 1), 4 * most)).astype(np.int64))
    coprime = np.array([v for v in values.tolist() if gcd(v, n) == 1], np.int64)
    return coprime[:: -(-len(coprime) // most)]
