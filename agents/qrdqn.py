"""QR-DQN: DQN that learns how returns are distributed, by quantiles."""

from __future__ import annotations

from typing import Any

import torch
from sb3_contrib.common.utils import quantile_huber_loss
from torch import Tensor

from .dqn import MaskedDQN


class MaskedQRDQN(MaskedDQN):
    """QR-DQN (Dabney et al. 2018), with masks, slates, options and replay of `MaskedDQN`.

    The network gives N quantiles of the return for each candidate; their mean is the Q-value that it acts by. With
    slates each item's quantiles are those of the whole slate's return.
    """

    def return_loss(self, scores: Tensor, data: Any) -> Tensor:
        """Quantile Huber loss between the quantiles of what was shown, ``(B, S, N)``, and of its targets."""
        with torch.no_grad():
            chooser = self.q_net if self.double else self.q_net_target
            greedy = chooser.choose(data.next_observations)
            following = self.q_net_target.fusion.read(data.next_observations, greedy).scores.mean(1)  # (B, N)
            target = data.rewards + (1.0 - data.dones) * self.discounts(data) * following
        current = scores.flatten(0, 1)  # (B * S, N)
        loss: Tensor = quantile_huber_loss(
            current, target.repeat_interleave(scores.shape[1], 0), sum_over_quantiles=True
        )
        return loss
