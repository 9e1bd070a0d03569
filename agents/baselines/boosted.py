"""Gradient boosting that tells clicks from their features: what wins on tables, without a network.

References:
    Friedman, "Greedy function approximation: a gradient boosting machine", Annals of Statistics 2001.
    Ke et al., "LightGBM", NeurIPS 2017, which scikit-learn's histogram version follows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crossrec.errors import ConfigError
from crossrec.log import Log
from crossrec.observation import MASK

from ..masks import allowed
from .base import BatchObservation, ScoringPolicy
from .features import Features, clicks_by_place

_MOST = 400_000  # things shown that are learned from; more hardly help


class BoostedClicks(ScoringPolicy):
    """The candidate that is likeliest to be clicked, by gradient boosted trees over :class:`Features`.

    Args:
        log: What to learn from.
        features: Of candidates.
        seed: Of the rows that are learned from, those held out to stop by, and the trees.
        trees: At most.
        most: Things shown that are learned from at most.
    """

    def __init__(self, log: Log, features: Features, seed: int = 0, trees: int = 200, most: int = _MOST) -> None:
        from sklearn.ensemble import HistGradientBoostingClassifier

        slate = log.slates.shape[1]
        rows = np.arange(len(log))
        if len(log) * slate > most:
            rows = np.sort(np.random.default_rng(seed).permutation(len(log))[: most // slate])
        clicks = clicks_by_place(log, rows)
        if clicks.min() == clicks.max():
            raise ConfigError(
                f"the log has {'only' if clicks.max() else 'no'} clicks in {len(rows)} rows, so there is nothing to "
                "tell apart; make a longer one with `crossrec log`."
            )
        self._features = features
        self._model = HistGradientBoostingClassifier(
            max_iter=trees,
            learning_rate=0.1,
            max_leaf_nodes=31,
            early_stopping=True,
            n_iter_no_change=10,
            random_state=seed,
        )
        self._model.fit(np.concatenate(list(features.shown(log, rows))), clicks)

    def scores(self, observation: BatchObservation) -> NDArray[np.float64]:
        """Logits of a click ``(n, C)``; zero where a candidate may not be chosen."""
        ok = allowed(np.asarray(observation[MASK]))
        found = np.zeros(ok.shape)
        found[ok] = self._model.decision_function(self._features.of(observation)[ok])
        return found
