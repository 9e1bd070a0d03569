"""What a language model answered: made one clean line, and told apart from what is no answer."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

Problem = Literal["", "empty", "refusal"]

MAX_CHARACTERS = 200
_READ = 10_000  # characters of an answer that are looked at: a server may send megabytes
_THOUGHTS = re.compile(r"<think>.*?(</think>|\Z)", re.DOTALL)
_HEADING = re.compile(r"[^,]*:\s*")  # keywords that were cut off may end like one, but come with commas
_BULLET = re.compile(r"\s*([-*•]|\d+[.)])\s+")
# Openings by which models decline, in the languages of the shipped prompts.
_REFUSAL = re.compile(
    r"(i'?m |i am )?(very |so )?sorry\b|i (can'?t|cannot|can not|am unable|'?m unable|won'?t|do not have|don'?t have)\b"
    r"|(as|i'?m|i am) an ai\b|unfortunately, i\b"
    r"|抱歉|对不起|很抱歉|我无法|我不能|作为一个?(人工智能|ai)"
    r"|lo siento\b|lo lamento\b|no puedo\b|como (una )?(ia|inteligencia artificial)\b",
    re.IGNORECASE,
)


class Answer(NamedTuple):
    """A text about a moment.

    Attributes:
        text: One line.
        problem: Why the text is the template's instead of the model's: it was "empty" or a "refusal"; else "".
    """

    text: str
    problem: Problem = ""


def answer(raw: str, sentence: str) -> Answer:
    """A model's answer, cleaned; the template's sentence where it is none, with the reason.

    Args:
        raw: What the model wrote.
        sentence: The template's text about the same moment.
    """
    line = clean(raw)
    if not line:
        return Answer(sentence, "empty")
    return Answer(sentence, "refusal") if _REFUSAL.match(line.replace("’", "'")) else Answer(line)


def clean(text: str) -> str:
    """The first line of an answer that is no thought and no heading: each keyword once, printable, bounded."""
    lines = _THOUGHTS.sub("", text[:_READ]).splitlines()
    line = next((line for line in lines if line.strip() and not _HEADING.fullmatch(line)), "")
    line = _BULLET.sub("", line)
    printable = "".join(c if c.isprintable() else " " for c in line)
    keywords = dict.fromkeys(" ".join(word.split()) for word in printable.split(","))
    return ", ".join(word for word in keywords if word)[:MAX_CHARACTERS].strip(" ,;")
