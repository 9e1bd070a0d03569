"""Nearest items: as found by brute force, whatever is asked together, remembered or forgotten, exact or by usearch."""

import dataclasses
import hashlib
import pickle
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from crossrec.errors import ConfigError
from crossrec.simulation import item_index, nearest
from crossrec.simulation.item_index import ApproximateIndex, ExactIndex
from crossrec.simulation.nearest import Neighbours
from crossrec.world.catalogue import build_catalogue
from crossrec.world.text import TOPICS

from .conftest import scenario

needs_usearch = pytest.mark.skipif(
    find_spec("usearch") is None,
    reason="usearch is not installed: pip install 'crossrec[index]' to test searching very many items",
)


def make_catalogue(items=300, n_scenarios=2, seed=0):
    specs = tuple(scenario(name) for name in ("news", "video", "music")[:n_scenarios])
    return build_catalogue(specs, items, len(TOPICS), np.random.default_rng(seed))


def cosines(topics, questions):
    unit = topics.astype(np.float64) / np.maximum(np.linalg.norm(topics.astype(np.float64), axis=1), 1e-300)[:, None]
    asked = questions.astype(np.float64)
    asked /= np.maximum(np.linalg.norm(asked, axis=1), 1e-300)[:, None]
    return asked @ unit.T


def agrees(found, topics, questions, tolerance):
    """Whether these places are the nearest, nearest first, as far as cosines differ by more than the tolerance."""
    all_cosines = cosines(topics, questions)
    best = np.sort(all_cosines, axis=1)[:, ::-1][:, : found.shape[1]]
    distinct = (np.diff(np.sort(found, axis=1), axis=1) > 0).all()
    return distinct and abs(np.take_along_axis(all_cosines, found, axis=1) - best).max() < tolerance


def dirichlet(n, concentration, seed=0, n_topics=24):
    return np.random.default_rng(seed).dirichlet(np.full(n_topics, concentration), n).astype(np.float32)


@pytest.mark.parametrize("one_cell", [0, 10_000], ids=["cells", "one cell"])
@pytest.mark.parametrize("count", [1, 16, 200])
@pytest.mark.parametrize("concentration", [0.03, 0.3, 10.0])
def test_exact_search_is_brute_force(monkeypatch, one_cell, count, concentration):
    """Sparse mixtures, where cells are left out, and flat ones, where none can be."""
    monkeypatch.setattr(item_index, "_ONE_CELL", one_cell)
    topics, questions = dirichlet(900, concentration), dirichlet(150, 0.3, seed=1)
    assert agrees(ExactIndex(topics).search(questions, count), topics, questions, 1e-5)


def test_cells_that_cannot_be_near_are_left_out(monkeypatch):
    """Otherwise a miss among 100,000 items costs 40 times as much."""
    monkeypatch.setattr(item_index, "_ONE_CELL", 0)
    scanned = []
    scan = ExactIndex._scan
    monkeypatch.setattr(
        ExactIndex, "_scan", lambda self, cell, rows, *rest: (scanned.append(len(rows)), scan(self, cell, rows, *rest))
    )
    topics = make_catalogue(24 * 100, 1).topics[1:]
    ExactIndex(topics).search(topics[:200], 16)
    assert 200 <= sum(scanned) < 300


def test_equal_cosines_go_by_id_and_zero_mixtures_are_near_nothing(monkeypatch):
    topics = np.repeat(np.eye(3, dtype=np.float32), 4, axis=0)[[0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]]
    topics[6] = 0.0
    for one_cell in (0, 100):
        monkeypatch.setattr(item_index, "_ONE_CELL", one_cell)
        index = ExactIndex(topics)
        assert index.search(np.float32([[0, 5, 0]]), 12).tolist() == [[1, 4, 7, 10, 0, 2, 3, 5, 6, 8, 9, 11]]
        assert index.search(np.float32([[0, 0, 0]]), 12).tolist() == [list(range(12))]


@pytest.mark.parametrize("one_cell", [0, 10_000])
def test_a_near_tie_falls_the_same_way_alone_and_in_any_batch(monkeypatch, one_cell):
    """Products of matrices of different shapes round differently; whole numbers do not."""
    monkeypatch.setattr(item_index, "_ONE_CELL", one_cell)
    topics = dirichlet(2_000, 1.0)
    topics[1000:] = topics[:1000] * np.float32(1.0) + np.float32(1e-8)
    index, questions = ExactIndex(topics), dirichlet(64, 1.0, seed=1)
    together = index.search(questions, 30)
    for size in (1, 2, 7):
        apart = [index.search(questions[i : i + size], 30) for i in range(0, 64, size)]
        np.testing.assert_array_equal(np.concatenate(apart), together)
    monkeypatch.setattr(item_index, "_SCANNED", 5_000)
    np.testing.assert_array_equal(index.search(questions, 30), together)


def test_keys_of_the_largest_scenario_are_exact_in_double_precision():
    for n in (1, 4, 400, 100_000, 2_000_000):
        shift, precision = item_index._precision(n)
        assert n <= 2**shift
        assert (2.0 * 4.0**precision) * 2.0**shift <= 2.0**53
        assert 15 <= precision <= 25


def test_neighbours_are_the_nearest_of_the_scenario_but_for_the_item_itself():
    catalogue = make_catalogue(100)
    items = np.array([0, 1, 57, 100, 101, 163, 200], np.int32)
    for where in (0, 1):
        lists = Neighbours(catalogue, 8).of(items, np.full(len(items), where))
        assert not lists[0].any()
        ids = np.arange(1, 101) + 100 * where
        for item, found in zip(items[1:].tolist(), lists[1:], strict=True):
            others = ids[ids != item]
            assert set(found.tolist()) <= set(others.tolist())
            places = np.searchsorted(others, found)[None]
            assert agrees(places, catalogue.topics[others], catalogue.topics[[item]], 1e-6)


def test_a_small_scenario_gives_what_it_has():
    lists = Neighbours(make_catalogue(5), 8).of(np.array([3, 8], np.int32), np.array([0, 0]))
    assert sorted(lists[0].tolist()) == [0, 0, 0, 0, 1, 2, 4, 5]
    assert sorted(lists[1].tolist()) == [0, 0, 0, 1, 2, 3, 4, 5]
    assert (lists[:, 4:] == 0).sum() == 7, "nothing stands last"


def test_scenarios_of_different_sizes():
    uneven = dataclasses.replace(make_catalogue(60), first=np.array([1, 31]), size=np.array([30, 90]))
    items = np.arange(1, 121, dtype=np.int32)
    lists = Neighbours(uneven, 10).of(np.repeat(items, 2), np.tile([0, 1], 120))
    assert (lists > 0).all()
    assert lists[::2].max() <= 30
    assert lists[1::2].min() > 30


@pytest.mark.parametrize("limit", [1, 7, 100, 10_000])
def test_forgetting_changes_no_list_and_the_table_stays_small(limit):
    catalogue = make_catalogue(200)
    rng = np.random.default_rng(0)
    bounded, free = Neighbours(catalogue, 6, limit=limit), Neighbours(catalogue, 6)
    for _ in range(12):
        items, where = rng.integers(0, 401, 150).astype(np.int32), rng.integers(0, 2, 150)
        np.testing.assert_array_equal(bounded.of(items, where), free.of(items, where))
        assert len(bounded._lists) <= limit + 1
        assert len(bounded._known) == np.count_nonzero(bounded._row) <= limit
    assert len(free._known) > 600


def test_long_lists_are_fewer():
    catalogue = make_catalogue(50)
    assert Neighbours(catalogue, 15).limit == 200_000
    assert Neighbours(catalogue, 10_000).limit == 1_677


def test_a_list_is_searched_once(monkeypatch):
    neighbours = Neighbours(make_catalogue(50), 5)
    asked = []
    search = neighbours._search
    monkeypatch.setattr(neighbours, "_search", lambda where, items: (asked.extend(items), search(where, items))[1])
    for _ in range(3):
        neighbours.of(np.array([4, 9, 4, 0], np.int32), np.zeros(4, np.int64))
    assert asked == [4, 9]


def test_usearch_is_asked_for_by_the_extra_where_it_is_not_installed(monkeypatch):
    monkeypatch.setattr(nearest, "find_spec", lambda name: None)
    catalogue = make_catalogue(50)
    with pytest.raises(ConfigError, match=r"candidates.index='usearch'.*crossrec\[index\]"):
        Neighbours(catalogue, 5, "usearch")


@needs_usearch
def test_usearch_finds_nearly_all_of_the_nearest_in_order():
    catalogue = make_catalogue(5_000)
    rng = np.random.default_rng(0)
    items, where = rng.integers(1, 10_001, 400).astype(np.int32), rng.integers(0, 2, 400)
    exact = Neighbours(catalogue, 15, "exact").of(items, where)
    found = Neighbours(catalogue, 15, "usearch").of(items, where)
    assert (found > 0).all()
    assert (found[:, :, None] == exact[:, None, :]).any(axis=2).mean() > 0.99
    assert (found == exact).all(axis=1).mean() > 0.9


@needs_usearch
def test_usearch_answers_alone_in_batches_and_from_a_copy_alike():
    topics = make_catalogue(3_000, 1).topics[1:]
    index = ApproximateIndex(topics)
    together = index.search(topics[:40], 12)
    np.testing.assert_array_equal(np.concatenate([index.search(topics[i : i + 1], 12) for i in range(40)]), together)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(index)).search(topics[:40], 12), together)
    everything = ApproximateIndex(topics[:10]).search(topics[:3], 10)
    assert np.sort(everything, axis=1).tolist() == [list(range(10))] * 3


PRINT = """
import hashlib, sys
import numpy as np
from crossrec.simulation.item_index import ApproximateIndex
topics = np.random.default_rng(0).dirichlet(np.full(24, 0.1), 3_000).astype(np.float32)
print(hashlib.sha256(ApproximateIndex(topics).search(topics[:500], 12).tobytes()).hexdigest())
"""


@needs_usearch
def test_usearch_builds_the_same_graph_in_another_process():
    topics = np.random.default_rng(0).dirichlet(np.full(24, 0.1), 3_000).astype(np.float32)
    here = hashlib.sha256(ApproximateIndex(topics).search(topics[:500], 12).tobytes()).hexdigest()
    there = subprocess.run([sys.executable, "-c", PRINT], capture_output=True, text=True, check=True).stdout.strip()
    assert there == here
