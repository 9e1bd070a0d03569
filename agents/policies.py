"""The fusion network as Stable-Baselines3 policies: Q-values for DQN, logits and a value for PPO."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.distributions import CategoricalDistribution, Distribution
from stable_baselines3.common.policies import ActorCriticPolicy, BasePolicy
from stable_baselines3.common.type_aliases import PyTorchObs, Schedule
from stable_baselines3.dqn.policies import DQNPolicy, QNetwork
from torch import Tensor, nn

from crossrec.observation import MASK

from .fusion.items import Observation, TableItems
from .fusion.network import FusionNetwork, FusionSizes
from .masks import allowed


class FusionQNetwork(BasePolicy):
    """Q-values of the candidates; those that may not be chosen have `MASKED`.

    Observations go to the network as they are stored: ids stay integers, binaries stay bytes.

    Args:
        observation_space: Of one person.
        action_space: ``Discrete(n_candidates)``.
        sizes: Sizes of the fusion network.
    """

    def __init__(self, observation_space: spaces.Dict, action_space: spaces.Discrete, sizes: FusionSizes) -> None:
        super().__init__(observation_space, action_space)
        self.fusion = FusionNetwork(observation_space, sizes)

    def forward(self, obs: Observation, actions: Tensor | None = None) -> Tensor:
        """Q-values ``(B, C)``; with ``actions (B, 1)`` only theirs, at a fiftieth of the cost."""
        return cast(Tensor, self.fusion(obs, actions))

    def _predict(self, observation: PyTorchObs, deterministic: bool = True) -> Tensor:
        return cast(Tensor, self(observation)).argmax(dim=1)


class FusionDQNPolicy(DQNPolicy):
    """DQN with a fusion network; the target network shares the item table.

    Args:
        observation_space: Of one person.
        action_space: ``Discrete(n_candidates)``.
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
        space, actions = cast(spaces.Dict, self.observation_space), cast(spaces.Discrete, self.action_space)
        return cast(QNetwork, FusionQNetwork(space, actions, self.sizes))

    def _build(self, lr_schedule: Schedule) -> None:
        super()._build(lr_schedule)
        online, target = _fusion(self.q_net), _fusion(self.q_net_target)
        if isinstance(online.items, TableItems):
            target.items = online.items  # the catalogue is not learned: one copy in memory and in a checkpoint

    def set_items(self, table: NDArray[np.float32]) -> None:
        """Take a catalogue's table; see `crossrec.agents.fusion.items.item_table`."""
        _fusion(self.q_net).set_items(table)

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return _constructor_parameters(self, self.sizes)


class FusionActorCriticPolicy(ActorCriticPolicy):
    """PPO with a fusion network: masked scores are the logits; the value reads the tower and the best scores.

    Args:
        observation_space: Of one person.
        action_space: ``Discrete(n_candidates)``.
        lr_schedule: Learning rate by the remaining progress.
        sizes: Sizes of the fusion network.
        use_sde: Stable-Baselines3 passes it always; must be False.
        optimizer_class: Torch optimiser.
        optimizer_kwargs: Its arguments, without the learning rate.
    """

    def __init__(
        self,
        observation_space: spaces.Dict,
        action_space: spaces.Discrete,
        lr_schedule: Schedule,
        sizes: FusionSizes | None = None,
        use_sde: bool = False,
        optimizer_class: type[torch.optim.Optimizer] = torch.optim.Adam,
        optimizer_kwargs: dict[str, Any] | None = None,
    ) -> None:
        # Logits of plain cosines are nearly uniform over 50 candidates; five times as steep is a start worth having.
        self.sizes = sizes or FusionSizes(similarity=5.0)
        super().__init__(
            observation_space,
            action_space,
            lr_schedule,
            use_sde=use_sde,
            optimizer_class=optimizer_class,
            optimizer_kwargs=optimizer_kwargs,
        )

    def _build(self, lr_schedule: Schedule) -> None:
        self.fusion = FusionNetwork(cast(spaces.Dict, self.observation_space), self.sizes)
        self.critic = nn.Sequential(nn.Linear(self.sizes.hidden + 2, 64), nn.ReLU(), nn.Linear(64, 1))
        self.optimizer = self.optimizer_class(self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs)  # type: ignore[call-arg]

    def _logits_and_value(self, obs: PyTorchObs) -> tuple[Tensor, Tensor]:
        observation = cast(Observation, obs)
        scores, state = self.fusion.scores_and_state(observation)
        # The level is the same for all candidates: it leaves the policy alone, so only the critic's own head counts.
        shown = scores.detach()
        ok = allowed(observation[MASK])
        mean = (shown * ok).sum(1) / ok.sum(1)
        pooled = torch.stack((shown.amax(1) - mean, mean), dim=1)
        return scores, self.critic(torch.cat((state, pooled), dim=1))

    def _distribution(self, logits: Tensor) -> Distribution:
        return cast(CategoricalDistribution, self.action_dist).proba_distribution(action_logits=logits)

    def forward(self, obs: PyTorchObs, deterministic: bool = False) -> tuple[Tensor, Tensor, Tensor]:
        """Actions ``(B,)``, values ``(B, 1)`` and log-probabilities ``(B,)``."""
        logits, values = self._logits_and_value(obs)
        distribution = self._distribution(logits)
        actions = distribution.get_actions(deterministic=deterministic)
        return actions, values, distribution.log_prob(actions)

    def evaluate_actions(self, obs: PyTorchObs, actions: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Values ``(B, 1)``, log-probabilities ``(B,)`` of ``actions (B,)`` and the entropy ``(B,)``."""
        logits, values = self._logits_and_value(obs)
        distribution = self._distribution(logits)
        return values, distribution.log_prob(actions), distribution.entropy()

    def get_distribution(self, obs: PyTorchObs) -> Distribution:
        """The distribution over candidates."""
        return self._distribution(self.fusion(obs))

    def predict_values(self, obs: PyTorchObs) -> Tensor:
        """Values ``(B, 1)``."""
        return self._logits_and_value(obs)[1]

    def set_items(self, table: NDArray[np.float32]) -> None:
        """Take a catalogue's table; see `crossrec.agents.fusion.items.item_table`."""
        self.fusion.set_items(table)

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return _constructor_parameters(self, self.sizes)


def _fusion(network: QNetwork) -> FusionNetwork:
    return cast(FusionQNetwork, network).fusion


def _constructor_parameters(policy: BasePolicy, sizes: FusionSizes) -> dict[str, Any]:
    # Only what our constructors take: `policy.load` passes all of it.
    return {
        "observation_space": policy.observation_space,
        "action_space": policy.action_space,
        "lr_schedule": policy._dummy_schedule,
        "sizes": sizes,
        "optimizer_class": policy.optimizer_class,
        "optimizer_kwargs": policy.optimizer_kwargs,
    }
