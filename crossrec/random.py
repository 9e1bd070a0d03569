"""Counter-based randomness: every draw is a pure function of (seed, user, step, purpose).

There is no stream to share, so a life is the same alone or in a batch, in any order and in any process, and two
policies can be compared on common random numbers.

References:
    Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011 (counter-based generators).
    Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014 (SplitMix64).
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MIX_1, MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31 = np.uint64(30), np.uint64(27), np.uint64(31)
MEETING, LIFE = 11, 12  # tags that keep keys for people met and for the noise of a life apart
PER_STEP = 32  # counters reserved for one step


class Draw(IntEnum):
    """What a draw is for. The first five are taken at every step, the rest when a person moves."""

    CLICK = 0
    DWELL = 1
    CONVERSION = 2
    LEAVE = 3
    MIND = 4
    CANDIDATE_START = 5
    CANDIDATE_STRIDE = 6
    CHURN = 7
    GAP = 8
    BUDGET = 9
    SCENARIO = 10
    DEVICE = 11
    LOCATION = 12
    CARRY = 13
    ROUTINE = 14
    INTEREST = 15
    START = 16
    DEVICE_STAY = 17
    DEVICE_ROUTINE = 18
    QUERY = 19
    QUERY_TOPIC = 20
    QUERY_THING = 21
    CANDIDATE_NEW = 24
    CANDIDATE_NEW_STRIDE = 25
    CANDIDATE_POPULAR = 26


def mix(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's finaliser, a bijection on 64 bits. ``z`` is overwritten."""
    z ^= z >> _S30
    z *= MIX_1
    z ^= z >> _S27
    z *= MIX_2
    z ^= z >> _S31
    return z


def keys(*parts: int | NDArray[np.integer]) -> NDArray[np.uint64]:
    """Hash whole numbers (broadcast together) into one 64-bit key each; the order of the parts matters.

    Args:
        *parts: Non-negative integers or arrays of them.
    """
    key = np.full(1, GOLDEN)
    for part in parts:
        key = mix((key ^ np.asarray(part, np.uint64)) * MIX_2 + GOLDEN)
    return key


def bits(key: NDArray[np.uint64], step: ArrayLike, purposes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """64 random bits for each purpose and person.

    Args:
        key: (n,) of each life.
        step: (n,) or a scalar, how many steps that life has taken.
        purposes: (p,) of :class:`Draw` values.

    Returns:
        (p, n) uint64: one contiguous row per purpose.
    """
    base = key + np.atleast_1d(np.asarray(step, np.uint64)) * np.uint64(PER_STEP) * GOLDEN
    return mix(base + (purposes * GOLDEN)[:, None])


def bits_at(key: NDArray[np.uint64], counters: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """64 random bits for counters (p, n) of keys (n,), where each key asks for counters of its own: (p, n) uint64."""
    return mix(key + counters * GOLDEN)


def purposes(*draws: int) -> NDArray[np.uint64]:
    """The ``purposes`` argument of :func:`uniforms` for the given draws."""
    return np.array(draws, np.uint64)


def uniforms(key: NDArray[np.uint64], step: ArrayLike, which: NDArray[np.uint64]) -> NDArray[np.float64]:
    """(p, n) uniform draws strictly between 0 and 1; arguments as :func:`bits`."""
    return as_uniform(bits(key, step, which))


def as_uniform(random_bits: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Uniform numbers strictly between 0 and 1 from 64 random bits (52 of them are used)."""
    return ((random_bits >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52


def normal(u: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard normal draws from uniform ones (inverse transform)."""
    drawn: NDArray[np.float64] = ndtri(u)
    return drawn


def categorical(weights: NDArray[np.floating], u: NDArray[np.float64]) -> NDArray[np.intp]:
    """Draw one index per row with probability proportional to its weight (inverse transform).

    Args:
        weights: (n, m), at least 0, each row with a positive sum.
        u: (n,) uniform draws.
    """
    cumulative = np.cumsum(weights, axis=1, dtype=np.float64)
    # u < 1, so the last sum is never below u times itself, and the count stays below m.
    drawn: NDArray[np.intp] = (cumulative < (u * cumulative[:, -1])[:, None]).sum(axis=1)
    return drawn
