"""Moments and stand-ins that the language tests share."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from crossrec.config import PromptConfig
from crossrec.errors import ModelError
from crossrec.language.answer import Answer
from crossrec.language.encoder import Vectors
from crossrec.language.models import Kind, locate
from crossrec.language.prompt import Moment, Prompt, PromptWriter

TOPICS = ("running", "home cooking", "photography", "gardening", "chess", "sailing")


def make_moments(n: int) -> list[Moment]:
    """Distinct moments of different lengths."""
    return [
        Moment(
            likes=(TOPICS[i % 6], TOPICS[(i + 2) % 6]),
            routine=TOPICS[i // 6 % 6],
            scenario=("watching videos", "reading the news", "shopping online")[i % 3],
            daypart="evening",
            weekend=("weekend", "weekday")[i % 2],
            device=("tv", "phone")[i % 2],
            enjoyed=tuple(f"Part {i + j}: easy {TOPICS[(i + j) % 6]} for beginners" for j in range(i % 4)),
        )
        for i in range(n)
    ]


def make_prompts(n: int) -> list[Prompt]:
    """What is asked about distinct moments."""
    sees = ["persona", "scenario", "daypart", "weekend", "device"]
    writer = PromptWriter(PromptConfig(sees=sees, titles=3))
    return [writer.write(moment) for moment in make_moments(n)]


class CountingGenerator:
    """Repeats the prompt and remembers the batches that it was asked for."""

    identity = "counting"

    def __init__(self) -> None:
        self.batches: list[int] = []

    def generate(self, prompts: Sequence[Prompt], on_progress: Callable[[int], None] | None = None) -> list[Answer]:
        self.batches.append(len(prompts))
        return [Answer(f"wants: {prompt.text}") for prompt in prompts]


class AbsentGenerator(CountingGenerator):
    """The same name as CountingGenerator, but its model is gone."""

    def generate(self, prompts: Sequence[Prompt], on_progress: Callable[[int], None] | None = None) -> list[Answer]:
        raise ModelError("the generator was loaded")


class AbsentEncoder:
    """The same name and width as a HashingEncoder, but its model is gone."""

    def __init__(self, identity: str, dimension: int) -> None:
        self.identity = identity
        self.dimension = dimension

    def encode(self, texts: Sequence[str], on_progress: Callable[[int], None] | None = None) -> Vectors:
        raise ModelError("the encoder was loaded")


def unit(n: int, dimension: int = 8) -> Vectors:
    """Vectors that differ from each other."""
    rows = np.arange(n * dimension, dtype=np.float32).reshape(n, dimension) + 1
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def fetched(kind: Kind) -> Path:
    """The folder of a fetched model; skips the test where it has not been fetched."""
    try:
        return locate(kind)
    except ModelError as error:
        pytest.skip(f"needs the fetched models: {error}")
