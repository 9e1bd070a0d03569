"""What a tally noted, added up per person, scenario and phase (cold, warm)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array

from crossrec.errors import ConfigError
from crossrec.measures.formulas import head_edge, novelty, pair_diversity, unit
from crossrec.measures.tally import MetricTally
from crossrec.metrics import COLD_STEPS, HEAD
from crossrec.world.synthetic import World

SUMS = (
    *("steps", "reward", "click", "dwell", "conversion", "satisfaction", "items", "tail", "bits", "new"),
    "new_click",
)
LIVES = ("sessions", "returns", "gap", "left")
_AT_ONCE = 200_000  # moments whose topics are in memory at once
Floats = NDArray[np.float64]
Whole = NDArray[np.intp]
Lists = tuple[Whole, Floats, Whole, Whole]  # of lists: column of the totals, diversity, phase, row of the person


@dataclass(frozen=True)
class Totals:
    """Sums over the steps of n people."""

    sums: Floats  # (2, n, S, len(SUMS)) by phase, person and scenario
    topics: Floats  # (2, n, S, K) of what was shown
    lists: Floats  # (2, n, 1 + S, 2) diversity of slates or sessions, and how many; over all scenarios first
    lives: Floats  # (n, len(LIVES)), gap in hours
    items: NDArray[np.int32]  # (steps, n, slate) shown, 0 = none


def totals(tally: MetricTally) -> Totals:
    """Add up.

    Raises:
        ConfigError: If no step was noted.
    """
    if not tally.steps:
        raise ConfigError("nothing can be measured before the first step; let people live first.")
    n, s, k = len(tally.users), len(tally.world.scenarios), tally.world.n_topics
    notes = {name: np.stack([getattr(step, name) for step in tally.steps]) for name in vars(tally.steps[0])}
    notes["alive"] = np.stack(tally.living)
    notes["items"] = np.where(notes["alive"][..., None], notes["items"], 0)
    back = notes["alive"] & ~(notes["terminated"] | notes["truncated"]) & (notes["away"] > 0.0)
    notes["session"] = np.cumsum(back, axis=0) - back
    returns, gap = back.sum(axis=0), np.where(back, notes["away"], 0.0).sum(axis=0) / 60.0
    left = (notes["alive"] & notes["terminated"]).any(axis=0)
    found = Totals(
        sums=np.zeros((2, n, s, len(SUMS))),
        topics=np.zeros((2, n, s, k)),
        lists=np.zeros((2, n, 1 + s, 2)),
        lives=np.stack((1 + returns, returns, gap, left), axis=1).astype(np.float64),
        items=notes["items"],
    )
    people = max(_AT_ONCE // notes["items"][:, 0].size, 1)
    for begin in range(0, n, people):
        some = slice(begin, begin + people)
        _add(tally.world, {name: values[:, some] for name, values in notes.items()}, found, some)
    return found


def _add(world: World, notes: dict[str, NDArray[Any]], found: Totals, some: slice) -> None:
    """Add up the people of a slice; notes are (steps, m, ...)."""
    alive = notes["alive"]
    moment, person = np.nonzero(alive)
    notes = {name: values[alive] for name, values in notes.items()}
    m, s = alive.shape[1], len(world.scenarios)
    phase, where, items = (moment >= COLD_STEPS).astype(np.intp), notes["scenario"].astype(np.intp), notes["items"]
    cell = (phase * m + person) * s + where
    topics = world.catalogue.topics[items]  # (moments, slate, K)
    vectors, gather = unit(topics), _gather(cell, 2 * m * s)
    found.sums[:, some] += (gather @ _of_steps(world, notes, where)).reshape(2, m, s, -1)
    found.topics[:, some] += (gather @ np.einsum("msk->mk", topics, dtype=np.float64)).reshape(2, m, s, -1)
    lists = _slates if items.shape[1] > 1 else _sessions
    for column, value, late, who in lists(_Shown(vectors, items > 0, notes["session"], person, where, phase, s)):
        place = (late * m + who) * (1 + s) + column
        counted = np.stack((np.nan_to_num(value), np.isfinite(value)), axis=1)
        found.lists[:, some] += (_gather(place, 2 * m * (1 + s)) @ counted).reshape(2, m, 1 + s, 2)


@dataclass(frozen=True)
class _Shown:
    """What was shown in some moments.

    Attributes:
        vectors: (moments, slate, K) unit vectors.
        some: (moments, slate) where something was.
        session: (moments,) number of the person's session, from 0.
        person: (moments,) row of the person.
        where: (moments,) scenario.
        phase: (moments,) 0 for cold, 1 for warm.
        scenarios: How many there are.
    """

    vectors: NDArray[np.floating]
    some: NDArray[np.bool_]
    session: Whole
    person: Whole
    where: Whole
    phase: Whole
    scenarios: int


def _slates(shown: _Shown) -> list[Lists]:
    """Every slate as a list, for all scenarios together and for its own."""
    each = pair_diversity(shown.vectors.sum(axis=1), shown.some.sum(axis=1))
    return [(column, each, shown.phase, shown.person) for column in (np.zeros_like(shown.where), 1 + shown.where)]


def _sessions(shown: _Shown) -> list[Lists]:
    """Sessions as lists, whole ones and what was shown in them in each scenario."""
    number = shown.person * (1 + int(shown.session.max(initial=0))) + shown.session
    owner = np.zeros(1 + int(number.max(initial=0)), np.intp)
    owner[number] = shown.person
    vectors, some = shown.vectors[:, 0].astype(np.float64), shown.some[:, 0].astype(np.float64)
    lists = []
    for first, (name, parts) in enumerate(((number, 1), (number * shown.scenarios + shown.where, shown.scenarios))):
        names, which = np.unique(name, return_inverse=True)
        gather = _gather(which, len(names))
        each = pair_diversity(gather @ vectors, gather @ some)
        late = (np.bincount(which, weights=shown.phase) > 0).astype(np.intp)  # the phase in which it ended
        lists.append((first + names % parts, each, late, owner[names // parts]))
    return lists


def _of_steps(world: World, notes: dict[str, NDArray[Any]], where: NDArray[np.intp]) -> Floats:
    """(moments, len(SUMS)) of moments in scenarios ``where``."""
    catalogue, items = world.catalogue, notes["items"]
    edge, least = popularities(world)
    shown, popularity = items > 0, catalogue.popularity[items]
    new = catalogue.new[items] & shown
    values = np.empty((len(items), len(SUMS)))
    values[:, 0] = 1.0
    for column in range(1, 6):
        values[:, column] = notes[SUMS[column]]
    values[:, 6] = shown.sum(axis=1)
    values[:, 7] = ((popularity < edge[where][:, None]) & shown).sum(axis=1)
    values[:, 8] = (novelty(popularity, least[where][:, None]) * shown).sum(axis=1)
    values[:, 9] = new.sum(axis=1)
    values[:, 10] = values[:, 2] * np.take_along_axis(new, notes["place"][:, None], axis=1)[:, 0]
    return values


def _gather(into: NDArray[np.intp], n: int) -> csc_array:
    """A matrix (n, moments) that adds rows up: row j of what it multiplies goes to ``into[j]``."""
    m = len(into)
    return csc_array((np.ones(m), into, np.arange(m + 1)), shape=(n, m))


@lru_cache(maxsize=8)
def popularities(world: World) -> tuple[Floats, Floats]:
    """(S,) popularity at which each scenario's head begins, and that of its least popular known item."""
    popularity = world.catalogue.popularity
    edges, least = [], []
    for first, size in zip(world.catalogue.first.tolist(), world.catalogue.size.tolist(), strict=True):
        own = popularity[first : first + size]
        known = own[own > 0.0]
        edges.append(head_edge(own, HEAD))
        least.append(float(known.min()) if known.size else 1.0 / size)
    return np.array(edges), np.array(least)
