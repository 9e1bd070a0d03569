"""Popularity from a log: how often what was shown was clicked, within a scenario, over all of the log or lately."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crossrec.log import Log
from crossrec.observation import CANDIDATES

from .base import BatchObservation, ScoringPolicy
from .reading import n_scenarios, scenario_of

_PRIOR = 10.0  # shows at the scenario's mean rate that every item begins with


def click_rates(
    log: Log, n_items: int, weights: NDArray[np.float64] | None = None, prior: float = _PRIOR
) -> NDArray[np.float64]:
    """Clicks per show of each item within each scenario, drawn to the scenario's mean where shows are few.

    Args:
        log: What was shown; every place of a slate is a show.
        n_items: Largest item id.
        weights: ``(N,)`` of the rows; default: all alike.
        prior: Shows at the scenario's mean rate that every item begins with.

    Returns:
        ``(S, n_items + 1)``; 0 in the column of the padding.
    """
    scenarios, shown = n_scenarios(log.observations), log.shown
    cells = scenario_of(log.observations)[:, None] * (n_items + 1) + shown
    weight = np.ones(len(log)) if weights is None else weights
    size, shape = scenarios * (n_items + 1), (scenarios, n_items + 1)
    each = np.repeat(weight, shown.shape[1])
    shows = np.bincount(cells.ravel(), each, size).reshape(shape)
    rows = np.flatnonzero(log.clicks > 0)
    clicks = np.bincount(cells[rows, log.places[rows]], weight[rows], size).reshape(shape)
    total = shows.sum(axis=1, keepdims=True)
    mean = clicks.sum(axis=1, keepdims=True) / np.where(total > 0, total, 1.0)
    under = shows + prior
    rates: NDArray[np.float64] = np.divide(clicks + prior * mean, under, out=np.zeros(shape), where=under > 0)
    rates[:, 0] = 0.0
    return rates


def recency_weights(rows: int, half_life: float) -> NDArray[np.float64]:
    """Weights ``(rows,)`` of a log's rows: 1 for the last one, half as much every ``half_life`` rows before it."""
    found: NDArray[np.float64] = 0.5 ** (np.arange(rows - 1, -1, -1) / half_life)
    return found


class ClickRatePolicy(ScoringPolicy):
    """The candidate that was clicked most often per show in this scenario.

    Args:
        rates: ``(S, n_items + 1)`` from :func:`click_rates`.
    """

    def __init__(self, rates: NDArray[np.float64]) -> None:
        self._rates = rates

    def scores(self, observation: BatchObservation) -> NDArray[np.float64]:
        """Rates ``(n, C)``."""
        return self._rates[scenario_of(observation)[:, None], observation[CANDIDATES]]
