"""Draws are pure functions of (seed, user, step, purpose), and behave as random numbers should.

Seeds are fixed, so bounds of five standard errors either hold for ever or never.
"""

import itertools

import numpy as np
import pytest
from scipy import stats

from crossrec.random import Draw, as_uniform, bits, categorical, keys, normal, purposes, uniforms

ALL = purposes(*Draw)
PEOPLE, STEPS = 2_000, 40


@pytest.fixture(scope="module")
def draws():
    """(purposes, people, steps) uniform draws of neighbouring users over their first steps."""
    key = keys(3, 12, 0, np.arange(PEOPLE))
    return np.stack([uniforms(key, np.full(PEOPLE, step), ALL) for step in range(STEPS)], axis=2)


def test_keys_depend_on_every_part_and_on_their_order():
    parts = np.array(list(itertools.product(range(40), repeat=3)), np.int64)
    assert len(np.unique(keys(*parts.T))) == len(parts)
    assert keys(1, 2) != keys(2, 1)
    assert keys(5) != keys(5, 0)
    assert keys(5, 0) != keys(0, 5)


def test_keys_broadcast_and_do_not_change_their_arguments():
    users = np.arange(5, dtype=np.uint64)
    together = keys(7, users)
    np.testing.assert_array_equal(users, np.arange(5))
    np.testing.assert_array_equal(together, [keys(7, user)[0] for user in range(5)])


def test_known_keys_do_not_move():
    """Recorded lives stay comparable only as long as these numbers stay."""
    assert keys(0, 11, 0).tolist() == [4075349766989629111]
    assert uniforms(keys(1, 2), [3], purposes(Draw.CLICK))[0, 0] == pytest.approx(0.6190362490934201, abs=1e-15)


def test_no_two_steps_and_purposes_share_a_counter():
    key = keys(1, 12, 0, [17])
    drawn = np.stack([bits(key, np.array([step]), ALL) for step in range(2_000)])
    assert len(np.unique(drawn)) == drawn.size


def test_uniforms_lie_strictly_inside_the_unit_interval_even_for_extreme_bits():
    extreme = as_uniform(np.array([0, 2**64 - 1], np.uint64))
    assert 0.0 < extreme[0] < extreme[1] < 1.0
    assert np.isfinite(normal(extreme)).all()


def test_uniforms_have_the_mean_variance_and_shape_of_the_uniform_distribution(draws):
    for purpose in draws:
        n = purpose.size
        assert abs(purpose.mean() - 1 / 2) < 5 * np.sqrt(1 / 12 / n)
        assert abs(purpose.var() - 1 / 12) < 5 * np.sqrt(1 / 180 / n)
        counts = np.bincount((purpose.ravel() * 64).astype(int), minlength=64)
        assert stats.chisquare(counts).pvalue > 1e-5


def correlation(x, y):
    """Pearson's r in units of its standard error."""
    return np.corrcoef(x.ravel(), y.ravel())[0, 1] * np.sqrt(x.size)


def test_purposes_of_a_moment_are_uncorrelated(draws):
    for one, other in itertools.combinations(draws, 2):
        assert abs(correlation(one, other)) < 5


def test_successive_steps_are_uncorrelated_also_between_purposes(draws):
    for one, other in itertools.product(draws, repeat=2):
        assert abs(correlation(one[:, :-1], other[:, 1:])) < 5


def test_neighbouring_users_seeds_and_episodes_are_uncorrelated(draws):
    for purpose in draws:
        assert abs(correlation(purpose[:-1], purpose[1:])) < 5
    users = np.arange(20_000)
    base, next_seed, next_episode = (uniforms(keys(*k, users), 0, ALL) for k in ((3, 12, 0), (4, 12, 0), (3, 12, 1)))
    assert abs(correlation(base, next_seed)) < 5
    assert abs(correlation(base, next_episode)) < 5


def test_draws_for_some_rows_and_purposes_equal_those_in_the_batch():
    key, step = keys(5, np.arange(300)), np.arange(300) % 7
    batch = uniforms(key, step, ALL)
    rows = np.array([299, 3, 3, 150])
    some = uniforms(key[rows], step[rows], purposes(Draw.MIND, Draw.CLICK))
    np.testing.assert_array_equal(some, batch[[Draw.MIND, Draw.CLICK]][:, rows])
    np.testing.assert_array_equal(uniforms(key[7:8], 0, ALL), batch[:, 7:8])


@pytest.mark.filterwarnings("error")
def test_a_step_may_be_one_number_for_everybody():
    key = keys(5, np.arange(300))
    np.testing.assert_array_equal(uniforms(key, 7, ALL), uniforms(key, np.full(300, 7), ALL))


def test_categorical_gives_each_index_exactly_its_share():
    weights = np.array([0.0, 3.0, 0.0, 1.0, 4.0, 0.0], np.float32)
    u = (np.arange(8_000) + 0.5) / 8_000
    for scale in (1.0, 1e-6, 1e6):
        drawn = categorical(np.tile(weights * np.float32(scale), (len(u), 1)), u)
        assert np.bincount(drawn, minlength=6).tolist() == [0, 3_000, 0, 1_000, 4_000, 0]


def test_categorical_never_draws_an_index_of_weight_zero_at_the_ends_of_the_unit_interval():
    u = as_uniform(np.array([0, 2**64 - 1], np.uint64))
    for weights in ([0.0, 1.0, 2.0, 0.0], [0.0, 0.1, 0.7, 0.0]):
        assert categorical(np.tile(weights, (2, 1)), u).tolist() == [1, 2]


def test_categorical_reads_one_row_of_weights_for_each_draw():
    drawn = categorical(np.eye(5), np.full(5, 0.5))
    assert drawn.tolist() == [0, 1, 2, 3, 4]


def test_normal_agrees_with_scipy_and_its_draws_are_normal(draws):
    u = np.linspace(1e-12, 1 - 1e-12, 1_001)
    np.testing.assert_allclose(normal(u), stats.norm.ppf(u), rtol=1e-12, atol=1e-12)
    assert stats.kstest(normal(draws[Draw.DWELL].ravel()), "norm").pvalue > 1e-4
