"""Every option of the simulation with its type, unit and default. Hydra and ``gym.make`` read the same classes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from crossrec.errors import ConfigError, check_name, check_range, nearest

T = TypeVar("T")
DEFAULT_SCENARIOS = ("shopping", "news", "social", "music", "video")


@dataclass
class BehaviourConfig:
    """Strength of each effect of human behaviour; 0 switches an effect off (``docs`` of the formula: simulation/).

    Utility of item i is ``base + interest * <e, x_i> + intent * [topic(i) is the intent] + quality * q_i
    - satiation * <s, x_i>`` with effective interest e, topic mixture x and satiation s.
    """

    interest: float = 7.0  # logits per unit of <interest, topics>
    intent: float = 3.0  # logits when the item is about the topic on the user's mind
    quality: float = 0.7  # logits per unit of item quality
    satiation: float = 0.7  # logits per unit of <satiation, topics>
    satiation_decay: float = 0.85  # share of satiation kept from one step to the next, 0 to 1
    satiation_half_life: float = 180.0  # [min] half-life of satiation while away
    satiation_leak: float = 0.6  # share of satiation that goes along to another scenario, 0 to 1
    drift: float = 0.02  # share of the way that shared interest moves to an enjoyed item, 0 to 1
    mood: float = 0.2  # share of the way that satisfaction moves to the last experience, 0 to 1
    on_mind: float = 0.5  # probability that a click puts the item's topic on the user's mind
    carry_over: float = 0.7  # probability that the topic on the mind goes along to the next scenario
    routine: float = 0.75  # probability that a fresh intent is the daypart's routine rather than drawn from interest
    leave: float = 0.14  # hazard per step of leaving a scenario at average mood and patience, 0 to 1
    leave_mood: float = 1.5  # logits by which satisfaction lowers that hazard
    transition_feedback: float = 0.7  # log-weight by which a click favours the scenarios that people move on to
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
class EnvConfig:
    """One environment: its world, its people, its behaviour and its reward."""

    scenarios: list[str] = field(default_factory=lambda: list(DEFAULT_SCENARIOS))
    items_per_scenario: int = 400
    world_seed: int = 0  # fixes catalogue and population
    first_user: int = 0  # people met have ids in [first_user, last_user)
    last_user: int = 1_000_000
    n_candidates: int = 50
    history_length: int = 10
    horizon: int = 40  # [steps] after which an episode is truncated
    behaviour: BehaviourConfig = field(default_factory=BehaviourConfig)
    reward: RewardConfig = field(default_factory=RewardConfig)


CONTEXTS = ("none", "zeros", "shuffled", "template", "llm", "oracle")
DTYPES = ("float32", "bfloat16", "float16")
ENCODERS = ("minilm", "hashing")


@dataclass
class ContextConfig:
    """What the agent is told in words, and how words become vectors; items are embedded by the same encoder."""

    name: str = "none"  # one of CONTEXTS
    encoder: str = "minilm"  # a sentence encoder, or "hashing", which needs no model
    dimension: int = 64  # of items and contexts after the projection fitted on the catalogue
    titles: int = 0  # titles enjoyed lately that a prompt names, 0 to 3; each multiplies distinct prompts
    detail: bool = False  # whether a prompt names device and weekend, which the observation tells anyway
    max_new_tokens: int = 10  # [tokens] at most per generated text
    batch_size: int = 64  # prompts generated at once
    workers: int = 1  # processes that write texts ahead of a run, each with one thread and a model of its own
    dtype: str = "float32"  # float32 writes the same text at any batch size, bfloat16 does not
    device: str = "auto"  # of the models: auto, cpu, cuda, ...
    generator_folder: str | None = None  # a local causal LM instead of the fetched one
    encoder_folder: str | None = None  # a local sentence encoder instead of the fetched one
    store: str | None = None  # file of the context store; default: in the user's cache


@dataclass
class AgentConfig:
    """What all learners share."""

    name: str = "dqn"
    learning_rate: float = 1e-3
    gamma: float = 0.5  # discount per step
    hidden: int = 64  # width of the query tower
    head: int = 16  # width of the per-candidate head


@dataclass
class DQNConfig(AgentConfig):
    """Double DQN with the fusion network."""

    batch_size: int = 256  # transitions per gradient step
    gradient_steps: float = 1 / 64  # per transition, whatever the number of people; more overfits to the people met
    buffer_size: int = 200_000  # transitions kept
    learning_starts: int = 5_000  # transitions taken at random before learning
    target_update: int = 5_000  # transitions between copies to the target network
    exploration_fraction: float = 0.3  # share of training over which exploration falls
    exploration_final: float = 0.1  # share of random actions from then on


@dataclass
class PPOConfig(AgentConfig):
    """PPO whose actor is the fusion network."""

    name: str = "ppo"
    gamma: float = 0.8  # discount per step
    batch_size: int = 512  # transitions per gradient step
    rollout: int = 4_096  # transitions, of all people together, between updates
    n_epochs: int = 4  # passes over each rollout
    gae_lambda: float = 0.9  # of generalised advantage estimation
    ent_coef: float = 0.003  # weight of the entropy bonus
    clip_range: float = 0.2  # of the probability ratio


AGENTS: dict[str, type[AgentConfig]] = {"dqn": DQNConfig, "ppo": PPOConfig}


@dataclass
class TrainConfig:
    """One run: an agent trained in an environment with a context, then evaluated beside the baselines."""

    env: EnvConfig = field(default_factory=EnvConfig)
    agent: AgentConfig = field(default_factory=AgentConfig)  # a DQNConfig or a PPOConfig
    context: ContextConfig = field(default_factory=ContextConfig)
    seed: int = 0
    steps: int = 60_000  # transitions of training
    people: int = 64  # people living at once while training
    train_users: int = 64  # different people met in training: ids env.first_user and up
    eval_people: int = 200  # people met in evaluation, none of them met in training
    eval_first_user: int = 500_000  # id of the first of them
    runs: str = "runs"  # folder that holds a folder per run
    device: str = "cpu"  # of the agent


_SHARES = {"satiation_decay", "satiation_leak", "drift", "mood", "on_mind", "carry_over", "routine", "leave", "churn"}
_POSITIVE = {"satiation_half_life", "session_minutes", "gap_minutes"}


def from_options(cls: type[T], options: Mapping[str, Any], where: str = "") -> T:
    """Build a config dataclass from plain options, refusing unknown names and wrong types.

    Args:
        cls: One of the dataclasses here.
        options: Values by field name; nested configs may be dicts.
        where: Prefix for messages, e.g. ``"behaviour."``.

    Raises:
        ConfigError: Names the option, what was found and what is allowed.
    """
    fields = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    values: dict[str, Any] = {}
    default = cls()
    for name, value in options.items():
        if name not in fields:
            raise ConfigError(f"Unknown option '{where}{name}'; {nearest(name, fields)}.")
        values[name] = _typed(f"{where}{name}", value, getattr(default, name))
    return cls(**values)


def _typed(option: str, value: Any, default: Any) -> Any:
    """``value`` as the type of ``default``; whole numbers are fine where a float is asked, never the other way."""
    if dataclasses.is_dataclass(default):
        if isinstance(value, type(default)):
            return value
        if isinstance(value, Mapping):
            return from_options(type(default), value, f"{option}.")
        raise ConfigError(f"{option} must be a mapping or {type(default).__name__}; found {value!r}.")
    if isinstance(default, list):
        if not isinstance(value, (list, tuple)) or not all(isinstance(v, str) for v in value):
            raise ConfigError(f"{option} must be a list of names; found {value!r}.")
        return list(value)
    if default is None and (value is None or isinstance(value, str)):
        return value
    wanted = (int, float) if isinstance(default, float) else (type(default),)
    plain = value.item() if hasattr(value, "item") else value
    if isinstance(plain, bool) is not isinstance(default, bool) or not isinstance(plain, wanted):
        raise ConfigError(f"{option} must be {type(default).__name__}; found {value!r}.")
    return float(plain) if isinstance(default, float) else plain


def check_env_config(config: EnvConfig, known_scenarios: list[str], where: str = "") -> None:
    """Check every value of an environment's config; ``where`` stands before options' names in messages.

    Raises:
        ConfigError: Names the first option that is wrong, its value and what is allowed.
    """
    from_options(EnvConfig, vars(config), where)  # a dataclass by itself does not mind a wrong type
    if not config.scenarios:
        raise ConfigError(f"{where}scenarios=[] is empty; name at least one scenario.")
    for name in config.scenarios:
        check_name(f"{where}scenarios", name, known_scenarios)
    if len(set(config.scenarios)) < len(config.scenarios):
        raise ConfigError(f"{where}scenarios={config.scenarios!r} names a scenario twice; each may stand once.")
    check_range(f"{where}items_per_scenario", config.items_per_scenario, 4, 2_000_000)
    check_range(f"{where}world_seed", config.world_seed, 0, 2**62)
    check_range(f"{where}first_user", config.first_user, 0, 2**62)
    check_range(f"{where}last_user", config.last_user, config.first_user + 1, 2**62)
    # A few recently enjoyed items are never offered again at once, so fewer candidates might all be masked.
    check_range(f"{where}n_candidates", config.n_candidates, 4, config.items_per_scenario)
    check_range(f"{where}history_length", config.history_length, 1, 1000)
    check_range(f"{where}horizon", config.horizon, 1)
    for name, value in dataclasses.asdict(config.behaviour).items():
        high = 1.0 if name in _SHARES else float("inf")
        check_range(f"{where}behaviour.{name}", value, 1e-6 if name in _POSITIVE else 0.0, high)
    for name, value in dataclasses.asdict(config.reward).items():
        check_range(f"{where}reward.{name}", value, -1e6, 1e6)


_RANGES = {  # of agents' options
    "learning_rate": (0.0, 1.0),
    "gamma": (0.0, 1.0),
    "learning_starts": (0, float("inf")),
    "gradient_steps": (1 / 1024, 16),
    "exploration_fraction": (0.0, 1.0),
    "exploration_final": (0.0, 1.0),
    "gae_lambda": (0.0, 1.0),
    "ent_coef": (0.0, 1e3),
    "clip_range": (1e-6, 1.0),
}


def check_agent_config(config: AgentConfig) -> None:
    """Check every option of an agent; counts are at least 1.

    Raises:
        ConfigError: Names the first option that is wrong, its value and what is allowed.
    """
    if AGENTS.get(config.name) is not type(config):
        raise ConfigError(
            f"agent.name={config.name!r} does not go with {type(config).__name__}; {nearest(config.name, AGENTS)}."
        )
    for option, value in vars(config).items():
        if option != "name":
            check_range(f"agent.{option}", value, *_RANGES.get(option, (1, float("inf"))))


def check_train_config(config: TrainConfig, known_scenarios: list[str]) -> None:
    """Check all that a run's config says, before anything is computed.

    Raises:
        ConfigError: Names the first option that is wrong, its value and what is allowed.
    """
    check_env_config(config.env, known_scenarios, "env.")
    context = config.context
    check_name("context.name", context.name, CONTEXTS)
    check_name("context.dtype", context.dtype, DTYPES)
    check_range("context.batch_size", context.batch_size, 1, 65_536)
    check_range("context.max_new_tokens", context.max_new_tokens, 1, 256)
    check_agent_config(config.agent)
    check_name("context.encoder", context.encoder, ENCODERS)
    check_range("context.dimension", context.dimension, 2, 4096)
    check_range("context.titles", context.titles, 0, 3)
    check_range("context.workers", context.workers, 1, 256)
    check_range("seed", config.seed, 0, 2**31)
    for name in ("steps", "people", "train_users", "eval_people"):
        check_range(name, getattr(config, name), 1)
    check_range("eval_people", config.eval_people, 2)
    if config.eval_first_user < config.env.first_user + config.train_users:
        raise ConfigError(
            f"eval_first_user={config.eval_first_user} is among the people met in training (ids below "
            f"{config.env.first_user + config.train_users}); set it to at least that."
        )
    for option, first, count in (
        ("train_users", config.env.first_user, config.train_users),
        ("eval_people", config.eval_first_user, config.eval_people),
    ):
        if first + count > config.env.last_user:
            raise ConfigError(
                f"{option}={count} from id {first} goes beyond env.last_user={config.env.last_user}; "
                "set fewer people or a larger env.last_user."
            )
    if isinstance(config.agent, DQNConfig) and config.agent.learning_starts >= config.steps:
        raise ConfigError(
            f"agent.learning_starts={config.agent.learning_starts} leaves nothing of steps={config.steps} to learn in; "
            "set more steps or a smaller agent.learning_starts."
        )
