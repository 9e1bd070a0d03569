"""A run's options with where each comes from, what it means, and the folder that the run will have."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from crossrec.config import TrainConfig
from crossrec.fields import Meaning
from crossrec.options import meanings_of, types_of

from ..compose import compose_train, hydra, hydra_words
from ..run import RunFolder, folder_of
from .layers import DEFAULT, layers_of, origins_of


@dataclass(frozen=True)
class Option:
    """One option of a run.

    Attributes:
        name: Dotted.
        value: What the run goes by.
        origin: Where that comes from: ``default``, a file, ``env=NAME`` or ``command line``.
        meaning: Unit, meaning and range.
    """

    name: str
    value: Any
    origin: str
    meaning: Meaning

    @property
    def changed(self) -> bool:
        """Whether something other than the schema set it."""
        return self.origin != DEFAULT


@dataclass(frozen=True)
class Resolved:
    """A run before it runs.

    Attributes:
        config: Its config.
        options: All of its options, in the order of the schemas.
        folder: Where it will be, or is.
        words: What was typed.
        config_dir: Folder of own configs, or None.
        grid: Values by option that an experiment gives a sweep.
    """

    config: TrainConfig
    options: list[Option]
    folder: RunFolder
    words: list[str]
    config_dir: str | None = None
    grid: dict[str, Any] = field(default_factory=dict)

    @property
    def state(self) -> str:
        """How far the run is."""
        return "finished" if self.folder.result_file.is_file() else "begun" if self.folder.path.is_dir() else "new"

    def command(self, name: str) -> str:
        """The words of ``crossrec train`` or ``crossrec sweep`` for this."""
        own = [] if self.config_dir is None else ["--config-dir", self.config_dir]
        return shlex.join(["crossrec", name, *self.words, *own])


def resolve(overrides: Sequence[str], config_dir: str | None = None) -> Resolved:
    """What ``crossrec train`` would run with these words.

    Args:
        overrides: Options as for ``crossrec train``.
        config_dir: Folder of own configs.

    Raises:
        ConfigError: Names the option, what was found and what is allowed.
    """
    config = compose_train(list(overrides), config_dir)
    with hydra():
        layers = layers_of(hydra_words(overrides, config_dir))
    origins = {option: layer.origin for option, layer in origins_of(layers).items()}
    options = [Option(name, value, _origin(name, origins), meaning) for name, value, meaning in _options(config)]
    grid = {option: values for layer in layers for option, values in layer.grid.items()}
    return Resolved(config, options, folder_of(config), list(overrides), config_dir, grid)


def _options(config: Any, prefix: str = "") -> list[tuple[str, Any, Meaning]]:
    """Name, value and meaning of every option of a config and of the groups in it."""
    found: list[tuple[str, Any, Meaning]] = []
    for name in types_of(type(config)):
        value = getattr(config, name)
        if dataclasses.is_dataclass(value):
            found += _options(value, f"{prefix}{name}.")
        else:
            found.append((prefix + name, value, meanings_of(type(config))[name]))
    return found


def _origin(name: str, origins: dict[str, str]) -> str:
    """The layer that set an option last, or a part of it where it is a mapping."""
    setters = [option for option in origins if option == name or option.startswith(f"{name}.")]
    return origins[setters[-1]] if setters else DEFAULT
