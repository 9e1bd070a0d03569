"""The probe finds nothing where nothing is and all where all is, and is tested on people whom it did not learn from."""

import dataclasses
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from crossrec.config import ContextConfig, EnvConfig, PromptConfig, TrainConfig
from crossrec.experiments.contexts import held_out
from crossrec.experiments.contexts.features import gather, prompt_fields
from crossrec.experiments.contexts.labelled import UNKNOWN, label_moments
from crossrec.experiments.contexts.probe import feature_sets, probe
from crossrec.experiments.lab import build_lab
from crossrec.experiments.progress import Progress
from crossrec.language.build import make_source
from crossrec.language.generator import TemplateGenerator
from crossrec.statistics import mean_over_people

from .conftest import assert_one_sentence

SMALL = TrainConfig(
    env=EnvConfig(items_per_scenario=100, horizon=20, scenarios=["shopping", "news", "video"]),
    context=ContextConfig(encoder="hashing", dimension=24),
    eval_people=150,
)
QUIET = Progress(None, show=False)
COMMAND = ["context", "probe", "context.encoder=hashing", "env.items_per_scenario=60", "env.horizon=20", "--people"]


@pytest.fixture(scope="module")
def evidence():
    """Read-only."""
    return gather(SMALL, ["zeros", "shuffled", "template", "oracle"], QUIET)


@pytest.fixture(scope="module")
def table(evidence):
    return probe(evidence, seed=0).set_index("features")


def test_zeros_tell_no_more_than_the_majority_class_and_the_oracle_tells_the_intent(table):
    for target in ("intent", "next_like"):
        assert table.at["zeros", f"{target}_top1"] == table.at["majority class", f"{target}_top1"]
    assert table.at["majority class", "intent_top1"] < 0.15
    assert table.at["oracle", "intent_top1"] > 0.97
    assert table.at["observation + oracle", "intent_top1"] > 0.97
    assert table.at["oracle", "next_like_log_loss"] < table.at["majority class", "next_like_log_loss"] - 0.1


def test_somebody_elses_note_tells_no_more_than_what_is_seen_anyway(table):
    alone, both = table.loc["shuffled"], table.loc["observation + shuffled"]
    assert alone["intent_top1_low"] < table.at["majority class", "intent_top1"] + 0.02
    assert both["intent_top1_low"] < table.at["observation", "intent_top1"]
    assert both["intent_log_loss"] > table.at["observation", "intent_log_loss"] - 0.02


def test_the_persons_own_note_tells_much_and_less_than_its_fields(table):
    assert table.at["template", "intent_top1_low"] > table.at["observation", "intent_top1_high"] + 0.1
    assert table.at["template", "intent_top1"] < table.at["prompt fields", "intent_top1"]
    assert table.at["observation + template", "intent_top1_low"] > table.at["observation", "intent_top1_high"] + 0.1


def test_intervals_hold_their_value_and_top_three_holds_top_one(table):
    for target in ("intent", "next_like"):
        low, value, high, third = (table[f"{target}_{k}"] for k in ("top1_low", "top1", "top1_high", "top3"))
        assert (low <= value).all()
        assert (value <= high).all()
        assert (value <= third).all()


def test_moments_are_entries_of_first_lives_and_the_next_like_is_the_next_click():
    """Told apart by living the same lives again, one person at a time, with what each was shown."""
    config = dataclasses.replace(SMALL, eval_people=30)
    lab = build_lab(config.env, dataclasses.replace(config.context, name="template"))
    log = label_moments(lab, config)
    shorter = label_moments(lab, dataclasses.replace(config, env=dataclasses.replace(config.env, horizon=20)))
    np.testing.assert_array_equal(log.intent, shorter.intent)
    assert log.seen.entered.all()
    assert set(np.unique(log.seen.user)) == set(range(config.eval_first_user, config.eval_first_user + 30))
    topic = lab.world.catalogue.main_topic
    checked = 0
    for user in np.unique(log.seen.user):
        rows = np.flatnonzero(log.seen.user == user)
        assert not log.seen.history[rows[0]].any()  # the first moment of a life, and no second life behind it
        assert log.seen.history[rows[1:]].any(axis=1).all()
        for now, later in pairwise(rows):
            enjoyed, before = log.seen.enjoyed[later].tolist(), log.seen.enjoyed[now].tolist()
            clicks = next(k for k in range(4) if enjoyed[k:] == before[: 3 - k])
            if clicks < 3:  # fewer clicks between two entries than a recommender keeps in mind
                expected = topic[enjoyed[clicks - 1]] if clicks else log.liked[later]
                assert log.liked[now] == expected
                checked += 1
    assert checked > 50
    assert (log.liked == UNKNOWN).any()


def test_every_context_and_encoder_is_asked_about_the_same_moments():
    config = dataclasses.replace(SMALL, eval_people=20)
    other = dataclasses.replace(config, context=dataclasses.replace(config.context, dimension=8))
    logs = [
        label_moments(build_lab(c.env, dataclasses.replace(c.context, name="template")), c) for c in (config, other)
    ]
    for label in ("intent", "liked", "best_item"):
        np.testing.assert_array_equal(getattr(logs[0], label), getattr(logs[1], label))
    np.testing.assert_array_equal(logs[0].seen.history, logs[1].seen.history)


def test_no_model_is_tested_on_a_person_whom_it_learnt_from():
    """A label that is each person's own can be read off the feature, but only by who has met the person."""
    people = np.repeat(np.arange(40), 25)
    labels = np.random.default_rng(0).integers(0, 4, 40)[people]
    name = np.eye(40, dtype=np.float32)[people]
    told = held_out.held_out([name], labels, people)
    assert held_out.hits(told, labels).mean() < 0.5
    np.testing.assert_allclose(told.sum(axis=1), 1.0)
    read = held_out.held_out([np.eye(4, dtype=np.float32)[labels]], labels, people)
    assert held_out.hits(read, labels).mean() == 1.0


def test_an_interval_resamples_people_with_all_of_their_moments():
    """Twenty equal moments of a person say no more than one: the interval does not shrink."""
    values, people = np.random.default_rng(0).integers(0, 2, 50).astype(float), np.arange(50)
    once = mean_over_people(values, people, 0)
    often = mean_over_people(np.repeat(values, 20), np.repeat(people, 20), 0)
    assert (often.value, often.low, often.high) == pytest.approx((once.value, once.low, once.high))
    error = values.std() / np.sqrt(50)
    assert once.high - once.low == pytest.approx(2 * 1.96 * error, rel=0.1)


def test_prompt_fields_are_what_the_prompt_sees_and_no_more(evidence):
    world = build_lab(SMALL.env, SMALL.context).world
    (nothing,) = prompt_fields(evidence.log, world, PromptConfig(sees=[]))
    assert not nothing.any()
    (device,) = prompt_fields(evidence.log, world, PromptConfig(sees=["device"]))
    used = np.unique(evidence.log.seen.device)
    assert device.shape == (len(evidence.log), len(used))
    assert (device.sum(axis=1) == 1).all()
    assert len(prompt_fields(evidence.log, world, PromptConfig(titles=2))) == 2  # values, and words of titles


def test_rows_are_what_is_there_without_contexts_then_each_context_alone_and_with_the_observation(evidence):
    assert list(feature_sets(evidence)) == [
        *("majority class", "observation", "prompt fields", "zeros", "shuffled", "template", "oracle"),
        *(f"observation + {name}" for name in ("zeros", "shuffled", "template", "oracle")),
    ]


def test_a_language_model_is_asked_for_each_distinct_prompt_once_and_in_full_batches(monkeypatch, tmp_path):
    asked = []

    class Written(TemplateGenerator):
        identity = "written"

        def generate(self, prompts, on_progress=None):
            asked.append(len(prompts))
            return super().generate(prompts, on_progress)

    def source(context):
        made = make_source(dataclasses.replace(context, name="template"))
        if context.name == "llm":
            made.generator = Written()
        return made

    monkeypatch.setattr("crossrec.experiments.contexts.features.make_source", source)
    context = dataclasses.replace(SMALL.context, store=str(tmp_path / "store.sqlite"))
    found = gather(dataclasses.replace(SMALL, context=context, eval_people=60), ["template", "llm"], QUIET)
    assert asked[:-1] == [256] * (len(asked) - 1)
    assert sum(asked) < len(found.log)
    np.testing.assert_array_equal(found.contexts["llm"], found.contexts["template"])


def test_the_command_prints_both_tables_and_writes_each_kind_of_file(crossrec, tmp_path):
    said = crossrec(*COMMAND, 60, "--contexts", "none,oracle", "--out", tmp_path / "probe.md")
    assert said.status == 0, said.err
    for words in ("prompt fields", "observation + oracle", "gain over what the prompt may know", "as it must"):
        assert words in said.out
    assert max(map(len, said.out.splitlines())) <= 100
    assert "| oracle |" in (tmp_path / "probe.md").read_text()
    assert (tmp_path / "probe.png").read_bytes()[:4] == b"\x89PNG"
    crossrec(*COMMAND, 60, "--contexts", "none", "--out", tmp_path / "probe.parquet")
    whole = pd.read_parquet(tmp_path / "probe.parquet")
    assert whole["features"].tolist() == ["majority class", "observation", "prompt fields"]
    assert whole["intent_top1"].between(0, 1).all()


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--contexts", "templte"], ["templte", "did you mean 'template'"]),
        (["--contexts", ""], ["--contexts", "template"]),
        (["--people", "3"], ["--people", "at least 20"]),
        (["--out", "table.xlsx"], [".xlsx", ".parquet"]),
        (["eval_first_user=999990"], ["eval_people", "env.last_user"]),
    ],
)
def test_a_mistake_is_told_in_one_sentence_before_anything_is_computed(crossrec, monkeypatch, words, named):
    monkeypatch.setattr("crossrec.experiments.contexts.probe.gather", pytest.fail)
    assert_one_sentence(crossrec("context", "probe", "context.encoder=hashing", *words), *named)


def test_too_few_labels_to_learn_from_are_told(crossrec):
    said = crossrec(
        "context", "probe", "context.encoder=hashing", "env.horizon=1", "--people", 30, "--contexts", "zeros"
    )
    assert_one_sentence(said, "30 moments", "env.horizon")
