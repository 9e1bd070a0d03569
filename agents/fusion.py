"""The fusion network: one score per candidate, whatever their number and whichever items they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from torch import Tensor, nn

from crossrec.errors import ConfigError
from crossrec.observation import CONTEXT, MASK, PROFILE, SITUATION

from .history import TargetAttention, fixed_weights, slots
from .items import Observation, TableItems, make_items, size_of
from .masks import MASKED, allowed


@dataclass(frozen=True)
class FusionSizes:
    """Sizes of a fusion network; none depends on the number of candidates or items.

    Attributes:
        item_width: d, length of an item vector and of the context.
        hidden: Width of the query tower.
        head: Width of the per-candidate head.
        queries: Q, how many query vectors a person has.
        channels: J, how many learned weightings of the history.
        similarity: Weight of the cosine similarity at the start.
    """

    item_width: int = 64
    hidden: int = 128
    head: int = 32
    queries: int = 4
    channels: int = 8
    similarity: float = 1.0


class FusionNetwork(nn.Module):
    """Scores candidates for a person at a moment.

    A tower over (context, liked history, situation, profile) gives query vectors; candidates meet them and the history by
    inner products (target attention, see `TargetAttention`); a small head mixes these similarities under feature-wise
    modulation by the tower (FiLM, Perez et al. 2018). The score is ``level(person) + advantage(person, candidate)``, like
    the dueling network of Wang et al. (2016) but without its mean over candidates: a score must not depend on who else
    stands in the list. At the start the score is the cosine of candidate and context (or liked history).

    Args:
        space: Observation space of one person.
        sizes: Sizes of the network.
    """

    def __init__(self, space: spaces.Dict, sizes: FusionSizes | None = None) -> None:
        super().__init__()
        sizes = sizes or FusionSizes()
        d = sizes.item_width
        self.sizes = sizes
        self.with_context = CONTEXT in space.spaces
        if self.with_context and size_of(space, CONTEXT) != d:
            raise ConfigError(f"observation '{CONTEXT}' has {size_of(space, CONTEXT)} components; items have {d}.")
        self.items = make_items(space, d)
        anchors = 1 + self.with_context
        self.tower = nn.Sequential(
            nn.Linear(anchors * d + size_of(space, SITUATION) + size_of(space, PROFILE) + 1, sizes.hidden),
            nn.ReLU(),
            nn.Linear(sizes.hidden, sizes.hidden),
            nn.ReLU(),
        )
        self.query = nn.Linear(sizes.hidden, sizes.queries * d)
        self.mix = nn.Parameter(torch.full((sizes.queries, anchors), 0.5))  # what each query keeps of its anchors
        self.metric = nn.Linear(d, d, bias=False)  # residual: similarities start as cosines
        self.attention = TargetAttention(sizes.channels)
        features = sizes.queries + anchors + 1 + self.attention.width
        self.level = nn.Linear(sizes.hidden, 1)
        self.film = nn.Linear(sizes.hidden, 2 * sizes.head)
        self.widen = nn.Linear(features, sizes.head)
        self.deepen = nn.Linear(sizes.head, sizes.head)
        self.narrow = nn.Linear(sizes.head, 1)
        self.direct = nn.Linear(features, 1, bias=False)
        self._start_near_similarity()

    def _start_near_similarity(self) -> None:
        for layer in (self.query, self.film, self.level, self.narrow, self.metric):
            nn.init.normal_(layer.weight, std=1e-3)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        nn.init.zeros_(self.direct.weight)
        with torch.no_grad():
            self.direct.weight[0, 0] = self.sizes.similarity  # feature 0 is the first anchor: context, else liked history

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
            ``(B, C)`` with `MASKED` where a candidate may not be chosen; ``(B, 1)`` unmasked where ``actions`` is given.
        """
        return self.scores_and_state(obs, actions)[0]

    def scores_and_state(self, obs: Observation, actions: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Scores as in `forward`, and the tower's output ``(B, hidden)``, which a value head may read."""
        past = self.items.history(obs)  # (B, H, d)
        slot = slots(obs)
        fixed = fixed_weights(slot)
        liked = torch.einsum("bh,bhd->bd", fixed[..., 1], past)
        anchors = torch.stack((obs[CONTEXT].float(), liked) if self.with_context else (liked,), dim=1)
        about = (anchors.flatten(1), obs[SITUATION].float(), obs[PROFILE].float(), slot[..., 1].mean(1, keepdim=True))
        state = self.tower(torch.cat(about, dim=1))
        queries = self.query(state).view(-1, self.sizes.queries, self.sizes.item_width) + self.mix @ anchors
        keys = torch.cat((anchors, queries, past, past + self.metric(past)), dim=1)

        vectors, popularity = self.items.candidates(obs, actions)
        similar = torch.bmm(vectors, keys.transpose(1, 2))  # every inner product that is needed, in one go
        person, plain, learned = similar.split((similar.shape[-1] - 2 * past.shape[1], past.shape[1], past.shape[1]), -1)
        read = self.attention(slot, fixed, plain, learned)
        features = torch.cat((person, popularity[..., None], read), dim=-1)  # (B, C, F)

        scale, shift = self.film(state)[:, None].chunk(2, dim=-1)
        hidden = torch.relu(self.widen(features) * (1.0 + scale) + shift)
        hidden = torch.relu(self.deepen(hidden))
        scores = (self.narrow(hidden) + self.direct(features)).squeeze(-1) + self.level(state)
        if actions is None:
            scores = scores.masked_fill(~allowed(obs[MASK]), MASKED)
        return scores, state
