"""What a person's recent past says: features of each history slot, and weights that read candidates against it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from crossrec.observation import (
    DAYPARTS,
    DEVICES,
    HISTORY_FEEDBACK,
    HISTORY_SCENARIO,
    LOCATIONS,
    SITUATION,
    WEEKDAYS,
)

from .items import Observation

#: Columns of `slots`.
SLOT_FEATURES = 11
#: Columns of `fixed_weights`.
FIXED_WEIGHTS = 5
_FAST, _SLOW = 0.6, 0.9  # per step back; the half-lives of boredom (1.4 steps) and of taste (6.6 steps) to begin with
_AFTER_SCENARIO = len(DAYPARTS) + len(WEEKDAYS) + len(DEVICES) + len(LOCATIONS)


def slots(obs: Observation) -> Tensor:
    """Features of each history slot.

    Returns:
        ``(B, H, 11)``: shown, clicked, dwell, converted, same scenario as now, clicked and same; the fast and slow decay;
        clicked fast, clicked slow, ignored fast.
    """
    scenario = obs[HISTORY_SCENARIO].long()  # (B, H)
    batch, length = scenario.shape
    clicked, dwell, converted = obs[HISTORY_FEEDBACK].float().view(batch, 3, length).unbind(1)
    shown = (scenario > 0).float()
    here = obs[SITUATION][:, :-_AFTER_SCENARIO].argmax(1, keepdim=True) + 1
    same = (scenario == here).float()
    back = torch.arange(length, device=scenario.device)
    fast, slow = shown * _FAST**back, shown * _SLOW**back
    columns = (shown, clicked, dwell, converted, same, clicked * same, fast, slow, clicked * fast, clicked * slow)
    return torch.stack((*columns, fast - clicked * fast), dim=-1)


def fixed_weights(slot: Tensor) -> Tensor:
    """Weights with a known meaning, so that the first scores say something before anything is learned.

    Args:
        slot: ``(B, H, 11)`` from `slots`.

    Returns:
        ``(B, H, 5)``: mean over the clicked; the same, recent first; ignored lately; shown lately; the last clicked.
    """
    clicked, fast, recent, ignored = slot[..., 1], slot[..., 6], slot[..., 9], slot[..., 10]
    mean = clicked / clicked.sum(1, keepdim=True).clamp(min=1.0)
    taste = recent / recent.sum(1, keepdim=True).clamp(min=1e-6)
    last = clicked * (clicked.cumsum(1) == 1.0)
    return torch.stack((mean, taste, ignored, fast, last), dim=-1)


class TargetAttention(nn.Module):
    """Reads every candidate against every history item, after the activation unit of DIN (Zhou et al. 2018).

    DIN weighs history items by a small network of (candidate, item) and sums their vectors without a softmax. Here the
    weight of item h for candidate c factorises, ``k(cos(c, h)) * w(slot of h)``, and what is summed are the similarities
    themselves. So no ``(B, C, H, d)`` tensor is needed: two batched products give all channels.

    Args:
        channels: J, how many learned weightings there are.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.weigh = nn.Sequential(nn.Linear(SLOT_FEATURES, 24), nn.ReLU(), nn.Linear(24, 2 * channels))
        self.sharpness = nn.Parameter(torch.tensor(4.0))
        self.width = FIXED_WEIGHTS + 1 + 2 * channels

    def forward(self, slot: Tensor, fixed: Tensor, plain: Tensor, learned: Tensor) -> Tensor:
        """Similarity features of each candidate.

        Args:
            slot: ``(B, H, 11)``.
            fixed: ``(B, H, 5)`` from `fixed_weights`.
            plain: ``(B, C, H)`` cosines of candidates and history items.
            learned: ``(B, C, H)`` similarities under the learned metric.

        Returns:
            ``(B, C, width)``.
        """
        smooth, sharp = self.weigh(slot).mul(slot[..., :1]).split(self.channels, dim=-1)  # an empty slot weighs nothing
        kernel = torch.exp(self.sharpness.clamp(0.0, 20.0) * (learned.clamp(max=2.0) - 1.0))
        clicked = slot[:, None, :, 1]  # (B, 1, H)
        best = (plain * clicked - (1.0 - clicked)).amax(-1, keepdim=True)  # nearest clicked item; -1 where none is
        parts = (torch.bmm(plain, fixed), best, torch.bmm(learned, smooth), torch.bmm(kernel, sharp))
        return torch.cat(parts, dim=-1)
