"""The fetched generator: what it says, and that batches change nothing."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from crossrec import language
from crossrec.language.answer import Answer
from crossrec.language.causal import TransformersGenerator
from crossrec.language.context import ContextSource
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
def answers(generator):
    return generator.generate(make_prompts(12))


@pytest.mark.model
def test_text_does_not_depend_on_the_batch(generator, answers):
    prompts, done = make_prompts(12), []
    generator.batcher.rows = 5
    assert generator.generate(prompts[::-1], done.append) == answers[::-1]
    assert sum(done) == 12
    generator.batcher.rows = 1
    assert generator.generate(prompts[:2]) == answers[:2]


@pytest.mark.model
def test_text_is_about_the_person(encoder, answers):
    assert not any(answer.problem for answer in answers)
    texts = [answer.text for answer in answers]
    assert len(set(texts)) > 9
    cosine = encoder.encode(texts) @ encoder.encode(TOPICS).T
    # Two stated interests and one habit per person, see make_prompts.
    mine = np.zeros((12, 6), bool)
    for i in range(12):
        mine[i, [i % 6, (i + 2) % 6, i // 6 % 6]] = True
    assert cosine[mine].mean() > cosine[~mine].mean() + 0.1


@pytest.mark.model
def test_tokens_of_a_prompt_are_the_same_apart_from_its_opening(generator):
    loaded = generator._load()
    before, ending, *_ = loaded.conversation
    opening = loaded.tokenizer.decode(before)
    for prompt in make_prompts(12):
        apart = loaded.tokenizer(prompt.text + ending, add_special_tokens=False)["input_ids"]
        whole = loaded.tokenizer(opening + prompt.text + ending, add_special_tokens=False)["input_ids"]
        assert whole == before + apart


@pytest.mark.model
def test_int8_and_bfloat16_stay_close_to_float32(generator, encoder, answers):
    exact = encoder.encode([answer.text for answer in answers[:5]])
    for options in ({"quantisation": "dynamic"}, {"dtype": "bfloat16"}):
        rounded = TransformersGenerator(generator.folder, **options).generate(make_prompts(5))
        cosine = (encoder.encode([answer.text for answer in rounded]) * exact).sum(1)
        assert cosine.mean() > 0.7


@pytest.mark.model
def test_an_empty_answer_becomes_the_template(generator, encoder, monkeypatch):
    (prompt,) = make_prompts(1)
    monkeypatch.setattr(generator, "_write", lambda tokens, loaded: [" \n"])
    found = ContextSource(generator, encoder, None).lookup([prompt])
    assert found.answers == [Answer(prompt.sentence, "empty")]
    np.testing.assert_array_equal(found.vectors, encoder.encode([prompt.sentence]))


@pytest.mark.model
def test_a_warm_store_loads_no_model(generator, encoder, tmp_path):
    prompts = make_prompts(2)
    store = ContextStore(tmp_path / "s.sqlite")
    expected = ContextSource(generator, encoder, store).lookup(prompts)
    cold = TransformersGenerator(generator.folder), SentenceEncoder(encoder.folder)
    source = ContextSource(*cold, store)
    found = source.lookup(prompts)
    assert found.answers == expected.answers
    np.testing.assert_array_equal(found.vectors, expected.vectors)
    assert cold[0]._loaded is None
    assert cold[1]._loaded is None
    assert (source.generated, source.reused) == (0, 2)


def test_importing_the_room_imports_no_torch():
    names = sorted(path.stem for path in Path(language.__file__).parent.glob("*.py"))
    assert "causal" in names
    code = "import sys\n" + "".join(f"import crossrec.language.{name}\n" for name in names if name != "__init__")
    code += "print([name for name in ('torch', 'transformers', 'huggingface_hub') if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
