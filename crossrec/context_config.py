"""Every option of language contexts with its unit, range and default; `crossrec.config` has them too."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .fields import meant, named, ranged, told

CONTEXTS = ("none", "zeros", "shuffled", "template", "encode", "llm", "oracle")
WRITTEN = ("template", "encode", "llm")  # contexts that are a text about the moment, made in different ways
GENERATORS = ("transformers", "openai")
ENCODERS = ("minilm", "lm", "hashing")
DTYPES = ("float32", "bfloat16", "float16", "auto")
QUANTISATIONS = ("none", "dynamic", "int8", "int4")
POOLINGS = ("mean", "last")
REFRESHES = ("enter", "steps", "topic")
PARTS = ("persona", "scenario", "daypart", "hour", "weekend", "weekday", "device", "query")

_NOTE = """
{%- if likes %}Likes {{ likes | join(' and ') }}.{% endif %}
{%- if routine %} {{ 'At' if daypart == 'night' else 'Around' if daypart == 'midday' else 'In the' }} {{ daypart }}
often turns to {{ routine }}.{% endif %}"""
_MOMENT = """
Now {{ [scenario, [weekday or weekend, daypart, hour] | select | join(' '), device] | select | join(', ') }}.
{% if enjoyed %}Enjoyed: {{ enjoyed | join('; ') }}.{% endif %}
{% if query %}Searches for: {{ query }}.{% endif %}
{{ persona }}"""
_SENTENCE = """
{% if scenario %}Now {{ scenario }}.{% endif %}
{% if query %}Searches for: {{ query }}.{% endif %}
{{ persona }}
{% if enjoyed %}Recently enjoyed: {{ enjoyed | join('; ') }}.{% endif %}"""
# About topics outside the default world: first the habit, then what was enjoyed or liked.
_EXAMPLES: tuple[dict[str, Any], ...] = (
    {
        "scenario": "reading the news",
        "daypart": "morning",
        "enjoyed": ["Easy sourdough loaves for beginners"],
        "persona": "Likes politics, tennis and baking. In the morning often turns to politics.",
        "answer": "politics, elections, sourdough loaves, tennis, baking",
    },
    {
        "scenario": "listening to music",
        "daypart": "night",
        "persona": "Likes hiking, jazz and painting. At night often turns to jazz.",
        "answer": "jazz, saxophone, trumpet, hiking, painting",
    },
    {
        "scenario": "shopping online",
        "daypart": "afternoon",
        "enjoyed": ["Gift box: silk evening dresses", "Watch this before you buy fly rods"],
        "persona": "Likes fashion, fishing and history. In the afternoon often turns to fishing.",
        "answer": "fishing, fly rods, silk evening dresses, fashion, history",
    },
)


@dataclass
class PromptConfig:
    """What a prompt may see of a moment, and the words in which it says so; ``conf/prompt/`` has other languages.

    ``note``, ``moment`` and ``sentence`` are Jinja templates; docs/contexts.md lists their variables.
    """

    language: str = told("en", "for reports; the words themselves stand below")
    system: str = told(
        "You name what a person wants to see right now. Answer with one short line of keywords.",
        "what a language model is told before everything else",
    )
    note: str = told(_NOTE, "the profile note, which the other two know as `persona`")
    moment: str = told(_MOMENT, "what a language model reads; the persona last, where a small model reads it best")
    sentence: str = told(_SENTENCE, "the template's text, which also replaces an answer that is empty or a refusal")
    examples: list[Any] = field(
        default_factory=lambda: [dict(example) for example in _EXAMPLES], metadata=meant("moments with their answers")
    )
    words: dict[str, str] = field(
        default_factory=dict, metadata=meant("from English names (topics, dayparts, ...) to the language's")
    )
    sees: list[str] = field(
        default_factory=lambda: ["persona", "scenario", "daypart", "query"],
        metadata=meant("parts of a moment that a prompt may name", PARTS),
    )
    titles: int = ranged(0, 0, 3, "titles", "enjoyed lately that a prompt names; each multiplies distinct prompts")


@dataclass
class EndpointConfig:
    """An OpenAI-compatible server (vLLM, llama.cpp, Ollama, ...) that writes the texts."""

    url: str = told("http://127.0.0.1:8000/v1", "address up to and with /v1")
    model: str = told("", "the name that the server knows the model by")
    revision: str = told("", "of that model, for the store's keys: change it when the server's weights change")
    key_variable: str = told("OPENAI_API_KEY", "environment variable that holds the key; it need not be set")
    concurrency: int = ranged(16, 1, 1024, "requests", "under way at once")
    timeout: float = ranged(60.0, 0.1, 3600.0, "s", "per request")
    retries: int = ranged(
        5, 0, 100, "retries", "per request, with growing pauses, when the server is down, busy or answers nonsense"
    )
    temperature: float = ranged(0.0, 0.0, 2.0, "temperature", "of sampling; 0 is greedy")
    extra: dict[str, Any] = field(
        default_factory=dict, metadata=meant("further fields of the request, e.g. {top_k: 1}")
    )


@dataclass
class ContextConfig:
    """What the agent is told in words, and how words become vectors; items are embedded by the same encoder."""

    name: str = named("none", CONTEXTS, "what the agent is told; context= chooses it")
    shuffles: str = named("template", WRITTEN, "which text context=shuffled takes from somebody else")
    prompt: PromptConfig = field(
        default_factory=PromptConfig, metadata=meant("what a prompt says; prompt= chooses its language")
    )
    refresh: str = named(
        "enter", REFRESHES, "when a text is written anew: on entering a scenario, and every n steps or on a new topic"
    )
    refresh_steps: int = ranged(5, 1, 1_000_000, "steps", "between texts with refresh=steps")
    # what writes
    generator: str = named(
        "transformers", GENERATORS, "of context=llm: a local model, or an openai-compatible endpoint"
    )
    generator_folder: str | None = told(None, "a causal LM's folder or hub id instead of the fetched one")
    generator_revision: str | None = told(None, "branch, tag or commit of a hub id")
    max_new_tokens: int = ranged(10, 1, 256, "tokens", "at most per generated text")
    batch_size: int = ranged(64, 1, 65_536, "prompts", "generated at once, halved while memory runs out")
    workers: int = ranged(
        1, 1, 256, "processes", "that write texts ahead of a run, each with one thread and a model of its own"
    )
    dtype: str = named("float32", DTYPES, "float32 writes the same text at any batch size, bfloat16 does not")
    attention: str = told("sdpa", "implementation, as transformers names it: sdpa, eager, flash_attention_2, ...")
    quantisation: str = named("none", QUANTISATIONS, "dynamic (int8, CPU), int8 or int4 (bitsandbytes, an extra)")
    endpoint: EndpointConfig = field(default_factory=EndpointConfig, metadata=meant("of generator=openai"))
    # what embeds
    encoder: str = named(
        "minilm", ENCODERS, "a sentence encoder, a causal lm's pooled states, or hashing, which needs no model"
    )
    encoder_folder: str | None = told(
        None, "a folder or hub id instead of the fetched one (lm: instead of the generator's)"
    )
    encoder_revision: str | None = told(None, "branch, tag or commit of a hub id")
    pooling: str = named("mean", POOLINGS, "of token states: mean, or the last token's")
    dimension: int = ranged(64, 2, 4096, "numbers", "per item and context after the projection fitted on the catalogue")
    # where
    device: str = told("auto", "of the models: auto (CUDA, else MPS, else CPU), cpu, cuda, cuda:1, mps, xpu")
    store: str | None = told(None, "file of the context store; null: in the user's cache")
    store_entries: int = ranged(1_000_000, 1, 1_000_000_000, "contexts", "kept; beyond, the oldest go")
