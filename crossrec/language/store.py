"""One file on disk for every context ever computed, shared by all runs and processes."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crossrec.errors import StoreError, check_range

from .answer import Answer
from .store_file import StoreFile

_PAGE = 500  # entries read at once
_ROW = "id, key, writer, prompt, sentence, text, problem, vector, checksum"


class Writer(NamedTuple):
    """Who makes contexts: everything that decides text and vector beside the prompt.

    Attributes:
        generator: Identity of the generator: model and revision, opening of the conversation, decoding.
        encoder: Identity of the encoder.
    """

    generator: str
    encoder: str

    def key(self, prompt: str, sentence: str = "") -> bytes:
        """The 32-byte key of a context: who wrote it, and about which moment."""
        digest = hashlib.blake2b(digest_size=32)
        for part in (self.generator, self.encoder, prompt, sentence):
            data = part.encode("utf-8", "surrogatepass")
            digest.update(len(data).to_bytes(8, "little") + data)
        return digest.digest()


class Context(NamedTuple):
    """A text and its vector.

    Attributes:
        answer: The text.
        vector: (dimension of the encoder,)
    """

    answer: Answer
    vector: NDArray[np.float32]

    def checksum(self, key: bytes) -> int:
        """CRC-32 of a key and its context, by which damage shows."""
        words = "\0".join(self.answer).encode("utf-8", "surrogatepass")
        return zlib.crc32(np.ascontiguousarray(self.vector, "<f4").data, zlib.crc32(words, zlib.crc32(key)))


class Entry(NamedTuple):
    """What is written to the store: a context, and what it was asked with."""

    prompt: str
    sentence: str
    context: Context


class WriterStats(NamedTuple):
    """What a store holds of one writer.

    Attributes:
        writer: Who.
        contexts: How many.
        problems: How many of them are the template's text, by reason.
        size: Bytes of keys, words and vectors.
    """

    writer: Writer
    contexts: int
    problems: dict[str, int]
    size: int


class ContextStore:
    """Texts and vectors by key, in one SQLite file that many processes may read and write at once.

    A batch is written whole or not at all, so a killed process loses at most the batch it was writing. Beyond
    ``max_entries`` the contexts written first make room: their place in the file is used again, or given back where
    much becomes free. The file is opened at the first use in each process; objects may be pickled and cross a fork.
    """

    def __init__(self, path: str | os.PathLike[str], max_entries: int = 1_000_000) -> None:
        check_range("max_entries", max_entries, 1)
        self.path = Path(path)
        self.max_entries = max_entries
        self._file = StoreFile(self.path)

    def get_many(self, keys: Iterable[bytes]) -> dict[bytes, Context]:
        """The context of every key that the store knows.

        Raises:
            StoreError: If the file cannot be read, or an entry is damaged.
        """
        wanted = list(dict.fromkeys(keys))
        found: dict[bytes, Context] = {}
        for start in range(0, len(wanted), _PAGE):
            chunk = wanted[start : start + _PAGE]
            marks = ",".join("?" * len(chunk))
            for row in self._file.select(f"SELECT {_ROW} FROM contexts WHERE key IN ({marks})", *chunk):
                found[row[1]] = self._entry(row).context
        return found

    def known(self, keys: Sequence[bytes]) -> int:
        """How many of these keys the store has."""
        found = 0
        for start in range(0, len(keys), _PAGE):
            chunk = keys[start : start + _PAGE]
            marks = ",".join("?" * len(chunk))
            found += self._file.select(f"SELECT count(*) FROM contexts WHERE key IN ({marks})", *chunk)[0][0]
        return found

    def put_many(self, writer: Writer, entries: Sequence[Entry]) -> int:
        """Write a batch in one transaction; returns how many are new: keys that are there keep what they have.

        Raises:
            StoreError: If the file cannot be written, or a vector or word is none. Nothing of the batch is written.
        """
        if not entries:
            return 0
        width = _check_vectors(writer, entries)
        rows = [_row(writer, entry) for entry in entries]

        def write(connection: sqlite3.Connection) -> int:
            number = self._number(connection, writer, width)
            new: int = connection.executemany(
                "INSERT OR IGNORE INTO contexts (writer, key, prompt, sentence, text, problem, vector, bytes, checksum)"
                f" VALUES ({number:d}, ?, ?, ?, ?, ?, ?, ?, ?)",
                rows,
            ).rowcount
            self._evict(connection)
            return new

        return self._file.write(write)

    def __len__(self) -> int:
        return self.count()

    def count(self, find: str = "", problems: bool = False) -> int:
        """How many entries there are, as :meth:`entries` filters them."""
        condition, values = _filter(find, problems)
        return int(self._file.select(f"SELECT count(*) FROM contexts WHERE {condition}", *values)[0][0])

    def entries(self, find: str = "", problems: bool = False) -> Iterator[tuple[Writer, Entry]]:
        """Entries with their writers, the oldest first, read page by page; others may write meanwhile.

        Args:
            find: Only those with these words in prompt or text.
            problems: Only those whose text is the template's.

        Raises:
            StoreError: If the file cannot be read, or an entry is damaged.
        """
        for page in self._pages(find, problems):
            for writer, _, entry in page:
                yield writer, entry

    def sample(self, writer: Writer, size: int) -> list[Entry]:
        """At most ``size`` entries of a writer, spread evenly from the oldest to the newest."""
        numbers = self._file.select("SELECT id FROM writers WHERE generator = ? AND encoder = ?", *writer)
        if not numbers or size < 1:
            return []
        (count,) = self._file.select("SELECT count(*) FROM contexts WHERE writer = ?", *numbers[0])[0]
        places = "SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM contexts WHERE writer = ?"
        # Whenever place * size / count reaches another whole number, one is taken.
        chosen = f"SELECT id FROM ({places}) WHERE place = 0 OR place * ? / ? != (place - 1) * ? / ?"
        query = f"SELECT {_ROW} FROM contexts WHERE id IN ({chosen}) ORDER BY id"
        size = min(size, count)
        return [self._entry(row) for row in self._file.select(query, *numbers[0], size, count, size, count)]

    def stats(self) -> list[WriterStats]:
        """What the store holds of each writer, the largest first."""
        query = "SELECT writer, problem, count(*), sum(bytes) FROM contexts GROUP BY writer, problem ORDER BY 1, 2"
        rows, found = self._file.select(query), dict[int, WriterStats]()
        writers = self._writers()  # after the entries: theirs are all there now
        for number, problem, count, size in rows:
            before = found.get(number, WriterStats(writers[number], 0, {}, 0))
            problems = {**before.problems, problem: count} if problem else before.problems
            found[number] = WriterStats(before.writer, before.contexts + count, problems, before.size + size)
        return sorted(found.values(), key=lambda stats: (-stats.contexts, stats.writer))

    def size(self) -> int:
        """Bytes on disk."""
        return self._file.size()

    def verify(self) -> int:
        """Read the whole file and check every page and entry; returns the number of entries.

        Raises:
            StoreError: If anything is damaged.
        """
        report = self._file.select("PRAGMA integrity_check(1)")[0][0]
        if report != "ok":
            raise self._file.broken(f"fails SQLite's integrity check ({report})")
        count = 0
        for page in self._pages():
            for writer, key, (prompt, sentence, _) in page:
                if writer.key(prompt, sentence) != key:
                    raise self._file.broken("holds an entry whose key does not match")
            count += len(page)
        return count

    def close(self) -> None:
        """Close the file; a later call opens it again."""
        self._file.close()

    def _writers(self) -> dict[int, Writer]:
        return {row[0]: Writer(*row[1:]) for row in self._file.select("SELECT id, generator, encoder FROM writers")}

    def _pages(self, find: str = "", problems: bool = False) -> Iterator[list[tuple[Writer, bytes, Entry]]]:
        end, last = self._file.select("SELECT coalesce(max(id), 0) FROM contexts")[0][0], 0
        writers = self._writers()
        condition, values = _filter(find, problems)
        query = f"SELECT {_ROW} FROM contexts WHERE id > ? AND id <= ? AND {condition} ORDER BY id LIMIT ?"
        while rows := self._file.select(query, last, end, *values, _PAGE):
            if not {row[2] for row in rows} <= writers.keys():
                raise self._file.broken("holds an entry of an unknown writer")
            yield [(writers[row[2]], row[1], self._entry(row)) for row in rows]
            last = rows[-1][0]

    def _number(self, connection: sqlite3.Connection, writer: Writer, width: int) -> int:
        """A writer's number in the file, given where it is new."""
        new = "INSERT OR IGNORE INTO writers (generator, encoder, width) VALUES (?, ?, ?)"
        connection.execute(new, (*writer, width))
        query = "SELECT id, width FROM writers WHERE generator = ? AND encoder = ?"
        number, known = connection.execute(query, writer).fetchone()
        if known != width:
            raise StoreError(
                f"the context store {self.path} holds vectors of {known} numbers by the encoder {writer.encoder}, "
                f"which now gave {width}; set another path with context.store=."
            )
        return int(number)

    def _evict(self, connection: sqlite3.Connection) -> None:
        # Ids grow without gaps and only the oldest are ever deleted, so their range is their number.
        query = "DELETE FROM contexts WHERE id <= (SELECT max(id) FROM contexts) - ?"
        if connection.execute(query, (self.max_entries,)).rowcount:
            free, pages = (
                connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("freelist_count", "page_count")
            )
            # The next batch uses free pages; so many are free only after the bound was lowered.
            if free > pages // 2:
                for _ in range(free):  # Python takes one step of this statement only, which gives back one page
                    connection.execute("PRAGMA incremental_vacuum(1)")

    def _entry(self, row: tuple[Any, ...]) -> Entry:
        _, key, _, prompt, sentence, text, problem, blob, checksum = row
        if isinstance(blob, bytes) and len(blob) % 4 == 0:
            vector = np.frombuffer(blob, "<f4").astype(np.float32)
            context = Context(Answer(text, problem), vector)
            if context.checksum(key) == checksum:
                return Entry(prompt, sentence, context)
        raise self._file.broken("holds an entry whose checksum does not match")


def _filter(find: str, problems: bool) -> tuple[str, list[str]]:
    """An SQL condition, and the values of its marks."""
    condition, values = "1", []
    if find:
        escaped = "".join(f"\\{letter}" if letter in "\\%_" else letter for letter in find)
        condition, values = r"(prompt LIKE ? ESCAPE '\' OR text LIKE ? ESCAPE '\')", [f"%{escaped}%"] * 2
    return f"{condition} AND problem != ''" if problems else condition, values


def _check_vectors(writer: Writer, entries: Sequence[Entry]) -> int:
    """The width that all vectors have; refuses what is no vector before it can be remembered for ever."""
    shapes = {np.shape(entry.context.vector) for entry in entries}
    finite = all(np.isfinite(entry.context.vector).all() for entry in entries)
    shape = min(shapes)
    if len(shapes) > 1 or len(shape) != 1 or not shape[0] or not finite:
        found = f"vectors of shapes {sorted(shapes)}" if finite else "numbers that are not finite"
        raise StoreError(
            f"the encoder {writer.encoder} gave {found}, where rows of equally many finite numbers are needed; nothing "
            "of this batch is stored: choose another context.encoder=."
        )
    return int(shape[0])


def _row(writer: Writer, entry: Entry) -> tuple[object, ...]:
    prompt, sentence, context = entry
    key, blob = writer.key(prompt, sentence), np.ascontiguousarray(context.vector, "<f4").tobytes()
    try:
        size = len(key) + len(blob) + sum(len(word.encode()) for word in (prompt, sentence, *context.answer))
    except UnicodeEncodeError as error:
        raise StoreError(
            f"the context of {prompt!r} holds half a character (a surrogate), which no file takes; mend the title, "
            "scenario or prompt that it comes from."
        ) from error
    return key, prompt, sentence, *context.answer, blob, size, context.checksum(key)
