"""Environment ids. Entry points are strings, so registering imports neither environment nor world."""

from __future__ import annotations

import re
from typing import Any

import gymnasium as gym

from .questions import QUESTIONS

CROSS_SCENARIO = "crossrec/CrossScenario-v0"
#: Each id and what it sets of :class:`crossrec.config.EnvConfig`.
ENVIRONMENTS: dict[str, dict[str, Any]] = {
    CROSS_SCENARIO: {},
    "crossrec/Shopping-v0": {"scenarios": ["shopping"]},
    "crossrec/News-v0": {"scenarios": ["news"]},
    "crossrec/Social-v0": {"scenarios": ["social"]},
    "crossrec/Music-v0": {"scenarios": ["music"]},
    "crossrec/Video-v0": {"scenarios": ["video"]},
    "crossrec/Education-v0": {"scenarios": ["education"]},
    "crossrec/Search-v0": {"scenarios": ["search"]},
    "crossrec/Games-v0": {"scenarios": ["games"]},
    **{question.env_id: question.options for question in QUESTIONS},
}
ENV_IDS = tuple(ENVIRONMENTS)


def config_name(env_id: str) -> str:
    """What ``env=`` calls an id: ``crossrec/ColdStartUser-v0`` is ``cold_start_user``, a later version ``news_v1``."""
    name, _, version = env_id.partition("/")[2].partition("-v")
    snake = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    return snake if version == "0" else f"{snake}_v{version}"


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
