"""Stores as Parquet files: what is exported comes back bit by bit, and a bad file adds nothing."""

import os

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crossrec.errors import StoreError
from crossrec.language.answer import Answer
from crossrec.language.archive import Imported, export_store, import_store
from crossrec.language.store import Context, ContextStore, Entry, Writer

WRITERS = Writer("greedy", "minilm"), Writer("titles-1", "hashing-1-5")


def entries(n, width, problem="", start=0):
    random = np.random.default_rng(width)
    return [
        Entry(f"prompt {i} ñ", f"sentence {i}", Context(Answer(f"中文 {i}", problem), v.astype(np.float32)))
        for i, v in enumerate(random.normal(size=(n, width)), start)
    ]


def content(store):
    """Everything in a store, by key."""
    return {
        w.key(e.prompt, e.sentence): (w, *e[:2], e.context.answer, e.context.vector.tobytes())
        for w, e in store.entries()
    }


@pytest.fixture
def store(tmp_path):
    filled = ContextStore(tmp_path / "contexts.sqlite")
    filled.put_many(WRITERS[0], entries(30, 8))
    filled.put_many(WRITERS[1], entries(20, 5))
    filled.put_many(WRITERS[0], entries(10, 8, "refusal", 30))
    yield filled
    filled.close()


@pytest.fixture
def file(store, tmp_path):
    path = tmp_path / "contexts.parquet"
    assert export_store(store, path) == 60
    return path


@pytest.fixture
def empty(tmp_path):
    return ContextStore(tmp_path / "other" / "empty.sqlite")


@pytest.mark.parametrize("rows", [7, 60, 4096])
def test_everything_comes_back_bit_by_bit_whatever_is_in_memory_at_once(store, empty, tmp_path, monkeypatch, rows):
    monkeypatch.setattr("crossrec.language.archive._ROWS", rows)
    assert export_store(store, tmp_path / "c.parquet") == 60
    assert import_store(empty, tmp_path / "c.parquet") == Imported(60, 0)
    assert content(empty) == content(store)
    assert empty.stats() == store.stats()
    assert export_store(empty, tmp_path / "again.parquet") == 60
    ordered = [pq.read_table(tmp_path / name).sort_by("key") for name in ("c.parquet", "again.parquet")]
    assert ordered[0].equals(ordered[1])


def test_an_empty_store_comes_back_empty(empty, tmp_path):
    assert export_store(empty, tmp_path / "none.parquet") == 0
    assert import_store(empty, tmp_path / "none.parquet") == Imported(0, 0)


def test_what_the_store_has_stays_as_it_is(file, empty):
    mine = entries(1, 8)[0]._replace(context=Context(Answer("mine"), np.ones(8, np.float32)))
    empty.put_many(WRITERS[0], [mine])
    assert import_store(empty, file) == Imported(59, 1)
    assert import_store(empty, file) == Imported(0, 60)
    (key,) = [WRITERS[0].key(mine.prompt, mine.sentence)]
    assert empty.get_many([key])[key].answer.text == "mine"


def test_a_file_that_other_programs_wrote_again_is_read(file, empty, store, tmp_path):
    table = pd.read_parquet(file).sample(frac=1, random_state=0)
    table["extra"] = 1
    table["generator"] = table["generator"].astype("category")
    table["vector"] = [vector.astype(np.float64) for vector in table["vector"]]
    table.to_parquet(tmp_path / "pandas.parquet")
    assert import_store(empty, tmp_path / "pandas.parquet") == Imported(60, 0)
    assert content(empty) == content(store)


def edited(change):
    """A change to the exported table as a list of rows."""

    def edit(path):
        rows = pq.read_table(path).to_pylist()
        change(rows)
        pq.write_table(pa.Table.from_pylist(rows, schema=pq.read_schema(path)), path)

    return edit


def setting(number, **values):
    return edited(lambda rows: rows[number - 1].update(values))


def without_column(path):
    pq.write_table(pq.read_table(path).drop_columns(["sentence"]), path)


def column_of_numbers(path):
    table = pq.read_table(path)
    pq.write_table(table.set_column(8, "vector", pa.array(range(60))), path)


def cut_short(path):
    os.truncate(path, path.stat().st_size // 2)


def no_parquet(path):
    path.write_text("key,generator\n1,2\n")


BAD = {
    "prompt changed": (setting(41, prompt="another"), ["row 41", "key does not belong", "export it again"]),
    "writer changed": (setting(3, encoder="another"), ["row 3", "key does not belong"]),
    "key changed": (setting(60, key=b"x" * 32), ["row 60", "key does not belong"]),
    "text changed": (setting(2, text="another"), ["row 2", "text or vector does not match its checksum"]),
    "problem changed": (setting(2, problem="refusal"), ["row 2", "does not match its checksum"]),
    "vector changed": (setting(2, vector=[0.5] * 8), ["row 2", "text or vector does not match its checksum"]),
    "checksum changed": (setting(2, checksum=7), ["row 2", "text or vector does not match its checksum"]),
    "no checksum": (setting(2, checksum=None), ["row 2", "a value is missing"]),
    "no text": (setting(5, text=None), ["row 5", "a value is missing"]),
    "no key": (setting(5, key=None), ["row 5", "a value is missing"]),
    "unknown problem": (setting(6, problem="tired"), ["row 6", "'tired'", "'refusal'"]),
    "empty vector": (setting(7, vector=[]), ["row 7", "empty or not finite"]),
    "no vector": (setting(7, vector=None), ["row 7", "empty or not finite"]),
    "nan": (setting(8, vector=[1, float("nan"), *[0] * 6]), ["row 8", "empty or not finite"]),
    "gap in a vector": (setting(8, vector=[1, None, *[0] * 6]), ["row 8", "empty or not finite"]),
    "another width": (setting(9, vector=[1, 2, 3]), ["row 9", "3 numbers", "have 8"]),
    "column missing": (without_column, ["no column sentence"]),
    "column of numbers": (column_of_numbers, ["column vector is of type int64"]),
    "cut short": (cut_short, ["damaged or no Parquet file"]),
    "no Parquet": (no_parquet, ["damaged or no Parquet file"]),
    "a folder": (lambda path: (path.unlink(), path.mkdir()), ["damaged or no Parquet file"]),
    "absent": (lambda path: path.unlink(), ["there is no file", "crossrec context export"]),
}


@pytest.mark.parametrize("harm", BAD)
def test_a_bad_file_is_named_with_its_row_and_adds_nothing(file, empty, harm, monkeypatch):
    monkeypatch.setattr("crossrec.language.archive._ROWS", 16)
    change, words = BAD[harm]
    change(file)
    with pytest.raises(StoreError) as caught:
        import_store(empty, file)
    for word in (str(file), *words):
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(empty) == 0


def test_a_changed_byte_is_refused_or_changes_nothing(file, store, tmp_path):
    whole, refused = file.read_bytes(), 0
    for number, place in enumerate(np.random.default_rng(3).integers(len(whole), size=80)):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 0x21]) + whole[place + 1 :])
        other = ContextStore(tmp_path / f"{number}.sqlite")
        try:
            import_store(other, file)
            assert content(other) == content(store)
        except StoreError:
            refused += 1
        finally:
            other.close()
    assert refused > 40


def test_vectors_of_another_width_than_the_stores_are_refused(file, empty):
    empty.put_many(WRITERS[0], entries(1, 6))
    with pytest.raises(StoreError, match="holds vectors of 6 numbers by the encoder minilm"):
        import_store(empty, file)
    assert len(empty) == 1


def test_an_import_never_drives_out_what_the_store_holds(file, tmp_path):
    small = ContextStore(tmp_path / "small.sqlite", max_entries=100)
    small.put_many(WRITERS[0], entries(50, 8, start=500))
    with pytest.raises(StoreError, match=r"holds 60 new contexts .* 50, where it keeps 100, .*store_entries= to 110"):
        import_store(small, file)
    assert len(small) == 50
    assert import_store(ContextStore(small.path, max_entries=110), file) == Imported(60, 0)


def test_an_export_that_fails_leaves_the_old_file_and_no_other(store, file, monkeypatch, tmp_path):
    before = file.read_bytes()
    names = sorted(path.name for path in tmp_path.iterdir())
    monkeypatch.setattr("crossrec.language.archive._ROWS", 20)
    calls = []

    def full(writer, table):
        calls.append(table.num_rows)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    with pytest.raises(StoreError, match=r"contexts\.parquet cannot be written .*No space left"):
        export_store(store, file)
    assert file.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    for nowhere in (tmp_path / "no" / "folder.parquet", file / "below.parquet", tmp_path):
        with pytest.raises(StoreError, match="cannot be written"):
            export_store(store, nowhere)
    with pytest.raises(StoreError, match="is the context store itself"):
        export_store(store, store.path)
    assert store.verify() == 60
