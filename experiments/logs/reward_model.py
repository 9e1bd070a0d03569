"""A reward model of a log: what each candidate is expected to bring, from what was observable of the moment.

It is fitted twice, on the people of one half each, and says what it expects for the other half; so no prediction has
learned from the row that it is used on (cross-fitting).

References:
    Chernozhukov et al., "Double/debiased machine learning for treatment and structural parameters", Econometrics
    Journal 2018 (cross-fitting).
    Friedman, "Greedy function approximation: a gradient boosting machine", Annals of Statistics 2001.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossrec.log import Log
from crossrec.observation import (
    CANDIDATE_AGE,
    CANDIDATES,
    CONTEXT,
    DAYPARTS,
    DEVICES,
    HISTORY,
    HISTORY_FEEDBACK,
    HISTORY_SCENARIO,
    LOCATIONS,
    SITUATION,
    WEEKDAYS,
)
from crossrec.random import keys

from ..lab import Lab

_FOLD = 42  # tag of the keys by which people are split
_ROWS = 2_000  # moments whose candidates are looked at together
_LATELY = 3  # shown items that count as recent

Numbers = NDArray[np.float32]


def expected_by_model(log: Log, lab: Lab, seed: int = 0) -> NDArray[np.float64]:
    """Cross-fitted expected rewards ``(N, C)`` of a log's candidates.

    Args:
        log: One item per step.
        lab: Item vectors and popularity; vectors may be empty.
        seed: Of the two halves and of the trees.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits

    half = keys(seed, log.users, _FOLD) % np.uint64(2) == 0
    if half.all() or not half.any():  # people of one half only: split rows by life, which is all there is
        half = np.asarray(log.lives % 2 == 0)
    rows = np.arange(len(log))
    expected = np.zeros(log.observations[CANDIDATES].shape)
    with threadpool_limits(1):  # two busy threads on a busy machine are slower than one
        for learned in (half, ~half):
            learn, tell = rows[learned], rows[~learned]
            if not len(learn):
                expected[tell] = log.rewards.mean()
                continue
            model = HistGradientBoostingRegressor(
                learning_rate=0.1, max_iter=100, max_leaf_nodes=15, min_samples_leaf=20, random_state=seed
            )
            model.fit(_features(log, lab, learn, log.actions[learn, None])[:, 0], log.rewards[learn])
            for start in range(0, len(tell), _ROWS):
                some = tell[start : start + _ROWS]
                features = _features(log, lab, some)
                told = model.predict(features.reshape(-1, features.shape[-1]))
                expected[some] = told.reshape(features.shape[:2])
    return expected


def _features(log: Log, lab: Lab, rows: NDArray[np.intp], places: NDArray[np.int64] | None = None) -> Numbers:
    """Features (m, p, F) of the candidates at ``places`` (m, p) in some rows; of all of them by default."""
    seen = {key: value[rows] for key, value in log.observations.items()}
    ids, history = seen[CANDIDATES].astype(np.int64), seen[HISTORY].astype(np.int64)
    if places is not None:
        ids = np.take_along_axis(ids, places, axis=1)
    feedback = seen[HISTORY_FEEDBACK].reshape(len(rows), 3, -1)
    there = history > 0
    clicked, dwelt = (feedback[:, 0] > 0) & there, feedback[:, 1]
    popularity = lab.world.catalogue.popularity
    here, rest = _situation(log, seen[SITUATION])
    columns: list[Any] = [np.log(popularity[ids] + 1e-6)]
    if lab.vectors.size:
        near = np.matmul(lab.vectors[ids], lab.vectors[history].transpose(0, 2, 1))  # (m, p, H) cosines
        for chosen in (clicked, there & ~clicked):
            columns += [_mean(near, chosen), np.where(chosen[:, None], near, -1.0).max(axis=2)]
        columns.append((near * (clicked * dwelt)[:, None]).sum(axis=2))
        columns.append((near * there[:, None])[..., :_LATELY].sum(axis=2))  # what one may have had enough of
        if CONTEXT in seen and seen[CONTEXT].shape[1] == lab.vectors.shape[1]:
            columns.append(np.matmul(lab.vectors[ids], seen[CONTEXT][:, :, None])[..., 0])
    if CANDIDATE_AGE in seen:
        ages = seen[CANDIDATE_AGE]
        columns.append(ages if places is None else np.take_along_axis(ages, places, axis=1))
    same = there & (seen[HISTORY_SCENARIO] == here[:, None] + 1)
    moment = [here, *rest, there.sum(axis=1), clicked.sum(axis=1), (clicked & same).sum(axis=1), clicked[:, 0]]
    columns += [np.broadcast_to(value[:, None], ids.shape) for value in moment]
    return np.stack(columns, axis=2, dtype=np.float32, casting="unsafe")


def _mean(near: Numbers, chosen: NDArray[np.bool_]) -> Numbers:
    count = np.maximum(chosen.sum(axis=1), 1)[:, None]
    mean: Numbers = (near * chosen[:, None]).sum(axis=2) / count
    return mean


def _situation(log: Log, situation: NDArray[Any]) -> tuple[NDArray[np.intp], list[NDArray[np.intp]]]:
    """Indices of the scenario, and of daypart and device."""
    scenarios = situation.shape[1] - len(DAYPARTS) - len(WEEKDAYS) - len(DEVICES) - len(LOCATIONS)
    ends = np.cumsum([scenarios, len(DAYPARTS), len(WEEKDAYS), len(DEVICES)])
    scenario, daypart, _, device, _ = (part.argmax(axis=1) for part in np.split(situation, ends, axis=1))
    return scenario, [daypart, device]
