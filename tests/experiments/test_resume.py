"""A training that is cut off goes on exactly: the same agent, curve and evaluation as if nothing had happened."""

import json
import os
import random
import signal
import subprocess
import time
import zipfile

import numpy as np
import pandas as pd
import pytest
import torch

from crossrec.agents.build import ALGORITHMS
from crossrec.errors import RunError
from crossrec.experiments import checkpoint
from crossrec.experiments.compose import compose_train
from crossrec.experiments.train import _Watcher, load_agent, train

from .conftest import COMMAND, only_run

SHARED = ["context=template", "context.encoder=hashing", "steps=1500", "people=16", "eval_people=20", "env.horizon=12"]
OFF = ["agent.learning_starts=200", "agent.buffer_size=800", "agent.batch_size=32", "agent.gradient_steps=0.0625"]
OWN = {
    "dqn": [*OFF, "agent.n_steps=3", "agent.target_update=300"],
    "qrdqn": OFF,
    "slateq": [*OFF, "agent.auxiliary.click=0.5"],
    "ppo": ["agent.rollout=256", "agent.batch_size=64"],
    "a2c": ["agent.rollout=64"],
}


def config_of(name, runs, *more):
    return compose_train([*SHARED, f"agent={name}", *OWN[name], f"runs={runs}", *more])


class CutOffError(Exception):
    """What ends a training here."""


@pytest.fixture
def cut(monkeypatch):
    """Trains until so many transitions, and no further; then training is as it was."""

    def until(config, transitions):
        step = _Watcher._on_step

        def on_step(watcher):
            if watcher.num_timesteps >= transitions:
                raise CutOffError
            return step(watcher)

        with monkeypatch.context() as patch:
            patch.setattr(_Watcher, "_on_step", on_step)
            with pytest.raises(CutOffError):
                train(config, show=False)

    return until


def outcome(folder):
    """All of a run that must not depend on whether it was cut off."""
    result = json.loads(folder.result_file.read_text())
    training = {k: v for k, v in result["training"].items() if not k.startswith(("seconds", "transitions_per"))}
    contexts = {k: v for k, v in result["contexts"].items() if k not in ("generated", "reused")}
    return result["scores"], training, contexts


def assert_equal(one, other, name):
    assert outcome(one) == outcome(other)
    for file in ("evaluation_file", "training_file"):
        pd.testing.assert_frame_equal(pd.read_parquet(getattr(one, file)), pd.read_parquet(getattr(other, file)))
    weights = [load_agent(folder, config_of(name, "x")).get_parameters() for folder in (one, other)]
    for part in weights[0]:
        torch.testing.assert_close(weights[0][part], weights[1][part], rtol=0, atol=0)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Uninterrupted runs, each made once."""
    made = {}

    def run(name):
        if name not in made:
            made[name] = train(config_of(name, tmp_path_factory.mktemp(name)), show=False)
        return made[name]

    return run


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_learner_goes_on_as_if_nothing_had_happened(name, whole, cut, tmp_path):
    config = config_of(name, tmp_path)
    for transitions in (700, 1_200):  # twice, the second time after going on
        cut(config, transitions)
        assert list((only_run(tmp_path) / "resume").glob("*.zip"))
    np.random.seed(99)  # noqa: NPY002  whatever else this process draws
    torch.manual_seed(99)
    resumed = train(config, show=False)
    assert_equal(whole(name), resumed, name)
    assert not resumed.resume.exists()


def test_a_training_killed_at_any_moment_goes_on_exactly(whole, tmp_path):
    """As typed: the command, kill -9, the same command."""
    words = [*SHARED, "agent=dqn", *OWN["dqn"], f"runs={tmp_path}", "--quiet"]
    draws = random.Random(os.environ.get("PYTEST_XDIST_TESTRUNUID", "0"))
    process = subprocess.Popen([*COMMAND, "train", *words], stderr=subprocess.DEVNULL)
    while not list(tmp_path.glob("*/resume/*.zip")) and process.poll() is None:
        time.sleep(0.02)
    wait = draws.uniform(0.0, 0.6)
    print(f"killed {wait:.3f} s after the first resume point")
    time.sleep(wait)
    process.send_signal(signal.SIGKILL)
    process.wait()
    finished = process.returncode == 0
    assert finished or not (only_run(tmp_path) / "result.json").is_file()
    subprocess.run([*COMMAND, "train", *words], check=True, timeout=120)
    assert_equal(whole("dqn"), checkpoint.RunFolder(only_run(tmp_path)), "dqn")


def test_a_damaged_point_is_told_of_and_the_one_before_is_taken(whole, cut, tmp_path, capfd):
    config = config_of("dqn", tmp_path)
    cut(config, 1_200)
    points = sorted((only_run(tmp_path) / "resume").glob("*.zip"))
    assert len(points) == 2
    content = points[-1].read_bytes()
    points[-1].write_bytes(content[: len(content) // 2])
    resumed = train(config)
    told = capfd.readouterr().err
    assert str(points[-1]) in told
    assert "going back to the point before" in told
    assert_equal(whole("dqn"), resumed, "dqn")


def rewrite(file, change):
    """Write a point anew with another header."""
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    header = json.loads(parts["header.json"])
    change(header)
    parts["header.json"] = json.dumps(header).encode()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)


def test_other_versions_and_options_are_refused_by_name(cut, tmp_path):
    config = config_of("dqn", tmp_path)
    cut(config, 700)
    for point in (only_run(tmp_path) / "resume").glob("*.zip"):
        rewrite(point, lambda header: header["versions"].update(torch="1.0"))
    with pytest.raises(RunError, match=r"other versions \(torch: 1\.0 -> "):
        train(config, show=False)
    for point in (only_run(tmp_path) / "resume").glob("*.zip"):
        rewrite(point, lambda header: header["versions"].update(torch=".".join(torch.__version__.split(".")[:2])))
        rewrite(point, lambda header: header["options"]["agent"].update(gamma=0.25))
    with pytest.raises(RunError, match=r"agent\.gamma: 0\.25 -> 0\.5"):
        train(config, show=False)


def test_a_config_that_was_edited_since_is_refused_with_the_values(cut, tmp_path):
    config = config_of("dqn", tmp_path)
    cut(config, 700)
    file = only_run(tmp_path) / "config.yaml"
    text = file.read_text()
    assert "gamma: 0.5" in text
    file.write_text(text.replace("gamma: 0.5", "gamma: 0.7", 1))
    with pytest.raises(RunError, match=r"agent\.gamma: 0\.5 -> 0\.7"):
        train(config, show=False)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (
            ["env.n_candidates=20"],
            r"observation 'candidates' has shape \(50,\) in the checkpoint and has shape \(20,\) here",
        ),
        (["env.items_per_scenario=100"], r"the catalogue has 2000 items .* and 500 of"),
        (["context=none"], r"observation 'context' has shape \(64,\) in the checkpoint and is missing here"),
    ],
)
def test_a_checkpoint_of_another_world_is_refused(whole, tmp_path, words, named):
    from crossrec.experiments.lab import build_lab

    config = config_of("dqn", tmp_path, *words)
    with pytest.raises(RunError, match=named):
        load_agent(whole("dqn"), config, build_lab(config.env, config.context))


def test_a_full_disk_is_told_of_and_training_goes_on(whole, tmp_path, capfd, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "_write", full)
    folder = train(config_of("dqn", tmp_path))
    assert "No space left on device" in capfd.readouterr().err
    assert_equal(whole("dqn"), folder, "dqn")
