"""A user's own folder of configs, ``--config-dir``: checked for what Hydra would take without a word."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from crossrec.config import AGENTS, TrainConfig
from crossrec.errors import ConfigError, nearest, shown
from crossrec.options import types_of

from ..choices import GROUPS, choices

_SEARCHED = re.compile(r"hydra\.searchpath=\['file://(.*)'\]", re.S)
_PACKAGE = re.compile(r"^#\s*@package\s+(\S+)", re.M)


def search_word(folder: str | None) -> list[str]:
    """The word by which Hydra searches a folder; none for None."""
    if folder is None:
        return []
    path = str(Path(folder).resolve()).replace("'", "\\'")
    return [f"hydra.searchpath=['file://{path}']"]


def folder_in(words: Sequence[str]) -> Path | None:
    """The folder that words have Hydra search, or None."""
    found = next((match for match in map(_SEARCHED.fullmatch, words) if match), None)
    return Path(found.group(1).replace("\\'", "'")) if found else None


def names_of(group: str, folder: Path | None) -> list[str]:
    """What a group offers: shipped names, and those of the user's own files."""
    own = sorted(file.stem for file in (folder / group).glob("*.yaml")) if folder is not None else []
    return [*choices(group), *own]


def check_folder(folder: str, words: Sequence[str] = ()) -> None:
    """Check a folder of own configs, but for what only composing can tell.

    Args:
        folder: Where it is.
        words: What was typed; files that are not named there, nor by a file that is, are left alone.

    Raises:
        ConfigError: If there is no such folder, a file in it has the name of a shipped one, its place is none of the
            groups, or it says true or false where text is asked, or something else where true or false is.
    """
    root = Path(folder)
    if not root.is_dir():
        raise ConfigError(f"--config-dir {folder} is not a folder.")
    for place in sorted(path for path in root.iterdir() if path.is_dir() and any(path.glob("*.yaml"))):
        if place.name not in GROUPS and (hint := nearest(place.name, GROUPS)).startswith("did you mean"):
            raise ConfigError(f"{label(place)} is no group of configs; {hint}.")
    for file in [*root.glob("train.yaml"), *root.glob("schema/*.yaml")]:
        raise ConfigError(f"{label(file)} stands where a shipped file does; give it another name.")
    for group in GROUPS:
        for file in sorted((root / group).glob("*.yaml")):
            if file.stem in choices(group):
                raise ConfigError(
                    f"{label(file)} would hide the shipped {group}={file.stem}; give it another name, and begin with "
                    f"`defaults: [{file.stem}]` to change only some of its options."
                )
    for file in _used(root, words):
        _check_file(file, file.parent.name)


def _used(root: Path, words: Sequence[str]) -> list[Path]:
    """Files whose names stand in words, or in files that are used."""
    texts, used = [" ".join(words)], dict[Path, None]()
    while texts:
        named = set(re.findall(r"[\w-]+", texts.pop()))
        for file in (file for group in GROUPS for file in sorted((root / group).glob("*.yaml"))):
            if file.stem in named and file not in used:
                used[file] = None
                texts.append(file.read_text(encoding="utf-8", errors="replace"))
    return list(used)


def _check_file(file: Path, group: str) -> None:
    try:
        options, hydra = read(file, group)
    except (OSError, ValueError, yaml.YAMLError):
        return  # told when the file is used
    for option, value in options.items():
        check_truth(option, value, located(file, group, option))
    for option, values in grid_of(hydra).items():
        where = located(file, group, f"hydra.sweeper.params.{option}")
        if option not in kinds() and option not in GROUPS:
            parent = option.rpartition(".")[0]
            beside = [name for name in [*GROUPS, *kinds()] if name.rpartition(".")[0] == parent]
            raise ConfigError(f"{where}the grid names '{option}'; {nearest(option, beside)}.")
        if isinstance(values, (list, dict)):
            raise ConfigError(f"{where}the grid's {option}={shown(values)} must be text, e.g. `{option}: dqn,ppo`.")


def grid_of(hydra: Mapping[str, Any]) -> dict[str, Any]:
    """The grid that a file gives a sweep: values by option, as ``hydra.sweeper.params`` has them."""
    found: Any = hydra
    for key in ("hydra", "sweeper", "params"):
        found = found.get(key) if isinstance(found, Mapping) else None
    return {str(option): values for option, values in found.items()} if isinstance(found, Mapping) else {}


def check_truth(option: str, value: Any, where: str = "") -> None:
    """Refuse a truth value where text is asked, and anything else where a truth value is: OmegaConf converts both.

    Args:
        option: Its dotted name.
        value: As YAML or Hydra's grammar read it.
        where: Stands before the message.

    Raises:
        ConfigError: Tells what to write instead.
    """
    kind = kinds().get(option)
    if kind is bool and not isinstance(value, bool):
        raise ConfigError(f"{where}{option}={shown(value)} must be true or false.")
    if kind is str and isinstance(value, bool):
        raise ConfigError(
            f"{where}{option} is read as {str(value).lower()}, where text is asked; yes, no, on, off, true and false "
            "are text in quotes only."
        )
    if kind in (dict[str, str], list[str]):
        inside = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
        for key, entry in inside:
            if isinstance(entry, bool) or isinstance(key, bool):
                raise ConfigError(f"{where}{option} holds {key}: {entry}; yes, no, on and off are text in quotes only.")


@cache
def kinds() -> dict[str, Any]:
    """Type of every option of a run by dotted name, whichever the agent; ``str | None`` counts as ``str``."""
    found: dict[str, Any] = {}
    for agent in AGENTS.values():
        found.update(_kinds(agent, "agent."))
    found.update(_kinds(TrainConfig, ""))
    return found


def _kinds(cls: type[Any], prefix: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, kind in types_of(cls).items():
        if dataclasses.is_dataclass(kind):
            found.update(_kinds(kind, f"{prefix}{name}."))  # type: ignore[arg-type]
        else:
            found[prefix + name] = str if kind == (str | None) else kind
    return found


def read(file: Path, group: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A config file's own options by dotted name, and what it says to Hydra.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is not a mapping.
        yaml.YAMLError: If it is not YAML.
    """
    text = file.read_text(encoding="utf-8")
    loaded = yaml.safe_load(text)
    if loaded is None:
        loaded = {}
    if not isinstance(loaded, dict):
        raise ValueError(f"{file} holds no mapping")
    hydra = {key: loaded.pop(key) for key in ("defaults", "hydra") if key in loaded}
    package = package_of(text, group)
    return dict(flat(loaded, f"{package}." if package else "")), hydra


def package_of(text: str, group: str) -> str:
    """Where in a run's config a file's options go: its ``# @package`` line, else its group."""
    found = _PACKAGE.search(text)
    return group if found is None else "" if found.group(1) == "_global_" else found.group(1)


def flat(options: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested options by dotted name; an option that is a mapping itself is not taken apart."""
    for key, value in options.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value and name not in kinds():
            yield from flat(value, f"{name}.")
        else:
            yield name, value


def located(file: Path, group: str, option: str) -> str:
    """``FILE, line N: `` for where a file sets an option."""
    line = _line(file, group, option)
    return f"{label(file)}, line {line}: " if line else f"{label(file)}: "


def label(path: Path) -> str:
    """A path as people see it: from the working directory, where it lies below that."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith(os.pardir) else relative


def _line(file: Path, group: str, option: str) -> int | None:
    try:
        text = file.read_text(encoding="utf-8")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except (OSError, ValueError, yaml.YAMLError):
        return None
    package = package_of(text, group)
    rest = option.removeprefix(f"{package}.") if package and not option.startswith("hydra.") else option
    line = None
    while rest and isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if rest == key.value or rest.startswith(f"{key.value}."):
                line, node, rest = key.start_mark.line + 1, value, rest[len(key.value) + 1 :]
                break
        else:
            return line
    return line
