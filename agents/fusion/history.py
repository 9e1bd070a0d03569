"""What a person's recent past says: features of each history slot, and weights that read candidates against them."""

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

#: Columns of `slots`, and the two that others read by name.
SLOT_FEATURES = 13
CLICKED, TASTE = 3, 8
_KEPT = (1.0, 0.6, 0.9)  # per step back: all alike; boredom, gone in a few steps; taste, which lasts the whole history
_AFTER_SCENARIO = len(DAYPARTS) + len(WEEKDAYS) + len(DEVICES) + len(LOCATIONS)


def slots(obs: Observation) -> Tensor:
    """Features of each history slot; all are zero where nothing was shown.

    They mean something by themselves: similarities summed with them are the nearness to what was shown, shown lately,
    clicked, clicked lately, and (by difference) ignored lately, which is satiation or dislike.

    Returns:
        ``(B, H, 13)``: shown, shown lately (0.6 per step back) and slowly forgotten (0.9); clicked in the same three
        ways; these three summing to 1 (the last is "recent taste"); dwell; converted; shown in the scenario of now;
        clicked in it.
    """
    scenario = obs[HISTORY_SCENARIO]  # (B, H)
    batch, length = scenario.shape
    shown = (scenario > 0).float()
    feedback = obs[HISTORY_FEEDBACK].float().view(batch, 3, length) * shown.unsqueeze(1)
    clicked = feedback[:, 0]
    rates = torch.tensor(_KEPT, device=scenario.device)
    kept = rates ** torch.arange(length, device=scenario.device).unsqueeze(1)  # (H, 3)
    taste = clicked.unsqueeze(-1) * kept
    shares = taste / taste.sum(1, keepdim=True).clamp(min=1e-6)
    here = obs[SITUATION][:, :-_AFTER_SCENARIO].argmax(1, keepdim=True) + 1
    same = (scenario == here).float()
    others = torch.stack((feedback[:, 1], feedback[:, 2], same, clicked * same), dim=-1)
    return torch.cat((shown.unsqueeze(-1) * kept, taste, shares, others), dim=-1)


class TargetAttention(nn.Module):
    """Reads candidates against the history, after the activation unit of DIN (Zhou et al. 2018).

    DIN weighs history items by a small network of (candidate, item) and sums their vectors without a softmax. Here what
    is summed for candidate c are similarities, and item h's weight comes from its slot: ``sum_h w(slot_h) s(c, h)`` and
    ``sum_h v(slot_h) sigmoid(a s(c, h) - b)``, one such pair for each unit of the head. So it is a batched product with
    weights that belong to the person, and no ``(B, C, H, d)`` tensor is made.

    Args:
        units: Units of the head that the weights lead to.
    """

    def __init__(self, units: int) -> None:
        super().__init__()
        self.weigh = nn.Linear(SLOT_FEATURES, 2 * units, bias=False)
        self.gate = nn.Parameter(torch.tensor([10.0, 6.0]))  # near relatives count, distant ones hardly

    def weights(self, slot: Tensor) -> Tensor:
        """Weights ``(B, 2 * H, units)`` of similarities and of gates; zero where nothing was shown."""
        return torch.cat(self.weigh(slot).chunk(2, dim=-1), dim=1)

    def gates(self, similar: Tensor) -> Tensor:
        """``sigmoid(a s - b)``, elementwise."""
        return torch.sigmoid(similar * self.gate[0] - self.gate[1])
