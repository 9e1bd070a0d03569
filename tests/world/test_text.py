"""The world's text: distinct, readable, about its topic, and the same every time."""

import itertools
import re

import pytest

from crossrec.world.text import (
    QUALIFIERS,
    THINGS,
    TOPICS,
    interests_text,
    item_description,
    item_title,
    scenario_phrase,
)
from crossrec.world.vocabulary import (
    BAIT,
    DESCRIPTION_OPENINGS,
    EDITIONS,
    GENERIC_PATTERNS,
    SCENARIO_PHRASES,
    TITLE_PATTERNS,
)

SCENARIOS = ("shopping", "news", "social", "music", "video", "education", "search", "games")
MAX_TITLE = 70  # characters, without the edition


def assert_well_formed(text: str) -> None:
    assert text
    assert text == text.strip()
    assert "  " not in text
    assert not re.search(r"[*#_{}]", text), text
    assert text[0].isupper() or text[0].isdigit(), text


def test_there_are_24_topics_with_their_own_words() -> None:
    assert len(TOPICS) == len(set(TOPICS)) == 24
    assert all(topic == topic.lower() for topic in TOPICS)
    assert {len(things) for things in THINGS} == {12}
    assert {len(qualifiers) for qualifiers in QUALIFIERS} == {6}
    for words in (THINGS, QUALIFIERS):
        flat = list(itertools.chain.from_iterable(words))
        assert len(flat) == len(set(flat))


def test_every_shipped_scenario_has_its_own_patterns() -> None:
    for table in (TITLE_PATTERNS, EDITIONS, DESCRIPTION_OPENINGS, SCENARIO_PHRASES, BAIT):
        assert tuple(table) == SCENARIOS
    for patterns in (*TITLE_PATTERNS.values(), GENERIC_PATTERNS):
        assert len(patterns) == len(GENERIC_PATTERNS)
        assert all(pattern.count("*") == 1 for pattern in patterns)
    flat = list(itertools.chain.from_iterable(TITLE_PATTERNS.values()))
    assert len(flat) == len(set(flat))
    assert all(pattern.count("#") == 1 for pattern in GENERIC_PATTERNS)


def test_titles_are_distinct_and_well_formed_over_all_scenarios_and_topics() -> None:
    keys = list(itertools.product((*SCENARIOS, "podcasts"), range(24), range(864)))
    titles = [item_title(*key) for key in keys]
    assert len(set(titles)) == len(set(map(str.casefold, titles))) == len(keys)
    for title in titles:
        assert_well_formed(title)
        assert len(title) <= MAX_TITLE, title


@pytest.mark.parametrize("scenario", ["news", "garden_centre"])
def test_titles_stay_distinct_for_100_000_serials(scenario: str) -> None:
    titles = {item_title(scenario, 3, serial) for serial in range(100_001)}
    assert len(titles) == 100_001
    assert max(map(len, titles)) <= MAX_TITLE + 12  # the edition


def test_a_title_names_a_thing_of_its_topic_and_of_no_other() -> None:
    for scenario, topic, serial in itertools.product(SCENARIOS, range(24), range(0, 900, 7)):
        title = item_title(scenario, topic, serial)
        named = {t for t, things in enumerate(THINGS) if any(thing in title for thing in things)}
        assert named == {topic}, title


def test_neighbouring_titles_name_different_things() -> None:
    for topic in range(24):
        for serials in (range(12), range(500, 512)):
            titles = [item_title("video", topic, serial) for serial in serials]
            assert {thing for thing in THINGS[topic] for title in titles if thing in title} == set(THINGS[topic])


def test_known_titles_do_not_move() -> None:
    assert item_title("shopping", 0, 1) == "Gift box: gentle marathon plans"
    assert item_title("garden_centre", 0, 0) == "Garden centre pick: fast trail shoes"
    assert item_title("music", 6, 864).endswith(", vol. 2")


@pytest.mark.parametrize("scenario", [*SCENARIOS, "garden_centre"])
def test_a_description_is_one_sentence_about_both_topics(scenario: str) -> None:
    for topic, second, serial in itertools.product(range(24), range(24), (0, 5, 71, 72, 9_999)):
        text = item_description(scenario, topic, second, serial)
        assert_well_formed(text)
        assert text.count(".") == 1
        assert text.endswith(".")
        assert TOPICS[topic] in text
        assert TOPICS[second] in text
        mentioned = [thing for thing in THINGS[topic] if thing in text]
        assert len(mentioned) == 2
        assert any(thing in item_title(scenario, topic, serial) for thing in mentioned)


def test_interests_do_not_depend_on_their_order() -> None:
    for interests in itertools.permutations((0, 1, 6)):
        assert interests_text(interests) == "Likes running, home cooking and chess."
    assert interests_text([6, 6]) == "Likes chess."
    assert interests_text([1, 0]) == "Likes running and home cooking."
    assert interests_text([]) == "Has no known interests."


def test_scenario_phrases() -> None:
    assert scenario_phrase("shopping") == "shopping online"
    assert scenario_phrase("garden_centre") == "browsing garden centre"
    assert len({scenario_phrase(scenario) for scenario in SCENARIOS}) == len(SCENARIOS)


@pytest.mark.parametrize(("topic", "serial", "named"), [(-1, 0, "topic=-1"), (24, 0, "topic=24"), (0, -1, "serial=-1")])
def test_values_out_of_range_are_refused(topic: int, serial: int, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        item_title("news", topic, serial)
    with pytest.raises(ValueError, match=named):
        item_description("news", topic, 0, serial)
    if serial == 0:
        with pytest.raises(ValueError, match=named):
            interests_text([topic])
