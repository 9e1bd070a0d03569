import numpy as np
import pytest

from crossrec.language import table as module
from crossrec.language.table import MomentTable


@pytest.mark.parametrize("chunk", [1, 7, 500])
def test_a_table_finds_what_it_was_given_and_nothing_else(chunk):
    rng = np.random.default_rng(0)
    codes = np.unique(rng.integers(0, 2**64, 5_000, np.uint64))
    order = rng.permutation(len(codes))
    vectors = rng.random((len(codes), 3), np.float32)
    table = MomentTable(3)
    kept, absent = order[:2_000], order[2_000:]
    for start in range(0, len(kept), chunk):
        rows = kept[start : start + chunk]
        table.add(codes[rows], vectors[rows])
    assert len(table) == 2_000
    asked = rng.permutation(len(codes))
    found, known = table.find(codes[asked])
    np.testing.assert_array_equal(known, ~np.isin(asked, absent))
    np.testing.assert_array_equal(found[known], vectors[asked[known]])


def test_an_empty_table_knows_nothing():
    vectors, known = MomentTable(4).find(np.arange(3, dtype=np.uint64))
    assert vectors.shape == (3, 4)
    assert not known.any()


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(module, "CAPACITY", 10)
    table = MomentTable(2)
    for start in range(0, 100, 4):
        codes = np.arange(start, start + 4, dtype=np.uint64)
        table.add(codes, np.full((4, 2), start, np.float32))
        vectors, known = table.find(codes)
        assert known.all()
        assert (vectors == start).all()
        assert len(table) <= 10
