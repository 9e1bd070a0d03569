"""What the shipped configs offer, read from file names and from the registry; needs neither Hydra nor torch."""

from __future__ import annotations

from pathlib import Path

from crossrec import conf
from crossrec.envs.registration import ENVIRONMENTS, config_name

GROUPS = ("env", "agent", "context", "prompt", "experiment")


def choices(group: str) -> list[str]:
    """Names that a config group offers, e.g. ``choices("context")``; every environment id is one of ``env``."""
    if group == "env":
        return [config_name(env_id) for env_id in ENVIRONMENTS]
    folder = Path(conf.__file__).parent / group
    return sorted(file.stem for file in folder.glob("*.yaml"))
