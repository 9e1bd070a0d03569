"""Bad files, bad folders, full disks and locks: one sentence that names the file and what to do."""

import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

from crossrec.errors import StoreError
from crossrec.language.store import ContextStore

from .conftest import unit
from .test_store import WRITER, entries, keys, raw, store  # noqa: F401


def random_bytes(path):
    path.write_bytes(np.random.default_rng(0).bytes(50_000))


def a_few_bytes(path):
    path.write_bytes(b"hello")


def another_program(path):
    path.unlink()
    raw(path, "CREATE TABLE songs (name TEXT)")


def newer_version(path):
    raw(path, "PRAGMA user_version=99")


def older_version(path):
    """A file as CrossRec 0.1's first format left it."""
    path.unlink()
    raw(path, "PRAGMA journal_mode=WAL")
    raw(
        path,
        "CREATE TABLE contexts (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, text TEXT NOT NULL, "
        "vector BLOB NOT NULL, checksum INTEGER NOT NULL)",
    )
    raw(path, f"PRAGMA application_id={0x43785265}")
    raw(path, "PRAGMA user_version=1")


def another_table(path):
    raw(path, "ALTER TABLE contexts ADD COLUMN extra TEXT")


def without_writers(path):
    raw(path, "DROP TABLE writers")


def vector_changed(path):
    raw(path, "UPDATE contexts SET vector = ? WHERE id = 2", unit(1)[0].tobytes())


def vector_cut(path):
    raw(path, "UPDATE contexts SET vector = substr(vector, 1, 30) WHERE id = 2")


def text_changed(path):
    raw(path, "UPDATE contexts SET text = 'other words' WHERE id = 2")


def text_no_text(path):
    raw(path, "UPDATE contexts SET text = CAST(x'ff' AS TEXT) WHERE id = 2")


def cut_short(path):
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (random_bytes, "delete the file"),
        (a_few_bytes, "delete the file"),
        (another_program, "another program"),
        (newer_version, "newer CrossRec"),
        (older_version, r"older CrossRec \(format 1, this one reads 2\)"),
        (another_table, "expected tables"),
        (without_writers, "expected tables"),
        (vector_changed, "checksum"),
        (vector_cut, "checksum"),
        (text_changed, "checksum"),
        (text_no_text, "delete the file"),
        (cut_short, "delete the file"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_bad_file_is_named_and_left_as_it_is(store, harm, words):  # noqa: F811
    batch = entries(400)
    store.put_many(WRITER, batch)
    store.close()
    harm(store.path)
    before = store.path.read_bytes()
    with pytest.raises(StoreError, match=words) as caught:
        store.get_many(keys(batch))
    assert str(store.path) in str(caught.value)
    assert "context.store=" in str(caught.value)
    assert "\n" not in str(caught.value)
    store.close()
    assert store.path.read_bytes() == before


def test_an_empty_file_becomes_a_store(store):  # noqa: F811
    store.path.parent.mkdir()
    store.path.touch()
    store.put_many(WRITER, entries(3))
    assert store.verify() == 3


def statement(text):
    return lambda path: raw(path, text)


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (statement("UPDATE contexts SET text = 'other words' WHERE id = 555"), "checksum"),
        (statement("UPDATE contexts SET prompt = 'other words' WHERE id = 555"), "key does not match"),
        (statement("UPDATE contexts SET sentence = 'other words' WHERE id = 555"), "key does not match"),
        (statement("UPDATE writers SET generator = 'somebody'"), "key does not match"),
        (statement("UPDATE contexts SET writer = 9 WHERE id = 555"), "unknown writer"),
    ],
    ids=["text", "prompt", "sentence", "writer's name", "writer's number"],
)
def test_verify_finds_what_no_read_has_met(store, harm, words):  # noqa: F811
    store.put_many(WRITER, entries(600))
    store.close()
    harm(store.path)
    assert store.get_many(keys(entries(1)))
    with pytest.raises(StoreError, match=words):
        store.verify()


def test_a_changed_byte_in_any_page_is_found_or_changes_nothing(store):  # noqa: F811
    batch = entries(300)
    store.put_many(WRITER, batch)
    store.close()
    whole, found = store.path.read_bytes(), 0
    for place in np.random.default_rng(1).integers(len(whole), size=60):
        store.path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            store.verify()
            known = store.get_many(keys(batch))
            assert [known[key].answer for key in keys(batch)] == [entry.context.answer for entry in batch]
        except StoreError:
            found += 1
        finally:
            store.close()
    assert found > 10


def test_a_read_only_file_or_folder_is_refused():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "contexts.sqlite"
        user = os.geteuid()
        for file, folder_mode in ((0o444, 0o555), (0o644, 0o555), (0o444, 0o777)):
            store = ContextStore(path)
            store.put_many(WRITER, entries(3))
            store.close()
            path.chmod(file)
            Path(folder).chmod(folder_mode)
            try:
                if user == 0:
                    os.seteuid(65534)  # root may write anywhere
                with pytest.raises(StoreError, match="allow writing") as caught:
                    store.put_many(WRITER, entries(3))
            finally:
                os.seteuid(user)
                Path(folder).chmod(0o755)
                path.chmod(0o644)
                store.close()
            assert str(path) in str(caught.value)


def test_a_path_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be made"):
        len(ContextStore(tmp_path / "file" / "s.sqlite"))
    with pytest.raises(StoreError, match="cannot be opened for writing"):
        len(ContextStore(tmp_path))


FULL = """
import resource, sys
from crossrec.errors import StoreError
from crossrec.language.store import ContextStore
from tests.language.test_store import WRITER, entries
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
store, written = ContextStore(sys.argv[1]), 0
try:
    while True:
        store.put_many(WRITER, entries(100, written))
        written += 100
except StoreError as error:
    print(written, error)
"""


def test_on_a_disk_that_takes_no_more_everything_written_before_is_kept(store):  # noqa: F811
    command = [sys.executable, "-c", FULL, store.path]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True)
    written, _, words = done.stdout.partition(" ")
    assert "cannot be written" in words
    assert "all batches written before are kept" in words
    assert str(store.path) in words
    assert store.verify() == int(written) > 300
    store.put_many(WRITER, entries(100, int(written)))
    assert store.verify() == int(written) + 100


def test_a_full_database_is_worded_and_works_again_with_more_space(store):  # noqa: F811
    store.put_many(WRITER, entries(100))
    store._file.run(lambda connection: connection.execute("PRAGMA max_page_count=12"))
    with pytest.raises(StoreError, match=r"disk is full\); all batches written before are kept"):
        store.put_many(WRITER, entries(2000, 100))
    assert store.verify() == 100
    store._file.run(lambda connection: connection.execute("PRAGMA max_page_count=10000"))
    assert store.put_many(WRITER, entries(2000, 100)) == 2000
    assert store.verify() == 2100


def test_a_lock_that_is_never_given_back(store, monkeypatch):  # noqa: F811
    store.put_many(WRITER, entries(1))
    monkeypatch.setattr("crossrec.language.store_file._BUSY_SECONDS", 0.1)
    monkeypatch.setattr("crossrec.language.store_file._TIMEOUT", 0.05)
    blocker = sqlite3.connect(store.path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    fresh = ContextStore(store.path)
    started = time.monotonic()
    with pytest.raises(StoreError, match="stayed locked"):
        fresh.put_many(WRITER, entries(1, 5))
    assert time.monotonic() - started < 5
    blocker.execute("ROLLBACK")
    fresh.put_many(WRITER, entries(1, 5))
    assert len(store) == 2
    blocker.close()
