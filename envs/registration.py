"""Environment ids. Entry points are strings, so registering imports neither environment nor world."""

from __future__ import annotations

from typing import Any

import gymnasium as gym

CROSS_SCENARIO = "crossrec/CrossScenario-v0"
#: Each id and what it sets of :class:`crossrec.config.EnvConfig`.
ENVIRONMENTS: dict[str, dict[str, Any]] = {
    CROSS_SCENARIO: {},
    "crossrec/Shopping-v0": {"scenarios": ["shopping"]},
    "crossrec/News-v0": {"scenarios": ["news"]},
    "crossrec/Social-v0": {"scenarios": ["social"]},
    "crossrec/Music-v0": {"scenarios": ["music"]},
    "crossrec/Video-v0": {"scenarios": ["video"]},
}
ENV_IDS = tuple(ENVIRONMENTS)


def register_all() -> None:
    """Register every id; again does nothing."""
    for env_id, options in ENVIRONMENTS.items():
        if env_id not in gym.registry:
            gym.register(
                id=env_id,
                entry_point="crossrec.envs.single:CrossScenarioEnv",
                vector_entry_point="crossrec.envs.vector:CrossScenarioVectorEnv",
                kwargs=options,
            )
