"""People, drawn on demand from their id: there is no table of users, so ids up to 2**63 cost nothing.

A person has shared interest ``theta`` over topics and a private interest ``phi`` in each scenario, both sparse
Dirichlet draws tilted by age; routines (which topic at which daypart, and on which device) and habits (which scenario
at which daypart, and after which other scenario). A profile note states two interests and the daypart routines. The
note is what a recommender may read; it is right most of the time, not always.

What belongs to one scenario only (private interest, habits) is drawn when a person goes there, not kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv

from crossrec.observation import AGE_BANDS, DEVICES, PROFILE_SIZE
from crossrec.random import as_uniform, bits, bits_at, categorical, keys, normal

N_STATED = 2  # interests that a profile note names
CONCENTRATION = 0.12  # of the Dirichlet per topic: most people care for three or four topics
HABIT_TAIL = 1.3  # log-normal spread of scenario habits: heavy-tailed per user (Turner et al. 2019)
NOTE_RIGHT = 0.9  # probability that the profile note is right about an interest or a routine
PATIENCE_SPREAD = 0.4  # of log patience over people
LANGUAGE_SHARES = (0.7, 0.85)  # cumulative shares of English, Chinese; the rest is Spanish
PERSON, _TILT = 1, 2  # tags that keep the keys of people and of the world apart


@dataclass
class People:
    """A struct of arrays, one row per person.

    Hidden: ``theta``, ``routine``, ``device_routine``, ``patience``. Observable: ``profile``, ``stated``, ``noted``.
    """

    theta: NDArray[np.float32]  # (n, K) shared interest, rows sum to 1
    routine: NDArray[np.int32]  # (n, D) topic usually on the mind at each daypart
    device_routine: NDArray[np.int32]  # (n, 4) topic usually on the mind on each device
    patience: NDArray[np.float32]  # (n,) factor on how long they stay
    profile: NDArray[np.int8]  # (n, PROFILE_SIZE) one-hot age band and language
    stated: NDArray[np.int32]  # (n, N_STATED) topics named in the profile note, ascending
    noted: NDArray[np.int32]  # (n, D) routine named in the profile note


@lru_cache(maxsize=4)
def gamma_quantiles(shape: float, size: int = 1 << 14) -> NDArray[np.float32]:
    """Quantiles of Gamma(shape) on an even grid: a draw is one look-up."""
    table: NDArray[np.float32] = gammaincinv(shape, (np.arange(size) + 0.5) / size).astype(np.float32)
    return table + np.float32(1e-12)


@lru_cache(maxsize=16)
def age_tilt(world_seed: int, n_topics: int) -> NDArray[np.float32]:
    """(bands, K) factor by which an age band cares more or less for a topic."""
    key = keys(world_seed, _TILT, np.arange(len(AGE_BANDS)))
    u = as_uniform(bits(key, 0, np.arange(n_topics, dtype=np.uint64))).T
    return np.exp(1.5 * (u - 0.5)).astype(np.float32)


class Population:
    """Everybody in one world; draws are pure functions of (seed, id).

    Args:
        world_seed: Seed of the population.
        daypart_weights: (S, D) how much each scenario is used at each daypart.
        n_topics: K.

    Attributes:
        begins: First draw of each kind; interests and habits are followed by those of further scenarios or dayparts.
    """

    def __init__(self, world_seed: int, daypart_weights: NDArray[np.float64], n_topics: int) -> None:
        self.world_seed, self.n_topics = world_seed, n_topics
        self.daypart_weights = np.ascontiguousarray(daypart_weights)
        n_scenarios, n_dayparts = daypart_weights.shape
        sizes = {
            "gamma": n_topics * (1 + n_scenarios),
            "habit": n_dayparts * n_scenarios,
            "routine": n_dayparts,
            "noted": 2 * n_dayparts,
            "stated": 2 * N_STATED,
            "self": 3,
            "device": len(DEVICES),
            "move": n_scenarios**2,
        }
        ends = np.cumsum(list(sizes.values()))
        self.begins = dict(zip(sizes, [0, *ends[:-1].tolist()], strict=True))
        self.gamma, self.tilt = gamma_quantiles(CONCENTRATION), age_tilt(world_seed, n_topics)

    def people(self, ids: NDArray[np.int64]) -> People:
        """The people with these ids, (n,) of at least 0."""
        n, n_topics, n_dayparts = len(ids), self.n_topics, self.daypart_weights.shape[1]
        age, language, patience = (self._draws(ids, "self", 3))[:, :3].T
        band = (age * len(AGE_BANDS)).astype(np.int64)
        theta = self._interests(ids, 0)
        routine = _topics(theta, self._draws(ids, "routine", n_dayparts))
        top = np.argsort(-theta, axis=1, kind="stable")[:, :N_STATED]
        profile = np.zeros((n, PROFILE_SIZE), np.int8)
        profile[np.arange(n), band] = 1
        profile[np.arange(n), len(AGE_BANDS) + np.searchsorted(LANGUAGE_SHARES, language)] = 1
        stated = _reported(top, self._draws(ids, "stated", 2 * N_STATED), n_topics)
        return People(
            theta=theta,
            routine=routine,
            device_routine=_topics(theta, self._draws(ids, "device", len(DEVICES))),
            patience=np.exp(PATIENCE_SPREAD * normal(patience)).astype(np.float32),
            profile=profile,
            stated=np.sort(stated, axis=1).astype(np.int32),
            noted=_reported(routine, self._draws(ids, "noted", 2 * n_dayparts), n_topics).astype(np.int32),
        )

    def private(self, ids: NDArray[np.int64], scenario: NDArray[np.integer]) -> NDArray[np.float32]:
        """Private interest ``phi`` of people (n,) in a scenario each (n,): (n, K), rows sum to 1."""
        return self._interests(ids, 1 + scenario.astype(np.int64))

    def habits(self, ids: NDArray[np.int64], daypart: NDArray[np.integer]) -> NDArray[np.float32]:
        """Weight of each scenario for people (n,) at a daypart each (n,): (n, S), heavy-tailed (Turner et al. 2019)."""
        n_scenarios = len(self.daypart_weights)
        u = self._draws(ids, "habit", n_scenarios, n_scenarios * daypart.astype(np.int64))
        habit: NDArray[np.float64] = np.exp(HABIT_TAIL * normal(u)) * self.daypart_weights.T[daypart]
        return habit.astype(np.float32)

    def moves(self, ids: NDArray[np.int64], scenario: NDArray[np.integer]) -> NDArray[np.float64]:
        """How fond people (n,) are of moving on from a scenario each (n,) to every other: (n, S) standard normal."""
        n_scenarios = len(self.daypart_weights)
        return normal(self._draws(ids, "move", n_scenarios, n_scenarios * scenario.astype(np.int64)))

    def _interests(self, ids: NDArray[np.int64], which: int | NDArray[np.int64]) -> NDArray[np.float32]:
        """Dirichlet draws (n, K) tilted by age; 0 is shared interest, 1 + s the private one of scenario s."""
        u = self._draws(ids, "gamma", self.n_topics, self.n_topics * np.broadcast_to(np.asarray(which), ids.shape))
        band = (self._draws(ids, "self", 1)[:, 0] * len(AGE_BANDS)).astype(np.int64)
        interests = self.gamma[(u * len(self.gamma)).astype(np.intp)] * self.tilt[band]
        interests /= interests.sum(axis=1, keepdims=True)
        shares: NDArray[np.float32] = interests
        return shares

    def _draws(
        self, ids: NDArray[np.int64], kind: str, count: int, skip: NDArray[np.int64] | int = 0
    ) -> NDArray[np.float64]:
        """(n, count) uniform draws of a kind, after the first ``skip`` (n,) of them."""
        first = np.broadcast_to(np.asarray(self.begins[kind] + skip), ids.shape)
        purposes = (first[None] + np.arange(count)[:, None]).astype(np.uint64)
        # Rows in one piece: sums over them then do not depend on how many people there are.
        return np.ascontiguousarray(as_uniform(bits_at(keys(self.world_seed, PERSON, ids), purposes)).T)


def _topics(theta: NDArray[np.float32], u: NDArray[np.float64]) -> NDArray[np.int32]:
    """Topics (n, m) drawn from interests (n, K) by uniform draws (n, m)."""
    n, m = u.shape
    return categorical(np.repeat(theta, m, axis=0), u.ravel()).reshape(n, m).astype(np.int32)


def _reported(truth: NDArray[np.integer], u: NDArray[np.float64], n_topics: int) -> NDArray[np.int64]:
    """What a profile note says of ``truth`` (n, m): right most of the time, else any topic; ``u`` is (n, 2 * m)."""
    m = truth.shape[1]
    return np.where(u[:, :m] < NOTE_RIGHT, truth, (u[:, m:] * n_topics).astype(np.int64))
