"""Fields of option dataclasses that carry what a person must know: unit, meaning, and which values are allowed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import Field, dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")
N = TypeVar("N", int, float)

_KEY = "meaning"


@dataclass(frozen=True)
class Meaning:
    """What is known of an option beside its type and default.

    Attributes:
        help: What it means, in words.
        unit: Of a number, e.g. ``min`` or ``share``; empty for what is no number.
        low: The least that is allowed, or None for what is no number.
        high: The most.
        allowed: The names that are allowed, of a list's entries too; empty where any text is.
    """

    help: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    allowed: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Unit and meaning on one line, e.g. ``[min] median gap between sessions``."""
        return f"[{self.unit}] {self.help}" if self.unit else self.help


def ranged(default: N, low: N, high: N, unit: str, help: str) -> N:
    """A number.

    Args:
        default: Its value unless something else is said.
        low: The least that is allowed.
        high: The most; finite, so that ``inf`` is refused everywhere.
        unit: E.g. ``min``, ``steps``, ``share``, ``logits``.
        help: What it means.
    """
    return field(default=default, metadata={_KEY: Meaning(help, unit, low, high)})


def named(default: str, allowed: Sequence[str], help: str) -> str:
    """One of some names."""
    return field(default=default, metadata={_KEY: Meaning(help, allowed=tuple(allowed))})


def told(default: T, help: str) -> T:
    """What the type alone restricts: text, true or false."""
    return field(default=default, metadata={_KEY: Meaning(help)})


def meant(help: str, allowed: Sequence[str] = ()) -> dict[str, Meaning]:
    """Metadata of a list, a mapping or a group of options, whose ``field`` needs a factory.

    Args:
        help: What it means.
        allowed: Names that entries of a list may have; empty where any is.
    """
    return {_KEY: Meaning(help, allowed=tuple(allowed))}


def meaning(option: Field[Any]) -> Meaning:
    """What is known of a field; of one that says nothing, nothing."""
    known: Meaning = option.metadata.get(_KEY, Meaning(""))
    return known
