"""Labelled moments: lives under a logging policy, and what people had in mind whenever they entered a scenario."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossrec.agents.baselines.simple import ContentPolicy
from crossrec.config import TrainConfig
from crossrec.envs.vector import CrossScenarioVectorEnv
from crossrec.language.encoder import HashingEncoder
from crossrec.language.projection import padded
from crossrec.simulation.state import Seen

from ..evaluate import evaluation_people
from ..lab import Lab

UNKNOWN = -1  # a label that a moment does not have
_RANDOM_SHARE = 0.5  # of the logging policy's choices; the others are the content baseline's


@dataclass(frozen=True)
class Labelled:
    """m moments at which people enter a scenario, with labels that a recommender does not know.

    Attributes:
        seen: Observable state of the moments.
        observation: What agents see of them, without a context; (m, ...) by key.
        intent: (m,) topic on the person's mind.
        liked: (m,) main topic of the next item that the person clicks in this life, UNKNOWN where none comes.
        best: (m,) main topic of the candidate with the highest true expected reward.
        best_item: (m,) that candidate's id.
    """

    seen: Seen
    observation: dict[str, NDArray[Any]]
    intent: NDArray[np.int64]
    liked: NDArray[np.int64]
    best: NDArray[np.int64]
    best_item: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.intent)


def label_moments(lab: Lab, config: TrainConfig, on_step: Callable[[], None] | None = None) -> Labelled:
    """One life each of the people of a run's evaluation, who are never met in training.

    The logging policy shows half of the time anything, and else what is most like the items clicked lately. It reads no
    context and compares items by the words of their texts, whatever the config's encoder: so every context and every
    encoder is asked about exactly the same moments.

    Args:
        lab: The world to live in.
        config: Says whom to meet.
        on_step: Called after each step of everybody.
    """
    users, seed = evaluation_people(config)
    env: Any = lab.make_env(len(users), expose_truth=True, with_context=False)
    base: CrossScenarioVectorEnv = env.unwrapped
    items = lab.world.catalogue
    alike = ContentPolicy(padded(HashingEncoder().encode(items.texts())), items.popularity)
    random = lab.baseline("random", base, seed)
    alike.slate_size = random.slate_size
    draws = np.random.default_rng([seed, 1])
    observation, _ = env.reset(seed=seed, options={"user": users})
    parts: list[dict[str, Any]] = []
    clicks: list[NDArray[np.int64]] = []  # by step: (n,) topic of the clicked item, UNKNOWN without a click
    alive = np.ones(len(users), np.bool_)
    while alive.any():
        rows = np.flatnonzero(base.core.simulator.seen.entered & alive)
        parts.append({"rows": rows, "step": np.full(len(rows), len(clicks)), **_moment(base, observation, rows)})
        anything = draws.random(len(users)) < _RANDOM_SHARE
        actions = alike.predict(observation)[0]
        actions[anything] = random.predict(observation)[0][anything]
        observation, _, terminated, truncated, _ = env.step(actions)
        clicks.append(np.where(alive, _clicked_topic(base), UNKNOWN))
        alive &= ~(terminated | truncated)
        if on_step is not None:
            on_step()
    joined = _joined(parts)
    liked = _next_known(np.stack(clicks))[joined.pop("step"), joined.pop("rows")]
    return Labelled(Seen(**joined.pop("seen")), liked=liked, **joined)


def _moment(base: CrossScenarioVectorEnv, observation: Mapping[str, Any], rows: NDArray[np.intp]) -> dict[str, Any]:
    """The fields of :class:`Labelled`, but for what people like later."""
    simulator, items = base.core.simulator, base.world.catalogue
    seen = simulator.seen.at(rows)
    best = seen.candidates[np.arange(len(rows)), base.expected_rewards()[rows].argmax(axis=1)]
    return {
        "seen": {column.name: getattr(seen, column.name) for column in fields(seen)},
        "observation": {key: values[rows] for key, values in observation.items()},
        "intent": simulator.truth.intent[rows].astype(np.int64),
        "best": items.main_topic[best].astype(np.int64),
        "best_item": best.astype(np.int64),
    }


def _clicked_topic(base: CrossScenarioVectorEnv) -> NDArray[np.int64]:
    """(n,) main topic of what was clicked in the last step, UNKNOWN without a click."""
    outcome = base.core.outcome
    assert outcome is not None
    item = outcome.items[np.arange(len(outcome.items)), outcome.place]
    topic = base.world.catalogue.main_topic[item].astype(np.int64)
    return np.where(outcome.parts["click"] > 0, topic, UNKNOWN)


def _next_known(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """For every step the label of that step, or the next later one that is known: (steps, n) as ``labels``."""
    found = labels.copy()
    for step in range(len(found) - 2, -1, -1):
        found[step] = np.where(found[step] == UNKNOWN, found[step + 1], found[step])
    return found


def _joined(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """The parts' arrays one after the other, whatever the nesting."""
    return {
        key: _joined([part[key] for part in parts])
        if isinstance(value, dict)
        else np.concatenate([part[key] for part in parts])
        for key, value in parts[0].items()
    }
