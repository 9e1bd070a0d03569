"""The whole path over a real server of another project: a small model served by ``transformers serve``."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from crossrec.config import ContextConfig, EndpointConfig, EnvConfig, PromptConfig
from crossrec.errors import ModelError
from crossrec.experiments.lab import build_lab
from crossrec.language.answer import answer
from crossrec.language.prompt import PromptWriter

from .conftest import fetched
from .misbehaving import closed_port

PEOPLE, STEPS = 2, 4
ENV = EnvConfig(items_per_scenario=12, n_candidates=6, history_length=3, horizon=STEPS)
# The server reads the whole conversation for every moment, so it is a short one.
PROMPT = PromptConfig(examples=PromptConfig().examples[2:], sees=["persona"])


@contextmanager
def serving(folder, log):
    """The address of a server of the model, which is gone afterwards whatever happens."""
    port = closed_port()
    program = [str(Path(sys.executable).with_name("transformers")), "serve", str(folder)]
    options = ["--host", "127.0.0.1", "--port", str(port), "--device", "cpu", "--dtype", "float32"]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with log.open("wb") as sink:
        server = subprocess.Popen(
            [*program, *options], env=environment, stdout=sink, stderr=sink, start_new_session=True
        )
        try:
            wait_for(f"http://127.0.0.1:{port}/health", server, log)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def wait_for(address, server, log, seconds=180.0):
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end = time.monotonic() + seconds
    while True:
        try:
            direct.open(address, timeout=5.0).close()
            return
        except OSError:
            assert server.poll() is None, f"the server ended: {log.read_text()[-2000:]}"
            assert time.monotonic() < end, f"the server does not answer: {log.read_text()[-2000:]}"
            time.sleep(0.2)


def live(lab):
    """The contexts (steps, people, D) of some lives under fixed actions, and the prompts of their first moments."""
    envs = lab.make_env(PEOPLE, users=PEOPLE)
    observation, _ = envs.reset(seed=0)
    prompts = lab.reader.prompts(envs.unwrapped.core.simulator.seen)
    contexts = [observation["context"]]
    for step in range(STEPS):
        contexts.append(envs.step(np.full(PEOPLE, step))[0]["context"])
    envs.close()
    return np.stack(contexts), prompts


@pytest.mark.model
@pytest.mark.slow
def test_a_served_model_writes_contexts_that_later_runs_read_without_it(tmp_path):
    import openai

    folder = fetched("generator")
    with serving(folder, tmp_path / "server.log") as url:
        context = ContextConfig(
            name="llm",
            generator="openai",
            endpoint=EndpointConfig(url=url, model=str(folder), concurrency=2, retries=0),
            encoder="hashing",
            store=str(tmp_path / "contexts.sqlite"),
            prompt=PROMPT,
            max_new_tokens=6,
        )
        lab = build_lab(ENV, context)
        vectors, prompts = live(lab)
        told = lab.reader.ledger.summary()
        found = lab.source.lookup(prompts).answers
        with openai.OpenAI(base_url=url, api_key="none") as client:
            reply = client.chat.completions.create(
                model=str(folder), messages=PromptWriter(PROMPT).chat(prompts[0].text), max_tokens=6, temperature=0
            )
    assert found[0] == answer(reply.choices[0].message.content, prompts[0].sentence)
    assert all(text for text, _ in found)
    assert len(set(found)) > 1
    assert sum(told["replaced"].values()) < told["distinct"] / 2
    assert np.linalg.norm(vectors, axis=2).min() > 0.5

    warm = build_lab(ENV, context)
    np.testing.assert_array_equal(live(warm)[0], vectors)
    assert warm.source.generated == 0
    assert warm.reader.ledger.summary() == told
    with pytest.raises(ModelError, match="cannot be reached"):
        warm.source.lookup([type(prompts[0])("A moment that nobody met.", "sentence")])
