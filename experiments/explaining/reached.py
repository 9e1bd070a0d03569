"""What stands around a moment: other people's situations and profiles, and the liked titles of the history in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossrec.agents.baselines.simple import RandomPolicy
from crossrec.config import EnvConfig
from crossrec.envs.rendering.log import stopwatch
from crossrec.envs.vector import CrossScenarioVectorEnv
from crossrec.observation import HISTORY, HISTORY_FEEDBACK, HISTORY_SCENARIO, MAX_DWELL, PROFILE, SITUATION
from crossrec.world.synthetic import World

OTHERS = 64  # people whose situations and profiles stand in for absent ones
_STEPS = 20  # that they live before, so that situations are of all kinds


def others(config: EnvConfig) -> dict[str, NDArray[Any]]:
    """Situations and profiles ``(OTHERS, ...)`` of people who have lived for a while; always the same.

    Args:
        config: Of the environment.
    """
    env, policy = CrossScenarioVectorEnv(OTHERS, config), RandomPolicy(0)
    policy.slate_size = config.slate_size
    observation, _ = env.reset(seed=0)
    for _ in range(_STEPS):
        observation, *_ = env.step(policy.predict(observation)[0])
    env.close()
    return {key: observation[key] for key in (SITUATION, PROFILE)}


def titles_of(
    slots: Iterable[int], observation: Mapping[str, NDArray[Any]], world: World, slate: int
) -> list[tuple[str, str]]:
    """Title, and where and when it was liked, of places of the history.

    Args:
        slots: Places of the history, the newest first.
        observation: Of one person.
        world: Whose items.
        slate: How many places of the history a step fills.
    """
    length = len(observation[HISTORY_SCENARIO])
    found = []
    for slot in slots:
        scenario = world.scenarios[int(observation[HISTORY_SCENARIO][slot]) - 1].name
        scaled = float(observation[HISTORY_FEEDBACK][length + slot])
        steps, seconds = slot // slate + 1, float(np.expm1(scaled * np.log1p(MAX_DWELL)))
        ago = "1 step ago" if steps == 1 else f"{steps} steps ago"
        found.append(
            (world.catalogue.title(int(observation[HISTORY][slot])), f"{scenario}, {ago}, {stopwatch(seconds)}")
        )
    return found
