"""What one step does to a person: interests drift, boredom grows and fades, mood follows experience.

    theta'        = theta + drift * (x - theta) on a click on x; private interest stays
    satiation'    = satiation_decay * (satiation + sum_j t_j x_j) - (1 - satiation_decay) * rebound
    satisfaction' = satisfaction + mood * (experience - satisfaction)
    experience    = (0.5 + 0.3 dwell + 0.2 conversion) * exp(-bait * b) on a click, 0 without one

with x the topics shown, t_j how much place j of the slate is examined, dwell scaled to [0, 1], b whether the title was
bait. With ``rebound`` a topic left alone recovers beyond where it began, so it is missed. What ``satiation_leak`` does
not let along to another scenario is gone, not kept for the old one.

References:
    Drift toward what is enjoyed: RecSim's interest evolution (Ie et al. 2019).
    Satiation as a leaky integrator of exposure, and its rebound: rebounding bandits (Leqi et al. 2021).
    Clicks that please at once and disappoint later: RecSim's long-term satisfaction environment (Ie et al. 2019).
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
    slates: NDArray[np.int32],
    scenario: NDArray[np.integer],
    feedback: Feedback,
    on_mind: NDArray[np.float64],
    choice: ChoiceModel,
) -> None:
    """Update the hidden state after a slate was shown, in place.

    Args:
        truth: Hidden state of n people.
        slates: (n, S) items shown, 0 for none.
        scenario: (n,) where.
        feedback: What happened to them.
        on_mind: (n,) uniform draws: does a click put the topic on the mind?
        choice: Knows the catalogue, the strengths and how scenarios share interests.
    """
    catalogue, b, click = choice.catalogue, choice.behaviour, feedback.click
    items = slates[np.arange(len(click)), feedback.place]
    rate = np.float32(b.drift) * click[:, None]
    truth.theta += rate * (choice.as_shared(catalogue.topics[items], scenario) - truth.theta)
    for place in range(slates.shape[1]):
        examined = (choice.examination[scenario] ** place).astype(np.float32)
        truth.satiation += examined[:, None] * catalogue.topics[slates[:, place]]
    truth.satiation *= np.float32(b.satiation_decay)
    if b.rebound:
        truth.satiation -= np.float32((1.0 - b.satiation_decay) * b.rebound)
    experience = np.where(click, 0.5 + 0.3 * scaled_dwell(feedback.dwell) + 0.2 * feedback.conversion, 0.0)
    if b.bait:
        experience *= np.exp(-b.bait * catalogue.bait[items])
    truth.satisfaction += b.mood * (experience - truth.satisfaction)
    captured = click & (on_mind < b.on_mind)
    np.copyto(truth.intent, catalogue.main_topic[items], where=captured)
    truth.clicked[:] = click


def remember(seen: Seen, slates: NDArray[np.int32], feedback: Feedback) -> None:
    """Push what happened to the front of the observable history, in place: a slate's places in their order."""
    n, size = slates.shape
    clicked = np.zeros((n, size), np.bool_)
    clicked[np.arange(n), feedback.place] = feedback.click
    for old in (seen.history, seen.history_scenario, seen.history_feedback):
        old[..., size:] = old[..., :-size].copy()
    seen.history[:, :size] = slates
    seen.history_scenario[:, :size] = np.where(slates > 0, seen.scenario[:, None] + 1, 0)
    seen.history_feedback[:, 0, :size] = clicked
    seen.history_feedback[:, 1, :size] = clicked * scaled_dwell(feedback.dwell)[:, None]
    seen.history_feedback[:, 2, :size] = clicked * feedback.conversion[:, None]
    liked = np.flatnonzero(feedback.click)
    seen.enjoyed[liked, 1:] = seen.enjoyed[liked, :-1]
    seen.enjoyed[liked, 0] = slates[liked, feedback.place[liked]]
