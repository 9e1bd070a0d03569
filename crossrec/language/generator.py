"""Generators turn moments into text: the protocol, and the one that needs no model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from .prompt import Prompt

Progress = Callable[[int], None]
"""Called with the number of items finished since the last call."""


class Generator(Protocol):
    """Anything that says in words what a person probably wants in a moment."""

    @property
    def identity(self) -> str:
        """Everything that decides the text beside the prompt; known without loading a model."""

    def generate(self, prompts: Sequence[Prompt], on_progress: Progress | None = None) -> list[str]:
        """One line of text per prompt, in the prompts' order."""


class TemplateGenerator:
    """A sentence put together from the moment's fields: the ablation of the language model, and its fallback."""

    identity = "template-1"

    def generate(self, prompts: Sequence[Prompt], on_progress: Progress | None = None) -> list[str]:
        """One sentence per prompt, in the prompts' order."""
        texts = [template_text(prompt) for prompt in prompts]
        if on_progress is not None:
            on_progress(len(texts))
        return texts


def template_text(prompt: Prompt) -> str:
    """The moment as one readable line; persona and titles survive word for word, since they carry the topics.

    Daypart and device stay out: they are in the observation anyway, and here they only dilute the text's vector.
    """
    liked = f"Recently enjoyed: {'; '.join(prompt.enjoyed)}." if prompt.enjoyed else ""
    typed = f"Searches for: {prompt.query}." if prompt.query else ""
    return " ".join(f"Now {prompt.scenario}. {typed} {prompt.persona} {liked}".split())
