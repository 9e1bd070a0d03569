"""Encoders turn text into unit vectors: the protocol, and the one that needs no model."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from crossrec.errors import check_range

from .generator import Progress

Vectors = NDArray[np.float32]

_STOP = """
a about after all also an and any are as at be been before but by can could do for from get had has have he her here his
how i if in into is it its just like likes me more most my new no not now of often on one or our out over own she so
some than that the their them then there these they this to too turns two up us was we were what when where which while
who why will with without would you your recently enjoyed
"""
STOP_WORDS = frozenset(_STOP.split())
_WORD = re.compile(r"\w+")
_ENDINGS = ("ings", "ing", "ers", "ies", "ed", "er", "es", "y", "s", "e")
_CHUNK = 4096


class Encoder(Protocol):
    """Anything that turns texts into vectors whose cosine says how alike the texts are."""

    @property
    def identity(self) -> str:
        """Everything that decides the vectors beside the text; known without loading a model."""

    @property
    def dimension(self) -> int:
        """Length of the vectors; known without loading a model."""

    def encode(self, texts: Sequence[str], on_progress: Progress | None = None) -> Vectors:
        """Unit vectors ``(n, dimension)``, in the texts' order."""


class HashingEncoder:
    """Signed feature hashing of word stems and their letter trigrams: no model, equal in every process.

    A text without a single content word gives the zero vector.
    """

    def __init__(self, dimension: int = 384) -> None:
        check_range("dimension", dimension, 1)
        self.dimension = dimension
        self.identity = f"hashing-1-{dimension}"
        self._row_of: dict[str, int] = {}
        self._rows = np.zeros((1024, dimension), np.float32)  # (words seen, dimension)

    def encode(self, texts: Sequence[str], on_progress: Progress | None = None) -> Vectors:
        """Unit vectors ``(n, dimension)``, in the texts' order."""
        result = np.zeros((len(texts), self.dimension), np.float32)
        for start in range(0, len(texts), _CHUNK):
            words = [self._word_rows(text) for text in texts[start : start + _CHUNK]]
            for i, rows in enumerate(words):
                if rows:
                    result[start + i] = self._rows[rows].sum(axis=0)
            if on_progress is not None:
                on_progress(len(words))
        return normalise(result)

    def _word_rows(self, text: str) -> list[int]:
        """Rows of a text's content words, making those of words not met before."""
        found = []
        for word in _WORD.findall(text.lower()):
            if word in STOP_WORDS:
                continue
            row = self._row_of.get(word)
            found.append(self._add(word) if row is None else row)
        return found

    def _add(self, word: str) -> int:
        row = len(self._row_of)
        if row == len(self._rows):
            self._rows = np.concatenate([self._rows, np.zeros_like(self._rows)])
        stem = _stem(word)
        framed = f"<{stem}>"
        features = [(f"w:{stem}", 1.0)] + [(f"c:{framed[i : i + 3]}", 0.25) for i in range(len(framed) - 2)]
        for feature, weight in features:
            code = zlib.crc32(feature.encode())
            # The top bit is not used for the position, so sign and position are independent.
            self._rows[row, (code & 0x7FFFFFFF) % self.dimension] += weight if code >> 31 else -weight
        self._rows[row] /= max(float(np.linalg.norm(self._rows[row])), 1e-12)
        self._row_of[word] = row
        return row


def normalise(vectors: Vectors) -> Vectors:
    """Rows scaled to length one; zero rows stay zero."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)


def _stem(word: str) -> str:
    """A word without its commonest endings, so that 'running', 'runs' and 'runner' meet."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)]
            break
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word
