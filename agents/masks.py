"""One rule for masks, shared by acting, exploring, learning and the baselines."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from crossrec.errors import ConfigError

if TYPE_CHECKING:  # baselines and the command line do without torch
    import torch

#: Score of a candidate that may not be chosen. Finite, because ``0 * -inf`` in an entropy is not a number.
MASKED = -1e9

Mask = TypeVar("Mask", NDArray[np.bool_], "torch.Tensor")


def allowed(mask: Mask) -> Mask:
    """Which candidates may be chosen; the first where none may, so that scores stay numbers.

    Args:
        mask: ``(n, C)``, 1 where the candidate may be chosen; NumPy or torch.

    Returns:
        ``(n, C)`` booleans with at least one true per row.
    """
    ok = mask > 0
    ok[:, 0] |= ~ok.any(1)
    return ok


def check_mask(mask: NDArray[np.generic]) -> None:
    """Check that everybody may be shown something, before a policy acts.

    Args:
        mask: ``(n, C)``.

    Raises:
        ConfigError: Names the first row whose mask forbids everything.
    """
    nothing: NDArray[np.bool_] = np.asarray((np.asarray(mask) <= 0).all(axis=1))
    if nothing.any():
        raise ConfigError(
            f"observation 'mask' forbids every candidate of person {int(nothing.argmax())} in the batch "
            f"({int(nothing.sum())} of {len(nothing)}); allowed: at least one 1 per person."
        )
