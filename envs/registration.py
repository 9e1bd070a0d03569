"""Environment ids. Entry points are strings, so registering imports neither environment nor world."""

from __future__ import annotations

import gymnasium as gym

CROSS_SCENARIO = "crossrec/CrossScenario-v0"
SINGLE_SCENARIOS = {
    "crossrec/Shopping-v0": "shopping",
    "crossrec/News-v0": "news",
    "crossrec/Social-v0": "social",
    "crossrec/Music-v0": "music",
    "crossrec/Video-v0": "video",
}
ENV_IDS = (CROSS_SCENARIO, *SINGLE_SCENARIOS)


def register_all() -> None:
    """Register every id; again does nothing."""
    for env_id in ENV_IDS:
        if env_id not in gym.registry:
            scenario = SINGLE_SCENARIOS.get(env_id)
            gym.register(
                id=env_id,
                entry_point="crossrec.envs.single:CrossScenarioEnv",
                vector_entry_point="crossrec.envs.vector:CrossScenarioVectorEnv",
                kwargs={} if scenario is None else {"scenarios": [scenario]},
            )
