"""The command that computes a run, written from its config."""

from __future__ import annotations

import functools
import re
import shlex
from dataclasses import asdict, fields
from typing import Any

from crossrec.config import TrainConfig

from ..choices import choices
from ..run import flat
from .runs import Run
from .study import environment, environments

_PLAIN = re.compile(r"[A-Za-z_][\w./-]*|/[\w./-]+")  # words that Hydra takes as they are
_NOT_WORDS = {"null", "true", "false", "inf", "nan", "yes", "no", "on", "off"}
_UNSAID = {"context": "none", "prompt": "en"}  # what ``crossrec train`` takes without a word
_WHOLE = tuple(field.name for field in fields(TrainConfig) if field.name not in ("env", "agent", "context", "runs"))
_MODELS = ("context.generator_folder", "context.encoder_folder")  # what decides is what is in them, not where they lie
_MAPPINGS = ("context.prompt.words", "context.endpoint.extra")  # options whose keys are anything


def command(run: Run) -> str:
    """The ``crossrec train`` line that computes a run as it was: the same options, seed, models, server and devices."""
    assert run.config is not None
    env, mine = environment(run), _given(run)
    words, theirs = [f"env={env}"], dict(environments()[env])
    for group, name in (
        ("agent", mine["agent.name"]),
        ("context", mine["context.name"]),
        ("prompt", mine["context.prompt.language"]),
    ):
        own, options = _shipped(group, name)
        words += own
        theirs |= options
    differ = {name: value for name, value in mine.items() if name not in theirs or theirs[name] != value}
    runs = str(run.folder.path.parent)  # which need not be where it was made
    if runs != TrainConfig().runs:
        differ["runs"] = runs
    return shlex.join(
        ["crossrec", "train", *words, *(f"{name}={_written(value)}" for name, value in _gathered(differ).items())]
    )


def _given(run: Run) -> dict[str, Any]:
    """A run's options by dotted name but for ``runs``, also those that say where and how it was computed."""
    assert run.config is not None
    options = flat(asdict(run.config))
    options |= {name: value for name, value in run.options.items() if name not in _MODELS}
    options.pop("runs")
    return options


@functools.cache
def _shipped(group: str, name: str) -> tuple[list[str], dict[str, Any]]:
    """The word for a shipped config of a group and the options that it gives; the defaults, where none has the name."""
    from ..compose import compose_train

    words = [f"{group}={name}"] if name in choices(group) else []
    options = flat(asdict(compose_train(words)))
    inside = {"agent": ("agent.",), "context": ("context.", *_WHOLE)}
    found = {k: v for k, v in options.items() if k.startswith(inside.get(group, "context.prompt."))}
    return words if name != _UNSAID.get(group) else [], found


def _gathered(options: dict[str, Any]) -> dict[str, Any]:
    """The same options, where keys that may be anything stand in one mapping."""
    found: dict[str, Any] = {}
    for name, value in options.items():
        whole = next((mapping for mapping in _MAPPINGS if name.startswith(f"{mapping}.")), None)
        if whole is None:
            found[name] = value
        else:
            found.setdefault(whole, {})[name.removeprefix(f"{whole}.")] = value
    return found


def _written(value: Any) -> str:
    """A value as Hydra's grammar has it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return f"[{','.join(map(_written, value))}]"
    if isinstance(value, dict):
        return f"{{{','.join(f'{_written(k)}:{_written(v)}' for k, v in value.items())}}}"
    if not isinstance(value, str):
        return repr(value)
    if _PLAIN.fullmatch(value) and value.lower() not in _NOT_WORDS:
        return value
    escaped = re.sub(r"(\\*)'", lambda found: found[1] * 2 + r"\'", value)
    return f"'{escaped}'"
