"""What holds of every generator, whatever writes the texts."""

import numpy as np
import pytest

from crossrec.config import EndpointConfig, PromptConfig
from crossrec.language.answer import MAX_CHARACTERS
from crossrec.language.causal import TransformersGenerator
from crossrec.language.endpoint import EndpointGenerator
from crossrec.language.fetch import CHATML
from crossrec.language.generator import TemplateGenerator, VerbatimGenerator
from crossrec.language.prompt import PromptWriter

from .conftest import make_prompts
from .misbehaving import Server, closed_port, completion, well_behaved

N = 14
PROMPTS = [prompt for prompt in make_prompts(54) if max(len(prompt.text), len(prompt.sentence)) <= MAX_CHARACTERS][:N]
SILENT, REFUSING = PROMPTS[3].text, PROMPTS[5].text  # moments about which the server has nothing to say


def save_model(folder, *, mute=False):
    """A language model with random weights, which writes any bytes; a mute one ends every answer at once."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *alphabet]
    tokenizer = Tokenizer(models.BPE(vocab={word: i for i, word in enumerate(words)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token=words[0], additional_special_tokens=words[1:3], chat_template=CHATML
    )
    settings = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    with torch.random.fork_rng():
        torch.manual_seed(1)
        # Weights larger than usual, so that what is written follows from what is read.
        model = LlamaForCausalLM(LlamaConfig(**settings, vocab_size=len(words), initializer_range=0.5))
    if mute:
        with torch.no_grad():
            model.lm_head.weight.zero_()  # of equal scores the first is taken, which is the end
    model.save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder


def reply(handler):
    said = {SILENT: "", REFUSING: "I'm sorry, I cannot."}.get(
        handler.prompt, f"\n{well_behaved(handler.prompt)}\x07\nx"
    )
    handler.reply(completion(said))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def url():
    with Server(then=reply) as server:
        yield server.url


@pytest.fixture
def make(request, folder, url):
    """Makes the generator that the test is about, with other options of its decoding if asked."""

    def transformers(max_new_tokens=10, dtype="float32", system=""):
        writer = PromptWriter(PromptConfig(system=system, examples=[]))
        return TransformersGenerator(folder, writer, max_new_tokens=max_new_tokens, dtype=dtype, batch_size=4)

    def endpoint(max_new_tokens=10, system="", url=url, **options):
        writer = PromptWriter(PromptConfig(system=system))
        return EndpointGenerator(EndpointConfig(url=url, model="m", **options), writer, max_new_tokens)

    makers = {"template": TemplateGenerator, "verbatim": VerbatimGenerator, "transformers": transformers}
    return {**makers, "openai": endpoint}[request.param]


GENERATORS = ("template", "verbatim", "transformers", "openai")
each = pytest.mark.parametrize("make", GENERATORS, indirect=True)


@each
def test_one_answer_per_prompt_in_order_and_equal_ones_for_equal_prompts(make):
    generator = make()
    alone = [generator.generate([prompt])[0] for prompt in PROMPTS]
    assert generator.generate(PROMPTS) == alone
    order = np.random.default_rng(0).integers(0, N, 3 * N)  # duplicates too
    assert generator.generate([PROMPTS[i] for i in order]) == [alone[i] for i in order]
    assert len({text for text, _ in alone}) > N / 2
    assert make().generate(PROMPTS) == alone


@each
def test_nothing_is_asked_about_nothing(make):
    done = []
    assert make().generate([], done.append) == []
    assert sum(done) == 0


@each
def test_an_answer_is_one_line_of_printable_characters_and_bounded(make):
    for text, _ in make().generate(PROMPTS):
        assert text
        assert text.isprintable()
        assert text == text.strip()
        assert len(text) <= MAX_CHARACTERS


@each
def test_progress_adds_up_to_the_number_of_prompts(make):
    done = []
    make().generate([*PROMPTS, *PROMPTS[:3]], done.append)
    assert min(done) > 0
    assert sum(done) == N + 3


def test_an_answer_that_is_none_is_the_prompts_sentence_with_the_reason(folder, url, tmp_path):
    asked = EndpointGenerator(EndpointConfig(url=url, model="m"), PromptWriter(PromptConfig()), 10).generate(PROMPTS)
    problems = {prompt.text: answer.problem for prompt, answer in zip(PROMPTS, asked, strict=True) if answer.problem}
    assert problems == {SILENT: "empty", REFUSING: "refusal"}
    mute = TransformersGenerator(save_model(tmp_path / "mute", mute=True)).generate(PROMPTS)
    assert {answer.problem for answer in mute} == {"empty"}
    for answers in (asked, mute):
        for prompt, answer in zip(PROMPTS, answers, strict=True):
            assert (answer.text == prompt.sentence) == bool(answer.problem)


@pytest.mark.parametrize(
    ("make", "others"),
    [
        ("transformers", [{"max_new_tokens": 3}, {"dtype": "bfloat16"}, {"system": "Name it."}]),
        ("openai", [{"max_new_tokens": 3}, {"temperature": 0.5}, {"extra": {"seed": 1}}, {"system": "Name it."}]),
    ],
    indirect=["make"],
)
def test_an_identity_changes_with_every_option_of_the_decoding(make, others):
    identities = {make().identity, *(make(**options).identity for options in others)}
    assert len(identities) == len(others) + 1
    assert make().identity == make().identity


def test_identities_are_known_before_a_model_is_loaded_or_a_server_asked(folder):
    nobody = EndpointConfig(url=f"http://127.0.0.1:{closed_port()}/v1", model="m", retries=0)
    local = TransformersGenerator(folder)
    generators = [TemplateGenerator(), VerbatimGenerator(), local, EndpointGenerator(nobody, local.writer, 10)]
    identities = [generator.identity for generator in generators]
    assert all(isinstance(identity, str) and identity for identity in identities)
    assert len(set(identities)) == len(GENERATORS)
    assert local._loaded is None
