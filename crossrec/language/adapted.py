"""A reader for people who are new in a scenario: it reads them where they are known, and adapts what it reads.

Used in place of another reader, so every agent can: ``VectorContextWrapper(env, AdaptedReader(...))``.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from crossrec.errors import ConfigError
from crossrec.observation import DAYPARTS, DEVICES
from crossrec.simulation.journey import daypart
from crossrec.simulation.state import Seen
from crossrec.world.synthetic import World

from .adapter import CrossScenarioAdapter
from .ledger import Ledger
from .reader import ContextReader, Vectors


class AdaptedReader:
    """Reads people who have enjoyed nothing in the target lately as if they still were in the source.

    Everybody else is read by ``reader`` as ever. Without an adapter the moment is read in the target, from titles of
    the source: a language model is then prompted again, with the target in its prompt, and adapts by itself.

    Args:
        world: Where the people live.
        reader: That reads.
        adapter: From the source to the target, or None for prompting again.
        source: Index of the scenario in which people are known.
        target: Index of the scenario in which they are new.

    Raises:
        ConfigError: If both are the same.
    """

    def __init__(
        self, world: World, reader: ContextReader, adapter: CrossScenarioAdapter | None, source: int, target: int
    ) -> None:
        check_apart(world, source, target)
        self.world, self.reader, self.adapter, self.source, self.target = world, reader, adapter, source, target
        self.dimension = reader.dimension

    @property
    def ledger(self) -> Ledger:
        """That of the reader behind."""
        return self.reader.ledger

    def read(self, seen: Seen, rows: NDArray[np.intp], intent: NDArray[np.integer]) -> Vectors:
        """See :class:`crossrec.language.reader.ContextReader`."""
        vectors = self.reader.read(seen, rows, intent)
        new = np.flatnonzero(self.is_new(seen, rows))
        if self.adapter is not None and new.size:
            then = read_as(self.reader, seen, rows[new], intent, self.source)
            vectors[new] = self.adapter(then, features(seen, rows[new]))
        return vectors

    def is_new(self, seen: Seen, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
        """(m,) who is in the target and has enjoyed something lately, but nothing there; texts name the last three."""
        enjoyed = (seen.enjoyed if getattr(self.reader, "latest", False) else seen.recalled)[rows]  # as texts name it
        where = np.where(enjoyed > 0, self.world.catalogue.scenario[enjoyed], -1)
        known = (where >= 0).any(axis=1) & (where != self.target).all(axis=1)
        new: NDArray[np.bool_] = known & (seen.scenario[rows] == self.target)
        return new

    def due(self, seen: Seen, since: NDArray[np.int64], topic: NDArray[np.int64]) -> NDArray[np.bool_]:
        """See :class:`crossrec.language.reader.ContextReader`."""
        return self.reader.due(seen, since, topic)

    def note_topic(self, seen: Seen, rows: NDArray[np.intp], topic: NDArray[np.int64]) -> None:
        """See :class:`crossrec.language.reader.ContextReader`."""
        self.reader.note_topic(seen, rows, topic)


def read_as(
    reader: ContextReader, seen: Seen, rows: NDArray[np.intp], intent: NDArray[np.integer], scenario: int
) -> Vectors:
    """(m, D) contexts of people in ``rows`` (m,) as if they were in another scenario, with all else as it is."""
    return reader.read(replace(seen, scenario=np.full_like(seen.scenario, scenario)), rows, intent)


def features(seen: Seen, rows: NDArray[np.intp]) -> Vectors:
    """What adapters are told besides contexts, (m, F): profile, and daypart and device of the moment, one-hot."""
    part, device = np.eye(len(DAYPARTS))[daypart(seen.minute[rows])], np.eye(len(DEVICES))[seen.device[rows]]
    return np.hstack((seen.profile[rows], part, device)).astype(np.float32)


def check_apart(world: World, source: int, target: int) -> None:
    """Check that there is something to adapt.

    Raises:
        ConfigError: If source and target are the same scenario.
    """
    if source == target:
        name = world.scenarios[source].name
        raise ConfigError(f"source and target are both '{name}'; an adapter leads from one scenario to another.")
