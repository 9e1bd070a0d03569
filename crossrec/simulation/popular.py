"""Candidates by popularity: each item's chance is proportional to its share of past interactions.

References:
    Madow, "On the theory of systematic sampling, II", Annals of Mathematical Statistics 20, 1949.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crossrec.random import Draw, as_uniform, bits, purposes
from crossrec.world.catalogue import Catalogue

_POPULAR = purposes(Draw.CANDIDATE_POPULAR)


class PopularItems:
    """``quota`` distinct items, an item's chance rising with its popularity; new items, which have none, never.

    Systematic sampling with probability proportional to size (Madow 1949): items lie side by side in order of
    popularity, each as wide as its chance, and those at ``u, u + 1, u + 2, ...`` are taken, with one random u of (0, 1)
    per person and step. So each list holds items of all degrees of popularity. An item is included with probability
    ``quota * share``; where that is above 1 it is always included, and what it would have beyond 1 goes to the others
    in proportion. A step costs ``quota`` binary searches per person.

    A scenario gives all its items where it has fewer than the quota.
    """

    def __init__(self, catalogue: Catalogue, quota: int) -> None:
        ids, ends, known = [], [], []
        for index, (first, size) in enumerate(zip(catalogue.first, catalogue.size, strict=True)):
            items = first + np.flatnonzero(~catalogue.new[first : first + size])
            popularity = catalogue.popularity[items].astype(np.float64)
            order = np.lexsort((items, -popularity))
            ids.append(items[order])
            known.append(len(items))
            ends.append(np.cumsum(inclusion(popularity[order], quota)) + index * (quota + 1))
        self._quota = np.arange(quota)
        self._ids = np.append(np.concatenate(ids), 0).astype(np.int32)  # the last stands for none
        self._ends = np.concatenate(ends)
        self._known = np.array(known)
        self._last = np.where(self._known > 0, np.cumsum(known) - 1, -1)

    def draw(
        self,
        key: NDArray[np.uint64],
        step: NDArray[np.int64],
        scenario: NDArray[np.int64],
        enjoyed: NDArray[np.int32],
    ) -> NDArray[np.int32]:
        """See :class:`crossrec.simulation.sources.Source`."""
        begin = as_uniform(bits(key, step, _POPULAR))[0] + scenario * (len(self._quota) + 1)
        points = begin[:, None] + self._quota
        place = np.searchsorted(self._ends, points.ravel(), side="right").reshape(points.shape)
        # a sum of chances may end a little below the number of items taken
        place = np.minimum(place, self._last[scenario][:, None])
        items: NDArray[np.int32] = self._ids[place]
        items[self._quota >= self._known[scenario][:, None]] = 0
        return items


def inclusion(popularity: NDArray[np.float64], quota: int) -> NDArray[np.float64]:
    """Chances in proportion to popularity, at most 1, that sum to ``quota``, or to the number of items if that is less.

    Args:
        popularity: (m,) at least 0, falling.
        quota: How many items are taken.
    """
    m = len(popularity)
    if m <= quota:
        return np.ones(m)
    # what nobody has met, but is not called new, is as good as never taken
    weight = np.maximum(popularity, 1e-12 * popularity[0] + 1e-300)
    others = np.cumsum(weight[::-1])[::-1]  # from each item on
    full = int(np.argmax((quota - np.arange(m)) * weight <= others))  # the first whose chance is not above 1
    chance = np.ones(m)
    chance[full:] = np.minimum((quota - full) * weight[full:] / others[full], 1.0)
    return chance
