import numpy as np
import pytest

from crossrec.errors import ModelError, StoreError
from crossrec.language.answer import Answer
from crossrec.language.context import ContextSource, embed_texts
from crossrec.language.encoder import HashingEncoder
from crossrec.language.generator import GenerationError, TemplateGenerator, VerbatimGenerator
from crossrec.language.ledger import Ledger
from crossrec.language.store import ContextStore

from .conftest import AbsentEncoder, AbsentGenerator, CountingGenerator, make_prompts


@pytest.fixture
def store(tmp_path):
    with_file = ContextStore(tmp_path / "contexts.sqlite")
    yield with_file
    with_file.close()


def test_each_distinct_prompt_once_and_in_order(store):
    prompts = make_prompts(30)
    generator, encoder = CountingGenerator(), HashingEncoder(32)
    source = ContextSource(generator, encoder, store)
    asked = [*prompts, *prompts[::-1]]
    contexts = source.lookup(asked)
    assert generator.batches == [30]
    assert contexts.answers == [Answer(f"wants: {prompt.text}") for prompt in asked]
    np.testing.assert_array_equal(contexts.vectors, encoder.encode([text for text, _ in contexts.answers]))
    assert contexts.keys == [source.writer.key(prompt.text, prompt.sentence) for prompt in asked]
    assert (source.generated, source.reused) == (30, 0)
    again = source.lookup(prompts)
    assert generator.batches == [30]
    np.testing.assert_array_equal(again.vectors, contexts.vectors[:30])
    assert (source.generated, source.reused) == (30, 30)


def test_a_warm_store_needs_no_model(store):
    prompts = make_prompts(10)
    encoder = HashingEncoder(32)
    expected = ContextSource(CountingGenerator(), encoder, store).lookup(prompts)
    warm = ContextSource(AbsentGenerator(), AbsentEncoder(encoder.identity, 32), store)
    contexts = warm.lookup(prompts)
    assert contexts.answers == expected.answers
    np.testing.assert_array_equal(contexts.vectors, expected.vectors)
    assert (warm.generated, warm.reused) == (0, 10)
    with pytest.raises(ModelError, match="generator was loaded"):
        warm.lookup(make_prompts(11))


def test_other_generators_encoders_and_fallback_sentences_do_not_share(store):
    prompts = make_prompts(3)
    ContextSource(CountingGenerator(), HashingEncoder(32), store).lookup(prompts)
    for generator, encoder in [(TemplateGenerator(), HashingEncoder(32)), (CountingGenerator(), HashingEncoder(16))]:
        source = ContextSource(generator, encoder, store)
        assert source.lookup(prompts).vectors.shape == (3, encoder.dimension)
        assert source.generated == 3
    source = ContextSource(CountingGenerator(), HashingEncoder(32), store)
    source.lookup([type(prompt)(prompt.text, "another sentence") for prompt in prompts])
    assert source.generated == 3


def test_what_the_store_holds_counts_when_two_write_the_same_at_once(store):
    prompts, encoder = make_prompts(3), HashingEncoder(8)

    class Slower(CountingGenerator):
        def generate(self, prompts, on_progress=None):
            if sooner.generated == 0:
                sooner.lookup(prompts[:2])
            return [Answer(f"another text {i}") for i in range(len(prompts))]

    sooner, slower = (ContextSource(kind(), encoder, store) for kind in (CountingGenerator, Slower))
    contexts = slower.lookup(prompts)
    assert [text for text, _ in contexts.answers] == [
        f"wants: {prompts[0].text}",
        f"wants: {prompts[1].text}",
        "another text 2",
    ]
    again = ContextSource(AbsentGenerator(), encoder, store).lookup(prompts)
    assert again.answers == contexts.answers
    np.testing.assert_array_equal(again.vectors, contexts.vectors)


def test_what_was_computed_before_a_failure_is_kept(store):

    class Failing(CountingGenerator):
        def generate(self, prompts, on_progress=None):
            if len(self.batches) == 2:
                raise GenerationError("stopped", {3: Answer("the last of the batch"), 1: Answer("the second")})
            return super().generate(prompts)

    source, prompts = ContextSource(Failing(), HashingEncoder(8), store, batch=4), make_prompts(20)
    with pytest.raises(ModelError, match="stopped"):
        source.lookup(prompts)
    assert (source.generated, len(store)) == (10, 10)
    second = ContextSource(CountingGenerator(), HashingEncoder(8), store)
    texts = [text for text, _ in second.lookup(prompts).answers]
    assert (texts[9], texts[11]) == ("the second", "the last of the batch")
    assert (second.generated, second.reused) == (10, 10)


def test_a_replaced_answer_is_told_from_a_warm_store_too(store):
    class Refusing(CountingGenerator):
        def generate(self, prompts, on_progress=None):
            return [Answer(p.sentence, "refusal" if i % 3 else "") for i, p in enumerate(prompts)]

    for generator in (Refusing(), AbsentGenerator()):
        ledger = Ledger()
        ledger.note(ContextSource(generator, HashingEncoder(8), store).lookup(make_prompts(9)))
        assert ledger.summary()["replaced"] == {"refusal": 6}


def test_a_ledger_tells_the_same_of_the_same_contexts_in_any_order_and_another_of_any_other():
    def summary(prompts, generator=None, encoder=None):
        source = ContextSource(generator or CountingGenerator(), encoder or HashingEncoder(8), None)
        ledger = Ledger()
        for start in range(0, len(prompts), 4):
            ledger.note(source.lookup(prompts[start : start + 4]))
        return ledger.summary()

    class Moved(HashingEncoder):
        def encode(self, texts, on_progress=None):
            return super().encode(texts) + np.float32(1e-7)

    prompts = make_prompts(12)
    told = summary(prompts)
    assert told == summary([*prompts[::-1], *prompts[:3]])
    assert told["distinct"] == 12
    others = [
        summary(prompts[:-1]),
        summary(prompts, VerbatimGenerator()),
        summary(prompts, encoder=HashingEncoder(9)),
        summary(prompts, encoder=Moved(8)),
    ]
    assert len({told["hash"], *(other["hash"] for other in others)}) == 5


def test_results_are_copies():
    source = ContextSource(TemplateGenerator(), HashingEncoder(8), None)
    first = source.lookup(make_prompts(2)).vectors
    expected = first.copy()
    first[:] = 7
    np.testing.assert_array_equal(source.lookup(make_prompts(2)).vectors, expected)


def test_progress_adds_up(store):
    done = []
    source = ContextSource(TemplateGenerator(), HashingEncoder(8), store)
    source.lookup(make_prompts(5))
    source.lookup(make_prompts(12), done.append)
    assert sum(done) == 12


def test_titles_are_remembered(store, monkeypatch):
    monkeypatch.setattr("crossrec.language.context.BATCH", 2)
    titles = [f"Title number {i % 70}" for i in range(100)]
    encoder = HashingEncoder(16)
    done = []
    vectors = embed_texts(encoder, titles, store, done.append)
    np.testing.assert_array_equal(vectors, encoder.encode(titles))
    assert (len(store), sum(done)) == (70, 100)
    np.testing.assert_array_equal(embed_texts(AbsentEncoder(encoder.identity, 16), titles, store), vectors)
    np.testing.assert_array_equal(embed_texts(encoder, titles, None), vectors)
    assert embed_texts(encoder, [], store).shape == (0, 16)


def test_a_vector_of_another_width_is_refused(store):
    encoder = HashingEncoder(16)
    embed_texts(encoder, ["a title"], store)
    ContextSource(CountingGenerator(), encoder, store).lookup(make_prompts(1))
    other = AbsentEncoder(encoder.identity, 99)
    with pytest.raises(StoreError, match="holds a vector of 16 numbers"):
        embed_texts(other, ["a title"], store)
    with pytest.raises(StoreError, match="the encoder makes 99"):
        ContextSource(CountingGenerator(), other, store).lookup(make_prompts(1))
