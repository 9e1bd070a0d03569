"""What the shipped configs offer, read from their file names; needs neither Hydra nor torch."""

from __future__ import annotations

from pathlib import Path

from crossrec import conf

GROUPS = ("env", "agent", "context")


def choices(group: str) -> list[str]:
    """Names that a config group offers, e.g. ``choices("context")``."""
    folder = Path(conf.__file__).parent / group
    return sorted(file.stem for file in folder.glob("*.yaml"))
