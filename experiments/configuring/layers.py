"""The layers of which Hydra composes a run's config, in order, each with what it sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode

from crossrec import conf
from crossrec.envs.registration import ENVIRONMENTS, config_name

from .folder import flat, folder_in, grid_of, label, located, read

DEFAULT, TYPED = "default", "command line"


@dataclass(frozen=True)
class Layer:
    """One layer.

    Attributes:
        origin: What people are told: ``conf/agent/ppo.yaml``, a file of their own, ``env=news``, ``command line``.
        values: What it sets, by dotted name.
        file: The file, if it is one.
        group: The config group of the file, e.g. ``agent``.
        grid: What it gives a sweep, values by option.
    """

    origin: str
    values: dict[str, Any]
    file: Path | None = None
    group: str = ""
    grid: dict[str, Any] = field(default_factory=dict)


def layers_of(words: Sequence[str]) -> list[Layer]:
    """All layers above the schemas' defaults; later ones win.

    Args:
        words: As Hydra takes them. Hydra must be initialised.

    Raises:
        Exception: Whatever Hydra says to words or files that it cannot read.
    """
    hydra = GlobalHydra.instance().hydra
    assert hydra is not None
    listed = hydra.config_loader.compute_defaults_list("train", list(words), RunMode.MULTIRUN)
    own = folder_in(words)
    found = []
    for default in listed.defaults:
        path = default.config_path
        if path is not None and path != "train" and not path.startswith(("hydra/", "schema/")):
            found.append(_layer(path, own))
    typed: dict[str, Any] = {}
    for override in listed.config_overrides:
        if not override.is_hydra_override():
            value = override.value()
            typed.update(flat({override.key_or_group: value}))
    return [*found, Layer(TYPED, typed)]


def origins_of(layers: Sequence[Layer]) -> dict[str, Layer]:
    """The layer that sets each option last, by dotted name; options that none sets are left out."""
    return {option: layer for layer in layers for option in layer.values}


def place(option: str, words: Sequence[str]) -> str:
    """``FILE, line N: `` where a file of the user's own sets an option last, else nothing."""
    own = folder_in(words)
    if own is None or not option:
        return ""
    try:
        origins = origins_of(layers_of(words))
    # The files may be what is wrong.
    except Exception:
        return ""
    setters = [name for name in origins if option == name or name.startswith(f"{option}.")]
    layer = origins[setters[-1]] if setters else None
    if layer is None or layer.file is None or not layer.file.is_relative_to(own):
        return ""
    return located(layer.file, layer.group, option)


def _layer(path: str, own: Path | None) -> Layer:
    group, _, name = path.rpartition("/")
    for env_id, options in ENVIRONMENTS.items():
        if group == "env" and name == config_name(env_id):
            return Layer(f"env={name}", dict(flat(options, "env.")))
    shipped = Path(conf.__file__).parent / f"{path}.yaml"
    if shipped.is_file() or own is None:
        return _of_file(shipped, group, f"conf/{path}.yaml")
    return _of_file(own / f"{path}.yaml", group, label(own / f"{path}.yaml"))


def _of_file(file: Path, group: str, origin: str) -> Layer:
    try:
        values, hydra = read(file, group)
    except (OSError, ValueError, yaml.YAMLError):
        return Layer(origin, {}, file, group)
    return Layer(origin, values, file, group, grid_of(hydra))
