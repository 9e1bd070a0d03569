"""From the command line's words to a checked config: Hydra composes, the dataclasses in ``crossrec.config`` judge."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache

from hydra import compose, initialize_config_module
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from crossrec.config import AGENTS, AgentConfig, ContextConfig, EnvConfig, TrainConfig
from crossrec.envs.registration import ENVIRONMENTS, config_name
from crossrec.errors import ConfigError
from crossrec.options import check_train_config

from .configuring.folder import check_folder, check_truth, search_word
from .configuring.layers import place
from .configuring.wording import sentence

__all__ = ["check", "compose_train", "hydra", "hydra_words", "register", "sentence"]

_MAPPINGS = r"context\.prompt\.words|context\.endpoint\.extra"  # options whose keys are anything
_SCHEMAS = {"train": TrainConfig, "env": EnvConfig, "context": ContextConfig, **AGENTS}


def compose_train(overrides: list[str], config_dir: str | None = None) -> TrainConfig:
    """The config of a run.

    Args:
        overrides: Hydra overrides such as ``["agent=ppo", "env.horizon=60"]``.
        config_dir: A folder of the user's own configs, searched besides the shipped ones.

    Raises:
        ConfigError: Names the option, what was found and what is allowed.
    """
    for word in overrides:
        if re.match(r"hydra[./]", word):
            raise ConfigError(f"{word} is for `crossrec sweep`; one run has no use for it.")
    words = hydra_words(overrides, config_dir)
    with hydra():
        try:
            composed = compose(config_name="train", overrides=words)
            config = OmegaConf.to_object(composed)
        # Hydra lets errors of its YAML parser and of its own Python through.
        except Exception as error:
            raise ConfigError(sentence(error, words)) from error
        assert isinstance(config, TrainConfig)
        check(config, words)
    return config


@contextmanager
def hydra() -> Iterator[None]:
    """Hydra, ready to compose runs."""
    register()
    GlobalHydra.instance().clear()
    with initialize_config_module(config_module="crossrec.conf", version_base="1.3"):
        yield


def check(config: TrainConfig, words: Sequence[str]) -> None:
    """Check a composed config; what is wrong in a file of the user's own is told with the file and the line.

    Raises:
        ConfigError: Names the option, what was found and what is allowed.
    """
    if type(config.agent) is AgentConfig:
        word = next((word for word in words if word.startswith("agent=")), "agent=")
        raise ConfigError(
            f"{word}: the file does not say whose options it holds; begin it with `defaults: [/schema/NAME@_here_]`, "
            f"NAME being one of {', '.join(AGENTS)}."
        )
    try:
        check_train_config(config)
    except ConfigError as error:
        option = re.match(r"[\w.]+", str(error))
        raise ConfigError(f"{place(option[0] if option else '', words)}{error}") from error


def hydra_words(overrides: Sequence[str], config_dir: str | None) -> list[str]:
    """Options as they were typed, as Hydra takes them.

    Raises:
        ConfigError: If one is not of the form option=value or has a value that would be taken for another, or if the
            folder is not one of configs.
    """
    words = list(overrides)
    for word in words:
        if not re.match(r"[\w./]+=", word):
            raise ConfigError(f"'{word}' is not of the form option=value, e.g. agent=dqn or env.horizon=60.")
    # Hydra takes a new key of a mapping for a misspelt option, unless it is told to add it.
    words = [f"++{word}" if re.match(rf"(?:{_MAPPINGS})[.=]", word) else word for word in words]
    _check_typed(words)
    if config_dir is not None:
        check_folder(config_dir, words)
    return [*words, *search_word(config_dir)]


def _check_typed(words: Sequence[str]) -> None:
    for word in words:
        try:
            override = OverridesParser.create().parse_override(word)
            values = list(override.sweep_iterator()) if override.is_sweep_override() else [override.value()]
        except Exception:
            continue  # Hydra tells what is wrong
        for value in values:
            check_truth(override.key_or_group, value)


@cache
def register() -> None:
    """Tell Hydra of the schemas and of every environment id."""
    for name, schema in _SCHEMAS.items():
        ConfigStore.instance().store(group="schema", name=name, node=schema)
    for env_id, options in ENVIRONMENTS.items():
        node = {"defaults": ["/schema/env@_here_"], **options}
        ConfigStore.instance().store(group="env", name=config_name(env_id), node=node)
