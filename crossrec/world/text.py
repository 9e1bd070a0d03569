"""Natural-language text of the world: titles, descriptions, personas. Pure functions of their arguments, no randomness.

A title is a qualified thing of the topic ("fast trail shoes") in a pattern of the scenario ("Gift box: *"). The serial
number runs through things, qualifiers and patterns as through the digits of a number, each digit shifted by the lower
ones, so that neighbours differ and yet no combination comes twice. After the last combination an edition is added.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .vocabulary import (
    BAIT,
    DESCRIPTION_OPENINGS,
    DESCRIPTION_TAILS,
    EDITIONS,
    GENERIC_BAIT,
    GENERIC_EDITION,
    GENERIC_OPENINGS,
    GENERIC_PATTERNS,
    SCENARIO_PHRASES,
    TITLE_PATTERNS,
    VOCABULARY,
)

TOPICS: Final[tuple[str, ...]] = tuple(VOCABULARY)
THINGS: Final[tuple[tuple[str, ...], ...]] = tuple(things for things, _ in VOCABULARY.values())
QUALIFIERS: Final[tuple[tuple[str, ...], ...]] = tuple(qualifiers for _, qualifiers in VOCABULARY.values())

_N_TOPICS: Final = len(TOPICS)
_N_THINGS: Final = len(THINGS[0])
N_QUERIES: Final = _N_TOPICS * _N_THINGS
_N_QUALIFIERS: Final = len(QUALIFIERS[0])
_N_PHRASES: Final = _N_THINGS * _N_QUALIFIERS
_N_PATTERNS: Final = len(GENERIC_PATTERNS)


def _capitalised(text: str) -> str:
    return text[:1].upper() + text[1:]


def _phrases(topic: int) -> tuple[str, ...]:
    """Every qualified thing of a topic once; neighbours differ in thing and qualifier."""
    phrases = []
    for i in range(_N_PHRASES):
        round_, thing = divmod(i, _N_THINGS)
        phrases.append(f"{QUALIFIERS[topic][(round_ + thing) % _N_QUALIFIERS]} {THINGS[topic][thing]}")
    return tuple(phrases)


_PHRASES: Final[tuple[tuple[str, ...], ...]] = tuple(_phrases(topic) for topic in range(_N_TOPICS))
_CAPITALISED: Final[tuple[tuple[str, ...], ...]] = tuple(tuple(map(_capitalised, phrases)) for phrases in _PHRASES)
# By how much the i-th phrase shifts the pattern: any shift keeps titles distinct, this one mixes things and patterns.
_SHIFTS: Final[tuple[int, ...]] = tuple(i + 5 * (i // _N_THINGS) for i in range(_N_PHRASES))


def _display_name(scenario: str) -> str:
    return " ".join(scenario.replace("_", " ").split()) or "elsewhere"


@lru_cache(maxsize=1024)
def _patterns(scenario: str) -> tuple[tuple[str, str], ...]:
    """The scenario's title patterns, each as what stands before and after the thing."""
    name = _display_name(scenario)
    patterns = []
    for pattern in TITLE_PATTERNS.get(scenario, GENERIC_PATTERNS):
        before, after = (part.replace("#", name) for part in pattern.split("*"))
        patterns.append((_capitalised(before), after))
    return tuple(patterns)


def _check(topic: int, serial: int) -> None:
    if not 0 <= topic < _N_TOPICS:
        raise ValueError(f"topic={topic}: must be from 0 to {_N_TOPICS - 1}")
    if serial < 0:
        raise ValueError(f"serial={serial}: must be 0 or more")


def item_title(scenario: str, topic: int, serial: int) -> str:
    """Give the title of an item, distinct for every (scenario, topic, serial).

    Two scenario names that differ only in underscores and spaces read the same and share their titles.

    Args:
        scenario: Name of the scenario; one that is not shipped gets generic patterns with its name in them.
        topic: Index of the item's main topic in `TOPICS`.
        serial: Number of the item among those of the same scenario and topic, from 0.

    Returns:
        A readable title that contains one of the topic's `THINGS`.

    Raises:
        ValueError: If `topic` or `serial` is out of range.
    """
    _check(topic, serial)
    rest, i = divmod(serial, _N_PHRASES)
    edition, pattern = divmod(rest, _N_PATTERNS)
    before, after = _patterns(scenario)[(pattern + _SHIFTS[i] + topic) % _N_PATTERNS]
    title = before + _PHRASES[topic][i] + after if before else _CAPITALISED[topic][i] + after
    if edition:
        title += EDITIONS.get(scenario, GENERIC_EDITION).replace("#", str(edition + 1))
    return title


def title_is_bait(scenario: str, topics: NDArray[np.int64], serials: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether titles promise more than an item can keep: those with certain patterns do, so readers can tell.

    Args:
        scenario: Name of the scenario.
        topics: (n,) main topics.
        serials: (n,) numbers among the items of the same scenario and topic.
    """
    rest, i = np.divmod(serials, _N_PHRASES)
    pattern = (rest % _N_PATTERNS + np.array(_SHIFTS)[i] + topics) % _N_PATTERNS
    return np.isin(pattern, BAIT.get(scenario, GENERIC_BAIT))


def item_description(scenario: str, topic: int, second_topic: int, serial: int) -> str:
    """Describe an item in one sentence about the thing in its title, another of its topic, and its second topic.

    Args:
        scenario: Name of the scenario.
        topic: Index of the item's main topic in `TOPICS`.
        second_topic: Index of its second topic; equal to `topic` if it has no other.
        serial: The number that its title was made from.

    Returns:
        One sentence. It need not be distinct.

    Raises:
        ValueError: If a topic or `serial` is out of range.
    """
    _check(topic, serial)
    _check(second_topic, serial)
    rest, i = divmod(serial, _N_PHRASES)
    things = THINGS[topic]
    other = things[(i + 1 + rest % (_N_THINGS - 1)) % _N_THINGS]
    openings = DESCRIPTION_OPENINGS.get(scenario, GENERIC_OPENINGS)
    sentence = f"{openings[serial % len(openings)]} {_PHRASES[topic][i]} and {other}, from the world of {TOPICS[topic]}"
    if second_topic == topic:
        return sentence + "."
    return f"{sentence}, {DESCRIPTION_TAILS[serial % len(DESCRIPTION_TAILS)]} {TOPICS[second_topic]}."


def interests_text(interests: Sequence[int]) -> str:
    """Name a person's interests in a sentence, such as "Likes running and home cooking" with its full stop.

    Args:
        interests: Indices in `TOPICS`, in any order; repetitions count once.

    Raises:
        ValueError: If an interest is no topic.
    """
    topics = sorted(set(interests))
    for topic in topics:
        _check(topic, 0)
    names = [TOPICS[topic] for topic in topics]
    if not names:
        return "Has no known interests."
    before = f"{', '.join(names[:-1])} and " if len(names) > 1 else ""
    return f"Likes {before}{names[-1]}."


def query_text(query: int) -> str:
    """The words of a search query: a thing of some topic.

    Args:
        query: From 1; 0 is no query and has no words.

    Raises:
        ValueError: If there is no such query.
    """
    if not 0 <= query <= N_QUERIES:
        raise ValueError(f"query={query}: must be from 0 to {N_QUERIES}")
    topic, thing = divmod(query - 1, _N_THINGS)
    return THINGS[topic][thing] if query else ""


def scenario_phrase(scenario: str) -> str:
    """Say what somebody in this scenario is doing, such as "reading the news", for use in a prompt."""
    return SCENARIO_PHRASES.get(scenario) or f"browsing {_display_name(scenario)}"
