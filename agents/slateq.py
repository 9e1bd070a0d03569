"""SlateQ: the value of a slate from values of its items and a model of what people choose, both learnt."""

from __future__ import annotations

from typing import Any, cast

import torch
from gymnasium import spaces
from stable_baselines3.dqn.policies import QNetwork
from torch import Tensor, nn
from torch.nn import functional as F

from crossrec.observation import MASK

from .auxiliary import reaction
from .dqn import MaskedDQN
from .fusion.items import Observation
from .fusion.moment import small
from .fusion.network import FusionSizes, Reading
from .masks import MASKED, allowed
from .q_networks import FusionDQNPolicy, FusionQNetwork


class SlateQNetwork(FusionQNetwork):
    """Values and appeals of candidates, and the slates that they make.

    The choice model is a conditional logit with a no-click alternative in which places weigh (McFadden 1974; the
    multinomial model of section 4.2 of Ie et al. 2019, beside examination by place):

        P(i | A) = e_place(i) exp(a_i) / (exp(a_0) + sum_j e_place(j) exp(a_j))

    and the value of a slate, given that at most one item is clicked and what follows depends on that item alone:

        Q(A) = P(0 | A) q_0 + sum_i P(i | A) q_i

    Args:
        observation_space: Of one person.
        action_space: ``MultiDiscrete`` of S places, or ``Discrete`` for one.
        sizes: Sizes of the fusion network; its two outputs are q_i and a_i.
        greedy: Whether slates grow by the item that adds most, place by place, rather than being sorted by
            ``exp(a_i) (q_i - q_0)``.
    """

    def __init__(
        self, observation_space: spaces.Dict, action_space: spaces.Space[Any], sizes: FusionSizes, greedy: bool = False
    ) -> None:
        super().__init__(observation_space, action_space, sizes)
        self.greedy = greedy
        self.nothing = small(nn.Linear(sizes.hidden, 2))  # q_0, a_0
        self.examined = nn.Parameter(torch.zeros(self.slate_size))  # log-weight of each place, relative to the first

    def places(self) -> Tensor:
        """``(S,)`` log-weights of the places; the first is 0, for only their ratios can be learnt."""
        return self.examined - self.examined[0]

    def judged(self, obs: Observation, actions: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Q ``(B, m)``, appeal a ``(B, m)``, q_0 and a_0 ``(B, 1)``; forbidden candidates appeal to nobody."""
        q, appeal, q0, a0 = self.split(self.fusion.read(obs, actions))
        if actions is None:
            appeal = appeal.masked_fill(~allowed(obs[MASK]), MASKED)
        return q, appeal, q0, a0

    def split(self, reading: Reading) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """As `judged`, unmasked, of what the fusion network has read already."""
        q0, a0 = self.nothing(reading.state).chunk(2, dim=1)
        return reading.scores[..., 0], reading.scores[..., 1], q0, a0

    def forward(self, obs: Observation, actions: Tensor | None = None) -> Tensor:
        """What each candidate adds if it is shown alone, ``P(i | {i}) (q_i - q_0)``: ``(B, C)``, or ``(B, m)``."""
        q, appeal, q0, a0 = self.judged(obs, actions)
        worth = torch.sigmoid(appeal - a0) * (q - q0)
        return worth if actions is not None else worth.masked_fill(~allowed(obs[MASK]), MASKED)

    def choose(self, obs: Observation) -> Tensor:
        """The slate to show, ``(B, S)`` places."""
        q, appeal, q0, a0 = self.judged(obs)
        barred = ~allowed(obs[MASK])
        # Relative to the no-click alternative, and far from overflow; forbidden ones weigh nothing.
        weight = torch.exp((appeal - a0).clamp(max=30.0))
        if not self.greedy:
            gain = (weight * (q - q0)).masked_fill(barred, MASKED)
            return gain.topk(self.slate_size, dim=1).indices
        return _greedy_slates(weight, q - q0, barred, torch.exp(self.places()))

    def value(self, obs: Observation, slates: Tensor) -> Tensor:
        """Q(A) of slates ``(B, S)``: ``(B, 1)``."""
        q, appeal, q0, a0 = self.judged(obs, slates)
        chosen = torch.softmax(torch.cat((a0, appeal + self.places()), dim=1), dim=1)
        return (chosen * torch.cat((q0, q), dim=1)).sum(1, keepdim=True)


def _greedy_slates(weight: Tensor, gain: Tensor, barred: Tensor, examined: Tensor) -> Tensor:
    """Slates that grow place by place by the candidate after which the slate is worth most.

    Args:
        weight: ``(B, C)`` relative to the no-click alternative.
        gain: ``(B, C)`` what a click on each is worth, above no click.
        barred: ``(B, C)`` booleans.
        examined: ``(S,)`` weight of each place.
    """
    barred = barred.clone()
    above, below = weight.new_zeros(len(weight), 1), weight.new_ones(len(weight), 1)
    slates = []
    for place in examined:
        worth = (above + place * weight * gain) / (below + place * weight)
        best = worth.masked_fill(barred, MASKED).argmax(1, keepdim=True)
        taken = place * weight.gather(1, best)
        above, below = above + taken * gain.gather(1, best), below + taken
        barred.scatter_(1, best, True)
        slates.append(best)
    return torch.cat(slates, dim=1)


class SlateQPolicy(FusionDQNPolicy):
    """`FusionDQNPolicy` whose networks are `SlateQNetwork`; takes ``greedy`` beside its arguments."""

    def __init__(self, *arguments: Any, greedy: bool = False, **options: Any) -> None:
        self.greedy = greedy
        super().__init__(*arguments, **options)

    def make_q_net(self) -> QNetwork:
        """A network of values and appeals."""
        space = cast(spaces.Dict, self.observation_space)
        return cast(QNetwork, SlateQNetwork(space, self.action_space, self.sizes, self.greedy))

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return {**super()._get_constructor_parameters(), "greedy": self.greedy}


class SlateQ(MaskedDQN):
    """SlateQ (Ie et al. 2019) with the choice model learnt, and the replay and exploration of `MaskedDQN`.

    Which item was clicked is read from the next observation's history. The value of the clicked item, or of no click,
    moves towards ``reward + gamma * Q(A')``, where A' is the slate that the network would build next; the choice model
    learns by cross-entropy what was clicked.
    """

    def loss(self, data: Any) -> Tensor:
        """Loss of values and of the choice model, and those of the auxiliary heads, for a batch of transitions."""
        online, target = cast(SlateQNetwork, self.q_net), cast(SlateQNetwork, self.q_net_target)
        reading = online.fusion.read(data.observations, data.actions.long())
        q, appeal, q0, a0 = online.split(reading)
        shown, click, _ = reaction(data.next_observations, q.shape[1])
        with torch.no_grad():
            following = data.next_observations
            slates = (online if self.double else target).choose(following)
            goal = data.rewards + (1.0 - data.dones) * self.discounts(data) * target.value(following, slates)
        # Column 0 is no click; what stood empty cannot be clicked.
        chosen = torch.cat((1.0 - click.amax(1, keepdim=True), click), dim=1)
        attraction = (appeal + online.places()).masked_fill(~shown, MASKED)
        choice = F.cross_entropy(torch.cat((a0, attraction), dim=1), chosen)
        current = (chosen * torch.cat((q0, q), dim=1)).sum(1, keepdim=True)
        loss = F.smooth_l1_loss(current, goal) + choice
        return loss + self.auxiliary_loss(reading, following)
