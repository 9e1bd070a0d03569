"""Which items may be shown: a uniform sample of the scenario's items, without ever touching the catalogue.

The sample is the arithmetic progression ``first + (a + j * b) mod n`` with random start a and a random stride b that has no
factor in common with n. It never repeats an item, each item is equally likely at each place, and it costs no memory.
"""

from __future__ import annotations

from math import gcd

import numpy as np
from numpy.typing import NDArray

from crossrec.random import Draw, bits, purposes
from crossrec.world.catalogue import Catalogue

_DRAWS = purposes(Draw.CANDIDATE_START, Draw.CANDIDATE_STRIDE)
_MAX_STRIDES = 4096


class CandidateSampler:
    """Draws ``n_candidates`` distinct items of a scenario for each person."""

    def __init__(self, catalogue: Catalogue, n_candidates: int) -> None:
        self.first, self.size = catalogue.first, catalogue.size
        self.n_candidates = n_candidates
        self._places = np.arange(n_candidates)
        strides = [_coprimes(int(n)) for n in self.size]
        self._n_strides = np.array([len(s) for s in strides], np.uint64)
        self._strides = np.zeros((len(strides), max(map(len, strides))), np.int64)
        for row, values in zip(self._strides, strides, strict=True):
            row[: len(values)] = values
        self._even = bool((self.size == self.size[0]).all())

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
        size = self.size[scenario]
        start = (random_bits[0] % size.astype(np.uint64)).astype(np.int64)
        stride = self._strides[scenario, (random_bits[1] % self._n_strides[scenario]).astype(np.intp)]
        place = start[:, None] + stride[:, None] * self._places
        # Division by one number is several times faster than by one per row.
        items = place - place // self.size[0] * self.size[0] if self._even else place % size[:, None]
        items += self.first[scenario][:, None]
        candidates = items.astype(np.int32)
        for column in range(excluded.shape[1]):
            candidates *= candidates != excluded[:, column, None]
        return candidates


def _coprimes(n: int) -> NDArray[np.int64]:
    """Up to a few thousand numbers below n that have no factor in common with it, spread evenly."""
    values = np.unique(np.linspace(1, max(n - 1, 1), min(max(n - 1, 1), 4 * _MAX_STRIDES)).astype(np.int64))
    return np.array([v for v in values if gcd(int(v), n) == 1][:: max(1, len(values) // _MAX_STRIDES)], np.int64)
