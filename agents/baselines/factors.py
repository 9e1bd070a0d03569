"""Matrix factorisation of the log's clicks by ``implicit``, and how people who are new to the log get factors.

References:
    Hu, Koren and Volinsky, "Collaborative filtering for implicit feedback datasets", ICDM 2008 (ALS, and its fold-in).
    Rendle et al., "BPR: Bayesian personalized ranking from implicit feedback", UAI 2009.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, csr_matrix

from crossrec.errors import ConfigError
from crossrec.observation import CANDIDATES

from .base import BatchObservation, ScoringPolicy
from .rates import ClickRatePolicy
from .reading import liked, settled


def fit_als(
    clicks: csr_array,
    *,
    factors: int = 32,
    regularisation: float = 5.0,
    confidence: float = 10.0,
    iterations: int = 15,
    seed: int = 0,
) -> Any:
    """A fitted ``implicit`` model of alternating least squares.

    Args:
        clicks: ``(people, n_items + 1)`` of 0 and 1.
        factors: Length of the factors.
        regularisation: Of each factor.
        confidence: Weight of a click; what was not clicked weighs 1.
        iterations: Rounds.
        seed: Of the first factors.

    Raises:
        ConfigError: If ``implicit`` is not installed.
    """
    return _fitted(
        "als",
        "AlternatingLeastSquares",
        clicks,
        factors=factors,
        regularization=regularisation,
        alpha=confidence,
        iterations=iterations,
        random_state=seed,
    )


def fit_bpr(
    clicks: csr_array,
    *,
    factors: int = 32,
    learning_rate: float = 0.05,
    regularisation: float = 0.01,
    iterations: int = 100,
    seed: int = 0,
) -> Any:
    """A fitted ``implicit`` model of Bayesian personalised ranking; arguments as for :func:`fit_als`."""
    return _fitted(
        "bpr",
        "BayesianPersonalizedRanking",
        clicks,
        factors=factors,
        learning_rate=learning_rate,
        regularization=regularisation,
        iterations=iterations,
        random_state=seed,
    )


def _fitted(module: str, name: str, clicks: csr_array, **options: Any) -> Any:
    try:
        implicit = importlib.import_module(f"implicit.cpu.{module}")
    except ImportError as error:
        raise ConfigError(
            f"the baseline '{module}' needs the package 'implicit', which cannot be imported ({error}); "
            'run pip install "crossrec[baselines]".'
        ) from error
    # One thread: with several the order of additions, and so the factors, would differ from run to run.
    model = getattr(implicit, name)(num_threads=1, **options)
    model.fit(csr_matrix(clicks), show_progress=False)
    return model


class ALSPolicy(ScoringPolicy):
    """The candidate with the highest inner product with the person's factors, folded in from the clicked history.

    The fold-in is the exact half-step of ALS for one more person, solved in the space of the clicked items.

    Args:
        items: ``(n_items + 1, f)`` factors.
        rates: Breaks ties, and serves people who have clicked nothing yet.
        regularisation: As in :func:`fit_als`.
        confidence: As in :func:`fit_als`.
    """

    def __init__(
        self, items: NDArray[Any], rates: ClickRatePolicy, regularisation: float = 5.0, confidence: float = 10.0
    ) -> None:
        self._items, self._rates, self._confidence = np.asarray(items, np.float64), rates, confidence
        width = self._items.shape[1]
        self._inverse = np.linalg.inv(self._items.T @ self._items + regularisation * np.eye(width))

    def fold_in(self, ids: NDArray[np.int64]) -> NDArray[np.float64]:
        """Factors ``(n, f)`` of people who clicked ``ids`` (n, H), each once, 0 for none."""
        clicked = self._items[ids] * (ids > 0)[:, :, None]
        spread = clicked @ self._inverse  # (n, H, f)
        # By the matrix inversion lemma: H equations for each person rather than f.
        system = np.eye(ids.shape[1]) + (self._confidence - 1.0) * spread @ clicked.transpose(0, 2, 1)
        drawn = self._confidence * spread.sum(axis=1)
        found = np.linalg.solve(system, (clicked @ drawn[:, :, None]))[..., 0]
        factors: NDArray[np.float64] = drawn - (self._confidence - 1.0) * (found[:, None] @ spread)[:, 0]
        return factors

    def scores(self, observation: BatchObservation) -> NDArray[np.float64]:
        """Inner products ``(n, C)``."""
        person = self.fold_in(liked(observation))
        found = (self._items[observation[CANDIDATES]] @ person[:, :, None])[..., 0]
        return settled(found, self._rates.scores(observation))


class BPRPolicy(ScoringPolicy):
    """The candidate whose factors point the same way as the mean of those of the clicked history.

    BPR has no closed form for a person who is new to it; the mean of the clicked items' unit factors stands in.

    Args:
        items: ``(n_items + 1, f)`` factors, without biases.
        rates: Breaks ties, and serves people who have clicked nothing yet.
    """

    def __init__(self, items: NDArray[Any], rates: ClickRatePolicy) -> None:
        factors = np.asarray(items, np.float64)
        self._items = factors / np.maximum(np.linalg.norm(factors, axis=1, keepdims=True), 1e-12)
        self._items[0] = 0.0
        self._rates = rates

    def scores(self, observation: BatchObservation) -> NDArray[np.float64]:
        """Mean cosines ``(n, C)``."""
        ids = liked(observation)
        person = self._items[ids].sum(axis=1) / np.maximum((ids > 0).sum(axis=1), 1)[:, None]
        found = (self._items[observation[CANDIDATES]] @ person[:, :, None])[..., 0]
        return settled(found, self._rates.scores(observation))
