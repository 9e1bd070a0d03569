"""A synthetic world: everything that exists, built from a spec and one seed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from crossrec.world.catalogue import Catalogue, build_catalogue
from crossrec.world.population import People, draw_people
from crossrec.world.scenario import SCENARIOS, Scenario
from crossrec.world.text import TOPICS


@dataclass(frozen=True, eq=False)
class World:
    """Scenarios, catalogue and population of one seed.

    Attributes:
        scenarios: In the order of their indices in observations.
        catalogue: All items.
        seed: Fixes catalogue and population.
    """

    scenarios: tuple[Scenario, ...]
    catalogue: Catalogue
    seed: int

    @property
    def n_topics(self) -> int:
        """K, how many topics all scenarios share."""
        return len(TOPICS)

    def people(self, ids: NDArray[np.int64]) -> People:
        """The people with these ids, (n,); drawn on demand."""
        dayparts = np.array([s.dayparts for s in self.scenarios])
        return draw_people(self.seed, ids, dayparts, self.n_topics)


def build_world(scenarios: tuple[str, ...], items_per_scenario: int, seed: int) -> World:
    """Build a world of shipped scenarios; the last few worlds are kept and shared, for they are read-only.

    Args:
        scenarios: Names, see :data:`crossrec.world.scenario.SCENARIOS`.
        items_per_scenario: Items in each scenario.
        seed: Fixes everything in it.
    """
    return _build(tuple(SCENARIOS[name] for name in scenarios), items_per_scenario, seed)


@lru_cache(maxsize=8)
def _build(specs: tuple[Scenario, ...], items_per_scenario: int, seed: int) -> World:
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(len(specs),)))
    return World(specs, build_catalogue(specs, items_per_scenario, len(TOPICS), rng), seed)
