"""Every option of the simulation with its type, unit and default. Hydra and ``gym.make`` read the same classes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .agent_config import (
    AGENTS,
    FUSIONS,
    SLATES,
    A2CConfig,
    AgentConfig,
    AuxiliaryConfig,
    DQNConfig,
    PPOConfig,
    QRDQNConfig,
    SlateQConfig,
)

__all__ = [
    "AGENTS",
    "FUSIONS",
    "SLATES",
    "A2CConfig",
    "AgentConfig",
    "AuxiliaryConfig",
    "DQNConfig",
    "PPOConfig",
    "QRDQNConfig",
    "SlateQConfig",
]

DEFAULT_SCENARIOS = ("shopping", "news", "social", "music", "video")


@dataclass
class BehaviourConfig:
    """Strength of each effect of human behaviour; 0 switches an effect off.

    Formulas and sources stand where each effect is computed: choice.py (what is clicked), dynamics.py (what a step does
    to a person), journey.py (where people go), all in ``crossrec/simulation/``.
    """

    # what is clicked
    interest: float = 7.0  # logits per unit of <interest, topics>
    intent: float = 3.0  # logits when the item is about the topic on the user's mind
    quality: float = 0.7  # logits per unit of item quality
    satiation: float = 0.7  # logits per unit of <satiation, topics>
    ageing: float = 0.0  # logits per day of age that an item of a scenario with facet "age" loses
    bait: float = 0.0  # logits by which a title that promises too much attracts; it disappoints by as large a share
    position: float = 1.0  # exponent on a scenario's examination per place of a slate; 0: all places alike
    # what a step does to a person
    satiation_decay: float = 0.85  # share of satiation kept from one step to the next, 0 to 1
    satiation_half_life: float = 180.0  # [min] half-life of satiation while away
    satiation_leak: float = 0.6  # share of satiation that goes along to another scenario, 0 to 1
    rebound: float = 0.0  # satiation units below zero to which a topic left alone recovers: it is missed
    drift: float = 0.02  # share of the way that shared interest moves to an enjoyed item, 0 to 1
    mood: float = 0.2  # share of the way that satisfaction moves to the last experience, 0 to 1
    on_mind: float = 0.5  # probability that a click puts the item's topic on the user's mind
    # where people go
    carry_over: float = 0.7  # probability that the topic on the mind goes along to the next scenario
    routine: float = 0.75  # probability that a fresh intent is a routine rather than drawn from interest
    device_routine: float = 0.0  # probability that a routine is the device's rather than the daypart's, 0 to 1
    query: float = 0.9  # probability that a search query is about the topic on the mind, 0 to 1
    leave: float = 0.14  # hazard per step of leaving a scenario at average mood and patience, 0 to 1
    leave_mood: float = 1.5  # logits by which satisfaction lowers that hazard
    transition_feedback: float = 0.7  # log-weight by which a click favours the scenarios that people move on to
    transition_habit: float = 0.0  # log-normal spread of each person's own weight of each move between two scenarios
    device_habit: float = 0.0  # probability of staying on the device within a session, which favours what is used on it
    session_minutes: float = 25.0  # [min] median time budget of a session
    gap_minutes: float = 420.0  # [min] median gap between sessions at average mood
    gap_mood: float = 1.0  # log-minutes by which satisfaction shortens the gap
    churn: float = 0.03  # probability at a session's end of never returning, at average mood, 0 to 1
    churn_mood: float = 3.0  # logits by which satisfaction lowers it


@dataclass
class RewardConfig:
    """Weight of each named part of the reward."""

    click: float = 1.0  # per click
    dwell: float = 0.05  # per minute of dwell
    conversion: float = 0.5  # per conversion (buy, share, like, finish)


@dataclass
class CandidateConfig:
    """Which items may be shown: shares of the candidates by source; what is left is drawn uniformly.

    An item that two sources name stands once; further uniform draws fill the list.
    """

    popular: float = 0.0  # share drawn by popularity, 0 to 1
    near: float = 0.0  # share nearest to what the person enjoyed lately, 0 to 1
    new: float = 0.0  # share drawn from the scenario's new items, 0 to 1
    index: str = "exact"  # how nearest items are found; usearch (an extra) is approximate, for millions of items


CHOICES = ("examination", "cascade")
INDEXES = ("exact", "usearch")
ENGINES = ("auto", "compiled", "numpy")


@dataclass
class EnvConfig:
    """One environment: its world, its people, its behaviour and its reward."""

    scenarios: list[Any] = field(default_factory=lambda: list(DEFAULT_SCENARIOS))  # names, YAML files, Scenario objects
    items_per_scenario: int = 400
    new_items: float = 0.0  # share of each scenario's items that are new: nobody has met them, popularity is unknown
    world_seed: int = 0  # fixes catalogue and population
    first_user: int = 0  # people met have ids in [first_user, last_user)
    last_user: int = 1_000_000
    n_candidates: int = 50  # at most 10,000; items_per_scenario offers the whole scenario
    slate_size: int = 1  # items shown at once; more than 1 makes the action MultiDiscrete
    choice: str = "examination"  # how places of a slate matter, see simulation/choice.py; one of CHOICES
    history_length: int = 10
    horizon: int = 40  # [steps] after which an episode is truncated
    candidates: CandidateConfig = field(default_factory=CandidateConfig)
    behaviour: BehaviourConfig = field(default_factory=BehaviourConfig)
    reward: RewardConfig = field(default_factory=RewardConfig)
    engine: str = "auto"  # compiled code, or NumPy's readable reference; the same lives, numbers equal up to rounding


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

    language: str = "en"  # for reports; the words themselves stand below
    system: str = "You name what a person wants to see right now. Answer with one short line of keywords."
    note: str = _NOTE  # the profile note, which the other two know as `persona`
    moment: str = _MOMENT  # what a language model reads; the persona last, where a small model reads it best
    sentence: str = _SENTENCE  # the template's text, which also replaces an answer that is empty or a refusal
    examples: list[Any] = field(default_factory=lambda: [dict(example) for example in _EXAMPLES])  # with answers
    words: dict[str, str] = field(default_factory=dict)  # from English names (topics, dayparts, ...) to the language's
    sees: list[str] = field(default_factory=lambda: ["persona", "scenario", "daypart", "query"])  # of PARTS
    titles: int = 0  # titles enjoyed lately that a prompt names, 0 to 3; each multiplies distinct prompts


@dataclass
class EndpointConfig:
    """An OpenAI-compatible server (vLLM, llama.cpp, Ollama, ...) that writes the texts."""

    url: str = "http://127.0.0.1:8000/v1"  # up to and with /v1
    model: str = ""  # the name that the server knows it by
    revision: str = ""  # of that model, for the store's keys: change it when the server's weights change
    key_variable: str = "OPENAI_API_KEY"  # environment variable that holds the key; it need not be set
    concurrency: int = 16  # requests under way at once
    timeout: float = 60.0  # [s] per request
    retries: int = 5  # per request, with growing pauses, when the server is down, busy or answers nonsense
    temperature: float = 0.0  # of sampling; 0 is greedy
    extra: dict[str, Any] = field(default_factory=dict)  # further fields of the request, e.g. {top_k: 1}


@dataclass
class ContextConfig:
    """What the agent is told in words, and how words become vectors; items are embedded by the same encoder."""

    name: str = "none"  # one of CONTEXTS
    shuffles: str = "template"  # which text context=shuffled takes from somebody else; one of WRITTEN
    prompt: PromptConfig = field(default_factory=PromptConfig)
    refresh: str = (
        "enter"  # when a context is written anew: on entering a scenario, and every n steps or on a new topic
    )
    refresh_steps: int = 5  # [steps] with refresh=steps
    # what writes
    generator: str = "transformers"  # of context=llm: a local model, or an openai-compatible endpoint
    generator_folder: str | None = None  # a causal LM's folder or hub id instead of the fetched one
    generator_revision: str | None = None  # branch, tag or commit of a hub id
    max_new_tokens: int = 10  # [tokens] at most per generated text
    batch_size: int = 64  # prompts generated at once, halved while memory runs out
    workers: int = 1  # processes that write texts ahead of a run, each with one thread and a model of its own
    dtype: str = "float32"  # float32 writes the same text at any batch size, bfloat16 does not
    attention: str = "sdpa"  # the implementation, as transformers names it: sdpa, eager, flash_attention_2, ...
    quantisation: str = "none"  # dynamic (int8, CPU), int8 or int4 (bitsandbytes, an extra); one of QUANTISATIONS
    endpoint: EndpointConfig = field(default_factory=EndpointConfig)
    # what embeds
    encoder: str = "minilm"  # a sentence encoder, a causal lm's pooled states, or hashing, which needs no model
    encoder_folder: str | None = None  # a folder or hub id instead of the fetched one (lm: instead of the generator's)
    encoder_revision: str | None = None  # branch, tag or commit of a hub id
    pooling: str = "mean"  # of token states: mean, or the last token's
    dimension: int = 64  # of items and contexts after the projection fitted on the catalogue
    # where
    device: str = "auto"  # of the models: auto (CUDA, else MPS, else CPU), cpu, cuda, cuda:1, mps, xpu
    store: str | None = None  # file of the context store; default: in the user's cache
    store_entries: int = 1_000_000  # contexts kept; beyond, the oldest go


@dataclass
class TrainConfig:
    """One run: an agent trained in an environment with a context, then evaluated beside the baselines."""

    env: EnvConfig = field(default_factory=EnvConfig)
    agent: AgentConfig = field(default_factory=AgentConfig)  # one of the classes in AGENTS
    context: ContextConfig = field(default_factory=ContextConfig)
    seed: int = 0
    steps: int = 60_000  # transitions of training
    people: int = 64  # people living at once while training
    train_users: int = 64  # different people met in training: ids env.first_user and up
    eval_people: int = 200  # people met in evaluation, none of them met in training
    eval_first_user: int = 500_000  # id of the first of them
    runs: str = "runs"  # folder that holds a folder per run
    device: str = "cpu"  # of the agent
