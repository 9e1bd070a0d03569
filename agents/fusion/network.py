"""The fusion network: one score per candidate, whatever their number and whichever items they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from torch import Tensor, nn

from crossrec.errors import ConfigError
from crossrec.observation import CANDIDATE_AGE, CONTEXT, MASK, PROFILE, SITUATION

from ..masks import MASKED, allowed
from .history import CLICKED, TASTE, TargetAttention, slots
from .items import Observation, TableItems, make_items, size_of


@dataclass(frozen=True)
class FusionSizes:
    """Sizes of a fusion network; none depends on the number of candidates or items.

    Attributes:
        item_width: d, length of an item vector and of the context.
        hidden: Width of the query tower.
        head: U, units of the per-candidate head.
        queries: Q, how many query vectors a person has.
        similarity: Weight of the cosine similarity at the start.
    """

    item_width: int = 64
    hidden: int = 64
    head: int = 16
    queries: int = 2
    similarity: float = 1.0


class FusionNetwork(nn.Module):
    """Scores candidates for a person at a moment.

    A tower over (context, liked history, situation, profile) makes query vectors. Candidates meet these and the history
    by inner products, and a small head reads the similarities with weights that belong to the person: the tower scales
    and shifts them (FiLM, Perez et al. 2018), the history gives its own (`TargetAttention`). The score is
    ``level(person) + advantage(person, candidate)`` as in the dueling network of Wang et al. (2016), but without its
    mean over candidates: a score must not depend on who else stands in the list. At first it is the cosine of candidate
    and context (or, without one, recent taste), so learning starts from a sensible order rather than from noise.

    Args:
        space: Observation space of one person.
        sizes: Sizes of the network.

    Raises:
        ConfigError: If context and items differ in width, or the observation holds no items.
    """

    def __init__(self, space: spaces.Dict, sizes: FusionSizes | None = None) -> None:
        super().__init__()
        self.sizes = sizes = sizes or FusionSizes()
        d, units = sizes.item_width, sizes.head
        self.with_context = CONTEXT in space.spaces
        if self.with_context and size_of(space, CONTEXT) != d:
            raise ConfigError(f"observation '{CONTEXT}' has {size_of(space, CONTEXT)} components; items have {d}.")
        self.items = make_items(space, d)
        anchors = 1 + self.with_context
        about = anchors * d + size_of(space, SITUATION) + size_of(space, PROFILE) + 1
        self.tower = nn.Sequential(
            nn.Linear(about, sizes.hidden), nn.ReLU(), nn.Linear(sizes.hidden, sizes.hidden), nn.ReLU()
        )
        self.mix = nn.Parameter(torch.full((sizes.queries, anchors), 0.5))  # what each query keeps of its anchors
        self.person = nn.Linear(sizes.hidden, sizes.queries * d + 2 * units + 1)  # queries, scale, shift, level
        self.attention = TargetAttention(units)
        self.with_age = CANDIDATE_AGE in space.spaces
        self.near_person = anchors + sizes.queries
        self.about = self.near_person + 2 + self.with_age  # similarities to the person, nearest liked, popularity, age
        self.widen = nn.Parameter(torch.empty(self.about, units))
        self.deepen = nn.Linear(units, units)
        self.narrow = nn.Linear(units, 1)
        self.direct = nn.Linear(self.about, 1, bias=False)
        self._start_near_similarity()

    def _start_near_similarity(self) -> None:
        nn.init.kaiming_uniform_(self.widen, a=5**0.5)
        for layer in (self.person, self.narrow):
            nn.init.normal_(layer.weight, std=1e-3)
            nn.init.zeros_(layer.bias)
        nn.init.zeros_(self.direct.weight)
        with torch.no_grad():
            self.direct.weight[0, 0] = self.sizes.similarity  # to the first anchor: context, else recent taste

    def set_items(self, table: NDArray[np.float32]) -> None:
        """Take a catalogue's table (see `item_table`), of any number of items."""
        if not isinstance(self.items, TableItems):
            raise ConfigError("this network reads item vectors from the observation; it takes no item table.")
        self.items.set_table(table)

    def forward(self, obs: Observation, actions: Tensor | None = None) -> Tensor:
        """Scores of all candidates, or of one chosen candidate each.

        Args:
            obs: Observation tensors, batched.
            actions: ``(B, 1)`` positions; None for all candidates.

        Returns:
            ``(B, C)`` with `MASKED` where a candidate may not be chosen; ``(B, 1)`` unmasked if ``actions`` is given.
        """
        return self.scores_and_state(obs, actions)[0]

    def scores_and_state(self, obs: Observation, actions: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Scores as in `forward`, and the tower's output ``(B, hidden)``, which a value head may read."""
        past, slot = self.items.history(obs), slots(obs)  # (B, H, d), (B, H, F)
        taste = torch.bmm(slot[..., TASTE].contiguous().unsqueeze(1), past)  # (B, 1, d)
        anchors = torch.cat((obs[CONTEXT].float().unsqueeze(1), taste), dim=1) if self.with_context else taste
        clicked = slot[..., CLICKED]  # (B, H)
        about = (anchors.flatten(1), obs[SITUATION].float(), obs[PROFILE].float(), clicked.mean(1, keepdim=True))
        state = self.tower(torch.cat(about, dim=1))
        units, width = self.sizes.head, self.sizes.queries * self.sizes.item_width
        drawn, scale, shift, level = torch.split(self.person(state), [width, units, units, 1], dim=1)
        queries = drawn.view(-1, self.sizes.queries, self.sizes.item_width) + self.mix @ anchors

        vectors, popularity = self.items.candidates(obs, actions)
        keys = torch.cat((anchors, queries, past), dim=1)
        similar = torch.bmm(vectors, keys.transpose(1, 2))  # every inner product that is needed, in one go
        person, history = torch.split(similar, [self.near_person, past.shape[1]], dim=-1)
        nearest = (history * clicked.unsqueeze(1)).amax(-1, keepdim=True)
        known = torch.cat((person, nearest, popularity.unsqueeze(-1)), dim=-1)
        if self.with_age:
            age = obs[CANDIDATE_AGE] if actions is None else obs[CANDIDATE_AGE].gather(1, actions)
            known = torch.cat((known, age.float().unsqueeze(-1)), dim=-1)  # (B, C, about)

        shared = self.widen.expand(len(state), -1, -1)
        own = torch.cat((shared, self.attention.weights(slot)), dim=1) * (1.0 + scale.unsqueeze(1))
        inputs = torch.cat((known, history, self.attention.gates(history)), dim=-1)
        hidden = torch.baddbmm(shift.unsqueeze(1), inputs, own).relu_()  # (B, C, U)
        hidden = self.deepen(hidden).relu_()
        scores = (self.narrow(hidden) + self.direct(known)).squeeze(-1) + level
        return (scores if actions is not None else scores.masked_fill(~allowed(obs[MASK]), MASKED)), state
