"""A candidate at a moment as a row of named numbers: what click models without a network learn from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossrec.log import Log
from crossrec.observation import (
    CANDIDATE_AGE,
    CANDIDATES,
    CONTEXT,
    HISTORY,
    HISTORY_FEEDBACK,
    HISTORY_SCENARIO,
    PROFILE,
    SITUATION,
)

from .base import BatchObservation
from .rates import ClickRatePolicy
from .reading import scenario_of

_KEPT = 0.8  # weight of each step back in recent taste


class Features:
    """Features of candidates: how near they are to the moment, how popular they are, and the moment itself.

    Args:
        table: ``(n_items + 1, d + 1)`` from `crossrec.agents.fusion.items.item_table`: unit vectors and popularity.
        rates: Clicks per show.
    """

    def __init__(self, table: NDArray[np.float32], rates: ClickRatePolicy) -> None:
        self._vectors, self._popularity = np.ascontiguousarray(table[:, :-1]), table[:, -1]
        self._rates = rates

    def of(self, observation: BatchObservation, places: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """Features ``(n, m, F)`` of candidates at ``places`` (n, m), or of all C."""
        ids = np.asarray(observation[CANDIDATES])
        history = np.asarray(observation[HISTORY])
        n, length = history.shape
        clicked = (np.asarray(observation[HISTORY_FEEDBACK])[:, :length] > 0) & (history > 0)
        ignored = (history > 0) & ~clicked
        here = (np.asarray(observation[HISTORY_SCENARIO]) == scenario_of(observation)[:, None] + 1) & (history > 0)
        rates = self._rates.scores(observation)
        ages = observation.get(CANDIDATE_AGE)
        if places is not None:
            ids, rates = np.take_along_axis(ids, places, axis=1), np.take_along_axis(rates, places, axis=1)
            ages = None if ages is None else np.take_along_axis(np.asarray(ages), places, axis=1)
        items = self._vectors[ids]  # (n, m, d)
        past = self._vectors[history]  # (n, H, d)
        near = items @ past.transpose(0, 2, 1)  # (n, m, H)
        fading = np.float32(_KEPT) ** np.arange(length, dtype=np.float32)
        weights = [
            clicked * fading,
            ignored * fading,
            clicked * here * fading,
            clicked / (1.0 + np.arange(length)) ** 2,
        ]
        columns = [near @ _shares(weight)[:, :, None] for weight in weights]
        columns.append(np.where(clicked[:, None], near, 0.0).max(axis=2, keepdims=True))
        columns.append(np.where((history > 0)[:, None, :3], near[:, :, :3], 0.0).max(axis=2, keepdims=True))
        columns += [self._popularity[ids][..., None], rates[..., None]]
        if CONTEXT in observation:
            columns.append(items @ np.asarray(observation[CONTEXT], np.float32)[:, :, None])
        if ages is not None:
            columns.append(np.asarray(ages)[..., None])
        person = [
            clicked.sum(axis=1, keepdims=True) / np.maximum((history > 0).sum(axis=1, keepdims=True), 1),
            (clicked & here).sum(axis=1, keepdims=True) / np.maximum(here.sum(axis=1, keepdims=True), 1),
            clicked[:, :1],
            here.sum(axis=1, keepdims=True),
            observation[SITUATION],
            observation[PROFILE],
        ]
        moment = np.concatenate([np.asarray(part, np.float32).reshape(n, -1) for part in person], axis=1)
        columns.append(np.broadcast_to(moment[:, None], (*ids.shape, moment.shape[1])))
        return np.concatenate([np.asarray(column, np.float32) for column in columns], axis=2)

    def shown(self, log: Log, rows: NDArray[np.int64], chunk: int = 20_000) -> Iterator[NDArray[np.float32]]:
        """Features ``(k * S, F)`` of what was shown in the log's ``rows``, in parts."""
        for start in range(0, len(rows), chunk):
            some = rows[start : start + chunk]
            found = self.of({key: value[some] for key, value in log.observations.items()}, log.slates[some])
            yield found.reshape(-1, found.shape[2])


def clicks_by_place(log: Log, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Clicks ``(k * S,)`` of what was shown in the log's ``rows``, beside `Features.shown`."""
    places = np.arange(log.slates.shape[1])
    found: NDArray[np.float64] = (log.clicks[rows, None] > 0) & (places == log.places[rows, None])
    return found.ravel().astype(np.float64)


def _shares(weights: NDArray[Any]) -> NDArray[np.float32]:
    """Weights ``(n, H)`` that sum to 1, or are all 0."""
    found: NDArray[np.float32] = (weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-6)).astype(np.float32)
    return found
