"""Models named by their id on the Hugging Face hub: the cache first, then the hub, and words where neither has them."""

import shutil
import socket
import time

import huggingface_hub
import pytest
from huggingface_hub import constants

from crossrec.config import ContextConfig
from crossrec.errors import ConfigError, ModelError
from crossrec.language import hub, models
from crossrec.language.build import make_encoder, make_generator

from .test_models import make_folder

COMMITS = {"main": "a" * 40, "v2": "b" * 40}


@pytest.fixture(autouse=True)
def caches(tmp_path, monkeypatch):
    """A hub's cache of this test's own, and no hub."""
    monkeypatch.setenv("CROSSREC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.HfApi.model_info", unreachable)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "hub"


def unreachable(*_, **__):
    raise OSError("Name or service not known")


def keep(cache, repository="lab/tiny-lm", **folder):
    """What a download of two revisions leaves in the hub's cache."""
    home = cache / f"models--{repository.replace('/', '--')}"
    (home / "refs").mkdir(parents=True)
    for seed, (name, commit) in enumerate(COMMITS.items()):
        (home / "refs" / name).write_text(commit)
        make_folder(home / "snapshots" / commit, seed=seed, **folder)
    return home / "snapshots"


def test_a_model_in_the_hubs_cache_needs_no_hub(caches):
    snapshots = keep(caches)
    for revision, commit in {None: "a" * 40, "main": "a" * 40, "v2": "b" * 40, "b" * 40: "b" * 40}.items():
        assert models.locate("generator", "lab/tiny-lm", revision) == snapshots / commit
    assert len({models.fingerprint(folder) for folder in snapshots.iterdir()}) == 2


def test_a_config_names_models_by_hub_ids(caches):
    snapshots = keep(caches)
    context = ContextConfig(name="llm", generator_folder="lab/tiny-lm", generator_revision="v2", encoder="lm")
    assert make_generator(context).folder == make_encoder(context).folder == snapshots / COMMITS["v2"]


def test_what_the_cache_lacks_is_asked_of_the_hub_once(caches, tmp_path, monkeypatch):
    asked = []

    def info(self, repository, revision=None, timeout=None):
        asked.append((repository, revision, timeout))
        return type("Info", (), {"sha": COMMITS["v2"]})

    def snapshot(repository, revision=None, allow_patterns=None, local_files_only=False):
        home = caches / "models--lab--tiny-lm"
        if local_files_only:
            return cached(repository, revision=revision, allow_patterns=allow_patterns, local_files_only=True)
        assert revision == "v2", "the library keeps no name for a snapshot that is asked for by its commit"
        (home / "refs").mkdir(parents=True)
        (home / "refs" / revision).write_text(COMMITS[revision])
        make_folder(home / "snapshots" / COMMITS[revision])
        needed = huggingface_hub.utils.filter_repo_objects(OFFERED, allow_patterns=allow_patterns)
        assert sorted(needed) == sorted(OFFERED[: len(OFFERED) // 2])
        return str(home / "snapshots" / COMMITS[revision])

    cached = huggingface_hub.snapshot_download
    monkeypatch.setattr("huggingface_hub.HfApi.model_info", info)
    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    for _ in range(2):
        folder = models.locate("generator", "lab/tiny-lm", "v2")
        assert folder == caches / "models--lab--tiny-lm" / "snapshots" / COMMITS["v2"]
    assert asked == [("lab/tiny-lm", "v2", hub._SECONDS)]


# First what is needed, then as many files that are not.
OFFERED = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    "model-00001-of-00002.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "original/consolidated.safetensors",
    "onnx/model.onnx",
    "README.md",
    "flax_model.msgpack",
    "tf_model.h5",
    "model.gguf",
]


def test_a_snapshot_that_is_not_whole_is_asked_for_again(caches):
    snapshots = keep(caches)
    (snapshots / COMMITS["main"] / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="Name or service not known"):
        models.locate("generator", "lab/tiny-lm")
    assert models.locate("generator", "lab/tiny-lm", "v2").name == COMMITS["v2"]


def test_a_snapshot_of_another_kind_is_refused(caches, monkeypatch):
    keep(caches, architecture="BertModel")
    assert models.locate("encoder", "lab/tiny-lm").name == COMMITS["main"]
    with pytest.raises(ModelError):
        models.locate("generator", "lab/tiny-lm")


@pytest.mark.parametrize("kind", ["generator", "encoder"])
def test_offline_says_what_to_do_in_one_sentence(kind):
    for revision, words in {None: "nor a model in", "v9": "nor a model at revision v9 in"}.items():
        with pytest.raises(ModelError, match=words) as caught:
            models.locate(kind, "lab/nowhere", revision)
        said = str(caught.value)
        assert said.startswith(f"context.{kind}_folder=lab/nowhere is neither a folder")
        assert "Name or service not known" in said
        assert "copy the model's folder here" in said
        assert "HF_HUB_CACHE" in said
        assert "\n" not in said


def test_a_hub_that_never_answers_is_given_up_soon(monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(hub, "_SECONDS", 0.5)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        started = time.monotonic()
        with pytest.raises(ModelError, match="did not give it"):
            hub.download("context.generator_folder", "lab/nowhere", None)
        assert time.monotonic() - started < 10


def test_an_existing_folder_is_not_a_hub_id(caches, tmp_path):
    keep(caches)
    own = make_folder(tmp_path / "lab" / "tiny-lm", seed=7)
    assert models.locate("generator", "lab/tiny-lm").resolve() == own
    shutil.rmtree(own)
    assert models.locate("generator", "lab/tiny-lm").name == COMMITS["main"]


@pytest.mark.parametrize(
    "name", ["nowhere", "./lab/tiny-lm", "a/b/c", "/lab/tiny-lm", "lab/", "lab/tiny lm", "~/models"]
)
def test_other_names_are_folders(name):
    assert not hub.is_hub_id(name)
    with pytest.raises(ModelError, match="is not a folder"):
        models.locate("generator", name)


def test_a_revision_belongs_to_a_hub_id(tmp_path):
    own = make_folder(tmp_path / "own")
    for folder, words in {str(own): str(own), None: "not set"}.items():
        with pytest.raises(ConfigError, match=r"context\.encoder_revision=v2 belongs to a hub id") as caught:
            models.locate("encoder", folder, "v2")
        assert words in str(caught.value)
