"""Nearest neighbours by clicks: people who clicked the same, and items clicked by the same people.

References:
    Sarwar et al., "Item-based collaborative filtering recommendation algorithms", WWW 2001.
    Herlocker et al., "An algorithmic framework for performing collaborative filtering", SIGIR 1999.
    Ferrari Dacrema et al., "Are we really making much progress?", RecSys 2019 (shrinkage, and why these matter).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from crossrec.observation import CANDIDATES

from .base import BatchObservation, ScoringPolicy
from .rates import ClickRatePolicy
from .reading import history_matrix, liked, looked_up, settled

_SHRINK = 10.0


class ItemKNN(ScoringPolicy):
    """The candidate most like what the person clicked lately: the sum of cosines of the items' clickers.

    Args:
        clicks: ``(people, n_items + 1)`` of 0 and 1.
        rates: Breaks ties, and serves people who have clicked nothing yet.
        neighbours: How many items each item keeps.
        shrink: Added under each cosine, so that few common clicks count for little.
    """

    def __init__(
        self, clicks: csr_array, rates: ClickRatePolicy, neighbours: int = 200, shrink: float = _SHRINK
    ) -> None:
        self._rates = rates
        lengths = np.sqrt(np.asarray(clicks.sum(axis=0)).ravel())
        common = csr_array(clicks.T @ clicks).tocoo()
        other = common.row != common.col
        rows, columns = common.row[other], common.col[other]
        cosines = common.data[other] / (lengths[rows] * lengths[columns] + shrink)
        self.similar = strongest(csr_array((cosines, (rows, columns)), shape=common.shape), neighbours)

    def scores(self, observation: BatchObservation) -> NDArray[np.float64]:
        """Sums of cosines ``(n, C)``."""
        ids, candidates = liked(observation), np.asarray(observation[CANDIDATES]).astype(np.int64)
        pairs = np.broadcast_arrays(ids[:, :, None], candidates[:, None, :])
        found = looked_up(self.similar, *pairs).sum(axis=1)
        return settled(found, self._rates.scores(observation))


class UserKNN(ScoringPolicy):
    """The candidate that people like this one clicked: clicks of the nearest logged people, weighed by cosine.

    Whoever is met is new to the log, so neighbours are found by the clicks of the history in the observation.

    Args:
        clicks: ``(people, n_items + 1)`` of 0 and 1.
        rates: Breaks ties, and serves people who have clicked nothing yet.
        neighbours: How many logged people are asked for each person.
        shrink: Added under each cosine.
    """

    def __init__(
        self, clicks: csr_array, rates: ClickRatePolicy, neighbours: int = 200, shrink: float = _SHRINK
    ) -> None:
        self._rates, self._neighbours, self._shrink = rates, neighbours, shrink
        self._clicks, self._by_item = clicks, csr_array(clicks.T.tocsr())
        self._lengths = np.sqrt(np.asarray(clicks.sum(axis=1)).ravel())

    def similarities(self, observation: BatchObservation) -> csr_array:
        """Cosines ``(n, people)`` with the nearest logged people."""
        history = history_matrix(observation, self._clicks.shape[1] - 1)
        common = csr_array(history @ self._by_item).tocoo()
        own = np.sqrt(np.asarray(history.sum(axis=1)).ravel())
        cosines = common.data / (own[common.row] * self._lengths[common.col] + self._shrink)
        return strongest(csr_array((cosines, (common.row, common.col)), shape=common.shape), self._neighbours)

    def scores(self, observation: BatchObservation) -> NDArray[np.float64]:
        """Sums of cosines ``(n, C)`` of those who clicked the candidate."""
        candidates = np.asarray(observation[CANDIDATES]).astype(np.int64)
        asked = csr_array(self.similarities(observation) @ self._clicks)
        rows = np.broadcast_to(np.arange(len(candidates))[:, None], candidates.shape)
        return settled(looked_up(asked, rows, candidates), self._rates.scores(observation))


def strongest(matrix: csr_array, count: int) -> csr_array:
    """The largest ``count`` entries of each row of a sparse matrix; of equals those of the first columns."""
    entries = matrix.tocoo()
    order = np.lexsort((entries.col, -entries.data, entries.row))
    rows, columns, values = entries.row[order], entries.col[order], entries.data[order]
    starts = np.searchsorted(rows, np.arange(matrix.shape[0]))
    kept = np.arange(len(rows)) - starts[rows] < count
    return csr_array((values[kept], (rows[kept], columns[kept])), shape=matrix.shape)
