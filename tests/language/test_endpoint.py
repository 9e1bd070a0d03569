import json
import logging
import pickle
import sys
import threading
import traceback

import pytest

from crossrec.config import EndpointConfig, PromptConfig
from crossrec.errors import ConfigError, ModelError
from crossrec.language import endpoint
from crossrec.language.answer import Answer
from crossrec.language.context import ContextSource
from crossrec.language.encoder import HashingEncoder
from crossrec.language.endpoint import EndpointGenerator
from crossrec.language.ledger import Ledger
from crossrec.language.prompt import Prompt, PromptWriter
from crossrec.language.store import ContextStore

from . import misbehaving as m
from .conftest import make_prompts
from .misbehaving import MODEL, Server, closed_port, well_behaved

KEY = 'sk-"secret"/42+x'  # looks different in JSON and in an address


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(endpoint, "_FIRST_PAUSE", 0.01)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def make(url, **options):
    settings = {"url": url, "model": MODEL, "timeout": 5.0, "retries": 2, **options}
    return EndpointGenerator(EndpointConfig(**settings), PromptWriter(PromptConfig()), 10)


def answers(prompts):
    return [Answer(well_behaved(prompt.text)) for prompt in prompts]


def test_answers_keep_the_order_of_the_prompts_however_long_each_takes():
    prompts = make_prompts(40)
    with Server(*(m.slow(0.05 * (i % 4 == 0)) for i in range(40))) as server:
        assert make(server.url).generate(prompts) == answers(prompts)


def test_a_request_holds_the_whole_conversation_and_the_decoding():
    prompt = make_prompts(1)[0]
    with Server() as server:
        generator = make(server.url, temperature=0.5, extra={"top_k": 1, "seed": 3})
        generator.generate([prompt])
    asked = server.requests[0].asked
    assert asked["messages"] == generator.writer.chat(prompt.text)
    assert {name: asked[name] for name in asked if name != "messages"} == {
        "model": MODEL,
        "max_tokens": 10,
        "temperature": 0.5,
        "top_k": 1,
        "seed": 3,
    }


@pytest.mark.parametrize("concurrency", [1, 7])
def test_as_many_requests_as_allowed_are_under_way_at_once_and_never_more(concurrency):
    prompts, barrier = make_prompts(5 * concurrency), threading.Barrier(concurrency)
    with Server(then=m.meets(barrier)) as server:
        assert make(server.url, concurrency=concurrency).generate(prompts) == answers(prompts)
    assert server.most_at_once == concurrency


def test_empty_answers_and_refusals_are_replaced_and_counted():
    prompts = make_prompts(5)
    parts = [
        m.says(""),
        m.says(" \n"),
        m.says("I'm sorry, I can't help with that."),
        m.says("tea\x00\x1b<|im_end|>, x\ny"),
    ]
    with Server(*parts) as server:
        source = ContextSource(make(server.url, concurrency=1), HashingEncoder(8), None)
        contexts = source.lookup(prompts)
    assert contexts.answers == [
        Answer(prompts[0].sentence, "empty"),
        Answer(prompts[1].sentence, "empty"),
        Answer(prompts[2].sentence, "refusal"),
        Answer("tea <|im_end|>, x"),
        Answer(well_behaved(prompts[4].text)),
    ]
    ledger = Ledger()
    ledger.note(contexts)
    assert ledger.summary()["replaced"] == {"empty": 2, "refusal": 1}


def test_the_key_goes_to_the_server_and_nowhere_else(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("MY_KEY", f" {KEY}\n")
    caplog.set_level(logging.DEBUG)
    store, said = ContextStore(tmp_path / "s.sqlite"), []
    for number, status in enumerate([401, 500, 200]):
        prompts = make_prompts(9)[3 * number : 3 * number + 3]
        with Server(m.ok, m.ok, then=m.echoes_the_key(status)) as server:
            generator = make(server.url, key_variable="MY_KEY", concurrency=1, retries=0)
            with pytest.raises(ModelError) as caught:
                ContextSource(generator, HashingEncoder(8), store).lookup(prompts)
            assert {request.headers["Authorization"] for request in server.requests} == {f"Bearer {KEY}"}
        said += [str(caught.value), repr(caught.value), repr(generator), generator.identity, str(vars(generator))]
        said += [pickle.dumps(generator).decode("latin-1"), "".join(traceback.format_exception(caught.value))]
    store.close()
    said += [file.read_bytes().decode("latin-1") for file in tmp_path.iterdir()] + [caplog.text]
    assert "Bearer [key]" in said[0]
    assert "environment variable MY_KEY" in said[0]
    assert len(caplog.records) > 10
    for text in said:
        for form in (KEY, json.dumps(KEY)[1:-1], "secret"):
            assert form not in text


def test_a_key_that_cannot_be_one_is_told_without_showing_it(monkeypatch):
    for key in ("secret\r\nX-Other: 1", "schlüssel-secret"):
        monkeypatch.setenv("OPENAI_API_KEY", key)
        with Server() as server, pytest.raises(ModelError, match="environment variable OPENAI_API_KEY") as caught:
            make(server.url).generate(make_prompts(1))
        assert "secret" not in str(caught.value)
        assert not server.requests


def test_without_a_key_the_server_is_asked_all_the_same():
    with Server() as server:
        make(server.url).generate(make_prompts(1))
    assert server.requests[0].headers["Authorization"] == "Bearer none"


def test_a_loopback_server_is_asked_past_the_proxy(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port()}")
    monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{closed_port()}")
    prompts = make_prompts(2)
    with Server() as server:
        assert make(server.url).generate(prompts) == answers(prompts)
        assert make(server.url.replace("127.0.0.1", "localhost")).generate(prompts) == answers(prompts)


def test_the_identity_is_all_that_decides_a_text_and_nothing_else():
    base = make("http://a/v1").identity
    same = {"concurrency": 3, "timeout": 9.0, "retries": 0, "key_variable": "K", "temperature": 0}
    assert make("https://b:1/v1", **same).identity == base
    assert MODEL in base
    others = [{"model": "m"}, {"revision": "r"}, {"temperature": 0.1}, {"extra": {"top_k": 1}}, {"extra": {"top_k": 2}}]
    identities = {make("http://a/v1", **other).identity for other in others}
    config = EndpointConfig(url="http://a/v1", model=MODEL)
    identities.add(EndpointGenerator(config, PromptWriter(PromptConfig()), 11).identity)
    identities.add(EndpointGenerator(config, PromptWriter(PromptConfig(system="Name it.")), 10).identity)
    assert len(identities | {base}) == 8


def test_a_pickled_generator_asks_the_same_of_the_same_server():
    prompts = make_prompts(3)
    with Server() as server:
        generator = make(server.url)
        before = generator.generate(prompts)
        again = pickle.loads(pickle.dumps(generator))
        assert again.identity == generator.identity
        assert again.generate(prompts) == before


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"url": "127.0.0.1:8000"}, "is no address; allowed: http://host:port/v1"),
        ({"url": "http://h:99999/v1"}, "is no address"),
        ({"url": "http://me:hunter2@h/v1"}, "environment variable OPENAI_API_KEY"),
        ({"url": "http://h/v1?key=hunter2"}, "environment variable OPENAI_API_KEY"),
        ({"model": ""}, "context.endpoint.model is empty"),
        ({"concurrency": 0}, "context.endpoint.concurrency=0"),
        ({"timeout": 0}, "context.endpoint.timeout=0"),
        ({"retries": -1}, "context.endpoint.retries=-1"),
        ({"temperature": 3.0}, "context.endpoint.temperature=3.0"),
        ({"extra": {"max_tokens": 3}}, "'max_tokens', which has another option"),
        ({"extra": {"stop": {1, 2}}}, "cannot be sent as JSON"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_asked(options, words):
    with pytest.raises(ConfigError, match=words) as caught:
        make(**{"url": "http://h/v1", **options})
    assert "hunter2" not in str(caught.value)


def test_without_the_package_the_message_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(ModelError, match=r'pip install "crossrec\[openai\]"'):
        make("http://h/v1").generate(make_prompts(1))


def test_it_works_where_a_loop_is_running_already():
    import asyncio

    prompts = make_prompts(3)

    async def cell():
        return make(server.url).generate(prompts)

    with Server() as server:
        assert asyncio.run(cell()) == answers(prompts)


def test_text_that_is_no_unicode_does_not_stop_a_run():
    with Server() as server:
        assert not make(server.url).generate([Prompt("a\ud800b", "sentence")])[0].problem
