"""What is measured of one policy on a group of people: one row per person, and their summary."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

COLUMNS = ("user", "return", "steps", "click", "dwell", "conversion", "visits", "churned")


@dataclass
class LifeTally:
    """Adds up what happens to n people until each one's life ends.

    Args:
        users: (n,) ids.
    """

    users: NDArray[np.int64]
    alive: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        self.alive = np.ones(len(self.users), np.bool_)
        self._sums = {name: np.zeros(len(self.users)) for name in COLUMNS[1:]}
        self._sums["visits"] += 1  # the first moment is in a scenario already

    def add(
        self,
        reward: NDArray[np.float64],
        parts: dict[str, NDArray[np.float64]],
        entered: NDArray[np.bool_],
        terminated: NDArray[np.bool_],
        truncated: NDArray[np.bool_],
    ) -> None:
        """Count one step, (n,) each, for those whose life has not ended before."""
        step = {"return": reward, "steps": np.ones(len(reward)), **parts, "churned": terminated.astype(np.float64)}
        for name, value in step.items():
            self._sums[name] += np.where(self.alive, value, 0.0)
        self.alive &= ~(terminated | truncated)
        self._sums["visits"] += self.alive & entered

    def table(self) -> pd.DataFrame:
        """One row per person, with the columns :data:`COLUMNS`; dwell in minutes."""
        return pd.DataFrame({"user": self.users, **self._sums})


def summary(people: pd.DataFrame) -> dict[str, float]:
    """Means over people.

    Returns:
        ``return`` per life; ``click_rate`` and ``conversion_rate`` per step; ``dwell`` [min] per click; ``steps`` and
        ``visits`` (to scenarios) per life; ``churn``, the share of people who left for good before the horizon.
    """
    steps, clicks = people["steps"].sum(), people["click"].sum()
    return {
        "return": float(people["return"].mean()),
        "click_rate": float(clicks / steps),
        "conversion_rate": float(people["conversion"].sum() / steps),
        "dwell": float(people["dwell"].sum() / max(clicks, 1.0)),
        "steps": float(people["steps"].mean()),
        "visits": float(people["visits"].mean()),
        "churn": float(people["churned"].mean()),
    }
