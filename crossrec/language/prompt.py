"""What a recommender may know of a moment, and how a language model is asked about it."""

from __future__ import annotations

from dataclasses import dataclass

FORMAT_VERSION = 2
"""Raised whenever the words below change: contexts recorded with other words must not be taken for these."""

SYSTEM = "You name what a person wants to see right now. Answer with one short line of keywords."


@dataclass(frozen=True)
class Prompt:
    """One moment of one person: only what a recommender may know, never the candidates or the hidden truth.

    Attributes:
        persona: Who the person is, in a sentence or two.
        scenario: What the person is doing, as a phrase such as "watching videos".
        daypart: "morning", "evening", ...
        when: "weekend" or "weekday"; empty where that is left out.
        device: "phone", "tv", ...; empty where that is left out.
        enjoyed: Titles that the person enjoyed lately, the latest last.
        query: What the person has typed, where people search; empty elsewhere.
    """

    persona: str
    scenario: str
    daypart: str
    when: str = ""
    device: str = ""
    enjoyed: tuple[str, ...] = ()
    query: str = ""

    def text(self) -> str:
        """The moment in canonical plain text: equal moments give equal text, in every process.

        The persona stands last, next to the answer: there a small model reads it best.
        """
        moment = ", ".join(part for part in (self.scenario, f"{self.when} {self.daypart}", self.device) if part)
        liked = f"Enjoyed: {'; '.join(self.enjoyed)}." if self.enjoyed else ""
        typed = f"Searches for: {self.query}." if self.query else ""
        return _plain(f"Now {moment}. {liked} {typed} {self.persona}")


FEW_SHOT: tuple[tuple[Prompt, str], ...] = (
    (
        Prompt(
            persona="Likes politics, tennis and baking. In the morning often turns to politics.",
            scenario="reading the news",
            daypart="morning",
            enjoyed=("Easy sourdough loaves for beginners",),
        ),
        "politics, elections, sourdough loaves, tennis, baking",
    ),
    (
        Prompt(
            persona="Likes hiking, jazz and painting. At night often turns to jazz.",
            scenario="listening to music",
            daypart="night",
        ),
        "jazz, saxophone, trumpet, hiking, painting",
    ),
    (
        Prompt(
            persona="Likes fashion, fishing and history. In the afternoon often turns to fishing.",
            scenario="shopping online",
            daypart="afternoon",
            enjoyed=("Gift box: silk evening dresses", "Watch this before you buy fly rods"),
        ),
        "fishing, fly rods, silk evening dresses, fashion, history",
    ),
)
"""Moments and good answers, about topics outside the default world: first the habit, then what was enjoyed or liked."""


def chat(prompt: Prompt) -> list[dict[str, str]]:
    """The conversation that asks for a moment's keywords; only its last message differs between prompts."""
    messages = [{"role": "system", "content": SYSTEM}]
    for example, answer in FEW_SHOT:
        messages.append({"role": "user", "content": example.text()})
        messages.append({"role": "assistant", "content": answer})
    return [*messages, {"role": "user", "content": prompt.text()}]


def _plain(text: str) -> str:
    """One line without chat markers: a title must not be able to end the message that it stands in."""
    return " ".join(text.replace("<|", "< |").replace("|>", "| >").split())
