"""The fusion network as a Q-network, for one item at a time and for slates."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.type_aliases import PyTorchObs, Schedule
from stable_baselines3.dqn.policies import DQNPolicy, QNetwork
from torch import Tensor

from .fusion.experts import make_network
from .fusion.items import Observation, TableItems
from .fusion.network import CandidateScorer, FusionSizes


def slate_size_of(space: spaces.Space[Any]) -> int:
    """How many items an action shows: 1 for ``Discrete``, the length of a ``MultiDiscrete``."""
    return len(space.nvec) if isinstance(space, spaces.MultiDiscrete) else 1


class FusionQNetwork(BasePolicy):
    """Q-values of the candidates; those that may not be chosen have `MASKED`.

    Observations go to the network as they are stored: ids stay integers, binaries stay bytes.

    Args:
        observation_space: Of one person.
        action_space: ``Discrete(n_candidates)``, or ``MultiDiscrete`` for slates.
        sizes: Sizes of the fusion network; with several outputs the Q-value is their mean.
    """

    def __init__(self, observation_space: spaces.Dict, action_space: spaces.Space[Any], sizes: FusionSizes) -> None:
        super().__init__(observation_space, action_space)
        self.fusion = make_network(observation_space, sizes)
        self.slate_size = slate_size_of(action_space)

    def forward(self, obs: Observation, actions: Tensor | None = None) -> Tensor:
        """Q-values ``(B, C)``; with ``actions (B, m)`` only theirs, at a fraction of the cost."""
        scores: Tensor = self.fusion(obs, actions)
        return scores.mean(-1) if scores.ndim > 2 else scores

    def choose(self, obs: Observation) -> Tensor:
        """The slate to show, ``(B, S)`` places, the best first."""
        values: Tensor = self(obs)
        if self.slate_size == 1:
            return values.argmax(dim=1, keepdim=True)
        return values.topk(self.slate_size, dim=1).indices

    def _predict(self, observation: PyTorchObs, deterministic: bool = True) -> Tensor:
        slates = self.choose(cast(Observation, observation))
        return slates[:, 0] if isinstance(self.action_space, spaces.Discrete) else slates


class FusionDQNPolicy(DQNPolicy):
    """DQN with a fusion network; the target network shares the item table.

    Args:
        observation_space: Of one person.
        action_space: ``Discrete(n_candidates)``, or ``MultiDiscrete`` for slates.
        lr_schedule: Learning rate by the remaining progress.
        sizes: Sizes of the fusion network.
        optimizer_class: Torch optimiser.
        optimizer_kwargs: Its arguments, without the learning rate.
    """

    def __init__(
        self,
        observation_space: spaces.Dict,
        action_space: spaces.Discrete,
        lr_schedule: Schedule,
        sizes: FusionSizes | None = None,
        optimizer_class: type[torch.optim.Optimizer] = torch.optim.Adam,
        optimizer_kwargs: dict[str, Any] | None = None,
    ) -> None:
        self.sizes = sizes or FusionSizes()  # the parent's constructor builds the networks already
        super().__init__(
            observation_space,
            action_space,
            lr_schedule,
            optimizer_class=optimizer_class,
            optimizer_kwargs=optimizer_kwargs,
        )

    def make_q_net(self) -> QNetwork:
        """A Q-network; called once for the online and once for the target network."""
        return cast(QNetwork, FusionQNetwork(cast(spaces.Dict, self.observation_space), self.action_space, self.sizes))

    def _build(self, lr_schedule: Schedule) -> None:
        super()._build(lr_schedule)
        online, target = fusion_of(self.q_net), fusion_of(self.q_net_target)
        if isinstance(online.items, TableItems):
            target.share_items(online.items)  # the catalogue is not learned: one copy in memory and in a checkpoint

    def set_items(self, table: NDArray[np.float32]) -> None:
        """Take a catalogue's table; see `crossrec.agents.fusion.items.item_table`."""
        fusion_of(self.q_net).set_items(table)

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return constructor_parameters(self, self.sizes)


def fusion_of(network: QNetwork) -> CandidateScorer:
    """The fusion network inside a Q-network."""
    return cast(FusionQNetwork, network).fusion


def constructor_parameters(policy: BasePolicy, sizes: FusionSizes) -> dict[str, Any]:
    """What a policy of ours is made anew from; only what its constructor takes, for ``policy.load`` passes it all."""
    return {
        "observation_space": policy.observation_space,
        "action_space": policy.action_space,
        "lr_schedule": policy._dummy_schedule,
        "sizes": sizes,
        "optimizer_class": policy.optimizer_class,
        "optimizer_kwargs": policy.optimizer_kwargs,
    }
