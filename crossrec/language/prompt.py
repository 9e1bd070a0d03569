"""The words in which a language model is asked about a moment: Jinja templates and examples from the config."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, UndefinedError, meta
from jinja2.sandbox import SandboxedEnvironment

from crossrec.config import PARTS, PromptConfig
from crossrec.errors import ConfigError, nearest
from crossrec.options import from_options

FORMAT_VERSION = 3
"""Raised whenever this module words a conversation differently: older contexts must not be taken for newer ones."""


@dataclass(frozen=True)
class Moment:
    """One moment of one person in English names: only what a recommender may know, never candidates or hidden truth.

    Attributes:
        likes: Interests in the profile note.
        routine: The topic in the profile note that the person usually turns to at this daypart.
        scenario: What the person is doing, such as "watching videos".
        daypart: "morning", "evening", ...
        hour: "0:00" to "23:00".
        weekend: "weekend" or "weekday".
        weekday: "Monday", ...
        device: "phone", "tv", ...
        query: What the person has typed, where people search; empty elsewhere.
        enjoyed: Titles that the person enjoyed lately, the latest last.
    """

    likes: tuple[str, ...] = ()
    routine: str = ""
    scenario: str = ""
    daypart: str = ""
    hour: str = ""
    weekend: str = ""
    weekday: str = ""
    device: str = ""
    query: str = ""
    enjoyed: tuple[str, ...] = ()

    def latest(self, titles: int) -> tuple[str, ...]:
        """At most so many of the titles enjoyed, the latest last."""
        return self.enjoyed[-titles:] if titles else ()


@dataclass(frozen=True)
class Prompt:
    """What is asked about a moment.

    Attributes:
        text: The last message to a language model; everything before it is the same for all moments.
        sentence: The template's text about the moment.
    """

    text: str
    sentence: str


_NOTE = ("likes", "routine", "daypart")
_KNOWN = ("persona", *(f.name for f in fields(Moment) if f.name not in ("likes", "routine")))
_EXAMPLE = (*_KNOWN, "answer")
_REMEMBERED = 65_536  # profile notes


class PromptWriter:
    """Writes prompts as a config says.

    Raises:
        ConfigError: If a template is not valid Jinja or knows a variable that does not exist, an example lacks its
            answer, or an option is out of range.
    """

    def __init__(self, config: PromptConfig) -> None:
        self.config = config
        from_options(PromptConfig, vars(config), "context.prompt.")
        self._personas: dict[tuple[tuple[str, ...], str, str], str] = {}
        self._note = _compiled("note", config.note, _NOTE)
        self._moment = _compiled("moment", config.moment, _KNOWN)
        self._sentence = _compiled("sentence", config.sentence, _KNOWN)
        self.examples = [self._example(number, example) for number, example in enumerate(config.examples, start=1)]

    def __reduce__(self) -> tuple[Any, ...]:
        return PromptWriter, (self.config,)  # compiled templates cannot be copied

    def write(self, moment: Moment) -> Prompt:
        """The prompt of a moment: parts that the config does not let it see are empty."""
        known: dict[str, Any] = {
            name: self._word(getattr(moment, name)) if name in self.config.sees else ""
            for name in PARTS
            if name != "persona"
        }
        if "persona" in self.config.sees:
            known["persona"] = self._persona(moment.likes, moment.routine, moment.daypart)
        else:
            known["persona"] = ""
        known["enjoyed"] = moment.latest(self.config.titles)
        return Prompt(self._line("moment", self._moment, known), self._line("sentence", self._sentence, known))

    @cached_property
    def opening(self) -> list[dict[str, str]]:
        """The conversation before a prompt's text: the instruction, then examples with their answers."""
        messages = [{"role": "system", "content": self.config.system}] if self.config.system else []
        for text, answer in self.examples:
            messages += [{"role": "user", "content": text}, {"role": "assistant", "content": answer}]
        return messages

    @cached_property
    def identity(self) -> str:
        """A short hash of everything that a model is told before a prompt's text."""
        told = json.dumps([FORMAT_VERSION, self.opening], ensure_ascii=False)
        return hashlib.blake2b(told.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()

    def chat(self, text: str) -> list[dict[str, str]]:
        """The whole conversation that asks about a moment."""
        return [*self.opening, {"role": "user", "content": text}]

    def _persona(self, likes: tuple[str, ...], routine: str, daypart: str) -> str:
        # People come back at the same daypart again and again, and filling in a template takes a while.
        key = (likes, routine, daypart)
        if key not in self._personas:
            known = {
                "likes": [self._word(topic) for topic in likes],
                "routine": self._word(routine),
                "daypart": self._word(daypart),
            }
            if len(self._personas) >= _REMEMBERED:
                self._personas.clear()
            self._personas[key] = self._line("note", self._note, known)
        return self._personas[key]

    def _example(self, number: int, example: Any) -> tuple[str, str]:
        where = f"context.prompt.examples, number {number}"
        if not isinstance(example, dict) or not str(example.get("answer", "")).strip():
            raise ConfigError(f"{where}: found {example!r}; allowed: fields of a moment and its answer.")
        for name in example:
            if name not in _EXAMPLE:
                raise ConfigError(f"{where}: unknown field '{name}'; {nearest(str(name), _EXAMPLE)}.")
        known: dict[str, Any] = {name: example.get(name, "") for name in _KNOWN}
        known["enjoyed"] = example.get("enjoyed") or []
        return self._line("moment", self._moment, known), _plain(str(example["answer"]))

    def _line(self, name: str, template: Template, known: dict[str, Any]) -> str:
        return _plain(_rendered(name, template, known))

    def _word(self, word: str) -> str:
        return self.config.words.get(word, word)


@lru_cache(maxsize=256)  # a sweep checks hundreds of configs with the same words
def _compiled(name: str, source: str, known: tuple[str, ...]) -> Template:
    # Sandboxed, because configs are passed around; strict, so that a misspelt name is told rather than left out.
    environment = SandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
    option = f"context.prompt.{name}"
    try:
        unknown = meta.find_undeclared_variables(environment.parse(source)) - set(known)
        if unknown:
            first = sorted(unknown)[0]
            line = next((i for i, text in enumerate(source.splitlines(), start=1) if first in text), 1)
            raise ConfigError(f"{option}, line {line}: unknown variable '{first}'; {nearest(first, known)}.")
        return environment.from_string(source)
    except TemplateSyntaxError as error:
        raise ConfigError(f"{option}, line {error.lineno}: {error.message}; see the Jinja documentation.") from error


def _rendered(name: str, template: Template, known: dict[str, Any]) -> str:
    try:
        return template.render(known)
    except (UndefinedError, TemplateError, TypeError, ValueError, ZeroDivisionError) as error:
        raise ConfigError(f"context.prompt.{name} cannot be filled in ({error}); mend the template.") from error


def _plain(text: str) -> str:
    """One line without chat markers: a title must not be able to end the message that it stands in."""
    return " ".join(text.replace("<|", "< |").replace("|>", "| >").split())
