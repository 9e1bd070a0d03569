"""LoRA: a few small matrices beside a model's attention, trained in place of its own weights.

References:
    Hu et al., "LoRA: low-rank adaptation of large language models", ICLR 2022.
"""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from crossrec.errors import ModelError

_RANK = 16
# Attention projections by the names that the families of models give them.
_PROJECTIONS = (("q_proj", "v_proj"), ("query", "value"), ("q_lin", "v_lin"), ("query_key_value",), ("Wqkv",))


def check_peft() -> None:
    """Check that peft is installed.

    Raises:
        ModelError: If it is not.
    """
    if find_spec("peft") is None:
        raise ModelError('--method=lora needs peft, which is not installed; run `pip install "crossrec[tune]"`.')


def with_adapter(model: Any, folder: Path) -> Any:
    """Put an adapter into a model's attention, so that only its weights are trained.

    Args:
        model: Of transformers; changed in place.
        folder: Where it comes from, for messages.

    Returns:
        peft's model around it, whose ``merge_and_unload()`` gives an ordinary model again.

    Raises:
        ModelError: If peft is not installed, or the attention goes by names that are not known here.
    """
    check_peft()
    from peft import LoraConfig, get_peft_model

    ends = {name.rpartition(".")[2] for name, _ in model.named_modules()}
    targets = next((names for names in _PROJECTIONS if ends.issuperset(names)), None)
    if targets is None:
        known = ", ".join("+".join(names) for names in _PROJECTIONS)
        raise ModelError(f"the model in {folder} has no attention projections named {known}; use --method=full.")
    lora = LoraConfig(r=_RANK, lora_alpha=2 * _RANK, lora_dropout=0.05, target_modules=list(targets))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft asks transformers for something by its old name
        return get_peft_model(model, lora)
