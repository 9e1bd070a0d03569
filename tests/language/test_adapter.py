"""Adapters find maps that are known, stop before they harm, and say what they lack."""

import numpy as np
import pytest

from crossrec.errors import ConfigError
from crossrec.language.adapter import ADAPTERS, make_adapter

D, F = 16, 5
LEARN = [name for name in ADAPTERS if name != "identity"]


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def people(n, seed=0):
    rng = np.random.default_rng(seed)
    return unit(rng.normal(size=(n, D))), rng.integers(0, 2, (n, F)).astype(np.float32)


def rotated(source, features):
    turn = np.linalg.qr(np.random.default_rng(5).normal(size=(D, D)))[0].astype(np.float32)
    return unit(source @ turn)


def personal(source, features):
    """Who has the first feature is read the other way round."""
    return unit(np.where(features[:, :1] > 0, source, -source))


def cosines(adapter, truth, seed=1):
    source, features = people(300, seed)
    return float((adapter(source, features) * truth(source, features)).sum(1).mean())


def fitted(name, truth, n=1500, rng=0):
    source, features = people(n)
    return make_adapter(name).fit(source, truth(source, features), features, np.random.default_rng(rng))


@pytest.mark.parametrize("name", LEARN)
def test_a_map_that_is_the_same_for_all_is_found_for_new_people(name):
    assert abs(cosines(make_adapter("identity"), rotated)) < 0.3
    assert cosines(fitted(name, rotated), rotated) > 0.8


@pytest.mark.parametrize("name", ["bridge", "mlp"])
def test_a_map_of_each_persons_own_is_found_by_what_can_be_personal(name):
    best = cosines(fitted(name, personal), personal)
    assert best > cosines(fitted("linear", personal), personal) + 0.3
    assert best > 0.6


@pytest.mark.parametrize("name", LEARN)
def test_where_nothing_changes_little_is_lost(name):
    assert cosines(fitted(name, lambda source, features: source), lambda source, features: source) > 0.95


@pytest.mark.parametrize("name", ADAPTERS)
def test_results_have_unit_length_and_follow_from_the_seed(name):
    one, other = fitted(name, rotated, n=200), fitted(name, rotated, n=200)
    source, features = people(50, 2)
    np.testing.assert_array_equal(one(source, features), other(source, features))
    np.testing.assert_allclose(np.linalg.norm(one(source, features), axis=1), 1.0, rtol=1e-5)
    assert one(source, features).dtype == np.float32


def test_what_is_lacking_is_said():
    source, features = people(30)
    rng = np.random.default_rng(0)
    for name in LEARN:
        with pytest.raises(ConfigError, match=r"overlapping users.*found 1, allowed: at least"):
            make_adapter(name).fit(source[:1], source[:1], features[:1], rng)
        with pytest.raises(ConfigError, match="do not fit"):
            make_adapter(name).fit(source, source[:, :3], features, rng)
        with pytest.raises(ConfigError, match="do not fit"):
            make_adapter(name).fit(source, source, features[:3], rng)
    make_adapter("identity").fit(source[:0], source[:0], features[:0], rng)
    with pytest.raises(ConfigError, match="adapter='liner' is unknown; did you mean 'linear'"):
        make_adapter("liner")
