"""Options are checked before anything is computed: unknown names, wrong types, values out of range.

What is allowed stands with each field (``crossrec/config.py``); here are only the reading of it and what two options
must not be together.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from crossrec.config import (
    AGENTS,
    AgentConfig,
    CandidateConfig,
    ContextConfig,
    DQNConfig,
    EnvConfig,
    SlateQConfig,
    TrainConfig,
)
from crossrec.errors import ConfigError, check_name, check_range, nearest, range_words, shown
from crossrec.fields import Meaning, meaning
from crossrec.world.scenario import resolve_scenarios

T = TypeVar("T")

_types: dict[type[Any], dict[str, Any]] = {}  # found once: it takes longer than all checks


def from_options(cls: type[T], options: Mapping[str, Any], where: str = "", also: Sequence[str] = ()) -> T:
    """Build a config dataclass from plain options, refusing unknown names, wrong types and values out of range.

    Args:
        cls: One of the dataclasses in ``crossrec.config``.
        options: Values by field name; nested configs may be dicts.
        where: Prefix for messages, e.g. ``"behaviour."``.
        also: Further names that are allowed there, for messages.

    Raises:
        ConfigError: Names the option, what was found and what is allowed.
    """
    kinds, meanings = types_of(cls), meanings_of(cls)
    values: dict[str, Any] = {}
    for name, value in options.items():
        if name not in kinds:
            raise ConfigError(f"Unknown option '{where}{name}'; {nearest(str(name), [*kinds, *also])}.")
        values[name] = _checked(f"{where}{name}", value, kinds[name], meanings[name])
    return cls(**values)


def types_of(cls: type[Any]) -> dict[str, Any]:
    """Type of each field of a config dataclass, by name."""
    if cls not in _types:
        hints = typing.get_type_hints(cls)
        _types[cls] = {option.name: hints[option.name] for option in dataclasses.fields(cls)}
    return _types[cls]


def meanings_of(cls: type[Any]) -> dict[str, Meaning]:
    """Unit, meaning and range of each field of a config dataclass, by name."""
    return {option.name: meaning(option) for option in dataclasses.fields(cls)}


def _checked(option: str, value: Any, kind: Any, known: Meaning) -> Any:
    """``value`` as a config holds it; whole numbers are fine where a float is asked, never the other way."""
    if dataclasses.is_dataclass(kind):
        return _group(option, value, typing.cast("type[Any]", kind))
    plain = value.item() if isinstance(value, np.generic) else value
    container, inside = typing.get_origin(kind), typing.get_args(kind)
    if container is dict:
        if not isinstance(plain, Mapping):
            raise ConfigError(f"{option} must be a mapping; found {shown(value)}.")
        return {_text(f"{option}: a key", k): _entry(f"{option}.{k}", v, inside[1]) for k, v in plain.items()}
    if container is list:
        if not isinstance(plain, (list, tuple)):
            raise ConfigError(f"{option} must be a list of names; found {shown(value)}.")
        entries = [_entry(option, entry, inside[0]) for entry in plain]
        for entry in entries if known.allowed else ():
            check_name(option, entry, known.allowed)
        return entries
    if type(None) in inside:
        return None if plain is None else _text(option, plain, " or null")
    if kind is str:
        text = _text(option, plain, allowed=known.allowed)
        return check_name(option, text, known.allowed) if known.allowed else text
    return _scalar(option, plain, kind, known)


def _group(option: str, value: Any, kind: type[Any]) -> Any:
    if isinstance(value, kind):  # perhaps of a class derived from it
        return from_options(type(value), vars(value), f"{option}.")
    if isinstance(value, Mapping):
        return from_options(kind, value, f"{option}.")
    raise ConfigError(f"{option} must be a mapping or {kind.__name__}; found {shown(value)}.")


def _entry(option: str, value: Any, kind: Any) -> Any:
    return _text(option, value) if kind is str else value


def _text(option: str, value: Any, more: str = "", allowed: Sequence[str] = ()) -> str:
    if not isinstance(value, str):
        choice = f"; allowed: {', '.join(allowed)}" if allowed else ""
        raise ConfigError(f"{option} must be str{more}; found {shown(value)}{choice}.")
    return str(value)


def _scalar(option: str, value: Any, kind: type[Any], known: Meaning) -> Any:
    wanted = (int, float) if kind is float else (kind,)
    if isinstance(value, bool) is not (kind is bool) or not isinstance(value, wanted):
        low, high = known.low, known.high
        allowed = "true, false" if low is None or high is None else range_words(low, high)
        raise ConfigError(f"{option} must be {kind.__name__}; found {shown(value)}; allowed: {allowed}.")
    if known.low is not None and known.high is not None:
        check_range(option, value, known.low, known.high)
    return kind(value)


def check_env_config(config: EnvConfig, where: str = "") -> None:
    """Check every value of an environment's config.

    Args:
        config: What was asked for.
        where: Stands before options' names in messages.

    Raises:
        ConfigError: Names the first option that is wrong, its value and what is allowed.
    """
    from_options(EnvConfig, vars(config), where)  # a dataclass by itself does not mind a wrong value
    check_visits(f"{where}visits", config.visits, config)
    if config.last_user <= config.first_user:
        raise ConfigError(
            f"{where}last_user={config.last_user} is out of range; allowed: from {config.first_user + 1}, for ids "
            f"begin at {where}first_user."
        )
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
    if config.history_length < config.slate_size:
        raise ConfigError(
            f"{where}history_length={config.history_length} is less than {where}slate_size={config.slate_size}; set a "
            "longer history or a smaller slate."
        )
    _check_candidates(config.candidates, config.new_items, f"{where}candidates.")


def check_visits(option: str, visits: Sequence[str], config: EnvConfig) -> None:
    """Check that scenarios to which people go are the environment's.

    Raises:
        ConfigError: If one is not, or is named twice; also if the environment's own are not right.
    """
    scenarios = option.replace("train_visits", "env.visits").replace("visits", "scenarios")
    names = [scenario.name for scenario in resolve_scenarios(config.scenarios, scenarios)]
    for name in visits:
        check_name(option, name, names)
    if twice := [name for name in visits if list(visits).count(name) > 1]:
        raise ConfigError(f"{option}={list(visits)!r} names a scenario twice; each may stand once: '{twice[0]}'.")


def _check_candidates(candidates: CandidateConfig, new_items: float, where: str) -> None:
    shares = {name: getattr(candidates, name) for name in ("popular", "near", "new")}
    if sum(shares.values()) > 1.0 + 1e-9:
        raise ConfigError(f"{where[:-1]}: the shares {shares} sum to more than 1; what is left is drawn uniformly.")
    if candidates.new > 0.0 and new_items == 0.0:
        raise ConfigError(f"{where}new={candidates.new} asks for new items, but new_items=0; set new_items, e.g. 0.1.")


def check_agent_config(config: AgentConfig) -> None:
    """Check every option of an agent.

    Raises:
        ConfigError: Names the first option that is wrong, its value and what is allowed.
    """
    from_options(type(config), vars(config), "agent.")  # a dataclass by itself does not mind a wrong value
    if AGENTS.get(config.name) is not type(config):
        raise ConfigError(
            f"agent.name={shown(config.name)} does not go with {type(config).__name__}; {nearest(config.name, AGENTS)}."
        )
    if isinstance(config, DQNConfig) and config.auxiliary.topic and config.experts != "shared":
        raise ConfigError(
            f"agent.auxiliary.topic={config.auxiliary.topic:g} asks one network what will be liked next and does not "
            f"go with agent.experts={config.experts}; allowed: agent.experts=shared, or the heads click and dwell."
        )
    if isinstance(config, DQNConfig) and config.n_steps > 1:
        beside = "agent.name=slateq" if isinstance(config, SlateQConfig) else ""
        beside = beside or next((f"agent.auxiliary.{head}" for head, w in vars(config.auxiliary).items() if w), "")
        if beside:
            raise ConfigError(
                f"agent.n_steps={config.n_steps} does not go with {beside}, which learns from what follows one step; "
                "allowed: agent.n_steps=1."
            )


def check_context_config(config: ContextConfig, where: str = "") -> None:
    """Check every option of a context, but for what only loading a model can tell.

    Raises:
        ConfigError: Names the first option that is wrong, its value and what is allowed.
    """
    from_options(ContextConfig, vars(config), where)  # a dataclass by itself does not mind a wrong value
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
    from_options(TrainConfig, vars(config))  # a dataclass by itself does not mind a wrong value
    check_env_config(config.env, "env.")
    check_context_config(config.context, "context.")
    check_agent_config(config.agent)
    check_visits("train_visits", config.train_visits, config.env)
    if config.train_elsewhere and not 0 < len(config.env.visits) < len(config.env.scenarios):
        raise ConfigError(
            f"train_elsewhere=true, but env.visits={config.env.visits} leaves no scenario to train in or none to act "
            "in; name some of the scenarios, e.g. env.visits=[news]."
        )
    if config.train_elsewhere and config.train_visits:
        raise ConfigError(
            f"train_elsewhere=true says where training is, and so does train_visits={config.train_visits}; set one."
        )
    if config.start is not None and not config.start.strip():
        raise ConfigError(
            "start= is empty; name the folder of a finished run, or null for an agent that knows nothing."
        )
    if config.eval_first_user < config.env.first_user + config.train_users:
        raise ConfigError(
            f"eval_first_user={config.eval_first_user} is among the people met in training (ids below "
            f"{config.env.first_user + config.train_users}); set it to at least that, or fewer "
            "train_users."
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
    if not config.runs.strip():
        raise ConfigError("runs= is empty; name the folder that holds a folder per run, e.g. runs=runs.")
