"""Errors for people: one sentence that says what was found, where, what is allowed and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_LONGEST = 80  # characters of a value in a message


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
        raise ConfigError(f"{option}={shown(name)} is unknown; {nearest(name, choices)}.")
    return name


def check_range(option: str, value: float, low: float, high: float = float("inf")) -> None:
    """Check that ``low <= value <= high`` and that the value is a finite number.

    Raises:
        ConfigError: If it is not; names the option, the value and the range.
    """
    if not isinstance(value, (int, float)) or not low <= value <= high or abs(value) == float("inf"):
        raise ConfigError(f"{option}={shown(value)} is out of range; allowed: {range_words(low, high)}.")


def range_words(low: float, high: float = float("inf")) -> str:
    """A range as messages show it, e.g. ``from 4 to 10,000`` or ``at least 1``."""
    least, most = (f"{edge:,}" if isinstance(edge, int) else f"{edge:g}" for edge in (low, high))
    return f"at least {least}" if high == float("inf") else f"from {least} to {most}"


def shown(value: object) -> str:
    """A value as messages show it: as Python writes it, but not longer than a sentence bears."""
    try:
        text = " ".join(repr(value).split())
    except ValueError:  # a whole number of more digits than Python writes
        return "a number of thousands of digits"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
