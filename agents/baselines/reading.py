"""What baselines read from an observation and from a log, once and alike."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from crossrec.log import Log
from crossrec.observation import (
    DAYPARTS,
    DEVICES,
    HISTORY,
    HISTORY_FEEDBACK,
    LOCATIONS,
    SITUATION,
    WEEKDAYS,
)

from .base import BatchObservation

_AFTER_SCENARIO = len(DAYPARTS) + len(WEEKDAYS) + len(DEVICES) + len(LOCATIONS)
_TIE = 1e-6


def scenario_of(observation: BatchObservation) -> NDArray[np.int64]:
    """Index ``(n,)`` of everybody's scenario."""
    found: NDArray[np.int64] = np.asarray(observation[SITUATION])[:, :-_AFTER_SCENARIO].argmax(axis=1).astype(np.int64)
    return found


def n_scenarios(observation: BatchObservation) -> int:
    """S."""
    return int(np.asarray(observation[SITUATION]).shape[-1] - _AFTER_SCENARIO)


def liked(observation: BatchObservation) -> NDArray[np.int64]:
    """Ids ``(n, H)`` of the clicked items of the history, newest first, each once; 0 where there is none."""
    history = np.asarray(observation[HISTORY]).astype(np.int64)
    length = history.shape[1]
    clicked = np.asarray(observation[HISTORY_FEEDBACK])[:, :length] > 0
    ids = np.where(clicked, history, 0)
    newer = np.tri(length, k=-1, dtype=np.bool_)
    again = ((ids[:, :, None] == ids[:, None, :]) & newer).any(axis=2)
    return np.where(again, 0, ids)


def settled(scores: NDArray[Any], fallback: NDArray[Any]) -> NDArray[np.float64]:
    """Scores whose ties, such as those of people who have clicked nothing yet, go by ``fallback`` (in [0, 1])."""
    return np.asarray(scores, np.float64) + _TIE * fallback


def click_matrix(log: Log, n_items: int) -> csr_array:
    """Who clicked what, ``(people, n_items + 1)`` of 0 and 1; people without a click are left out."""
    clicked = log.clicked
    rows = np.flatnonzero(clicked)
    people, person = np.unique(log.users[rows], return_inverse=True)
    matrix = csr_array((np.ones(len(rows), np.float32), (person, clicked[rows])), shape=(len(people), n_items + 1))
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    return matrix


def history_matrix(observation: BatchObservation, n_items: int) -> csr_array:
    """What everybody of a batch clicked lately, ``(n, n_items + 1)`` of 0 and 1."""
    ids = liked(observation)
    rows, places = np.nonzero(ids)
    return csr_array((np.ones(len(rows), np.float32), (rows, ids[rows, places])), shape=(len(ids), n_items + 1))


def looked_up(matrix: csr_array, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.float64]:
    """Entries of a sparse matrix at ``rows`` and ``columns``, arrays of one shape."""
    found = matrix[rows.ravel(), columns.ravel()]
    # Releases of SciPy differ in whether this is sparse.
    dense = found.toarray() if hasattr(found, "toarray") else np.asarray(found)
    return dense.reshape(rows.shape).astype(np.float64)
