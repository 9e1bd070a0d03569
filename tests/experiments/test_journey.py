"""One life at the command line: each agent, every way out, the same life as in a run's evaluation."""

import re

import pandas as pd
import pytest

from crossrec.errors import ConfigError
from crossrec.experiments.journey import journey, options_of
from crossrec.experiments.lab import BASELINES

from .conftest import assert_one_sentence


def total(text):
    """The return that a log ends with."""
    return float(re.search(r"return (-?[\d.]+)\.$", text.splitlines()[-1])[1])


@pytest.mark.parametrize("agent", BASELINES)
def test_every_baseline_lives_a_life(crossrec, agent):
    words = ["user=17", f"agent={agent}", "env.horizon=12", "context.encoder=hashing", "seed=1"]
    said = crossrec("journey", *words)
    assert said.status == 0, said.err
    assert said.out.startswith("Person 17: ")
    assert "12 steps" in said.out or "churn" in said.out
    assert said.out == crossrec("journey", *words).out == journey(**options_of(words))


def test_the_oracle_sees_more_of_the_same_life():
    logs = [journey(agent, user=17, seed=0) for agent in ("random", "oracle")]
    assert total(logs[1]) > 2 * total(logs[0])
    first = [log.splitlines()[:4] for log in logs]
    assert first[0] == first[1]  # the same person in the same moment


def test_environment_options_user_and_steps_hold(crossrec):
    text = crossrec("journey", "env=music", "steps=3", "env.slate_size=1").out
    assert "3 steps" in text.splitlines()[-1]
    assert "music" in text
    assert "shopping" not in text
    assert crossrec("journey", "seed=3").out != crossrec("journey", "seed=4").out


@pytest.mark.parametrize("ending", [".png", ".txt", ".md"])
def test_a_life_is_saved(crossrec, tmp_path, ending):
    file = tmp_path / f"life{ending}"
    said = crossrec("journey", "user=17", "--out", file, "env.horizon=8", "agent=popularity")
    assert said.status == 0, said.err
    assert said.out == f"{file}\n"
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
    if ending == ".png":
        assert file.read_bytes().startswith(b"\x89PNG")
        return
    text = crossrec("journey", "user=17", "env.horizon=8", "agent=popularity").out
    assert text in file.read_text(encoding="utf-8")
    assert (file.read_text(encoding="utf-8") == text) == (ending == ".txt")


@pytest.mark.parametrize("which", ["finished", "finished_ppo"])
def test_a_run_lives_as_in_its_evaluation(which, request):
    """With context (DQN) and without (PPO): same person, same noise, same choices, hence the same return."""
    folder = request.getfixturevalue(which)
    table = pd.read_parquet(folder / "evaluation.parquet")
    returns = table[table["policy"].isin(["dqn", "ppo"])].set_index("user")["return"]
    assert total(journey(folder)) == pytest.approx(returns.iloc[0], abs=0.006)
    for user in returns.index[1:6]:
        assert total(journey(str(folder), user=user)) == pytest.approx(returns[user], abs=0.006)
    assert journey(folder, user=17).startswith("Person 17: ")  # somebody else, with noise of seed 0


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["usr=17"], ("'usr'", "did you mean 'user'?", "agent")),
        (["user"], ("'user' is not of the form option=value",)),
        (["user=x"], ("user=x", "whole number")),
        (["user=1.5"], ("user=1.5", "whole number")),
        (["user=-1"], ("user=-1", "out of range")),
        (["steps=0"], ("steps=0", "out of range")),
        (["seed=-3"], ("seed=-3", "out of range")),
        (["agent=contnt"], ("agent='contnt'", "did you mean 'content'?", "folder of a finished run")),
        (["agent=dqn"], ("agent='dqn'", "folder of a finished run")),
        (["agent=runs/none"], ("runs/none", "not a run's folder")),
        (["env=nws"], ("env=nws", "did you mean 'news'?")),
        (["env.horizn=3"], ("env.horizn", "did you mean 'horizon'?")),
        (["env.horizon=0"], ("horizon=0",)),
        (["--out", "life.gif"], ("life.gif", ".png, .txt, .md")),
        (["--out", "/nowhere/life.png"], ("/nowhere/life.png", "no folder")),
    ],
)
def test_a_mistake_is_one_sentence(crossrec, words, named):
    assert_one_sentence(crossrec("journey", *words), *named)


def test_a_run_keeps_its_own_environment(crossrec, finished):
    for words in (["env.horizon=3"], ["--config-dir", "/tmp"]):
        said = crossrec("journey", f"agent={finished}", *words)
        assert_one_sentence(said, " ".join(words), finished, "its own environment")


@pytest.mark.parametrize("wrong", [{"user": True}, {"user": "17"}, {"steps": 2.0}, {"seed": -1}])
def test_a_wrong_argument_of_the_function_is_refused(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        journey(**wrong)
