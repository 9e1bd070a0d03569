import multiprocessing
import pickle
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from crossrec.errors import ConfigError, StoreError
from crossrec.language.answer import Answer
from crossrec.language.store import Context, ContextStore, Entry, Writer

from .conftest import unit

WRITER = Writer("g", "e")


def entries(n, start=0, problem=""):
    vectors = unit(n)
    return [
        Entry(f"prompt {start + i}", "a sentence", Context(Answer(f"text {start + i}", problem), vectors[i]))
        for i in range(n)
    ]


def keys(batch, writer=WRITER):
    return [writer.key(entry.prompt, entry.sentence) for entry in batch]


def raw(path, statement, *values):
    connection = sqlite3.connect(path)
    with connection:
        rows = connection.execute(statement, values).fetchall()
    connection.close()
    return rows


@pytest.fixture
def store(tmp_path):
    with_file = ContextStore(tmp_path / "deep" / "contexts.sqlite")
    yield with_file
    with_file.close()


def same(found, expected):
    """Whether two lists of writers and entries are equal in every bit."""
    assert [(w, e.prompt, e.sentence, e.context.answer) for w, e in found] == [
        (w, e.prompt, e.sentence, e.context.answer) for w, e in expected
    ]
    for (_, one), (_, other) in zip(found, expected, strict=True):
        assert one.context.vector.dtype == np.float32
        np.testing.assert_array_equal(one.context.vector, other.context.vector)
    return True


def test_what_was_put_comes_back(store):
    batch = entries(1200)
    assert store.put_many(WRITER, batch) == 1200
    assert store.put_many(WRITER, []) == 0
    found = store.get_many([*keys(batch), b"unknown"])
    assert len(found) == len(store) == store.verify() == 1200
    for key, entry in zip(keys(batch), batch, strict=True):
        assert found[key].answer == entry.context.answer
        assert found[key].vector.dtype == np.float32
        np.testing.assert_array_equal(found[key].vector, entry.context.vector)
    (seventh,) = keys(batch[7:8])
    assert ContextStore(store.path).get_many([seventh])[seventh].answer == Answer("text 7")


def test_the_first_text_of_a_key_stays(store):
    batch = entries(3)
    store.put_many(WRITER, batch[:2])
    assert store.put_many(WRITER, [e._replace(context=Context(Answer("another"), unit(1)[0])) for e in batch]) == 1
    found = store.get_many(keys(batch))
    assert [found[key].answer.text for key in keys(batch)] == ["text 0", "text 1", "another"]


def test_keys_tell_every_part_apart():
    parts = ["a", "b", "c", "d"], ["ab", "", "c", "d"], ["a", "bc", "", "d"], ["a", "b", "cd", ""], ["a", "b", "c", "x"]
    made = {Writer(generator, encoder).key(prompt, sentence) for generator, encoder, prompt, sentence in parts}
    assert len(made) == len(parts)
    assert {len(key) for key in made} == {32}


def test_entries_come_in_the_order_of_writing_with_their_writers_and_by_words(store):
    other = Writer("other", "e")
    store.put_many(WRITER, entries(700))
    store.put_many(other, entries(30, 690, "refusal"))
    everything = [*((WRITER, e) for e in entries(700)), *((other, e) for e in entries(30, 690, "refusal"))]
    same(list(store.entries()), everything)
    same(list(store.entries(problems=True)), everything[700:])
    for find in ("TEXT 69", "prompt 5", "69", "nothing", "%", "_", "\\"):
        chosen = [(w, e) for w, e in everything if find.lower() in f"{e.prompt}\n{e.context.answer.text}".lower()]
        same(list(store.entries(find)), chosen)
        assert store.count(find) == len(chosen)
        assert store.count(find, problems=True) == sum(writer == other for writer, _ in chosen)


def test_reading_entries_ends_though_others_write_meanwhile(store):
    store.put_many(WRITER, entries(600))
    seen = 0
    for _ in store.entries():
        if seen % 100 == 0:
            store.put_many(WRITER, entries(600, 600 * (1 + seen)))
        seen += 1
    assert seen == 600


def test_a_sample_is_spread_evenly_and_always_the_same(store):
    store.put_many(Writer("before", "e"), entries(55))
    store.put_many(WRITER, entries(100))
    store.put_many(Writer("after", "e"), entries(55))
    assert [e.prompt for e in store.sample(WRITER, 4)] == ["prompt 0", "prompt 25", "prompt 50", "prompt 75"]
    assert len(store.sample(WRITER, 100)) == len(store.sample(WRITER, 1000)) == 100
    assert len(store.sample(WRITER, 70)) == 70
    places = [int(e.prompt.split()[1]) for e in store.sample(WRITER, 64)]
    assert len(places) == 64
    assert max(places) > 95
    assert set(np.diff(places)) == {1, 2}
    assert store.sample(WRITER, 0) == store.sample(Writer("nobody", "e"), 5) == []


def test_statistics_are_those_of_the_entries(store):
    assert store.stats() == []
    other = Writer("other", "e")
    store.put_many(WRITER, entries(40))
    store.put_many(WRITER, entries(7, 40, "refusal"))
    store.put_many(WRITER, entries(2, 50, "empty"))
    store.put_many(other, [Entry("ñ", "", Context(Answer("中"), unit(1)[0]))])
    first, second = store.stats()
    assert (first.writer, first.contexts, first.problems) == (WRITER, 49, {"empty": 2, "refusal": 7})
    # a key of 32 bytes, a vector of 8 numbers, and the words in UTF-8
    assert second == (other, 1, {}, 32 + 32 + 2 + 3)
    words = [*entries(40), *entries(7, 40, "refusal"), *entries(2, 50, "empty")]
    assert first.size == sum(64 + len("".join((e.prompt, e.sentence, *e.context.answer))) for e in words)
    assert store.size() >= first.size + second.size


def test_the_oldest_make_room(tmp_path):
    store = ContextStore(tmp_path / "s.sqlite", max_entries=25)
    for start in range(0, 100, 10):
        store.put_many(WRITER, entries(10, start))
        store.put_many(WRITER, entries(10, start))
    assert len(store) == 25
    assert sorted(store.get_many(keys(entries(100)))) == sorted(keys(entries(25, 75)))
    with pytest.raises(ConfigError, match="max_entries"):
        ContextStore(tmp_path / "s.sqlite", max_entries=0)


def test_the_bound_holds_exactly_with_writers_that_write_the_same_at_once(tmp_path):
    """Ids without gaps are what the bound counts by: neither ignored nor refused batches may leave any."""
    store = ContextStore(tmp_path / "s.sqlite", max_entries=90)

    def write(seed):
        mine, random = ContextStore(store.path, max_entries=90), np.random.default_rng(seed)
        for start in random.integers(0, 400, 30):
            mine.put_many(WRITER, entries(20, int(start)))
            with pytest.raises(StoreError, match="numbers by the encoder"):
                mine.put_many(WRITER, [e._replace(context=Context(e.context.answer, np.ones(3))) for e in entries(5)])
        mine.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    assert len(store) == 90
    ((low, high),) = raw(store.path, "SELECT min(id), max(id) FROM contexts")
    assert high - low + 1 == 90
    store.verify()


def test_a_full_store_grows_no_further_and_a_lowered_bound_gives_space_back(tmp_path):
    path = tmp_path / "s.sqlite"
    wide = np.random.default_rng(0).normal(size=384).astype(np.float32)

    def fill(bound, start, batches):
        store = ContextStore(path, max_entries=bound)
        for batch in range(batches):
            made = [e._replace(context=Context(e.context.answer, wide)) for e in entries(50, start + 50 * batch)]
            store.put_many(WRITER, made)
        count = len(store)
        store.close()
        return count, path.stat().st_size

    count, full = fill(500, 0, 14)
    assert count == 500
    later = [fill(500, start, 14)[1] for start in (10_000, 20_000, 30_000)]
    assert max(later) <= 1.1 * full
    count, small = fill(50, 40_000, 1)
    assert count == 50
    assert small < full / 3


def test_a_page_of_the_file_holds_many_contexts(store):
    """Real contexts have some 2.2 KB, of which SQLite's own pages of 4 KB hold only one."""
    made = [Entry(f"{i} {'x' * 500}", "y" * 150, Context(Answer("z"), np.ones(384, np.float32))) for i in range(2_000)]
    store.put_many(WRITER, made)
    store.close()
    assert store.size() < 1.15 * store.stats()[0].size


def test_many_writers_at_once(store):
    code = """
import sys, numpy as np
from crossrec.language.answer import Answer
from crossrec.language.store import Context, ContextStore, Entry, Writer
store = ContextStore(sys.argv[1])
for batch in range(12):
    context = Context(Answer("text"), np.full(8, batch, np.float32))
    store.put_many(Writer(sys.argv[2], "e"), [Entry(f"{batch} {i}", "", context) for i in range(50)])
"""
    writers = [subprocess.Popen([sys.executable, "-c", code, store.path, f"w{i}"]) for i in range(4)]
    assert [writer.wait(timeout=60) for writer in writers] == [0] * 4
    assert store.verify() == 4 * 12 * 50
    assert [stats.contexts for stats in store.stats()] == [600] * 4


def test_a_new_store_may_be_opened_by_many_at_once(tmp_path):
    """The moment in which one of them makes the tables is short, so there are several."""
    for number in range(15):
        path, together = tmp_path / f"{number}.sqlite", threading.Barrier(6)

        def write(_, path=path, together=together):
            mine = ContextStore(path)
            together.wait()
            mine.put_many(WRITER, entries(5))
            mine.close()

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(write, range(6)))
        assert ContextStore(path).verify() == 5


def test_threads_share_a_store(store):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda start: store.put_many(WRITER, entries(20, start)), range(0, 400, 20)))
    assert store.verify() == 400


def _read_in_child(store, key, answers):
    answers.put(store.get_many([key])[key].answer.text)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_store_crosses_processes(store, method):
    batch = entries(3)
    store.put_many(WRITER, batch)
    context = multiprocessing.get_context(method)
    answers = context.Queue()
    child = context.Process(target=_read_in_child, args=(store, keys(batch)[2], answers))
    child.start()
    assert answers.get(timeout=30) == "text 2"
    child.join()
    store.put_many(WRITER, entries(2, 100))
    assert len(pickle.loads(pickle.dumps(store))) == store.verify() == 5


@pytest.mark.parametrize(
    ("vectors", "words"),
    [
        ([np.ones(8), np.ones(9)], r"vectors of shapes \[\(8,\), \(9,\)\]"),
        ([np.ones((2, 4))], r"vectors of shapes \[\(2, 4\)\]"),
        ([np.ones(0)], r"vectors of shapes \[\(0,\)\]"),
        ([np.ones(8), np.array([1, 2, np.nan, 4])], "not finite"),
        ([np.array([1, np.inf])], "not finite"),
    ],
    ids=["two widths", "a matrix", "empty", "nan", "infinite"],
)
def test_what_is_no_vector_is_never_remembered(store, vectors, words):
    with pytest.raises(StoreError, match=words):
        store.put_many(WRITER, [Entry(str(i), "", Context(Answer("t"), v)) for i, v in enumerate(vectors)])
    assert len(store) == 0


def test_vectors_of_another_width_than_the_encoders_are_refused(store):
    store.put_many(WRITER, entries(3))
    with pytest.raises(StoreError, match="holds vectors of 8 numbers by the encoder e, which now gave 5") as caught:
        store.put_many(WRITER, [Entry("new", "", Context(Answer("t"), np.ones(5, np.float32)))])
    assert str(store.path) in str(caught.value)
    store.put_many(Writer("g", "another"), [Entry("new", "", Context(Answer("t"), np.ones(5, np.float32)))])
    assert store.verify() == 4


def test_half_a_character_is_refused(store):
    with pytest.raises(StoreError, match=r"'half \\ud800' holds half a character"):
        store.put_many(WRITER, [Entry("half \ud800", "", Context(Answer("t"), unit(1)[0]))])
    whole = Entry("quote ' nul \0 emoji 🎧", "", Context(Answer("中文\0 ñ"), unit(1)[0]))
    store.put_many(WRITER, [whole])
    assert same(list(store.entries()), [(WRITER, whole)])
