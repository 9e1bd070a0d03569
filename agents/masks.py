"""One rule for masks, shared by acting, exploring, learning and the baselines."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # baselines and the command line do without torch
    import torch

#: Score of a candidate that may not be chosen. Finite, because ``0 * -inf`` in an entropy is not a number.
MASKED = -1e9

Mask = TypeVar("Mask", NDArray[np.bool_], "torch.Tensor")


def allowed(mask: Mask) -> Mask:
    """Which candidates may be chosen; a person with none acts 0, the documented no-click.

    Args:
        mask: ``(n, C)``, 1 where the candidate may be chosen; NumPy or torch.

    Returns:
        ``(n, C)`` booleans with at least one true per row.
    """
    ok = mask > 0
    ok[:, 0] |= ~ok.any(1)
    return ok
