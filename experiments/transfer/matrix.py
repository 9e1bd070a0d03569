"""The transfer matrix: what knowing people in each scenario is worth in each scenario, to one agent.

A cell's gain is the mean expected reward per interaction that an agent reaches with people's own history from the
source, minus what it reaches with a stranger's of the same profile: what is personal in that knowledge. Whether using
the history helps or harms is another question: what it reaches with the own history, minus what it reaches with none.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..evaluate import Policy
from ..lab import Lab
from .arrivals import BEFORE, FIRST, settle


def matrix_of(
    lab: Lab,
    policy: Policy,
    users: NDArray[np.int64],
    seed: int,
    *,
    before: int = BEFORE,
    first: int = FIRST,
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
