"""Candidates: distinct items of the right scenario, each equally likely at each place, excluded ones made padding."""

from math import gcd

import numpy as np
import pytest
from scipy import stats

from crossrec.random import keys
from crossrec.simulation.candidates import CandidateSampler

from .conftest import living, make_world, scenario

NOTHING = np.zeros((1, 3), np.int32)


def draw(items, n_candidates, n, excluded=None, n_scenarios=2, step=0, seed=0):
    world = make_world(*(scenario(name) for name in ("news", "video", "music")[:n_scenarios]), items=items)
    place = np.arange(n) % n_scenarios
    shown = CandidateSampler(world.catalogue, n_candidates).sample(
        keys(seed, 12, 0, np.arange(n)),
        np.full(n, step),
        place,
        np.repeat(NOTHING, n, axis=0) if excluded is None else excluded,
    )
    return world, place, shown


@pytest.mark.parametrize("items", [4, 5, 6, 12, 30, 97, 100, 210, 400, 1_009, 30_030, 65_536])
def test_candidates_are_distinct_items_of_the_scenario_whatever_its_size(items):
    world, place, shown = draw(items, min(items, 50), 3_000)
    ordered = np.sort(shown, axis=1)
    assert (np.diff(ordered, axis=1) > 0).all()
    assert (world.catalogue.scenario[shown] == place[:, None]).all()


@pytest.mark.parametrize("items", [4, 97, 210])
def test_as_many_candidates_as_items_are_all_items(items):
    world, place, shown = draw(items, items, 50)
    first = world.catalogue.first[place]
    np.testing.assert_array_equal(np.sort(shown, axis=1), first[:, None] + np.arange(items))


@pytest.mark.parametrize("items", [4, 30, 97, 400])
def test_every_item_is_equally_likely_at_every_place(items):
    """Chi-square over 40,000 lives at several places, and over all places together for one candidate per life."""
    _, _, shown = draw(items, 4, 40_000, n_scenarios=1)
    for place in range(4):
        counts = np.bincount(shown[:, place] - 1, minlength=items)
        assert stats.chisquare(counts).pvalue > 1e-4


def test_pairs_of_neighbouring_places_vary():
    """The stride is drawn too: the second item is not a function of the first."""
    _, _, shown = draw(97, 4, 20_000, n_scenarios=1)
    gaps = (shown[:, 1] - shown[:, 0]) % 97
    counts = np.bincount(gaps, minlength=97)
    assert counts[0] == 0
    assert stats.chisquare(counts[1:]).pvalue > 1e-4


def test_only_strides_without_a_common_factor_are_drawn():
    _, _, shown = draw(30, 4, 5_000, n_scenarios=1)
    gaps = set(((shown[:, 1] - shown[:, 0]) % 30).tolist())
    assert gaps == {stride for stride in range(1, 30) if gcd(stride, 30) == 1}


def test_excluded_items_become_padding_and_the_others_stay():
    n = 2_000
    excluded = np.stack([np.arange(n) % 20 + 1, np.zeros(n), np.arange(n) % 7 + 1], axis=1).astype(np.int32)
    _, _, free = draw(20, 10, n, n_scenarios=1)
    _, _, shown = draw(20, 10, n, excluded, n_scenarios=1)
    hit = (free[:, :, None] == excluded[:, None, :]).any(axis=2)
    assert 0.03 < hit.mean() < 0.3
    np.testing.assert_array_equal(shown, np.where(hit, 0, free))


def test_candidates_differ_between_steps_people_and_seeds_and_repeat_for_the_same():
    _, _, base = draw(400, 20, 500)
    np.testing.assert_array_equal(base, draw(400, 20, 500)[2])
    for other in (draw(400, 20, 500, step=1)[2], draw(400, 20, 500, seed=1)[2]):
        assert (base == other).all(axis=1).mean() < 0.01
    assert len(np.unique(base[::2], axis=0)) > 240


def test_enjoyed_items_are_offered_again_only_after_the_next_entry():
    """What a prompt may name is masked as long as the visit lasts; what was enjoyed in the visit is not named."""
    simulator = living(make_world(scenario(base=20.0), scenario("video", base=20.0), items=10), 200, n_candidates=10)
    came_back = 0
    for step in range(30):
        seen = simulator.seen
        assert not (seen.candidates[:, :, None] == seen.recalled[:, None, :])[seen.candidates > 0].any()
        recalled_here = simulator.world.catalogue.scenario[seen.recalled] == seen.scenario[:, None]
        recalled = [set(row[here].tolist()) for row, here in zip(seen.recalled, recalled_here, strict=True)]
        padding = (seen.candidates == 0).sum(axis=1)
        assert padding.tolist() == [len(items) for items in recalled], "all ten items are candidates but for those"
        enjoyed = (seen.candidates[:, :, None] == seen.enjoyed[:, None, :]).any(axis=(1, 2))
        came_back += int(enjoyed.sum())
        simulator.step(np.full(200, step % 10))
    assert came_back > 0
