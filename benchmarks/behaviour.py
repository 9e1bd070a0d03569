"""Statistics of how people behave, per person, under one fixed policy that makes behaviour visible.

The policy: on half of all moments the candidate with the highest true expected reward, on the other half any candidate
(slates: the best in order, or any in any order). So people see both what they want and what they do not, and all that
the effects need happens: clicks and misses, boredom and longing, good moods and bad ones. Its draws are the same for
all strengths of an effect.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossrec.envs.vector import CrossScenarioVectorEnv
from crossrec.observation import WEEK
from crossrec.simulation.journey import N_THINGS

FIRST_USER, SEED, RECENT = 500_000, 1_000_003, 5
#: What is measured of everybody; the rest is shown where it is what an effect should move.
ALWAYS = ("click rate", "session length", "return gap", "switches", "repeat consumption", "churned share")
#: Every statistic and what it is of one person; undefined where there is nothing to count.
STATISTICS: dict[str, str] = {
    "click rate": "clicks per step",
    "session length": "mean minutes of the sessions that ended within the steps",
    "return gap": "mean minutes until the next session",
    "switches": "changes of scenario within a session, per 10 steps",
    "repeat consumption": f"share of clicks whose main topic is among those of the last {RECENT} clicks",
    "churned share": "whether the person left for good",
    "topic uptake": f"share of clicks on a topic not among the last {RECENT} that the next click stays on",
    "typed and clicked": "share of clicks in search that are about the topic of the query",
    "follow-up moves": "share of moves after a click that lead to a scenario with a positive `follow_up`",
    "repeated moves": "share of moves that lead where the last move from the same scenario led",
    "device kept": "share of moves on which the device stays the same",
}
Lives = dict[str, NDArray[np.float64]]


class _Tally:
    """Counts what happens, by person: sums of what a statistic is the ratio of."""

    def __init__(self, people: int) -> None:
        self.above = {name: np.zeros(people) for name in STATISTICS}
        self.below = {name: np.zeros(people) for name in STATISTICS}

    def add(self, name: str, value: NDArray[Any], of: NDArray[Any]) -> None:
        self.above[name] += np.where(of, value, 0.0)
        self.below[name] += of

    def ratios(self) -> Lives:
        with np.errstate(invalid="ignore"):
            return {name: self.above[name] / self.below[name] for name in STATISTICS}


class _Policy:
    """The policy of this module's docstring."""

    def __init__(self, env: CrossScenarioVectorEnv) -> None:
        self.env, self.draws = env, np.random.default_rng(SEED)

    def actions(self) -> NDArray[np.int64]:
        simulator, size = self.env.core.simulator, self.env.config.slate_size
        candidates = simulator.seen.candidates
        at_random = self.draws.random(len(candidates)) < 0.5
        anything = np.where(candidates > 0, self.draws.random(candidates.shape), -np.inf)
        scores = np.where(at_random[:, None], anything, simulator.expected_rewards())
        best: NDArray[np.int64] = np.argsort(-scores, axis=1, kind="stable")[:, :size]
        return best if size > 1 else best[:, 0]


def measure(options: dict[str, Any], people: int, horizon: int) -> Lives:
    """Every statistic of the first life of each of the same people with the same noise, (people,); NaN where undefined.

    Args:
        options: Of the environment, but its horizon.
        people: How many.
        horizon: [steps] of each life.
    """
    env = CrossScenarioVectorEnv(people, **{**options, "horizon": horizon})
    env.reset(seed=SEED, options={"user": np.arange(FIRST_USER, FIRST_USER + people)})
    policy, tally, seen = _Policy(env), _Tally(people), env.core.simulator.seen
    rows, alive = np.arange(people), np.ones(people, np.bool_)
    follows = np.array([spec.follow_up for spec in env.world.scenarios]) > 0.0
    main_topic = env.world.catalogue.main_topic
    recent = np.full((people, RECENT), -1)  # main topics of the last clicks
    fresh = np.zeros(people, np.bool_)  # whether the last click was on a topic new to those before it
    led = np.full((people, len(env.world.scenarios)), -1)  # where the last move from each scenario led
    session = np.zeros(people)
    for _ in range(horizon):
        before, minute, device, query = (
            getattr(seen, name).copy() for name in ("scenario", "minute", "device", "query")
        )
        _, _, terminated, truncated, infos = env.step(policy.actions())
        outcome = env.core.outcome
        assert outcome is not None
        ended = terminated | truncated
        told = infos.get("final_info", infos)  # of the lives that end here too, of which infos tell the next one
        click = alive & (told["reward_parts"]["click"] > 0)
        topic = main_topic[outcome.items[rows, outcome.place]]
        tally.add("click rate", click, alive)
        repeated = (topic[:, None] == recent).any(axis=1)
        tally.add("repeat consumption", repeated, click & (recent[:, 0] >= 0))
        tally.add("topic uptake", topic == recent[:, 0], click & fresh)
        fresh = np.where(click, ~repeated, fresh)
        tally.add("typed and clicked", topic == (query - 1) // N_THINGS, click & (query > 0))
        recent[click] = np.column_stack([topic, recent[:, :-1]])[click]

        away = told["away"]
        session += (told["minute"] - minute - away) % WEEK
        closed = alive & (away > 0.0)
        tally.add("session length", session, closed)
        tally.add("return gap", away, closed & ~terminated)
        session[closed] = 0.0

        after = told["scenario"]
        moved = alive & (away == 0.0) & (after != before)
        tally.add("switches", 10.0 * moved, alive)
        tally.add("follow-up moves", follows[after], moved & click)
        tally.add("repeated moves", after == led[rows, before], moved & (led[rows, before] >= 0))
        tally.add("device kept", seen.device == device, moved & ~ended)  # the next life has begun on its own device
        led[rows[moved], before[moved]] = after[moved]
        tally.add("churned share", terminated, alive & ended)
        alive &= ~ended
        if not alive.any():
            break
    return tally.ratios()
