"""A folder of own configs: what is right works everywhere, every mistake is told with its file and line."""

import pytest

from crossrec.config import DQNConfig
from crossrec.errors import ConfigError
from crossrec.experiments.agents.grid import grid_of
from crossrec.experiments.compose import compose_train, hydra, hydra_words
from crossrec.experiments.configuring.layers import layers_of

DQN = "defaults:\n  - /schema/dqn@_here_\n"
GLOBAL = "# @package _global_\n"

MISTAKES = {  # name: file, what it holds, what is typed, what is said
    "option": (
        "agent/mine.yaml",
        f"{DQN}gama: 0.2\n",
        [],
        r"{file}, line 3: Unknown option 'agent.gama'; did you mean",
    ),
    "type": ("agent/mine.yaml", f"{DQN}n_steps: 1\ngamma: high\n", [], r"{file}, line 4: agent.gamma: .*'high'.*Float"),
    "range": (
        "agent/mine.yaml",
        f"{DQN}gamma: 2\n",
        [],
        r"{file}, line 3: agent.gamma=2.0 is out of range; allowed: fr",
    ),
    "name": ("agent/mine.yaml", f"{DQN}fusion: dott\n", [], r"{file}, line 3: agent.fusion='dott' is unknown; did you"),
    "number as truth": (
        "agent/mine.yaml",
        f"{DQN}double: 5\n",
        [],
        r"{file}, line 3: agent.double=5 must be true or f",
    ),
    "YAML": ("agent/mine.yaml", f"{DQN}gamma: [0.2\nhead: 3\n", [], r"{file}, line 4: this is not YAML: expected ','"),
    "tab": (
        "agent/mine.yaml",
        f"{DQN}\tgamma: 0.1\n",
        [],
        r"{file}, line 3: this is not YAML: .*cannot start any token",
    ),
    "twice": ("agent/mine.yaml", f"{DQN}gamma: 0.1\ngamma: 0.2\n", [], r"{file}, line 4: .*duplicate key gamma"),
    "bytes": ("agent/mine.yaml", "\x00\x01", [], r"{file}: this is not YAML: "),
    "list": ("agent/mine.yaml", "- 1\n- 2\n", [], r"{file} holds a list; allowed: a mapping"),
    "empty": (
        "agent/mine.yaml",
        "",
        [],
        r"agent=mine: .*begin it with `defaults: \[/schema/NAME@_here_\]`, NAME .*ppo",
    ),
    "no schema": ("agent/mine.yaml", "gamma: 0.5\n", [], r"agent=mine: .*begin it with `defaults: \[/schema/NAME"),
    "schema": (
        "agent/mine.yaml",
        "defaults:\n  - /schema/dqqn@_here_\n",
        [],
        r"{file}: /schema/dqqn is unknown; did you",
    ),
    "deep option": (
        "env/mine.yaml",
        "behaviour:\n  drift: 0.1\n  drfit: 0.2\n",
        [],
        r"{file}, line 3: Unknown option 'en",
    ),
    "deep type": ("env/mine.yaml", "behaviour:\n  drift: much\n", [], r"{file}, line 2: env.behaviour.drift: .*Float"),
    "Norwegian": (
        "prompt/mine.yaml",
        "# @package context.prompt\nlanguage: no\n",
        [],
        r"{file}, line 2: .*language is r",
    ),
    "a word": (
        "prompt/mine.yaml",
        "# @package context.prompt\nwords:\n  night: no\n",
        [],
        r"{file}, line 2: .*words hol",
    ),
    "no package": ("experiment/mine.yaml", "steps: 9\n", [], r"{file} must begin with the line `# @package _global_`"),
    "experiment": ("experiment/mine.yaml", f"{GLOBAL}stps: 9\n", [], r"{file}, line 2: Unknown option 'stps'; did you"),
    "interpolation": ("experiment/mine.yaml", f"{GLOBAL}steps: ${{x}}\n", [], r"{file}, line 2: steps: Interpolation"),
    "no such agent": (
        "experiment/mine.yaml",
        f"{GLOBAL}defaults:\n  - override /agent: ppoo\n",
        [],
        r"agent=ppoo \(of experiment=mine\) is unknown; did you mean 'ppo'",
    ),
    "no override": (
        "experiment/mine.yaml",
        f"{GLOBAL}defaults:\n  - agent: ppo\n",
        [],
        r"{file}: .*`override /agent: p",
    ),
    "grid": (
        "experiment/mine.yaml",
        f"{GLOBAL}hydra:\n  sweeper:\n    params:\n      agnt: dqn,ppo\n",
        [],
        r"{file}, line 5: the grid names 'agnt'; did you mean 'agent'",
    ),
    "grid's values": (
        "experiment/mine.yaml",
        f"{GLOBAL}hydra:\n  sweeper:\n    params:\n      agent: [dqn, ppo]\n",
        [],
        r"{file}, line 5: the grid's agent=\['dqn', 'ppo'\] must be text, e.g. `agent: dqn,ppo`",
    ),
    "shadow of a file": (
        "agent/ppo.yaml",
        "gamma: 1\n",
        ["agent=ppo"],
        r"{file} would hide the shipped agent=ppo; give it",
    ),
    "shadow of an id": ("env/news.yaml", "horizon: 9\n", ["env=news"], r"{file} would hide the shipped env=news"),
    "shadow of all": ("train.yaml", "steps: 9\n", ["seed=1"], r"{file} stands where a shipped file does"),
    "group": ("agents/mine.yaml", DQN, ["agent=mine"], r"agents is no group of configs; did you mean 'agent'\?"),
    "another name": ("agent/mine.yaml", DQN, ["agent=mien"], r"agent=mien is unknown; did you mean 'mine'\?.* too\."),
    "typed": (
        "agent/mine.yaml",
        DQN,
        ["agent=mine", "agent.gama=1"],
        r"^Unknown option 'agent.gama'; did you mean 'ga",
    ),
}


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A folder ``own`` below the working directory, and a way to fill it."""
    monkeypatch.chdir(tmp_path)

    def write(name, text):
        file = tmp_path / "own" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    return write


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_with_its_file_and_line(own, mistake):
    name, text, words, sentence = MISTAKES[mistake]
    own(name, text)
    group = name.partition("/")[0]
    with pytest.raises(ConfigError, match=sentence.replace("{file}", f"own/{name}")) as raised:
        compose_train(words or [f"{group}=mine"], "own")
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 1_000


def test_what_is_allowed_is_what_the_learner_has_that_a_file_builds_on(own):
    own("agent/mine.yaml", "defaults: [ppo]\n")
    with pytest.raises(ConfigError, match=r"did you mean 'gamma'.*rollout") as raised:
        compose_train(["agent=mine", "agent.gama=1"], "own")
    assert "buffer_size" not in str(raised.value)


def test_a_broken_file_that_nobody_asks_for_stops_nothing(own):
    own("agent/mine.yaml", f"{DQN}gamma: 0.25\n")
    own("agent/broken.yaml", f"{DQN}double: 5\nfusion: [\n")
    assert compose_train(["agent=mine"], "own").agent == DQNConfig(gamma=0.25)


def test_a_file_may_build_on_a_shipped_one_and_an_experiment_on_that(own):
    own("agent/mine.yaml", "defaults: [ppo]\nrollout: 64\n")
    own("experiment/ours.yaml", f"{GLOBAL}defaults:\n  - override /agent: mine\n  - override /env: news\nsteps: 99\n")
    config = compose_train(["experiment=ours", "env.horizon=7"], "own")
    assert (config.agent.name, config.agent.rollout, config.agent.gamma) == ("ppo", 64, 0.8)
    assert (config.env.scenarios, config.env.horizon, config.steps) == (["news"], 7, 99)
    words = hydra_words(["experiment=ours", "env.horizon=7"], "own")
    with hydra():
        told = [(layer.origin, layer.values) for layer in layers_of(words)]
    assert ("own/agent/mine.yaml", {"agent.rollout": 64}) in told
    assert ("own/experiment/ours.yaml", {"steps": 99}) in told
    assert told[-1] == ("command line", {"env.horizon": 7})


def test_any_name_of_a_folder_will_do(own, tmp_path):
    own("agent/mine.yaml", f"{DQN}gama: 0.25\n")
    (tmp_path / "own").rename(tmp_path / "my own, it's [x] = 1")
    with pytest.raises(ConfigError, match=r"my own, it's \[x\] = 1/agent/mine.yaml, line 3: Unknown option"):
        compose_train(["agent=mine"], "my own, it's [x] = 1")


def test_the_benchmark_takes_a_folder_of_own_configs(own):
    own("context/mine.yaml", "defaults: [none]\nencoder: hashing\n")
    grid = grid_of(["slate"], ["dqn"], [], 1, ["context=mine", "steps=6000"], "own")
    assert grid.config(grid.plans[0]).context.encoder == "hashing"
    own("context/mine.yaml", "defaults: [none]\nencodr: hashing\n")
    with pytest.raises(ConfigError, match=r"own/context/mine.yaml, line 2: Unknown option 'context.encodr'"):
        grid_of(["slate"], ["dqn"], [], 1, ["context=mine", "steps=6000"], "own")


def test_a_file_is_taken_for_a_folder_by_nobody(own, tmp_path):
    own("agent/mine.yaml", DQN)
    for wrong in ("nowhere", "own/agent/mine.yaml"):
        with pytest.raises(ConfigError, match=f"--config-dir {wrong} is not a folder"):
            compose_train([], wrong)
