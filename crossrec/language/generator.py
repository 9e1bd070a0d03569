"""Generators turn prompts into texts: the protocol, and the two that need no model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from crossrec.errors import ModelError

from .answer import Answer
from .prompt import Prompt

Progress = Callable[[int], None]
"""Called with the number of items finished since the last call."""


class Generator(Protocol):
    """Anything that says in words what a person probably wants in a moment."""

    @property
    def identity(self) -> str:
        """Everything that decides the text beside the prompt; known without loading a model."""

    def generate(self, prompts: Sequence[Prompt], on_progress: Progress | None = None) -> list[Answer]:
        """One answer per prompt, in the prompts' order.

        Raises:
            GenerationError: If some prompts could be answered and others not.
            ModelError: If none could.
        """


class GenerationError(ModelError):
    """A generator stopped on the way.

    Attributes:
        done: Answers that were finished, by position of their prompt; they are kept.
    """

    def __init__(self, message: str, done: Mapping[int, Answer]) -> None:
        super().__init__(message)
        self.done = dict(done)

    def __reduce__(self) -> tuple[type[GenerationError], tuple[str, dict[int, Answer]]]:
        return type(self), (str(self), self.done)  # from worker processes


class TemplateGenerator:
    """The sentence that the config's template makes of a moment: the ablation of the language model."""

    identity = "template-2"

    def generate(self, prompts: Sequence[Prompt], on_progress: Progress | None = None) -> list[Answer]:
        """One sentence per prompt, in the prompts' order."""
        return _all([Answer(prompt.sentence) for prompt in prompts], on_progress)


class VerbatimGenerator:
    """The prompt itself, so that it is embedded and nothing is generated: the control for generation."""

    identity = "verbatim-2"

    def generate(self, prompts: Sequence[Prompt], on_progress: Progress | None = None) -> list[Answer]:
        """The prompts' texts, in their order."""
        return _all([Answer(prompt.text) for prompt in prompts], on_progress)


def _all(answers: list[Answer], on_progress: Progress | None) -> list[Answer]:
    if on_progress is not None:
        on_progress(len(answers))
    return answers
