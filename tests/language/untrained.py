"""Encoders of a few thousand weights, drawn at random, with a tokenizer that knows whole words."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

_SIZES = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}


def make_bert(path: Path, texts: Iterable[str], seed: int = 0) -> Path:
    """A BERT with dropout."""
    from transformers import BertConfig, BertModel

    return _save(path, texts, lambda n: BertModel(BertConfig(vocab_size=n, **_SIZES)), seed)


def make_llama(path: Path, texts: Iterable[str], seed: int = 0) -> Path:
    """A causal language model, whose tokenizer has no token for padding."""
    from transformers import LlamaConfig, LlamaForCausalLM

    def build(n: int) -> Any:
        return LlamaForCausalLM(LlamaConfig(vocab_size=n, eos_token_id=1, pad_token_id=None, **_SIZES))

    return _save(path, texts, build, seed, pad_token=None)


def _save(path: Path, texts: Iterable[str], build: Any, seed: int, **tokens: Any) -> Path:
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    words.normalizer = normalizers.Lowercase()
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.train_from_iterator(texts, trainers.WordLevelTrainer(special_tokens=["[UNK]", "[EOS]", "[PAD]"]))
    special = {"unk_token": "[UNK]", "eos_token": "[EOS]", "pad_token": "[PAD]", **tokens}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build(words.get_vocab_size())
    model.save_pretrained(path)
    PreTrainedTokenizerFast(tokenizer_object=words, **special).save_pretrained(path)
    return path
