"""Names, shapes and units of every observation key. Environments and agents meet here and nowhere else.

==================== ============ ======================= =====================================================
key                  dtype        shape                   meaning
==================== ============ ======================= =====================================================
``profile``          int8         (8,) binary             age band (5) and language (3), one-hot each
``situation``        int8         (S + 18,) binary        scenario (S), daypart (4), weekday (7), device (4),
                                                          location (3), one-hot each
``history``          int32        (H,)                    item ids shown before, newest first; 0 = none
``history_scenario`` int8         (H,)                    1 + index of the scenario they were shown in; 0 = none
``history_feedback`` float32      (3 * H,)                clicked (H), dwell (H), converted (H), each in [0, 1];
                                                          dwell is ``log(1 + seconds) / log(1 + 3600)``
``candidates``       int32        (C,)                    item ids that may be shown now; 0 = padding
``mask``             int8         (C,) binary             1 where the candidate may be chosen
``query``            uint8        (32,)                   the search query in UTF-8, 0 after its end; only where a
                                                          scenario has queries
``candidate_age``    float32      (C,)                    age in weeks, 0 to 1; only where ``behaviour.ageing`` is on
``candidate_vectors`` float32     (C * D,)                item vectors instead of ``candidates`` (wrapper only)
``history_vectors``  float32      (H * D,)                item vectors instead of ``history`` (wrapper only)
``context``          float32      (D,)                    unit vector of the language context (wrapper only)
==================== ============ ======================= =====================================================

In a vector environment every array has the number of people in front.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces

PROFILE = "profile"
SITUATION = "situation"
HISTORY = "history"
HISTORY_SCENARIO = "history_scenario"
HISTORY_FEEDBACK = "history_feedback"
CANDIDATES = "candidates"
MASK = "mask"
QUERY = "query"
CANDIDATE_AGE = "candidate_age"
CONTEXT = "context"
CANDIDATE_VECTORS = "candidate_vectors"
HISTORY_VECTORS = "history_vectors"

AGE_BANDS = ("18-24", "25-34", "35-49", "50-64", "65+")
LANGUAGES = ("English", "Chinese", "Spanish")
DAYPARTS = ("morning", "midday", "evening", "night")
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
DEVICES = ("phone", "tablet", "desktop", "tv")
LOCATIONS = ("home", "work", "on the move")

PROFILE_SIZE = len(AGE_BANDS) + len(LANGUAGES)
MAX_DWELL = 3600.0  # [s]
WEEK = 7 * 24 * 60  # [min], after which the clock begins again
QUERY_BYTES = 32


@dataclass(frozen=True)
class ObservationLayout:
    """The sizes that fix every observation's shape.

    Attributes:
        n_scenarios: S, how many scenarios the environment has.
        n_items: Largest item id; ids run from 1, 0 is padding.
        n_candidates: C.
        history_length: H.
        queries: Whether there is ``query``.
        ages: Whether there is ``candidate_age``.
    """

    n_scenarios: int
    n_items: int
    n_candidates: int
    history_length: int
    queries: bool = False
    ages: bool = False

    @property
    def situation_size(self) -> int:
        """Length of ``situation``."""
        return self.n_scenarios + len(DAYPARTS) + len(WEEKDAYS) + len(DEVICES) + len(LOCATIONS)

    def space(self) -> spaces.Dict:
        """The observation space of one person."""
        h, c = self.history_length, self.n_candidates
        parts: dict[str, spaces.Space[Any]] = {
            PROFILE: spaces.MultiBinary(PROFILE_SIZE),
            SITUATION: spaces.MultiBinary(self.situation_size),
            HISTORY: spaces.Box(0, self.n_items, (h,), np.int32),
            HISTORY_SCENARIO: spaces.Box(0, self.n_scenarios, (h,), np.int8),
            HISTORY_FEEDBACK: spaces.Box(0.0, 1.0, (3 * h,), np.float32),
            CANDIDATES: spaces.Box(0, self.n_items, (c,), np.int32),
            MASK: spaces.MultiBinary(c),
        }
        if self.queries:
            parts[QUERY] = spaces.Box(0, 255, (QUERY_BYTES,), np.uint8)
        if self.ages:
            parts[CANDIDATE_AGE] = spaces.Box(0.0, 1.0, (c,), np.float32)
        return spaces.Dict(parts)


def scenarios_in(situation_size: int) -> int:
    """How many scenarios S there are where ``situation`` has this length; they stand first in it."""
    return situation_size - len(DAYPARTS) - len(WEEKDAYS) - len(DEVICES) - len(LOCATIONS)


def context_space(dimension: int) -> spaces.Box:
    """The space of ``context``: components of a unit vector (or of zeros)."""
    return spaces.Box(-1.0, 1.0, (dimension,), np.float32)
