"""The sentence encoder: a local transformer, mean-pooled and normalised."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from crossrec.errors import check_range

from .encoder import Vectors
from .generator import Progress
from .models import check_folder, fingerprint
from .torch_tools import batches_by_length, loading, pick_device

_MAX_TOKENS = 256


class SentenceEncoder:
    """Unit vectors of texts from a local model folder, in float32; the model is loaded at the first text.

    Raises:
        ModelError: If the folder does not hold a whole model.
    """

    def __init__(self, folder: str | os.PathLike[str], device: str = "auto", batch_size: int = 64) -> None:
        check_range("batch_size", batch_size, 1)
        self.folder = Path(folder)
        self.device = device
        self.batch_size = batch_size
        check_folder(self.folder, "encoder")
        self.dimension = int(json.loads((self.folder / "config.json").read_bytes())["hidden_size"])
        self._loaded: tuple[Any, Any] | None = None

    @cached_property
    def identity(self) -> str:
        """The weights, the pooling and the cut-off; batch size and device change nothing but rounding."""
        return f"mean-pool-1-{_MAX_TOKENS}-{fingerprint(self.folder)}"

    def encode(self, texts: Sequence[str], on_progress: Progress | None = None) -> Vectors:
        """Unit vectors ``(n, dimension)``, in the texts' order; equal texts share one computation."""
        import torch

        result = np.zeros((len(texts), self.dimension), np.float32)
        if not texts:
            return result
        tokenizer, model = self._load()
        distinct = list(dict.fromkeys(texts))
        tokens = tokenizer(distinct, truncation=True, max_length=_MAX_TOKENS)["input_ids"]
        vectors = np.zeros((len(distinct), self.dimension), np.float32)
        for batch in batches_by_length([len(ids) for ids in tokens], self.batch_size):
            inputs = tokenizer.pad({"input_ids": [tokens[i] for i in batch]}, return_tensors="pt").to(model.device)
            with torch.inference_mode():
                states = model(**inputs).last_hidden_state  # (batch, tokens, dimension)
                mask = inputs["attention_mask"].unsqueeze(-1).to(states.dtype)
                pooled = (states * mask).sum(1) / mask.sum(1).clamp(min=1)
                unit = torch.nn.functional.normalize(pooled, dim=1)
            vectors[batch] = unit.float().cpu().numpy()
            if on_progress is not None:
                on_progress(len(batch))
        position = {text: i for i, text in enumerate(distinct)}
        result[:] = vectors[[position[text] for text in texts]]
        return result

    def _load(self) -> tuple[Any, Any]:
        if self._loaded is None:
            import torch
            from transformers import AutoModel, AutoTokenizer

            with loading(self.folder):
                tokenizer = AutoTokenizer.from_pretrained(self.folder, local_files_only=True)
                model: Any = AutoModel.from_pretrained(self.folder, dtype=torch.float32, local_files_only=True)
            tokenizer.padding_side = "right"
            if tokenizer.pad_token is None:
                tokenizer.pad_token = tokenizer.eos_token
            self._loaded = tokenizer, model.to(pick_device(self.device)).eval()
        return self._loaded
