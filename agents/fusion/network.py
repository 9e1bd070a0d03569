"""The fusion network: scores per candidate, whatever their number and whichever items they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from torch import Tensor, nn

from crossrec.errors import ConfigError, check_name
from crossrec.observation import CANDIDATE_AGE, CONTEXT, MASK, PROFILE, SITUATION

from ..masks import MASKED, allowed
from .history import CLICKED, TASTE, slots
from .items import Observation, RawItems, TableItems, make_items, size_of
from .modules import MODULES
from .moment import FusionShape, Moment, Offered, small


@dataclass(frozen=True)
class FusionSizes:
    """Sizes of a fusion network; none depends on the number of candidates or items.

    Attributes:
        item_width: d, length of an item vector and of the context.
        fusion: One of `MODULES`.
        hidden: Width of the query tower.
        head: U, units of the per-candidate head.
        queries: Q, how many query vectors a person has.
        similarity: Weight of the cosine similarity at the start.
        outputs: Scores per candidate: 1, or as many as an algorithm wants of it (quantiles, for instance).
        dueling: Whether scores have a level that is the same for all candidates, beside their advantage.
        experts: Whether all scenarios share one network, see `crossrec.agents.fusion.experts`.
        auxiliary: Which of `crossrec.agents.auxiliary.HEADS` the network has, in the order of its further outputs.
    """

    item_width: int = 64
    fusion: str = "attention"
    hidden: int = 64
    head: int = 16
    queries: int = 2
    similarity: float = 1.0
    outputs: int = 1
    dueling: bool = True
    auxiliary: tuple[str, ...] = ()
    experts: str = "shared"


@dataclass(frozen=True)
class Reading:
    """What the network says of some candidates.

    Attributes:
        scores: ``(B, m, outputs)``; not masked.
        further: ``(B, m, f)`` outputs of the auxiliary heads that ask about candidates.
        state: ``(B, hidden)`` of the tower.
    """

    scores: Tensor
    further: Tensor
    state: Tensor


class CandidateScorer(nn.Module):
    """What algorithms know of a network that scores candidates; derived classes set its attributes."""

    sizes: FusionSizes
    items: TableItems | RawItems
    topic: nn.Linear | None

    def set_items(self, table: NDArray[np.float32]) -> None:
        """Take a catalogue's table (see `item_table`), of any number of items."""
        if not isinstance(self.items, TableItems):
            raise ConfigError("this network reads item vectors from the observation; it takes no item table.")
        self.items.set_table(table)

    def share_items(self, items: TableItems | RawItems) -> None:
        """Use another network's items from now on."""
        self.items = items

    def forward(self, obs: Observation, actions: Tensor | None = None) -> Tensor:
        """Scores of all candidates, or of some chosen ones.

        Args:
            obs: Observation tensors, batched.
            actions: ``(B, m)`` positions; None for all candidates.

        Returns:
            ``(B, C)`` with `MASKED` where a candidate may not be chosen; ``(B, m)`` unmasked if ``actions`` is given.
            With several outputs ``(B, C, outputs)`` and ``(B, m, outputs)``.
        """
        return self.masked(self.read(obs, actions).scores, obs, actions)

    def masked(self, scores: Tensor, obs: Observation, actions: Tensor | None = None) -> Tensor:
        """What `forward` returns, made from a reading's scores ``(B, m, outputs)``."""
        if actions is None:
            scores = scores.masked_fill(~allowed(obs[MASK]).unsqueeze(-1), MASKED)
        return scores.squeeze(-1) if self.sizes.outputs == 1 else scores

    def read(self, obs: Observation, actions: Tensor | None = None) -> Reading:
        """Everything that the network says of all candidates, or of ``actions (B, m)``."""
        raise NotImplementedError


class FusionNetwork(CandidateScorer):
    """Scores candidates for a person at a moment.

    A tower over (context, liked history, situation, profile) reads the moment; a fusion module (`MODULES`) lets it meet
    the candidates. The score is ``level(person) + advantage(person, candidate)`` as in the dueling network of Wang et
    al. (2016), but without its mean over candidates: a score must not depend on who else stands in the list.

    Args:
        space: Observation space of one person.
        sizes: Sizes of the network.

    Raises:
        ConfigError: If context and items differ in width, the observation holds no items, or the fusion is unknown.
    """

    def __init__(self, space: spaces.Dict, sizes: FusionSizes | None = None) -> None:
        super().__init__()
        self.sizes = sizes = sizes or FusionSizes()
        d = sizes.item_width
        self.with_context = CONTEXT in space.spaces
        self.with_age = CANDIDATE_AGE in space.spaces
        if self.with_context and size_of(space, CONTEXT) != d:
            raise ConfigError(f"observation '{CONTEXT}' has {size_of(space, CONTEXT)} components; items have {d}.")
        check_name("agent.fusion", sizes.fusion, MODULES)
        self.items = make_items(space, d)
        anchors = 1 + self.with_context
        about = anchors * d + size_of(space, SITUATION) + size_of(space, PROFILE) + 1
        self.tower = nn.Sequential(
            nn.Linear(about, sizes.hidden), nn.ReLU(), nn.Linear(sizes.hidden, sizes.hidden), nn.ReLU()
        )
        shape = FusionShape(
            width=d,
            anchors=anchors,
            hidden=sizes.hidden,
            units=sizes.head,
            queries=sizes.queries,
            about=1 + self.with_age,
            outputs=sizes.outputs + sum(name != "topic" for name in sizes.auxiliary),
            similarity=sizes.similarity,
        )
        self.fuse = MODULES[sizes.fusion](shape)
        self.level = small(nn.Linear(sizes.hidden, shape.outputs)) if sizes.dueling else None
        # What will be liked next is a direction among item vectors; it asks about the person alone.
        self.topic = small(nn.Linear(sizes.hidden, d)) if "topic" in sizes.auxiliary else None

    def read(self, obs: Observation, actions: Tensor | None = None) -> Reading:
        """Everything that the network says of all candidates, or of ``actions (B, m)``."""
        moment = self.moment(obs)
        vectors, popularity = self.items.candidates(obs, actions)
        about = popularity.unsqueeze(-1)
        if self.with_age:
            age = obs[CANDIDATE_AGE] if actions is None else obs[CANDIDATE_AGE].gather(1, actions)
            about = torch.cat((about, age.float().unsqueeze(-1)), dim=-1)
        scores = self.fuse(moment, Offered(vectors, about))
        if self.level is not None:
            scores = scores + self.level(moment.state).unsqueeze(1)
        n = self.sizes.outputs
        return Reading(scores[..., :n], scores[..., n:], moment.state)

    def moment(self, obs: Observation) -> Moment:
        """The person's side of the network."""
        past, slot = self.items.history(obs), slots(obs)  # (B, H, d), (B, H, F)
        taste = torch.bmm(slot[..., TASTE].contiguous().unsqueeze(1), past)  # (B, 1, d)
        anchors = torch.cat((obs[CONTEXT].float().unsqueeze(1), taste), dim=1) if self.with_context else taste
        clicks = slot[..., CLICKED].mean(1, keepdim=True)
        about = (anchors.flatten(1), obs[SITUATION].float(), obs[PROFILE].float(), clicks)
        return Moment(self.tower(torch.cat(about, dim=1)), anchors, past, slot)
