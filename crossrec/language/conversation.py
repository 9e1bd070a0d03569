"""A conversation in the words and tokens of one model: what comes before and after a moment, what ends an answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from crossrec.errors import ModelError

from .prompt import PromptWriter

BROKEN = "\ufffd"
"""Stands in a text for bytes that are no whole letter."""
_MARK = "@@MOMENT@@"


class Conversation(NamedTuple):
    """How a model is asked.

    Attributes:
        before: Tokens of everything before a moment; the rest is tokenised apart from them, so that they can be shared.
        ending: Text that follows a moment.
        stops: Tokens that end an answer.
        repeatable: Tokens that may come more than once in an answer: separators, and the bytes of rare letters.
    """

    before: list[int]
    ending: str
    stops: frozenset[int]
    repeatable: list[int]


def converse(tokenizer: Any, generation: Any, writer: PromptWriter, folder: Path) -> Conversation:
    """The conversation that a writer opens, as a model knows it.

    Args:
        tokenizer: The model's.
        generation: The model's generation config.
        writer: Says what comes before a moment.
        folder: The model's, for messages.

    Raises:
        ModelError: If the model's chat template drops what it is given.
    """
    text = _written(tokenizer, writer)
    if text.count(_MARK) != 1:
        raise ModelError(
            f"the chat template in {folder} does not write a user's message as it is; name another model with "
            "context.generator_folder=."
        )
    before, ending = text.split(_MARK)
    # A template writes the tokens that open a conversation; without one the tokenizer has to.
    ids = tokenizer(before, add_special_tokens=not tokenizer.chat_template)["input_ids"]
    ends = generation.eos_token_id
    stops = {tokenizer.eos_token_id, *(ends if isinstance(ends, list) else [ends])} - {None}
    stops |= _tokens_of(tokenizer, "\n")
    pieces = tokenizer.batch_decode([[token] for token in range(len(tokenizer))])
    letters = {token for token, piece in enumerate(pieces) if BROKEN in piece}
    return Conversation(ids, ending, frozenset(stops), sorted(_tokens_of(tokenizer, ",") | letters))


def _written(tokenizer: Any, writer: PromptWriter) -> str:
    messages = writer.chat(_MARK)
    if not tokenizer.chat_template:
        return "\n".join(message["content"] for message in messages) + "\n"
    if messages[0]["role"] != "system":
        return _templated(tokenizer, messages)
    from jinja2 import TemplateError

    system, first, *rest = messages
    try:
        text = _templated(tokenizer, messages)
        if system["content"].strip() in text:
            return text
    except TemplateError:
        pass
    # The template refuses or drops a system message: the first user says it instead.
    first = {**first, "content": f"{system['content']}\n\n{first['content']}"}
    return _templated(tokenizer, [first, *rest])


def _templated(tokenizer: Any, messages: list[dict[str, str]]) -> str:
    # Models that think aloud before they answer are asked not to; other templates do not know the word.
    return str(
        tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True, enable_thinking=False)
    )


def _tokens_of(tokenizer: Any, sign: str) -> set[int]:
    """Tokens that a tokenizer writes a sign with, after a word or alone."""
    ids = [*tokenizer.encode(sign, add_special_tokens=False), *tokenizer.encode(f"a{sign}b", add_special_tokens=False)]
    return {token for token in ids if tokenizer.decode([token]).strip(" ") == sign}
