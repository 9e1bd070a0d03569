"""Whether the interest that scenarios share tells what transfers between them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from crossrec.errors import ConfigError

_MOST = 8  # scenarios of which all orders are tried


def shared_interest(rhos: Sequence[float], source: int, target: int) -> float:
    """How much of interest two scenarios share: the product of their ``rho``; 1 for a scenario and itself.

    Effective interest is ``rho * theta + (1 - |rho|) * phi``, with ``theta`` mirrored where ``rho < 0``: what is
    enjoyed in the source speaks of ``theta`` in proportion to its rho, and so does ``theta`` count in the target.
    """
    return 1.0 if source == target else float(rhos[source] * rhos[target])


def rank_correlation(gains: NDArray[np.float64], shared: NDArray[np.float64]) -> tuple[float, float]:
    """Spearman's correlation of gains with shared interest over pairs of different scenarios, and its p-value.

    Pairs that have a scenario in common are not independent, so scenarios are permuted and not pairs (Mantel 1967): the
    p-value is the share of all orders of the scenarios that correlate at least as much.

    Args:
        gains: (S, S) by source and target, in a unit that is the same for all targets.
        shared: (S, S) from :func:`shared_interest`.

    Returns:
        Both; where gains or shared interest are all the same there is no correlation: NaN, and p = 1.

    Raises:
        ConfigError: If there are fewer than three scenarios, more than eight, the shapes differ, or a number is not
            finite.
    """
    n = len(gains)
    if gains.shape != (n, n) or shared.shape != (n, n) or not 3 <= n <= _MOST:
        raise ConfigError(
            f"gains {gains.shape} and shared interest {shared.shape} must be twice (S, S), with 3 to {_MOST} scenarios."
        )
    if not (np.isfinite(gains).all() and np.isfinite(shared).all()):
        raise ConfigError("gains and shared interest must be finite.")
    apart = ~np.eye(n, dtype=np.bool_)
    if np.ptp(gains[apart]) == 0.0 or np.ptp(shared[apart]) == 0.0:
        return float("nan"), 1.0
    mine = stats.rankdata(gains[apart])
    orders = (np.ix_(order, order) for order in itertools.permutations(range(n)))
    found = np.array([np.corrcoef(mine, stats.rankdata(shared[order][apart]))[0, 1] for order in orders])
    return float(found[0]), float(np.mean(np.abs(found) >= abs(found[0]) - 1e-12))
