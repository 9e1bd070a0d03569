"""What one step does to a person: interests drift, boredom grows and fades, mood follows experience.

Only shared interest drifts, ``theta' = theta + drift * (x - theta)`` on a click; private interest stays. What
``satiation_leak`` does not let along to another scenario is gone, not kept for the old one.

References:
    Drift toward what is enjoyed: RecSim's interest evolution (Ie et al. 2019).
    Satiation as a leaky integrator of exposure, ``s' = decay * (s + x)``: rebounding bandits (Leqi et al. 2021).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crossrec.observation import MAX_DWELL
from crossrec.simulation.choice import ChoiceModel, Feedback
from crossrec.simulation.state import Seen, Truth

_LOG_MAX_DWELL = np.log1p(MAX_DWELL)


def scaled_dwell(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Dwell in [0, 1]: ``log(1 + seconds) / log(1 + 3600)``."""
    scaled: NDArray[np.float64] = np.log1p(seconds) / _LOG_MAX_DWELL
    return scaled


def react(
    truth: Truth,
    items: NDArray[np.int32],
    scenario: NDArray[np.int64],
    feedback: Feedback,
    on_mind: NDArray[np.float64],
    choice: ChoiceModel,
) -> None:
    """Update the hidden state after an item was shown, in place.

    Args:
        truth: Hidden state of n people.
        items: (n,) items shown, 0 for none.
        scenario: (n,) where.
        feedback: What happened to them.
        on_mind: (n,) uniform draws: does a click put the topic on the mind?
        choice: Knows the catalogue, the strengths and how scenarios share interests.
    """
    catalogue, behaviour = choice.catalogue, choice.behaviour
    topics, click = catalogue.topics[items], feedback.click
    rate = np.float32(behaviour.drift) * click[:, None]
    truth.theta += rate * (choice.as_shared(topics, scenario) - truth.theta)
    truth.satiation += topics
    truth.satiation *= np.float32(behaviour.satiation_decay)
    experience = np.where(click, 0.5 + 0.3 * scaled_dwell(feedback.dwell) + 0.2 * feedback.conversion, 0.0)
    truth.satisfaction += behaviour.mood * (experience - truth.satisfaction)
    captured = click & (on_mind < behaviour.on_mind)
    np.copyto(truth.intent, catalogue.main_topic[items], where=captured)
    truth.clicked[:] = click


def remember(seen: Seen, items: NDArray[np.int32], scenario: NDArray[np.int64], feedback: Feedback) -> None:
    """Push what happened to the front of the observable history, in place."""
    for name in ("history", "history_scenario", "history_feedback"):
        old = getattr(seen, name)
        new = np.empty_like(old)  # one copy, where shifting in place makes two
        new[..., 1:] = old[..., :-1]
        setattr(seen, name, new)
    seen.history[:, 0] = items
    seen.history_scenario[:, 0] = np.where(items > 0, scenario + 1, 0)
    seen.history_feedback[:, 0, 0] = feedback.click
    seen.history_feedback[:, 1, 0] = scaled_dwell(feedback.dwell)
    seen.history_feedback[:, 2, 0] = feedback.conversion
    liked = np.flatnonzero(feedback.click)
    seen.enjoyed[liked, 1:] = seen.enjoyed[liked, :-1]
    seen.enjoyed[liked, 0] = items[liked]
