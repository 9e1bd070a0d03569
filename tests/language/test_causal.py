"""Writing with small random models of many families: the fast way says what the plain way says, whatever happens."""

from functools import wraps

import pytest
import torch

from crossrec.config import PromptConfig
from crossrec.errors import ModelError
from crossrec.language import causal
from crossrec.language.answer import Answer, answer
from crossrec.language.batches import out_of_memory
from crossrec.language.causal import TransformersGenerator
from crossrec.language.context import ContextSource
from crossrec.language.conversation import BROKEN, converse
from crossrec.language.decode import decode
from crossrec.language.encoder import HashingEncoder
from crossrec.language.fetch import CHATML
from crossrec.language.generator import GenerationError
from crossrec.language.prompt import Prompt, PromptWriter
from crossrec.language.store import ContextStore

from .conftest import make_prompts
from .tiny import DROPS_SYSTEM, REFUSES_SYSTEM, WINDOW, write_model

EAGER = ("mamba", "bloom")  # families that transformers has no other attention for
PLAIN = PromptWriter(PromptConfig(system="", examples=[]))


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("models") / "llama")


def watched(forward, sizes):
    """The same model, noting how many rows each pass has."""

    @wraps(forward)
    def noting(ids, **options):
        sizes.append(len(ids))
        return forward(ids, **options)

    return noting


def plainly(generator, prompts):
    """What the model says if nothing is shared: each prompt alone, everything read anew for each token, no cache."""
    loaded, found = generator._load(), []
    told = loaded.conversation
    for prompt in prompts:
        text = prompt.text + told.ending
        asked = told.before + loaded.tokenizer(text, add_special_tokens=False)["input_ids"]
        written = []
        while len(written) < generator.max_new_tokens:
            with torch.no_grad():
                logits = loaded.model(torch.tensor([asked + written]), use_cache=False).logits[0, -1]
            logits[[token for token in written if token not in told.repeatable]] = float("-inf")
            if int(logits.argmax()) in told.stops:
                break
            written.append(int(logits.argmax()))
        raw = loaded.tokenizer.decode(written, skip_special_tokens=True).rstrip(BROKEN)
        found.append(answer(raw, prompt.sentence))
    return found


@pytest.mark.parametrize("family", ["llama", "mistral", "gemma3", "lfm2", "mamba", "gpt2", "bloom"])
@pytest.mark.parametrize("opening", ["shipped", "none"])
def test_sharing_and_batches_change_nothing_in_any_kind_of_model(tmp_path, family, opening):
    writer = PLAIN if opening == "none" else PromptWriter(PromptConfig(examples=[]))
    path = write_model(tmp_path / family, family, None if opening == "none" else CHATML)
    attention = "eager" if family in EAGER else "sdpa"
    generator = TransformersGenerator(path, writer, max_new_tokens=5, attention=attention)
    prompts, done = make_prompts(9), []
    assert len(prompts[3].text) > 2 * len(prompts[0].text)
    expected = plainly(generator, prompts)
    assert len({found.text for found in expected if not found.problem}) > 2
    assert generator.generate(prompts, done.append) == expected
    assert sum(done) == 9
    assert max(done) > 1
    for rows in (3, 1):
        generator.batcher.rows = rows
        assert generator.generate(prompts[::-1]) == expected[::-1]


@pytest.mark.parametrize("family", ["llama", "mistral", "lfm2"])
def test_answers_that_end_early_leave_the_batch_and_the_others_go_on_as_before(tmp_path, monkeypatch, family):
    generator = TransformersGenerator(write_model(tmp_path / family, family), PLAIN, max_new_tokens=5)
    loaded = generator._load()
    ids = loaded.tokenizer(make_prompts(1)[0].text, add_special_tokens=False)["input_ids"]
    tokens = [loaded.prefix.unread + asked for asked in [ids] * 7 + [ids[::-1]]]
    model, prefix, (_, _, stops, repeatable) = loaded.model, loaded.prefix, loaded.conversation
    whole = decode(model, prefix, tokens, 5, stops, repeatable)
    last = next(i for i in range(4) if whole[0][i] not in whole[7])
    sizes = []
    monkeypatch.setattr(model, "forward", watched(model.forward, sizes))
    cut = decode(model, prefix, tokens, 5, stops | {whole[0][last]}, repeatable)
    assert cut == [whole[0][:last]] * 7 + [whole[7]]
    assert sizes == [8] * (last + 1) + [1] * (4 - last)


def test_windows_are_shorter_than_prompts_in_these_tests(folder):
    generator = TransformersGenerator(folder)
    texts = [prompt.text for prompt in make_prompts(8)]
    assert min(map(len, generator._load().tokenizer(texts)["input_ids"])) > WINDOW


def test_a_family_without_a_cache_is_refused(tmp_path):
    generator = TransformersGenerator(write_model(tmp_path / "rwkv", "rwkv"), attention="eager")
    with pytest.raises(ModelError, match="rwkv keeps no key-value cache"):
        generator.generate(make_prompts(1))


# What stands before a moment


def test_a_model_without_a_template_begins_with_its_own_first_token(tmp_path):
    generator = TransformersGenerator(write_model(tmp_path / "base", template=None), PLAIN)
    assert generator._load().conversation.ending == "\n"
    generator._load().tokenizer.post_processor = None
    assert generator._load().conversation.before == []
    assert all(found.text for found in generator.generate(make_prompts(2)))


@pytest.mark.parametrize("template", [REFUSES_SYSTEM, DROPS_SYSTEM], ids=["refuses", "drops"])
def test_a_template_without_system_messages_hears_the_instruction_from_the_first_user(tmp_path, template):
    for examples in (PromptConfig().examples, []):
        config = PromptConfig(system="Say what the person wants.", examples=examples)
        loaded = TransformersGenerator(
            write_model(tmp_path / f"{len(examples)}", template=template), PromptWriter(config)
        )._load()
        said = loaded.tokenizer.decode(loaded.conversation.before)
        assert said.startswith("<|im_start|>user\nSay what the person wants.\n\n")
        assert said.count("Say what the person wants.") == 1
        assert "system" not in said
        assert loaded.conversation.ending == "<|im_end|>\n<|im_start|>assistant\n"


def test_a_template_that_hides_the_moment_is_refused(tmp_path):
    path = write_model(tmp_path / "model", template="{{ 'hello' }}")
    with pytest.raises(ModelError, match=r"chat template in .* does not write a user's message as it is"):
        TransformersGenerator(path).generate(make_prompts(1))


def test_stops_are_the_models_own_and_the_end_of_the_line(folder):
    loaded = TransformersGenerator(folder)._load()
    ends = type("Generation", (), {"eos_token_id": [1, 3]})
    stops = converse(loaded.tokenizer, ends, PLAIN, folder).stops
    assert {loaded.tokenizer.decode([token]) for token in stops} == {"</s>", "<|im_end|>", "\n"}


def test_commas_and_parts_of_letters_may_come_again(folder):
    loaded = TransformersGenerator(folder)._load()
    pieces = {loaded.tokenizer.decode([token]) for token in loaded.conversation.repeatable}
    assert pieces == {",", BROKEN}
    assert set(loaded.tokenizer.encode("图", add_special_tokens=False)) <= set(loaded.conversation.repeatable)


def test_of_a_long_moment_the_end_is_read(folder):
    generator = TransformersGenerator(folder, PLAIN)
    end = make_prompts(4)[3].text * 40
    long, longer = (Prompt(words + end, "none") for words in ("", "chess " * 50))
    assert generator.generate([long]) == generator.generate([longer]) != generator.generate(make_prompts(1))


def test_an_opening_that_fills_the_window_is_refused(tmp_path):
    path = write_model(tmp_path / "small", max_position_embeddings=256)
    with pytest.raises(ModelError, match=r"reads at most 256 tokens.*shorten context\.prompt\.examples"):
        TransformersGenerator(path).generate(make_prompts(1))
    assert TransformersGenerator(path, PLAIN).generate(make_prompts(1))[0].text


# Memory that runs out


def without_room(monkeypatch, most):
    """As if no batch larger than ``most`` fitted; returns the sizes that were tried."""
    sizes, decode = [], causal.decode

    def limited(model, prefix, tokens, *rest):
        sizes.append(len(tokens))
        if len(tokens) > most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")
        return decode(model, prefix, tokens, *rest)

    monkeypatch.setattr(causal, "decode", limited)
    return sizes


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB."),
        RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
        MemoryError(),
    ],
)
def test_full_memory_is_recognised_on_every_device(error):
    assert out_of_memory(error)
    assert not out_of_memory(RuntimeError("shapes do not match"))


def test_a_batch_that_does_not_fit_is_halved_for_good(folder, monkeypatch):
    prompts, done = make_prompts(20), []
    expected = TransformersGenerator(folder, PLAIN, batch_size=3).generate(prompts)
    generator = TransformersGenerator(folder, PLAIN, batch_size=16)
    sizes = without_room(monkeypatch, 5)
    assert generator.generate(prompts, done.append) == expected
    assert sizes == [16, 8, 4, 4, 4, 4, 4]
    assert sum(done) == 20
    del sizes[:]
    assert generator.generate(prompts[:9]) == expected[:9]
    assert sizes == [4, 4, 1]


def test_a_single_prompt_that_does_not_fit_is_told_in_words(folder, monkeypatch):
    without_room(monkeypatch, 0)
    with pytest.raises(GenerationError, match=r"memory runs out while the model in .*context\.device") as caught:
        TransformersGenerator(folder, PLAIN).generate(make_prompts(3))
    assert caught.value.done == {}


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory."), ValueError("a broken kernel\nat line 3")]
)
def test_answers_before_a_failure_are_kept(folder, monkeypatch, tmp_path, error):
    prompts, store = make_prompts(6), ContextStore(tmp_path / "s.sqlite")
    expected = TransformersGenerator(folder, PLAIN).generate(prompts)
    calls, decode = [], causal.decode

    def failing(*arguments):
        calls.append(len(arguments[2]))
        if len(calls) > 4:
            raise error
        return decode(*arguments)

    generator = TransformersGenerator(folder, PLAIN, batch_size=1)
    monkeypatch.setattr(causal, "decode", failing)
    source = ContextSource(generator, HashingEncoder(), store)
    with pytest.raises(GenerationError) as caught:
        source.lookup(prompts)
    assert len(caught.value.done) == len(store) == 4
    assert all(expected[i] == found for i, found in caught.value.done.items())
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)


# Options


def test_answers_are_cleaned_and_nothing_is_asked_of_nobody(folder, monkeypatch):
    generator = TransformersGenerator(folder)
    assert generator.generate([]) == []
    assert generator._loaded is None
    prompts = make_prompts(2)
    monkeypatch.setattr(
        generator, "_write", lambda tokens, loaded: ["I'm sorry, I cannot", " tea, tea,\nno"][: len(tokens)]
    )
    found = dict(
        zip(["refusal", ""], sorted(generator.generate(prompts), key=lambda found: -len(found.problem)), strict=True)
    )
    assert found["refusal"] in [Answer(prompt.sentence, "refusal") for prompt in prompts]
    assert found[""] == Answer("tea")
