"""No context knows more of the best candidate than its prompt may know, and one that does is caught."""

import dataclasses

import numpy as np
import pytest

from crossrec.config import ContextConfig, EnvConfig, TrainConfig
from crossrec.experiments.contexts.features import gather
from crossrec.experiments.contexts.leakage import MARGIN, Gain, LeakTest, leakage
from crossrec.experiments.lab import build_lab
from crossrec.experiments.progress import Progress
from crossrec.statistics import Estimate
from crossrec.world.text import TOPICS

SMALL = TrainConfig(
    env=EnvConfig(items_per_scenario=100, horizon=25, scenarios=["shopping", "news", "video"]),
    context=ContextConfig(encoder="hashing", dimension=32),
    eval_people=300,
)
HONEST = ("zeros", "shuffled", "template", "encode")


@pytest.fixture(scope="module")
def evidence():
    """Read-only."""
    return gather(SMALL, [*HONEST, "oracle"], Progress(None, show=False))


@pytest.fixture(scope="module")
def test(evidence):
    return LeakTest(evidence, seed=0)


@pytest.fixture(scope="module")
def template():
    """The lab of the template's context."""
    return build_lab(SMALL.env, dataclasses.replace(SMALL.context, name="template"))


def telltale(lab, log, share, words):
    """The template's context, but in a share of the moments its text ends with words about the best candidate."""
    tells = np.random.default_rng(0).random(len(log)) < share
    texts = [prompt.sentence for prompt in lab.reader.prompts(log.seen)]
    texts = [f"{text} {words(row)}." if tells[row] else text for row, text in enumerate(texts)]
    return lab.reader.projection.apply(lab.source.encoder.encode(texts))


@pytest.mark.parametrize("name", HONEST)
def test_a_context_made_from_what_a_prompt_may_see_does_not_leak(test, evidence, name):
    gain = test.gain(name, evidence.contexts[name])
    assert not gain.leaks, gain
    assert gain.saved.value < MARGIN


def test_the_oracle_is_caught_and_labelled_as_what_it_is(test, evidence):
    gain = test.gain("oracle", evidence.contexts["oracle"])
    assert gain.saved.low > 0.5
    assert "reads the truth" in gain.verdict
    assert dataclasses.replace(gain, context="template").verdict == "LEAKS"


def test_the_title_of_the_best_candidate_in_a_fifth_of_the_texts_is_caught(test, evidence, template):
    log, items = evidence.log, template.world.catalogue
    gain = test.gain("telltale", telltale(template, log, 0.2, lambda row: items.title(int(log.best_item[row]))))
    assert gain.leaks, gain


def test_the_topic_of_the_best_candidate_in_a_fifth_of_the_texts_is_caught(test, evidence, template):
    log = evidence.log
    gain = test.gain("telltale", telltale(template, log, 0.2, lambda row: TOPICS[log.best[row]]))
    assert gain.leaks, gain


def test_what_is_appended_is_caught_for_what_it_says_and_not_for_being_there(test, evidence, template):
    """The control of the two tests above: somebody else's best candidate in the same places is no leak."""
    log, items = evidence.log, template.world.catalogue
    other = np.random.default_rng(1).permutation(log.best_item)
    gain = test.gain("telltale", telltale(template, log, 0.2, lambda row: items.title(int(other[row]))))
    assert not gain.leaks, gain


def test_a_second_way_of_writing_the_prompts_fields_is_no_gain(test, evidence):
    again = np.concatenate(evidence.fields, axis=1)
    mixed = again @ np.random.default_rng(0).normal(size=(again.shape[1], 16)).astype(np.float32)
    assert test.gain("mixed", mixed).saved.value < MARGIN / 2


def test_the_label_is_the_topic_of_the_candidate_with_the_highest_true_reward(evidence, template):
    log = evidence.log
    assert (log.seen.candidates == log.best_item[:, None]).any(axis=1).all()
    np.testing.assert_array_equal(template.world.catalogue.main_topic[log.best_item], log.best)
    assert (log.best == log.intent).mean() > 0.7  # what is on the mind decides most of it


def test_gains_come_in_the_contexts_order_and_a_leak_is_an_interval_above_the_margin(evidence):
    done = []
    first = evidence.log.seen.user < SMALL.eval_first_user + 60
    log = dataclasses.replace(
        evidence.log, seen=evidence.log.seen.at(np.flatnonzero(first)), best=evidence.log.best[first]
    )
    few = dataclasses.replace(
        evidence,
        log=log,
        observation=evidence.observation[first],
        fields=[block[first] for block in evidence.fields],
        contexts={name: evidence.contexts[name][first] for name in ("zeros", "oracle")},
    )
    gains = leakage(few, 0, lambda: done.append(1))
    assert [gain.context for gain in gains] == ["zeros", "oracle"]
    assert len(done) == 2
    assert not Gain("llm", 2.0, Estimate(0.05, MARGIN, 0.1)).leaks
    assert Gain("llm", 2.0, Estimate(0.05, MARGIN + 0.001, 0.1)).leaks
    assert "more people" in Gain("oracle", 2.0, Estimate(0.05, 0.0, 0.1)).verdict
