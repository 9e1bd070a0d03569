"""People, drawn on demand from their id: there is no table of users, so ids up to 2**63 cost nothing.

A person has shared interest ``theta`` over topics and a private interest ``phi`` in each scenario, both sparse
Dirichlet draws tilted by age; a routine (which topic at which daypart) and habits (which scenario at which daypart).
A profile note states two interests and the routines. The note is what a recommender may read; it is right most of
the time, not always.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv

from crossrec.observation import AGE_BANDS, PROFILE_SIZE
from crossrec.random import as_uniform, bits, categorical, keys, normal

N_STATED = 2  # interests that a profile note names
_CONCENTRATION = 0.12  # of the Dirichlet per topic: most people care for three or four topics
_HABIT_TAIL = 1.3  # log-normal spread of scenario habits: heavy-tailed per user (Turner et al. 2019)
_NOTE_RIGHT = 0.9  # probability that the profile note is right about an interest or a routine
_PATIENCE_SPREAD = 0.4  # of log patience over people
_LANGUAGE_SHARES = (0.7, 0.85)  # cumulative shares of English, Chinese; the rest is Spanish
_PERSON, _TILT = 1, 2  # tags that keep the keys of people and of the world apart


@dataclass
class People:
    """A struct of arrays, one row per person.

    Hidden: ``theta``, ``phi``, ``routine``, ``habit``, ``patience``. Observable: ``profile``, ``stated``, ``noted``.
    """

    theta: NDArray[np.float32]  # (n, K) shared interest, rows sum to 1
    phi: NDArray[np.float32]  # (n, S, K) private interest per scenario, rows sum to 1
    routine: NDArray[np.int64]  # (n, D) topic usually on the mind at each daypart
    habit: NDArray[np.float32]  # (n, D, S) weight of each scenario at each daypart
    patience: NDArray[np.float32]  # (n,) factor on how long they stay
    profile: NDArray[np.int8]  # (n, PROFILE_SIZE) one-hot age band and language
    stated: NDArray[np.int64]  # (n, N_STATED) topics named in the profile note, ascending
    noted: NDArray[np.int64]  # (n, D) routine named in the profile note


@lru_cache(maxsize=4)
def _gamma_quantiles(shape: float, size: int = 1 << 14) -> NDArray[np.float32]:
    """Quantiles of Gamma(shape) on an even grid: a draw is one look-up."""
    table: NDArray[np.float32] = gammaincinv(shape, (np.arange(size) + 0.5) / size).astype(np.float32)
    return table + np.float32(1e-12)


@lru_cache(maxsize=16)
def _age_tilt(world_seed: int, n_topics: int) -> NDArray[np.float32]:
    """(bands, K) factor by which an age band cares more or less for a topic."""
    key = keys(world_seed, _TILT, np.arange(len(AGE_BANDS)))
    u = as_uniform(bits(key, 0, np.arange(n_topics, dtype=np.uint64))).T
    return np.exp(1.5 * (u - 0.5)).astype(np.float32)


def draw_people(world_seed: int, ids: NDArray[np.int64], daypart_weights: NDArray[np.float64], n_topics: int) -> People:
    """The people with these ids.

    Args:
        world_seed: Seed of the population.
        ids: (n,) user ids, at least 0.
        daypart_weights: (S, D) how much each scenario is used at each daypart.
        n_topics: K.
    """
    n, (n_scenarios, n_dayparts) = len(ids), daypart_weights.shape
    blocks = {
        "gamma": n_topics * (1 + n_scenarios),
        "habit": n_dayparts * n_scenarios,
        "routine": n_dayparts,
        "noted": 2 * n_dayparts,
        "stated": 2 * N_STATED,
        "self": 3,
    }
    ends = np.cumsum(list(blocks.values()))
    raw = bits(keys(world_seed, _PERSON, ids), 0, np.arange(ends[-1], dtype=np.uint64))
    draws = dict(zip(blocks, np.split(as_uniform(raw).T, ends[:-1], axis=1), strict=True))  # each (n, block)

    age = (draws["self"][:, 0] * len(AGE_BANDS)).astype(np.int64)
    language = np.searchsorted(_LANGUAGE_SHARES, draws["self"][:, 1])
    table = _gamma_quantiles(_CONCENTRATION)
    gamma = table[(draws["gamma"] * len(table)).astype(np.intp)].reshape(n, 1 + n_scenarios, n_topics)
    interests = gamma * _age_tilt(world_seed, n_topics)[age][:, None]
    interests /= interests.sum(axis=2, keepdims=True)
    theta = np.ascontiguousarray(interests[:, 0])

    habit = np.exp(_HABIT_TAIL * normal(draws["habit"])).reshape(n, n_dayparts, n_scenarios) * daypart_weights.T
    routine = categorical(np.repeat(theta, n_dayparts, axis=0), draws["routine"].ravel()).reshape(n, n_dayparts)
    top = np.argsort(-theta, axis=1, kind="stable")[:, :N_STATED]
    profile = np.zeros((n, PROFILE_SIZE), np.int8)
    profile[np.arange(n), age] = 1
    profile[np.arange(n), len(AGE_BANDS) + language] = 1
    return People(
        theta=theta,
        phi=np.ascontiguousarray(interests[:, 1:]),
        routine=routine,
        habit=habit.astype(np.float32),
        patience=np.exp(_PATIENCE_SPREAD * normal(draws["self"][:, 2])).astype(np.float32),
        profile=profile,
        stated=np.sort(_reported(top, draws["stated"], n_topics), axis=1),
        noted=_reported(routine, draws["noted"], n_topics),
    )


def _reported(truth: NDArray[np.int64], u: NDArray[np.float64], n_topics: int) -> NDArray[np.int64]:
    """What a profile note says of ``truth`` (n, m): right most of the time, else any topic; ``u`` is (n, 2 * m)."""
    m = truth.shape[1]
    return np.where(u[:, :m] < _NOTE_RIGHT, truth, (u[:, m:] * n_topics).astype(np.int64))
