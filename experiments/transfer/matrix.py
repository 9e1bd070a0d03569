"""The transfer matrix: what knowing people in each scenario is worth in each scenario, to one agent.

A cell's gain is the mean expected reward per interaction that an agent reaches with people's own history from the
source, minus what it reaches with a stranger's of the same profile: what is personal in that knowledge. Whether using
the history helps or harms is another question: what it reaches with the own history, minus what it reaches with none.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from crossrec.errors import ConfigError

from ..evaluate import Policy
from ..lab import Lab
from .arrivals import settle

_MOST = 8  # scenarios of which all orders are tried


def matrix_of(
    lab: Lab,
    policy: Policy,
    users: NDArray[np.int64],
    seed: int,
    *,
    before: int = 20,
    first: int = 10,
    on_cell: Callable[[], None] | None = None,
) -> pd.DataFrame:
    """The transfer matrix of one agent.

    Args:
        lab: Where it acts.
        policy: The agent; trained in a world with the same scenarios.
        users: (n,) ids of people whom it has not met.
        seed: Person i lives with the noise of seed + i.
        before: Steps in the source.
        first: Interactions in the target that count.
        on_cell: Called after each cell.

    Returns:
        One row per pair: ``source``, ``target``, mean expected reward per interaction with the ``own`` history, with a
        ``stranger``'s and with ``none``, and of the ``best`` candidate (with the own history); ``gain`` = own -
        stranger, ``over none`` = own - none, and ``error``, the gain's standard error over people.
    """
    names = [scenario.name for scenario in lab.world.scenarios]
    rows = []
    for source in names:
        settled = settle(lab, users, seed, source, before=before, first=first)
        for target in names:
            arrivals = settled.arrive(target)
            own, best = arrivals.meet(policy)
            stranger, _ = arrivals.meet(policy, "stranger")
            none, _ = arrivals.meet(policy, "none")
            gains = (own - stranger).mean(axis=1)
            rows.append(
                {
                    "source": source,
                    "target": target,
                    "own": own.mean(),
                    "stranger": stranger.mean(),
                    "none": none.mean(),
                    "best": best.mean(),
                    "gain": gains.mean(),
                    "over none": (own - none).mean(),
                    "error": gains.std(ddof=1) / np.sqrt(len(gains)),
                }
            )
            if on_cell is not None:
                on_cell()
    return pd.DataFrame(rows)


def shared_interest(rhos: Sequence[float], source: int, target: int) -> float:
    """How much of interest two scenarios share: the product of their ``rho``; 1 for a scenario and itself.

    Effective interest is ``rho * theta + (1 - |rho|) * phi``, with ``theta`` mirrored where ``rho < 0``: what is
    enjoyed in the source speaks of ``theta`` in proportion to its rho, and so does ``theta`` count in the target.
    """
    return 1.0 if source == target else float(rhos[source] * rhos[target])


def rank_correlation(gains: NDArray[np.float64], shared: NDArray[np.float64]) -> tuple[float, float]:
    """Spearman's correlation of gains with shared interest over pairs of different scenarios, and its p-value.

    Pairs that have a scenario in common are not independent, so scenarios are permuted and not pairs (Mantel 1967): the
    p-value is the share of all orders of the scenarios that correlate at least as much. Gains are divided by what
    knowing people in the target itself is worth, for rewards differ between targets.

    Args:
        gains: (S, S) by source and target.
        shared: (S, S) from :func:`shared_interest`.

    Returns:
        Both; where gains or shared interest are all the same there is no correlation: NaN, and p = 1.

    Raises:
        ConfigError: If there are fewer than three scenarios, more than eight, or the shapes differ.
    """
    n = len(gains)
    if gains.shape != (n, n) or shared.shape != (n, n) or not 3 <= n <= _MOST:
        raise ConfigError(
            f"gains {gains.shape} and shared interest {shared.shape} must be twice (S, S), with 3 to {_MOST} scenarios."
        )
    apart = ~np.eye(n, dtype=np.bool_)
    scaled = gains / np.diag(gains)
    if np.ptp(scaled[apart]) == 0.0 or np.ptp(shared[apart]) == 0.0:
        return float("nan"), 1.0
    mine = stats.rankdata(scaled[apart])
    orders = (np.ix_(order, order) for order in itertools.permutations(range(n)))
    found = np.array([np.corrcoef(mine, stats.rankdata(shared[order][apart]))[0, 1] for order in orders])
    return float(found[0]), float(np.mean(np.abs(found) >= abs(found[0]) - 1e-12))
