"""Adapters: from a person's context in one scenario to what it would be in another, ``c_target = A(c_source, f)``.

With ``c`` a unit vector of D components and ``f`` features of the person and of the moment in the target:

    identity   c
    linear     W c + V f + b, ridge regression; its strength is chosen by leave-one-out validation
    bridge     c + sum over r of g_r(c, f) M_r c: a bridge of each person's own, mixed from a few by a small network
    mlp        c + MLP(c, f)

Results are scaled to unit length. Adapters learn from overlapping users: people who are known in both scenarios.

References:
    Bridges: PTUPCDR (Zhu et al. 2022, "Personalized transfer of user preferences for cross-domain recommendation"),
    here with a mixture of few matrices in place of a whole matrix from the network. Ridge: Hoerl and Kennard (1970).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from crossrec.errors import ConfigError, check_name

Vectors = NDArray[np.float32]

_LEAST = 20  # pairs that a network learns from, so that some are left to stop by
_BRIDGES, _HIDDEN = 4, 64
_EPOCHS, _PATIENCE, _BATCH, _RATE = 200, 15, 256, 1e-3
_STRENGTHS = tuple(10.0**power for power in range(-3, 4))


class CrossScenarioAdapter(ABC):
    """Maps context vectors of a source scenario to a target's."""

    @abstractmethod
    def fit(self, source: Vectors, target: Vectors, features: Vectors, rng: np.random.Generator) -> Self:
        """Learn from overlapping users.

        Args:
            source: (n, D) their contexts in the source.
            target: (n, D) and in the target.
            features: (n, F) of people and of the moments in the target.
            rng: Of weights and minibatches.

        Raises:
            ConfigError: If there are too few of them, or the shapes do not fit.
        """

    @abstractmethod
    def __call__(self, source: Vectors, features: Vectors) -> Vectors:
        """(n, D) contexts for the target, of unit length, from those of the source and (n, F) features."""


class Identity(CrossScenarioAdapter):
    """Takes the source's context as it is; needs no overlapping users."""

    def fit(self, source: Vectors, target: Vectors, features: Vectors, rng: np.random.Generator) -> Self:
        """Nothing to learn."""
        return self

    def __call__(self, source: Vectors, features: Vectors) -> Vectors:
        """The same vectors."""
        return source


class Linear(CrossScenarioAdapter):
    """Ridge regression."""

    def fit(self, source: Vectors, target: Vectors, features: Vectors, rng: np.random.Generator) -> Self:
        """See :meth:`CrossScenarioAdapter.fit`."""
        from sklearn.linear_model import RidgeCV

        _check(source, target, features, "linear", 2)
        self.model = RidgeCV(alphas=_STRENGTHS).fit(np.hstack((source, features)), target)
        return self

    def __call__(self, source: Vectors, features: Vectors) -> Vectors:
        """See :meth:`CrossScenarioAdapter.__call__`."""
        return _unit(self.model.predict(np.hstack((source, features))))


class _Network(CrossScenarioAdapter):
    """What adapters share that are a residual network: a tenth of the pairs is kept to tell when to stop."""

    name = ""

    @abstractmethod
    def build(self, width: int, features: int) -> Any:
        """A module from contexts (B, D) and features (B, F) to what is added to the contexts, (B, D)."""

    def fit(self, source: Vectors, target: Vectors, features: Vectors, rng: np.random.Generator) -> Self:
        """See :meth:`CrossScenarioAdapter.fit`."""
        import torch
        from torch.nn.functional import cosine_similarity

        n = _check(source, target, features, self.name, _LEAST)
        order = torch.as_tensor(rng.permutation(n))
        c, t, f = (torch.as_tensor(values, dtype=torch.float32) for values in (source, target, features))
        held, taught = order[: n // 10], order[n // 10 :]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(rng.integers(2**31)))
            self.network = self.build(c.shape[1], f.shape[1])
        optimiser = torch.optim.Adam(self.network.parameters(), lr=_RATE, weight_decay=1e-5)

        def loss(rows: Any) -> Any:
            return (1.0 - cosine_similarity(c[rows] + self.network(c[rows], f[rows]), t[rows])).mean()

        best, kept, since = float("inf"), None, 0
        for _ in range(_EPOCHS):
            for rows in torch.split(taught[torch.as_tensor(rng.permutation(len(taught)))], _BATCH):
                optimiser.zero_grad()
                loss(rows).backward()
                optimiser.step()
            with torch.no_grad():
                found = float(loss(held))
            since += 1
            if found < best:
                best, since = found, 0
                kept = {name: value.clone() for name, value in self.network.state_dict().items()}
            if since == _PATIENCE:
                break
        assert kept is not None
        self.network.load_state_dict(kept)
        return self

    def __call__(self, source: Vectors, features: Vectors) -> Vectors:
        """See :meth:`CrossScenarioAdapter.__call__`."""
        import torch

        c, f = (torch.as_tensor(values, dtype=torch.float32) for values in (source, features))
        with torch.no_grad():
            return _unit((c + self.network(c, f)).numpy())


class Bridge(_Network):
    """A personalised bridge."""

    name = "bridge"

    def build(self, width: int, features: int) -> Any:
        """See :meth:`_Network.build`."""
        import torch
        from torch import nn

        class Bridges(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.matrices = nn.Parameter(0.01 * torch.randn(_BRIDGES, width, width))
                self.weigh = nn.Sequential(
                    nn.Linear(width + features, _HIDDEN), nn.ReLU(), nn.Linear(_HIDDEN, _BRIDGES)
                )

            def forward(self, c: Any, f: Any) -> Any:
                weights = self.weigh(torch.cat((c, f), dim=1)).softmax(dim=1)
                return torch.einsum("br,rij,bj->bi", weights, self.matrices, c)

        return Bridges()


class ResidualMLP(_Network):
    """A residual network of one hidden layer."""

    name = "mlp"

    def build(self, width: int, features: int) -> Any:
        """See :meth:`_Network.build`."""
        import torch
        from torch import nn

        class Residual(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.layers = nn.Sequential(nn.Linear(width + features, _HIDDEN), nn.ReLU(), nn.Linear(_HIDDEN, width))

            def forward(self, c: Any, f: Any) -> Any:
                return self.layers(torch.cat((c, f), dim=1))

        return Residual()


ADAPTERS: Mapping[str, Callable[[], CrossScenarioAdapter]] = {
    "identity": Identity,
    "linear": Linear,
    "bridge": Bridge,
    "mlp": ResidualMLP,
}


def make_adapter(name: str) -> CrossScenarioAdapter:
    """An adapter that has learnt nothing yet.

    Raises:
        ConfigError: For an unknown name.
    """
    check_name("adapter", name, ADAPTERS)
    return ADAPTERS[name]()


def _check(source: Vectors, target: Vectors, features: Vectors, name: str, least: int) -> int:
    """How many pairs there are.

    Raises:
        ConfigError: If there are fewer than ``least``, or the shapes do not fit.
    """
    n = len(source)
    if source.ndim != 2 or source.shape != target.shape or features.ndim != 2 or len(features) != n:
        raise ConfigError(
            f"contexts of the source {source.shape}, of the target {target.shape} and features {features.shape} do not "
            "fit; allowed: (n, D), (n, D) and (n, F)."
        )
    if n < least:
        raise ConfigError(
            f"adapter='{name}' learns from overlapping users, people who are known in both scenarios; found {n}, "
            f"allowed: at least {least}. adapter='identity' needs none."
        )
    return n


def _unit(vectors: NDArray[np.floating[Any]]) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: Vectors = (vectors / np.maximum(lengths, 1e-12)).astype(np.float32)
    return scaled
