"""Where item vectors come from: a table that stands once in the network, or raw vectors in the observation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from crossrec.errors import ConfigError
from crossrec.observation import (
    CANDIDATE_VECTORS,
    CANDIDATES,
    HISTORY,
    HISTORY_SCENARIO,
    HISTORY_VECTORS,
    MASK,
)

Observation = Mapping[str, Tensor]


def item_table(vectors: NDArray[np.floating[Any]], popularity: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """The table that a network or a baseline reads items from.

    Args:
        vectors: ``(n_items + 1, d)`` item embeddings; row 0 is padding.
        popularity: ``(n_items + 1,)`` non-negative; entry 0 is ignored.

    Returns:
        ``(n_items + 1, d + 1)``: unit vectors, then standardised log popularity; row 0 is zero.

    Raises:
        ConfigError: If the two do not describe the same items, or popularity is negative or not finite.
    """
    if vectors.ndim != 2 or popularity.shape != vectors.shape[:1] or len(vectors) < 2:
        raise ConfigError(f"vectors {vectors.shape} and popularity {popularity.shape} do not fit (n + 1, d), (n + 1,).")
    if not np.isfinite(vectors).all() or not np.isfinite(popularity).all() or (popularity < 0).any():
        raise ConfigError("vectors and popularity must be finite, and popularity at least 0.")
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    # The smallest positive value keeps the logarithm finite for an item that nobody has taken yet.
    seen = popularity[1:][popularity[1:] > 0]
    logs = np.log(np.maximum(popularity, seen.min() if seen.size else 1.0))
    spread = logs[1:].std()
    table = np.concatenate([vectors / np.maximum(lengths, 1e-12), logs[:, None]], axis=1)
    table[:, -1] = (table[:, -1] - logs[1:].mean()) / (spread if spread > 0 else 1.0)
    table[0] = 0.0
    return table.astype(np.float32)


class TableItems(nn.Module):
    """Items by id, looked up in two buffers that no optimiser touches and that may be swapped.

    Args:
        width: d, length of an item vector.
    """

    vectors: Tensor  # (n_items + 1, d)
    popularity: Tensor  # (n_items + 1,)

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.register_buffer("vectors", torch.zeros(1, width))
        self.register_buffer("popularity", torch.zeros(1))

    def set_table(self, table: NDArray[np.float32]) -> None:
        """Take a catalogue's table (see `item_table`), of any number of items."""
        if table.ndim != 2 or table.shape[1] != self.width + 1:
            raise ConfigError(f"item table has shape {table.shape}; allowed: (n_items + 1, {self.width + 1}).")
        fresh = torch.tensor(table, dtype=torch.float32, device=self.vectors.device)
        self.vectors, self.popularity = fresh[:, :-1].contiguous(), fresh[:, -1].contiguous()

    def candidates(self, obs: Observation, actions: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Vectors ``(B, C, d)`` and popularity ``(B, C)`` of the candidates, or only of ``actions (B, 1)``."""
        ids = obs[CANDIDATES].long()  # Stable-Baselines3 may have made them floats; exact to 16.7 million
        if actions is not None:
            ids = ids.gather(1, actions)
        return self._look_up(ids), self.popularity[ids]

    def history(self, obs: Observation) -> Tensor:
        """Vectors ``(B, H, d)`` of the items shown before; zero where there was none."""
        return self._look_up(obs[HISTORY].long())

    def _look_up(self, ids: Tensor) -> Tensor:
        if len(self.vectors) == 1:
            raise ConfigError("the network has no items yet; call set_items(table) with a table from item_table().")
        return F.embedding(ids, self.vectors)

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *args: Any) -> None:
        # A checkpoint brings its own catalogue, whatever its size, so a policy's arguments need not repeat it.
        for name in ("vectors", "popularity"):
            if (saved := state_dict.get(prefix + name)) is not None:
                setattr(self, name, getattr(self, name).new_empty(saved.shape))
        super()._load_from_state_dict(state_dict, prefix, *args)


class RawItems(nn.Module):
    """Items as wide vectors in the observation, projected here; their popularity is not known.

    Args:
        space: Observation space with `CANDIDATE_VECTORS` ``(C * w,)`` and `HISTORY_VECTORS` ``(H * w,)``.
        width: d, length of a projected item vector.
    """

    def __init__(self, space: spaces.Dict, width: int) -> None:
        super().__init__()
        self.n_candidates = size_of(space, MASK)
        self.length = size_of(space, HISTORY_SCENARIO)
        self.project = nn.Linear(size_of(space, CANDIDATE_VECTORS) // self.n_candidates, width)
        # Orthonormal rows keep cosines roughly as they are, until `set_projection` or learning does better.
        nn.init.orthogonal_(self.project.weight)
        nn.init.zeros_(self.project.bias)

    def set_projection(self, components: NDArray[np.floating[Any]], mean: NDArray[np.floating[Any]]) -> None:
        """Start from a given centred projection, for instance principal components.

        Args:
            components: ``(w, d)``.
            mean: ``(w,)``, subtracted first.
        """
        wide = tuple(self.project.weight.shape[::-1])
        if components.shape != wide or mean.shape != wide[:1]:
            raise ConfigError(f"projection has shapes {components.shape}, {mean.shape}; allowed: {wide}, {wide[:1]}.")
        with torch.no_grad():
            self.project.weight.copy_(torch.as_tensor(components.T))
            self.project.bias.copy_(torch.as_tensor(-mean @ components))

    def candidates(self, obs: Observation, actions: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Vectors ``(B, C, d)`` and zero popularity ``(B, C)``, or only those of ``actions (B, 1)``."""
        raw = obs[CANDIDATE_VECTORS].view(-1, self.n_candidates, self.project.in_features)
        if actions is not None:
            raw = raw.take_along_dim(actions[:, :, None], dim=1)
        vectors = F.normalize(self.project(raw), dim=-1)
        return vectors, vectors.new_zeros(vectors.shape[:2])

    def history(self, obs: Observation) -> Tensor:
        """Vectors ``(B, H, d)`` of the items shown before; of no meaning where there was none."""
        return F.normalize(self.project(obs[HISTORY_VECTORS].view(-1, self.length, self.project.in_features)), dim=-1)


def make_items(space: spaces.Dict, width: int) -> TableItems | RawItems:
    """The one place that decides where item vectors come from: by what the observation holds."""
    if CANDIDATES in space.spaces:
        return TableItems(width)
    if CANDIDATE_VECTORS in space.spaces:
        return RawItems(space, width)
    raise ConfigError(f"the observation has neither '{CANDIDATES}' nor '{CANDIDATE_VECTORS}'; it has {list(space)}.")


def size_of(space: spaces.Dict, key: str) -> int:
    """How many numbers observation ``key`` holds for one person."""
    shape = space[key].shape
    if shape is None:
        raise ConfigError(f"observation '{key}' has no shape.")
    return int(np.prod(shape))
