"""A supervised click model on the agents' own network: how far what is observable can get (the observable ceiling)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from crossrec.errors import ConfigError, check_name
from crossrec.log import Log

from ..fusion.network import FusionNetwork, FusionSizes
from .base import BatchObservation, ScoringPolicy
from .features import clicks_by_place

_LOSSES: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "click": F.binary_cross_entropy_with_logits,
    "reward": F.mse_loss,
}


class ClickModel(ScoringPolicy):
    """Learns from a log what a shown candidate brings, and shows the best: greedy, no planning.

    Args:
        space: Observation space of one person.
        table: ``(n_items + 1, d + 1)`` from `crossrec.agents.fusion.items.item_table`.
        objective: ``"click"``: probability by cross-entropy; ``"reward"``: expected reward by squared error.
        sizes: Sizes of the fusion network.
        seed: Fixes the first weights, the held-out rows and the order of the minibatches.
        device: Torch device.
    """

    def __init__(
        self,
        space: spaces.Dict,
        table: NDArray[np.float32],
        *,
        objective: Literal["click", "reward"] = "click",
        sizes: FusionSizes | None = None,
        seed: int = 0,
        device: str = "cpu",
    ) -> None:
        self.objective = check_name("objective", objective, _LOSSES)
        self.device = torch.device(device)
        self._draws = np.random.default_rng(seed)
        with torch.random.fork_rng(devices=[]):  # the caller's stream is not ours to move
            torch.manual_seed(seed)
            self.network = FusionNetwork(space, sizes)
        self.network.set_items(table)
        self.network.to(self.device)

    def fit(
        self,
        observations: Mapping[str, NDArray[Any]],
        actions: NDArray[Any],
        outcomes: NDArray[Any],
        *,
        epochs: int = 20,
        patience: int = 3,
        batch_size: int = 512,
        learning_rate: float = 2e-3,
    ) -> list[float]:
        """Train until the loss on a held-out tenth has not improved for ``patience`` epochs; keep the best weights.

        Args:
            observations: By key, ``(N, ...)``.
            actions: ``(N,)`` shown positions; for slates ``(N, S)``.
            outcomes: Clicks (0 or 1) or rewards, by the objective, in the shape of ``actions``.
            epochs: At most so many passes over the log.
            patience: Epochs without improvement before the end.
            batch_size: Rows per gradient step.
            learning_rate: Of Adam; falls to a tenth by a cosine over all epochs.

        Returns:
            Held-out loss after each epoch.
        """
        n = len(actions)
        if n < 20 or np.shape(outcomes) != np.shape(actions) or any(len(v) != n for v in observations.values()):
            raise ConfigError(f"a log of {n} rows does not do: at least 20 rows, and as many in every array.")
        data = {key: torch.as_tensor(value).to(self.device) for key, value in observations.items()}
        chosen = torch.as_tensor(actions, device=self.device).long().reshape(n, -1)
        goal = torch.as_tensor(outcomes, device=self.device).float().reshape(n, -1)
        order = torch.as_tensor(self._draws.permutation(n), device=self.device)
        held, rest = order[: n // 10], order[n // 10 :]
        loss_of = _LOSSES[self.objective]

        def loss(rows: Tensor) -> Tensor:
            batch = {key: value[rows] for key, value in data.items()}
            return loss_of(self.network(batch, chosen[rows]), goal[rows])

        optimiser = torch.optim.Adam(self.network.parameters(), lr=learning_rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs, eta_min=learning_rate / 10)
        best, since, history = float("inf"), 0, []
        kept = self._weights()
        for _ in range(epochs):
            self.network.train()
            shuffled = rest[torch.as_tensor(self._draws.permutation(len(rest)), device=self.device)]
            for rows in torch.split(shuffled, batch_size):
                optimiser.zero_grad()
                loss(rows).backward()  # type: ignore[no-untyped-call]
                optimiser.step()
            schedule.step()
            history.append(self._held_out(loss, held))
            since += 1
            if history[-1] < best:
                best, since, kept = history[-1], 0, self._weights()
            if since >= patience:
                break
        self.network.load_state_dict(kept, strict=False)
        return history

    def scores(self, observation: BatchObservation) -> NDArray[Any]:
        """Logits of a click, or expected rewards, ``(n, C)``."""
        self.network.eval()
        with torch.no_grad():
            tensors = {key: torch.as_tensor(value, device=self.device) for key, value in observation.items()}
            found: NDArray[Any] = self.network(tensors).cpu().numpy()
        return found

    def _held_out(self, loss: Callable[[Tensor], Tensor], held: Tensor) -> float:
        self.network.eval()
        with torch.no_grad():
            return sum((float(loss(rows)) * len(rows) for rows in torch.split(held, 8192)), 0.0) / len(held)

    def _weights(self) -> dict[str, Tensor]:
        return {name: value.detach().clone() for name, value in self.network.named_parameters()}


def of_log(
    log: Log,
    space: spaces.Dict,
    table: NDArray[np.float32],
    objective: Literal["click", "reward"],
    seed: int,
) -> ClickModel:
    """A click model that has learned from a log.

    Args:
        log: Of a slate, each place counts as shown by itself; a reward counts for what was clicked.
        space: Observation space of one person.
        table: Item table.
        objective: As for :class:`ClickModel`.
        seed: As for :class:`ClickModel`.
    """
    width = table.shape[1] - 1
    model = ClickModel(space, table, objective=objective, sizes=FusionSizes(item_width=width), seed=seed)
    clicks = clicks_by_place(log, np.arange(len(log))).reshape(log.slates.shape)
    outcomes = clicks if objective == "click" else clicks * log.rewards[:, None]
    if log.slates.shape[1] == 1 and objective == "reward":
        outcomes = log.rewards[:, None]  # rewards of one's own need not come with clicks
    batch = int(np.clip(len(log) // 200, 64, 1024))  # of a short log smaller ones, for steps enough
    model.fit(log.observations, log.slates, outcomes, batch_size=batch)
    return model
