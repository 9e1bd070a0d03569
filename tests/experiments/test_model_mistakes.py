"""Missing, damaged or strange model folders and context stores: one sentence each, and nothing of theirs is touched."""

import json
import sqlite3

import numpy as np
import pytest
from safetensors.numpy import save_file

from .conftest import assert_one_sentence
from .test_mistakes import QUICK


@pytest.fixture
def no_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("CROSSREC_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize(
    "words",
    [["context=llm"], ["context=llm", "context.encoder=hashing"], ["context=template"], ["context=none"]],
    ids=" ".join,
)
def test_absent_models_are_refused_with_the_command_that_fetches_them(crossrec, no_cache, tmp_path, words):
    for quiet in ([], ["--quiet"]):
        said = crossrec("train", *quiet, "steps=64", "agent.learning_starts=32", *words, f"runs={tmp_path / 'runs'}")
        assert_one_sentence(said, "crossrec models fetch", no_cache)


def model_folder(path, architecture="LlamaForCausalLM"):
    """A folder with all the files of a model, and weights of nothing."""
    path.mkdir()
    (path / "config.json").write_text(json.dumps({"model_type": "llama", "architectures": [architecture]}))
    (path / "tokenizer.json").write_text("{}")
    save_file({"weight": np.zeros((64, 64), np.float32)}, path / "model.safetensors")
    return path


def half_written(path):
    """What an interrupted copy leaves: weights cut short."""
    weights = model_folder(path) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:9_000])
    return path


def without_weights(path):
    (model_folder(path) / "model.safetensors").unlink()
    return path


def garbled(path):
    (model_folder(path) / "config.json").write_text('{"model_type": "lla')
    return path


@pytest.mark.parametrize(
    "damage", [half_written, without_weights, garbled, model_folder], ids=lambda damage: damage.__name__
)
@pytest.mark.parametrize("kind", ["encoder", "generator"])
def test_a_damaged_or_strange_model_folder_is_refused(crossrec, no_cache, tmp_path, kind, damage):
    folder = damage(tmp_path / "model")
    words = ["context=llm", "context.encoder=hashing"] if kind == "generator" else ["context=none"]
    said = crossrec(*QUICK, *words, f"context.{kind}_folder={folder}", f"runs={tmp_path / 'runs'}")
    assert_one_sentence(said, folder)


@pytest.mark.parametrize("kind", ["encoder", "generator"])
def test_a_hub_id_that_cannot_be_had_is_refused_with_what_to_do_offline(
    crossrec, no_cache, monkeypatch, tmp_path, kind
):
    def unreachable(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr("huggingface_hub.HfApi.model_info", unreachable)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    words = ["context=llm", "context.encoder=hashing"] if kind == "generator" else ["context=none"]
    said = crossrec(*QUICK, *words, f"context.{kind}_folder=lab/nowhere", f"runs={tmp_path / 'runs'}")
    assert_one_sentence(said, f"context.{kind}_folder=lab/nowhere", "no network", "HF_HUB_CACHE")


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["context.quantisation=dynamic", "context.device=cuda"], "context.device=cpu"),
        (["context.quantisation=dynamic", "context.dtype=bfloat16"], "context.dtype=float32"),
        (["context.generator_revision=v2"], "context.generator_revision=v2"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, list) else "",
)
def test_options_of_a_model_that_do_not_go_together_are_refused(crossrec, no_cache, tmp_path, words, named):
    model = model_folder(tmp_path / "model")
    words = ["context=llm", "context.encoder=hashing", f"context.generator_folder={model}", *words]
    assert_one_sentence(crossrec(*QUICK, *words, f"runs={tmp_path / 'runs'}"), named)


def corrupt(path):
    path.write_bytes(b"SQLite format 3\x00" + bytes(range(256)) * 20)


def text(path):
    path.write_text("these are no contexts\n" * 100)


def foreign(path):
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.commit()
    connection.close()


def folder(path):
    path.mkdir()


def below_a_file(path):
    path.parent.rmdir()
    path.parent.write_text("")


@pytest.mark.parametrize("damage", [corrupt, text, foreign, folder, below_a_file], ids=lambda damage: damage.__name__)
def test_a_damaged_store_is_refused_and_left_as_it_was(crossrec, no_cache, tmp_path, damage):
    store = tmp_path / "kept" / "contexts.sqlite"
    store.parent.mkdir()
    damage(store)
    before = store.read_bytes() if store.is_file() else None
    model = model_folder(tmp_path / "model")
    words = ["context=llm", "context.encoder=hashing", f"context.generator_folder={model}", f"context.store={store}"]
    said = crossrec(*QUICK, *words, f"runs={tmp_path / 'runs'}")
    assert_one_sentence(said, store.parent, "context.store=")
    assert before is None or store.read_bytes() == before
