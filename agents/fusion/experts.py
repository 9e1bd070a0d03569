"""Experts: a fusion network for each scenario, alone or mixed.

With ``K`` scenarios and a moment in scenario ``s``, candidate ``i`` scores

    independent   q_s(i)
    average       mean of q_1(i) ... q_K(i)
    stacked       sum over k of w_sk q_k(i), w_s = softmax(m_s), one learnt row of m for each scenario
    gated         sum over k of g_k q_k(i), g = softmax(m_s + gate(context, situation, profile))

``m`` begins at 3 on its diagonal and 0 elsewhere, and the gate near 0: mixtures begin near the scenario's own expert.
Independent experts learn from nothing but moments in their own scenario; together with ``env.history=own`` they know
nothing of each other, but for the value of what comes next, which the next scenario's expert tells. Actor-critics have
experts as actors only: their critic is one, and reads the tower of the expert that acts.

References:
    Gates: Jacobs et al. (1991), "Adaptive mixtures of local experts". Stacking: Wolpert (1992), "Stacked
    generalization".
"""

from __future__ import annotations

from typing import cast

import torch
from gymnasium import spaces
from torch import Tensor, nn

from crossrec.observation import CONTEXT, PROFILE, SITUATION, scenarios_in

from .items import Observation, RawItems, TableItems, size_of
from .moment import small
from .network import CandidateScorer, FusionNetwork, FusionSizes, Reading

_OWN = 3.0  # log-weight of a scenario's own expert at the start


class ExpertNetwork(CandidateScorer):
    """One fusion network for each scenario; they share the item table.

    Args:
        space: Observation space of one person.
        sizes: Of each network; ``sizes.experts`` says how they are mixed.

    Raises:
        ConfigError: As `FusionNetwork`.
    """

    def __init__(self, space: spaces.Dict, sizes: FusionSizes) -> None:
        super().__init__()
        self.sizes, self.n = sizes, scenarios_in(size_of(space, SITUATION))
        self.experts = nn.ModuleList(FusionNetwork(space, sizes) for _ in range(self.n))
        self.share_items(self._expert(0).items)
        mixed = sizes.experts in ("stacked", "gated")
        self.mix = nn.Parameter(_OWN * torch.eye(self.n)) if mixed else None
        self.told = tuple(key for key in (CONTEXT, SITUATION, PROFILE) if key in space.spaces)
        self.topic, self.gate = None, None
        if sizes.experts == "gated":
            about = sum(size_of(space, key) for key in self.told)
            self.gate = nn.Sequential(nn.Linear(about, sizes.hidden), nn.ReLU(), small(nn.Linear(sizes.hidden, self.n)))

    def share_items(self, items: TableItems | RawItems) -> None:
        """See `CandidateScorer.share_items`."""
        self.items = items
        for k in range(self.n):
            self._expert(k).share_items(items)

    def read(self, obs: Observation, actions: Tensor | None = None) -> Reading:
        """See `CandidateScorer.read`."""
        if self.sizes.experts == "independent":
            return self._own(obs, actions)
        readings = [self._expert(k).read(obs, actions) for k in range(self.n)]
        weights = self.weights(obs)  # (B, K)
        return Reading(
            _mixed(weights, [reading.scores for reading in readings]),
            _mixed(weights, [reading.further for reading in readings]),
            _mixed(weights, [reading.state for reading in readings]),
        )

    def weights(self, obs: Observation) -> Tensor:
        """What each expert counts at each moment, ``(B, K)``; rows sum to 1."""
        where = obs[SITUATION][:, : self.n].float()
        if self.sizes.experts == "independent":
            return where
        if self.mix is None:
            return torch.full_like(where, 1.0 / self.n)
        logits = where @ self.mix
        if self.gate is not None:
            logits = logits + self.gate(torch.cat([obs[key].float() for key in self.told], dim=1))
        return logits.softmax(dim=1)

    def _expert(self, k: int) -> FusionNetwork:
        return cast(FusionNetwork, self.experts[k])

    def _own(self, obs: Observation, actions: Tensor | None) -> Reading:
        """Everybody read by the own scenario's expert, each expert once."""
        where = obs[SITUATION][:, : self.n].float().argmax(dim=1)
        order = where.argsort(stable=True)
        parts = []
        sizes = torch.bincount(where, minlength=self.n).tolist()
        for k, rows in enumerate(torch.split(order, sizes)):
            if len(rows):
                own = {key: values[rows] for key, values in obs.items()}
                parts.append(self._expert(k).read(own, None if actions is None else actions[rows]))
        back = order.argsort()
        return Reading(
            torch.cat([part.scores for part in parts])[back],
            torch.cat([part.further for part in parts])[back],
            torch.cat([part.state for part in parts])[back],
        )


def make_network(space: spaces.Dict, sizes: FusionSizes) -> CandidateScorer:
    """The network that sizes describe: one for all scenarios, or experts."""
    return FusionNetwork(space, sizes) if sizes.experts == "shared" else ExpertNetwork(space, sizes)


def _mixed(weights: Tensor, parts: list[Tensor]) -> Tensor:
    """Sum over experts of weights ``(B, K)`` times parts ``(B, ...)``."""
    stacked = torch.stack(parts, dim=-1)  # (B, ..., K)
    shape = (len(weights), *(1,) * (stacked.ndim - 2), weights.shape[1])
    return (stacked * weights.view(shape)).sum(dim=-1)
