"""From the command line's words to a checked config: Hydra composes, the dataclasses in ``crossrec.config`` judge."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_module
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf

from crossrec.config import AGENTS, ContextConfig, DQNConfig, EnvConfig, TrainConfig
from crossrec.envs.registration import ENVIRONMENTS, config_name
from crossrec.errors import ConfigError, nearest
from crossrec.options import check_train_config

from .choices import choices

_MAPPINGS = r"context\.prompt\.words|context\.endpoint\.extra"  # options whose keys are anything
_REASON = 300  # characters of somebody else's message, at most
_SCHEMAS = {"train": TrainConfig, "env": EnvConfig, "context": ContextConfig, **AGENTS}


def compose_train(overrides: list[str], config_dir: str | None = None) -> TrainConfig:
    """The config of a run.

    Args:
        overrides: Hydra overrides such as ``["agent=ppo", "env.horizon=60"]``.
        config_dir: A folder of the user's own configs, searched besides the shipped ones.

    Raises:
        ConfigError: Names the option, what was found and what is allowed.
    """
    words = list(overrides)
    for word in words:
        if not re.match(r"[\w.]+=", word):
            raise ConfigError(f"'{word}' is not of the form option=value, e.g. agent=dqn or env.horizon=60.")
    # Hydra takes a new key of a mapping for a misspelt option, unless it is told to add it.
    words = [f"++{word}" if re.match(rf"(?:{_MAPPINGS})[.=]", word) else word for word in words]
    if config_dir is not None:
        if not Path(config_dir).is_dir():
            raise ConfigError(f"--config-dir {config_dir} is not a folder.")
        words.append(f"hydra.searchpath=[file://{Path(config_dir).resolve()}]")
    for name, schema in _SCHEMAS.items():
        ConfigStore.instance().store(group="schema", name=name, node=schema)
    for env_id, options in ENVIRONMENTS.items():
        node = {"defaults": ["/schema/env@_here_"], **options}
        ConfigStore.instance().store(group="env", name=config_name(env_id), node=node)
    GlobalHydra.instance().clear()
    with initialize_config_module(config_module="crossrec.conf", version_base="1.3"):
        try:
            composed = compose(config_name="train", overrides=words)
            config = OmegaConf.to_object(composed)
        # Hydra lets errors of its YAML parser and of its own Python through.
        except Exception as error:
            raise ConfigError(_sentence(error, words)) from error
    assert isinstance(config, TrainConfig)
    check_train_config(config)
    return config


def _sentence(error: Exception, words: list[str]) -> str:
    """One sentence for what Hydra and OmegaConf say in several lines."""
    text = str(error)
    cause = str(error.__cause__ or "")
    if missing := re.search(r"Could not find '(\w+)/([^']*)'", text):
        group, name = missing.groups()
        return f"{group}={name} is unknown; {nearest(name, choices(group))}."
    key = re.search(r"full_key: (\S+)", f"{text}\n{cause}")
    option = key.group(1) if key else ""
    if "not in" in f"{text} {cause}" and option:
        parent = option.rpartition(".")[0]
        allowed = _options(parent, words)
        return f"Unknown option '{option}'; {nearest(option.rpartition('.')[2], allowed)}."
    if option:
        where = next((word for word in words if word.startswith(f"{option}=")), option)
        return f"{where}: {(cause or text).strip().splitlines()[0].rstrip('.')}."
    reason = " ".join(line.strip() for line in (cause or text).splitlines()).rstrip(".")
    return f"{' '.join(words)}: {reason[:_REASON]}."


def _options(parent: str, words: list[str]) -> list[str]:
    """Names of the options below a dotted key of the run's config."""
    agent = next((word.partition("=")[2] for word in reversed(words) if word.startswith("agent=")), "dqn")
    node: Any = OmegaConf.structured(TrainConfig(agent=AGENTS.get(agent, DQNConfig)()))
    for part in filter(None, parent.split(".")):
        node = node[part] if isinstance(node, DictConfig) and part in node else OmegaConf.create({})
    return [str(key) for key in node] if isinstance(node, DictConfig) else []
