"""What the model-backed generators and encoders share; torch is imported inside functions only."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from crossrec.errors import CrossRecError, ModelError

from .batches import out_of_memory


def pick_device(device: str) -> str:
    """``auto`` means CUDA if there, else MPS, else the CPU.

    Raises:
        ModelError: If the device is unknown or not there.
    """
    import torch

    if device == "auto":
        return next((kind for kind in ("cuda", "mps") if _count(kind)), "cpu")
    try:
        wanted = torch.device(device)
    except RuntimeError:
        raise ModelError(f"context.device={device!r} is unknown; allowed: auto, cpu, cuda, cuda:0, ..., mps.") from None
    count = _count(wanted.type)
    if not count:
        raise ModelError(f"context.device={device!r} is not available here; set context.device=auto or cpu.")
    if (wanted.index or 0) >= count:
        raise ModelError(
            f"context.device={device!r} is not available here; the last of its kind is {wanted.type}:{count - 1}."
        )
    return device


def _count(kind: str) -> int:
    """How many devices of a kind torch can compute on."""
    import torch

    module: Any = getattr(torch, kind, None)
    return int(module.device_count()) if hasattr(module, "device_count") else 0


@contextmanager
def loading(folder: Path) -> Iterator[None]:
    """Silence the libraries, and turn whatever goes wrong while loading into one sentence.

    Raises:
        ModelError: If the folder's files cannot be loaded.
    """
    from transformers.utils import logging as hub_logging

    logging: Any = hub_logging
    bars, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except CrossRecError:
        raise
    # Transformers, tokenizers, safetensors and jinja each raise errors of their own.
    except Exception as error:
        if out_of_memory(error):
            raise ModelError(
                f"the model in {folder} does not fit into memory ({first_line(error)}); name a smaller one or another "
                "context.device, or set context.dtype=bfloat16 for a generator."
            ) from error
        raise ModelError(
            f"the model in {folder} cannot be loaded ({first_line(error)}); run `crossrec models fetch --force` if it "
            "is a fetched one, else copy the folder again."
        ) from error
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def load_model(factory: Any, folder: Path, **options: Any) -> Any:
    """A model with all its weights, ready to compute.

    Args:
        factory: One of transformers' auto classes.
        folder: Of the model.
        options: Of ``from_pretrained``.

    Raises:
        ModelError: If weights are missing: transformers would make them up.
    """
    model, report = factory.from_pretrained(folder, local_files_only=True, output_loading_info=True, **options)
    # Sentence encoders are often saved without the head that pools for BERT's own training.
    missing = sorted(name for name in report["missing_keys"] if "pooler." not in name)
    if missing:
        raise ModelError(
            f"the model in {folder} lacks {len(missing)} of its weights, such as {missing[0]}; "
            "copy the folder again or name another."
        )
    return model.eval()


def first_line(error: Exception) -> str:
    """An error's message, or its name where it has none."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread on the CPU; afterwards with as many as before."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
