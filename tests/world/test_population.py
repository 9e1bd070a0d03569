"""People are pure functions of (world seed, id), alone or in a batch; their notes are right nine times in ten."""

import dataclasses

import numpy as np
import pytest

from crossrec.observation import AGE_BANDS, DAYPARTS, LANGUAGES
from crossrec.world.population import N_STATED, People
from crossrec.world.scenario import resolve_scenarios
from crossrec.world.synthetic import build_world
from crossrec.world.text import TOPICS

SCENARIOS = ("shopping", "news", "video")
N = 5_000
WORLD = build_world(resolve_scenarios(SCENARIOS), 40, 0)
COLUMNS = [field.name for field in dataclasses.fields(People)]


@pytest.fixture(scope="module")
def people():
    return WORLD.people(np.arange(N))


@pytest.fixture(scope="module")
def phi():
    """(N, S, K) private interests."""
    ids = np.arange(N)
    return np.stack([WORLD.population.private(ids, np.full(N, s)) for s in range(len(SCENARIOS))], axis=1)


@pytest.fixture(scope="module")
def habit():
    """(N, D, S) weights of scenarios."""
    ids = np.arange(N)
    return np.stack([WORLD.population.habits(ids, np.full(N, d)) for d in range(len(DAYPARTS))], axis=1)


def test_a_person_is_the_same_alone_and_in_a_batch_in_any_order(people):
    ids = np.array([4_999, 17, 17, 0, 2_500])
    batch = WORLD.people(ids)
    for column in COLUMNS:
        np.testing.assert_array_equal(getattr(batch, column), getattr(people, column)[ids], err_msg=column)
        alone = np.concatenate([getattr(WORLD.people(ids[i : i + 1]), column) for i in range(len(ids))])
        np.testing.assert_array_equal(alone, getattr(batch, column), err_msg=column)


def test_ids_up_to_the_largest_cost_nothing():
    drawn = WORLD.people(np.array([2**63 - 1, 2**63 - 2]))
    assert not np.array_equal(drawn.theta[0], drawn.theta[1])


def test_different_ids_are_different_people(people):
    assert len(np.unique(people.theta, axis=0)) == N
    assert len(np.unique(people.patience)) > 0.99 * N


def test_another_world_seed_gives_other_people(people):
    other = build_world(resolve_scenarios(SCENARIOS), 40, 1).people(np.arange(N))
    for column in COLUMNS:
        same = (getattr(other, column) == getattr(people, column)).reshape(N, -1).all(axis=1)
        assert same.mean() < 0.6, column


def test_shapes_and_ranges(people, phi, habit):
    topics, scenarios, dayparts = len(TOPICS), len(SCENARIOS), len(DAYPARTS)
    assert people.theta.shape == (N, topics)
    assert phi.shape == (N, scenarios, topics)
    assert people.routine.shape == people.noted.shape == (N, dayparts)
    assert habit.shape == (N, dayparts, scenarios)
    assert people.stated.shape == (N, N_STATED)
    for chosen in (people.routine, people.noted, people.stated):
        assert chosen.min() >= 0
        assert chosen.max() < topics
    assert (habit > 0).all()
    assert (people.patience > 0).all()
    assert (np.diff(people.stated, axis=1) >= 0).all()


def test_interests_are_distributions(people, phi):
    for interest in (people.theta, phi):
        assert (interest >= 0).all()
        np.testing.assert_allclose(interest.sum(axis=-1), 1.0, rtol=1e-5)


def test_interests_are_sparse(people, phi):
    """Most people care for three or four topics: few make up nearly all, and different ones for different people."""
    for interest in (people.theta, phi[:, 0]):
        needed = (np.sort(interest, axis=1)[:, ::-1].cumsum(axis=1) < 0.9).sum(axis=1) + 1
        assert 2 <= np.median(needed) <= 5
        share = np.bincount(interest.argmax(axis=1), minlength=len(TOPICS)) / N
        assert share.min() > 0.01
        assert share.max() < 0.12


def test_private_interests_are_drawn_apart_from_shared_ones_and_from_each_other(people, phi):
    blocks = [people.theta, *phi.transpose(1, 0, 2)]
    strangers = np.einsum("nk,nk->n", people.theta, np.roll(people.theta, 1, axis=0)).mean()
    for i, one in enumerate(blocks):
        for other in blocks[:i]:
            alike = np.einsum("nk,nk->n", one, other).mean()
            assert alike < 1.6 * strangers, "more alike than age alone explains"


def test_profiles_are_one_hot_with_the_documented_shares(people):
    age, language = people.profile[:, : len(AGE_BANDS)], people.profile[:, len(AGE_BANDS) :]
    for part in (age, language):
        assert (part.sum(axis=1) == 1).all()
    assert len(LANGUAGES) == language.shape[1]
    np.testing.assert_allclose(age.mean(axis=0), 0.2, atol=5 * np.sqrt(0.2 * 0.8 / N))
    for share, expected in zip(language.mean(axis=0), (0.7, 0.15, 0.15), strict=True):
        assert abs(share - expected) < 5 * np.sqrt(expected * (1 - expected) / N)


def test_age_tilts_interests(people):
    means = np.stack([people.theta[people.profile[:, band] == 1].mean(axis=0) for band in range(len(AGE_BANDS))])
    assert (means.max(axis=0) / means.min(axis=0)).max() > 1.5


def test_the_note_on_routines_is_right_nine_times_in_ten(people):
    """A wrong note is any topic, so one in 24 of them is right after all."""
    expected = 0.9 + 0.1 / len(TOPICS)
    right = (people.noted == people.routine).mean()
    assert abs(right - expected) < 5 * np.sqrt(expected * (1 - expected) / people.noted.size)


def test_the_note_on_interests_names_the_largest_two_nine_times_in_ten(people):
    largest = np.argsort(-people.theta, axis=1, kind="stable")[:, :N_STATED]
    named = (largest[:, :, None] == people.stated[:, None, :]).any(axis=2).mean()
    assert 0.89 < named < 0.92


def test_routines_follow_interests(people):
    of_routine = np.take_along_axis(people.theta, people.routine, axis=1).ravel()
    expected = (people.theta**2).sum(axis=1)
    error = np.sqrt(of_routine.var() / of_routine.size)
    assert abs(of_routine.mean() - expected.mean()) < 6 * error


def test_habits_follow_the_scenarios_dayparts(habit):
    """Video is used far more in the evening than in the morning, news the other way round."""
    share = habit / habit.sum(axis=2, keepdims=True)
    morning, evening = share.mean(axis=0)[[0, 2]]
    assert evening[2] > 2 * morning[2]
    assert morning[1] > 2 * evening[1]
