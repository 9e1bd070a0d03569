"""Small real runs that the tests of experiments share, and the command line in this process and in one of its own."""

import contextlib
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from crossrec.experiments.cli import main
from crossrec.language.models import status

SMALL = [
    "context=template",
    "context.encoder=hashing",
    "steps=2000",
    "people=32",
    "eval_people=30",
    "agent.learning_starts=500",
]
COMMAND = [sys.executable, "-m", "crossrec.experiments.cli"]


class Said(NamedTuple):
    """How a command ended and what it said."""

    status: int
    out: str
    err: str


@pytest.fixture
def crossrec(capfd):
    """Run the command line in this process: an exception that nobody words for people fails the test."""

    def run(*words):
        capfd.readouterr()
        status = main([str(word) for word in words])
        return Said(status, *capfd.readouterr())

    return run


@pytest.fixture
def models():
    """Skips a test where the default models have not been fetched."""
    for model in status():
        if not model.complete:
            pytest.skip(f"needs the fetched models: {model.problem}")


def in_a_process(*words, **options):
    """Run the command line as a user does."""
    done = subprocess.run(
        [*COMMAND, *map(str, words)], capture_output=True, text=True, timeout=120, check=False, **options
    )
    return Said(done.returncode, done.stdout, done.stderr)


def assert_one_sentence(said, *named):
    """A mistake ends with status 2 and one line that names all of this."""
    lines = said.err.splitlines()
    assert said.status == 2, said
    assert len(lines) == 1, said.err
    assert lines[0].startswith("crossrec: ")
    assert "Traceback" not in said.err
    for words in named:
        assert str(words) in lines[0]


def only_run(runs: Path) -> Path:
    (folder,) = runs.iterdir()
    return folder


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """The folder of a finished run of SMALL; not to be changed."""
    runs = tmp_path_factory.mktemp("finished")
    with contextlib.redirect_stdout(None):
        assert main(["train", *SMALL, f"runs={runs}", "--quiet"]) == 0
    return only_run(runs)


@pytest.fixture(scope="session")
def finished_ppo(tmp_path_factory):
    """The folder of a finished run of PPO without context, evaluated on the same people; not to be changed."""
    runs = tmp_path_factory.mktemp("ppo")
    words = ["agent=ppo", "agent.rollout=256", "agent.n_epochs=1", "context.encoder=hashing", "steps=512", "people=32"]
    assert main(["train", *words, "eval_people=30", f"runs={runs}", "--quiet"]) == 0
    return only_run(runs)
