"""What the conformance kit looks at: an environment's two forms, how to make them, and how to tell results apart."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from crossrec.config import EnvConfig

from ..base import PeopleCore
from .report import Failure

Env = gym.Env[Any, Any]
Batch = VectorEnv[Any, Any, Any]
Actions = NDArray[Any]
OUT_OF_DATE = "is out of date"  # part of Gymnasium's warning about an id that has a later version


@dataclass(frozen=True)
class Subject:
    """An environment in both forms.

    Attributes:
        name: For people.
        make: Makes the environment of one person from options.
        make_vector: Makes the one of many people from ``num_envs`` and options.
        options: What it is made with.
        config: What these options resolve to.
        people: How many live at once in a check.
        steps: How long.
        seed: Of the first of them.
    """

    name: str
    make: Callable[..., Env]
    make_vector: Callable[..., Batch]
    options: Mapping[str, Any]
    config: EnvConfig
    people: int
    steps: int
    seed: int

    def single(self, *, truth: bool = False, **changes: Any) -> Env:
        """The environment of one person.

        Args:
            truth: Whether it exposes hidden truth.
            **changes: Options that differ from its own; ``behaviour`` names only the strengths that differ.
        """
        return self.make(**self._with(truth, changes))

    def batch(self, *, truth: bool = False, **changes: Any) -> Batch:
        """The environment of ``self.people`` people; arguments as in :meth:`single`."""
        return self.make_vector(num_envs=self.people, **self._with(truth, changes))

    def _with(self, truth: bool, changes: dict[str, Any]) -> dict[str, Any]:
        if "behaviour" in changes:
            # As a whole: given to gym.make, a mapping would take the place of what the id was registered with.
            changes["behaviour"] = dataclasses.replace(self.config.behaviour, **changes["behaviour"])
        options = dict(self.options)
        if "config" in options and changes:
            options["config"] = dataclasses.replace(self.config, **changes)
        else:
            options |= changes
        return options | ({"expose_truth": True} if truth else {})


def core_of(env: Env | Batch) -> PeopleCore:
    """The people behind an environment.

    Raises:
        Failure: If it is none of ours.
    """
    core = getattr(env.unwrapped, "core", None)
    if not isinstance(core, PeopleCore):
        raise Failure(
            f"{type(env.unwrapped).__name__} is no CrossRec environment; expected a subclass of CrossScenarioEnv, and "
            "of CrossScenarioVectorEnv for its vector form."
        )
    return core


def oracle(batch: Batch) -> Actions:
    """What a greedy oracle shows now: the candidates of the highest true expected reward, best first.

    Raises:
        Failure: If actions are no places among the candidates.
    """
    expected: NDArray[np.float64] = batch.unwrapped.expected_rewards()  # type: ignore[attr-defined]
    best = np.argsort(-expected, axis=1, kind="stable")
    space = batch.single_action_space
    if isinstance(space, spaces.Discrete):
        return best[:, 0]
    if isinstance(space, spaces.MultiDiscrete):
        return best[:, : len(space.nvec)]
    raise Failure(f"the action space is {space}; expected Discrete(n_candidates), or MultiDiscrete for slates.")


def random_actions(batch: Batch, steps: int, seed: int) -> Iterator[Actions]:
    """Random actions for some steps, the same for the same seed."""
    space = batch.action_space
    space.seed(seed)
    return (space.sample() for _ in range(steps))


def calls(env: Env | Batch, subject: Subject) -> Iterator[dict[str, Any]]:
    """Everything that an environment says to random actions, call by call; a person is followed by the next one."""
    observation, info = env.reset(seed=subject.seed)
    yield {"observation": observation, "info": info}
    env.action_space.seed(subject.seed)
    for _ in range(subject.steps):
        observation, reward, terminated, truncated, info = env.step(env.action_space.sample())
        flags = {"reward": reward, "terminated": terminated, "truncated": truncated}
        yield {"observation": observation, **flags, "info": info}
        if not isinstance(env, VectorEnv) and (terminated or truncated):
            observation, info = env.reset()
            yield {"observation": observation, "info": info}


def named(observation: Any) -> dict[str, Any]:
    """An observation by key, also where it is one array."""
    return observation if isinstance(observation, dict) else {"": observation}


def row(batch: Any, i: int) -> Any:
    """Person i's part of nested batched arrays."""
    return {key: row(value, i) for key, value in batch.items()} if isinstance(batch, dict) else batch[i]


def plain(infos: Mapping[str, Any]) -> dict[str, Any]:
    """Infos of a vector environment without what tells of ended lives."""
    return {key: value for key, value in infos.items() if not key.startswith(("final", "_"))}


def difference(one: Any, other: Any, labels: tuple[str, str], where: str = "") -> str | None:
    """The first difference between two nested results in words, or None.

    Args:
        one: Arrays, numbers, or dicts of them.
        other: What should be the same.
        labels: What each of the two is called, e.g. ``("alone", "in the batch")``.
        where: What is compared, e.g. ``"observation"``; without it keys of the outermost dict speak for themselves.
    """
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        if one.keys() != other.keys():
            odd = sorted(map(str, one.keys() ^ other.keys()))
            return f"{where} has {odd} only {labels[0] if odd[0] in one else labels[1]}"
        found = (difference(one[key], other[key], labels, f"{where}[{key!r}]" if where else str(key)) for key in one)
        return next((words for words in found if words), None)
    first, second = np.asarray(one), np.asarray(other)
    if first.shape != second.shape:
        return f"{where} has shape {first.shape} {labels[0]} and {second.shape} {labels[1]}"
    unequal = first != second
    if first.dtype.kind == second.dtype.kind == "f":
        unequal &= ~(np.isnan(first) & np.isnan(second))
    if not unequal.any():
        return None
    at = np.unravel_index(int(np.argmax(unequal)), unequal.shape)
    place = f" at {', '.join(map(str, at))}" if at else ""
    return f"{where}{place} is {_number(first[at])} {labels[0]} and {_number(second[at])} {labels[1]}"


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, (float, np.floating)) else str(value)
