"""What is said of one recommendation, in plain values: what text, figure and JSON are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Candidate:
    """An item that could be shown.

    Attributes:
        title: In words.
        score: What the agent thinks of it.
        advantage: The score minus the mean score of the allowed candidates.
    """

    title: str
    score: float
    advantage: float


@dataclass(frozen=True)
class Part:
    """One input and what it contributed.

    Attributes:
        name: A group of inputs, or a liked title.
        contribution: To the advantage, in the score's unit.
        about: Where and when a title was liked; empty for a group.
    """

    name: str
    contribution: float
    about: str = ""


@dataclass(frozen=True)
class Parts:
    """Contributions, which sum to ``everything - nothing``.

    Attributes:
        parts: One per input.
        everything: The advantage with all of them.
        nothing: The advantage with none of them.
        exact: Whether contributions are exact, rather than estimated from orders drawn.
    """

    parts: tuple[Part, ...]
    everything: float
    nothing: float
    exact: bool

    def shares(self) -> tuple[float, ...]:
        """Each contribution's size as a share of all sizes, 0 to 1: of all that moved the score either way."""
        total = sum(abs(part.contribution) for part in self.parts)
        return tuple(abs(part.contribution) / total if total else 0.0 for part in self.parts)


@dataclass(frozen=True)
class Explanation:
    """Why one item was shown to one person at one moment.

    Attributes:
        run: The run's folder.
        agent: Name of its algorithm.
        unit: Of scores.
        user: Id of the person.
        about: Age, language and interests as the profile states them.
        seed: Noise of the life.
        step: Of the life, from 0.
        when: Day and time.
        doing: What the person does, and where.
        context: Name of the run's context.
        prompt: What a language model was asked; empty where none was.
        text: The context in words; empty where it is none.
        slate: How many items were shown; the first of them is explained.
        allowed: How many candidates there were.
        chosen: What was shown.
        runners_up: What came next, best first.
        groups: What the groups of inputs contributed.
        titles: What each liked title of the history contributed, all else being there.
    """

    run: str
    agent: str
    unit: str
    user: int
    about: str
    seed: int
    step: int
    when: str
    doing: str
    context: str
    prompt: str
    text: str
    slate: int
    allowed: int
    chosen: Candidate
    runners_up: tuple[Candidate, ...]
    groups: Parts
    titles: Parts

    def plain(self) -> dict[str, Any]:
        """The same as JSON takes it, with the shares of contributions."""
        content = asdict(self)
        for name, parts in (("groups", self.groups), ("titles", self.titles)):
            for part, share in zip(content[name]["parts"], parts.shares(), strict=True):
                part["share"] = share
        return content


def text_of(explanation: Explanation) -> str:
    """An explanation to read."""
    e = explanation
    lines = [
        f"Person {e.user}: {e.about}",
        f"Step {e.step} under {e.run} ({e.agent}, context={e.context}): {e.when}, {e.doing}.",
    ]
    if e.prompt:
        lines += ["", "The language model was asked:", *(f"  {line}" for line in e.prompt.splitlines() if line.strip())]
    if e.text:
        lines += ["", "The context in words:", f"  {e.text}"]
    what = "Shown" if e.slate == 1 else f"Shown first in a slate of {e.slate}"
    lines += ["", f"{what}, out of {e.allowed} candidates (score in {e.unit}; advantage over their mean):"]
    lines += _candidates((e.chosen,))
    if e.runners_up:
        lines += ["Next best:", *_candidates(e.runners_up)]
    lines += ["", "What each group of inputs contributed to the advantage:", *_parts(e.groups)]
    if e.titles.parts:
        how = "" if e.titles.exact else ", estimated"
        lines += ["", f"What each liked title contributed, all else being there{how}:", *_parts(e.titles)]
    else:
        lines += ["", "No title of the history was liked."]
    return "\n".join(lines) + "\n"


def _candidates(candidates: Sequence[Candidate]) -> list[str]:
    return [f"  {c.score:8.3f}  {_signed(c.advantage)}  {c.title}" for c in candidates]


def _parts(parts: Parts) -> list[str]:
    width = max(len(part.name) for part in parts.parts)
    lines = [
        f"  {_signed(part.contribution)}  {share:4.0%}  {part.name:<{width}}  {part.about}".rstrip()
        for part, share in zip(parts.parts, parts.shares(), strict=True)
    ]
    total = parts.everything - parts.nothing
    return [*lines, f"  {_signed(total)}  = {parts.everything:+.3f} with all of these - {parts.nothing:+.3f} with none"]


def _signed(number: float) -> str:
    return f"{number:+8.3f}"
