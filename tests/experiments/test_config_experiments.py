"""Every shipped experiment: it says its question, its grid is sound, and its first and last runs run, shrunken."""

import itertools
import re
from pathlib import Path

import pytest
import yaml

from crossrec import conf
from crossrec.errors import ConfigError
from crossrec.experiments.choices import choices
from crossrec.experiments.compose import compose_train
from crossrec.experiments.run import folder_of
from crossrec.experiments.sweep.sweep import sweep
from crossrec.experiments.train import train

EXPERIMENTS = choices("experiment")
SHRUNKEN = [
    "context.encoder=hashing",
    "steps=48",
    "people=8",
    "train_users=16",
    "eval_people=3",
    "env.horizon=4",
    "env.items_per_scenario=30",
    "env.n_candidates=20",
]
FEW = {"dqn": ["agent.learning_starts=16"], "ppo": ["agent.rollout=16", "agent.n_epochs=1"]}


def text_of(name):
    return (Path(conf.__file__).parent / "experiment" / f"{name}.yaml").read_text(encoding="utf-8")


def grid(name):
    """Words of every run of an experiment's grid."""
    params = yaml.safe_load(text_of(name))["hydra"]["sweeper"]["params"]
    values = [[f"{option}={value}" for value in str(params[option]).split(",")] for option in params]
    return [list(words) for words in itertools.product(*values)]


def test_there_are_some():
    assert len(EXPERIMENTS) >= 5
    assert "two_agents" in EXPERIMENTS


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_begins_with_its_question_and_its_command(name):
    header = "".join(line for line in text_of(name).splitlines(keepends=True) if line.startswith("#"))
    assert text_of(name).startswith("# @package _global_\n#")
    assert "?" in header
    assert f"# crossrec sweep experiment={name}\n" in header


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_page_tells_how_many_runs_it_has(name):
    page = (Path(__file__).parents[2] / "docs" / "configuring.md").read_text(encoding="utf-8")
    assert re.search(rf"^\| `{name}` \| .*\? .*\| {len(grid(name))} \|$", page, re.M)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_value_of_the_grid_is_sound_and_another_run(name):
    """One option at a time beside the others' first; a sweep itself checks all combinations before it begins."""
    words = grid(name)
    apart = [one for one in words if sum(a != b for a, b in zip(one, words[0], strict=True)) <= 1]
    folders = {folder_of(compose_train([f"experiment={name}", *combination])).path.name for combination in apart}
    assert len(folders) == len(apart) > 2


@pytest.mark.parametrize("name", EXPERIMENTS)
@pytest.mark.parametrize("which", [0, -1], ids=["first", "last"])
def test_an_experiment_runs(name, which, tmp_path):
    words = [f"experiment={name}", *grid(name)[which], *SHRUNKEN, f"runs={tmp_path}"]
    agent = compose_train([*words[:-1], "steps=9000"]).agent.name
    result = train(compose_train([*words, *FEW[agent]]), show=False).result()
    assert set(result["scores"]) >= {agent, "random", "oracle"}


def test_a_sweep_makes_a_run_of_every_combination(tmp_path, capfd):
    """The task leaves no result, so the first run fails and no other begins."""
    words = ["experiment=two_agents", *SHRUNKEN, "steps=9000", f"runs={tmp_path}"]
    outcome = sweep(words, launcher="serial", task="builtins:repr", fail_fast=True)
    names = sorted(name.rpartition("-")[0] for name in outcome.folders)
    assert names == [f"{agent}-template-seed{seed}" for agent in ("dqn", "ppo") for seed in range(3)]


def test_what_is_typed_takes_the_place_of_the_grids(tmp_path, capfd):
    words = ["experiment=two_agents", "agent=qrdqn", "seed=7", f"runs={tmp_path}"]
    outcome = sweep(words, launcher="serial", task="builtins:repr", fail_fast=True)
    assert [re.sub("-[0-9a-f]+$", "", name) for name in outcome.folders] == ["qrdqn-template-seed7"]


def test_a_sweep_tells_a_mistake_in_an_own_file_with_its_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own" / "experiment").mkdir(parents=True)
    (tmp_path / "own" / "experiment" / "ours.yaml").write_text("# @package _global_\nstps: 9\n")
    with pytest.raises(ConfigError, match=r"own/experiment/ours.yaml, line 2: Unknown option 'stps'; did you mean 'st"):
        sweep(["experiment=ours", "seed=0,1"], config_dir="own")
    assert not list(tmp_path.glob("runs/*-seed*"))
