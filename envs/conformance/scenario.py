"""Checks of one scenario: do people click a sane number of times, is it visited, does it share interests as it says?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crossrec.world.scenario import SCENARIOS, Scenario

from .effects import live
from .report import DoesNotApply, Failure
from .subject import Subject, core_of

LOW, HIGH = 0.01, 0.4  # click rates of a random policy between which something can be learned
_USUAL = 0.05  # click rate of a random policy in the scenarios that ship
_SELDOM = 0.01  # share of sessions below which nothing about a scenario can be measured
_WEAK = 0.2  # |rho| below which sharing is too little to be seen in a check
_MOMENTS = 24  # at which each person is looked at


def companion(scenario: Scenario) -> Scenario:
    """The scenario beside which another one is looked at: news, or shopping beside news."""
    return SCENARIOS["shopping" if scenario.name == "news" else "news"]


def click_rate(subject: Subject) -> str:
    """A random policy is clicked neither hardly ever nor nearly always."""
    (scenario,) = core_of(subject.single()).world.scenarios
    lived = live(subject, "random")
    rate = lived.clicks / lived.moments
    found = f"a random policy is clicked in {rate:.1%} of {lived.moments:,} steps"
    if LOW <= rate <= HIGH:
        return found
    shift = _log_odds(_USUAL) - _log_odds(min(max(rate, 0.5 / lived.moments), 1.0 - 0.5 / lived.moments))
    verb = "raise" if rate < LOW else "lower"
    raise Failure(
        f"{found}; expected {LOW:.0%} to {HIGH:.0%}, about {_USUAL:.0%} in scenarios that ship: {verb} base from "
        f"{scenario.base:g} to about {scenario.base + shift:.1f}."
    )


def visits(subject: Subject) -> str:
    """People do go to either of two scenarios, not only because they leave the other one."""
    scenario, other = core_of(subject.single()).world.scenarios
    batch = subject.batch()
    there = [
        np.asarray(batch.reset(seed=subject.seed + moment * batch.num_envs)[1]["scenario"]) == 0
        for moment in range(_MOMENTS)
    ]
    share = float(np.mean(there))
    found = f"{share:.0%} of {batch.num_envs * _MOMENTS:,} sessions begin in {scenario.name}, the rest in {other.name}"
    if not _SELDOM <= share <= 1.0 - _SELDOM:
        verb = "raise" if share < _SELDOM else "lower"
        raise Failure(
            f"{found}; expected {_SELDOM:.0%} to {1 - _SELDOM:.0%}: {verb} dayparts from {scenario.dayparts} "
            f"({other.name} has {other.dayparts})."
        )
    return found


def sharing(subject: Subject) -> str:
    """What a person wants elsewhere says as much of what is wanted here as ``rho`` has it."""
    scenario, other = core_of(subject.single()).world.scenarios
    rho = scenario.rho
    if abs(rho) < _WEAK:
        raise DoesNotApply(
            f"rho={rho:g} shares too little to be measured; each scenario is liked for reasons of its own"
        )
    if subject.config.behaviour.interest == 0.0:
        raise DoesNotApply("behaviour.interest is 0")
    here, there = _wanted(subject)
    if (rho < 0) != (other.rho < 0):  # then the shared interest counts for the topics half a circle away
        there = np.roll(there, there.shape[1] // 2, axis=1)
    related = _correlation(here, there)
    strangers = [_correlation(here, np.roll(there, i, axis=0)) for i in range(1, len(there))]
    bound = 3.0 * float(np.std(strangers)) + float(np.mean(strangers))
    mirrored = " (mirrored, for rho < 0)" if rho < 0 else ""
    found = (
        f"a person's interests in {scenario.name} and in {other.name} correlate at {related:.2f}{mirrored}, those of "
        f"strangers at most at {bound:.2f}"
    )
    if related <= bound:
        raise Failure(
            f"{found}; expected more, since rho={rho:g}: look whether base leaves room for interests to matter."
        )
    return found


def _wanted(subject: Subject) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How much people want each topic in one scenario and in the other, (people, K) each.

    Read off expected rewards, with nothing on anybody's mind since that moves along; of those who were met in both.
    """
    batch = subject.batch(truth=True, behaviour={"intent": 0.0})
    core, n = core_of(batch), batch.num_envs
    users = np.arange(n) + subject.config.first_user
    topics = core.world.catalogue.topics
    total, met = np.zeros((2, n, topics.shape[1])), np.zeros((2, n), np.int64)
    for moment in range(_MOMENTS):
        _, infos = batch.reset(seed=subject.seed + moment * n, options={"user": users})
        expected = batch.unwrapped.expected_rewards()  # type: ignore[attr-defined]
        worth = np.log(np.maximum(expected, 1e-12))
        worth -= worth.mean(axis=1, keepdims=True)
        where = np.asarray(infos["scenario"])
        total[where, np.arange(n)] += np.einsum("nc,nck->nk", worth, topics[core.simulator.seen.candidates])
        met[where, np.arange(n)] += 1
    both = (met > 0).all(axis=0)
    if both.sum() < 8:
        raise DoesNotApply(f"only {both.sum()} of {n} people were met in both scenarios")
    mean = total[:, both] / met[:, both, None]
    return mean[0], mean[1]


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Over people and topics, without what everybody likes."""
    a, b = one - one.mean(axis=0), other - other.mean(axis=0)
    return float((a * b).sum() / np.sqrt((a**2).sum() * (b**2).sum() + 1e-300))


def _log_odds(p: float) -> float:
    return float(np.log(p / (1.0 - p)))
