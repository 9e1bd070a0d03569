"""The way from a moment to its context vector, with everything remembered on the way."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import numpy as np

from crossrec.errors import StoreError

from .encoder import Encoder, Vectors
from .generator import Generator, Progress
from .prompt import Prompt
from .store import ContextStore, make_key

_BATCH = 256
"""Prompts computed between two writes to the store: all that a killed run loses."""
_REMEMBERED = 20_000
_VERBATIM = "verbatim-1"


class ContextSource:
    """Texts and vectors of moments: from memory, else from the store, else computed for the whole batch.

    Attributes:
        hits: Prompts answered without computing, from memory, the store or the same call.
        misses: Distinct prompts that had to be computed.
        generated: Those of them that have been computed and stored.
        fallbacks: Generated texts that were empty and replaced by the template's.
    """

    def __init__(self, generator: Generator, encoder: Encoder, store: ContextStore | None) -> None:
        self.generator = generator
        self.encoder = encoder
        self.store = store
        self.hits = self.misses = self.generated = 0
        self._fallbacks_elsewhere = 0
        self._memory: dict[Prompt, tuple[str, Vectors]] = {}

    @property
    def fallbacks(self) -> int:
        """Generated texts that were empty and replaced by the template's."""
        return int(getattr(self.generator, "fallbacks", 0)) + self._fallbacks_elsewhere

    def count(self, generated: int, fallbacks: int) -> None:
        """Add what other processes have written into the same store on behalf of this one."""
        self.generated += generated
        self._fallbacks_elsewhere += fallbacks

    def lookup(self, prompts: Sequence[Prompt], on_progress: Progress | None = None) -> tuple[list[str], Vectors]:
        """Texts and vectors ``(n, encoder.dimension)`` in the prompts' order; each distinct prompt is computed once.

        Args:
            prompts: The moments.
            on_progress: Called with the number of distinct prompts settled since the last call.

        Raises:
            ModelError: If something has to be computed and a model is missing or damaged.
            StoreError: If the store cannot be used.
        """
        known = {prompt: self._memory[prompt] for prompt in prompts if prompt in self._memory}
        unknown = list(dict.fromkeys(prompt for prompt in prompts if prompt not in known))
        keys = {p: make_key(self.generator.identity, p.text(), self.encoder.identity) for p in unknown}
        if self.store is not None and unknown:
            stored = self.store.get_many(keys.values())
            known |= {prompt: self._fitting(stored[keys[prompt]]) for prompt in unknown if keys[prompt] in stored}
        missing = [prompt for prompt in unknown if prompt not in known]
        self.hits += len(prompts) - len(missing)
        self.misses += len(missing)
        if on_progress is not None:
            on_progress(len(known))
        for start in range(0, len(missing), _BATCH):
            batch = missing[start : start + _BATCH]
            texts = self.generator.generate(batch, on_progress)
            vectors = self.encoder.encode(texts)
            if self.store is not None:
                self.store.put_many([(keys[p], t, v) for p, t, v in zip(batch, texts, vectors, strict=True)])
            known |= {p: (t, v) for p, t, v in zip(batch, texts, vectors, strict=True)}
            self.generated += len(batch)
        self._remember({prompt: known[prompt] for prompt in unknown})
        vectors = np.zeros((len(prompts), self.encoder.dimension), np.float32)
        for i, prompt in enumerate(prompts):
            vectors[i] = known[prompt][1]
        return [known[prompt][0] for prompt in prompts], vectors

    def _remember(self, entries: dict[Prompt, tuple[str, Vectors]]) -> None:
        self._memory |= entries
        surplus = max(0, len(self._memory) - _REMEMBERED)
        for prompt in list(islice(self._memory, surplus)):
            del self._memory[prompt]

    def _fitting(self, entry: tuple[str, Vectors]) -> tuple[str, Vectors]:
        _check_width(entry[1], self.encoder, self.store)
        return entry


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
    size = 16 * _BATCH
    for start in range(0, len(texts), size):
        chunk = texts[start : start + size]
        keys = [make_key(_VERBATIM, text, encoder.identity) for text in chunk]
        known = {key: vector for key, (_, vector) in store.get_many(keys).items()}
        for vector in known.values():
            _check_width(vector, encoder, store)
        missing = {key: text for key, text in zip(keys, chunk, strict=True) if key not in known}
        for first in range(0, len(missing), _BATCH):
            batch = list(missing.items())[first : first + _BATCH]
            vectors = encoder.encode([text for _, text in batch])
            store.put_many([(key, text, vector) for (key, text), vector in zip(batch, vectors, strict=True)])
            known |= {key: vector for (key, _), vector in zip(batch, vectors, strict=True)}
        result[start : start + len(chunk)] = np.stack([known[key] for key in keys])
        if on_progress is not None:
            on_progress(len(chunk))
    return result


def _check_width(vector: Vectors, encoder: Encoder, store: ContextStore | None) -> None:
    if store is not None and vector.shape != (encoder.dimension,):
        raise StoreError(
            f"the context store {store.path} holds a vector of {len(vector)} numbers where the encoder makes "
            f"{encoder.dimension}; delete the file or set another path with context.store=."
        )
