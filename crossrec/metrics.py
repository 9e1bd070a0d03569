"""What is measured of a policy: its lives, one row per person, and the table of all metrics.

The metrics' formulas are functions in :mod:`crossrec.measures.formulas`; :mod:`crossrec.measures.tally` notes what they
need, step by step, and :mod:`crossrec.measures.table` makes a tidy table of it. docs/metrics.md explains them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

COLUMNS = ("user", "return", "steps", "click", "dwell", "conversion", "visits", "churned")
TOP = 5  # k of the ranking metrics
HEAD = 0.2  # share of a scenario's items that are its head; the rest is the long tail
COLD_STEPS = 10  # steps of a life during which a person is cold


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes:
        name: In tables, in column ``metric``.
        unit: Of its values; empty for shares and other plain numbers.
        higher_is_better: None where neither is better in itself.
        formula: In words or symbols, on one line.
        source: Where it comes from.
        whole_life: Whether it is about lives as wholes, so that it has no value for a scenario, nor for cold moments.
    """

    name: str
    unit: str
    higher_is_better: bool | None
    formula: str
    source: str
    whole_life: bool = False


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        # what a policy earns
        Metric(
            "score",
            "",
            True,
            "(mean return - random policy's) / (greedy oracle's - random policy's)",
            "Normalised score: Mnih et al. 2015",
        ),
        Metric("return", "reward/life", True, "sum of a life's rewards, mean over people", "Sutton and Barto 2018"),
        Metric(
            "regret",
            "reward/life",
            False,
            "greedy oracle's return - return, same people and moments; negative where planning beats greed",
            "Regret: Lai and Robbins 1985",
        ),
        Metric(
            "step_regret",
            "reward/step",
            False,
            "true expected reward, items as if alone: mean of the best candidates, one per place - mean of the shown",
            "Instantaneous regret: Lai and Robbins 1985",
        ),
        Metric("reward", "reward/step", True, "rewards / steps", "Sutton and Barto 2018"),
        # what people do
        Metric("click_through", "", True, "steps with a click / steps", "Click-through rate: Richardson et al. 2007"),
        Metric("conversion", "", True, "conversions / clicks", "Conversion rate after a click: Ma et al. 2018"),
        Metric("dwell", "min/click", True, "minutes on clicked items / clicks", "Dwell time: Yi et al. 2014"),
        # whether they come back
        Metric(
            "session_length",
            "steps",
            True,
            "steps / sessions; a session that the horizon cuts counts as it is",
            "KuaiSim: Zhao et al. 2023",
            whole_life=True,
        ),
        Metric(
            "session_minutes",
            "min",
            True,
            "(browsing + dwell) / sessions; a session that the horizon cuts counts as it is",
            "KuaiSim: Zhao et al. 2023",
            whole_life=True,
        ),
        Metric(
            "retention",
            "",
            True,
            "people who have not left for good before the horizon / people",
            "KuaiSim: Zhao et al. 2023",
            whole_life=True,
        ),
        Metric(
            "return_rate",
            "",
            True,
            "sessions followed by another / (sessions followed by another + people who left for good)",
            "KuaiSim: Zhao et al. 2023",
            whole_life=True,
        ),
        Metric(
            "return_gap",
            "h",
            False,
            "hours between two sessions, mean over returns within the horizon",
            "Return time: Zou et al. 2019; KuaiSim: Zhao et al. 2023",
            whole_life=True,
        ),
        Metric(
            "satisfaction",
            "",
            True,
            "true satisfaction, 0 to 1, when something is about to be shown, mean over steps",
            "RecSim: Ie et al. 2019",
        ),
        # whether what suits stands on top
        Metric(
            f"precision_at_{TOP}",
            "",
            True,
            f"relevant among the first {TOP} / {TOP}; relevant: true click probability, shown alone, of at least 0.5",
            "Herlocker et al. 2004",
        ),
        Metric(
            f"recall_at_{TOP}",
            "",
            True,
            f"relevant among the first {TOP} / relevant candidates",
            "Herlocker et al. 2004",
        ),
        Metric(
            f"f1_at_{TOP}",
            "",
            True,
            "2 precision recall / (precision + recall) of each moment, 0 where both are 0",
            "van Rijsbergen 1979",
        ),
        Metric(
            f"ndcg_at_{TOP}",
            "",
            True,
            f"DCG / DCG of the best order; DCG = sum over ranks r = 1..{TOP} of true click probability / log2(1 + r)",
            "Järvelin and Kekäläinen 2002",
        ),
        # what is shown
        Metric("exposure", "items/life", None, "items shown / people", "Singh and Joachims 2018"),
        Metric("coverage", "", True, "different items shown / items of the catalogue", "Ge et al. 2010"),
        Metric(
            "gini",
            "",
            False,
            "sum_i (2 i - N - 1) x_i / (N sum_i x_i), x_i exposures of the N items in ascending order; 0 is equal",
            "Fleder and Hosanagar 2009",
        ),
        Metric(
            "long_tail",
            "",
            None,
            "shown items outside the most popular fifth of their scenario / items shown",
            "Abdollahpouri et al. 2019",
        ),
        Metric(
            "diversity",
            "",
            True,
            "1 - mean cosine of topics over pairs within a slate; one item at a time: within a session",
            "Intra-list diversity: Smyth and McClave 2001; Ziegler et al. 2005",
        ),
        Metric(
            "novelty",
            "bits",
            None,
            "-log2 popularity of an item in its scenario, mean over items shown; new items as the least popular known",
            "Zhou et al. 2010; Vargas and Castells 2011",
        ),
        Metric(
            "miscalibration",
            "nats",
            False,
            "sum_g p_g ln(p_g / (0.99 q_g + 0.01 p_g)), p true interest in topics g, q topics shown in a life",
            "Calibration: Steck 2018",
        ),
        # items that nobody knows
        Metric("new_share", "", None, "new items shown / items shown", "Schein et al. 2002"),
        Metric("new_click_through", "", True, "clicks on new items / new items shown", "Schein et al. 2002"),
        Metric("known_click_through", "", True, "clicks on other items / other items shown", "Schein et al. 2002"),
    )
}


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
