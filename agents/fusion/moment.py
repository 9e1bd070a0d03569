"""What all fusion modules read: a person's moment, the candidates, and the similarities between the two."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .history import CLICKED


@dataclass(frozen=True)
class Moment:
    """B people at a moment.

    Attributes:
        state: ``(B, hidden)`` of the tower over (context, liked history, situation, profile).
        anchors: ``(B, A, d)`` the context, where there is one, and recent taste.
        past: ``(B, H, d)`` vectors of the items shown before.
        slot: ``(B, H, F)`` features of the history slots, see `history.slots`.
    """

    state: Tensor
    anchors: Tensor
    past: Tensor
    slot: Tensor


@dataclass(frozen=True)
class Offered:
    """Candidates of B people: all C of them, or some.

    Attributes:
        vectors: ``(B, C, d)``.
        about: ``(B, C, 1)`` popularity, and ``(B, C, 2)`` with the age where it is observed.
    """

    vectors: Tensor
    about: Tensor


@dataclass(frozen=True)
class FusionShape:
    """Sizes that a fusion module is made for; none depends on the number of candidates or items.

    Attributes:
        width: d, length of an item vector and of the context.
        anchors: A, how many of a moment's vectors candidates are compared with.
        hidden: Width of the tower's output.
        units: U, width of the module's per-candidate layers.
        queries: Q, how many query vectors a person has.
        about: How many plain features a candidate has (popularity, age).
        outputs: Scores per candidate.
        similarity: Weight of the cosine with the first anchor in the first score, at the start.
    """

    width: int
    anchors: int
    hidden: int
    units: int
    queries: int
    about: int
    outputs: int
    similarity: float


class Fusion(nn.Module):
    """Scores candidates for a moment: ``forward(Moment, Offered) -> (B, C, outputs)``.

    A score must not depend on which other candidates stand in the list, nor on their number or order.
    """

    def __init__(self, shape: FusionShape) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, moment: Moment, offered: Offered) -> Tensor:
        """Scores ``(B, C, outputs)``."""
        raise NotImplementedError


class Similarities(nn.Module):
    """Cosines of candidates with a person's anchors, with query vectors drawn from the state, and with the history.

    Args:
        shape: Sizes.

    Attributes:
        count: How many features `forward` gives a candidate first: A + Q cosines, nearest liked, popularity, age.
    """

    def __init__(self, shape: FusionShape) -> None:
        super().__init__()
        self.queries, self.width = shape.queries, shape.width
        self.near_person = shape.anchors + shape.queries
        self.count = self.near_person + 1 + shape.about
        self.mix = nn.Parameter(torch.full((shape.queries, shape.anchors), 0.5))  # what a query keeps of its anchors
        self.draw = small(nn.Linear(shape.hidden, shape.queries * shape.width))

    def forward(self, moment: Moment, offered: Offered) -> tuple[Tensor, Tensor]:
        """Features ``(B, C, count)`` of each candidate, and its cosines ``(B, C, H)`` with the history."""
        queries = self.draw(moment.state).view(-1, self.queries, self.width) + self.mix @ moment.anchors
        keys = torch.cat((moment.anchors, queries, moment.past), dim=1)
        similar = torch.bmm(offered.vectors, keys.transpose(1, 2))  # every inner product that is needed, in one go
        person, history = torch.split(similar, [self.near_person, moment.past.shape[1]], dim=-1)
        nearest = (history * moment.slot[..., CLICKED].unsqueeze(1)).amax(-1, keepdim=True)
        return torch.cat((person, nearest, offered.about), dim=-1), history


def small(layer: nn.Linear) -> nn.Linear:
    """The layer, starting next to zero."""
    nn.init.normal_(layer.weight, std=1e-3)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def cosine_start(count: int, shape: FusionShape) -> nn.Linear:
    """A layer from ``count`` features to the scores: at first the first feature, weighed, is the first score."""
    layer = nn.Linear(count, shape.outputs, bias=False)
    nn.init.zeros_(layer.weight)
    with torch.no_grad():
        layer.weight[0, 0] = shape.similarity
    return layer
