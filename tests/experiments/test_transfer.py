"""What knowing people is worth elsewhere: arrivals, the matrix, and worlds of which the answer is known."""

import numpy as np
import pandas as pd
import pytest

from crossrec.errors import ConfigError
from crossrec.experiments.compose import compose_train
from crossrec.experiments.lab import build_lab
from crossrec.experiments.train import train
from crossrec.experiments.transfer.adapting import closeness, pairs_of, worth
from crossrec.experiments.transfer.arrivals import settle, strangers
from crossrec.experiments.transfer.estimates import over_agents
from crossrec.experiments.transfer.matrix import matrix_of
from crossrec.experiments.transfer.ranks import rank_correlation, shared_interest
from crossrec.experiments.transfer.twins import twins_config, twins_gains
from crossrec.language.adapted import AdaptedReader, read_as
from crossrec.language.adapter import make_adapter
from crossrec.transfer import transfer_ratio

PEOPLE = np.arange(600_000, 600_040)


@pytest.fixture(scope="module", params=["none", "template"])
def lab(request):
    config = compose_train([f"context={request.param}", "context.encoder=hashing", "env.items_per_scenario=60"])
    return build_lab(config.env, config.context)


class Spy:
    """Shows the first allowed candidate and keeps what it saw."""

    def __init__(self):
        self.seen = []

    def predict(self, observation, state=None, episode_start=None, deterministic=False):
        self.seen.append({key: value.copy() for key, value in observation.items()})
        return observation["mask"].argmax(1), state


def arrivals(lab, source="news", target="music"):
    return settle(lab, PEOPLE, 3, source, before=8, first=4).arrive(target)


def where(observation):
    return observation["situation"][:, :5].argmax(1)


def test_people_arrive_from_one_scenario_in_another_and_stay_there(lab):
    spy = Spy()
    arrivals(lab).meet(spy)
    assert len(spy.seen) == 4
    assert all((where(observation) == 3).all() for observation in spy.seen)
    assert (spy.seen[0]["history_scenario"][:, :8] == 2).all()  # all that was ever shown was in the news
    assert (spy.seen[3]["history_scenario"][:, :3] == 4).all()


def test_only_the_history_is_a_strangers(lab):
    own, other, nothing = Spy(), Spy(), Spy()
    met = arrivals(lab)
    for spy, knowledge in ((own, "own"), (other, "stranger"), (nothing, "none")):
        met.meet(spy, knowledge)
    first, second, third = (spy.seen[0] for spy in (own, other, nothing))
    whose = strangers(first["profile"])
    for key in ("history", "history_scenario", "history_feedback"):
        np.testing.assert_array_equal(second[key], first[key][whose])
        assert (third[key] == 0).all()
    for key in set(first) - {"history", "history_scenario", "history_feedback"}:
        np.testing.assert_array_equal(first[key], second[key], err_msg=key)


def test_the_same_people_arrive_again_and_nothing_is_left_of_what_was_tried(lab):
    met = arrivals(lab)
    before = met.meet(Spy())
    met.meet(Spy(), "stranger")
    for one, other in zip(before, met.meet(Spy()), strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(before, arrivals(lab).meet(Spy()), strict=True):
        np.testing.assert_array_equal(one, other)
    reached, best = before
    assert reached.shape == best.shape == (len(PEOPLE), 4)
    assert (best >= reached).all()


def test_strangers_have_the_same_profile_where_there_is_one():
    profile = np.array([[0], [1], [0], [2], [0], [1], [3]])
    other = strangers(profile)
    assert (other != np.arange(7)).all()
    assert sorted(other) == list(range(7))
    assert (profile[other] == profile)[[0, 1, 2, 4, 5]].all()
    assert strangers(np.zeros((1, 2))).tolist() == [0]
    assert sorted(strangers(np.array([[0], [0], [1]]))) == [0, 1, 2]
    assert (strangers(np.array([[0], [0], [1]])) != np.arange(3)).all()


def test_the_matrix_has_every_pair(lab):
    calls = []
    found = matrix_of(lab, Spy(), PEOPLE[:6], 0, before=3, first=2, on_cell=lambda: calls.append(1))
    assert len(found) == len(calls) == 25
    assert not found.duplicated(["source", "target"]).any()
    # Whoever looks at no history gains nothing by it.
    assert (found["gain"] == 0.0).all()
    assert (found["best"] >= found["own"]).all()


def test_what_scenarios_share():
    rhos = [0.6, 0.5, -0.4, 0.9, 0.2]
    assert shared_interest(rhos, 0, 1) == pytest.approx(0.3)
    assert shared_interest(rhos, 0, 2) == pytest.approx(-0.24)
    assert shared_interest(rhos, 2, 2) == 1.0
    shared = np.array([[shared_interest(rhos, i, j) for j in range(5)] for i in range(5)])
    correlation, p = rank_correlation(shared, shared)
    assert correlation == pytest.approx(1.0)
    assert p == 1 / 120
    assert rank_correlation(shared - 5.0, shared) == (correlation, p)  # harm ranks below nothing
    assert rank_correlation(-shared, shared)[0] == pytest.approx(-1.0)
    assert rank_correlation(np.random.default_rng(1).normal(size=(5, 5)), shared)[1] > 0.05
    assert np.isnan(rank_correlation(np.ones((5, 5)), shared)[0])
    with pytest.raises(ConfigError, match="with 3 to 8 scenarios"):
        rank_correlation(np.ones((2, 2)), np.ones((2, 2)))
    with pytest.raises(ConfigError, match="must be finite"):
        rank_correlation(np.full((5, 5), np.nan), shared)


@pytest.mark.parametrize("target", ["music", "news"])
def test_candidates_do_not_depend_on_what_is_told(lab, target):
    """Whoever does the same is offered the same, also where people come from the same scenario."""
    met, seen = arrivals(lab, "news", target), {}
    for knowledge in ("own", "stranger", "none"):
        spy = Spy()
        met.meet(spy, knowledge)
        seen[knowledge] = spy.seen
    for knowledge in ("stranger", "none"):
        for one, other in zip(seen["own"], seen[knowledge], strict=True):
            np.testing.assert_array_equal(one["candidates"], other["candidates"])


def test_contexts_that_name_titles_would_tell_all_the_same(reading):
    with pytest.raises(ConfigError, match=r"context\.prompt\.titles=3"):
        arrivals(reading).meet(Spy(), "none")


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"source": "newz"}, "source='newz' is unknown; did you mean 'news'"),
        ({"before": 0}, "before=0 is out of range"),
        ({"first": 0}, "first=0 is out of range"),
    ],
)
def test_mistakes_are_named(lab, wrong, named):
    with pytest.raises(ConfigError, match=named):
        settle(lab, PEOPLE, 0, **{"source": "news", **wrong})
    with pytest.raises(ConfigError, match="target='newz' is unknown"):
        settle(lab, PEOPLE, 0, "news", before=1, first=1).arrive("newz")
    with pytest.raises(ConfigError, match="knowledge='mine' is unknown"):
        arrivals(lab).meet(Spy(), "mine")


@pytest.mark.slow
def test_twins_have_the_ratios_that_are_known(tmp_path):
    """With rho = 1 the other twin tells as much as the own, with rho = 0 nothing, with rho = -1 it misleads."""
    found = [
        twins_gains(train(twins_config(seed, 12_000, str(tmp_path)), show=False).path, people=400) for seed in (0, 1, 2)
    ]
    rows = pd.concat(found)
    ratios = {
        rho: over_agents(
            [transfer_ratio(away, 0.0, home) for away, home in zip(group["away"], group["home"], strict=True)]
        )
        for rho, group in rows.groupby("rho")
    }
    assert ratios[1.0].low < 1.0 < ratios[1.0].high
    assert ratios[1.0].value > 0.6
    assert abs(ratios[0.0].value) < 0.15
    assert ratios[-1.0].value < 0.0


@pytest.fixture(scope="module")
def reading():
    words = ["context=template", "context.encoder=hashing", "context.prompt.titles=3", "context.prompt.sees=[scenario]"]
    config = compose_train([*words, "env.items_per_scenario=60", "env.history=own"])
    return build_lab(config.env, config.context)


def test_pairs_are_read_where_people_enjoyed_something(reading):
    pairs = pairs_of(reading, np.arange(600_000, 600_100), 3, "news", "music", before=15)
    n, d = pairs.source.shape
    assert 10 < n < 100
    assert pairs.target.shape == (n, d)
    assert pairs.features.shape == (n, 8 + 4 + 4)
    # The same person's two contexts are closer than two people's.
    same = (pairs.source * pairs.target).sum(1).mean()
    others = (pairs.source * np.roll(pairs.target, 1, axis=0)).sum(1).mean()
    assert same > others
    assert closeness(make_adapter("identity"), pairs) == pytest.approx(same)
    assert len(pairs.first(0.5).source) == round(n / 2)
    assert len(pairs.first(0.0).source) == 0


def test_new_people_are_read_where_they_are_known_and_others_as_ever(reading):
    met = settle(reading, PEOPLE, 3, "news", before=15, first=3).arrive("music")
    seen, rows, intent = met.seen(), np.arange(len(PEOPLE)), np.zeros(len(PEOPLE), int)
    adapted = AdaptedReader(reading.world, reading.reader, make_adapter("identity"), 1, 3)
    new = adapted.is_new(seen, rows)
    assert 10 < new.sum() < len(PEOPLE) + 1
    found, plain = adapted.read(seen, rows, intent), reading.reader.read(seen, rows, intent)
    np.testing.assert_array_equal(found[new], read_as(reading.reader, seen, rows, intent, 1)[new])
    np.testing.assert_array_equal(found[~new], plain[~new])
    assert (found[new] != plain[new]).any()
    again = AdaptedReader(reading.world, reading.reader, None, 1, 3)
    np.testing.assert_array_equal(again.read(seen, rows, intent), plain)
    at_home = settle(reading, PEOPLE, 3, "music", before=15, first=3).arrive("music").seen()
    assert not adapted.is_new(at_home, rows).any()
    # Texts name what was enjoyed up to entering; with refresh=topic, up to now, and so people are known sooner.
    seen.enjoyed[:, 0] = reading.world.catalogue.first[3]
    assert adapted.is_new(seen, rows).any()
    reading.reader.latest = True
    try:
        assert not adapted.is_new(seen, rows).any()
    finally:
        reading.reader.latest = False


def test_every_adapter_is_tried_on_the_same_arrivals(reading):
    pairs = pairs_of(reading, np.arange(610_000, 610_060), 3, "news", "music", before=15)
    table = worth(reading, Spy(), pairs, PEOPLE, 3, "news", "music", before=15, first=3)
    assert table["adapter"].tolist() == ["identity", "linear", "bridge", "mlp", "prompted again", "known there"]
    assert table["reward"].iloc[:5].nunique() == 1  # who looks at no context gains nothing by it
    assert table["cosine"].notna().sum() == 4


def test_scenarios_without_items_of_a_topic_are_as_good_as_others():
    """Six items cannot be of 24 topics: those that are there are arrived at, read and adapted all the same."""
    words = ["context=template", "context.encoder=hashing", "context.prompt.titles=3", "env.history=own"]
    config = compose_train([*words, "env.items_per_scenario=6", "env.n_candidates=5"])
    lab = build_lab(config.env, config.context)
    catalogue = lab.world.catalogue
    topics = [set(catalogue.main_topic[first : first + 6]) for first in catalogue.first]
    assert all(len(found) < catalogue.topics.shape[1] for found in topics)
    pairs = pairs_of(lab, np.arange(600_000, 600_200), 3, "news", "music")
    table = worth(lab, lab.baseline("content", None, 0), pairs, PEOPLE, 3, "news", "music", first=3)
    assert np.isfinite(table["reward"]).all()
    assert np.isfinite(table["cosine"]).sum() == 4


def test_what_adapters_cannot_do_is_said(reading, lab):
    with pytest.raises(ConfigError, match="source and target are both 'news'"):
        pairs_of(reading, PEOPLE, 0, "news", "news")
    with pytest.raises(ConfigError, match="source='newz' is unknown"):
        pairs_of(reading, PEOPLE, 0, "newz", "music")
    with pytest.raises(ConfigError, match="overlapping users"):
        worth(reading, Spy(), pairs_of(reading, PEOPLE, 0, "news", "music").first(0.0), PEOPLE, 0, "news", "music")
    if lab.reader is None:
        with pytest.raises(ConfigError, match="context=none has nothing to adapt"):
            pairs_of(lab, PEOPLE, 0, "news", "music")
