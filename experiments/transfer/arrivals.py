"""People who arrive: they have lived in one scenario for a while and now begin a session in another.

What a recommender knows of them there is what happened here, under a content-based baseline. To tell what that is
worth, the same people arrive again with a stranger's history, or with none: same lives, same moments, and the same
candidates as long as the same is done; only the knowledge differs.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossrec.errors import ConfigError, check_name, check_range
from crossrec.simulation.state import Seen

from ..evaluate import Policy
from ..lab import Lab

BEFORE, FIRST = 20, 10  # steps in the source, and interactions in the target that are looked at
KNOWLEDGE = ("own", "stranger", "none")
# Not what candidates are drawn by (recalled, enjoyed): these must be the same whatever is told.
_HISTORY = ("history", "history_scenario", "history_feedback")

Floats = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Arrivals:
    """n people at the beginning of a session in a scenario.

    Attributes:
        lab: What they live in; nobody leaves for good, and no life ends before ``first`` steps are over.
        target: Where they are now.
        first: How many interactions are looked at.
        snapshot: Of an environment without contexts.
    """

    lab: Lab
    target: str
    first: int
    snapshot: dict[str, Any]

    @property
    def people(self) -> int:
        """How many they are."""
        return len(self.snapshot["seeds"])

    def seen(self) -> Seen:
        """What a recommender may know of them now."""
        env: Any = self.lab.make_env(self.people, visits=[self.target], expose_truth=True, with_context=False)
        env.restore(self.snapshot)
        found: Seen = env.core.simulator.seen
        return found

    def meet(self, policy: Policy, knowledge: str = "own", overlap: float = 1.0) -> tuple[Floats, Floats]:
        """Let a policy act.

        Args:
            policy: Chooses, deterministically where it can.
            knowledge: Whose history it is told at the beginning: the people's "own", that of a "stranger" with the
                same profile, or "none". What happens from then on is their own in any case.
            overlap: Share of people of whom anything is known, 0 to 1; of the others it is "none".

        Returns:
            (n, first) expected reward of what was shown, and of the best candidate in the same moments.

        Raises:
            ConfigError: For an unknown kind of knowledge, an overlap out of range, a stranger where there is only one
                person, or contexts that name titles, which would tell what the history does not.
        """
        check_name("knowledge", knowledge, KNOWLEDGE)
        check_range("overlap", overlap, 0.0, 1.0)
        if knowledge == "stranger" and self.people < 2:
            raise ConfigError("knowledge='stranger' needs at least 2 people.")
        if (knowledge != "own" or overlap < 1.0) and self.lab.reader is not None and self.lab.context.prompt.titles:
            raise ConfigError(
                f"context.prompt.titles={self.lab.context.prompt.titles}: contexts tell what people enjoyed, whatever "
                "their history says; set it to 0 for knowledge other than their own."
            )
        env = self.lab.make_env(self.people, visits=[self.target], expose_truth=True)
        base: Any = env.unwrapped
        base.restore(self.snapshot)
        seen = base.core.simulator.seen
        for name in _HISTORY if knowledge != "own" else ():
            field = getattr(seen, name)
            field[:] = field[strangers(seen.profile)] if knowledge == "stranger" else 0
        for name in _HISTORY:
            getattr(seen, name)[round(overlap * self.people) :] = 0
        observation: Any = env.look()  # type: ignore[attr-defined]
        return first_steps(env, policy, observation, self.first)


def first_steps(env: Any, policy: Policy, observation: Any, steps: int) -> tuple[Floats, Floats]:
    """Let a policy act from where an environment is.

    Args:
        env: Of n people, with ``expose_truth``.
        policy: Chooses, deterministically where it can.
        observation: What it sees now.
        steps: How many interactions.

    Returns:
        (n, steps) expected reward of what was shown, and of the best candidate in the same moments.
    """
    base: Any = env.unwrapped
    reached, best = [], []
    state, start = None, np.ones(env.num_envs, np.bool_)
    for _ in range(steps):
        actions, state = policy.predict(observation, state, start, deterministic=True)
        expected = base.expected_rewards()
        reached.append(np.take_along_axis(expected, np.asarray(actions)[:, None], axis=1)[:, 0])
        best.append(expected.max(axis=1))
        observation, _, terminated, truncated, _ = env.step(actions)
        start = terminated | truncated
    return np.stack(reached, axis=1), np.stack(best, axis=1)


def strangers(profile: NDArray[np.integer]) -> NDArray[np.intp]:
    """Somebody else for everybody: rows (n,), of the same profile (n, p) where there is anybody else who has it.

    What a profile tells of a person is then told of both, so that they differ in nothing but what is their own.
    """
    _, group = np.unique(profile, axis=0, return_inverse=True)
    counts = np.bincount(group)
    alone = counts[group] == 1
    if alone.sum() == 1 and len(group) > 1:
        group[alone] = group[~alone][0]  # there is nobody else who is alone
    else:
        group = np.where(alone, -1, group)  # who is alone joins the others who are
    order = np.argsort(group, kind="stable")
    begins = np.flatnonzero(np.diff(group[order], prepend=-2))
    following = np.arange(1, len(order) + 1)
    following[np.append(begins[1:], len(order)) - 1] = begins
    other = np.empty(len(order), np.intp)
    other[order] = order[following]
    return other


@dataclasses.dataclass(frozen=True)
class Settled:
    """n people who have lived in a scenario and whose session there is about to end; :func:`settle` makes them.

    Attributes:
        lab: What they live in.
        first: How many interactions elsewhere will be looked at.
        snapshot: Of an environment without contexts.
        actions: (n,) what they are shown last.
    """

    lab: Lab
    first: int
    snapshot: dict[str, Any]
    actions: NDArray[np.int64]

    def arrive(self, target: str) -> Arrivals:
        """Let everybody begin a session in a scenario, which may be the same.

        Nothing is on their minds: a new session begins with a fresh intent, so what carries over is interest alone.

        Raises:
            ConfigError: For an unknown scenario.
        """
        check_scenario("target", target, self.lab)
        away: Any = self.lab.make_env(len(self.actions), visits=[target], expose_truth=True, with_context=False)
        away.restore(self.snapshot)
        away.core.simulator.truth.budget[:] = 0.0  # the session ends with the next step
        away.step(self.actions)
        return Arrivals(self.lab, target, self.first, away.snapshot())


def settle(
    lab: Lab,
    users: NDArray[np.int64],
    seed: int,
    source: str,
    *,
    before: int = BEFORE,
    first: int = FIRST,
    policy: str = "content",
) -> Settled:
    """Let people live in one scenario for a while.

    Args:
        lab: What they live in, with one item shown at a time.
        users: (n,) ids.
        seed: Person i lives with the noise of seed + i.
        source: The scenario.
        before: Steps there.
        first: Interactions elsewhere that will be looked at.
        policy: Baseline that serves them.

    Raises:
        ConfigError: For an unknown scenario, steps out of range, or slates.
    """
    check_scenario("source", source, lab)
    check_range("before", before, 1, 1_000_000)
    check_range("first", first, 1, 1_000_000)
    if lab.env.slate_size > 1:
        raise ConfigError(f"env.slate_size={lab.env.slate_size}: arrivals are shown one item at a time; set it to 1.")
    behaviour = dataclasses.replace(lab.env.behaviour, churn=0.0)
    lab = dataclasses.replace(lab, env=dataclasses.replace(lab.env, horizon=before + first + 2, behaviour=behaviour))
    home: Any = lab.make_env(len(users), visits=[source], expose_truth=True, with_context=False)
    served = lab.baseline(policy, home, seed)
    observation, _ = home.reset(seed=seed, options={"user": users})
    for _ in range(before - 1):
        observation, *_ = home.step(served.predict(observation)[0])
    return Settled(lab, first, home.snapshot(), served.predict(observation)[0])


def check_scenario(option: str, name: str, lab: Lab) -> None:
    """Check that a lab has a scenario.

    Raises:
        ConfigError: If not; names the option.
    """
    check_name(option, name, [scenario.name for scenario in lab.world.scenarios])
