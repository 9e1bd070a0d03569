"""A key-value cache whose beginning was read once and is shared by all rows of a batch."""

from __future__ import annotations

import copy
import inspect
from functools import cache
from typing import Any


def spread(prefix: Any, rows: int, room: int) -> Any:
    """A copy of a one-row cache for ``rows`` rows, with room for ``room`` more tokens.

    Args:
        prefix: The cache of the shared beginning; it stays as it is.
        rows: Size of the batch.
        room: How many tokens each row will add.
    """
    from transformers.cache_utils import DynamicLayer

    result = copy.copy(prefix)
    # Layers of other kinds (a sliding window, say) know best how to grow themselves.
    if any(type(layer) is not DynamicLayer for layer in prefix.layers):
        result = copy.deepcopy(prefix)
        result.batch_repeat_interleave(rows)
        return result
    result.layers = [_roomy_layer()(layer, rows, room) for layer in prefix.layers]
    return result


def as_argument(model: Any, kept: Any) -> dict[str, Any]:
    """A cache under the name by which the installed release of the library takes it."""
    name = "cache" if "cache" in inspect.signature(model.forward).parameters else "past_key_values"
    return {name: kept}


@cache
def _roomy_layer() -> Any:
    """The layer's class, made at the first use because its base class comes with torch."""
    import torch
    from transformers.cache_utils import DynamicLayer

    class RoomyLayer(DynamicLayer):  # type: ignore[no-untyped-call]
        """A layer that writes into memory taken beforehand, instead of copying everything at each new token."""

        def __init__(self, prefix: Any, rows: int, room: int) -> None:
            super().__init__()  # type: ignore[no-untyped-call]
            _, heads, self.length, width = prefix.keys.shape
            shape = (rows, heads, self.length + room, width)
            self.all_keys, self.all_values = prefix.keys.new_empty(shape), prefix.values.new_empty(shape)
            # Not what the prefix says of itself: releases of the library differ in what a layer says.
            self.dtype, self.device, self.is_initialized = prefix.keys.dtype, prefix.keys.device, True
            self.all_keys[:, :, : self.length] = prefix.keys
            self.all_values[:, :, : self.length] = prefix.values
            self._show()

        def update(self, key_states: Any, value_states: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
            start, self.length = self.length, self.length + key_states.shape[2]
            self.all_keys[:, :, start : self.length] = key_states
            self.all_values[:, :, start : self.length] = value_states
            self._show()
            return self.keys, self.values

        def batch_select_indices(self, indices: torch.Tensor) -> None:
            self.all_keys, self.all_values = self.all_keys[indices], self.all_values[indices]
            self._show()

        def _show(self) -> None:
            self.keys, self.values = self.all_keys[:, :, : self.length], self.all_values[:, :, : self.length]

    return RoomyLayer
