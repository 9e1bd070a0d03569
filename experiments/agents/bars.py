"""What the benchmark demands of the learners, judged on the tables' own figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..evaluated import ENDS
from .raw import Raw
from .table import Row, gain, interval

LEAST = 0.6  # score that the best learner is to reach in cross_scenario
CEILING = "click_model"  # what can be seen without planning: supervised on a large log, acting greedily
# Its forms: the fusion network on clicks or on rewards, and gradient boosting. Learners need only be level with them.
SUPERVISED = (CEILING, "reward_model", "boosted_clicks")


@dataclass(frozen=True)
class Bar:
    """One demand.

    Attributes:
        env: Where.
        demand: In words.
        figures: What was found.
        holds: Whether it is met; None where a policy that it is about was not run.
    """

    env: str
    demand: str
    figures: str
    holds: bool | None

    def __str__(self) -> str:
        verdict = {True: "holds", False: "DOES NOT HOLD", None: "not measured"}[self.holds]
        return f"{self.env}: {self.demand}: {verdict} ({self.figures})"


def bars_of(env: str, rows: Sequence[Row], part: Raw) -> list[Bar]:
    """The demands in one environment; none in those without any.

    Args:
        env: Its name.
        rows: Its table.
        part: Its raw results.
    """
    judge = _JUDGES.get(env)
    return judge(env, rows, part) if judge is not None else []


def _cross_scenario(env: str, rows: Sequence[Row], part: Raw) -> list[Bar]:
    learners = [row for row in rows if row.kind == "learner"]
    if not learners:
        return [Bar(env, f"the best learner scores at least {LEAST}", "no learner was run", None)]
    best = max(learners, key=lambda row: row.score.value)
    told = f"{best.policy} {interval(best.score)}"
    found = [Bar(env, f"the best learner scores at least {LEAST}", told, best.score.value >= LEAST)]
    demand = f"its interval is above that of every baseline but the supervised models ({', '.join(SUPERVISED)})"
    rivals = [row for row in rows if row.kind not in ("learner", "bound") and row.policy not in SUPERVISED]
    rival = max(rivals, key=lambda row: row.score.high)
    if rival.policy in ENDS:
        found.append(Bar(env, demand, "no baseline was run", None))
    else:
        figures = f"{told}, {rival.policy} {interval(rival.score)}"
        found.append(Bar(env, demand, figures, best.score.low > rival.score.high))
    demand = "it is level with each of these or above it: the intervals overlap"
    ceilings = [row for row in rows if row.policy in SUPERVISED]
    if missing := _missing(rows, CEILING):
        return [*found, Bar(env, demand, missing, None)]
    figures = ", ".join([told, *(f"{row.policy} {interval(row.score)}" for row in ceilings)])
    return [*found, Bar(env, demand, figures, all(best.score.high >= row.score.low for row in ceilings))]


def _some_learner_beats_the_click_model(env: str, rows: Sequence[Row], part: Raw) -> list[Bar]:
    demand = f"some learner beats {CEILING}: the interval of the paired difference is above 0"
    learners = [row.policy for row in rows if row.kind == "learner"]
    if missing := _missing(rows, CEILING) or (None if learners else "no learner was run"):
        return [Bar(env, demand, missing, None)]
    gains = {name: gain(part, name, CEILING) for name in learners}
    best = max(gains, key=lambda name: gains[name].low)
    return [Bar(env, demand, f"{best} {interval(gains[best], '+')}", gains[best].low > 0.0)]


def _slateq_beats_independent_slates(env: str, rows: Sequence[Row], part: Raw) -> list[Bar]:
    demand = "slateq beats dqn, which takes places to be independent: the interval of the paired difference is above 0"
    if missing := _missing(rows, "slateq") or _missing(rows, "dqn"):
        return [Bar(env, demand, missing, None)]
    difference = gain(part, "slateq", "dqn")
    return [Bar(env, demand, interval(difference, "+"), difference.low > 0.0)]


def _missing(rows: Sequence[Row], policy: str) -> str | None:
    return None if policy in {row.policy for row in rows} else f"{policy} was not run"


_JUDGES: Mapping[str, Callable[[str, Sequence[Row], Raw], list[Bar]]] = {
    "cross_scenario": _cross_scenario,
    "satiation": _some_learner_beats_the_click_model,
    "retention": _some_learner_beats_the_click_model,
    "slate": _slateq_beats_independent_slates,
}
