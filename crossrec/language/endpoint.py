"""Texts from a server that speaks OpenAI's protocol: vLLM, llama.cpp, Ollama, `transformers serve`, hosted ones."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import zlib
from collections.abc import Sequence
from functools import cached_property
from queue import SimpleQueue
from typing import Any

import numpy as np

from crossrec.config import EndpointConfig
from crossrec.errors import ModelError, check_range, nearest

from .answer import Answer, answer
from .connection import MOST_BYTES, asked_pause, check_endpoint, excerpt, open_client, read_key
from .generator import GenerationError, Progress
from .prompt import Prompt, PromptWriter

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0  # [s] between attempts, doubled each time
_LONGEST_ASKED = 120.0  # [s] beyond which a pause that the server asks for is not waited out
_PASSING = {408, 409, 425, 429}  # statuses below 500 that another attempt may mend
_LIST_SECONDS, _LIST_MOST = 5.0, 50  # [s] for the list of models, and how many of them; it only serves a message


class EndpointGenerator:
    """Keywords of a moment from a chat model behind an endpoint; nothing is connected before the first prompt.

    Attempts that fail because the server is down, busy, slow or talks nonsense are repeated. The first request that
    fails for good ends the others. The key is read from the environment at each call, and kept nowhere.

    Args:
        config: Which server and model, and how it is asked.
        writer: Says what comes before a prompt in the conversation.
        max_new_tokens: At most per text.

    Raises:
        ConfigError: If an option has a value that is not allowed.
    """

    def __init__(self, config: EndpointConfig, writer: PromptWriter, max_new_tokens: int) -> None:
        check_range("context.max_new_tokens", max_new_tokens, 1, 256)
        check_endpoint(config)
        self.config = config
        self.writer = writer
        self.max_new_tokens = max_new_tokens

    @cached_property
    def identity(self) -> str:
        """The model's name and revision, the opening of the conversation and the decoding.

        The address is no part of it: the same model served elsewhere writes the same. That the server's weights are
        those of this name and revision cannot be checked from here, so it is trusted.
        """
        config = self.config
        told = [config.model, config.revision, self.max_new_tokens, float(config.temperature), config.extra]
        digest = hashlib.blake2b(json.dumps(told, sort_keys=True).encode(), digest_size=8).hexdigest()
        return f"chat-1-{config.model}@{config.revision}-{self.writer.identity}-{digest}"

    def generate(self, prompts: Sequence[Prompt], on_progress: Progress | None = None) -> list[Answer]:
        """One line of keywords per prompt, in the prompts' order.

        Raises:
            GenerationError: If a request failed for good after others had been answered.
            ModelError: If none could be answered, or the ``openai`` package is not installed.
        """
        if not prompts:
            return []
        try:
            import openai  # noqa: F401
            from anyio.from_thread import start_blocking_portal
        except ImportError:
            raise ModelError('context.generator=openai needs a package: pip install "crossrec[openai]".') from None
        done: dict[int, Answer] = {}
        news: SimpleQueue[tuple[int, Answer] | None] = SimpleQueue()
        # In a thread of its own, because in a notebook this one runs a loop already.
        with start_blocking_portal() as portal:
            job = portal.start_task_soon(self._ask_all, prompts, news)
            job.add_done_callback(lambda _: news.put(None))
            for i, found in iter(news.get, None):
                done[i] = found
                if on_progress is not None:
                    on_progress(1)
            failure = job.exception()
        if isinstance(failure, ModelError) and done:
            raise GenerationError(str(failure), done) from None
        if failure is not None:
            raise failure
        return [done[i] for i in range(len(prompts))]

    async def _ask_all(self, prompts: Sequence[Prompt], news: SimpleQueue[tuple[int, Answer] | None]) -> None:
        rest = iter(enumerate(prompts))

        async def work() -> None:
            for i, prompt in rest:
                news.put((i, answer(await self._ask(client, prompt), prompt.sentence)))

        async with open_client(self.config, self._key) as client:
            try:
                async with asyncio.TaskGroup() as group:
                    for _ in range(min(self.config.concurrency, len(prompts))):
                        group.create_task(work())
            except ExceptionGroup as failures:
                raise failures.exceptions[0] from None

    async def _ask(self, client: Any, prompt: Prompt) -> str:
        """What the model wrote, after as many attempts as it takes and the config allows."""
        jitter = np.random.default_rng([os.getpid(), zlib.crc32(prompt.text.encode("utf-8", "surrogatepass"))])
        attempt = 0
        while True:
            attempt += 1
            try:
                return await self._attempt(client, prompt)
            except _PassingError as fault:
                if attempt > self.config.retries or fault.pause > _LONGEST_ASKED:
                    often = "once" if attempt == 1 else f"{attempt} times"
                    raise self._failure(f"{fault} (asked {often}); {fault.remedy}") from None
                pause = min(_FIRST_PAUSE * 2.0 ** (attempt - 1), _LONGEST_PAUSE) * jitter.uniform(0.5, 1.0)
                await asyncio.sleep(max(pause, fault.pause))

    async def _attempt(self, client: Any, prompt: Prompt) -> str:
        import openai

        # Half of a surrogate pair, which a damaged title may hold, cannot be sent.
        text = prompt.text.encode("utf-8", "replace").decode()
        try:
            # The client's own timeout is per read, so a server that drips bytes would never meet it.
            async with asyncio.timeout(self.config.timeout):
                response = await client.chat.completions.with_raw_response.create(
                    model=self.config.model,
                    messages=self.writer.chat(text),
                    max_tokens=self.max_new_tokens,
                    temperature=self.config.temperature,
                    extra_body=self.config.extra,
                )
        except openai.APIStatusError as error:
            status, told = error.status_code, f"answers with status {error.status_code}"
            if words := excerpt(error.response.text, self._key):
                told += f": {words}"
            if status in _PASSING or status >= 500:
                raise _PassingError(told, pause=asked_pause(error.response.headers)) from None
            raise self._failure(f"{told}; {await self._remedy(client, status)}") from None
        except (openai.APITimeoutError, TimeoutError):
            remedy = "set fewer context.endpoint.concurrency= or a longer context.endpoint.timeout="
            raise _PassingError(f"does not answer within {self.config.timeout:g} s", remedy) from None
        except openai.OpenAIError as error:
            reason = excerpt(str(error.__cause__ or ""), self._key) or type(error.__cause__ or error).__name__
            raise _PassingError(f"cannot be reached or breaks off ({reason})") from None
        return self._content(response.http_response.content)

    def _content(self, body: bytes) -> str:
        if len(body) > MOST_BYTES:
            raise _PassingError(f"sends more than {MOST_BYTES:,} bytes for one text", "see that it heeds max_tokens")
        try:
            content = json.loads(body)["choices"][0]["message"]["content"]
        except (ValueError, LookupError, TypeError, RecursionError):
            words = excerpt(body.decode(errors="replace"), self._key) or "nothing"
            raise _PassingError(f"answers with what is no chat completion: {words}") from None
        if not isinstance(content, str):
            remedy = (
                "if the model thinks before it writes, set a larger context.max_new_tokens= or switch thinking off "
                "in context.endpoint.extra="
            )
            raise _PassingError("answers without a text", remedy)
        return content

    async def _remedy(self, client: Any, status: int) -> str:
        """What to do about a refusal that another attempt would only meet again."""
        variable = self.config.key_variable
        if status in (401, 403):
            return (
                f"it does not take the key in the environment variable {variable}; set another there"
                if self._key
                else f"it wants a key; put one into the environment variable {variable}"
            )
        if status == 404 and (names := await self._models(client)) and self.config.model not in names:
            return f"it has no model {self.config.model!r}; {nearest(self.config.model, names)}"
        if status in (404, 405) or status < 400:
            return "set context.endpoint.url= up to and with /v1, and context.endpoint.model= to a name that it knows"
        return "mend context.endpoint.model=, context.endpoint.extra=, context.max_new_tokens= or the prompt"

    async def _models(self, client: Any) -> list[str]:
        """The models that the server says it has; none if it does not say."""
        import openai

        try:
            async with asyncio.timeout(min(self.config.timeout, _LIST_SECONDS)):
                listed = await client.models.with_raw_response.list()
            entries = json.loads(listed.http_response.content)["data"][:_LIST_MOST]
            return [excerpt(str(entry["id"]), self._key) for entry in entries]
        except (openai.OpenAIError, TimeoutError, ValueError, LookupError, TypeError, RecursionError):
            return []

    @property
    def _key(self) -> str:
        return read_key(self.config.key_variable)

    def _failure(self, words: str) -> ModelError:
        return ModelError(f"the endpoint {self.config.url} {words}.")


class _PassingError(Exception):
    """An attempt failed in a way that another may not.

    Attributes:
        remedy: What to do if all attempts fail.
        pause: [s] The server asks to be left alone for so long.
    """

    def __init__(
        self, words: str, remedy: str = "see to the server, or set context.endpoint.url=", pause: float = 0.0
    ) -> None:
        super().__init__(words)
        self.remedy = remedy
        self.pause = pause
