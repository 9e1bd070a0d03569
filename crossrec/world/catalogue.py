"""Items: what there is to recommend. One row per item id; row 0 is padding."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossrec.observation import WEEK
from crossrec.world.scenario import Scenario
from crossrec.world.text import item_description, item_title, title_is_bait

# Columns of `Catalogue.table` after the topics.
QUALITY, MAIN_TOPIC, LENGTH, PRICE, BAITED, BORN = range(6)
EXTRAS = 6
_ZIPF = 0.8  # exponent of popularity over rank
_POPULARITY_NOISE = 0.8  # standard deviation of rank noise, beside a quality of standard deviation 1


@dataclass(frozen=True)
class Catalogue:
    """A struct of arrays over item ids 1 to n; ids of one scenario are contiguous, in no order of topic or quality.

    Attributes:
        table: What a step reads of an item, side by side, so that a step touches one place in memory: topics, then
            ``QUALITY``, ``MAIN_TOPIC``, ``LENGTH``, ``PRICE``, ``BAITED``, ``BORN`` as K + these. The next seven are
            views of it, or the same numbers.
        topics: Topic mixtures; rows sum to 1, row 0 is zero.
        main_topic: The largest topic; -1 for padding.
        quality: How good the item is for anybody [logits], hidden from recommenders.
        length: Length relative to the scenario's median; 1 where items have none.
        price: Log of the price relative to the scenario's median; 0 where items have none.
        bait: 1 where the title promises more than the item keeps, see ``BAIT`` in vocabulary.py; else 0.
        born: Minute of the week at which the item appears, where items age.
        scenario: Index of each item's scenario; -1 for padding.
        new: Whether nobody has met it yet.
        popularity: Share of past interactions within its scenario (Zipf), observable; 0 for new items.
        facet: Price [EUR], length [min] or age [h], by the scenario's ``facet``; 1 where there is none.
        first: First item id of each scenario.
        size: How many items each scenario has.
    """

    table: NDArray[np.float32]  # (n + 1, K + 6)
    scenario: NDArray[np.int8]  # (n + 1,)
    main_topic: NDArray[np.int16]  # (n + 1,)
    new: NDArray[np.bool_]  # (n + 1,)
    popularity: NDArray[np.float32]  # (n + 1,)
    facet: NDArray[np.float32]  # (n + 1,)
    first: NDArray[np.int64]  # (S,)
    size: NDArray[np.int64]  # (S,)
    _second_topic: NDArray[np.int16] = field(repr=False)
    _serial: NDArray[np.int64] = field(repr=False)
    _names: tuple[str, ...] = field(repr=False)

    @property
    def topics(self) -> NDArray[np.float32]:
        """(n + 1, K) topic mixtures."""
        return self.table[:, :-EXTRAS]

    @property
    def quality(self) -> NDArray[np.float32]:
        """(n + 1,) quality [logits]."""
        return self.table[:, QUALITY - EXTRAS]

    @property
    def length(self) -> NDArray[np.float32]:
        """(n + 1,) relative length."""
        return self.table[:, LENGTH - EXTRAS]

    @property
    def price(self) -> NDArray[np.float32]:
        """(n + 1,) log relative price."""
        return self.table[:, PRICE - EXTRAS]

    @property
    def bait(self) -> NDArray[np.float32]:
        """(n + 1,) 1 for bait."""
        return self.table[:, BAITED - EXTRAS]

    @property
    def born(self) -> NDArray[np.float32]:
        """(n + 1,) minute of the week."""
        return self.table[:, BORN - EXTRAS]

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
    scenarios: tuple[Scenario, ...],
    items_per_scenario: int,
    n_topics: int,
    rng: np.random.Generator,
    new_items: float = 0.0,
) -> Catalogue:
    """Draw the items of all scenarios.

    Args:
        scenarios: In the order of their indices.
        items_per_scenario: How many items each gets.
        n_topics: K.
        rng: Source of all randomness.
        new_items: Share of each scenario's items that nobody has met yet, rounded to whole items.
    """
    size, n = items_per_scenario, items_per_scenario * len(scenarios)
    rows = np.arange(n)
    scenario = np.repeat(np.arange(len(scenarios)), size)
    # Topics are nearly even in supply: shuffled rounds over all topics, so that every topic is on offer everywhere.
    main = np.concatenate([rng.permutation(np.arange(size) % n_topics) for _ in scenarios])
    second = (main + rng.integers(1, n_topics, n)) % n_topics
    weight = rng.uniform(0.7, 1.0, n)
    table = np.zeros((n + 1, n_topics + EXTRAS), np.float32)  # row 0 is padding
    extra = table[1:, n_topics:]
    table[1 + rows, main] = weight
    table[1 + rows, second] += (1.0 - weight).astype(np.float32)
    quality, facet = rng.normal(0.0, 1.0, n), np.ones(n)
    extra[:, LENGTH] = 1.0
    serial = _serials(scenario * n_topics + main)
    for index, spec in enumerate(scenarios):
        own = slice(index * size, (index + 1) * size)
        if spec.facet == "age":  # older news is worse
            facet[own] = rng.exponential(24.0, size)
            quality[own] -= np.minimum(facet[own] / 48.0, 2.0) - 0.5
            extra[own, BORN] = (-60.0 * facet[own]) % WEEK
        elif spec.facet:
            facet[own] = np.exp(rng.normal(3.0 if spec.facet == "price" else 1.2, 0.6, size))
            relative = facet[own] / np.median(facet[own])
            if spec.facet == "length":
                extra[own, LENGTH] = relative
            else:
                extra[own, PRICE] = np.log(relative)
        extra[own, BAITED] = title_is_bait(spec.name, main[own], serial[own])
    popularity = np.zeros(n)
    for index in range(len(scenarios)):
        own = slice(index * size, (index + 1) * size)
        rank = np.argsort(np.argsort(-(quality[own] + rng.normal(0.0, _POPULARITY_NOISE, size))))
        share = (rank + 1.0) ** -_ZIPF
        popularity[own] = share / share.sum()
    new = np.zeros(n, np.bool_)
    if new_items > 0.0:
        count = round(new_items * size)
        for index in range(len(scenarios)):
            new[index * size + rng.choice(size, count, replace=False)] = True
        popularity[new] = 0.0
        known = np.add.reduceat(popularity, size * np.arange(len(scenarios)))
        popularity /= np.maximum(known, 1e-300)[scenario]
    extra[:, QUALITY], extra[:, MAIN_TOPIC] = quality, main
    table[0, n_topics + MAIN_TOPIC], table[0, n_topics + LENGTH] = -1, 1
    return Catalogue(
        table=_read_only(table),
        scenario=_padded(scenario, np.int8, -1),
        main_topic=_padded(main, np.int16, -1),
        new=_padded(new, np.bool_),
        popularity=_padded(popularity, np.float32),
        facet=_padded(facet, np.float32, 1),
        first=_read_only(1 + size * np.arange(len(scenarios))),
        size=_read_only(np.full(len(scenarios), size)),
        _second_topic=_padded(second, np.int16, -1),
        _serial=_padded(serial, np.int64),
        _names=tuple(s.name for s in scenarios),
    )


def _serials(group: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number of each item among those before it in the same group, from 0."""
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    serial = np.empty(len(group), np.int64)
    serial[order] = np.arange(len(group)) - np.repeat(starts, np.diff(np.append(starts, len(group))))
    return serial


def _padded(values: NDArray[Any], dtype: type[np.generic], first: float = 0) -> NDArray[Any]:
    column = np.empty((len(values) + 1, *values.shape[1:]), dtype)
    column[0], column[1:] = first, values
    return _read_only(column)


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    array.flags.writeable = False  # worlds are shared
    return array
