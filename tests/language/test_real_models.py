"""The fetched default models: what they say, and that batches change nothing."""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from crossrec import language
from crossrec.errors import ModelError
from crossrec.language import causal
from crossrec.language.causal import TransformersGenerator, clean
from crossrec.language.context import ContextSource
from crossrec.language.generator import template_text
from crossrec.language.sentence import SentenceEncoder
from crossrec.language.store import ContextStore

from .conftest import TOPICS, fetched, make_prompts


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def generator():
    return TransformersGenerator(fetched("generator"), batch_size=16)


@pytest.fixture(scope="module")
def encoder():
    return SentenceEncoder(fetched("encoder"))


@pytest.fixture(scope="module")
def texts(generator):
    return generator.generate(make_prompts(12))


@pytest.mark.model
def test_text_does_not_depend_on_the_batch(generator, texts):
    prompts = make_prompts(12)
    generator.batch_size = 5
    done = []
    assert generator.generate(prompts[::-1], done.append) == texts[::-1]
    assert sum(done) == 12
    generator.batch_size = 1
    assert generator.generate(prompts[:2]) == texts[:2]
    generator.batch_size = 16
    assert generator.generate([]) == []


@pytest.mark.model
def test_answers_that_end_early_leave_the_batch_and_the_others_go_on_as_before(generator, monkeypatch):
    prompts, dropped = make_prompts(4), []
    # As if the first three had nothing more to say after their second token.
    monkeypatch.setattr(generator, "max_new_tokens", 6)
    whole = generator.generate(prompts)
    best = causal._best

    def stopped(logits, used, separators):
        chosen = best(logits, used, separators)
        if len(chosen) == 4 and used.shape[1] == 2:
            chosen[:3] = generator._load().tokenizer.eos_token_id
        dropped.append(len(chosen))
        return chosen

    monkeypatch.setattr(causal, "_best", stopped)
    cut = generator.generate(prompts)
    assert dropped == [4, 4, 4, 1, 1, 1]
    assert sum(short == long for short, long in zip(cut, whole, strict=True)) == 1
    assert all(long.startswith(short) for short, long in zip(cut, whole, strict=True))


@pytest.mark.model
def test_text_is_about_the_person(encoder, texts):
    assert all(texts)
    assert len(set(texts)) > 9
    about = encoder.encode(TOPICS)
    cosine = encoder.encode(texts) @ about.T
    # Two stated interests and one habit per person, see make_prompts.
    mine = np.zeros((12, 6), bool)
    for i in range(12):
        mine[i, [i % 6, (i + 2) % 6, i // 6 % 6]] = True
    assert cosine[mine].mean() > cosine[~mine].mean() + 0.1


@pytest.mark.model
def test_an_empty_answer_becomes_the_template(generator, monkeypatch):
    monkeypatch.setattr("crossrec.language.causal.clean", lambda text: "")
    before = generator.fallbacks
    prompt = make_prompts(1)[0]
    source = ContextSource(generator, SentenceEncoder(fetched("encoder")), None)
    assert source.lookup([prompt])[0] == [template_text(prompt)]
    assert generator.fallbacks == source.fallbacks == before + 1


@pytest.mark.model
def test_a_warm_store_loads_no_model(generator, encoder, tmp_path):
    prompts = make_prompts(2)
    store = ContextStore(tmp_path / "s.sqlite")
    expected = ContextSource(generator, encoder, store).lookup(prompts)
    cold = TransformersGenerator(generator.folder), SentenceEncoder(encoder.folder)
    source = ContextSource(*cold, store)
    texts, vectors = source.lookup(prompts)
    assert texts == expected[0]
    np.testing.assert_array_equal(vectors, expected[1])
    assert cold[0]._loaded is None
    assert cold[1]._loaded is None
    assert source.misses == 0


@pytest.mark.model
def test_vectors_do_not_depend_on_the_batch(encoder):
    titles = [prompt.text() for prompt in make_prompts(20)] + ["short", "", "short"]
    vectors = encoder.encode(titles)
    assert vectors.dtype == np.float32
    assert vectors.shape == (23, encoder.dimension)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    for batch_size in (1, 7):
        other = SentenceEncoder(encoder.folder, batch_size=batch_size).encode(titles[::-1])
        np.testing.assert_allclose(other[::-1], vectors, atol=1e-5)
    assert encoder.encode([]).shape == (0, encoder.dimension)


@pytest.mark.model
def test_similar_texts_are_close(encoder):
    run, jog, pasta = encoder.encode(["trail running shoes", "a jogging route", "rustic pasta sauces"])
    assert run @ jog > run @ pasta + 0.2


@pytest.mark.model
def test_damage_that_only_loading_meets_is_one_sentence(encoder, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(encoder.folder, copy)
    (copy / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match="cannot be loaded") as caught:
        SentenceEncoder(copy).encode(["text"])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("tea, cakes, tea", "tea, cakes"),
        ("\n tea,  green   tea,\nmore", "tea, green tea"),
        ("tea\x00\x1b[31m, cake", "tea [31m, cake"),
        (" ,;\n", ""),
        ("", ""),
        ("x" * 999, "x" * 200),
    ],
)
def test_answers_are_cleaned(answer, expected):
    assert clean(answer) == expected


def test_importing_the_room_imports_no_torch():
    names = sorted(path.stem for path in Path(language.__file__).parent.glob("*.py"))
    assert "causal" in names
    code = "import sys\n" + "".join(f"import crossrec.language.{name}\n" for name in names if name != "__init__")
    code += "print([name for name in ('torch', 'transformers', 'huggingface_hub') if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_a_moment_is_not_its_neighbour():
    prompts = make_prompts(16)
    assert len({prompt.text() for prompt in prompts}) == 16
    assert replace(prompts[0], device="watch").text() not in {prompt.text() for prompt in prompts}
