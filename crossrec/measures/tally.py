"""Notes, step by step and for all people at once, what the metrics of one policy need.

Little is done at a step, so that an evaluation hardly takes longer; :mod:`crossrec.measures.totals` adds up what was
noted when all lives have ended. A person is cold in the first ``COLD_STEPS`` steps of a life, for every life begins
with an empty history.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crossrec.errors import ConfigError
from crossrec.measures.formulas import ndcg, precision_recall_f1, step_regret
from crossrec.metrics import COLD_STEPS
from crossrec.world.synthetic import World

JUDGED = ("judged", "regret", "relevant", "precision", "recall", "f1", "ranked", "ndcg")
RELEVANT = 0.5  # true probability of a click from which on an item is relevant: sooner clicked than not
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Taken:
    """One step of n people; arrays are kept, so they must not change later."""

    scenario: NDArray[np.integer]  # (n,) index of where it was taken
    satisfaction: Floats  # (n,) true, before it
    items: NDArray[np.int32]  # (n, S) shown, 0 = none
    place: NDArray[np.int64]  # (n,) which place was clicked, 0 without a click
    reward: Floats  # (n,)
    click: Floats  # (n,)
    dwell: Floats  # (n,) [min]
    conversion: Floats  # (n,)
    away: Floats  # (n,) [min] gap before the session that begins after it, 0 within one
    terminated: Bools  # (n,)
    truncated: Bools  # (n,)


@dataclass(frozen=True)
class Judged:
    """What was chosen from in some moments, as the truth has it; at most one moment of a person."""

    rows: NDArray[np.intp]  # (m,) whose
    steps: NDArray[np.int64]  # (m,) which step of that life, from 0
    scenario: NDArray[np.integer]  # (m,) where
    expected: Floats  # (m, C) true expected reward, each as if alone; minus infinity for padding
    clicks: Floats  # (m, C) true probability of a click, each as if alone; at most 0 for padding
    actions: NDArray[np.int64]  # (m, S) places chosen
    items: NDArray[np.int32]  # (m, S) what was shown there, 0 = none
    order: NDArray[np.intp] | None  # (m, k) places as the policy ranks them; None where that is not known


class MetricTally:
    """What n people did and were shown under one policy.

    Args:
        users: (n,) ids.
        world: Where they live.

    Attributes:
        alive: (n,) whose life has not ended.
        steps: What was noted, in order.
        living: (n,) who was alive at each of them.
        interest: (2, n, S, K) true interest by phase (cold, warm), person and scenario, summed over steps.
        judged: (2, n, S, len(JUDGED)), of the moments that were judged.
    """

    def __init__(self, users: NDArray[np.int64], world: World) -> None:
        n, s, k = len(users), len(world.scenarios), world.n_topics
        self.users, self.world, self.alive = users, world, np.ones(n, np.bool_)
        self.steps: list[Taken] = []
        self.living: list[Bools] = []
        self.interest, self.judged = np.zeros((2, n, s, k), np.float32), np.zeros((2, n, s, len(JUDGED)))
        self._first = s * np.arange(n)

    def add(self, step: Taken, interest: NDArray[np.float32]) -> None:
        """Note one step; it counts for those whose life has not ended before.

        Args:
            step: What was done and shown; kept.
            interest: (n, K) true effective interest, before it; added up and not kept.

        Raises:
            ConfigError: If the step is one of other people.
        """
        if step.items.ndim != 2 or len(step.items) != len(self.alive):
            raise ConfigError(f"items {step.items.shape} must be ({len(self.alive)}, slate): one row per person.")
        if interest.shape != (len(self.alive), self.interest.shape[-1]):
            raise ConfigError(f"interest {interest.shape} must be ({len(self.alive)}, {self.interest.shape[-1]}).")
        by_place = self.interest[int(len(self.steps) >= COLD_STEPS)].reshape(-1, self.interest.shape[-1])
        by_place[self._first + step.scenario] += interest * self.alive[:, None]
        self.steps.append(step)
        self.living.append(self.alive)
        self.alive = self.alive & ~(step.terminated | step.truncated)

    def judge(self, moments: Judged) -> None:
        """Count what was chosen in some moments of living people against what there was to choose from."""
        rows, expected, clicks = moments.rows, moments.expected, np.maximum(moments.clicks, 0.0)
        shown = np.where(moments.items > 0, np.take_along_axis(expected, moments.actions, axis=1), 0.0)
        values = np.zeros((len(rows), len(JUDGED)))
        values[:, 0], values[:, 1] = 1.0, step_regret(expected, shown)
        if moments.order is not None:
            shares = precision_recall_f1(clicks >= RELEVANT, moments.order)
            values[:, 2], values[:, 3:6] = np.isfinite(shares[0]), np.nan_to_num(np.stack(shares, axis=1))
            gain = ndcg(clicks, moments.order)
            values[:, 6], values[:, 7] = np.isfinite(gain), np.nan_to_num(gain)
        self.judged[(moments.steps >= COLD_STEPS).astype(np.intp), rows, moments.scenario] += values
