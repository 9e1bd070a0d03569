"""A distribution over slates: items are drawn one after another, and none is put back."""

from __future__ import annotations

from typing import Any, Self

import torch
from stable_baselines3.common.distributions import Distribution
from torch import Tensor


class PlackettLuce(Distribution):
    """The Plackett-Luce model (Plackett 1975): place k is a softmax over the candidates that are left.

    Draws by adding Gumbel noise to the logits and sorting, which gives exactly this distribution (Yellott 1977).

    Args:
        size: S, places of a slate.
    """

    logits: Tensor  # (B, C)

    def __init__(self, size: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.size = size

    def proba_distribution_net(self, *args: Any, **kwargs: Any) -> Any:
        """Not used: a policy gives the logits."""
        raise NotImplementedError("logits come from the fusion network")

    def proba_distribution(self, action_logits: Tensor) -> Self:
        """Take logits ``(B, C)``."""
        self.logits = action_logits
        return self

    def log_prob(self, actions: Tensor) -> Tensor:
        """Log-probability ``(B,)`` of slates ``(B, S)``."""
        actions = actions.long()
        chosen = self.logits.gather(1, actions)
        # The sum over what is left at each place: what stands before it in the slate is taken out.
        before = torch.zeros_like(self.logits, dtype=torch.bool).unsqueeze(1).repeat(1, self.size, 1)
        for place in range(1, self.size):
            before[:, place:].scatter_(2, actions[:, None, place - 1, None].expand(-1, self.size - place, 1), True)
        left = self.logits.unsqueeze(1).masked_fill(before, -torch.inf).logsumexp(2)
        return (chosen - left).sum(1)

    def entropy(self) -> None:
        """None: it has no closed form; learners then estimate it by the slates that they drew."""
        return None

    def sample(self) -> Tensor:
        """Slates ``(B, S)``."""
        noise = torch.empty_like(self.logits).exponential_().log()
        return (self.logits - noise).topk(self.size, dim=1).indices

    def mode(self) -> Tensor:
        """Most probable slates ``(B, S)``."""
        return self.logits.topk(self.size, dim=1).indices

    def actions_from_params(self, action_logits: Tensor, deterministic: bool = False) -> Tensor:
        """Slates ``(B, S)`` of logits ``(B, C)``."""
        return self.proba_distribution(action_logits).get_actions(deterministic=deterministic)

    def log_prob_from_params(self, action_logits: Tensor) -> tuple[Tensor, Tensor]:
        """Drawn slates ``(B, S)`` and their log-probabilities ``(B,)``."""
        actions = self.actions_from_params(action_logits)
        return actions, self.log_prob(actions)
