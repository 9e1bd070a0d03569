"""The way from a prompt to its context vector, with everything remembered on the way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from crossrec.errors import StoreError

from .answer import Answer
from .encoder import Encoder, Vectors
from .generator import GenerationError, Generator, Progress
from .prompt import Prompt
from .store import Context, ContextStore, Entry, Writer

BATCH = 256
TITLES = "titles-1"


class Contexts(NamedTuple):
    """What a source knows of n prompts, in their order.

    Attributes:
        answers: n texts.
        vectors: (n, dimension of the encoder).
        keys: n keys in the store.
    """

    answers: list[Answer]
    vectors: Vectors
    keys: list[bytes]


class ContextSource:
    """Texts and vectors of prompts: from the store, else computed for the whole batch.

    Args:
        generator: Writes texts.
        encoder: Embeds them.
        store: Keeps them, or None.
        batch: Prompts computed between two writes to the store: all that a killed run loses.

    Attributes:
        generated: How many distinct prompts have been computed.
        reused: How many distinct prompts of a call were in the store.
    """

    def __init__(self, generator: Generator, encoder: Encoder, store: ContextStore | None, batch: int = BATCH) -> None:
        self.batch = batch
        self.generator = generator
        self.encoder = encoder
        self.store = store
        self.generated = self.reused = 0

    @property
    def writer(self) -> Writer:
        """Who makes the contexts."""
        return Writer(self.generator.identity, self.encoder.identity)

    def lookup(self, prompts: Sequence[Prompt], on_progress: Progress | None = None) -> Contexts:
        """Contexts in the prompts' order; each distinct prompt is computed once, and kept in the store.

        Args:
            prompts: What is asked.
            on_progress: Called with the number of distinct prompts settled since the last call.

        Raises:
            ModelError: If something has to be computed and a model is missing or damaged, or a server fails. What was
                computed before is in the store.
            StoreError: If the store cannot be used.
        """
        keys, known = self._known(prompts)
        missing = [prompt for prompt in keys if prompt not in known]
        self.reused += len(known)
        if on_progress is not None and known:
            on_progress(len(known))
        for start in range(0, len(missing), self.batch):
            known |= self._compute(missing[start : start + self.batch], on_progress)
        vectors = np.zeros((len(prompts), self.encoder.dimension), np.float32)
        for i, prompt in enumerate(prompts):
            vectors[i] = known[prompt].vector
        return Contexts([known[p].answer for p in prompts], vectors, [keys[p] for p in prompts])

    def missing(self, prompts: Sequence[Prompt]) -> list[Prompt]:
        """The distinct prompts that the store does not have."""
        keys, known = self._known(prompts)
        return [prompt for prompt in keys if prompt not in known]

    def _known(self, prompts: Sequence[Prompt]) -> tuple[dict[Prompt, bytes], dict[Prompt, Context]]:
        """Keys of the distinct prompts, and what the store has of them."""
        writer = self.writer
        keys = {p: writer.key(p.text, p.sentence) for p in dict.fromkeys(prompts)}
        if self.store is None or not keys:
            return keys, {}
        stored = self.store.get_many(keys.values())
        for context in stored.values():
            _check_width(context.vector, self.encoder, self.store)
        return keys, {prompt: stored[key] for prompt, key in keys.items() if key in stored}

    def _compute(self, prompts: list[Prompt], on_progress: Progress | None) -> dict[Prompt, Context]:
        try:
            answers = self.generator.generate(prompts, on_progress)
        except GenerationError as error:
            self._keep([prompts[i] for i in error.done], list(error.done.values()))
            raise
        return self._keep(prompts, answers)

    def _keep(self, prompts: list[Prompt], answers: list[Answer]) -> dict[Prompt, Context]:
        vectors = self.encoder.encode([answer.text for answer in answers])
        made = {p: Context(a, v) for p, a, v in zip(prompts, answers, vectors, strict=True)}
        self.generated += len(made)
        if self.store is not None:
            new = self.store.put_many(self.writer, [Entry(p.text, p.sentence, made[p]) for p in prompts])
            if new < len(made):  # another process was sooner, and what the store holds is what counts
                made |= self._known(prompts)[1]
        return made


def embed_texts(
    encoder: Encoder, texts: Sequence[str], store: ContextStore | None, on_progress: Progress | None = None
) -> Vectors:
    """Vectors ``(n, encoder.dimension)`` of plain texts such as titles, remembered in the same store.

    Raises:
        ModelError: If something has to be encoded and the encoder is missing or damaged.
        StoreError: If the store cannot be used.
    """
    if store is None:
        return encoder.encode(texts, on_progress)
    result = np.zeros((len(texts), encoder.dimension), np.float32)
    writer = Writer(TITLES, encoder.identity)
    size = 16 * BATCH
    for start in range(0, len(texts), size):
        chunk = texts[start : start + size]
        keys = [writer.key(text) for text in chunk]
        known = {key: context.vector for key, context in store.get_many(keys).items()}
        for vector in known.values():
            _check_width(vector, encoder, store)
        missing = {key: text for key, text in zip(keys, chunk, strict=True) if key not in known}
        for first in range(0, len(missing), BATCH):
            batch = list(missing.items())[first : first + BATCH]
            vectors = encoder.encode([text for _, text in batch])
            entries = [Entry(text, "", Context(Answer(text), v)) for (_, text), v in zip(batch, vectors, strict=True)]
            known |= {key: vector for (key, _), vector in zip(batch, vectors, strict=True)}
            if store.put_many(writer, entries) < len(entries):  # another process was sooner
                known |= {key: context.vector for key, context in store.get_many(known).items()}
        result[start : start + len(chunk)] = np.stack([known[key] for key in keys])
        if on_progress is not None:
            on_progress(len(chunk))
    return result


def _check_width(vector: Vectors, encoder: Encoder, store: ContextStore) -> None:
    if vector.shape != (encoder.dimension,):
        raise StoreError(
            f"the context store {store.path} holds a vector of {len(vector)} numbers where the encoder makes "
            f"{encoder.dimension}; delete the file or set another path with context.store=."
        )
