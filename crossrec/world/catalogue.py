"""Items: what there is to recommend. One row per item id; row 0 is padding."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from crossrec.world.scenario import Scenario
from crossrec.world.text import item_description, item_title

_ZIPF = 0.8  # exponent of popularity over rank
_POPULARITY_NOISE = 0.8  # standard deviation of rank noise, beside a quality of standard deviation 1


@dataclass(frozen=True)
class Catalogue:
    """A struct of arrays over item ids 1 to n; ids of one scenario are contiguous, in no order of topic or quality.

    Attributes:
        scenario: Index of each item's scenario; -1 for padding.
        topics: Topic mixtures; rows sum to 1, row 0 is zero.
        main_topic: The largest topic; -1 for padding.
        quality: How good the item is for anybody [logits], hidden from recommenders.
        popularity: Share of past interactions within its scenario (Zipf), observable.
        facet: Price [EUR], length [min] or age [h], by the scenario's ``facet``; 1 where there is none.
        first: First item id of each scenario.
        size: How many items each scenario has.
    """

    scenario: NDArray[np.int8]  # (n + 1,)
    topics: NDArray[np.float32]  # (n + 1, K)
    main_topic: NDArray[np.int16]  # (n + 1,)
    quality: NDArray[np.float32]  # (n + 1,)
    popularity: NDArray[np.float32]  # (n + 1,)
    facet: NDArray[np.float32]  # (n + 1,)
    first: NDArray[np.int64]  # (S,)
    size: NDArray[np.int64]  # (S,)
    _second_topic: NDArray[np.int16] = field(repr=False)
    _serial: NDArray[np.int64] = field(repr=False)
    _names: tuple[str, ...] = field(repr=False)

    @property
    def n_items(self) -> int:
        """The largest item id."""
        return len(self.scenario) - 1

    def title(self, item: int) -> str:
        """A distinct, readable title."""
        if not 1 <= item <= self.n_items:
            raise IndexError(f"item {item} is not in the catalogue; ids run from 1 to {self.n_items}")
        return item_title(self._names[self.scenario[item]], int(self.main_topic[item]), int(self._serial[item]))

    def description(self, item: int) -> str:
        """One sentence about the item."""
        return item_description(
            self._names[self.scenario[item]],
            int(self.main_topic[item]),
            int(self._second_topic[item]),
            int(self._serial[item]),
        )

    def texts(self) -> list[str]:
        """Title and description of every item, in order of id from 1: what an encoder embeds."""
        return [f"{self.title(i)}. {self.description(i)}" for i in range(1, self.n_items + 1)]


def build_catalogue(
    scenarios: tuple[Scenario, ...], items_per_scenario: int, n_topics: int, rng: np.random.Generator
) -> Catalogue:
    """Draw the items of all scenarios.

    Args:
        scenarios: In the order of their indices.
        items_per_scenario: How many items each gets.
        n_topics: K.
        rng: Source of all randomness.
    """
    size, n = items_per_scenario, items_per_scenario * len(scenarios)
    rows = np.arange(n)
    scenario = np.repeat(np.arange(len(scenarios)), size)
    # Topics are nearly even in supply: shuffled rounds over all topics, so that every topic is on offer everywhere.
    main = np.concatenate([rng.permutation(np.arange(size) % n_topics) for _ in scenarios])
    second = (main + rng.integers(1, n_topics, n)) % n_topics
    weight = rng.uniform(0.7, 1.0, n)
    topics = np.zeros((n, n_topics), np.float32)
    topics[rows, main] = weight
    topics[rows, second] += (1.0 - weight).astype(np.float32)
    quality, facet = rng.normal(0.0, 1.0, n), np.ones(n)
    for index, spec in enumerate(scenarios):
        own = scenario == index
        if spec.facet == "age":  # older news is worse
            facet[own] = rng.exponential(24.0, size)
            quality[own] -= np.minimum(facet[own] / 48.0, 2.0) - 0.5
        elif spec.facet:
            facet[own] = np.exp(rng.normal(3.0 if spec.facet == "price" else 1.2, 0.6, size))
    popularity = np.zeros(n)
    for index in range(len(scenarios)):
        own = scenario == index
        rank = np.argsort(np.argsort(-(quality[own] + rng.normal(0.0, _POPULARITY_NOISE, size))))
        share = (rank + 1.0) ** -_ZIPF
        popularity[own] = share / share.sum()
    order = np.lexsort((rows, main, scenario))
    group = scenario[order] * n_topics + main[order]
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    serial = np.empty(n, np.int64)
    serial[order] = rows - np.repeat(rows[starts], np.diff(np.append(starts, n)))

    def padded(values: NDArray[np.generic], dtype: type[np.generic], first: float = 0) -> NDArray[np.generic]:
        column = np.concatenate([np.full((1, *values.shape[1:]), first), values]).astype(dtype)
        column.flags.writeable = False
        return column

    return Catalogue(
        scenario=padded(scenario, np.int8, -1),  # type: ignore[arg-type]
        topics=padded(topics, np.float32),  # type: ignore[arg-type]
        main_topic=padded(main, np.int16, -1),  # type: ignore[arg-type]
        quality=padded(quality, np.float32),  # type: ignore[arg-type]
        popularity=padded(popularity, np.float32),  # type: ignore[arg-type]
        facet=padded(facet, np.float32, 1),  # type: ignore[arg-type]
        first=_read_only(1 + size * np.arange(len(scenarios))),
        size=_read_only(np.full(len(scenarios), size)),
        _second_topic=padded(second, np.int16, -1),  # type: ignore[arg-type]
        _serial=padded(serial, np.int64),  # type: ignore[arg-type]
        _names=tuple(s.name for s in scenarios),
    )


def _read_only(array: NDArray[np.int64]) -> NDArray[np.int64]:
    array.flags.writeable = False  # worlds are shared
    return array
