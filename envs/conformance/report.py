"""What a conformance check found, and how a person reads it."""

from __future__ import annotations

import textwrap
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from crossrec.errors import CrossRecError

S = TypeVar("S")
_WIDTH = 120  # of a printed report
_LONGEST = 400  # of somebody else's message


class ConformanceError(CrossRecError, AssertionError):
    """An environment or scenario failed a check."""


class Failure(Exception):  # noqa: N818 (a verdict, caught by :func:`run`)
    """A check failed; the message is one sentence: what was measured, what is expected, what to do."""


class DoesNotApply(Exception):  # noqa: N818
    """A check means nothing here; the message says why."""


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: What it is about, e.g. ``"determinism"``.
        passed: Whether all was well; also true where the check does not apply.
        detail: One sentence: what was measured, and where it failed what is expected and what to do.
        applies: Whether the check means anything here.
    """

    name: str
    passed: bool
    detail: str
    applies: bool = True


@dataclass(frozen=True)
class Report:
    """Everything that was looked at; true if all passed.

    Attributes:
        subject: Environment or scenario.
        checks: In the order in which they were made.
    """

    subject: str
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether no check failed."""
        return not self.failed

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the checks that failed."""
        return tuple(check.name for check in self.checks if not check.passed)

    def __bool__(self) -> bool:
        return self.passed

    def __getitem__(self, name: str) -> Check:
        for check in self.checks:
            if check.name == name:
                return check
        raise KeyError(f"no check '{name}'; there are: {', '.join(check.name for check in self.checks)}")

    def __str__(self) -> str:
        applied = [check for check in self.checks if check.applies]
        verdict = (
            f"{len(self.failed)} of {len(applied)} checks FAILED"
            if self.failed
            else f"all {len(applied)} checks passed"
        )
        names = max((len(check.name) for check in self.checks), default=0)
        return "\n".join([f"{self.subject}: {verdict}", *(_line(check, names) for check in self.checks)])

    def raise_if_failed(self) -> None:
        """Do nothing if all passed.

        Raises:
            ConformanceError: Names the checks that failed, each with its sentence.
        """
        if self.failed:
            found = " ".join(f"[{check.name}] {check.detail}" for check in self.checks if not check.passed)
            raise ConformanceError(f"{self.subject}: {found}")


def _line(check: Check, names: int) -> str:
    mark = ("ok" if check.passed else "FAIL") if check.applies else "-"
    head = f"  {mark:<4}  {check.name:<{names}}  "
    return textwrap.fill(
        check.detail, _WIDTH, initial_indent=head, subsequent_indent=" " * len(head), break_on_hyphens=False
    )


def run(checks: Mapping[str, Callable[[S], str]], subject: S, where: str = "") -> tuple[Check, ...]:
    """Make checks; whatever one raises is its own failure and ends no other.

    Args:
        checks: By name; each returns a sentence, or raises :class:`Failure` or :class:`DoesNotApply`.
        subject: What they look at.
        where: Stands before the names.
    """
    return tuple(_run(f"{where}{name}", check, subject) for name, check in checks.items())


def _run(name: str, check: Callable[[S], str], subject: S) -> Check:
    try:
        return Check(name, True, check(subject))
    except Failure as found:
        return Check(name, False, str(found))
    except DoesNotApply as found:
        return Check(name, True, f"does not apply: {found}", applies=False)
    except Exception as error:
        return Check(name, False, sentence(error))


def sentence(error: Exception) -> str:
    """A foreign exception as one sentence, with the place that raised it."""
    words = " ".join(str(error).split())
    if isinstance(error, CrossRecError):
        return words  # it is one sentence for people already
    words = f"{words[:_LONGEST]} ..." if len(words) > _LONGEST else words
    frames = traceback.extract_tb(error.__traceback__)
    place = f" (in {Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__} was raised: {words or 'it says nothing more'}{place}"
