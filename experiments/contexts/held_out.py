"""How well features predict labels of people who were not learnt from, and how sure one may be of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossrec.world.text import TOPICS

from .features import Features

FOLDS = 5
_STRENGTHS = (0.3, 1.0, 3.0)  # inverse strength of the regularisation, chosen within the training people
SHARES = (0.3, 1.0)
"""Weights for a block that may tell nothing new, to choose from: it must not drown the others."""
_FLOOR = 1e-4  # probability of a label at least, also of one that no training person has


def held_out(
    blocks: Sequence[Features],
    labels: NDArray[np.int64],
    people: NDArray[np.int64],
    shares: Sequence[float] = (1.0,),
) -> NDArray[np.float64]:
    """Probabilities (m, len(TOPICS)) of the labels of each moment, by models that have not met its person.

    A multinomial logistic regression for each of FOLDS groups of people, learnt from all others; its regularisation is
    chosen by the log loss on a part of those others.

    Args:
        blocks: Features, (m, d) each; columns are standardised, and all blocks weigh alike whatever their width.
        labels: (m,) topics.
        people: (m,) ids.
        shares: Weights of the last block to choose from.
    """
    from sklearn.model_selection import GroupKFold
    from threadpoolctl import threadpool_limits

    settings = [(strength, share) for share in shares for strength in _STRENGTHS]
    found = np.zeros((len(labels), len(TOPICS)))
    # On a busy machine two threads take many times longer than one.
    with threadpool_limits(1):
        for train, test in GroupKFold(FOLDS).split(labels, groups=people):
            inner, check = next(GroupKFold(FOLDS - 1).split(train, groups=people[train]))
            inner, check = train[inner], train[check]
            losses = [
                log_loss(_predict(blocks, labels, inner, check, setting), labels[check]).mean() for setting in settings
            ]
            found[test] = _predict(blocks, labels, train, test, settings[int(np.argmin(losses))])
    return found


def _predict(
    blocks: Sequence[Features],
    labels: NDArray[np.int64],
    train: NDArray[np.intp],
    test: NDArray[np.intp],
    setting: tuple[float, float],
) -> NDArray[np.float64]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    strength, share = setting
    weights = [1.0] * (len(blocks) - 1) + [share]
    learnt, asked = [], []
    for block, weight in zip(blocks, weights, strict=True):
        scaler = StandardScaler().fit(block[train])
        width = weight / np.sqrt(block.shape[1])
        learnt.append(scaler.transform(block[train]) * width)
        asked.append(scaler.transform(block[test]) * width)
    model: Any = LogisticRegression(C=strength, tol=1e-3, max_iter=500)
    model.fit(np.concatenate(learnt, axis=1, dtype=np.float64), labels[train])
    found = np.full((len(test), len(TOPICS)), _FLOOR)
    found[:, model.classes_] += model.predict_proba(np.concatenate(asked, axis=1, dtype=np.float64))
    probabilities: NDArray[np.float64] = found / found.sum(axis=1, keepdims=True)
    return probabilities


def log_loss(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """(m,) surprise at each label [nats]."""
    surprise: NDArray[np.float64] = -np.log(probabilities[np.arange(len(labels)), labels])
    return surprise


def hits(probabilities: NDArray[np.float64], labels: NDArray[np.int64], k: int = 1) -> NDArray[np.float64]:
    """(m,) 1 where the label is among the k likeliest."""
    best = np.argsort(-probabilities, axis=1, kind="stable")[:, :k]
    found: NDArray[np.float64] = (best == labels[:, None]).any(axis=1).astype(np.float64)
    return found
