"""Scenarios from YAML files and plain mappings; a mistake is told with file, line and field.

A file is composed into YAML's nodes, which know their lines, and never into objects at once. Files and mappings then
take the same way: entries of (key, value, where), with entries again where a value is a mapping.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from crossrec.errors import ConfigError, nearest
from crossrec.world.scenario import MAX_WEIGHT, WEIGHTS, Scenario, checked, number, shown

_FIELDS = {field.name: field.default is dataclasses.MISSING for field in dataclasses.fields(Scenario)}  # -> required
_LARGEST = 1 << 20  # [bytes] of a file; whoever gives a larger one gave the wrong one
_EXAMPLE = "a scenario's file has a field on each line, such as 'name: podcasts'"


class _Entry(NamedTuple):
    """One key of a mapping and its value.

    Attributes:
        key: Should be text.
        value: What YAML or Python makes of it; entries where weights stand by name.
        where: File and line, or option; stands before messages.
    """

    key: Any
    value: Any
    where: str


class _Entries(list[_Entry]):
    """A mapping whose keys may still repeat."""


class _Loader(yaml.SafeLoader):
    """YAML as Hydra reads it: ``1e3`` is a number, a date is text; ``<<`` is a key like others."""


_TEXT = ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:merge")
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _TEXT]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?(\d[\d_]*\.?[\d_]*|\.\d[\d_]*)[eE][-+]?\d+$"), list("-+.0123456789")
)


def load_scenario(file: str | os.PathLike[str]) -> Scenario:
    """Read one scenario from a YAML file; ``examples/podcasts.yaml`` shows every field.

    Args:
        file: Its path.

    Raises:
        ConfigError: Names file, line and field, what was found and what is allowed.
    """
    if not isinstance(file, (str, os.PathLike)):
        raise ConfigError(f"load_scenario takes the path of a YAML file; found {shown(file)}.")
    name = os.fsdecode(file)
    text = _text(name)
    try:
        entries = _entries_of_text(text, name)
    except yaml.YAMLError as error:
        raise ConfigError(_yaml_sentence(name, text, error)) from error
    except RecursionError as error:
        raise ConfigError(f"{name} nests lists or mappings too deeply; {_EXAMPLE}.") from error
    return _scenario(entries, f"{name}: ")


def scenario_from(fields: Mapping[Any, Any], where: str) -> Scenario:
    """A scenario from a mapping of its fields, as options hold it.

    Args:
        fields: Value by name of the field; weights as a list or as a mapping by name.
        where: The option, for messages.

    Raises:
        ConfigError: Names option and field, what was found and what is allowed.
    """
    name = fields.get("name")
    where = f"{where}, scenario {shown(name)}: " if isinstance(name, str) else f"{where}: "
    return _scenario(_entries_of_mapping(fields, where), where)


def _text(name: str) -> str:
    """What the file says."""
    try:
        with open(name, "rb") as file:
            data = file.read(_LARGEST + 1)
    except FileNotFoundError as error:
        folder = Path(name).absolute().parent
        near = difflib.get_close_matches(Path(name).name, [path.name for path in folder.glob("*.y*ml")], n=1)
        hint = f"; did you mean '{near[0]}'?" if near else "."
        raise ConfigError(f"'{name}' does not exist in {folder}{hint}") from error
    except (OSError, ValueError) as error:
        raise ConfigError(f"{name!r} cannot be read: {getattr(error, 'strerror', None) or error}.") from error
    if len(data) > _LARGEST:
        raise ConfigError(f"{name} is larger than a scenario's file may be ({_LARGEST} bytes); is it the right one?")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{name}, line {line}: not UTF-8 text; save the file in UTF-8.") from error


def _yaml_sentence(name: str, text: str, error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    position = getattr(error, "position", None)  # of a character that YAML does not allow
    line = mark.line + 1 if mark else text.count("\n", 0, position) + 1 if position is not None else 1
    reason = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be understood"
    return f"{name}, line {line}: not YAML ({reason}); {_EXAMPLE}."


def _entries_of_text(text: str, name: str) -> _Entries:
    documents: list[yaml.Node] = list(yaml.compose_all(text, _Loader))
    if not documents or documents[0].tag == "tag:yaml.org,2002:null":
        raise ConfigError(f"{name} is empty; {_EXAMPLE}.")
    if len(documents) > 1:
        line = documents[1].start_mark.line + 1
        raise ConfigError(f"{name}, line {line}: a second document begins; each scenario needs a file of its own.")
    if not isinstance(documents[0], yaml.MappingNode):
        found = "a list" if isinstance(documents[0], yaml.SequenceNode) else shown(documents[0].value)
        raise ConfigError(f"{name}, line {documents[0].start_mark.line + 1}: found {found}; {_EXAMPLE}.")
    return _entries_of_node(documents[0], name)


def _entries_of_node(mapping: yaml.MappingNode, name: str, by_name: Collection[str] = WEIGHTS) -> _Entries:
    """Entries of a YAML mapping, each with its line; those in ``by_name`` may hold entries themselves."""
    entries = _Entries()
    for key_node, node in mapping.value:
        where = f"{name}, line {key_node.start_mark.line + 1}: "
        if isinstance(node, yaml.MappingNode) and key_node.value in by_name:
            value: Any = _entries_of_node(node, name, ())
        else:
            value = _value_of_node(node, where)
        entries.append(_Entry(_value_of_node(key_node, where), value, where))
    return entries


def _value_of_node(node: yaml.Node, where: str) -> Any:
    try:
        return _Loader("").construct_document(node)
    except (yaml.YAMLError, RecursionError):
        raise
    except Exception as error:  # whatever int() and its like raise on what a tag announces wrongly
        raise ConfigError(
            f"{where}YAML cannot read this as a value of the kind {node.tag.rpartition(':')[2]}."
        ) from error


def _entries_of_mapping(mapping: Mapping[Any, Any], where: str, by_name: Collection[str] = WEIGHTS) -> _Entries:
    return _Entries(
        _Entry(
            key,
            _entries_of_mapping(value, where, ()) if isinstance(value, Mapping) and key in by_name else value,
            where,
        )
        for key, value in mapping.items()
    )


def _scenario(entries: _Entries, where: str) -> Scenario:
    """The scenario that entries describe."""
    values: dict[str, Any] = {}
    for entry in _known_once(entries, list(_FIELDS), "no field of a scenario"):
        value = entry.value
        if entry.key in WEIGHTS and isinstance(value, _Entries):
            value = _weights_by_name(entry.key, value, WEIGHTS[entry.key])
        values[entry.key] = checked(entry.key, value, entry.where)
    if missing := [name for name, required in _FIELDS.items() if required and name not in values]:
        which = f"the field {missing[0]} is" if len(missing) == 1 else f"the fields {', '.join(missing)} are"
        raise ConfigError(f"{where}{which} missing; examples/podcasts.yaml shows every field.")
    return Scenario(**values)


def _weights_by_name(field: str, entries: _Entries, names: Sequence[str]) -> list[float]:
    """Weights in the order of ``names``; 0 for those that are not named."""
    weights = dict.fromkeys(names, 0.0)
    for entry in _known_once(entries, names, f"none of the {field}"):
        weights[entry.key] = number(f"{entry.where}{field}: {entry.key}", entry.value, 0.0, MAX_WEIGHT)
    return list(weights.values())


def _known_once(entries: _Entries, names: Sequence[str], what: str) -> _Entries:
    """The same entries; every key is among ``names`` and stands once."""
    seen: set[str] = set()
    for entry in entries:
        if not isinstance(entry.key, str) or entry.key not in names:
            raise ConfigError(f"{entry.where}{shown(entry.key)} is {what}; {nearest(str(entry.key), names)}.")
        if entry.key in seen:
            raise ConfigError(f"{entry.where}{entry.key} stands a second time; each may stand once.")
        seen.add(entry.key)
    return entries
