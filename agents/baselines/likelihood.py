"""How likely a local language model finds titles after a prompt; titles that begin alike are read once.

The tokens of all titles form a tree, each node read behind the prompt and its own ancestors only, in a single pass:
what Miao et al. ("SpecInfer", ASPLOS 2024) call tree attention. A prompt is read once, however many titles follow.
"""

from __future__ import annotations

import copy
import inspect
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crossrec.errors import ModelError, check_name
from crossrec.language.models import check_folder

if TYPE_CHECKING:
    import torch

_PROMPTS = 256  # prompts whose reading is kept
_LONGEST = 1024  # tokens of a prompt; of a longer one only the end is read


@dataclass(frozen=True)
class Tree:
    """Token sequences as a tree: a node is a beginning that some of them share.

    Attributes:
        tokens: ``(m,)`` of each node.
        parents: ``(m,)`` number of the node before, -1 for a first token; parents come before their children.
        depth: ``(m,)`` tokens before it.
        leaves: ``(k,)`` node where each of the k sequences ends.
    """

    tokens: NDArray[np.int64]
    parents: NDArray[np.int64]
    depth: NDArray[np.int64]
    leaves: NDArray[np.int64]

    def ancestors(self) -> NDArray[np.bool_]:
        """``(m, m)`` whether node j is node i or comes before it."""
        found = np.eye(len(self.tokens), dtype=np.bool_)
        for node, parent in enumerate(self.parents):
            if parent >= 0:
                found[node] |= found[parent]
        return found


def tree_of(sequences: Sequence[Sequence[int]]) -> Tree:
    """The tree of sequences, none of them empty."""
    number: dict[tuple[int, int], int] = {}
    leaves = []
    for sequence in sequences:
        node = -1
        for token in sequence:
            node = number.setdefault((node, token), len(number))
        leaves.append(node)
    parents = np.array([parent for parent, _ in number], np.int64)
    depth = np.zeros(len(parents), np.int64)
    for node, parent in enumerate(parents):
        depth[node] = depth[parent] + 1 if parent >= 0 else 0
    tokens = np.array([token for _, token in number], np.int64)
    return Tree(tokens, parents, depth, np.array(leaves, np.int64))


class TitleLikelihood:
    """Mean log-likelihood of titles' tokens after a prompt, by a local causal language model, loaded when first asked.

    Args:
        folder: Of the model.
        device: Where to compute, as ``context.device``.
        dtype: Of the weights: float32, bfloat16 (several times faster where the processor knows it) or float16.

    Raises:
        ModelError: If the folder does not hold a whole causal LM.
    """

    def __init__(self, folder: str | os.PathLike[str], device: str = "auto", dtype: str = "float32") -> None:
        check_name("dtype", dtype, ("float32", "bfloat16", "float16"))
        self.folder, self.device, self.dtype = Path(folder), device, dtype
        check_folder(self.folder, "generator")
        self._loaded: tuple[Any, Any] | None = None
        self._read: dict[str, tuple[Any, int, torch.Tensor]] = {}
        self._tokens: dict[str, list[int]] = {}

    def __call__(self, prompt: str, titles: Sequence[str]) -> NDArray[np.float64]:
        """Mean log-likelihood ``(k,)`` of each title's tokens.

        Raises:
            ModelError: If the model cannot be loaded, or keeps what it has read in a way of its own.
        """
        import torch

        _, model = self._load()
        sequences = [self._title(title) for title in titles]
        tree = tree_of(sequences)
        with torch.inference_mode():
            cache, length, first = self._prompt(prompt)
            chances = torch.empty(len(tree.tokens))  # of each node after its parent
            tokens = torch.tensor(tree.tokens)
            begins = torch.tensor(tree.parents < 0)
            chances[begins] = first[tokens[begins]]
            inner = np.unique(tree.parents[tree.parents >= 0])  # leaves need not be read
            if inner.size:
                self._behind(model, copy.deepcopy(cache), length, tree, inner, chances)
        chance = chances.double().numpy()
        total = chance.copy()
        for node, parent in enumerate(tree.parents):
            if parent >= 0:
                total[node] += total[parent]
        found: NDArray[np.float64] = total[tree.leaves] / (tree.depth[tree.leaves] + 1)
        return found

    def _behind(
        self, model: Any, cache: Any, length: int, tree: Tree, inner: NDArray[np.int64], chances: torch.Tensor
    ) -> None:
        """Fill in the chances of all nodes but the first ones."""
        import torch

        seen = np.ones((len(inner), length + len(inner)), np.bool_)
        seen[:, length:] = tree.ancestors()[np.ix_(inner, inner)]
        mask = torch.zeros(seen.shape, dtype=model.dtype)
        mask[torch.tensor(~seen)] = torch.finfo(model.dtype).min
        logits = model(
            torch.tensor(tree.tokens[inner], device=model.device)[None],
            attention_mask=mask[None, None].to(model.device),
            position_ids=torch.tensor(length + tree.depth[inner], device=model.device)[None],
            use_cache=True,
            **_named(model, cache),
        ).logits[0]
        later = np.flatnonzero(tree.parents >= 0)
        row = np.searchsorted(inner, tree.parents[later])
        logits = logits.float()
        total = torch.logsumexp(logits, dim=1)
        rows, tokens = torch.tensor(row), torch.tensor(tree.tokens[later])
        chances[torch.tensor(later)] = (logits[rows, tokens] - total[rows]).cpu()

    def _prompt(self, prompt: str) -> tuple[Any, int, torch.Tensor]:
        """What is kept of a prompt, its length, and log-likelihoods (vocabulary,) of what comes first behind it."""
        import torch
        from transformers import DynamicCache
        from transformers.cache_utils import DynamicLayer

        if prompt not in self._read:
            tokenizer, model = self._load()
            ids = tokenizer(prompt)["input_ids"][-_LONGEST:] or [tokenizer.eos_token_id]
            cache = DynamicCache(config=model.config)
            if {type(layer) for layer in cache.layers} - {DynamicLayer}:
                raise ModelError(
                    f"the model in {self.folder} keeps what it has read in a way of its own, so it cannot rank titles; "
                    "name another with context.generator_folder=."
                )
            read = model(torch.tensor([ids], device=model.device), use_cache=True, **_named(model, cache))
            if len(self._read) >= _PROMPTS:
                self._read.clear()
            self._read[prompt] = (cache, len(ids), torch.log_softmax(read.logits[0, -1].float(), dim=0).cpu())
        return self._read[prompt]

    def _title(self, title: str) -> list[int]:
        if title not in self._tokens:
            tokenizer, _ = self._load()
            self._tokens[title] = tokenizer(f" {title}", add_special_tokens=False)["input_ids"]
        return self._tokens[title]

    def _load(self) -> tuple[Any, Any]:
        if self._loaded is None:
            import torch
            from transformers import AutoModelForCausalLM, AutoTokenizer

            from crossrec.language.torch_tools import load_model, loading, pick_device

            device = pick_device(self.device)
            with loading(self.folder):
                tokenizer: Any = AutoTokenizer.from_pretrained(self.folder, local_files_only=True)
                options = {"dtype": getattr(torch, self.dtype), "device_map": {"": device}}
                model = load_model(AutoModelForCausalLM, self.folder, attn_implementation="sdpa", **options)
            self._loaded = tokenizer, model
        return self._loaded


def _named(model: Any, cache: Any) -> dict[str, Any]:
    """The cache under the name that this release of the library knows it by."""
    return {"cache" if "cache" in inspect.signature(model.forward).parameters else "past_key_values": cache}
