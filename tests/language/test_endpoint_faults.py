"""A server that fails: what is asked again, what is told at once, and what is kept."""

import os
import signal
import subprocess
import sys
import time
from email.utils import formatdate

import pytest

from crossrec.errors import ModelError
from crossrec.language import endpoint
from crossrec.language.connection import MOST_BYTES, asked_pause
from crossrec.language.context import ContextSource
from crossrec.language.encoder import HashingEncoder
from crossrec.language.generator import GenerationError
from crossrec.language.prompt import Prompt
from crossrec.language.store import ContextStore

from . import misbehaving as m
from .conftest import make_prompts
from .misbehaving import Server, closed_port
from .test_endpoint import answers, make, short_pauses  # noqa: F401

PASSING = {
    "busy": (m.busy(0), "status 429: {"),
    "broken": (m.failing(500), "status 500: {"),
    "gateway's page": (m.page(502), "status 502: <html> <body><h1>Bad Gateway</h1> </body></html>"),
    "page with status 200": (m.page(200), "no chat completion: <html> <body>"),
    "malformed": (m.sends(b"{nonsense"), "no chat completion: {nonsense"),
    "not UTF-8": (m.sends(b"\xff\xfe\xfa"), "no chat completion"),
    "nested too deep": (m.sends(b"[" * 100_000), "no chat completion"),
    "nothing": (m.sends(b""), "no chat completion: nothing"),
    "truncated": (m.truncated, "no chat completion"),
    "no choices": (m.sends({"object": "chat.completion"}), "no chat completion"),
    "empty choices": (m.sends({"choices": []}), "no chat completion"),
    "a list": (m.sends([1, 2]), "no chat completion"),
    "null content": (m.says(None), "answers without a text (asked 2 times); if the model thinks"),
    "content in parts": (m.says([{"type": "text"}]), "without a text"),
    "10 MB": (m.says("x" * 10_000_000), "more than 1,000,000 bytes for one text"),
    "reset": (m.resets, "breaks off"),
    "slow": (m.slow(30.0), "does not answer within 0.6 s"),
    "drips": (m.drips, "does not answer within 0.6 s"),
    "drips headers": (m.drips_headers, "does not answer within 0.6 s"),
}


@pytest.mark.parametrize("fault", PASSING)
def test_what_may_pass_is_asked_again_and_told_when_it_stays(fault):
    part, words = PASSING[fault]
    prompts = make_prompts(3)
    options = {"concurrency": 1, "retries": 1, "timeout": 0.6 if "0.6 s" in words else 5.0}
    with Server(part) as server:
        assert make(server.url, **options).generate(prompts) == answers(prompts)
        assert len(server.requests) == 4
    with Server(then=part) as server, pytest.raises(ModelError) as caught:
        make(server.url, **options).generate(prompts)
    message = str(caught.value)
    assert words in message
    assert message.startswith(f"the endpoint {server.url} ")
    assert "(asked 2 times); " in message
    assert message.isprintable()
    assert len(message) < 500
    assert len(server.requests) == 2


REFUSED = {
    "401": (m.failing(401), "wants a key; put one into the environment variable OPENAI_API_KEY"),
    "403": (m.failing(403), "wants a key"),
    "400": (m.failing(400), "status 400: .*out of memory.*; mend context.endpoint.model=, context.endpoint.extra="),
    "422": (m.failing(422), "mend context.endpoint.model="),
    "404": (m.failing(404), "set context.endpoint.url= up to and with /v1"),
    "redirect": (m.sends(b"", 307, Location="http://127.0.0.1:9/"), "set context.endpoint.url="),
    "too long a pause": (m.busy(3600), r"status 429: .* \(asked once\)"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_what_will_not_pass_is_told_at_once(fault):
    part, words = REFUSED[fault]
    with Server(then=part) as server, pytest.raises(ModelError, match=words):
        make(server.url, concurrency=1).generate(make_prompts(5))
    assert len(server.requests) == 1


def test_an_unknown_model_is_told_with_those_that_the_server_has():
    with (
        Server(then=m.unknown_model, models=["tiny/mode", "other"]) as server,
        pytest.raises(
            ModelError, match=r"no model 'tiny/model'; did you mean 'tiny/mode'\? allowed: other, tiny/mode\."
        ),
    ):
        make(server.url).generate(make_prompts(1))


def test_a_server_that_is_not_there_is_told_after_the_attempts_of_the_first_requests_only():
    began = time.monotonic()
    with pytest.raises(ModelError, match="cannot be reached") as caught:
        make(f"http://127.0.0.1:{closed_port()}/v1").generate(make_prompts(256))
    assert not isinstance(caught.value, GenerationError)
    assert time.monotonic() - began < 3.0
    with Server(then=m.failing(500)) as server, pytest.raises(ModelError, match="status 500"):
        make(server.url, concurrency=4).generate(make_prompts(256))
    assert 3 <= len(server.requests) <= 4 * 3


def test_others_under_way_do_not_hold_up_the_end():
    began = time.monotonic()
    with Server(*[m.slow(30)] * 5, then=m.failing(400)) as server, pytest.raises(ModelError, match="status 400"):
        make(server.url, concurrency=6, timeout=30.0).generate(make_prompts(20))
    assert time.monotonic() - began < 3.0
    assert len(server.requests) == 6


def test_pauses_grow_and_are_as_long_as_the_server_asks(monkeypatch):
    monkeypatch.setattr(endpoint, "_FIRST_PAUSE", 0.1)
    prompts = make_prompts(1)
    with Server(m.failing(500), m.failing(500), m.failing(500)) as server:
        began = time.monotonic()
        make(server.url, retries=3).generate(prompts)
        assert 0.35 <= time.monotonic() - began < 3.0  # at least half of 0.1 + 0.2 + 0.4
    with Server(m.busy(0.6)) as server:
        began = time.monotonic()
        make(server.url).generate(prompts)
        assert 0.6 <= time.monotonic() - began < 3.0


def test_the_asked_pause_is_read_in_seconds_or_as_a_date():
    assert asked_pause({"retry-after": "2.5"}) == 2.5
    assert 8 < asked_pause({"retry-after": formatdate(time.time() + 10)}) <= 10
    for nothing in ({}, {"retry-after": "soon"}, {"retry-after": "-4"}, {"retry-after": "nan"}):
        assert asked_pause(nothing) == 0.0
    assert asked_pause({"retry-after": formatdate(time.time() - 10)}) == 0.0


@pytest.mark.parametrize("status", [200, 400, 500])
def test_a_flood_is_read_up_to_a_bound_only(status):
    with Server(then=m.floods(status)) as server, pytest.raises(ModelError):
        make(server.url, retries=0).generate(make_prompts(1))
    assert server.flooded < MOST_BYTES + 20_000_000  # what the sockets' buffers hold


def test_what_was_answered_before_the_server_died_is_in_the_store(tmp_path):
    store = ContextStore(tmp_path / "s.sqlite")
    prompts = [Prompt(f"moment {i}", f"sentence {i}") for i in range(60)]
    with Server() as server:
        seen = []

        def progress(n):
            seen.append(n)
            if len(seen) == 20:
                server.kill()

        source = ContextSource(make(server.url, concurrency=4), HashingEncoder(8), store)
        with pytest.raises(GenerationError, match="cannot be reached or breaks off") as caught:
            source.lookup(prompts, progress)
    done = len(caught.value.done)
    assert 20 <= done < 60
    assert len(seen) == done == source.generated == len(store)
    with Server() as server:
        source = ContextSource(make(server.url), HashingEncoder(8), store)
        assert source.lookup(prompts).answers == answers(prompts)
    assert len(server.requests) == 60 - done
    store.close()


ASKER = """
import sys
from crossrec.config import EndpointConfig, PromptConfig
from crossrec.language.endpoint import EndpointGenerator
from crossrec.language.prompt import Prompt, PromptWriter
config = EndpointConfig(url=sys.argv[1], model="m", concurrency=4)
EndpointGenerator(config, PromptWriter(PromptConfig()), 10).generate([Prompt(str(i), "s") for i in range(200)])
"""


def test_an_interruption_ends_the_process_without_waiting_for_the_server():
    with Server(then=m.slow(60)) as server:
        process = subprocess.Popen([sys.executable, "-c", ASKER, server.url], stderr=subprocess.PIPE, text=True)
        try:
            server.wait_for(4)
            began = time.monotonic()
            os.kill(process.pid, signal.SIGINT)
            errors = process.communicate(timeout=20)[1]
            assert time.monotonic() - began < 5.0
        finally:
            process.kill()
            process.wait()
        assert errors.splitlines()[-1] == "KeyboardInterrupt"
        assert len(server.requests) == 4
