"""Who people are, one at a time: the compiled twin of :mod:`crossrec.world.population`."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from crossrec.observation import AGE_BANDS, DAYPARTS, DEVICES
from crossrec.simulation.compiled import layout as L
from crossrec.simulation.compiled.draws import categorical, extend, normal, unit_at
from crossrec.simulation.compiled.jit import piece, program
from crossrec.simulation.compiled.layout import Blocks, Packed
from crossrec.world.population import LANGUAGE_SHARES, NOTE_RIGHT, PATIENCE_SPREAD

_BANDS, _DAYPARTS, _DEVICES = len(AGE_BANDS), len(DAYPARTS), len(DEVICES)
_ENGLISH, _CHINESE = LANGUAGE_SHARES


@piece
def draw(person: np.uint64, first: int, which: int) -> float:
    """Uniform draw about a person: number ``which`` of those that begin at ``first``."""
    return unit_at(person, np.uint64(first + which))


@piece
def interests(
    person: np.uint64, first: int, gamma: NDArray[np.float32], tilt: NDArray[np.float32], out: NDArray[np.float32]
) -> None:
    """Dirichlet draws tilted by age into ``out`` (K,), see `Population`; ``tilt`` (K,) is the age band's."""
    n, total = len(gamma), np.float32(0)
    for t in range(len(out)):
        value = gamma[int(draw(person, first, t) * n)] * tilt[t]
        out[t] = value
        total += value
    for t in range(len(out)):
        out[t] /= total


@program
def meet(w: Packed, s: Blocks, rows: NDArray[np.intp], users: NDArray[np.int64]) -> None:
    """Fill in who the people in ``rows`` are; everything else of these rows is 0 before."""
    at, begins, gamma, k = s.at, w.begins, w.gamma, w.sizes[L.TOPICS]
    all_f4, all_i4, all_i1, tilts, base = s.f4, s.i4, s.i1, w.tilt, w.person[0]
    weights = np.empty(k)
    for j in range(len(rows)):
        f4, i4, i1 = all_f4[rows[j]], all_i4[rows[j]], all_i1[rows[j]]
        person = extend(base, users[j])
        band, language = int(draw(person, begins[L.D_SELF], 0) * _BANDS), draw(person, begins[L.D_SELF], 1)
        i1[at[L.PROFILE] + band] = 1
        i1[at[L.PROFILE] + _BANDS + (0 if language <= _ENGLISH else 1 if language <= _CHINESE else 2)] = 1
        theta = f4[at[L.THETA] : at[L.THETA] + k]
        interests(person, begins[L.D_GAMMA], gamma, tilts[band], theta)
        first, second = 0, -1
        for t in range(k):
            weights[t] = theta[t]
            if t > 0 and theta[t] > theta[first]:
                first, second = t, first
            elif t > 0 and (second < 0 or theta[t] > theta[second]):
                second = t
        for d in range(_DAYPARTS):
            topic = categorical(weights, k, draw(person, begins[L.D_ROUTINE], d))
            i4[at[L.ROUTINE] + d] = topic
            i4[at[L.NOTED] + d] = reported(person, begins[L.D_NOTED], d, _DAYPARTS, topic, k)
        for d in range(_DEVICES):
            i4[at[L.DEVICE_ROUTINE] + d] = categorical(weights, k, draw(person, begins[L.D_DEVICE], d))
        one, other = (
            reported(person, begins[L.D_STATED], 0, 2, first, k),
            reported(person, begins[L.D_STATED], 1, 2, second, k),
        )
        i4[at[L.STATED]], i4[at[L.STATED] + 1] = min(one, other), max(one, other)
        f4[at[L.PATIENCE]] = math.exp(PATIENCE_SPREAD * normal(draw(person, begins[L.D_SELF], 2)))


@piece
def reported(person: np.uint64, first: int, which: int, m: int, topic: int, n_topics: int) -> int:
    """What a profile note says of a topic: right most of the time, else any."""
    return topic if draw(person, first, which) < NOTE_RIGHT else int(draw(person, first, m + which) * n_topics)
