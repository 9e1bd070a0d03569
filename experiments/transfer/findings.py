"""All findings, in the order of the page."""

from __future__ import annotations

from collections.abc import Callable, Collection

import pandas as pd

from .finding import Finding
from .of_agents import continual, ensemble, joint, tuning, zero_shot
from .of_pairs import default, mirrored
from .of_people import adapters, cold, known, overlap

_QUESTIONS: tuple[Callable[[pd.DataFrame], Finding | None], ...] = (
    joint,
    default,
    mirrored,
    zero_shot,
    adapters,
    cold,
    overlap,
    ensemble,
    tuning,
    continual,
    known,
)


def findings_of(rows: pd.DataFrame, only: Collection[str] = ()) -> list[Finding]:
    """All findings that the rows allow, or those of some questions alone."""
    found = (question(rows) for question in _QUESTIONS)
    return [finding for finding in found if finding is not None and (not only or finding.name in only)]
