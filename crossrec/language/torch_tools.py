"""What the model-backed generators and encoders share; torch is imported inside functions only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from crossrec.errors import ModelError


def pick_device(device: str) -> str:
    """``auto`` means CUDA if there, else the CPU.

    Raises:
        ModelError: If CUDA is asked for and not there.
    """
    import torch

    try:
        torch.device("cpu" if device == "auto" else device)
    except RuntimeError:
        raise ModelError(f"context.device={device!r} is unknown; allowed: auto, cpu, cuda, cuda:0, ...") from None
    available = torch.cuda.is_available()
    if device == "auto":
        return "cuda" if available else "cpu"
    if device.startswith("cuda") and not available:
        raise ModelError(f"context.device={device!r} is not available here; set context.device=auto or cpu.")
    return device


@contextmanager
def loading(folder: Path) -> Iterator[None]:
    """Silence transformers' progress bars, and turn whatever goes wrong while loading into one sentence.

    Raises:
        ModelError: If the folder's files cannot be loaded.
    """
    from transformers.utils import logging as hub_logging

    logging: Any = hub_logging
    bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    # Transformers, tokenizers, safetensors and jinja each raise errors of their own.
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(
            f"the model in {folder} cannot be loaded ({reason}); run `crossrec models fetch --force` if it is a "
            "fetched one, else copy the folder again."
        ) from error
    finally:
        if bars:
            logging.enable_progress_bar()


def batches_by_length(lengths: Sequence[int], batch_size: int) -> list[list[int]]:
    """Positions grouped into batches of about equal length, the longest first, so that little is padding."""
    order = sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
