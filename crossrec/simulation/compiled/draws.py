"""Counter-based randomness for compiled code: the same numbers as :mod:`crossrec.random`, one at a time."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from crossrec.random import GOLDEN, MIX_1, MIX_2, PER_STEP
from crossrec.simulation.compiled.jit import piece, program

_S12, _S27, _S30, _S31 = np.uint64(12), np.uint64(27), np.uint64(30), np.uint64(31)
_PER_STEP = np.uint64(PER_STEP)


@piece
def mix(z: np.uint64) -> np.uint64:
    """SplitMix64's finaliser."""
    z = (z ^ (z >> _S30)) * MIX_1
    z = (z ^ (z >> _S27)) * MIX_2
    return z ^ (z >> _S31)


@piece
def extend(key: np.uint64, part: int) -> np.uint64:
    """A key with one more part, as ``crossrec.random.keys`` appends them."""
    return mix((key ^ np.uint64(part)) * MIX_2 + GOLDEN)


@piece
def unit_at(key: np.uint64, counter: np.uint64) -> float:
    """Uniform draw strictly between 0 and 1 for a counter."""
    return (np.float64(mix(key + counter * GOLDEN) >> _S12) + 0.5) * 2.0**-52


@piece
def unit(key: np.uint64, step: int, purpose: int) -> float:
    """Uniform draw strictly between 0 and 1 for a purpose at a step of a life."""
    return unit_at(key, np.uint64(step) * _PER_STEP + np.uint64(purpose))


@piece
def whole(key: np.uint64, step: int, purpose: int, n: np.uint64) -> np.uint64:
    """Whole number below n for a purpose at a step of a life."""
    return mix(key + (np.uint64(step) * _PER_STEP + np.uint64(purpose)) * GOLDEN) % n


@program
def normal(u: float) -> float:
    """Standard normal quantile, exact to about 1e-16 (Wichura 1988, algorithm AS 241, PPND16)."""
    q = u - 0.5
    if abs(q) <= 0.425:
        r = 0.180625 - q * q
        above = 2509.0809287301226727 * r + 33430.575583588128105
        above = ((above * r + 67265.770927008700853) * r + 45921.953931549871457) * r + 13731.693765509461125
        above = ((above * r + 1971.5909503065514427) * r + 133.14166789178437745) * r + 3.387132872796366608
        below = 5226.495278852545925 * r + 28729.085735721942674
        below = ((below * r + 39307.89580009271061) * r + 21213.794301586595867) * r + 5394.1960214247511077
        below = ((below * r + 687.1870074920579083) * r + 42.313330701600911252) * r + 1.0
        return q * above / below
    r = math.sqrt(-math.log(u if q < 0.0 else 1.0 - u))
    if r <= 5.0:
        r -= 1.6
        above = 7.7454501427834140764e-4 * r + 0.0227238449892691845833
        above = ((above * r + 0.24178072517745061177) * r + 1.27045825245236838258) * r + 3.64784832476320460504
        above = ((above * r + 5.7694972214606914055) * r + 4.6303378461565452959) * r + 1.42343711074968357734
        below = 1.05075007164441684324e-9 * r + 5.475938084995344946e-4
        below = ((below * r + 0.0151986665636164571966) * r + 0.14810397642748007459) * r + 0.68976733498510000455
        below = ((below * r + 1.6763848301838038494) * r + 2.05319162663775882187) * r + 1.0
    else:
        r -= 5.0
        above = 2.01033439929228813265e-7 * r + 2.71155556874348757815e-5
        above = ((above * r + 0.0012426609473880784386) * r + 0.026532189526576123093) * r + 0.29656057182850489123
        above = ((above * r + 1.7848265399172913358) * r + 5.4637849111641143699) * r + 6.6579046435011037772
        below = 2.04426310338993978564e-15 * r + 1.4215117583164458887e-7
        below = ((below * r + 1.8463183175100546818e-5) * r + 7.868691311456132591e-4) * r + 0.0148753612908506148525
        below = ((below * r + 0.13692988092273580531) * r + 0.59983220655588793769) * r + 1.0
    return -above / below if q < 0.0 else above / below


@program
def categorical(weights: NDArray[np.float64], n: int, u: float) -> int:
    """Index below n with probability proportional to its weight (inverse transform)."""
    total = 0.0
    for j in range(n):
        total += weights[j]
    goal, upto = u * total, 0.0
    for j in range(n - 1):
        upto += weights[j]
        if upto >= goal:
            return j
    return n - 1


@piece
def logistic(u: float) -> float:
    """``1 / (1 + exp(-u))``."""
    return 1.0 / (1.0 + math.exp(-u))
