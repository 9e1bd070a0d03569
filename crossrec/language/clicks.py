"""Clicks that an encoder is trained or measured on, and what its vectors are worth on them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from crossrec.statistics import Estimate, mean_over_people

from .encoder import Encoder, normalise

Figures = dict[str, float]

_MEASURED = 2000  # clicks that are looked at, at most


@dataclass(frozen=True)
class Clicks:
    """m clicks.

    Attributes:
        prompts: Texts of prompts, by number.
        items: Texts of items, by id; id 0 is padding.
        topics: Topics of items, by id, from 0; -1 for padding.
        prompt: (m,) number of the prompt of each click's moment.
        item: (m,) id of the clicked item.
        person: (m,) who clicked.
        group: (m,) items of other groups (scenarios) could not be clicked instead.
        candidates: (m, C) ids of the items that could be shown in the moment; 0 is padding.
    """

    prompts: list[str]
    items: list[str]
    topics: NDArray[np.int64]
    prompt: NDArray[np.int64]
    item: NDArray[np.int64]
    person: NDArray[np.int64]
    group: NDArray[np.int64]
    candidates: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.item)

    @property
    def topic(self) -> NDArray[np.int64]:
        """(m,) topic of the clicked item."""
        return self.topics[self.item]

    def some(self, rows: NDArray[np.intp]) -> Clicks:
        """Some of the clicks, (k,) of their numbers."""
        names = ("prompt", "item", "person", "group", "candidates")
        return replace(self, **{name: getattr(self, name)[rows] for name in names})


@dataclass(frozen=True)
class Measured:
    """What an encoder's vectors are worth on m clicks.

    Attributes:
        person: (m,) who clicked.
        reciprocal: (m,) one over the rank, by cosine with the prompt, of the clicked item among the candidates of its
            moment; of equal scores the worst rank counts.
        named: (m,) whether the topic whose items' mean vector is nearest to the prompt is the clicked item's.
    """

    person: NDArray[np.int64]
    reciprocal: NDArray[np.float64]
    named: NDArray[np.bool_]

    @property
    def figures(self) -> Figures:
        """Means over the clicks: ``recall`` (share ranked first), ``mrr`` (mean reciprocal rank), ``topic``."""
        return {
            "recall": float((self.reciprocal == 1.0).mean()),
            "mrr": float(self.reciprocal.mean()),
            "topic": float(self.named.mean()),
        }


def measure(encoder: Encoder, clicks: Clicks) -> Measured:
    """What an encoder's vectors are worth on clicks; of very many, some are taken, evenly spread."""
    clicks = clicks.some(np.unique(np.linspace(0, len(clicks) - 1, _MEASURED).round().astype(np.intp)))
    shown, column = np.unique(clicks.candidates, return_inverse=True)
    column = column.reshape(clicks.candidates.shape)
    items = encoder.encode([clicks.items[i] for i in shown])
    moments = encoder.encode([clicks.prompts[i] for i in clicks.prompt])
    # One click after the other: the candidates' vectors of all at once would fill the memory.
    cosines = np.stack([items[places] @ moment for places, moment in zip(column, moments, strict=True)])
    scores = np.where(clicks.candidates > 0, cosines, -np.inf)
    own = (clicks.candidates == clicks.item[:, None]).argmax(axis=1)
    rank = (scores >= np.take_along_axis(scores, own[:, None], axis=1)).sum(axis=1)
    topics = np.unique(clicks.topics[shown[shown > 0]])
    means = normalise(np.stack([items[clicks.topics[shown] == topic].mean(axis=0) for topic in topics]))
    nearest = topics[(moments @ means.T).argmax(axis=1)]
    return Measured(clicks.person, 1.0 / rank, nearest == clicks.topic)


def gain(before: Measured, after: Measured, seed: int) -> Estimate:
    """By how much the mean reciprocal rank has grown on the same clicks, with the 95% interval over people."""
    return mean_over_people(after.reciprocal - before.reciprocal, before.person, seed)


def chance(clicks: Clicks) -> Figures:
    """``recall`` and ``mrr`` of a ranking at random."""
    n = (clicks.candidates > 0).sum(axis=1)
    harmonic = np.cumsum(1.0 / np.arange(1, clicks.candidates.shape[1] + 1))
    return {"recall": float((1.0 / n).mean()), "mrr": float((harmonic[n - 1] / n).mean())}
