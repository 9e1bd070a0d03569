"""Real runs compared at the command line: the numbers are those of their files; what cannot be paired is refused."""

import contextlib
import json
import shutil

import numpy as np
import pandas as pd
import pytest

from crossrec.experiments.cli import main
from crossrec.experiments.comparing.compare import compare
from crossrec.experiments.run import RunFolder

from .conftest import assert_one_sentence, only_run

TINY = [
    "context.encoder=hashing",
    "env.items_per_scenario=60",
    "env.horizon=12",
    "steps=64",
    "people=16",
    "eval_people=30",
]
AGENTS = {
    "dqn": ["agent=dqn", "agent.learning_starts=32"],
    "ppo": ["agent=ppo", "agent.rollout=32", "agent.n_epochs=1"],
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Folders of finished runs by agent and seed, and ``few`` with fewer people; not to be changed."""
    made = {}
    jobs = {f"{agent}{seed}": [*words, f"seed={seed}"] for agent, words in AGENTS.items() for seed in (0, 1)}
    jobs["few"] = [*AGENTS["dqn"], "eval_people=6"]
    for name, words in jobs.items():
        folder = tmp_path_factory.mktemp(name)
        with contextlib.redirect_stdout(None):
            assert main(["train", *TINY, *words, f"runs={folder}", "--quiet"]) == 0
        made[name] = only_run(folder)
    return made


@pytest.fixture
def copied(runs, tmp_path):
    """Copies a run under another name, to be damaged or changed."""
    return lambda name: shutil.copytree(runs[name], tmp_path / f"copy-of-{name}")


def returns(run, policy):
    people = pd.read_parquet(run / "evaluation.parquet")
    return people[people["policy"] == policy].sort_values("user")["return"].to_numpy()


def change(run, policy, by):
    """Add to the returns of a policy, in the table and in the result."""
    people = pd.read_parquet(run / "evaluation.parquet")
    people.loc[people["policy"] == policy, "return"] += by
    people.to_parquet(run / "evaluation.parquet")
    result = json.loads((run / "result.json").read_text())
    scores = result["scores"]
    scores[policy]["return"] += float(np.mean(by))
    low, high = (scores[end]["return"] for end in ("random", "oracle"))
    for told in scores.values():
        told["score"] = (told["return"] - low) / (high - low)
    (run / "result.json").write_text(json.dumps(result))


def test_the_numbers_are_those_of_the_two_evaluations(runs):
    found = compare(runs["dqn0"], runs["ppo0"])
    first, second = returns(runs["dqn0"], "dqn"), returns(runs["ppo0"], "ppo")
    paired = found.measures["return"].paired
    assert paired.difference.value == pytest.approx((first - second).mean())
    assert paired.variance_ratio == pytest.approx((first - second).var() / (first.var() + second.var()))
    assert (found.people, found.seeds, found.unit) == (30, 1, "people")
    told = [RunFolder(runs[f"{agent}0"]).result()["scores"][agent]["score"] for agent in AGENTS]
    assert found.scores == pytest.approx(tuple(told))
    assert found.score_difference.value == pytest.approx(told[0] - told[1])
    assert found.scale == pytest.approx((returns(runs["dqn0"], "oracle") - returns(runs["dqn0"], "random")).mean())


def test_turned_round_it_says_the_opposite(runs):
    there, back = compare(runs["dqn0"], runs["ppo0"]), compare(runs["ppo0"], runs["dqn0"])
    assert back.names == there.names[::-1]
    for name, measured in there.measures.items():
        assert back.measures[name].paired.difference.value == pytest.approx(-measured.paired.difference.value)
        assert back.measures[name].paired.unpaired_people == measured.paired.unpaired_people


def test_the_answer_comes_first(crossrec, runs, copied):
    better = copied("dqn0")
    change(better, "dqn", np.linspace(3.0, 7.0, 30))
    for first, second, answer in (
        (better, runs["ppo0"], "A (dqn, context=none) is better than B (ppo, context=none) by "),
        (runs["ppo0"], better, "B (dqn, context=none) is better than A (ppo, context=none) by "),
    ):
        said = crossrec("compare", first, second)
        assert said.status == 0, said.err
        lines = said.out.splitlines()
        assert lines[0].startswith(answer)
        assert "on the same 30 people" in lines[0]
        for words in ("score", "clicks", "conversions", "dwell (min)", "visits", "churn (%)", "With 30 people you can"):
            assert words in said.out
        assert "An unpaired test" in lines[-2]
        assert "different commits" not in said.out


def test_the_same_lives_cannot_be_told_apart(crossrec, runs, copied):
    said = crossrec("compare", runs["dqn0"], copied("dqn0"))
    assert "cannot be told apart: A - B is +0.00 return per life (+0.00 to +0.00; p = 1.0000)" in said.out
    assert "do not vary at all" in said.out


def test_with_several_seeds_they_are_the_unit(crossrec, runs):
    sides = [f"{runs[f'{agent}0']},{runs[f'{agent}1']}" for agent in AGENTS]
    found = compare(*sides)
    gaps = [returns(runs[f"dqn{s}"], "dqn").mean() - returns(runs[f"ppo{s}"], "ppo").mean() for s in (0, 1)]
    paired = found.measures["return"].paired
    assert (found.seeds, found.unit, paired.people) == (2, "seeds", 2)
    assert paired.difference.value == pytest.approx(np.mean(gaps))
    scores = [[RunFolder(runs[f"{agent}{s}"]).result()["scores"][agent]["score"] for s in (0, 1)] for agent in AGENTS]
    assert found.score_difference.value == pytest.approx(np.mean(scores[0]) - np.mean(scores[1]))
    said = crossrec("compare", *sides)
    assert "30 people in each of 2 seeds" in said.out
    assert "cannot give a p-value below 0.5" in said.out
    assert "With 2 seeds you can see differences of" in said.out


def test_what_tells_two_runs_of_one_agent_apart_is_named(runs, copied):
    other = copied("dqn0")
    file = other / "config.yaml"
    file.write_text(file.read_text().replace("steps: 64\n", "steps: 48\n"))
    assert compare(runs["dqn0"], other).names == ("dqn, context=none, steps=64", "dqn, context=none, steps=48")


@pytest.mark.parametrize("ends", ["one seed", "two seeds"])
def test_it_is_drawn(crossrec, runs, tmp_path, ends):
    seeds = (0,) if ends == "one seed" else (0, 1)
    sides = [",".join(str(runs[f"{agent}{s}"]) for s in seeds) for agent in AGENTS]
    assert crossrec("compare", *sides, "--out", tmp_path / "gaps.png").status == 0
    assert (tmp_path / "gaps.png").read_bytes().startswith(b"\x89PNG")


def test_different_commits_are_told(crossrec, runs, copied):
    old = copied("ppo0")
    result = json.loads((old / "result.json").read_text())
    (old / "result.json").write_text(json.dumps(result | {"commit": "0123456789abcdef"}))
    said = crossrec("compare", runs["dqn0"], old)
    assert said.status == 0
    assert "different commits" in said.out
    assert "0123456789" in said.out


def test_runs_of_another_seed_or_other_people_are_refused(crossrec, runs):
    assert_one_sentence(
        crossrec("compare", runs["dqn0"], runs["ppo1"]), "seed: 0 -> 1", "compare runs of the same seed"
    )
    assert_one_sentence(crossrec("compare", runs["ppo0"], runs["few"]), "eval_people: 30 -> 6")
    assert_one_sentence(crossrec("compare", runs["dqn0"], runs["dqn0"]), "given twice")


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("horizon: 12\n", "horizon: 13\n", "env.horizon: 12 -> 13"),
        ("    click: 1.0\n", "    click: 2.0\n", "env.reward.click: 1.0 -> 2.0"),
        ("eval_first_user: 500000\n", "eval_first_user: 500001\n", "people of eval_first_user=500001"),
        ("eval_people: 30\n", "eval_people: 31\n", "people is 31 and 30"),
    ],
)
def test_other_options_are_refused(crossrec, runs, copied, old, new, named):
    other = copied("ppo0")
    text = (other / "config.yaml").read_text()
    assert text.count(old) == 1
    (other / "config.yaml").write_text(text.replace(old, new))
    assert_one_sentence(crossrec("compare", runs["dqn0"], other), other, named)


def test_lives_that_were_not_the_same_are_refused(crossrec, runs, copied):
    other = copied("ppo0")
    change(other, "oracle", np.eye(30)[4])
    assert_one_sentence(crossrec("compare", runs["dqn0"], other), "1 of 30 people lived other lives under 'oracle'")


def test_an_evaluation_that_was_edited_is_refused(crossrec, runs, copied):
    other = copied("ppo0")
    people = pd.read_parquet(other / "evaluation.parquet")
    people.loc[people["policy"] == "ppo", "return"] += 1.0
    people.to_parquet(other / "evaluation.parquet")
    assert_one_sentence(crossrec("compare", runs["dqn0"], other), "do not belong together", "crossrec evaluate")
    people.loc[people["policy"] == "ppo", "return"] = np.nan
    people.to_parquet(other / "evaluation.parquet")
    assert_one_sentence(crossrec("compare", runs["dqn0"], other), "'ppo' that are no finite number")
    people[people["policy"] != "ppo"].to_parquet(other / "evaluation.parquet")
    assert_one_sentence(crossrec("compare", runs["dqn0"], other), "lacks the policy 'ppo'")


@pytest.mark.parametrize(
    ("file", "content", "named"),
    [
        ("evaluation.parquet", None, "has no evaluation.parquet"),
        ("evaluation.parquet", 100, "evaluation.parquet is damaged"),
        ("result.json", None, "has no result.json"),
        ("result.json", 100, "result.json is damaged"),
        ("config.yaml", None, "has no config.yaml"),
        ("config.yaml", 100, "config.yaml is damaged"),
    ],
)
def test_missing_and_half_written_files_are_refused(crossrec, runs, copied, file, content, named):
    other = copied("ppo0")
    whole = (other / file).read_bytes()
    (other / file).unlink()
    if content is not None:
        (other / file).write_bytes(whole[:content])
    assert_one_sentence(crossrec("compare", runs["dqn0"], other), other, named)


def test_lists_that_do_not_match_are_refused(crossrec, runs, copied, tmp_path):
    def said(first, second):
        return crossrec("compare", *(",".join(str(run) for run in side) for side in (first, second)))

    dqn, ppo = ([runs[f"{agent}{seed}"] for seed in (0, 1)] for agent in AGENTS)
    assert_one_sentence(said(dqn, ppo[:1]), "RUN_A names 2 runs and RUN_B 1")
    assert_one_sentence(said(dqn, ppo[::-1]), "seed: 0 -> 1")
    assert_one_sentence(said([dqn[0], ppo[1]], ppo), "given twice")
    assert_one_sentence(said([dqn[0], copied("dqn0")], [ppo[0], copied("ppo0")]), "seeds [0, 0]")
    assert_one_sentence(said([dqn[0], copied("ppo1")], ppo), "differ in more than their seed", "agent.name: dqn -> ppo")
    assert_one_sentence(crossrec("compare", "", dqn[0]), "RUN_A names 0 runs")
    assert_one_sentence(crossrec("compare", *dqn[:1], *ppo[:1], "--out", tmp_path / "gaps.pdf"), "must end in", ".png")
