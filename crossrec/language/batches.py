"""Batches of texts of similar length, made smaller while memory runs out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TypeVar

from crossrec.errors import ModelError

Result = TypeVar("Result")


def by_length(lengths: Sequence[int], grid: int) -> list[list[int]]:
    """Positions in groups whose lengths are equal once rounded up to multiples of ``grid``, the longest first."""
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    return [list(group) for _, group in groupby(order, key=lambda i: -(-lengths[i] // grid))]


class Batcher:
    """Computes groups in batches; a batch that does not fit into memory is halved, and so are all later ones.

    Attributes:
        rows: Most texts in a batch.
        folder: The model's, for messages.
        filled: Whether smaller batches are filled up to that number before the model reads them.
    """

    def __init__(self, rows: int, folder: Path, filled: bool = False) -> None:
        self.rows = rows
        self.folder = folder
        self.filled = filled

    def run(
        self, groups: Sequence[list[int]], compute: Callable[[list[int]], Result]
    ) -> Iterator[tuple[list[int], Result]]:
        """Each batch with what was computed for it; no batch mixes groups.

        Args:
            groups: Of positions.
            compute: Of at most ``rows`` positions.

        Raises:
            ModelError: If not even a single text fits.
        """
        queue = deque(groups)
        while queue:
            batch = queue.popleft()
            if len(batch) > self.rows:
                queue.appendleft(batch[self.rows :])
                batch = batch[: self.rows]
            size = self.rows if self.filled else len(batch)
            try:
                result = compute(batch)
            except Exception as error:
                if not out_of_memory(error):
                    raise
                if size == 1:
                    raise ModelError(
                        f"memory runs out while the model in {self.folder} reads a single text; name a smaller one or "
                        "another context.device, or set context.dtype=bfloat16 for a generator."
                    ) from error
            else:
                yield batch, result
                continue
            # Outside the handler: until its end the error keeps the tensors of the batch alive.
            self.rows = size // 2
            queue.appendleft(batch)
            _free()


def out_of_memory(error: Exception) -> bool:
    """Whether an error says that a device's memory, or the machine's, is used up."""
    import torch
    from accelerate.utils import memory

    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or memory.should_reduce_batch_size(error)


def _free() -> None:
    from accelerate.utils import memory

    memory.clear_device_cache(garbage_collection=True)
