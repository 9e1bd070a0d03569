"""The benchmark of agents on a tiny grid: complete, resumable, rebuilt from raw results; demands on made-up ones."""

import dataclasses
import shutil

import numpy as np
import pandas as pd
import pytest

from crossrec.experiments.agents.bars import bars_of
from crossrec.experiments.agents.grid import grid_of
from crossrec.experiments.agents.plan import PLANS
from crossrec.experiments.agents.raw import Lived, gathered
from crossrec.experiments.agents.table import rows_of
from crossrec.metrics import COLUMNS

from .conftest import assert_one_sentence

TINY = [
    *(
        "--envs",
        "cross_scenario",
        "--agents",
        "ppo",
        "--baselines",
        "popularity,item_knn",
        "--seeds",
        "2",
        "--jobs",
        "1",
    ),
    *("--log-steps", "600", "steps=512", "people=32", "agent.rollout=256", "agent.n_epochs=1", "eval_people=12"),
    *("context=none", "context.encoder=hashing", "env.horizon=10", "train_users=64"),
]


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """Runs and page of the tiny grid, made once."""
    from crossrec.experiments.cli import main

    folder = tmp_path_factory.mktemp("agents")
    readme = folder / "README.md"
    readme.write_text("# R\n\n<!-- written by crossrec benchmark agents -->\n<!-- end -->\n\nmore\n")
    words = [*TINY, f"runs={folder / 'runs'}", "--out", str(folder / "agents.md"), "--readme", str(readme)]
    assert main(["benchmark", "agents", *words]) == 0
    return folder, words


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


def times(folder):
    return {file: file.stat().st_mtime_ns for file in (folder / "runs").rglob("*.parquet")}


def test_the_page_holds_every_policy_with_its_interval_and_how_it_was_made(done):
    page = (done[0] / "agents.md").read_text()
    for policy in ("oracle", "ppo", "popularity", "item_knn", "random"):
        assert f"| {policy} |" in page
    assert "| random | rule | 12 | 0.000 (0.000 to 0.000)" in page
    assert "| oracle | bound | 12 | 1.000 (1.000 to 1.000)" in page
    assert "crossrec train env=cross_scenario agent=ppo" in page
    assert (done[0] / "agents-cross_scenario.png").read_bytes().startswith(b"\x89PNG")
    readme = (done[0] / "README.md").read_text()
    assert readme.startswith("# R\n")
    assert readme.endswith("more\n")
    assert "ppo" in readme


def test_scores_are_those_of_the_lives(done):
    scores, lives = pd.read_csv(done[0] / "agents.csv"), pd.read_parquet(done[0] / "agents.parquet")
    means = lives.groupby(["policy", "seed"], observed=True)["return"].mean()
    for row in scores.itertuples():
        low, high = means["random", row.seed], means["oracle", row.seed]
        assert row.score == pytest.approx((means[row.policy, row.seed] - low) / (high - low), abs=1e-5)
    assert (lives.groupby(["policy", "seed"], observed=True).size() == 12).all()
    users = lives.pivot_table(index="user", columns=["policy", "seed"], values="return", observed=True)
    assert users.notna().all().all()  # everybody meets the same people


def test_the_same_command_again_computes_nothing_and_writes_the_same(done, crossrec):
    folder, words = done
    before, wrote = contents(folder), times(folder)
    assert crossrec("benchmark", "agents", *words).status == 0
    assert times(folder) == wrote
    assert contents(folder) == before


def test_all_is_rebuilt_from_the_raw_results_byte_for_byte(done, crossrec, tmp_path):
    folder, _ = done
    for name in ("agents.csv", "agents.parquet"):
        shutil.copy(folder / name, tmp_path / name)
    said = crossrec("benchmark", "agents", "--from-raw", "--out", tmp_path / "agents.md")
    assert said.status == 0, said.err
    assert (tmp_path / "agents.md").read_bytes() == (folder / "agents.md").read_bytes()
    assert (tmp_path / "agents-cross_scenario.png").read_bytes() == (folder / "agents-cross_scenario.png").read_bytes()


def test_what_is_missing_or_damaged_is_computed_again_and_nothing_else(done, crossrec):
    folder, words = done
    before, wrote = contents(folder), times(folder)
    (lost,) = (folder / "runs" / "baselines").glob("*popularity-seed1-*.parquet")
    (broken,) = (folder / "runs" / "baselines").glob("*item_knn-seed0-*.parquet")
    lost.unlink()
    broken.write_bytes(b"no parquet")
    said = crossrec("benchmark", "agents", *words)
    assert said.status == 0, said.err
    assert f"{broken} is damaged" in said.err
    assert contents(folder) == before
    again = times(folder)
    assert {file for file in again if again[file] != wrote[file]} == {lost, broken}


def lived(policy, kind, returns, env="cross_scenario"):
    """Made-up lives: one array per seed."""
    found = []
    for seed, values in enumerate(returns):
        people = pd.DataFrame({name: np.zeros(len(values)) for name in COLUMNS})
        people["user"], people["return"], people["steps"] = np.arange(len(values)), values, 10.0
        found.append(Lived(env, policy, kind, seed, people, "", ""))
    return found


def verdicts(env, policies):
    """Whether each demand holds, for mean scores by policy."""
    rng = np.random.default_rng(0)
    noise = rng.normal(0.0, 0.2, size=(3, 200))
    kinds = {"random": "rule", "oracle": "bound", "click_model": "logged", "reward_model": "logged", "content": "rule"}
    everything = {"random": 0.0, "oracle": 1.0, **policies}
    results = [
        life
        for name, score in everything.items()
        for life in lived(name, kinds.get(name, "learner"), score + noise + rng.normal(0, 0.05, (3, 200)), env)
    ]
    part = gathered(results).of(env)
    return [bar.holds for bar in bars_of(env, rows_of(part, "click_model"), part)]


@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        ({"dqn": 0.7, "content": 0.3, "click_model": 0.7}, [True, True, True]),
        ({"dqn": 0.5, "content": 0.3, "click_model": 0.7}, [False, True, False]),
        ({"dqn": 0.7, "content": 0.69, "click_model": 0.7}, [True, False, True]),
        ({"dqn": 0.7, "content": 0.3, "click_model": 0.7, "reward_model": 0.7}, [True, True, True]),
        ({"dqn": 0.7, "content": 0.3, "click_model": 0.7, "reward_model": 0.9}, [True, True, False]),
        ({"dqn": 0.7, "ppo": 0.2, "content": 0.3}, [True, True, None]),
        ({"dqn": 0.7}, [True, None, None]),
    ],
)
def test_demands_of_cross_scenario(policies, expected):
    assert verdicts("cross_scenario", policies) == expected


@pytest.mark.parametrize("env", ["satiation", "retention"])
def test_planning_must_pay(env):
    assert verdicts(env, {"dqn": 0.8, "click_model": 0.6}) == [True]
    assert verdicts(env, {"dqn": 0.6, "click_model": 0.6}) == [False]
    assert verdicts(env, {"dqn": 0.6}) == [None]


def test_slates_must_beat_independent_items():
    assert verdicts("slate", {"slateq": 0.7, "dqn": 0.6}) == [True]
    assert verdicts("slate", {"slateq": 0.6, "dqn": 0.7}) == [False]
    assert verdicts("slate", {"dqn": 0.7}) == [None]


def test_the_whole_benchmark_is_a_grid_of_known_options():
    grid = grid_of(None, None, None, 5, [])
    assert {plan.env for plan in grid.plans} == {"cross_scenario", "satiation", "retention", "slate"} == set(PLANS)
    for plan in grid.plans:
        assert dataclasses.asdict(grid.config(plan))["eval_people"] == 1000
        assert {"random", "oracle", "click_model"} <= set(grid.baselines_of(plan))
    assert "slateq" in grid.agents_of(PLANS["slate"])


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--envs", "cross"], ["--envs", "cross"]),
        (["--agents", "dqnn"], ["--agents", "did you mean 'dqn'"]),
        (["--baselines", "popular"], ["--baselines", "popularity"]),
        (["--seeds", "0"], ["--seeds"]),
        (["--jobs", "0", "--envs", "slate"], ["--jobs"]),
        (["seed=3"], ["seed=", "--seeds"]),
        (["env=news"], ["env=", "--envs"]),
        (["agent.learning_rat=1"], ["learning_rat"]),
        (["--out", "page.txt"], ["--out page.txt", ".md"]),
        (["--readme", "README.md"], ["--readme", "--out"]),
        (["--from-raw"], ["--from-raw", "--out"]),
        (["--agents", "dqn,dqn"], ["twice"]),
    ],
)
def test_mistakes_are_told_before_anything_runs(crossrec, words, named, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert_one_sentence(crossrec("benchmark", "agents", *words), *named)
    assert not list(tmp_path.iterdir())


def test_what_is_computed_later_joins_what_is_there_if_the_people_are_the_same():
    def raw(seed, **policies):
        noise = np.random.default_rng(seed).normal(0.0, 0.2, size=(2, 50))
        scores = {"random": 0.0, "oracle": 1.0, **policies}
        return gathered([life for name, score in scores.items() for life in lived(name, "rule", score + noise, "news")])

    learners = raw(0, dqn=0.5, ppo=0.6)
    joined = learners.updated(raw(0, content=0.3, ppo=0.7))
    assert sorted(joined.scores["policy"].unique()) == ["content", "dqn", "oracle", "ppo", "random"]
    assert len(joined.lives) == 5 * 2 * 50
    assert joined.returns("ppo").mean() == pytest.approx(0.7, abs=0.1), "the later one counts"
    np.testing.assert_array_equal(joined.returns("dqn"), learners.returns("dqn"))
    others = raw(1, content=0.3)
    pd.testing.assert_frame_equal(learners.updated(others).scores, others.scores)
