"""Sources of candidates: new items, popular items in proportion, items near what was enjoyed; rows without repeats."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from crossrec.random import keys
from crossrec.simulation.nearest import Neighbours
from crossrec.simulation.popular import PopularItems, inclusion
from crossrec.simulation.sources import NearItems, NewItems, distinct
from crossrec.world.catalogue import build_catalogue
from crossrec.world.text import TOPICS

from .conftest import scenario

NOTHING = np.zeros((1, 3), np.int32)


def make_catalogue(items=100, new=0.0, n_scenarios=2):
    specs = tuple(scenario(name) for name in ("news", "video", "music")[:n_scenarios])
    return build_catalogue(specs, items, len(TOPICS), np.random.default_rng(0), new)


def draw(source, n, n_scenarios=2, enjoyed=None, step=0):
    enjoyed = np.repeat(NOTHING, n, axis=0) if enjoyed is None else enjoyed
    return source.draw(keys(0, 12, 0, np.arange(n)), np.full(n, step), np.arange(n) % n_scenarios, enjoyed)


def rows_are_distinct(items):
    ordered = np.sort(items, axis=1)
    return bool(((np.diff(ordered, axis=1) > 0) | (ordered[:, 1:] == 0)).all())


@given(arrays(np.int32, st.tuples(st.integers(1, 6), st.integers(1, 12)), elements=st.integers(0, 9)), st.data())
@settings(max_examples=200, deadline=None)
def test_distinct_keeps_the_first_of_each_item_in_order(items, data):
    count = data.draw(st.integers(1, items.shape[1]))
    result = distinct(items, count)
    for row, found in zip(items.tolist(), result.tolist(), strict=True):
        expected = [item for item in dict.fromkeys(row) if item][:count]
        assert found == expected + [0] * (count - len(expected))


def test_distinct_takes_the_largest_ids_and_the_widest_rows():
    items = np.full((2, 40_000), 16_000_000, np.int32)
    items[:, 39_999] = 1
    assert distinct(items, 3).tolist() == [[16_000_000, 1, 0]] * 2


@pytest.mark.parametrize("quota", [1, 7, 20])
def test_new_items_are_distinct_new_items_of_the_scenario_each_equally_likely(quota):
    catalogue = make_catalogue(new=0.2)
    shown = draw(NewItems(catalogue, quota), 20_000)
    assert catalogue.new[shown].all()
    assert rows_are_distinct(shown)
    assert (catalogue.scenario[shown] == np.arange(20_000)[:, None] % 2).all()
    counts = np.bincount(shown.ravel(), minlength=201)[catalogue.new.nonzero()[0]]
    expected = 10_000 * quota / 20
    assert abs(counts / expected - 1.0).max() < 5.0 / expected**0.5 + 1e-9


def test_where_there_are_fewer_new_items_than_the_quota_all_are_taken():
    catalogue = make_catalogue(new=0.05)
    shown = draw(NewItems(catalogue, 12), 500)
    assert ((shown > 0).sum(axis=1) == 5).all()
    assert rows_are_distinct(shown)
    assert set(shown[::2].ravel()) - {0} == set(catalogue.new[:101].nonzero()[0])


@pytest.mark.parametrize("bare", [0, 1])
def test_a_scenario_without_new_items_gives_none(bare):
    catalogue = make_catalogue(new=0.05)
    new = catalogue.new & (catalogue.scenario != bare)
    shown = draw(NewItems(dataclasses.replace(catalogue, new=new), 3), 100)
    assert not shown[bare::2].any()
    assert (shown[1 - bare :: 2] > 0).all()
    nowhere = dataclasses.replace(catalogue, new=np.zeros_like(new))
    assert not draw(NewItems(nowhere, 3), 100).any()


@pytest.mark.parametrize(("items", "quota"), [(100, 10), (400, 15), (400, 50), (20, 15), (5_000, 8)])
def test_popular_items_are_included_in_proportion_to_popularity(items, quota):
    """Frequencies over 40,000 lives: quota times share, and no more than 1, within four standard errors each."""
    catalogue = make_catalogue(items, n_scenarios=1)
    shown = draw(PopularItems(catalogue, quota), 40_000, n_scenarios=1)
    assert rows_are_distinct(shown)
    assert (shown > 0).all()
    frequency = np.bincount(shown.ravel(), minlength=items + 1)[1:] / 40_000
    order = np.argsort(-catalogue.popularity[1:])
    expected = np.empty(items)
    expected[order] = inclusion(catalogue.popularity[1:][order].astype(np.float64), quota)
    error = np.sqrt(expected * (1.0 - expected) / 40_000)
    assert (abs(frequency - expected) <= 4.5 * error + 1e-4).all()
    if quota * catalogue.popularity.max() <= 1.0:
        np.testing.assert_allclose(expected, quota * catalogue.popularity[1:], rtol=1e-5)


def test_each_list_holds_items_of_all_degrees_of_popularity():
    catalogue = make_catalogue(400, n_scenarios=1)
    shown = draw(PopularItems(catalogue, 10), 2_000, n_scenarios=1)
    assert (catalogue.popularity[shown[:, 1:]].max(axis=0) <= catalogue.popularity[shown[:, :-1]].min(axis=0)).all()
    assert len(np.unique(shown, axis=0)) > 300


def test_new_items_are_never_popular_and_short_scenarios_give_what_they_have():
    catalogue = make_catalogue(20, new=0.6)
    shown = draw(PopularItems(catalogue, 12), 2_000)
    assert not catalogue.new[shown].any()
    assert ((shown > 0).sum(axis=1) == 8).all()
    assert rows_are_distinct(shown)
    everything_new = make_catalogue(20, new=1.0)
    assert not draw(PopularItems(everything_new, 12), 50).any()


def test_items_without_a_past_come_up_only_where_the_others_do_not_suffice():
    catalogue = make_catalogue(20, n_scenarios=1)
    popularity = np.zeros(21, np.float32)
    popularity[[3, 8, 15]] = [0.5, 0.3, 0.2]
    met = dataclasses.replace(catalogue, popularity=popularity)
    assert set(draw(PopularItems(met, 3), 3_000, n_scenarios=1).ravel()) == {3, 8, 15}
    assert (draw(PopularItems(met, 5), 3_000, n_scenarios=1) > 0).all()


def test_popular_items_of_scenarios_of_different_sizes_stay_in_theirs():
    uneven = dataclasses.replace(make_catalogue(60), first=np.array([1, 31]), size=np.array([30, 90]))
    shown = draw(PopularItems(uneven, 20), 4_000)
    assert shown[::2].max() <= 30
    assert shown[1::2].min() > 30
    assert set(shown.ravel()) == set(range(1, 121))


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=60), st.integers(1, 70))
@settings(max_examples=300, deadline=None)
def test_chances_sum_to_the_quota_and_are_proportional_up_to_one(popularity, quota):
    popularity = np.sort(popularity)[::-1]
    chance = inclusion(popularity, quota)
    assert chance.sum() == pytest.approx(min(quota, len(popularity)))
    assert ((chance > 0.0) & (chance <= 1.0)).all()
    free = (chance < 1.0) & (popularity > 1e-9)
    if free.any():
        np.testing.assert_allclose(chance[free] / popularity[free], (chance[free] / popularity[free])[0], rtol=1e-6)


def test_chances_by_hand():
    assert inclusion(np.array([0.4, 0.3, 0.2, 0.1]), 2).tolist() == pytest.approx([0.8, 0.6, 0.4, 0.2])
    assert inclusion(np.array([0.7, 0.1, 0.1, 0.1]), 2).tolist() == pytest.approx([1.0, 1 / 3, 1 / 3, 1 / 3])


def near(catalogue, quota, enjoyed, where):
    source = NearItems(Neighbours(catalogue, quota), quota)
    n = len(enjoyed)
    return source.draw(keys(0, np.arange(n)), np.zeros(n, np.int64), np.full(n, where), np.array(enjoyed, np.int32))


def test_enjoyed_items_take_turns_newest_first():
    catalogue = make_catalogue(100)
    lists = Neighbours(catalogue, 6).of(np.array([5, 150, 60], np.int32), np.array([1, 1, 1])).tolist()
    turns = [item for rank in zip(*lists, strict=True) for item in rank]
    (shown,) = near(catalogue, 6, [[5, 150, 60]], 1).tolist()
    assert shown == list(dict.fromkeys(turns))[:6]
    assert len(set(shown)) == 6
    (one,) = near(catalogue, 6, [[150, 0, 0]], 1).tolist()
    assert one == lists[1]
    (twice,) = near(catalogue, 6, [[150, 150, 0]], 1).tolist()
    assert twice == lists[1]


def test_who_has_enjoyed_nothing_has_nothing_near():
    assert not near(make_catalogue(100), 6, [[0, 0, 0]], 0).any()


def test_near_items_are_about_the_same_topic():
    catalogue = make_catalogue(480)
    rng = np.random.default_rng(0)
    enjoyed = np.zeros((300, 3), np.int32)
    enjoyed[:, 0] = rng.integers(1, 961, 300)
    shown = near(catalogue, 10, enjoyed, 1)
    assert (catalogue.scenario[shown] == 1).all()
    assert (catalogue.main_topic[shown] == catalogue.main_topic[enjoyed[:, :1]]).mean() > 0.99
