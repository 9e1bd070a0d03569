"""One file on disk for every context ever computed, shared by all runs and processes."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from crossrec.errors import StoreError, check_range

APPLICATION_ID = 0x43785265  # "CxRe", in the header of the file
SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE contexts (
    id INTEGER PRIMARY KEY,
    key BLOB NOT NULL UNIQUE,
    text TEXT NOT NULL,
    vector BLOB NOT NULL,
    checksum INTEGER NOT NULL
)
"""
_COLUMNS = ["id", "key", "text", "vector", "checksum"]
_LOOKUP_CHUNK = 500
_BUSY_SECONDS = 60.0
_TIMEOUT = 10.0

Entry = tuple[bytes, str, NDArray[np.float32]]
Result = TypeVar("Result")

# A forked child must not close its parent's connection: that would drop the parent's file locks.
_inherited: list[sqlite3.Connection] = []


def make_key(generator: str, prompt: str, encoder: str) -> bytes:
    """The 32-byte key of a context: who wrote the text, about which moment, and who encoded it."""
    digest = hashlib.blake2b(digest_size=32)
    for part in (generator, prompt, encoder):
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.digest()


class ContextStore:
    """Texts and vectors by key, in one SQLite file that many processes may read and write at once.

    A batch is written whole or not at all, so a killed process loses at most the batch it was writing. The file is
    opened at the first use in each process; objects may be pickled and may cross a fork.
    """

    def __init__(self, path: str | os.PathLike[str], max_entries: int = 1_000_000) -> None:
        check_range("max_entries", max_entries, 1)
        self.path = Path(path)
        self.max_entries = max_entries
        self._reset()

    def get_many(self, keys: Iterable[bytes]) -> dict[bytes, tuple[str, NDArray[np.float32]]]:
        """Text and vector of every key that the store knows.

        Raises:
            StoreError: If the file cannot be read, or an entry is damaged.
        """
        wanted = list(dict.fromkeys(keys))
        found: dict[bytes, tuple[str, NDArray[np.float32]]] = {}
        for start in range(0, len(wanted), _LOOKUP_CHUNK):
            chunk = wanted[start : start + _LOOKUP_CHUNK]
            marks = ",".join("?" * len(chunk))
            query = f"SELECT key, text, vector, checksum FROM contexts WHERE key IN ({marks})"
            for key, text, blob, checksum in self._select(query, *chunk):
                found[key] = (text, self._vector(key, text, blob, checksum))
        return found

    def put_many(self, entries: Sequence[Entry]) -> None:
        """Write a batch in one transaction; keys that are there already keep what they have.

        Raises:
            StoreError: If the file cannot be written.
        """
        rows = []
        for key, text, vector in entries:
            blob = np.ascontiguousarray(vector, "<f4").tobytes()
            rows.append((key, text, blob, _checksum(key, text, blob)))

        def write(connection: sqlite3.Connection) -> None:
            with _transaction(connection):
                connection.executemany(
                    "INSERT OR IGNORE INTO contexts (key, text, vector, checksum) VALUES (?, ?, ?, ?)", rows
                )
                # Ids grow without gaps and only the oldest are ever deleted, so their range is their number.
                connection.execute(
                    "DELETE FROM contexts WHERE id <= (SELECT max(id) FROM contexts) - ?", (self.max_entries,)
                )

        if rows:
            self._run(write)

    def __len__(self) -> int:
        return int(self._select("SELECT count(*) FROM contexts")[0][0])

    def verify(self) -> int:
        """Read the whole file and check every page and entry; returns the number of entries.

        Raises:
            StoreError: If anything is damaged.
        """
        report = self._select("PRAGMA integrity_check(1)")[0][0]
        if report != "ok":
            raise self._broken(f"fails SQLite's integrity check ({report})")
        count, last = 0, -1
        query = "SELECT id, key, text, vector, checksum FROM contexts WHERE id > ? ORDER BY id LIMIT ?"
        while rows := self._select(query, last, _LOOKUP_CHUNK):
            for _, key, text, blob, checksum in rows:
                self._vector(key, text, blob, checksum)
            count += len(rows)
            last = rows[-1][0]
        return count

    def close(self) -> None:
        """Close the file; a later call opens it again."""
        if self._connection is not None and self._pid == os.getpid():
            self._connection.close()
        self._reset()

    def __getstate__(self) -> dict[str, object]:
        return {"path": self.path, "max_entries": self.max_entries}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        self._reset()

    def _reset(self) -> None:
        self._connection: sqlite3.Connection | None = None
        self._pid = os.getpid()
        self._lock = threading.RLock()

    def _select(self, query: str, *values: object) -> list[Any]:
        return self._run(lambda connection: connection.execute(query, values).fetchall())

    def _run(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Do ``work`` on this process's connection; waits while others write, and words what goes wrong."""
        if self._pid != os.getpid():
            if self._connection is not None:
                _inherited.append(self._connection)
            self._reset()
        deadline = time.monotonic() + _BUSY_SECONDS
        with self._lock:
            while True:
                try:
                    if self._connection is None:
                        self._connection = self._open()
                    return work(self._connection)
                except sqlite3.Error as error:
                    busy = getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
                    if not busy or time.monotonic() > deadline:
                        raise self._worded(error, busy) from error
                    time.sleep(0.02)

    def _open(self) -> sqlite3.Connection:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"the context store's folder {self.path.parent} cannot be made ({error.strerror}); "
                "set another path with context.store=."
            ) from error
        # Transactions are written out here, so Python's own implicit ones are switched off.
        connection = sqlite3.connect(self.path, timeout=_TIMEOUT, isolation_level=None, check_same_thread=False)
        try:
            # Another program's file must be left as it is, so it is recognised before anything is set.
            self._is_new(connection)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            # Taking the write lock tells a read-only file at once; holding it, only one process makes the table.
            with _transaction(connection):
                self._check_schema(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _is_new(self, connection: sqlite3.Connection) -> bool:
        """Whether the file is empty yet; changes nothing, and refuses another program's file."""
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        new = application == version == 0 and not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if not new and application != APPLICATION_ID:
            raise StoreError(
                f"{self.path} is an SQLite file of another program, not a context store; "
                "set another path with context.store=."
            )
        return bool(new)

    def _check_schema(self, connection: sqlite3.Connection) -> None:
        new = self._is_new(connection)
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        columns = [row[1] for row in connection.execute("PRAGMA table_info(contexts)")]
        if new:
            connection.execute(_SCHEMA)
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        elif version > SCHEMA_VERSION:
            raise StoreError(
                f"the context store {self.path} was written by a newer CrossRec (format {version}, this one reads "
                f"{SCHEMA_VERSION}); update CrossRec, or set another path with context.store=."
            )
        elif version != SCHEMA_VERSION or columns != _COLUMNS:
            raise self._broken("does not have the expected table")

    def _vector(self, key: bytes, text: str, blob: bytes, checksum: int) -> NDArray[np.float32]:
        sound = isinstance(blob, bytes) and len(blob) % 4 == 0 and _checksum(key, str(text), blob) == checksum
        if not sound:
            raise self._broken("holds an entry whose checksum does not match")
        return np.frombuffer(blob, "<f4").astype(np.float32)

    def _broken(self, finding: str) -> StoreError:
        return StoreError(
            f"the context store {self.path} {finding}; delete the file (its contexts are computed again) "
            "or set another path with context.store=."
        )

    def _worded(self, error: sqlite3.Error, busy: bool) -> StoreError:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if busy:
            return StoreError(
                f"the context store {self.path} stayed locked by another process for {_BUSY_SECONDS:.0f} s; "
                "end that process, or set another path with context.store=."
            )
        if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
            return StoreError(
                f"the context store {self.path} cannot be opened for writing ({error}); "
                "allow writing there, or set another path with context.store=."
            )
        if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            return StoreError(
                f"the context store {self.path} cannot be written ({error}); "
                "free some disk space, or set another path with context.store=."
            )
        return self._broken(f"is damaged or not a context store ({error})")


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """The write lock from the start, so that no reader has to be promoted; all or nothing is written."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _checksum(key: bytes, text: str, blob: bytes) -> int:
    return zlib.crc32(blob, zlib.crc32(text.encode("utf-8", "surrogatepass"), zlib.crc32(key)))
