"""The language-model generator: a local causal LM, decoded greedily in batches that share one prefilled prefix."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from crossrec.config import DTYPES, PromptConfig
from crossrec.errors import ModelError, check_name, check_range

from .answer import Answer, answer
from .batches import Batcher, by_length
from .conversation import BROKEN, Conversation, converse
from .decode import decode
from .generator import GenerationError, Progress
from .kv import Prefix, read
from .models import check_folder, fingerprint
from .prompt import Prompt, PromptWriter
from .quantise import check_quantisation, dynamic, packed
from .torch_tools import first_line, load_model, loading, pick_device

_MAX_SUFFIX, _MIN_SUFFIX = 512, 64  # tokens of a moment with what follows it


@dataclass(frozen=True)
class _Loaded:
    """A model ready to write: what comes before each moment has been read once."""

    tokenizer: Any
    model: Any
    conversation: Conversation
    prefix: Prefix
    longest: int  # [tokens] of a moment with what follows it


class TransformersGenerator:
    """Keywords of a moment from a local model folder; the model is loaded at the first prompt.

    Decoding is greedy, and no token comes twice in an answer: small models otherwise repeat themselves. In float32 a
    prompt's text does not depend on the batch that it is in; in bfloat16 and float16, and quantised, it may.

    Args:
        folder: Of a causal language model.
        writer: Says what comes before a prompt in the conversation; default: the shipped words.
        max_new_tokens: At most per text.
        batch_size: Prompts at once; halved for good whenever memory runs out.
        dtype: Of the weights; "auto" is the one that they were saved in.
        device: Where to compute; "auto" is the CPU for dynamic quantisation.
        attention: Implementation, as transformers names it.
        quantisation: One of QUANTISATIONS.

    Raises:
        ConfigError: If options are out of range or do not go together.
        ModelError: If the folder does not hold a whole causal LM, or a package is missing.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        writer: PromptWriter | None = None,
        *,
        max_new_tokens: int = 10,
        batch_size: int = 64,
        dtype: str = "float32",
        device: str = "auto",
        attention: str = "sdpa",
        quantisation: str = "none",
    ) -> None:
        check_range("context.max_new_tokens", max_new_tokens, 1, 256)
        check_range("context.batch_size", batch_size, 1)
        check_name("context.dtype", dtype, DTYPES)
        check_quantisation(quantisation, dtype, device)
        self.folder = Path(folder)
        check_folder(self.folder, "generator")
        self.writer = writer if writer is not None else PromptWriter(PromptConfig())
        self.max_new_tokens = max_new_tokens
        self.dtype = dtype
        self.device = device
        self.attention = attention
        self.quantisation = quantisation
        self.batcher = Batcher(batch_size, self.folder)
        self._loaded: _Loaded | None = None

    @cached_property
    def identity(self) -> str:
        """The weights, the opening of the conversation, the decoding and the precision.

        Device, attention and batch size change nothing but rounding, so texts are shared between them.
        """
        decoding = f"{self.max_new_tokens}-{self.dtype}-{self.quantisation}"
        return f"greedy-2-{decoding}-{self.writer.identity}-{fingerprint(self.folder)}"

    def generate(self, prompts: Sequence[Prompt], on_progress: Progress | None = None) -> list[Answer]:
        """One line of keywords per prompt, in the prompts' order.

        Raises:
            ModelError: If the model cannot be loaded.
            GenerationError: If it stops on the way, for lack of memory or any other reason.
        """
        if not prompts:
            return []
        loaded = self._load()
        texts = [prompt.text + loaded.conversation.ending for prompt in prompts]
        found = loaded.tokenizer(texts, add_special_tokens=False)["input_ids"]
        # Of a moment that is too long only the end is kept, since it holds the request to answer.
        tokens = [loaded.prefix.unread + ids[-loaded.longest :] for ids in found]
        lengths = [len(ids) for ids in tokens]
        groups = by_length(lengths, max(lengths) if loaded.prefix.padded else 1)
        done: dict[int, Answer] = {}
        try:
            for batch, written in self.batcher.run(groups, lambda rows: self._write([tokens[i] for i in rows], loaded)):
                done |= {i: answer(raw, prompts[i].sentence) for i, raw in zip(batch, written, strict=True)}
                if on_progress is not None:
                    on_progress(len(batch))
        # Whatever it is, the answers so far are worth keeping.
        except Exception as error:
            known = isinstance(error, ModelError)
            reason = str(error) if known else f"the model in {self.folder} stopped writing ({first_line(error)})."
            raise GenerationError(reason, done) from error
        return [done[i] for i in range(len(prompts))]

    def _write(self, tokens: list[list[int]], loaded: _Loaded) -> list[str]:
        _, _, stops, repeatable = loaded.conversation
        written = decode(loaded.model, loaded.prefix, tokens, self.max_new_tokens, stops, repeatable)
        texts: list[str] = loaded.tokenizer.batch_decode(written, skip_special_tokens=True)
        return [text.rstrip(BROKEN) for text in texts]  # the last letter may have been cut

    def _load(self) -> _Loaded:
        if self._loaded is None:
            from transformers import AutoTokenizer

            with loading(self.folder):
                tokenizer: Any = AutoTokenizer.from_pretrained(self.folder, local_files_only=True)
                model = self._load_model()
                conversation = converse(tokenizer, model.generation_config, self.writer, self.folder)
                longest = self._longest(model, len(conversation.before))
                prefix = read(model, conversation.before)
                if self.quantisation == "dynamic":
                    # Only now: the first token of all makes numbers so large that the rest would be rounded to nothing.
                    model = dynamic(model)
            self._loaded = _Loaded(tokenizer, model, conversation, prefix, longest)
        return self._loaded

    def _load_model(self) -> Any:
        import torch
        from transformers import AutoModelForCausalLM

        device = "cpu" if self.quantisation == "dynamic" else pick_device(self.device)
        dtype: Any = self.dtype if self.dtype == "auto" else getattr(torch, self.dtype)
        options = {"dtype": dtype, "device_map": {"": device}, "attn_implementation": self.attention}
        options |= packed(self.quantisation, dtype)
        try:
            return load_model(AutoModelForCausalLM, self.folder, **options)
        except (ImportError, ValueError) as error:
            # A missing package or an unknown name; damaged files raise the same kinds of errors.
            if self.attention in ("sdpa", "eager") and "attn_implementation" not in str(error):
                raise
            raise ModelError(
                f"context.attention={self.attention} cannot be used with the model in {self.folder} "
                f"({first_line(error)}); set context.attention=eager, which every model has."
            ) from error

    def _longest(self, model: Any, before: int) -> int:
        """How many tokens a moment and what follows it may have, so that all fits into the model's window."""
        window = getattr(model.config.get_text_config(), "max_position_embeddings", None) or 1 << 30
        longest = min(_MAX_SUFFIX, window - before - self.max_new_tokens)
        if longest < _MIN_SUFFIX:
            raise ModelError(
                f"the model in {self.folder} reads at most {window} tokens, too few for {before} before a moment and "
                f"{self.max_new_tokens} in an answer; shorten context.prompt.examples or context.max_new_tokens."
            )
        return longest
