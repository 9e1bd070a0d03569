"""Fusion modules: the ways in which a person's moment and an item meet. ``agent.fusion`` names one of `FUSIONS`.

All start near the cosine of the candidate with the context (or, without one, with recent taste), so that learning
starts from a sensible order rather than from noise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor, nn

from .history import CLICKED, TargetAttention
from .moment import Fusion, FusionShape, Moment, Offered, Similarities, cosine_start, small


class DotProduct(Fusion):
    """Two towers: the inner product of a query and the item vector, plus what popularity and age are worth.

    The query is drawn from the state, beside the anchors; the item tower is the embedding table itself (as in the
    retrieval model of Covington, Adams and Sargin 2016). Nothing is computed per candidate but that product.
    """

    def __init__(self, shape: FusionShape) -> None:
        super().__init__(shape)
        self.draw = small(nn.Linear(shape.hidden, shape.outputs * shape.width))
        self.mix = nn.Parameter(torch.zeros(shape.outputs, shape.anchors))
        self.plain = nn.Linear(shape.about, shape.outputs, bias=False)
        nn.init.zeros_(self.plain.weight)
        with torch.no_grad():
            self.mix[0, 0] = shape.similarity

    def forward(self, moment: Moment, offered: Offered) -> Tensor:
        """Scores ``(B, C, outputs)``."""
        drawn = self.draw(moment.state).view(-1, self.shape.outputs, self.shape.width)
        queries = drawn + self.mix @ moment.anchors
        scores: Tensor = torch.bmm(offered.vectors, queries.transpose(1, 2)) + self.plain(offered.about)
        return scores


class GatedTowers(Fusion):
    """Two towers with a gate between what the context says and what the history says.

    One query is drawn beside the context, one beside recent taste; a gate in (0, 1), read from the state and from how
    much was clicked lately, weighs their inner products with the item: ``g q_c . v + (1 - g) q_h . v``, as experts are
    mixed in Ma et al. (2018). Without a context the first query stands beside recent taste, too.
    """

    def __init__(self, shape: FusionShape) -> None:
        super().__init__(shape)
        self.draw = small(nn.Linear(shape.hidden, 2 * shape.outputs * shape.width))
        self.gate = small(nn.Linear(shape.hidden + 1, shape.outputs))
        self.scale = nn.Parameter(torch.zeros(shape.outputs))
        self.plain = nn.Linear(shape.about, shape.outputs, bias=False)
        nn.init.zeros_(self.plain.weight)
        with torch.no_grad():
            self.scale[0] = shape.similarity
            self.gate.bias.fill_(3.5)  # the context counts first

    def forward(self, moment: Moment, offered: Offered) -> Tensor:
        """Scores ``(B, C, outputs)``."""
        drawn = self.draw(moment.state).view(-1, self.shape.outputs, 2, self.shape.width)
        ends = moment.anchors[:, [0, -1]].unsqueeze(1) * self.scale.view(-1, 1, 1)  # context and taste
        clicks = moment.slot[..., CLICKED].mean(1, keepdim=True)
        gate = torch.sigmoid(self.gate(torch.cat((moment.state, clicks), dim=1)))
        weights = torch.stack((gate, 1.0 - gate), dim=-1).unsqueeze(-1)  # (B, outputs, 2, 1)
        queries = ((drawn + ends) * weights).sum(2)
        scores: Tensor = torch.bmm(offered.vectors, queries.transpose(1, 2)) + self.plain(offered.about)
        return scores


class Concatenation(Fusion):
    """An MLP over (state, item vector, similarities), side by side (as in the ranking model of Covington et al. 2016).

    Its first layer is the sum of three, so that the state is not copied for every candidate.
    """

    def __init__(self, shape: FusionShape) -> None:
        super().__init__(shape)
        self.similarities = Similarities(shape)
        self.state = nn.Linear(shape.hidden, shape.units)
        self.item = nn.Linear(shape.width, shape.units, bias=False)
        self.known = nn.Linear(self.similarities.count, shape.units, bias=False)
        self.deepen = nn.Linear(shape.units, shape.units)
        self.narrow = small(nn.Linear(shape.units, shape.outputs))
        self.direct = cosine_start(self.similarities.count, shape)

    def forward(self, moment: Moment, offered: Offered) -> Tensor:
        """Scores ``(B, C, outputs)``."""
        known, _ = self.similarities(moment, offered)
        hidden = self.item(offered.vectors) + self.known(known) + self.state(moment.state).unsqueeze(1)
        hidden = self.deepen(hidden.relu_()).relu_()
        scores: Tensor = self.narrow(hidden) + self.direct(known)
        return scores


class CrossNetwork(Fusion):
    """DCN-v2 (Wang et al. 2021): cross layers ``x0 * (W x + b) + x`` multiply features of person, item and both.

    Two layers give products of up to three features; a deep layer reads their result.
    """

    def __init__(self, shape: FusionShape, layers: int = 2) -> None:
        super().__init__(shape)
        self.similarities = Similarities(shape)
        self.state = nn.Linear(shape.hidden, shape.units)
        self.item = nn.Linear(shape.width, shape.units)
        wide = 2 * shape.units + self.similarities.count
        self.crosses = nn.ModuleList(nn.Linear(wide, wide) for _ in range(layers))
        self.deepen = nn.Linear(wide, shape.units)
        self.narrow = small(nn.Linear(shape.units, shape.outputs))
        self.direct = cosine_start(self.similarities.count, shape)

    def forward(self, moment: Moment, offered: Offered) -> Tensor:
        """Scores ``(B, C, outputs)``."""
        known, _ = self.similarities(moment, offered)
        state = self.state(moment.state).unsqueeze(1).expand(-1, known.shape[1], -1)
        first = crossed = torch.cat((state, self.item(offered.vectors), known), dim=-1)
        for cross in self.crosses:
            crossed = torch.addcmul(crossed, first, cross(crossed))
        scores: Tensor = self.narrow(self.deepen(crossed).relu_()) + self.direct(known)
        return scores


class Modulated(Fusion):
    """A small head over similarities, with weights that belong to the person.

    The state scales and shifts the head's units (FiLM, Perez et al. 2018). With ``attend`` the history adds weights of
    its own: candidates are read against it slot by slot (`TargetAttention`, after DIN).

    Args:
        shape: Sizes.
        attend: Whether candidates meet the single items of the history, beside the nearest liked one.
    """

    def __init__(self, shape: FusionShape, attend: bool) -> None:
        super().__init__(shape)
        self.similarities = Similarities(shape)
        self.modulate = small(nn.Linear(shape.hidden, 2 * shape.units))  # scale, shift
        self.attention = TargetAttention(shape.units) if attend else None
        self.widen = nn.Parameter(torch.empty(self.similarities.count, shape.units))
        nn.init.kaiming_uniform_(self.widen, a=5**0.5)
        self.deepen = nn.Linear(shape.units, shape.units)
        self.narrow = small(nn.Linear(shape.units, shape.outputs))
        self.direct = cosine_start(self.similarities.count, shape)

    def forward(self, moment: Moment, offered: Offered) -> Tensor:
        """Scores ``(B, C, outputs)``."""
        known, history = self.similarities(moment, offered)
        scale, shift = self.modulate(moment.state).unsqueeze(1).chunk(2, dim=-1)
        weights, inputs = self.widen.expand(len(moment.state), -1, -1), known
        if self.attention is not None:
            weights = torch.cat((weights, self.attention.weights(moment.slot)), dim=1)
            inputs = torch.cat((known, history, self.attention.gates(history)), dim=-1)
        hidden = torch.baddbmm(shift, inputs, weights * (1.0 + scale)).relu_()  # (B, C, U)
        hidden = self.deepen(hidden).relu_()
        scores: Tensor = self.narrow(hidden) + self.direct(known)
        return scores


#: By the name that ``agent.fusion`` gives it; the same names as in ``crossrec.config.FUSIONS``.
MODULES: Mapping[str, Callable[[FusionShape], Fusion]] = {
    "dot": DotProduct,
    "mlp": Concatenation,
    "film": partial(Modulated, attend=False),
    "attention": partial(Modulated, attend=True),
    "cross": CrossNetwork,
    "gated": GatedTowers,
}
