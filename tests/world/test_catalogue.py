"""The catalogue of the default world: probabilities sum to one, titles are distinct, nothing can be overwritten."""

import dataclasses
import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from crossrec.config import DEFAULT_SCENARIOS
from crossrec.world.catalogue import build_catalogue
from crossrec.world.scenario import SCENARIOS, resolve_scenarios
from crossrec.world.synthetic import build_world
from crossrec.world.text import TOPICS

SIZE = 400
SPECS = tuple(SCENARIOS[name] for name in DEFAULT_SCENARIOS)


@pytest.fixture(scope="module")
def catalogue():
    return build_world(resolve_scenarios(DEFAULT_SCENARIOS), SIZE, 0).catalogue


def arrays(catalogue):
    values = {field.name: getattr(catalogue, field.name) for field in dataclasses.fields(catalogue)}
    return {name: value for name, value in values.items() if isinstance(value, np.ndarray)}


def test_ids_run_from_one_and_each_scenario_has_its_block(catalogue):
    assert catalogue.n_items == SIZE * len(DEFAULT_SCENARIOS)
    for index, (first, size) in enumerate(zip(catalogue.first, catalogue.size, strict=True)):
        assert set(catalogue.scenario[first : first + size]) == {index}
    assert catalogue.first[0] == 1
    assert catalogue.size.sum() == catalogue.n_items


def test_the_padding_row_says_nothing(catalogue):
    assert catalogue.scenario[0] == catalogue.main_topic[0] == -1
    assert not catalogue.topics[0].any()
    assert catalogue.quality[0] == catalogue.popularity[0] == 0
    assert catalogue.facet[0] == 1


def test_topic_mixtures_sum_to_one_and_the_main_topic_is_the_largest(catalogue):
    topics = catalogue.topics[1:]
    assert (topics >= 0).all()
    np.testing.assert_allclose(topics.sum(axis=1), 1.0, rtol=1e-6)
    np.testing.assert_array_equal(topics.argmax(axis=1), catalogue.main_topic[1:])


def test_every_topic_is_on_offer_in_every_scenario_nearly_evenly(catalogue):
    for first in catalogue.first:
        counts = np.bincount(catalogue.main_topic[first : first + SIZE], minlength=len(TOPICS))
        assert counts.min() >= counts.max() - 1


def test_popularity_is_a_distribution_in_each_scenario_and_follows_quality(catalogue):
    for first in catalogue.first:
        own = slice(first, first + SIZE)
        assert (catalogue.popularity[own] > 0).all()
        assert catalogue.popularity[own].sum() == pytest.approx(1.0, rel=1e-5)
        ranks = [np.argsort(np.argsort(values[own])) for values in (catalogue.popularity, catalogue.quality)]
        assert np.corrcoef(*ranks)[0, 1] > 0.5


def test_an_id_tells_nothing_of_quality_topic_or_popularity(catalogue):
    bound = 5 / np.sqrt(SIZE)
    for first in catalogue.first:
        for column in (catalogue.quality, catalogue.popularity, catalogue.main_topic):
            assert abs(np.corrcoef(np.arange(SIZE), column[first : first + SIZE])[0, 1]) < bound


def test_facets_are_positive_and_older_news_is_worse(catalogue):
    assert (catalogue.facet > 0).all()
    for index, spec in enumerate(SPECS):
        own = slice(catalogue.first[index], catalogue.first[index] + SIZE)
        if not spec.facet:
            assert (catalogue.facet[own] == 1).all()
        if spec.facet == "age":
            assert np.corrcoef(catalogue.facet[own], catalogue.quality[own])[0, 1] < -0.2


def test_titles_are_distinct_over_the_whole_world(catalogue):
    titles = [catalogue.title(item) for item in range(1, catalogue.n_items + 1)]
    assert len(set(titles)) == len(titles)


def test_an_item_text_is_title_and_description_and_names_the_main_topic(catalogue):
    texts = catalogue.texts()
    assert len(texts) == catalogue.n_items
    for item in (1, 2, SIZE, SIZE + 1, catalogue.n_items):
        assert texts[item - 1] == f"{catalogue.title(item)}. {catalogue.description(item)}"
        assert TOPICS[catalogue.main_topic[item]] in catalogue.description(item)


@pytest.mark.parametrize("item", [0, -1, SIZE * len(DEFAULT_SCENARIOS) + 1])
def test_a_title_of_no_item_is_refused(catalogue, item):
    with pytest.raises(IndexError, match=f"item {item} is not in the catalogue"):
        catalogue.title(item)


def test_arrays_cannot_be_overwritten_since_worlds_are_shared(catalogue):
    writeable = [name for name, value in arrays(catalogue).items() if value.flags.writeable]
    assert writeable == []


def test_the_same_seed_gives_the_same_world_and_another_seed_another():
    def build(seed):
        return arrays(build_catalogue(SPECS, 50, len(TOPICS), np.random.default_rng(seed)))

    one, same, other = build(1), build(1), build(2)
    for name, value in one.items():
        np.testing.assert_array_equal(value, same[name])
    for name in ("table", "main_topic", "popularity", "facet"):
        assert not np.array_equal(one[name], other[name]), name


def digest():
    """Of everything in one world."""
    values = arrays(build_world(resolve_scenarios(("news", "video")), 40, 3).catalogue)
    return hashlib.sha256(b"".join(name.encode() + values[name].tobytes() for name in sorted(values))).hexdigest()


def test_a_world_is_the_same_in_another_process():
    code = "import sys; sys.path.insert(0, sys.argv[1]); import test_catalogue; print(test_catalogue.digest())"
    command = [sys.executable, "-c", code, str(Path(__file__).parent)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == digest()
