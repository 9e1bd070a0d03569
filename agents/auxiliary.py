"""Auxiliary losses: what people did with what was shown teaches the same network, beside the reward.

What followed an action stands in the next observation, whose newest history slots are the items just shown, so replay
needs nothing more. The heads share the tower and the fusion module, as in UNREAL (Jaderberg et al. 2017).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from crossrec.observation import HISTORY_FEEDBACK, HISTORY_SCENARIO

from .fusion.items import Observation
from .fusion.network import CandidateScorer, Reading

#: click: whether a shown item is clicked; dwell: how long it is looked at if it is (as the observation scales it);
#: topic: the direction among item vectors of what is liked next.
HEADS = ("click", "dwell", "topic")


def reaction(following: Observation, shown: int) -> tuple[Tensor, Tensor, Tensor]:
    """What happened at each place of the slates that were shown, read from the next observation.

    Args:
        following: Next observations, batched.
        shown: S, items shown at once.

    Returns:
        ``(B, S)`` each: whether there was an item, whether it was clicked (0 or 1), its dwell in [0, 1].
    """
    scenario = following[HISTORY_SCENARIO]
    feedback = following[HISTORY_FEEDBACK].float().view(len(scenario), 3, -1)[:, :, :shown]
    return scenario[:, :shown] > 0, feedback[:, 0], feedback[:, 1]


def auxiliary_loss(
    network: CandidateScorer, reading: Reading, following: Observation, weights: Mapping[str, float]
) -> Tensor:
    """Weighted sum of the losses of a network's auxiliary heads.

    Args:
        network: Whose heads.
        reading: Of the items that were shown, ``(B, S, ...)``.
        following: Observations one step later.
        weights: By head; those of the network.
    """
    shown, click, dwell = reaction(following, reading.scores.shape[1])
    heads = [name for name in network.sizes.auxiliary if name != "topic"]
    outputs = dict(zip(heads, reading.further.unbind(-1), strict=True))
    total = reading.scores.new_zeros(())
    if "click" in outputs:
        loss = F.binary_cross_entropy_with_logits(outputs["click"], click, reduction="none")
        total = total + weights["click"] * _mean(loss, shown)
    if "dwell" in outputs:
        total = total + weights["dwell"] * _mean((outputs["dwell"] - dwell).square(), click > 0)
    if network.topic is not None:
        liked = torch.bmm(click.unsqueeze(1), network.items.history(following)[:, : click.shape[1]]).squeeze(1)
        away = 1.0 - F.cosine_similarity(network.topic(reading.state), liked, dim=-1)
        total = total + weights["topic"] * _mean(away, (click > 0).any(1))
    return total


def _mean(values: Tensor, where: Tensor) -> Tensor:
    """Mean over some entries; 0 where there is none."""
    return (values * where).sum() / where.sum().clamp(min=1)
