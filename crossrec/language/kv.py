"""A key-value cache whose beginning was read once and is shared by all rows of a batch."""

from __future__ import annotations

import copy
import inspect
from functools import cache
from typing import Any, NamedTuple

from crossrec.errors import ModelError


class Prefix(NamedTuple):
    """What stands before every row of a batch.

    Attributes:
        cache: Of one row, with what was read once.
        length: How many tokens those are.
        unread: Tokens that every row has to read itself: recurrent states can often be continued by one token only.
        padded: Whether padding leaves no trace: it takes places in a window, and passes through a recurrent state.
    """

    cache: Any
    length: int
    unread: list[int]
    padded: bool


def read(model: Any, before: list[int]) -> Prefix:
    """Read what stands before every row.

    Args:
        model: A causal LM.
        before: Tokens; there may be none.

    Raises:
        ModelError: If the model keeps what it has read in a way of its own.
    """
    import torch
    from transformers import DynamicCache
    from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

    if not _known(model) & {"cache", "past_key_values"}:
        raise ModelError(f"a model of type {model.config.model_type} keeps no key-value cache; name another model.")
    cache = DynamicCache(config=model.config)
    kinds = {type(layer) for layer in cache.layers}
    padded = kinds <= {DynamicLayer}
    if not kinds <= {DynamicLayer, DynamicSlidingWindowLayer}:
        return Prefix(cache, 0, before, padded)
    if before:
        with torch.inference_mode():
            predict(model, cache, torch.tensor([before], device=model.device))
    return Prefix(cache, len(before), [], padded)


def spread(prefix: Prefix, rows: int, room: int) -> Any:
    """A copy of a prefix's cache for ``rows`` rows, with room for ``room`` more tokens.

    Args:
        prefix: Stays as it is.
        rows: Size of the batch.
        room: How many tokens each row will add.
    """
    # Layers of other kinds (a sliding window, say), and those that have read nothing, know best how to grow themselves.
    if not prefix.padded or not prefix.length:
        result = copy.deepcopy(prefix.cache)
        if prefix.length:
            result.batch_repeat_interleave(rows)
        return result
    result = copy.copy(prefix.cache)
    result.layers = [_roomy_layer()(layer, rows, room) for layer in prefix.cache.layers]
    return result


def predict(model: Any, kept: Any, ids: Any, **options: Any) -> Any:
    """Logits of the token after ``ids``, (rows, vocabulary).

    Args:
        model: A causal LM.
        kept: Its cache, to which ``ids`` are added.
        ids: (rows, tokens)
        options: Further arguments; those that this model does not know are left out.
    """
    known = _known(model)
    options |= {"cache" if "cache" in known else "past_key_values": kept, "logits_to_keep": 1}
    given = {name: value for name, value in options.items() if name in known}
    return model(ids, use_cache=True, **given).logits[:, -1]


def _known(model: Any) -> set[str]:
    return set(inspect.signature(model.forward).parameters)


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

        def reorder_cache(self, beam_idx: torch.Tensor) -> None:
            self.all_keys, self.all_values = self.all_keys[beam_idx], self.all_values[beam_idx]
            self._show()

        def _show(self) -> None:
            self.keys, self.values = self.all_keys[:, :, : self.length], self.all_values[:, :, : self.length]

    return RoomyLayer
