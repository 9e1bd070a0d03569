"""A synthetic world: everything that exists, built from a spec and one seed."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from crossrec.config import EnvConfig
from crossrec.world.catalogue import Catalogue, build_catalogue
from crossrec.world.population import People, Population
from crossrec.world.scenario import Scenario, resolve_scenarios
from crossrec.world.text import TOPICS


@dataclass(frozen=True, eq=False)
class World:
    """Scenarios, catalogue and population of one seed.

    Attributes:
        scenarios: In the order of their indices in observations.
        catalogue: All items.
        seed: Fixes catalogue and population.
        population: Everybody, drawn on demand.
    """

    scenarios: tuple[Scenario, ...]
    catalogue: Catalogue
    seed: int
    population: Population = field(init=False)

    def __post_init__(self) -> None:
        dayparts = np.array([s.dayparts for s in self.scenarios])
        object.__setattr__(self, "population", Population(self.seed, dayparts, self.n_topics))

    @property
    def n_topics(self) -> int:
        """K, how many topics all scenarios share."""
        return len(TOPICS)

    def people(self, ids: NDArray[np.int64]) -> People:
        """The people with these ids, (n,); drawn on demand."""
        return self.population.people(ids)


@lru_cache(maxsize=8)
def build_world(scenarios: tuple[Scenario, ...], items_per_scenario: int, seed: int, new_items: float = 0.0) -> World:
    """Build a world; the last few worlds are kept and shared, for they are read-only.

    Args:
        scenarios: In the order of their indices.
        items_per_scenario: Items in each scenario.
        seed: Fixes everything in it.
        new_items: Share of each scenario's items that nobody has met yet.
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(len(scenarios),)))
    return World(scenarios, build_catalogue(scenarios, items_per_scenario, len(TOPICS), rng, new_items), seed)


def world_of(config: EnvConfig) -> World:
    """The world that an environment's options describe."""
    specs = resolve_scenarios(config.scenarios)
    return build_world(specs, config.items_per_scenario, config.world_seed, config.new_items)
