"""A resolved config for people (a table), for files (YAML with comments) and for programs (JSON)."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table

from crossrec.errors import shown

from .resolve import Option, Resolved


def as_yaml(resolved: Resolved, *, changed: bool = False) -> str:
    """YAML that says beside each option where it comes from, its unit and its meaning.

    Args:
        resolved: What to show.
        changed: Whether to leave out what the schemas set.
    """
    lines: list[str] = []
    before: list[str] = []
    for option in _chosen(resolved, changed):
        *groups, name = option.name.split(".")
        shared = next((i for i, (a, b) in enumerate(zip(groups, before, strict=False)) if a != b), None)
        shared = min(len(groups), len(before)) if shared is None else shared
        lines += [f"{'  ' * depth}{groups[depth]}:" for depth in range(shared, len(groups))]
        lines.append(f"{'  ' * len(groups)}{name}: {_plain(option.value)}  # {option.origin}; {option.meaning}")
        before = groups
    lines += [f"# {line}" for line in closing(resolved)]
    return "\n".join(lines) + "\n"


def as_json(resolved: Resolved, *, changed: bool = False) -> str:
    """JSON: the config, each option with all that is known of it, the folder and the commands."""
    options = {
        option.name: {"value": option.value, "from": option.origin, **dataclasses.asdict(option.meaning)}
        for option in _chosen(resolved, changed)
    }
    content = {
        "config": dataclasses.asdict(resolved.config),
        "options": options,
        "grid": resolved.grid,
        "folder": str(resolved.folder.path),
        "state": resolved.state,
        "command": resolved.command("sweep" if resolved.grid else "train"),
    }
    return json.dumps(content, indent=2, ensure_ascii=False, default=str) + "\n"


def print_table(resolved: Resolved, console: Console, *, changed: bool = False) -> None:
    """A table with a section for each group of options."""
    table = Table("option", "value", "from", "unit and meaning", box=None, pad_edge=False)
    group = None
    for option in _chosen(resolved, changed):
        if option.name.rpartition(".")[0] != group:
            if group is not None:
                table.add_section()
            group = option.name.rpartition(".")[0]
        style = "bold" if option.changed else "dim"
        table.add_row(*(_escaped(text) for text in _cells(option)), style=style)
    console.print(table)
    for line in closing(resolved):
        console.print(line, soft_wrap=True, highlight=False, markup=False)


def closing(resolved: Resolved) -> list[str]:
    """What stands last: the run's folder and the command that does it."""
    lines = [f"folder: {resolved.folder.path} ({resolved.state})"]
    if resolved.grid:
        grid = " ".join(f"{option}={values}" for option, values in resolved.grid.items())
        lines.append(f"a grid, of which this is one run ({grid}): {resolved.command('sweep')}")
    return [*lines, f"train it: {resolved.command('train')}"]


def _chosen(resolved: Resolved, changed: bool) -> list[Option]:
    return [option for option in resolved.options if option.changed or not changed]


def _cells(option: Option) -> tuple[str, str, str, str]:
    value = option.value if isinstance(option.value, str) else _plain(option.value)
    return option.name, shown(value)[1:-1] if len(value) > 40 else value, option.origin, str(option.meaning)


def _escaped(text: str) -> str:
    return text.replace("[", "\\[")


def _plain(value: Any) -> str:
    """A value on one line of YAML."""
    quoted = '"' if isinstance(value, str) and "\n" in value else None
    text: str = yaml.safe_dump(
        value, default_flow_style=True, default_style=quoted, width=float("inf"), allow_unicode=True, sort_keys=False
    )
    return text.removesuffix("\n").removesuffix("\n...")
