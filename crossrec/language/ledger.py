"""Which contexts a run has used: their number, how many are no answer of a model, and a hash of all of them."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Any

import numpy as np

from .context import Contexts


class Ledger:
    """Notes contexts in any order and any number of times; equal sets of contexts give equal summaries."""

    def __init__(self) -> None:
        self._problems: dict[bytes, str] = {}

    def note(self, contexts: Contexts) -> None:
        """Note that these contexts were used."""
        for (text, problem), vector, key in zip(*contexts, strict=True):
            digest = hashlib.blake2b(key, digest_size=16)
            digest.update(text.encode("utf-8", "surrogatepass") + b"\0")
            digest.update(np.ascontiguousarray(vector, "<f4").tobytes())
            self._problems[digest.digest()] = problem

    def clear(self) -> None:
        """Begin anew."""
        self._problems.clear()

    def summary(self) -> dict[str, Any]:
        """``distinct`` contexts, those ``replaced`` by the template by reason, and a ``hash`` of texts and vectors."""
        total = hashlib.blake2b(digest_size=16)
        for digest in sorted(self._problems):
            total.update(digest)
        reasons = Counter(problem for problem in self._problems.values() if problem)
        return {"distinct": len(self._problems), "replaced": dict(sorted(reasons.items())), "hash": total.hexdigest()}
