"""What was found on a question: a sentence, a table and a figure, all from rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from crossrec.statistics import Estimate

from .asked import ASKED

Lines = Sequence[tuple[str, ...]]


@dataclass(frozen=True)
class Finding:
    """What was found on one question.

    Attributes:
        name: Of the question, in :data:`crossrec.experiments.transfer.asked.ASKED`; also for files and links.
        says: The answer, the number first.
        columns: Headings of its table.
        lines: The table.
        bars: What the figure shows, by label; empty for a figure of another kind.
        unit: Of the bars.
        matrix: Names, and values (T, T) to be drawn as a map, or None.
        curves: By name, by x what is to be drawn as a line with its interval.
        axes: What they are drawn over.
    """

    name: str
    says: str
    columns: tuple[str, ...]
    lines: Lines
    bars: Mapping[str, Estimate] = field(default_factory=dict)
    unit: str = "normalised return"
    matrix: tuple[Sequence[str], Any] | None = None
    curves: Mapping[str, Mapping[float, Estimate]] = field(default_factory=dict)
    axes: tuple[str, str] = ("", "")

    @property
    def asks(self) -> str:
        """The question."""
        return ASKED[self.name]
