import numpy as np
import pytest

from crossrec.errors import ModelError, StoreError
from crossrec.language.context import ContextSource, embed_texts
from crossrec.language.encoder import HashingEncoder
from crossrec.language.generator import TemplateGenerator
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
    texts, vectors = source.lookup(asked)
    assert generator.batches == [30]
    assert texts == [f"wants: {prompt.text()}" for prompt in asked]
    np.testing.assert_array_equal(vectors, encoder.encode(texts))
    assert (source.hits, source.misses, source.generated) == (30, 30, 30)
    again = source.lookup(prompts)
    assert generator.batches == [30]
    np.testing.assert_array_equal(again[1], vectors[:30])
    assert (source.hits, source.misses) == (60, 30)


def test_a_warm_store_needs_no_model(store):
    prompts = make_prompts(10)
    encoder = HashingEncoder(32)
    expected = ContextSource(CountingGenerator(), encoder, store).lookup(prompts)
    warm = ContextSource(AbsentGenerator(), AbsentEncoder(encoder.identity, 32), store)
    texts, vectors = warm.lookup(prompts)
    assert texts == expected[0]
    np.testing.assert_array_equal(vectors, expected[1])
    assert (warm.hits, warm.misses) == (10, 0)
    with pytest.raises(ModelError, match="generator was loaded"):
        warm.lookup(make_prompts(11))


def test_other_generators_and_encoders_do_not_share(store):
    prompts = make_prompts(3)
    ContextSource(CountingGenerator(), HashingEncoder(32), store).lookup(prompts)
    for generator, encoder in [(TemplateGenerator(), HashingEncoder(32)), (CountingGenerator(), HashingEncoder(16))]:
        source = ContextSource(generator, encoder, store)
        assert source.lookup(prompts)[1].shape == (3, encoder.dimension)
        assert source.misses == 3


def test_what_was_computed_before_a_failure_is_kept(store, monkeypatch):
    monkeypatch.setattr("crossrec.language.context._BATCH", 4)

    class Failing(CountingGenerator):
        def generate(self, prompts, on_progress=None):
            if len(self.batches) == 2:
                raise ModelError("stopped")
            return super().generate(prompts)

    source = ContextSource(Failing(), HashingEncoder(8), store)
    with pytest.raises(ModelError, match="stopped"):
        source.lookup(make_prompts(20))
    assert (source.generated, len(store)) == (8, 8)
    second = ContextSource(CountingGenerator(), HashingEncoder(8), store)
    second.lookup(make_prompts(20))
    assert (second.hits, second.misses) == (8, 12)


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr("crossrec.language.context._REMEMBERED", 5)
    source = ContextSource(CountingGenerator(), HashingEncoder(8), None)
    prompts = make_prompts(9)
    assert len(source.lookup(prompts)[0]) == 9
    assert len(source._memory) == 5
    source.lookup(prompts[4:])
    assert source.misses == 9
    source.lookup(prompts[:1])
    assert source.misses == 10


def test_results_are_copies():
    source = ContextSource(TemplateGenerator(), HashingEncoder(8), None)
    first = source.lookup(make_prompts(2))[1]
    expected = first.copy()
    first[:] = 7
    np.testing.assert_array_equal(source.lookup(make_prompts(2))[1], expected)


def test_progress_adds_up(store):
    done = []
    source = ContextSource(TemplateGenerator(), HashingEncoder(8), store)
    source.lookup(make_prompts(5))
    source.lookup(make_prompts(12), done.append)
    assert sum(done) == 12


def test_titles_are_remembered(store, monkeypatch):
    monkeypatch.setattr("crossrec.language.context._BATCH", 2)
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
