"""``crossrec context finetune``: whose clicks are learned from, and what happens to the folder that it makes."""

import dataclasses
import json
import re

import numpy as np
import pytest
from filelock import FileLock

from crossrec.errors import ConfigError, ModelError
from crossrec.experiments.compose import compose_train
from crossrec.experiments.contexts import clicks as clicks_module
from crossrec.experiments.contexts import finetune as command
from crossrec.experiments.contexts.clicks import click_log
from crossrec.experiments.contexts.finetune import NOTE, Tuning, finetune
from crossrec.experiments.lab import build_lab
from crossrec.language.models import check_folder, fingerprint
from crossrec.observation import CANDIDATES
from crossrec.simulation.simulator import Simulator
from crossrec.world.synthetic import world_of
from crossrec.world.text import scenario_phrase
from tests.language.untrained import make_bert

from .conftest import assert_one_sentence

WORLD = [
    "env.scenarios=[news,video]",
    "env.items_per_scenario=60",
    "env.n_candidates=12",
    "env.horizon=30",
    "env.engine=numpy",
    "train_users=8",
    "eval_people=8",
    "eval_first_user=500",
]
TUNING = Tuning(people=60, steps=8, batch=16)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    config = compose_train(WORLD)
    texts = world_of(config.env).catalogue.texts() + click_log(config, 60).training.prompts
    return make_bert(tmp_path_factory.mktemp("base") / "base", texts)


@pytest.fixture
def config(base, tmp_path):
    return compose_train([*WORLD, f"context.encoder_folder={base}", f"context.store={tmp_path / 'store.sqlite'}"])


@pytest.fixture(scope="module")
def made(base, tmp_path_factory):
    """A folder that a training made which nothing disturbed; not to be changed."""
    config = compose_train([*WORLD, f"context.encoder_folder={base}"])
    return finetune(config, TUNING, str(tmp_path_factory.mktemp("made") / "tuned"))


def content(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_people_of_the_evaluation_never_live_for_the_log(monkeypatch):
    met = set()

    class Watched(clicks_module.CrossScenarioVectorEnv):
        def reset(self, **options):
            observation, infos = super().reset(**options)
            met.update(infos["user"].tolist())
            return observation, infos

        def step(self, actions):
            taken = super().step(actions)
            met.update(taken[-1]["user"].tolist())
            return taken

    monkeypatch.setattr(clicks_module, "CrossScenarioVectorEnv", Watched)
    config = compose_train([*WORLD, "env.first_user=100", "eval_first_user=140"])
    log = click_log(config, 40)
    assert met == set(log.people.tolist()) == set(range(100, 140))
    with pytest.raises(ConfigError, match=r"--people=41 .* eval_first_user=140; allowed: at most 40") as caught:
        click_log(config, 41)
    assert "\n" not in str(caught.value)


def test_nobody_is_in_two_parts_of_the_log():
    log = click_log(compose_train(WORLD), 300)
    parts = [set(clicks.person.tolist()) for clicks in (log.training, log.validation, log.test)]
    assert len(set.union(*parts)) == sum(map(len, parts))
    assert all(len(held_out) >= 5 for held_out in parts[1:])
    assert len(parts[0]) > 2 * len(parts[1] | parts[2])


def test_a_click_stands_with_the_prompt_of_its_visit_and_the_candidates_of_its_moment():
    config = compose_train(WORLD)
    catalogue, log = world_of(config.env).catalogue, click_log(config, 60)
    for clicks in (log.training, log.validation, log.test):
        assert (clicks.candidates == clicks.item[:, None]).sum(axis=1).tolist() == [1] * len(clicks)
        for prompt, item, topic in zip(clicks.prompt, clicks.item, clicks.topic, strict=True):
            scenario = ("news", "video")[catalogue.scenario[item]]
            assert scenario_phrase(scenario) in clicks.prompts[prompt]
            assert clicks.items[item] == f"{catalogue.title(item)}. {catalogue.description(item)}"
            assert topic == catalogue.main_topic[item]


def test_the_policy_explores_and_shows_those_held_out_nothing_but_chance():
    config = compose_train([*WORLD, "env.behaviour.interest=0", "env.behaviour.intent=0"])
    popularity, log = world_of(config.env).catalogue.popularity, click_log(config, 300)
    most = [
        float((popularity[clicks.item] == popularity[clicks.candidates].max(axis=1)).mean())
        for clicks in (log.training, log.validation, log.test)
    ]
    assert 0.4 < most[0] < 0.85
    assert max(most[1:]) < 0.3


def test_a_persons_clicks_do_not_depend_on_how_many_live_for_the_log(monkeypatch):
    config = compose_train([*WORLD, "seed=2"])
    many = click_log(config, 90)
    monkeypatch.setattr(clicks_module, "_AT_ONCE", 16)
    few = click_log(config, 50)
    for one, other in ((getattr(few, name), getattr(many, name)) for name in ("training", "validation", "test")):
        other = other.some(np.flatnonzero(other.person < 50))
        order = [np.lexsort((clicks.item, clicks.person)) for clicks in (one, other)]
        for name in ("person", "item", "topic", "group"):
            assert np.array_equal(getattr(one, name)[order[0]], getattr(other, name)[order[1]])
        assert sorted(one.prompts[i] for i in one.prompt) == sorted(other.prompts[i] for i in other.prompt)


def test_the_log_asks_for_no_hidden_truth(monkeypatch):
    def refuse(*_):
        raise AssertionError("the truth was asked for")

    config = compose_train(WORLD)
    before = click_log(config, 30)
    monkeypatch.setattr(Simulator, "expected_rewards", refuse)
    # An intent that the reader is told about, and another one, make the same log.
    read = clicks_module._PromptReader.read
    monkeypatch.setattr(clicks_module._PromptReader, "read", lambda *args: read(*args[:3], np.zeros_like(args[3])))
    assert np.array_equal(click_log(config, 30).training.prompt, before.training.prompt)


def test_the_folder_is_an_encoder_that_contexts_and_items_are_embedded_by(config, made, base):
    check_folder(made, "encoder")
    note = json.loads((made / NOTE).read_text())
    assert note["base"] == {"folder": str(base), "fingerprint": fingerprint(base)}
    assert note["options"]["people"] == 60
    assert note["options"]["seed"] == 0
    assert set(note["figures"]) == {"before", "after", "chance", "gain", "points"}
    assert note["packages"]["torch"]
    context = dataclasses.replace(config.context, name="encode", encoder_folder=str(made))
    lab = build_lab(config.env, context)
    observation, _ = lab.make_env(3).reset(seed=0)
    assert np.allclose(np.linalg.norm(observation["context"], axis=1), 1, atol=1e-5)
    assert observation[CANDIDATES].shape == (3, 12)
    assert lab.source.encoder.identity != build_lab(config.env, config.context).source.encoder.identity


def test_the_same_command_again_changes_nothing(config, made, monkeypatch, capsys):
    before = content(made)
    monkeypatch.setattr(command, "tune", None)
    assert finetune(config, TUNING, str(made)) == made
    assert content(made) == before
    assert "is there already" in capsys.readouterr().out


@pytest.mark.parametrize("change", [{"steps": 9}, {"people": 61}, {"topic_weight": 0.0}, {"learning_rate": 1e-4}])
def test_a_folder_of_other_options_is_refused(config, made, change):
    before = content(made)
    with pytest.raises(ConfigError, match=r"--out=.* was made by other options"):
        finetune(config, dataclasses.replace(TUNING, **change), str(made))
    with pytest.raises(ConfigError, match="other options"):
        finetune(dataclasses.replace(config, seed=1), TUNING, str(made))
    assert content(made) == before


def test_a_folder_of_others_is_never_touched(config, base, tmp_path):
    before = content(base)
    with pytest.raises(ConfigError, match="holds something else; name a folder"):
        finetune(config, TUNING, str(base))
    assert content(base) == before
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ConfigError, match="--out="):
            finetune(config, TUNING, str(out))
    assert (tmp_path / "file").read_text() == "mine"


def test_a_finished_folder_that_was_damaged_since_is_not_called_finished(config, tmp_path):
    folder = finetune(config, dataclasses.replace(TUNING, steps=1), str(tmp_path / "tuned"))
    (folder / "model.safetensors").write_bytes(b"cut")
    with pytest.raises(ModelError, match="damaged"):
        finetune(config, dataclasses.replace(TUNING, steps=1), str(folder))


class Stopped(BaseException):
    """As an interruption from the keyboard, which would stop the tests."""


def test_what_an_interruption_leaves_is_taken_up_by_the_same_command(config, made, tmp_path, monkeypatch):
    out, show, seen = tmp_path / "new" / "tuned", command._show, []

    def stop(bar, step, loss):
        seen.append(step)
        show(bar, step, loss)
        if len(seen) == 5:
            raise Stopped

    monkeypatch.setattr(command, "_show", stop)
    with pytest.raises(Stopped):
        finetune(config, TUNING, str(out))
    assert not out.exists()
    out.mkdir()  # an empty one is as good as none
    assert finetune(config, TUNING, str(out)) == out
    assert seen == [1, 2, 3, 4, 5, 5, 6, 7, 8]
    assert content(out) == content(made)
    assert list(out.parent.iterdir()) == [out]


def test_two_at_once_are_one_too_many(config, tmp_path):
    with (
        command._workplace(tmp_path / "tuned", "abc") as work,
        pytest.raises(ConfigError, match="the same command is making it"),
        command._workplace(tmp_path / "tuned", "abc"),
    ):
        raise AssertionError("both are in")
    assert not work.exists()
    with FileLock(tmp_path / "free"):
        assert not (tmp_path / "tuned").exists()


@pytest.mark.parametrize(
    ("tuning", "words"),
    [
        ({"method": "lroa"}, "--method='lroa' is unknown; did you mean 'lora'"),
        ({"people": 5}, "--people=5 is out of range; allowed: at least 20"),
        ({"steps": 0}, "--steps=0 is out of range"),
        ({"batch": 1}, "--batch=1 is out of range"),
        ({"topic_weight": -0.1}, "--topic-weight=-0.1 is out of range"),
        ({"topic_weight": float("nan")}, "--topic-weight=nan is out of range"),
        ({"learning_rate": 0.0}, "--learning-rate=0.0 is out of range"),
        ({"temperature": 0.0}, "--temperature=0.0 is out of range"),
        ({"batch": 4_000}, "--batch=4000 is more than the [0-9]+ clicks of --people=60"),
        ({"people": 501}, "--people=501 .* eval_first_user=500"),
    ],
    ids=str,
)
def test_bad_options_are_refused_before_anything_is_trained(config, tmp_path, monkeypatch, tuning, words):
    monkeypatch.setattr(command, "tune", None)
    config = dataclasses.replace(config, seed=3)
    with pytest.raises(ConfigError, match=words) as caught:
        finetune(config, dataclasses.replace(TUNING, **tuning), str(tmp_path / "tuned"))
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_log_that_nothing_can_be_measured_on_is_refused(config, tmp_path, monkeypatch):
    for name, purpose in (("TEST", "measure on"), ("VALIDATION", "choose by")):
        monkeypatch.setattr(clicks_module, name, 0.0)
        with pytest.raises(ConfigError, match=f"--people=60 left no click to {purpose}; set more people"):
            finetune(config, TUNING, str(tmp_path / "tuned"))


@pytest.mark.parametrize(
    ("gain", "words"),
    [
        ((0.05, 0.02, 0.08), r"\+0\.050 \(95% interval \+0\.020 to \+0\.080\)\.$"),
        ((0.02, -0.01, 0.05), "may be chance"),
        ((-0.05, -0.08, -0.02), "worse than before"),
    ],
)
def test_what_training_did_is_said_no_more_surely_than_it_is_known(gain, words):
    assert re.search(words, command._verdict(*gain))


def test_the_command_line_says_what_it_made_and_how_to_use_it(crossrec, base, tmp_path):
    words = [*WORLD, f"context.encoder_folder={base}", "--out", tmp_path / "tuned", "--people", 60, "--steps", 2]
    said = crossrec("context", "finetune", *words, "--batch", 16)
    assert said.status == 0, said
    assert said.out.splitlines()[-1] == str(tmp_path / "tuned")
    for told in ("mean reciprocal rank", "topic", f"context=encode context.encoder_folder={tmp_path / 'tuned'}"):
        assert told in said.out
    hashing = crossrec("context", "finetune", *WORLD, "context.encoder=hashing", "--out", tmp_path / "other")
    assert_one_sentence(hashing, "context.encoder=hashing", "allowed: minilm, lm")
    slates = crossrec("context", "finetune", *words, "env.slate_size=2")
    assert_one_sentence(slates, "env.slate_size=2")


@pytest.mark.slow
def test_after_training_the_clicks_of_new_people_rank_higher(config, tmp_path):
    tuning = Tuning(people=300, steps=80, batch=48, learning_rate=3e-3)
    folder = finetune(config, tuning, str(tmp_path / "tuned"))
    figures = json.loads((folder / NOTE).read_text())["figures"]
    assert figures["after"]["mrr"] > figures["before"]["mrr"] + 0.05
    assert figures["after"]["mrr"] > figures["chance"]["mrr"] + 0.05
