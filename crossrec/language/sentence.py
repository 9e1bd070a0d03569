"""The sentence encoder: a local transformer, its token states pooled and normalised."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from crossrec.config import POOLINGS
from crossrec.errors import check_name

from .batches import Batcher, by_length
from .encoder import Vectors
from .generator import Progress
from .models import check_folder, fingerprint, width
from .torch_tools import load_model, loading, one_thread, pick_device

_MAX_TOKENS = 256
_ROWS, _ROWS_GPU = 8, 64  # texts in one pass
_GRID = 8  # passes are a multiple of so many tokens long


class SentenceEncoder:
    """Unit vectors of texts from a local model folder, in float32; the model is loaded at the first text.

    Every pass has one of a few fixed shapes, filled up with copies. So on a CPU a text's vector is the same, bit for
    bit, alone and in any company: libraries sum in another order for another shape, and on some processors for another
    number of threads, so each pass takes one.

    Args:
        folder: Of an encoder or a causal language model.
        device: Where to compute.
        pooling: "mean" of the token states, or the "last" one, which in a causal model has read the whole text.

    Raises:
        ModelError: If the folder does not hold a whole model.
    """

    def __init__(self, folder: str | os.PathLike[str], device: str = "auto", pooling: str = "mean") -> None:
        check_name("context.pooling", pooling, POOLINGS)
        self.folder = Path(folder)
        self.device = device
        self.pooling = pooling
        check_folder(self.folder, "encoder")
        self.dimension = width(json.loads((self.folder / "config.json").read_bytes()))
        self._batcher = Batcher(_ROWS, self.folder, filled=True)
        self._loaded: tuple[Any, Any] | None = None

    @cached_property
    def identity(self) -> str:
        """The weights, the pooling and the cut-off; the device changes nothing but rounding."""
        return f"{self.pooling}-pool-2-{_MAX_TOKENS}-{fingerprint(self.folder)}"

    def encode(self, texts: Sequence[str], on_progress: Progress | None = None) -> Vectors:
        """Unit vectors ``(n, dimension)``, in the texts' order; equal texts share one computation.

        Raises:
            ModelError: If the model cannot be loaded, or not even a single text fits into memory.
        """
        if not texts:
            return np.zeros((0, self.dimension), np.float32)
        tokenizer, model = self.load()
        distinct = list(dict.fromkeys(texts))
        # An empty text still needs a token to pool.
        found = tokenizer([text or " " for text in distinct], truncation=True, max_length=longest(model))["input_ids"]
        tokens = [ids or [tokenizer.pad_token_id] for ids in found]
        vectors = np.zeros((len(distinct), self.dimension), np.float32)
        groups = by_length([len(ids) for ids in tokens], _GRID)
        for block, made in self._batcher.run(groups, lambda rows: self._encode_block([tokens[i] for i in rows])):
            vectors[block] = made
            if on_progress is not None:
                on_progress(len(block))
        position = {text: i for i, text in enumerate(distinct)}
        return vectors[[position[text] for text in texts]]

    def _encode_block(self, tokens: list[list[int]]) -> Vectors:
        import torch

        tokenizer, model = self.load()
        rows, width = self._batcher.rows, -(-max(map(len, tokens)) // _GRID) * _GRID
        ids = torch.full((rows, width), tokenizer.pad_token_id)
        mask = torch.zeros((rows, width), dtype=torch.long)
        for row in range(rows):
            filled = tokens[min(row, len(tokens) - 1)]
            ids[row, : len(filled)] = torch.tensor(filled)
            mask[row, : len(filled)] = 1
        ids, mask = ids.to(model.device), mask.to(model.device)
        with torch.inference_mode(), one_thread():
            states = model(input_ids=ids, attention_mask=mask).last_hidden_state  # (rows, width, dimension)
            unit = torch.nn.functional.normalize(pool(states, mask, self.pooling), dim=1)
        vectors: Vectors = unit[: len(tokens)].float().cpu().numpy()
        return vectors

    def load(self) -> tuple[Any, Any]:
        """Tokenizer and model, loaded at the first call.

        Raises:
            ModelError: If the folder's files cannot be loaded.
        """
        if self._loaded is None:
            import torch
            from transformers import AutoModel, AutoTokenizer

            with loading(self.folder):
                tokenizer: Any = AutoTokenizer.from_pretrained(self.folder, local_files_only=True)
                model = load_model(AutoModel, self.folder, dtype=torch.float32).to(pick_device(self.device))
            tokenizer.padding_side = "right"
            if tokenizer.pad_token is None:
                # Padding is masked, so that any token will do.
                tokenizer.pad_token = tokenizer.eos_token or tokenizer.convert_ids_to_tokens(0)
            self._batcher = Batcher(_ROWS if model.device.type == "cpu" else _ROWS_GPU, self.folder, filled=True)
            self._loaded = tokenizer, model
        return self._loaded


def longest(model: Any) -> int:
    """How many tokens of a text are read: a multiple of the grid, so that padding fits into the model's window too."""
    window = getattr(model.config.get_text_config(), "max_position_embeddings", None) or _MAX_TOKENS
    return int(min(_MAX_TOKENS, window // _GRID * _GRID))


def pool(states: Any, mask: Any, pooling: str) -> Any:
    """One vector per text, (n, dimension): the mean of its token states (n, tokens, dimension), or the last one."""
    import torch

    if pooling == "last":
        return states[torch.arange(len(states), device=states.device), mask.sum(1) - 1]
    weights = mask.unsqueeze(-1).to(states.dtype)
    return (states * weights).sum(1) / weights.sum(1).clamp(min=1)
