"""``crossrec config``: every option with its origin, as YAML that means the run, as JSON, as a table."""

import argparse
import dataclasses
import io
import json
import re
import shlex
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from crossrec.errors import ConfigError
from crossrec.experiments.compose import compose_train
from crossrec.experiments.configuring.cli import add_config
from crossrec.experiments.configuring.resolve import resolve
from crossrec.experiments.configuring.show import as_json, as_yaml, print_table
from crossrec.experiments.run import folder_of

WORDS = ["env=satiation", "agent=ppo", "prompt=es", "env.horizon=60", "context.prompt.words.tea=te", "seed=3"]


@pytest.fixture(scope="module")
def resolved():
    return resolve(WORDS)


def origins(resolved):
    return {option.name: option.origin for option in resolved.options}


def test_each_option_tells_where_its_value_comes_from(resolved):
    found = origins(resolved)
    assert found["env.horizon"] == "command line", "although the id sets it too"
    assert found["env.behaviour.satiation"] == "env=satiation"
    assert found["env.behaviour.interest"] == "default"
    assert found["context.prompt.note"] == "conf/prompt/es.yaml"
    assert found["context.prompt.words"] == "command line", "the latest of its parts"
    assert found["agent.gamma"] == "default"
    assert found["context.name"] == "conf/context/none.yaml"
    assert set(found.values()) == {
        "default", "env=satiation", "command line", "conf/prompt/es.yaml", "conf/context/none.yaml",
    }  # fmt: skip


def test_experiments_and_own_files_stand_between_the_shipped_and_the_typed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in {
        "agent/mine.yaml": "defaults: [ppo]\ngamma: 0.3\nrollout: 64\nhead: 8\n",
        "experiment/ours.yaml": "# @package _global_\ndefaults: [override /agent: mine]\nagent: {head: 9}\nsteps: 99\n",
    }.items():
        (tmp_path / "own" / name).parent.mkdir(parents=True)
        (tmp_path / "own" / name).write_text(text)
    found = resolve(["experiment=ours", "agent.gamma=0.4"], "own")
    told = {option.name: (option.value, option.origin) for option in found.options if option.name[:5] in "agent.steps"}
    assert told["agent.rollout"] == (64, "own/agent/mine.yaml")
    assert told["agent.head"] == (9, "own/experiment/ours.yaml")
    assert told["agent.gamma"] == (0.4, "command line")
    assert told["agent.hidden"] == (64, "default")
    assert told["steps"] == (99, "own/experiment/ours.yaml")
    assert found.command("train") == "crossrec train experiment=ours agent.gamma=0.4 --config-dir own"


def test_the_yaml_means_the_run_and_says_unit_and_origin(resolved):
    text = as_yaml(resolved)
    assert yaml.safe_load(text) == dataclasses.asdict(compose_train(WORDS))
    lines = text.splitlines()
    assert "  horizon: 60  # command line; [steps] after which an episode is truncated" in lines
    assert "    satiation_half_life: 180.0  # default; [min] half-life of satiation while away" in lines
    for option in resolved.options:
        assert any(f"{option.name.rpartition('.')[2]}: " in line and str(option.meaning) in line for line in lines)


def test_folder_and_command_stand_last_and_are_those_of_the_run(resolved, tmp_path, monkeypatch):
    folder, command = as_yaml(resolved).splitlines()[-2:]
    assert folder == f"# folder: {folder_of(compose_train(WORDS)).path} (new)"
    assert command.startswith("# train it: crossrec train ")
    assert shlex.split(command)[5:] == WORDS
    monkeypatch.chdir(tmp_path)
    resolved.folder.path.mkdir(parents=True)
    assert resolved.state == "begun"
    resolved.folder.result_file.write_text("{}")
    assert "(finished)" in as_yaml(resolved).splitlines()[-2]


def test_changed_leaves_out_what_the_schemas_set(resolved):
    short = yaml.safe_load(as_yaml(resolved, changed=True))
    assert short["env"]["horizon"] == 60
    assert "interest" not in short["env"]["behaviour"]
    assert set(short) == {"env", "context", "seed"}
    again = [f"{name}={value}" for name, value in short["env"]["behaviour"].items()]
    assert compose_train([f"env.behaviour.{word}" for word in again]).env.behaviour == resolved.config.env.behaviour


def test_json_holds_the_config_and_all_that_is_known_of_each_option(resolved):
    told = json.loads(as_json(resolved))
    assert told["config"] == json.loads(json.dumps(dataclasses.asdict(resolved.config)))
    assert told["options"]["env.horizon"] == {
        "value": 60,
        "from": "command line",
        "help": "after which an episode is truncated",
        "unit": "steps",
        "low": 1,
        "high": 1_000_000_000,
        "allowed": [],
    }
    assert told["options"]["env.choice"]["allowed"] == ["examination", "cascade"]
    assert (told["folder"], told["state"]) == (str(resolved.folder.path), "new")


def test_an_experiments_grid_and_the_sweep_that_does_it_are_told():
    found = resolve(["experiment=two_agents"])
    told = as_yaml(found)
    assert (
        "# a grid, of which this is one run (agent=dqn,ppo seed=0,1,2): crossrec sweep experiment=two_agents\n" in told
    )
    assert json.loads(as_json(found))["command"] == "crossrec sweep experiment=two_agents"
    assert origins(found)["steps"] == "conf/experiment/two_agents.yaml"


def test_the_table_shows_every_option_whole(resolved):
    console = Console(width=200, record=True, file=io.StringIO())
    print_table(resolved, console)
    text = console.export_text()
    for option in resolved.options:
        assert option.name in text
        assert option.origin in text
        assert str(option.meaning)[:40] in text
    assert "[min] half-life of satiation while away" in text, "brackets are no markup"
    assert text.rstrip().endswith("crossrec train " + shlex.join(WORDS))


def run(*words):
    parser = argparse.ArgumentParser()
    add_config(parser.add_subparsers())
    options = parser.parse_args(["config", *words])
    options.command(options)


def test_the_command_writes_yaml_into_a_pipe_and_json_on_demand(capsys):
    run("env=news", "--changed")
    assert yaml.safe_load(capsys.readouterr().out)["env"] == {"scenarios": ["news"]}
    run("env=news", "--json")
    assert json.loads(capsys.readouterr().out)["config"]["env"]["scenarios"] == ["news"]


def test_the_page_shows_what_is_printed():
    page = (Path(__file__).parents[2] / "docs" / "configuring.md").read_text(encoding="utf-8")
    printed = as_yaml(resolve(["env=news", "agent=ppo", "env.horizon=60"]), changed=True)
    shown = re.search(r"```yaml\n(env:.*?)```", page, re.S)[1]
    assert re.sub("seed0-[0-9a-f]{8}", "HASH", shown) == re.sub("seed0-[0-9a-f]{8}", "HASH", printed)


def test_a_mistake_is_told_as_train_tells_it():
    with pytest.raises(ConfigError, match=r"Unknown option 'env.horizn'; did you mean 'horizon'"):
        run("env.horizn=3")
