"""Whole model folders of a few kilobytes with random weights, of several families."""

from functools import cache

from crossrec.language.fetch import CHATML

from .conftest import make_prompts

WINDOW = 16  # [tokens] that the sliding layers see: less than a prompt has
SCALES = {
    "gemma3": 0.1,
    "lfm2": 0.1,
    "bloom": 0.6,
}  # of weights, so that what a model says depends on all that it reads
REFUSES_SYSTEM = (
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}" + CHATML
)
DROPS_SYSTEM = CHATML.replace(
    "{% for message in messages %}", "{% for message in messages if message['role'] != 'system' %}"
)


@cache
def trained():
    """A byte-level tokenizer that knows the words of some prompts."""
    from tokenizers import ByteLevelBPETokenizer

    tokenizer = ByteLevelBPETokenizer()
    texts = [prompt.text for prompt in make_prompts(30)] + [
        "You name what a person wants to see right now. user, system"
    ]
    special = ["<s>", "</s>", "<|im_start|>", "<|im_end|>"]
    tokenizer.train_from_iterator(texts, vocab_size=420, special_tokens=special, show_progress=False)
    return tokenizer


def write_tokenizer(path, template=CHATML, **special):
    from transformers import PreTrainedTokenizerFast

    special = special or {"bos_token": "<s>", "eos_token": "</s>"}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=trained()._tokenizer, **special)
    tokenizer.chat_template = template
    tokenizer.save_pretrained(path)
    return len(tokenizer)


def write_model(path, family="llama", template=CHATML, **changes):
    """A folder with a random causal language model, or BERT."""
    import torch
    import transformers
    from transformers.utils import logging

    logging.disable_progress_bar()

    size = write_tokenizer(path, template)
    common = {
        "initializer_range": SCALES.get(family, 0.3),
        "vocab_size": size,
        "bos_token_id": 0,
        "eos_token_id": 1,
        "pad_token_id": 1,
        "tie_word_embeddings": False,
    }
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4}
    heads = {"num_key_value_heads": 2, "head_dim": 8}
    full, sliding = "full_attention", "sliding_attention"
    config = {
        "llama": lambda: transformers.LlamaConfig(**common, **sizes, **heads, **changes),
        "mistral": lambda: transformers.MistralConfig(**common, **sizes, **heads, sliding_window=WINDOW, **changes),
        "gemma3": lambda: transformers.Gemma3TextConfig(
            **common, **sizes, **heads, sliding_window=WINDOW, layer_types=[sliding, full, sliding], **changes
        ),
        "lfm2": lambda: transformers.Lfm2Config(
            **common, **sizes, num_key_value_heads=2, layer_types=["conv", full, "conv"], **changes
        ),
        "mamba": lambda: transformers.MambaConfig(
            **common, hidden_size=32, num_hidden_layers=3, state_size=4, **changes
        ),
        "gpt2": lambda: transformers.GPT2Config(**common, n_embd=32, n_layer=3, n_head=4, n_positions=1024, **changes),
        "bloom": lambda: transformers.BloomConfig(**common, hidden_size=32, n_layer=3, n_head=4, **changes),
        "rwkv": lambda: transformers.RwkvConfig(**common, hidden_size=32, num_hidden_layers=2, **changes),
        "bert": lambda: transformers.BertConfig(**common, **sizes, **changes),
    }[family]()
    with torch.random.fork_rng():
        torch.manual_seed(1)
        factory = transformers.AutoModel if family == "bert" else transformers.AutoModelForCausalLM
        factory.from_config(config).save_pretrained(path)
    return path
