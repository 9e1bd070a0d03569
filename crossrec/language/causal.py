"""The language-model generator: a local causal LM, decoded greedily in batches that share one prefilled prefix."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from crossrec.errors import check_name, check_range

from .generator import Progress, template_text
from .kv import as_argument, spread
from .models import check_folder, fingerprint
from .prompt import FORMAT_VERSION, Prompt, chat
from .torch_tools import batches_by_length, loading, pick_device

_DTYPES = ("float32", "bfloat16", "float16")
_MAX_SUFFIX = 512
_MAX_CHARACTERS = 200
_MARK = "@@MOMENT@@"


@dataclass(frozen=True)
class _Loaded:
    """A model ready to write: what comes before each moment has been read once."""

    tokenizer: Any
    model: Any
    prefix: Any  # key-value cache of the prefix, batch of one
    prefix_length: int
    ending: str  # what follows the moment in the conversation
    stops: frozenset[int]  # tokens that end an answer
    separators: Any  # (n,) tokens that may be repeated in an answer


class TransformersGenerator:
    """Keywords of a moment from a local model folder; the model is loaded at the first prompt.

    Decoding is greedy, and no token comes twice in an answer: small models otherwise repeat themselves. In float32 a
    prompt's text does not depend on the batch that it is in; in bfloat16 and float16 it may.

    Attributes:
        fallbacks: Answers that were empty and replaced by the template's text.

    Raises:
        ModelError: If the folder does not hold a whole causal LM.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        max_new_tokens: int = 10,
        batch_size: int = 64,
        dtype: str = "float32",
        device: str = "auto",
    ) -> None:
        check_range("max_new_tokens", max_new_tokens, 1, 256)
        check_range("batch_size", batch_size, 1)
        check_name("dtype", dtype, _DTYPES)
        self.folder = Path(folder)
        self.max_new_tokens = max_new_tokens
        self.batch_size = batch_size
        self.dtype = dtype
        self.device = device
        self.fallbacks = 0
        check_folder(self.folder, "generator")
        self._loaded: _Loaded | None = None

    @cached_property
    def identity(self) -> str:
        """The weights, the words of the prompt, the decoding and the precision."""
        return f"greedy-1-{FORMAT_VERSION}-{self.max_new_tokens}-{self.dtype}-{fingerprint(self.folder)}"

    def generate(self, prompts: Sequence[Prompt], on_progress: Progress | None = None) -> list[str]:
        """One line of keywords per prompt, in the prompts' order."""
        if not prompts:
            return []
        loaded = self._load()
        suffixes = [chat(prompt)[-1]["content"] + loaded.ending for prompt in prompts]
        tokens = loaded.tokenizer(suffixes, add_special_tokens=False)["input_ids"]
        # Beyond any sensible moment only the end is kept, since it holds the request to answer.
        tokens = [ids[-_MAX_SUFFIX:] for ids in tokens]
        texts = [""] * len(prompts)
        for batch in batches_by_length([len(ids) for ids in tokens], self.batch_size):
            answers = _decode(loaded, [tokens[i] for i in batch], self.max_new_tokens)
            written = loaded.tokenizer.batch_decode(answers, skip_special_tokens=True)
            for i, text in zip(batch, map(clean, written), strict=True):
                self.fallbacks += not text
                texts[i] = text or template_text(prompts[i])
            if on_progress is not None:
                on_progress(len(batch))
        return texts

    def _load(self) -> _Loaded:
        if self._loaded is None:
            import torch
            from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache

            with loading(self.folder):
                tokenizer: Any = AutoTokenizer.from_pretrained(self.folder, local_files_only=True)
                model: Any = AutoModelForCausalLM.from_pretrained(
                    self.folder, dtype=getattr(torch, self.dtype), attn_implementation="sdpa", local_files_only=True
                )
                before, ending = _conversation(tokenizer)
                model = model.to(pick_device(self.device)).eval()
                ids = tokenizer(before, add_special_tokens=False, return_tensors="pt")["input_ids"].to(model.device)
                cache = DynamicCache(config=model.config)
                with torch.inference_mode():
                    model(ids, **as_argument(model, cache), use_cache=True, logits_to_keep=1)
            breaks = {tokenizer.eos_token_id, *tokenizer.encode("\n", add_special_tokens=False)}
            commas = tokenizer.encode(",", add_special_tokens=False)
            self._loaded = _Loaded(
                tokenizer=tokenizer,
                model=model,
                prefix=cache,
                prefix_length=ids.shape[1],
                ending=ending,
                stops=frozenset(breaks - {None}),
                separators=torch.tensor(commas, device=model.device),
            )
        return self._loaded


def clean(text: str) -> str:
    """The first line of an answer: each keyword once, in printable characters, of bounded length."""
    line = next((line for line in text.splitlines() if line.strip()), "")
    printable = "".join(c if c.isprintable() else " " for c in line)
    keywords = dict.fromkeys(" ".join(word.split()) for word in printable.split(","))
    return ", ".join(word for word in keywords if word)[:_MAX_CHARACTERS].strip(" ,;")


def _conversation(tokenizer: Any) -> tuple[str, str]:
    """What stands before and after a moment in the model's own way of writing a conversation."""
    messages = chat(Prompt("", "", ""))
    messages[-1]["content"] = _MARK
    if tokenizer.chat_template:
        text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    else:
        text = "\n".join(message["content"] for message in messages) + "\n"
    before, ending = text.split(_MARK)
    return before, ending


def _decode(loaded: _Loaded, tokens: list[list[int]], limit: int) -> list[list[int]]:
    """Greedy answers to a batch of suffixes, left-padded behind the shared prefix."""
    import torch

    model, device = loaded.model, loaded.model.device
    n, width = len(tokens), max(map(len, tokens))
    ids = torch.zeros((n, width), dtype=torch.long)
    mask = torch.zeros((n, loaded.prefix_length + width), dtype=torch.long)
    mask[:, : loaded.prefix_length] = 1
    for row, suffix in enumerate(tokens):
        ids[row, width - len(suffix) :] = torch.tensor(suffix)
        mask[row, -len(suffix) :] = 1
    ids, mask = ids.to(device), mask.to(device)
    places = (mask.cumsum(1) - 1)[:, loaded.prefix_length :]
    answers: list[list[int]] = [[] for _ in tokens]
    with torch.inference_mode():
        cache = spread(loaded.prefix, n, width + limit)
        rows = list(range(n))
        open_rows = set(rows)
        past = as_argument(model, cache)
        used = torch.zeros((n, 0), dtype=torch.long, device=device)
        for _ in range(limit):
            logits = model(
                ids, attention_mask=mask, position_ids=places, use_cache=True, logits_to_keep=1, **past
            ).logits[:, -1]
            chosen = _best(logits, used, loaded.separators)
            values = chosen.tolist()
            for row, value in zip(rows, values, strict=True):
                if value in loaded.stops:
                    open_rows.discard(row)
                elif row in open_rows:
                    answers[row].append(value)
            if not open_rows:
                break
            used = torch.cat([used, chosen[:, None]], 1)
            mask = torch.cat([mask, mask.new_ones((len(rows), 1))], 1)
            places = places[:, -1:] + 1
            ids = chosen[:, None]
            # Dropping finished rows copies the cache, which pays once they are many.
            if 2 * len(open_rows) <= len(rows):
                kept = [k for k, row in enumerate(rows) if row in open_rows]
                index = torch.tensor(kept, device=device)
                cache.batch_select_indices(index)
                used, mask, places, ids = used[index], mask[index], places[index], ids[index]
                rows = [rows[k] for k in kept]
    return answers


def _best(logits: Any, used: Any, separators: Any) -> Any:
    """The likeliest token of each row among those not yet in its answer; separators may come again."""
    allowed = logits[:, separators]
    logits = logits.scatter(1, used, float("-inf"))
    logits[:, separators] = allowed
    return logits.argmax(-1)
