"""The transfer matrix: what knowing people in each scenario is worth in each scenario, to one agent.

A cell is the mean expected reward per interaction that an agent reaches with people's own history from the source,
minus what it reaches with a stranger's of the same profile: same agent, people, moments and candidates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from crossrec.errors import ConfigError

from ..evaluate import Policy
from ..lab import Lab
from .arrivals import settle


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
        ``stranger``'s, and of the ``best`` candidate (with the own history), ``gain`` = own - stranger, and ``error``,
        the gain's standard error over people.
    """
    names = [scenario.name for scenario in lab.world.scenarios]
    rows = []
    for source in names:
        settled = settle(lab, users, seed, source, before=before, first=first)
        for target in names:
            arrivals = settled.arrive(target)
            own, best = arrivals.meet(policy)
            stranger, _ = arrivals.meet(policy, "stranger")
            gains = (own - stranger).mean(axis=1)
            rows.append(
                {
                    "source": source,
                    "target": target,
                    "own": own.mean(),
                    "stranger": stranger.mean(),
                    "best": best.mean(),
                    "gain": gains.mean(),
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


def rank_correlation(
    gains: NDArray[np.float64], shared: NDArray[np.float64], rng: np.random.Generator
) -> tuple[float, float]:
    """Spearman's correlation of gains with shared interest over pairs, and the p-value of a permutation test.

    Args:
        gains: (pairs,) of different scenarios.
        shared: (pairs,) from :func:`shared_interest`.
        rng: Of the permutations.

    Returns:
        Both; where gains or shared interest are all the same there is no correlation: NaN, and p = 1.

    Raises:
        ConfigError: If there are fewer than three pairs or the shapes differ.
    """
    if gains.shape != shared.shape or gains.ndim != 1 or len(gains) < 3:
        raise ConfigError(f"gains {gains.shape} and shared interest {shared.shape} must be twice (pairs,), at least 3.")
    if np.ptp(gains) == 0.0 or np.ptp(shared) == 0.0:
        return float("nan"), 1.0
    found: Any = stats.permutation_test(  # type: ignore[call-overload]  # its types know no pairings of one sample
        (gains,),
        lambda values: stats.spearmanr(values, shared).statistic,
        permutation_type="pairings",
        n_resamples=2000,
        rng=rng,
    )
    return float(found.statistic), float(found.pvalue)
