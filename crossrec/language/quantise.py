"""Weights in fewer bits: int8 on the CPU by torch itself, int8 and int4 by bitsandbytes."""

from __future__ import annotations

import logging
import warnings
from importlib.util import find_spec
from typing import Any

from crossrec.config import QUANTISATIONS
from crossrec.errors import ConfigError, ModelError, check_name


def check_quantisation(quantisation: str, dtype: str, device: str) -> None:
    """Check that a quantisation goes with the other options, without loading anything.

    Raises:
        ConfigError: If it does not.
        ModelError: If it needs a package that is not installed.
    """
    check_name("context.quantisation", quantisation, QUANTISATIONS)
    if quantisation == "dynamic":
        if device not in ("auto", "cpu"):
            raise ConfigError(
                f"context.quantisation=dynamic computes on the CPU only, not on context.device={device}; "
                "set context.device=cpu or context.quantisation=int8."
            )
        if dtype != "float32":
            raise ConfigError(
                f"context.quantisation=dynamic begins with float32 weights, not context.dtype={dtype}; "
                "set context.dtype=float32."
            )
    elif quantisation != "none" and find_spec("bitsandbytes") is None:
        raise ModelError(
            f"context.quantisation={quantisation} needs bitsandbytes, which is not installed; "
            'run `pip install "crossrec[quantised]"`.'
        )


def packed(quantisation: str, dtype: Any) -> dict[str, Any]:
    """Options of ``from_pretrained`` that store linear layers in fewer bits, by bitsandbytes where it is asked for.

    Args:
        quantisation: One of QUANTISATIONS.
        dtype: What int4 weights are computed in.
    """
    if quantisation not in ("int8", "int4"):
        return {}
    import transformers

    config: Any = transformers.BitsAndBytesConfig
    # It warns in every layer of every pass that it casts its inputs.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    if quantisation == "int8":
        return {"quantization_config": config(load_in_8bit=True)}
    compute = {} if dtype == "auto" else {"bnb_4bit_compute_dtype": dtype}
    return {"quantization_config": config(load_in_4bit=True, bnb_4bit_quant_type="nf4", **compute)}


def dynamic(model: Any) -> Any:
    """The model with linear layers in int8, a scale for each of their outputs, and inputs rounded as they come.

    The scale of the inputs is one for the whole batch, so texts depend on the batch that they are in.

    Raises:
        ModelError: If torch cannot do it on this machine.
    """
    import torch

    if torch.backends.quantized.engine in ("none", None):
        raise ModelError("context.quantisation=dynamic is not possible with this machine's torch; set it to none.")
    from torch.ao import quantization

    tools: Any = quantization
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch means to move all of this to a package of its own
        return tools.quantize_dynamic(model, {torch.nn.Linear: tools.per_channel_dynamic_qconfig}, inplace=True)
