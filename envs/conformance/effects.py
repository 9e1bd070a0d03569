"""Checks that there is something to learn, and that every effect that is switched on acts."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossrec.config import EnvConfig
from crossrec.world.scenario import Scenario

from .report import DoesNotApply, Failure
from .subject import Actions, Batch, Subject, core_of, difference, named, oracle, plain, random_actions

TIMES = 1.5  # the oracle's return, as a multiple of random's
_DURATIONS = {"satiation_half_life", "session_minutes", "gap_minutes"}  # cannot be 0
_AT_ONCE = {"interest", "intent", "quality", "ageing", "bait", "position"}  # act on the first item shown
_MANY, _LONG = 256, 40  # people and steps at least, for effects that act seldom


@dataclass(frozen=True)
class Lived:
    """First lives of the same people under one policy.

    Attributes:
        returns: (n,) sum of rewards.
        clicks: Clicks in all lives.
        moments: Steps in all lives.
    """

    returns: NDArray[np.float64]
    clicks: float
    moments: int


def live(subject: Subject, policy: str, **changes: Any) -> Lived:
    """Live with a policy, ``"random"`` or ``"oracle"``, on common random numbers."""
    batch = subject.batch(truth=True, **changes)
    batch.reset(seed=subject.seed)
    returns, alive = np.zeros(batch.num_envs), np.ones(batch.num_envs, np.bool_)
    clicks, moments = 0.0, 0
    for actions in random_actions(batch, subject.steps, subject.seed):
        _, rewards, terminated, truncated, infos = batch.step(oracle(batch) if policy == "oracle" else actions)
        returns += np.where(alive, rewards, 0.0)
        clicks += float(np.asarray(infos["reward_parts"]["click"])[alive].sum())
        moments += int(alive.sum())
        alive &= ~(terminated | truncated)
    return Lived(returns, clicks, moments)


def oracle_beats_random(subject: Subject) -> str:
    """Who knows the truth does clearly better than who knows nothing."""
    at_random, knowing = live(subject, "random").returns, live(subject, "oracle").returns
    gain = knowing - at_random  # of the same people in the same moments
    low = gain.mean() - 1.96 * gain.std(ddof=1) / np.sqrt(len(gain))
    times = knowing.mean() / at_random.mean() if at_random.mean() > 0 else np.inf
    found = (
        f"mean return of the greedy oracle {knowing.mean():.2f}, of random {at_random.mean():.2f}, "
        f"difference {gain.mean():.2f} (at least {low:.2f} at 95%, {len(gain)} people)"
    )
    if low <= 0.0 or times < TIMES:
        raise Failure(
            f"{found}; expected at least {TIMES} times random's and a difference above 0, else nothing can be learned "
            "here; look whether what is clicked depends on the item shown (behaviour.interest, behaviour.intent)."
        )
    return found


def effects(subject: Subject) -> str:
    """Switching any effect off changes some life."""
    strengths = dataclasses.asdict(subject.config.behaviour)
    on = [name for name, strength in strengths.items() if strength > 0.0]
    silent = list(_without_effect(subject, on, {}))
    scenarios = core_of(subject.single()).world.scenarios
    why = {name: reason for name in silent if (reason := _excuse(name, subject.config, scenarios))}
    dead = [name for name in silent if name not in why]
    if dead:  # seldom is not never: more people, who go away and come back more often
        minutes = {"session_minutes": min(strengths["session_minutes"], 5.0)}
        many = dataclasses.replace(subject, people=max(subject.people, _MANY), steps=max(subject.steps, _LONG))
        dead = list(_without_effect(many, dead, minutes))
    if dead:
        verb = "does nothing: lives are" if len(dead) == 1 else "do nothing: lives are"
        raise Failure(
            f"{_listed(dead)} {verb} exactly the same without; make it act, or set it to 0 so that nobody thinks it "
            f"does (behaviour={dict.fromkeys(dead, 0.0)})."
        )
    if not on:
        raise DoesNotApply("all effects are switched off")
    idle = "; ".join(f"{name} does not apply: {reason}" for name, reason in why.items())
    return f"each of {len(on) - len(why)} effects changes lives" + (f"; {idle}" if idle else "")


def _without_effect(subject: Subject, names: list[str], changes: Mapping[str, float]) -> Iterator[str]:
    """Those of the strengths without which lives are the same."""
    shown: list[Actions] = []
    usual = list(_lives(subject.batch(truth=True, behaviour=dict(changes)), subject, shown, None))
    for name in names:
        off = 1e-6 if name in _DURATIONS else 0.0
        other = subject.batch(behaviour={**changes, name: off})
        lives = zip(usual, _lives(other, subject, [], shown), strict=True)
        if not any(difference(_common(one, two), _common(two, one), ("", "")) for one, two in lives):
            yield name


def _lives(
    batch: Batch, subject: Subject, shown: list[Actions], given: list[Actions] | None
) -> Iterator[dict[str, Any]]:
    """What is told step by step, of people who are shown what they want and, every second one, anything."""
    observation, infos = batch.reset(seed=subject.seed)
    yield _flat(observation, infos)
    for step, actions in enumerate(random_actions(batch, subject.steps, subject.seed)):
        if given is None:
            actions[::2] = oracle(batch)[::2]
            shown.append(actions)
        observation, rewards, terminated, truncated, infos = batch.step(actions if given is None else given[step])
        yield {**_flat(observation, infos), "reward": rewards, "terminated": terminated, "truncated": truncated}


def _flat(observation: Any, infos: dict[str, Any]) -> dict[str, Any]:
    told = {f"observation {key}": value for key, value in named(observation).items()}
    return told | {f"info {key}": value for key, value in plain(infos).items() if key != "truth"}


def _common(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """What both tell: some keys stand only where an effect is switched on."""
    return {key: value for key, value in one.items() if key in other}


def _excuse(name: str, config: EnvConfig, scenarios: tuple[Scenario, ...]) -> str:
    """Why an effect cannot act with these options, or nothing."""
    b, queries = config.behaviour, any(s.query for s in scenarios)
    moves, fades = {"transition_feedback", "transition_habit"}, {"satiation_decay", "satiation_half_life", "rebound"}
    minds, moods = {"on_mind", "carry_over", "routine", "device_routine"}, (b.leave_mood, b.gap_mood, b.churn_mood)
    rules: list[tuple[set[str], bool, str]] = [
        (set(vars(b)) - _AT_ONCE, config.horizon == 1, "a life has one step (horizon=1)"),
        ({"satiation_leak"}, len(scenarios) == 1, "there is one scenario"),
        (moves, len(scenarios) < 3, "who leaves a scenario has no choice of the next"),
        ({"transition_feedback"}, not any(s.follow_up for s in scenarios), "follow_up is 0 in every scenario"),
        (moves | {"satiation_leak", "carry_over", "leave_mood"}, b.leave == 0.0, "leave is 0"),
        ({"position"}, config.slate_size == 1, "one item is shown at a time"),
        ({"ageing"}, all(s.facet != "age" for s in scenarios), "no scenario's items age"),
        ({"query"}, not queries, "no scenario has queries"),
        (fades | {"satiation_leak"}, b.satiation == 0.0, "satiation is 0"),
        (minds, b.intent == 0.0 and not queries, "intent is 0"),
        ({"device_routine"}, b.routine == 0.0, "routine is 0"),
        ({"churn_mood"}, b.churn == 0.0, "churn is 0"),
        ({"leave_mood", "gap_mood", "churn_mood"}, b.mood == 0.0, "mood is 0, so everybody stays at average mood"),
        ({"mood"}, not any(moods), "leave_mood, gap_mood and churn_mood are 0"),
    ]
    return next((reason for names, holds, reason in rules if holds and name in names), "")


def _listed(names: list[str]) -> str:
    return ", ".join(f"behaviour.{name}" for name in names)
