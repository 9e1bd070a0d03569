"""A minimal NumPy simulator: the least that any recommender simulation does, as the reference of the throughput table.

Each step: score the chosen item by a dot product, draw a click, maybe move to another scenario, offer 50 new
candidates, and hand out a copy of the observation. No drift, satiation, mood, sessions, gaps, history, masks or
reproducible lives.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class MinimalSimulator:
    """n people, one dot product each.

    Args:
        n: People.
        n_items: Items in all scenarios together.
        n_candidates: Items offered at each step.
        n_topics: Length of interest and item vectors.
        n_scenarios: Scenarios, each with an equal share of the items.
    """

    def __init__(
        self, n: int, n_items: int = 2000, n_candidates: int = 50, n_topics: int = 24, n_scenarios: int = 5
    ) -> None:
        self.rng = np.random.default_rng(0)
        self.n, self.n_candidates, self.n_scenarios = n, n_candidates, n_scenarios
        self.per_scenario = n_items // n_scenarios
        self.items = self.rng.dirichlet(np.full(n_topics, 0.2), n_items).astype(np.float32)
        self.interest = self.rng.dirichlet(np.full(n_topics, 0.2), n).astype(np.float32)
        self.scenario = self.rng.integers(0, n_scenarios, n)
        self.rows = np.arange(n)
        self._offer()

    def step(self, actions: NDArray[np.int64]) -> tuple[dict[str, NDArray[Any]], NDArray[np.bool_]]:
        """Observations and clicks."""
        chosen = self.items[self.candidates[self.rows, actions]]
        utility = 6.0 * np.einsum("nk,nk->n", self.interest, chosen) - 3.0
        click = self.rng.random(self.n) < 1.0 / (1.0 + np.exp(-utility))
        moving = np.flatnonzero(self.rng.random(self.n) < 0.2)
        self.scenario[moving] = self.rng.integers(0, self.n_scenarios, len(moving))
        self._offer()
        return {"scenario": self.scenario.copy(), "candidates": self.candidates.copy()}, click

    def _offer(self) -> None:
        drawn = self.rng.integers(0, self.per_scenario, (self.n, self.n_candidates), dtype=np.int32)
        self.candidates = drawn + (self.scenario * self.per_scenario).astype(np.int32)[:, None]
