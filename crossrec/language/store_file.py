"""The file of a context store: opened once in each process, made where it is missing, worded where it is bad."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from crossrec.errors import StoreError

APPLICATION_ID = 0x43785265  # "CxRe", in the header of the file
SCHEMA_VERSION = 2
_TABLES = {
    "writers": ["id INTEGER PRIMARY KEY", "generator TEXT NOT NULL", "encoder TEXT NOT NULL", "width INTEGER NOT NULL"],
    "contexts": [
        "id INTEGER PRIMARY KEY",
        "key BLOB NOT NULL UNIQUE",
        "writer INTEGER NOT NULL",
        "prompt TEXT NOT NULL",
        "sentence TEXT NOT NULL",
        "text TEXT NOT NULL",
        "problem TEXT NOT NULL",
        "vector BLOB NOT NULL",
        "bytes INTEGER NOT NULL",
        "checksum INTEGER NOT NULL",
    ],
}
_INDICES = (
    "CREATE UNIQUE INDEX writers_by_name ON writers (generator, encoder)",
    "CREATE INDEX contexts_by_writer ON contexts (writer, problem, bytes)",  # all that statistics need
)
_BUSY_SECONDS = 60.0
_TIMEOUT = 10.0

Result = TypeVar("Result")

# A forked child must not close its parent's connection: that would drop the parent's file locks.
_inherited: list[sqlite3.Connection] = []


class StoreFile:
    """An SQLite file that many processes and threads may use at once; may be pickled and may cross a fork."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._reset()

    def _reset(self) -> None:
        self._connection: sqlite3.Connection | None = None
        self._pid = os.getpid()
        self._lock = threading.RLock()

    def select(self, query: str, *values: object) -> list[Any]:
        """All rows of a query.

        Raises:
            StoreError: If the file cannot be read.
        """
        return self.run(lambda connection: connection.execute(query, values).fetchall())

    def write(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Do ``work`` in one transaction: all of it is written, or nothing.

        Raises:
            StoreError: If the file cannot be written.
        """

        def whole(connection: sqlite3.Connection) -> Result:
            with _transaction(connection):
                return work(connection)

        return self.run(whole)

    def run(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Do ``work`` on this process's connection; waits while others write.

        Raises:
            StoreError: Says what is wrong with the file, and what to do.
        """
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
                    busy = _code(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
                    if not busy or time.monotonic() > deadline:
                        raise self._worded(error) from error
                    time.sleep(0.02)

    def size(self) -> int:
        """Bytes on disk, with the log of the latest writes beside the file."""
        files = (self.path, self.path.with_name(f"{self.path.name}-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    def close(self) -> None:
        """Close the file; a later call opens it again."""
        if self._connection is not None and self._pid == os.getpid():
            self._connection.close()
        self._reset()

    def broken(self, finding: str) -> StoreError:
        """The error of a file that cannot be mended, e.g. one that "is damaged"."""
        return StoreError(
            f"the context store {self.path} {finding}; delete the file while nothing uses it (its contexts are "
            "computed again) or set another path with context.store=."
        )

    def __getstate__(self) -> dict[str, object]:
        return {"path": self.path}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        self._reset()

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
            with _transaction(connection, "DEFERRED"):  # or another process makes the tables between two questions
                new = self._is_new(connection)
            if new:
                # A context of 2 KB wastes half of SQLite's own pages of 4 KB.
                connection.execute("PRAGMA page_size=16384")
                connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA journal_size_limit=67108864")
            # A killed process loses nothing that it has committed; only a power cut may take the latest batches.
            connection.execute("PRAGMA synchronous=NORMAL")
            # Taking the write lock tells a read-only file at once; holding it, only one process makes the tables.
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
        if self._is_new(connection):
            for table, columns in _TABLES.items():
                connection.execute(f"CREATE TABLE {table} ({', '.join(columns)})")
            for statement in _INDICES:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
            return
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise StoreError(
                f"the context store {self.path} was written by a newer CrossRec (format {version}, this one reads "
                f"{SCHEMA_VERSION}); update CrossRec, or set another path with context.store=."
            )
        if version < SCHEMA_VERSION:
            raise self.broken(f"was written by an older CrossRec (format {version}, this one reads {SCHEMA_VERSION})")
        for table, columns in _TABLES.items():
            found = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            if found != [column.split()[0] for column in columns]:
                raise self.broken("does not have the expected tables")

    def _worded(self, error: sqlite3.Error) -> StoreError:
        code = _code(error)
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
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
                f"the context store {self.path} cannot be written ({error}); all batches written before are kept: "
                "free some disk space and run again, or set another path with context.store=."
            )
        return self.broken(f"is damaged or not a context store ({error})")


@contextmanager
def _transaction(connection: sqlite3.Connection, kind: str = "IMMEDIATE") -> Iterator[None]:
    """All or nothing is written; by default the write lock is taken first, so that no reader has to be promoted."""
    connection.execute(f"BEGIN {kind}")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary result code; 0 where Python's own checks raised the error."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
