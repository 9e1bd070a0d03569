"""The fusion network as an actor and a critic, for PPO and A2C: scores are logits, of items or of slates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.distributions import CategoricalDistribution, Distribution
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.type_aliases import PyTorchObs, Schedule
from torch import Tensor, nn

from crossrec.observation import MASK

from .fusion.experts import make_network
from .fusion.items import Observation
from .fusion.network import FusionSizes
from .masks import allowed, check_mask
from .plackett_luce import PlackettLuce
from .q_networks import constructor_parameters, slate_size_of


class FusionActorCriticPolicy(ActorCriticPolicy):
    """Masked scores are the logits; the value reads the tower and the best scores.

    A slate is drawn place by place without putting an item back (`PlackettLuce`).

    Args:
        observation_space: Of one person.
        action_space: ``Discrete(n_candidates)``, or ``MultiDiscrete`` for slates.
        lr_schedule: Learning rate by the remaining progress.
        sizes: Sizes of the fusion network.
        use_sde: Stable-Baselines3 passes it always; must be False.
        optimizer_class: Torch optimiser.
        optimizer_kwargs: Its arguments, without the learning rate.
    """

    def __init__(
        self,
        observation_space: spaces.Dict,
        action_space: spaces.Space[Any],
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
        self.fusion = make_network(cast(spaces.Dict, self.observation_space), self.sizes)
        self.critic = nn.Sequential(nn.Linear(self.sizes.hidden + 2, 64), nn.ReLU(), nn.Linear(64, 1))
        size = slate_size_of(self.action_space)
        self.choice: Distribution = (
            CategoricalDistribution(self.sizes.head) if size == 1 else PlackettLuce(size)  # the number is not used
        )
        self.optimizer = self.optimizer_class(self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs)  # type: ignore[call-arg]

    def _logits_and_value(self, obs: PyTorchObs) -> tuple[Tensor, Tensor]:
        observation = cast(Observation, obs)
        reading = self.fusion.read(observation)
        scores, state = self.fusion.masked(reading.scores, observation), reading.state
        # The level is the same for all candidates: it leaves the policy alone, so only the critic's own head counts.
        shown = scores.detach()
        ok = allowed(observation[MASK])
        mean = (shown * ok).sum(1) / ok.sum(1)
        pooled = torch.stack((shown.amax(1) - mean, mean), dim=1)
        return scores, self.critic(torch.cat((state, pooled), dim=1))

    def _distribution(self, logits: Tensor) -> Distribution:
        return self.choice.proba_distribution(action_logits=logits)

    def forward(self, obs: PyTorchObs, deterministic: bool = False) -> tuple[Tensor, Tensor, Tensor]:
        """Actions ``(B,)``, values ``(B, 1)`` and log-probabilities ``(B,)``."""
        logits, values = self._logits_and_value(obs)
        distribution = self._distribution(logits)
        actions = distribution.get_actions(deterministic=deterministic)
        return actions, values, distribution.log_prob(actions)

    def evaluate_actions(self, obs: PyTorchObs, actions: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Values ``(B, 1)``, log-probabilities ``(B,)`` of ``actions`` and the entropy ``(B,)``, None for slates."""
        logits, values = self._logits_and_value(obs)
        distribution = self._distribution(logits)
        return values, distribution.log_prob(actions), distribution.entropy()

    def predict(
        self,
        observation: NDArray[Any] | Mapping[str, NDArray[Any]],
        state: tuple[NDArray[Any], ...] | None = None,
        episode_start: NDArray[Any] | None = None,
        deterministic: bool = False,
    ) -> tuple[NDArray[Any], tuple[NDArray[Any], ...] | None]:
        """As Stable-Baselines3's; refuses a mask that forbids everything."""
        assert isinstance(observation, Mapping)
        check_mask(np.atleast_2d(observation[MASK]))
        return super().predict(dict(observation), state, episode_start, deterministic)

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
        return constructor_parameters(self, self.sizes)
