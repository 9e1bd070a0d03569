"""Errors for people: one sentence that says what was found, where, what is allowed and what to do."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable


class CrossRecError(Exception):
    """A mistake that a person can mend; the command line prints it as one sentence, without a stack trace."""


class ConfigError(CrossRecError, ValueError):
    """An option has a value that is not allowed."""


class ModelError(CrossRecError, RuntimeError):
    """A language model or encoder is missing, incomplete or damaged."""


class StoreError(CrossRecError, RuntimeError):
    """The context store cannot be opened, read or written."""


class RunError(CrossRecError, RuntimeError):
    """A run's folder, checkpoint or result is missing, incomplete or damaged."""


def nearest(name: str, allowed: Iterable[str]) -> str:
    """Words for an unknown name: the closest allowed one, if any, and the list of all.

    Args:
        name: What was found.
        allowed: What would have been right.
    """
    choices = sorted(allowed)
    close = difflib.get_close_matches(name, choices, n=1)
    hint = f"did you mean '{close[0]}'? " if close else ""
    return f"{hint}allowed: {', '.join(choices)}"


def check_name(option: str, name: str, allowed: Iterable[str]) -> str:
    """Return ``name`` if it is among ``allowed``.

    Raises:
        ConfigError: If it is not; names the option, the value and the nearest allowed one.
    """
    choices = list(allowed)
    if name not in choices:
        raise ConfigError(f"{option}={name!r} is unknown; {nearest(name, choices)}.")
    return name


def check_range(option: str, value: float, low: float, high: float = float("inf")) -> None:
    """Check that ``low <= value <= high`` and that the value is a finite number.

    Raises:
        ConfigError: If it is not; names the option, the value and the range.
    """
    if not isinstance(value, (int, float)) or not low <= value <= high or math.isinf(value):
        least, most = (f"{edge:,}" if isinstance(edge, int) else f"{edge:g}" for edge in (low, high))
        allowed = f"at least {least}" if high == float("inf") else f"from {least} to {most}"
        raise ConfigError(f"{option}={value!r} is out of range; allowed: {allowed}.")
