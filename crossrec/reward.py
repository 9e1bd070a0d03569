"""Reward: named parts and their weights, summed. Parts and weights have the same names."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from crossrec.config import RewardConfig

PARTS = ("click", "dwell", "conversion")  # [clicks], [min], [conversions]


def weighted(parts: Mapping[str, NDArray[np.float64]], weights: RewardConfig) -> NDArray[np.float64]:
    """The weighted sum of the parts.

    Args:
        parts: (n,) value by name, see :data:`PARTS`.
        weights: Weight by the same name.
    """
    total = np.zeros_like(next(iter(parts.values())), np.float64)
    for name in PARTS:
        total += getattr(weights, name) * parts[name]
    return total
