"""One sentence, with file and line where a file is at fault, for what Hydra and OmegaConf say in several lines."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from crossrec.config import AGENTS, DQNConfig, TrainConfig
from crossrec.errors import nearest
from crossrec.options import types_of

from ..choices import GROUPS
from .folder import folder_in, kinds, label, names_of
from .layers import place

_REASON = 300  # characters of somebody else's message, at most


def sentence(error: Exception, words: Sequence[str]) -> str:
    """What is wrong, in one sentence.

    Args:
        error: From composing.
        words: As Hydra took them.
    """
    text, cause = str(error), str(error.__cause__ or "")
    typed = [word for word in words if not re.match(r"hydra[./]", word)]
    if isinstance(error, yaml.YAMLError):
        return _not_yaml(error)
    if several := re.search(r"(?:Ambiguous value for argument|Sweep parameters) '([^']*)'", text):
        return _several(several[1])
    for word in (_missing, _no_mapping):
        if found := word(text, words):
            return found
    key = re.search(r"full_key: (\S+)", f"{text}\n{cause}")
    option = key[1] if key else ""
    if "not in" in f"{text} {cause}" and option:
        schema = re.search(r"not in '(\w+)'", f"{text} {cause}")
        return _unknown(option, schema[1] if schema else "", typed, words)
    lines = [line.strip() for line in (cause or text).strip().splitlines() if "raised while composing" not in line]
    if option:
        given = next((word for word in reversed(typed) if word.startswith(f"{option}=")), "")
        where = given or f"{place(option, words)}{option}"
        return f"{where}: {lines[0].rstrip('.')}."
    return f"{' '.join(typed)}: {' '.join(lines).rstrip('.')[:_REASON]}."


def _not_yaml(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    if mark is not None:
        problem = getattr(error, "problem", "") or "it cannot be read"
        return f"{label(Path(mark.name))}, line {mark.line + 1}: this is not YAML: {problem}."
    file = label(Path(getattr(error, "name", "the file")))
    return f"{file}: this is not YAML: {getattr(error, 'reason', error)}."


def _several(word: str) -> str:
    option, _, values = word.partition("=")
    kind = kinds().get(option)
    if kind is not None and str(kind).startswith("list"):
        return f"{word}: a list stands in brackets: '{option}=[{values}]'."
    return f"{word} is more than one value: `crossrec sweep {word}` does a run for each."


def _missing(text: str, words: Sequence[str]) -> str:
    """A config that is named somewhere and does not exist."""
    own = folder_in(words)
    found = re.search(r"(?:Could not find|Could not load) '(\w+)/([^']*)'", text)
    if not found:
        return ""
    group, name = found.groups()
    within = re.search(r"In '([\w/]+)'", text)
    inside = f"in the defaults of {_file(within[1], words)}: " if within and within[1] != "train" else ""
    if group == "schema":
        return f"{inside}/schema/{name} is unknown; {nearest(name, ['train', 'env', 'context', *AGENTS])}."
    first, _, rest = name.partition("/")
    if first in GROUPS and rest:
        return (
            f"{inside or f'{group}: '}'{first}: {rest}' is looked for in {group}/; write `override /{first}: {rest}`."
        )
    if group not in GROUPS:
        return f"{inside}'{group}/{name}' is unknown; groups are {', '.join(GROUPS)}."
    looked = f"; looked in {label(own / group)} too" if own is not None else ""
    asked = next((f" (of {word})" for word in words if word.startswith("experiment=")), "")
    asked = "" if f"{group}={name}" in words else asked
    return f"{inside}{group}={name}{asked} is unknown; {nearest(name, names_of(group, own))}{looked}."


def _no_mapping(text: str, words: Sequence[str]) -> str:
    found = re.search(r"In '([\w/]+)'", text)
    if not found or "Merge error: list" not in text:
        return ""
    return f"{_file(found[1], words)} holds a list; allowed: a mapping of options to values."


def _file(path: str, words: Sequence[str]) -> str:
    """What people call the file of a config that Hydra names, e.g. ``agent/mine``."""
    own = folder_in(words)
    return label(own / f"{path}.yaml") if own is not None and (own / f"{path}.yaml").is_file() else f"conf/{path}.yaml"


def _unknown(option: str, schema: str, typed: Sequence[str], words: Sequence[str]) -> str:
    if option in GROUPS and (word := next((word for word in reversed(typed) if word.startswith(f"{option}=")), "")):
        file = _file(word.replace("=", "/"), words)
        return f"{file} must begin with the line `# @package _global_`, for its options belong to the run as a whole."
    parent, _, name = option.rpartition(".")
    return f"{place(option, words)}Unknown option '{option}'; {nearest(name, _options(parent, schema))}."


def _options(parent: str, schema: str) -> list[str]:
    """Names of the options below a dotted key of the run's config, whose schema Hydra names."""
    agent = next((agent for agent in AGENTS.values() if agent.__name__ == schema), DQNConfig)
    node: Any = TrainConfig(agent=agent())
    for part in filter(None, parent.split(".")):
        node = getattr(node, part, None)
    return list(types_of(type(node))) if dataclasses.is_dataclass(node) else []
