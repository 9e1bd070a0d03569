import multiprocessing
import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from crossrec.errors import ConfigError, StoreError
from crossrec.language.store import ContextStore, make_key

from .conftest import unit


def entries(n, start=0):
    vectors = unit(n)
    return [(make_key("g", str(start + i), "e"), f"text {start + i}", vectors[i]) for i in range(n)]


@pytest.fixture
def store(tmp_path):
    with_file = ContextStore(tmp_path / "deep" / "contexts.sqlite")
    yield with_file
    with_file.close()


def test_what_was_put_comes_back(store):
    batch = entries(1200)
    store.put_many(batch)
    found = store.get_many([key for key, _, _ in batch] + [b"unknown"])
    assert len(found) == len(store) == store.verify() == 1200
    for key, text, vector in batch:
        assert found[key][0] == text
        assert found[key][1].dtype == np.float32
        np.testing.assert_array_equal(found[key][1], vector)
    assert ContextStore(store.path).get_many([batch[7][0]])[batch[7][0]][0] == "text 7"


def test_the_first_text_of_a_key_stays(store):
    (key, text, vector), *_ = entries(1)
    store.put_many([(key, text, vector)])
    store.put_many([(key, "another", vector)])
    assert store.get_many([key])[key][0] == text


def test_keys_tell_every_part_apart():
    parts = [("a", "b", "c"), ("ab", "", "c"), ("a", "bc", ""), ("a", "b", "d"), ("x", "b", "c"), ("a", "y", "c")]
    keys = {make_key(*part) for part in parts}
    assert len(keys) == len(parts)
    assert {len(key) for key in keys} == {32}


def test_the_oldest_make_room(tmp_path):
    store = ContextStore(tmp_path / "s.sqlite", max_entries=25)
    for start in range(0, 100, 10):
        store.put_many(entries(10, start))
        store.put_many(entries(10, start))
    assert len(store) == 25
    assert sorted(store.get_many(key for key, _, _ in entries(100))) == sorted(key for key, _, _ in entries(25, 75))
    with pytest.raises(ConfigError, match="max_entries"):
        ContextStore(tmp_path / "s.sqlite", max_entries=0)


WRITER = """
import sys, numpy as np
from crossrec.language.store import ContextStore, make_key
store, who = ContextStore(sys.argv[1]), sys.argv[2]
for batch in range(int(sys.argv[3])):
    store.put_many([(make_key(who, f"{batch} {i}", "e"), who, np.full(8, batch, np.float32)) for i in range(50)])
    print(batch, flush=True)
"""


def start_writer(path, who, batches):
    return subprocess.Popen([sys.executable, "-c", WRITER, path, who, str(batches)], stdout=subprocess.PIPE, text=True)


def test_a_killed_writer_loses_at_most_its_batch(store):
    writer = start_writer(store.path, "victim", 1_000_000)
    for _ in range(5):
        writer.stdout.readline()
    os.kill(writer.pid, signal.SIGKILL)
    confirmed = 5 + len(writer.stdout.readlines())
    assert writer.wait() == -signal.SIGKILL
    whole, rest = divmod(store.verify(), 50)
    assert rest == 0
    assert confirmed <= whole <= confirmed + 1
    store.put_many(entries(1))
    assert len(store) == whole * 50 + 1


def test_many_writers_at_once(store):
    writers = [start_writer(store.path, f"w{i}", 12) for i in range(4)]
    assert [writer.wait(timeout=60) for writer in writers] == [0] * 4
    for writer in writers:
        writer.stdout.close()
    assert store.verify() == 4 * 12 * 50


def test_threads_share_a_store(store):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda start: store.put_many(entries(20, start)), range(0, 400, 20)))
    assert store.verify() == 400


def _read_in_child(store, key, answers):
    answers.put(store.get_many([key])[key][0])


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_store_crosses_processes(store, method):
    batch = entries(3)
    store.put_many(batch)
    context = multiprocessing.get_context(method)
    answers = context.Queue()
    child = context.Process(target=_read_in_child, args=(store, batch[2][0], answers))
    child.start()
    assert answers.get(timeout=30) == "text 2"
    child.join()
    store.put_many(entries(2, 100))
    assert len(pickle.loads(pickle.dumps(store))) == store.verify() == 5


def raw(path, statement, *values):
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(statement, values)
    connection.close()


def damage_header(path):
    path.write_bytes(b"not a database at all " * 500)


def another_program(path):
    path.unlink()
    raw(path, "CREATE TABLE songs (name TEXT)")


def newer_version(path):
    raw(path, "PRAGMA user_version=99")


def another_table(path):
    raw(path, "ALTER TABLE contexts ADD COLUMN extra TEXT")


def vector_changed(path):
    raw(path, "UPDATE contexts SET vector = ? WHERE id = 2", unit(1)[0].tobytes())


def vector_cut(path):
    raw(path, "UPDATE contexts SET vector = substr(vector, 1, 30) WHERE id = 2")


def text_changed(path):
    raw(path, "UPDATE contexts SET text = 'other words' WHERE id = 2")


def cut_short(path):
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (damage_header, "delete the file"),
        (another_program, "another program"),
        (newer_version, "newer CrossRec"),
        (another_table, "expected table"),
        (vector_changed, "checksum"),
        (vector_cut, "checksum"),
        (text_changed, "checksum"),
        (cut_short, "delete the file"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_bad_file_is_named(store, harm, words):
    batch = entries(400)
    store.put_many(batch)
    store.close()
    harm(store.path)
    with pytest.raises(StoreError, match=words) as caught:
        store.get_many(key for key, _, _ in batch)
    assert str(store.path) in str(caught.value)
    assert "context.store=" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_read_only_file_is_refused():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "contexts.sqlite"
        store = ContextStore(path)
        store.put_many(entries(3))
        store.close()
        path.chmod(0o444)
        Path(folder).chmod(0o555)
        user = os.geteuid()
        try:
            if user == 0:
                os.seteuid(65534)  # root may write anywhere
            with pytest.raises(StoreError, match="allow writing") as caught:
                len(store)
        finally:
            os.seteuid(user)
            Path(folder).chmod(0o755)
        assert str(path) in str(caught.value)


def test_verify_finds_what_no_read_has_met(store):
    store.put_many(entries(600))
    store.close()
    raw(store.path, "UPDATE contexts SET text = 'other words' WHERE id = 555")
    assert store.get_many([entries(1)[0][0]])
    with pytest.raises(StoreError, match="checksum"):
        store.verify()


def test_a_path_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be made"):
        len(ContextStore(tmp_path / "file" / "s.sqlite"))
    with pytest.raises(StoreError, match="cannot be opened for writing"):
        len(ContextStore(tmp_path))


def test_a_lock_that_is_never_given_back(store, monkeypatch):
    store.put_many(entries(1))
    monkeypatch.setattr("crossrec.language.store._BUSY_SECONDS", 0.1)
    monkeypatch.setattr("crossrec.language.store._TIMEOUT", 0.05)
    blocker = sqlite3.connect(store.path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    fresh = ContextStore(store.path)
    started = time.monotonic()
    with pytest.raises(StoreError, match="stayed locked"):
        fresh.put_many(entries(1, 5))
    assert time.monotonic() - started < 5
    blocker.execute("ROLLBACK")
    fresh.put_many(entries(1, 5))
    assert len(store) == 2
    blocker.close()
