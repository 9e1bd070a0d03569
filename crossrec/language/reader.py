"""Readers turn what is seen of people into context vectors, a batch at a time, without touching text on the way.

A moment is looked up by its code; only moments that were never met before are worded, written and embedded.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from crossrec.config import ContextConfig
from crossrec.simulation.state import Seen
from crossrec.world.synthetic import World
from crossrec.world.text import TOPICS

from .context import ContextSource, embed_texts
from .ledger import Ledger
from .moment import codes, moments, strangers
from .projection import Projection
from .prompt import Prompt, PromptWriter
from .table import MomentTable

Vectors = NDArray[np.float32]


class ContextReader(Protocol):
    """Turns moments into context vectors.

    Attributes:
        dimension: D.
        ledger: Notes the contexts that were used.
    """

    dimension: int
    ledger: Ledger

    def read(self, seen: Seen, rows: NDArray[np.intp], intent: NDArray[np.integer]) -> Vectors:
        """(m, D) for the people in ``rows`` (m,); ``intent`` (n,) is hidden truth, which only the oracle looks at."""
        ...

    def due(self, seen: Seen, since: NDArray[np.int64], topic: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(n,) whose context is to be read now.

        Args:
            seen: Observable state of n people.
            since: (n,) steps since each one's context was read.
            topic: (n,) what :meth:`note_topic` noted then.
        """
        ...

    def note_topic(self, seen: Seen, rows: NDArray[np.intp], topic: NDArray[np.int64]) -> None:
        """Write into ``topic`` (n,) what the people in ``rows`` (m,) enjoyed last, where :meth:`due` looks at it."""
        ...


class LanguageReader:
    """Reads a text about each moment, embedded and projected.

    Args:
        world: Where the people live.
        source: Writes and remembers the texts.
        projection: From the encoder's dimension to D; fitted on the catalogue.
        config: What a prompt may see, in which words, and when a context is written anew.
        shuffled: Whether the profile note is somebody else's (a control).
    """

    def __init__(
        self,
        world: World,
        source: ContextSource,
        projection: Projection,
        config: ContextConfig | None = None,
        *,
        shuffled: bool = False,
    ) -> None:
        self.world, self.source, self.projection, self.shuffled = world, source, projection, shuffled
        self.config = config if config is not None else ContextConfig()
        self.writer = PromptWriter(self.config.prompt)
        self.dimension = projection.components.shape[1]
        self.ledger = Ledger()
        self.latest = self.config.refresh != "enter"  # whether titles are those enjoyed up to now
        self._table = MomentTable(self.dimension)

    def read(self, seen: Seen, rows: NDArray[np.intp], intent: NDArray[np.integer]) -> Vectors:
        """(m, D) of the texts; hidden truth is not looked at."""
        seen, rows = self._people(seen, rows)
        wanted = codes(seen, rows, self.config.prompt, self.latest)
        vectors, known = self._table.find(wanted)
        if not known.all():
            new = np.flatnonzero(~known)
            unknown, first = np.unique(wanted[new], return_index=True)
            self._add(unknown, seen.at(rows[new[first]]))
            vectors[new] = self._table.find(wanted[new])[0]
        return vectors

    def prompts(self, seen: Seen) -> list[Prompt]:
        """What the source is asked about n moments."""
        return self._written(self._people(seen, np.arange(len(seen.user)))[0])

    def collect(self, seen: Seen, rows: NDArray[np.intp], met: dict[int, Prompt]) -> None:
        """Add to ``met``, by code, the prompts of the people in ``rows`` that it does not have yet."""
        seen, rows = self._people(seen, rows)
        wanted, first = np.unique(codes(seen, rows, self.config.prompt, self.latest), return_index=True)
        new = [i for i, code in enumerate(wanted.tolist()) if code not in met]
        if new:
            met.update(zip(wanted[new].tolist(), self._written(seen.at(rows[first[new]])), strict=True))

    def forget(self) -> None:
        """Begin anew: the ledger too, so that it holds all that is used from now on."""
        self._table.clear()
        self.ledger.clear()

    def due(self, seen: Seen, since: NDArray[np.int64], topic: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(n,) whose context is to be read now, see :class:`ContextReader`."""
        if self.config.refresh == "enter":
            return seen.entered
        if self.config.refresh == "steps":
            return seen.entered | (since >= self.config.refresh_steps)
        changed: NDArray[np.bool_] = self.world.catalogue.main_topic[seen.enjoyed[:, 0]] != topic
        return seen.entered | changed

    def note_topic(self, seen: Seen, rows: NDArray[np.intp], topic: NDArray[np.int64]) -> None:
        """Main topic of what people enjoyed last, -1 for nothing yet."""
        if self.config.refresh == "topic":
            topic[rows] = self.world.catalogue.main_topic[seen.enjoyed[rows, 0]]

    def _people(self, seen: Seen, rows: NDArray[np.intp]) -> tuple[Seen, NDArray[np.intp]]:
        """Whose moments are read for the people in ``rows`` (m,), and where they stand."""
        return (strangers(self.world, seen.at(rows)), np.arange(len(rows))) if self.shuffled else (seen, rows)

    def _written(self, seen: Seen) -> list[Prompt]:
        return [self.writer.write(moment) for moment in moments(self.world, seen, self.latest)]

    def _add(self, new: NDArray[np.uint64], seen: Seen) -> None:
        contexts = self.source.lookup(self._written(seen))
        self.ledger.note(contexts)
        self._table.add(new, self.projection.apply(contexts.vectors))


class _Plain:
    """What the readers without a text share: they are asked at every step and use no contexts."""

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension
        self.ledger = Ledger()

    def due(self, seen: Seen, since: NDArray[np.int64], topic: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Everybody."""
        return np.ones(len(since), np.bool_)

    def note_topic(self, seen: Seen, rows: NDArray[np.intp], topic: NDArray[np.int64]) -> None:
        """Nothing to note."""


class ZeroReader(_Plain):
    """A context that says nothing: the control that keeps only the network's shape."""

    def read(self, seen: Seen, rows: NDArray[np.intp], intent: NDArray[np.integer]) -> Vectors:
        """(m, D) zeros."""
        return np.zeros((len(rows), self.dimension), np.float32)


class OracleReader(_Plain):
    """A context that names the true intent: the bound of what any text about it could give."""

    def __init__(self, source: ContextSource, projection: Projection) -> None:
        super().__init__(projection.components.shape[1])
        self.topics = projection.apply(embed_texts(source.encoder, TOPICS, source.store))

    def read(self, seen: Seen, rows: NDArray[np.intp], intent: NDArray[np.integer]) -> Vectors:
        """(m, D) of the intents' names."""
        named: Vectors = self.topics[intent[rows]]
        return named
