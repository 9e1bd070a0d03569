"""The sentence encoder: a text has one vector, and a strange model is taken for what it is."""

import json
import shutil

import numpy as np
import pytest
import torch

from crossrec.config import ContextConfig
from crossrec.errors import ConfigError, ModelError
from crossrec.language.build import make_encoder
from crossrec.language.sentence import SentenceEncoder

from .conftest import TOPICS, fetched, make_prompts
from .tiny import write_model, write_tokenizer

TITLES = [prompt.text for prompt in make_prompts(20)] + ["short", "", "short", "chess " * 300, "a 图 b"]


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    home = tmp_path_factory.mktemp("models")
    return {family: write_model(home / family, family) for family in ("bert", "llama")}


def check_that_a_text_has_one_vector(encoder, texts, threads=2):
    """Bit for bit the same in any company and order, with one thread and with more."""
    vectors = encoder.encode(texts)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(texts), encoder.dimension)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert len(np.unique(vectors, axis=0)) == len(set(texts))
    order = np.random.default_rng(0).permutation(len(texts))
    half = len(texts) // 2
    for company in ([0], [half], order[:half], order[half:], order):
        np.testing.assert_array_equal(encoder.encode([texts[i] for i in company]), vectors[company])
    torch.set_num_threads(threads)
    np.testing.assert_array_equal(encoder.encode(texts[::-1]), vectors[::-1])


@pytest.mark.parametrize("pooling", ["mean", "last"])
@pytest.mark.parametrize("family", ["bert", "llama"])
def test_a_text_has_one_vector_whatever_its_company(folders, family, pooling):
    check_that_a_text_has_one_vector(SentenceEncoder(folders[family], pooling=pooling), TITLES)


@pytest.mark.model
def test_a_text_has_one_vector_of_the_fetched_encoder():
    check_that_a_text_has_one_vector(SentenceEncoder(fetched("encoder")), [*TITLES[:4], *TITLES[20:23]])


@pytest.mark.model
def test_a_text_has_one_vector_of_the_fetched_generator():
    check_that_a_text_has_one_vector(SentenceEncoder(fetched("generator")), ["short", "", "chess"], threads=1)


@pytest.mark.parametrize("pooling", ["mean", "last"])
@pytest.mark.parametrize("family", ["bert", "llama"])
def test_pooling_is_of_the_texts_own_tokens(folders, family, pooling):
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folders[family])
    model = AutoModel.from_pretrained(folders[family], dtype=torch.float32).eval()
    for text, found in zip(
        TITLES[:6], SentenceEncoder(folders[family], pooling=pooling).encode(TITLES[:6]), strict=True
    ):
        with torch.no_grad():
            states = model(torch.tensor([tokenizer(text)["input_ids"]])).last_hidden_state[0].numpy()
        pooled = states[-1] if pooling == "last" else states.mean(0)
        np.testing.assert_allclose(found, pooled / np.linalg.norm(pooled), atol=1e-5)


def test_poolings_and_models_have_identities_of_their_own(folders):
    encoders = [SentenceEncoder(folder, pooling=pooling) for folder in folders.values() for pooling in ("mean", "last")]
    assert len({encoder.identity for encoder in encoders}) == 4
    with pytest.raises(ConfigError, match=r"context\.pooling='max'"):
        SentenceEncoder(folders["bert"], pooling="max")


def test_a_causal_model_encodes_wherever_an_encoder_does(folders):
    llama = str(folders["llama"])
    pooled = make_encoder(ContextConfig(encoder="lm", generator_folder=llama, pooling="last"))
    named = make_encoder(ContextConfig(encoder="minilm", encoder_folder=llama, pooling="last"))
    assert pooled.identity == named.identity
    assert pooled.dimension == 32
    np.testing.assert_array_equal(pooled.encode(TITLES[:3]), named.encode(TITLES[:3]))
    assert not hasattr(pooled.load()[1], "lm_head")


def test_progress_is_told_for_each_distinct_text_and_no_texts_load_nothing(folders):
    encoder, done = SentenceEncoder(folders["bert"]), []
    assert encoder.encode([]).shape == (0, 32)
    assert encoder._loaded is None
    encoder.encode(TITLES, done.append)
    assert sum(done) == len(set(TITLES))


@pytest.mark.parametrize("special", [{"eos_token": "</s>"}, {"unk_token": "<s>"}], ids=["end", "neither"])
def test_a_tokenizer_without_padding_pads_with_something(folders, tmp_path, special):
    path = tmp_path / "model"
    shutil.copytree(folders["llama"], path)
    write_tokenizer(path, **special)
    np.testing.assert_array_equal(
        SentenceEncoder(path).encode(TITLES), SentenceEncoder(folders["llama"]).encode(TITLES)
    )


def test_a_small_window_cuts_texts_shorter(tmp_path):
    encoder = SentenceEncoder(write_model(tmp_path / "small", "bert", max_position_embeddings=44))
    long = " ".join(TITLES[:4])
    np.testing.assert_array_equal(*encoder.encode([long, long + " and chess"]))


@pytest.mark.parametrize("name", ["n_embd", "d_model", "dim"])
def test_the_width_is_found_under_the_name_that_its_family_uses(folders, tmp_path, name):
    path = tmp_path / "model"
    shutil.copytree(folders["bert"], path)
    config = json.loads((path / "config.json").read_text())
    config[name] = config.pop("hidden_size")
    (path / "config.json").write_text(json.dumps(config))
    assert SentenceEncoder(path).dimension == 32
    (path / "config.json").write_text(json.dumps({"text_config": config, "model_type": "bert"}))
    assert SentenceEncoder(path).dimension == 32


def test_blocks_that_do_not_fit_are_halved(folders, monkeypatch):
    encoder = SentenceEncoder(folders["bert"])
    expected, sizes = encoder.encode(TITLES), []
    encode = encoder._encode_block

    def limited(tokens):
        sizes.append(encoder._batcher.rows)
        if sizes[-1] > 3:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return encode(tokens)

    monkeypatch.setattr(encoder, "_encode_block", limited)
    np.testing.assert_allclose(encoder.encode(TITLES), expected, atol=1e-5)
    assert sizes[:3] == [8, 4, 2]
    assert set(sizes[3:]) == {2}


@pytest.mark.model
def test_similar_texts_are_close():
    run, jog, pasta = SentenceEncoder(fetched("encoder")).encode(
        ["trail running shoes", "a jogging route", "rustic pasta sauces"]
    )
    assert run @ jog > run @ pasta + 0.2


@pytest.mark.model
def test_pooled_states_of_the_fetched_generator_tell_topics_apart():
    encoder = SentenceEncoder(fetched("generator"))
    texts = [words.format(topic) for topic in TOPICS for words in ("Easy {} for beginners", "The best of {} this year")]
    cosine = encoder.encode(texts) @ encoder.encode(texts).T
    topic = np.arange(12) // 2
    same = topic[:, None] == topic
    other = ~same & (np.arange(12)[:, None] % 2 != np.arange(12) % 2)
    assert cosine[same & ~np.eye(12, dtype=bool)].mean() > cosine[other].mean() + 0.02


@pytest.mark.model
def test_damage_that_only_loading_meets_is_one_sentence(tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(fetched("encoder"), copy)
    (copy / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match="cannot be loaded") as caught:
        SentenceEncoder(copy).encode(["text"])
    assert "\n" not in str(caught.value)
