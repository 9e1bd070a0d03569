"""Options are checked before anything is computed: unknown names, wrong types, values out of range."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from crossrec.config import (
    AGENTS,
    CHOICES,
    CONTEXTS,
    DTYPES,
    ENCODERS,
    ENGINES,
    FUSIONS,
    GENERATORS,
    INDEXES,
    POOLINGS,
    QUANTISATIONS,
    REFRESHES,
    SLATES,
    WRITTEN,
    AgentConfig,
    AuxiliaryConfig,
    CandidateConfig,
    ContextConfig,
    DQNConfig,
    EnvConfig,
    SlateQConfig,
    TrainConfig,
)
from crossrec.errors import ConfigError, check_name, check_range, nearest
from crossrec.world.scenario import resolve_scenarios

T = TypeVar("T")

_SHARES = {
    "satiation_decay",
    "satiation_leak",
    "drift",
    "mood",
    "on_mind",
    "carry_over",
    "routine",
    "device_routine",
    "query",
    "device_habit",
    "leave",
    "churn",
}
_MINUTES = {"satiation_half_life", "session_minutes", "gap_minutes"}
_MOST, _MOST_MINUTES = 100.0, 1e7  # beyond these numbers overflow, and nothing is left to study


def from_options(cls: type[T], options: Mapping[str, Any], where: str = "", also: Sequence[str] = ()) -> T:
    """Build a config dataclass from plain options, refusing unknown names and wrong types.

    Args:
        cls: One of the dataclasses here.
        options: Values by field name; nested configs may be dicts.
        where: Prefix for messages, e.g. ``"behaviour."``.
        also: Further names that are allowed there, for messages.

    Raises:
        ConfigError: Names the option, what was found and what is allowed.
    """
    fields = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    values: dict[str, Any] = {}
    default = cls()
    for name, value in options.items():
        if name not in fields:
            raise ConfigError(f"Unknown option '{where}{name}'; {nearest(name, [*fields, *also])}.")
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
    if isinstance(default, dict):
        if not isinstance(value, Mapping):
            raise ConfigError(f"{option} must be a mapping; found {value!r}.")
        return dict(value)
    if isinstance(default, list):
        if not isinstance(value, (list, tuple)):
            raise ConfigError(f"{option} must be a list of names; found {value!r}.")
        return list(value)
    if default is None and (value is None or isinstance(value, str)):
        return value
    wanted = (int, float) if isinstance(default, float) else (type(default),)
    plain = value.item() if hasattr(value, "item") else value
    if isinstance(plain, bool) is not isinstance(default, bool) or not isinstance(plain, wanted):
        raise ConfigError(f"{option} must be {type(default).__name__}; found {value!r}.")
    return float(plain) if isinstance(default, float) else plain


def check_env_config(config: EnvConfig, where: str = "") -> None:
    """Check every value of an environment's config.

    Args:
        config: What was asked for.
        where: Stands before options' names in messages.

    Raises:
        ConfigError: Names the first option that is wrong, its value and what is allowed.
    """
    from_options(EnvConfig, vars(config), where)  # a dataclass by itself does not mind a wrong type
    resolve_scenarios(config.scenarios, f"{where}scenarios")
    check_range(f"{where}items_per_scenario", config.items_per_scenario, 4, 2_000_000)
    check_range(f"{where}new_items", config.new_items, 0.0, 1.0)
    check_range(f"{where}world_seed", config.world_seed, 0, 2**62)
    check_range(f"{where}first_user", config.first_user, 0, 2**62)
    check_range(f"{where}last_user", config.last_user, config.first_user + 1, 2**62)
    # A few recently enjoyed items are never offered again at once, so fewer candidates might all be masked.
    check_range(f"{where}n_candidates", config.n_candidates, 4, 10_000)
    if config.n_candidates > config.items_per_scenario:
        raise ConfigError(
            f"{where}n_candidates={config.n_candidates} is more than {where}items_per_scenario="
            f"{config.items_per_scenario}; set fewer candidates or more items."
        )
    if config.slate_size > config.n_candidates:
        raise ConfigError(
            f"{where}slate_size={config.slate_size} is more than {where}n_candidates={config.n_candidates}; "
            "set a smaller slate or more candidates."
        )
    check_range(f"{where}slate_size", config.slate_size, 1)
    check_name(f"{where}choice", config.choice, CHOICES)
    check_name(f"{where}engine", config.engine, ENGINES)
    check_range(f"{where}history_length", config.history_length, config.slate_size, 1000)
    check_range(f"{where}horizon", config.horizon, 1)
    _check_candidates(config.candidates, config.new_items, f"{where}candidates.")
    for name, value in dataclasses.asdict(config.behaviour).items():
        high = 1.0 if name in _SHARES else _MOST_MINUTES if name in _MINUTES else _MOST
        check_range(f"{where}behaviour.{name}", value, 1e-6 if name in _MINUTES else 0.0, high)
    for name, value in dataclasses.asdict(config.reward).items():
        check_range(f"{where}reward.{name}", value, -1e6, 1e6)


def _check_candidates(candidates: CandidateConfig, new_items: float, where: str) -> None:
    check_name(f"{where}index", candidates.index, INDEXES)
    shares = {name: getattr(candidates, name) for name in ("popular", "near", "new")}
    for name, share in shares.items():
        check_range(f"{where}{name}", share, 0.0, 1.0)
    if sum(shares.values()) > 1.0 + 1e-9:
        raise ConfigError(f"{where[:-1]}: the shares {shares} sum to more than 1; what is left is drawn uniformly.")
    if candidates.new > 0.0 and new_items == 0.0:
        raise ConfigError(f"{where}new={candidates.new} asks for new items, but new_items=0; set new_items, e.g. 0.1.")


_AGENT_NAMES = {"name": AGENTS, "fusion": FUSIONS, "slate": SLATES}
_RANGES = {  # of agents' options
    "learning_rate": (0.0, 1.0),
    "hidden": (1, 4096),
    "head": (1, 4096),
    "double": (False, True),
    "dueling": (False, True),
    "n_steps": (1, 100),
    "quantiles": (1, 1000),
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
    from_options(type(config), vars(config), "agent.")  # a dataclass by itself does not mind a wrong type
    for option, value in vars(config).items():
        if option in _AGENT_NAMES:
            check_name(f"agent.{option}", value, _AGENT_NAMES[option])
        elif isinstance(value, AuxiliaryConfig):
            for head, weight in vars(value).items():
                check_range(f"agent.auxiliary.{head}", weight, 0.0, 1e3)
        else:
            check_range(f"agent.{option}", value, *_RANGES.get(option, (1, float("inf"))))
    if isinstance(config, DQNConfig) and config.n_steps > 1:
        beside = "agent.name=slateq" if isinstance(config, SlateQConfig) else ""
        beside = beside or next((f"agent.auxiliary.{head}" for head, w in vars(config.auxiliary).items() if w), "")
        if beside:
            raise ConfigError(
                f"agent.n_steps={config.n_steps} does not go with {beside}, which learns from what follows one step; "
                "allowed: agent.n_steps=1."
            )


_CONTEXT_NAMES = {
    "name": CONTEXTS,
    "shuffles": WRITTEN,
    "refresh": REFRESHES,
    "generator": GENERATORS,
    "encoder": ENCODERS,
    "pooling": POOLINGS,
    "dtype": DTYPES,
    "quantisation": QUANTISATIONS,
}
_CONTEXT_RANGES = {
    "refresh_steps": (1, 1_000_000),
    "max_new_tokens": (1, 256),
    "batch_size": (1, 65_536),
    "workers": (1, 256),
    "dimension": (2, 4096),
    "store_entries": (1, 1_000_000_000),
}


def check_context_config(config: ContextConfig, where: str = "") -> None:
    """Check every option of a context, but for what only loading a model can tell.

    Raises:
        ConfigError: Names the first option that is wrong, its value and what is allowed.
    """
    from_options(ContextConfig, vars(config), where)  # a dataclass by itself does not mind a wrong type
    for option, allowed in _CONTEXT_NAMES.items():
        check_name(f"{where}{option}", getattr(config, option), allowed)
    for option, (low, high) in _CONTEXT_RANGES.items():
        check_range(f"{where}{option}", getattr(config, option), low, high)
    from crossrec.language.build import uses_model  # and Jinja, which environments do without
    from crossrec.language.prompt import PromptWriter

    if config.generator == "openai" and uses_model(config):
        from crossrec.language.connection import check_endpoint

        check_endpoint(config.endpoint)
    PromptWriter(config.prompt)  # compiles the templates


def check_train_config(config: TrainConfig) -> None:
    """Check all that a run's config says, before anything is computed.

    Raises:
        ConfigError: Names the first option that is wrong, its value and what is allowed.
    """
    check_env_config(config.env, "env.")
    check_context_config(config.context, "context.")
    check_agent_config(config.agent)
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
