"""All answers, in the order of the page."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from .answer import Answer
from .of_agents import continual, ensemble, joint, tuning, zero_shot
from .of_people import adapters, cold, known, mirrored, negative, overlap

_QUESTIONS: tuple[Callable[[pd.DataFrame], Answer | None], ...] = (
    joint,
    negative,
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


def answers_of(rows: pd.DataFrame) -> list[Answer]:
    """All answers that the rows allow."""
    found = (question(rows) for question in _QUESTIONS)
    return [answer for answer in found if answer is not None]
