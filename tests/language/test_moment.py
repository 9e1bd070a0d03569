"""A moment's code is equal just where its prompt is: contexts are looked up by codes and asked for by prompts."""

import itertools

import numpy as np
import pytest

from crossrec.config import PARTS, PromptConfig
from crossrec.envs.vector import CrossScenarioVectorEnv
from crossrec.language.moment import codes, moments, strangers
from crossrec.language.prompt import PromptWriter
from crossrec.world.text import THINGS, query_text

ENGLISH = PromptConfig().sees
SEEN = [ENGLISH, list(PARTS), [], *([part] for part in PARTS), ["persona", "scenario"], ["hour", "weekend", "device"]]


@pytest.fixture(scope="module")
def env():
    env = CrossScenarioVectorEnv(300, scenarios=["search", "news", "video"], behaviour={"interest": 12.0, "leave": 0.4})
    env.reset(seed=0)
    rng = np.random.default_rng(0)
    for _ in range(12):
        env.step(rng.integers(0, 50, 300))
    return env


@pytest.mark.parametrize("latest", [False, True])
@pytest.mark.parametrize(("sees", "titles"), [*itertools.product(SEEN, [0]), (ENGLISH, 1), (ENGLISH, 3), ([], 2)])
def test_codes_tell_moments_apart_just_as_prompts_do(env, sees, titles, latest):
    config = PromptConfig(sees=sees, titles=titles)
    seen = env.core.simulator.seen
    writer = PromptWriter(config)
    texts = [writer.write(moment) for moment in moments(env.world, seen, latest)]
    found = codes(seen, np.arange(300), config, latest).tolist()
    by_code = dict(zip(found, texts, strict=True))
    assert [by_code[code] for code in found] == texts, "one code, one prompt"
    # A prompt may stand for several codes where two facts read the same, e.g. one query in two topics; never many.
    assert len(set(texts)) <= len(by_code) <= 1.05 * len(set(texts)) + 1


def test_a_code_depends_on_its_own_row_alone(env):
    seen, config = env.core.simulator.seen, PromptConfig(titles=2)
    whole = codes(seen, np.arange(300), config)
    order = np.random.default_rng(1).permutation(300)[:70]
    np.testing.assert_array_equal(codes(seen, order, config), whole[order])
    np.testing.assert_array_equal(codes(seen.at(order), np.arange(70), config), whole[order])


def test_a_search_query_stands_in_the_prompt_and_in_the_sentence_and_nowhere_else():
    env = CrossScenarioVectorEnv(64, scenarios=["search", "news"])
    env.reset(seed=0)
    seen, writer = env.core.simulator.seen, PromptWriter(PromptConfig())
    searching = seen.scenario == 0
    assert 0 < searching.sum() < 64
    for moment, query, here in zip(moments(env.world, seen), seen.query, searching, strict=True):
        assert moment.query == query_text(query)
        assert bool(moment.query) == here
        prompt = writer.write(moment)
        for text in (prompt.text, prompt.sentence):
            assert (f"Searches for: {moment.query}." in text) == here


def test_strangers_have_the_same_moment_another_note_and_no_memories(env):
    seen = env.core.simulator.seen
    other = strangers(env.world, seen)
    for own, theirs in zip(moments(env.world, seen), moments(env.world, other), strict=True):
        assert (own.scenario, own.daypart, own.hour, own.device) == (
            theirs.scenario,
            theirs.daypart,
            theirs.hour,
            theirs.device,
        )
        assert not theirs.enjoyed
        assert not theirs.query
    assert (other.stated != seen.stated).any(axis=1).mean() > 0.9
    assert seen.enjoyed.any(), "there was something to forget"


def test_a_query_in_the_observation_is_the_text_that_people_type():
    env = CrossScenarioVectorEnv(200, scenarios=["search"])
    observation, _ = env.reset(seed=0)
    seen, intent = env.core.simulator.seen, env.core.simulator.truth.intent
    typed = [bytes(row).rstrip(b"\0").decode() for row in observation["query"]]
    assert typed == [query_text(query) for query in seen.query]
    about = (seen.query - 1) // len(THINGS[0])
    assert 0.82 < (about == intent).mean() < 0.98, "nine times in ten it is what is on the mind"
