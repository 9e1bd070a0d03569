"""A report's numbers are those of its runs; what cannot be trusted is listed and never averaged."""

import argparse
import json
import os
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow
import pytest
from plotly import graph_objects
from pyarrow import parquet
from scipy import stats

from benchmarks.report_size import write_run
from crossrec.aggregates import iqm
from crossrec.config import TrainConfig
from crossrec.errors import ConfigError, RunError
from crossrec.experiments.compose import compose_train
from crossrec.experiments.reporting import templates_folder
from crossrec.experiments.reporting.analysis import answer, chances, leaderboard
from crossrec.experiments.reporting.charts import GREY, PALETTE
from crossrec.experiments.reporting.cli import add_report
from crossrec.experiments.reporting.commands import command
from crossrec.experiments.reporting.curves import curves
from crossrec.experiments.reporting.measured import journeys, measured
from crossrec.experiments.reporting.notes import notes
from crossrec.experiments.reporting.pairs import compared, mean_over_tasks
from crossrec.experiments.reporting.paper import escaped
from crossrec.experiments.reporting.report import report
from crossrec.experiments.reporting.runs import read_runs, sections
from crossrec.experiments.reporting.study import study_of
from crossrec.experiments.run import RunFolder, deciding
from crossrec.experiments.sweep.records import FAILED, RUNNING, State, records_of

DQN = ("env=news", "agent=dqn")
PPO = ("env=news", "agent=ppo")


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """Runs of two agents with three seeds each in news; ppo is clearly better. Not to be changed."""
    folder = tmp_path_factory.mktemp("report") / "runs"
    for seed in range(3):
        write_run(folder, DQN, seed, quality=0.4)
        write_run(folder, PPO, seed, quality=0.7)
    return folder


@pytest.fixture
def copied(made, tmp_path):
    """A copy of the same runs under the same name, to be damaged."""
    return Path(shutil.copytree(made, tmp_path / "runs"))


def data_of(page):
    """What a page's charts and tables are drawn from."""
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page.read_text(encoding="utf-8"))
    return json.loads(text)


def scores(folder, agent):
    """Normalised scores by seed, straight from the files."""
    found = []
    for run in sorted(folder.glob(f"{agent}-*"), key=lambda run: int(re.search(r"seed(\d+)", run.name)[1])):
        means = pd.read_parquet(run / "evaluation.parquet").groupby("policy")["return"].mean()
        found.append((means[agent] - means["random"]) / (means["oracle"] - means["random"]))
    return np.array(found)


def change_result(run, **changes):
    result = json.loads((run / "result.json").read_text())
    (run / "result.json").write_text(json.dumps(result | changes))


def test_the_leaderboard_is_that_of_the_files(made):
    study = study_of(read_runs(made))
    rows = {row.name: row for row in leaderboard(study)}
    assert list(rows) == ["oracle", "ppo", "dqn", "content", "popularity", "random"]
    for agent in ("dqn", "ppo"):
        assert rows[agent].found.iqm.value == pytest.approx(iqm(scores(made, agent)))
        assert rows[agent].found.mean.value == pytest.approx(scores(made, agent).mean())
        assert list(rows[agent].seeds) == [3]
    assert (rows["random"].found.mean.value, rows["oracle"].found.mean.value) == (0.0, 1.0)
    assert chances(study, ["ppo", "dqn"])[0, 1] == 1.0


def test_the_answer_names_the_best_and_how_sure_that_is(made):
    study = study_of(read_runs(made))
    lines = answer(study, leaderboard(study))
    gaps = scores(made, "ppo") - scores(made, "dqn")
    assert lines[0].startswith("ppo is the best of 2: it scores ")
    assert f"It scores {gaps.mean():.3f} above the next best, dqn" in lines[1]
    assert "so this is clear" in lines[1]
    assert "over 3 pairs of runs" in lines[1]
    assert "1 task, 3 seeds of each, and 40 people per run" in lines[3]
    assert "too narrow" in lines[4]


def test_agents_that_are_alike_cannot_be_told_apart(tmp_path):
    for seed in range(3):
        write_run(tmp_path, DQN, seed, quality=0.5)
        write_run(tmp_path, PPO, seed, quality=0.501 if seed else 0.45)
    study = study_of(read_runs(tmp_path))
    pair = compared(study, "dqn", "ppo")
    assert pair.certain is False
    assert any("so this is not certain" in line for line in answer(study, leaderboard(study)))


def test_with_one_seed_intervals_are_over_people(made, tmp_path):
    for agent in ("dqn", "ppo"):
        (run,) = made.glob(f"{agent}-*-seed0-*")
        shutil.copytree(run, tmp_path / run.name)
    study = study_of(read_runs(tmp_path))
    rows = {row.name: row for row in leaderboard(study)}
    assert rows["dqn"].over_people
    assert rows["dqn"].found.iqm.low < scores(tmp_path, "dqn")[0] < rows["dqn"].found.iqm.high
    pair = compared(study, "ppo", "dqn")
    returns = {a: pd.read_parquet(next(tmp_path.glob(f"{a}-*")) / "evaluation.parquet") for a in ("dqn", "ppo")}
    means = returns["dqn"].groupby("policy")["return"].mean()
    gaps = [returns[a].query(f"policy == '{a}'").sort_values("user")["return"].to_numpy() for a in ("ppo", "dqn")]
    scale = means["oracle"] - means["random"]
    assert pair.difference.value == pytest.approx((gaps[0] - gaps[1]).mean() / scale)
    assert pair.difference.low < pair.difference.value < pair.difference.high
    assert (pair.seeds, pair.people) == (0, 40)
    assert "over the 40 people of one seed" in " ".join(answer(study, leaderboard(study)))


def test_agents_without_a_common_seed_are_told_so(made, tmp_path):
    for pattern in ("dqn-*-seed[01]-*", "ppo-*-seed2-*"):
        for run in made.glob(pattern):
            shutil.copytree(run, tmp_path / run.name)
    study = study_of(read_runs(tmp_path))
    said = " ".join(answer(study, leaderboard(study)))
    gap = scores(tmp_path, "ppo").mean() - scores(tmp_path, "dqn").mean()
    assert f"It scores {gap:.3f} above the next best, dqn; the two have no seeds in common" in said
    assert "single seeds" not in said


def test_the_task_without_a_common_seed_is_named(tmp_path):
    for seed in range(2):
        write_run(tmp_path, DQN, seed)
        write_run(tmp_path, PPO, seed, quality=0.7)
        write_run(tmp_path, ("env=music", "agent=dqn"), seed)
        write_run(tmp_path, ("env=music", "agent=ppo"), seed + 2, quality=0.7)
    study = study_of(read_runs(tmp_path))
    assert "the two have no seeds in common in music" in " ".join(answer(study, leaderboard(study)))


def test_one_run_alone_is_reported_beside_its_baselines(made):
    run = next(made.glob("dqn-*"))
    study = study_of(read_runs(run))
    assert list(study.contenders) == ["dqn"]
    assert answer(study, leaderboard(study))[0].startswith("dqn scores ")


def test_intervals_over_tasks_are_those_of_student_and_welch():
    rng = np.random.default_rng(0)
    one, two = rng.normal(0.3, 0.1, 5), rng.normal(0.1, 0.3, 4)
    expected = stats.ttest_1samp(one, 0.0).confidence_interval()
    found = mean_over_tasks([one])
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    expected = stats.ttest_ind(one, -two, equal_var=False).confidence_interval()
    found = mean_over_tasks([one, two])
    assert (2 * found.low, 2 * found.high) == pytest.approx((expected.low, expected.high))
    assert found.value == pytest.approx((one.mean() + two.mean()) / 2)
    assert np.isnan(mean_over_tasks([one, two[:1]]).low)


def _half(run, name):
    content = (run / name).read_bytes()
    (run / name).write_bytes(content[: len(content) // 2])


def _more_clicks(run):
    people = pd.read_parquet(run / "evaluation.parquet")
    people["click"] += 1.0
    people.to_parquet(run / "evaluation.parquet")


def _better_score(run):
    result = json.loads((run / "result.json").read_text())
    result["scores"][result["agent"]]["score"] += 0.1
    (run / "result.json").write_text(json.dumps(result))


def _other_steps(run):
    text = (run / "config.yaml").read_text()
    assert text.count("\nsteps: 60000\n") == 1
    (run / "config.yaml").write_text(text.replace("\nsteps: 60000\n", "\nsteps: 50000\n"))


def _without_people(run):
    result = json.loads((run / "result.json").read_text())
    del result["people"]
    (run / "result.json").write_text(json.dumps(result))


def _seconds(run, seconds):
    change_result(run, training={"transitions": 60_000, "seconds": seconds})


@pytest.mark.parametrize(
    ("damage", "state", "told"),
    [
        (lambda run: (run / "result.json").unlink(), "unfinished", "not begun"),
        (lambda run: _half(run, "result.json"), "damaged", "result.json is damaged"),
        (lambda run: _half(run, "evaluation.parquet"), "damaged", "evaluation.parquet is damaged"),
        (lambda run: (run / "evaluation.parquet").unlink(), "damaged", "has no evaluation.parquet"),
        (lambda run: _half(run, "config.yaml"), "damaged", "config.yaml is damaged"),
        (lambda run: (run / "config.yaml").unlink(), "damaged", "has no config.yaml"),
        (_more_clicks, "edited", "do not belong together (click_rate of"),
        (_better_score, "edited", "do not belong together (score of"),
        (_other_steps, "edited", "config.yaml is not the one that the run was computed with"),
        (lambda run: change_result(run, seed=77), "edited", "do not belong together: seed is 1 and 77"),
        (lambda run: change_result(run, context="llm"), "edited", "context is none and llm"),
        (lambda run: change_result(run, training={"transitions": 9}), "edited", "was trained for 9 transitions"),
        (lambda run: change_result(run, people=41), "edited", "do not belong together: people is 40 and 41"),
        (_without_people, "damaged", "result.json is damaged: people is None"),
        (lambda run: change_result(run, people="40"), "damaged", "result.json is damaged: people is '40'"),
        (lambda run: change_result(run, seed=1.0), "damaged", "result.json is damaged: seed is 1.0"),
        (lambda run: change_result(run, training=[60.0]), "damaged", "result.json is damaged: training is [60.0]"),
        (lambda run: change_result(run, packages=["crossrec"]), "damaged", "result.json is damaged: packages is ["),
        (lambda run: _seconds(run, float("nan")), "damaged", "result.json is damaged: training.seconds is nan"),
        (lambda run: _seconds(run, [1.0]), "damaged", "result.json is damaged: training.seconds is [1.0]"),
        (lambda run: change_result(run, scores={"dqn": {"score": 10**400}}), "damaged", "its scores are no numbers"),
    ],
)
def test_what_cannot_be_trusted_is_listed_and_never_averaged(copied, damage, state, told):
    run = next(copied.glob("ppo-*-seed1-*"))
    rest = np.delete(scores(copied, "ppo"), 1)
    damage(run)
    runs = read_runs(copied)
    (found,) = [each for each in runs if each.name == run.name]
    assert found.state == state
    assert told in found.problem
    row = next(row for row in leaderboard(study_of(runs)) if row.name == "ppo")
    assert row.found.mean.value == pytest.approx(rest.mean())
    page = report(copied)[0].read_text(encoding="utf-8")
    top = page[: page.index('id="leaderboard"')]
    assert run.name in top
    assert "Agents have different numbers of seeds." in top
    assert "dqn: 3 in news" in top
    assert "ppo: 2 in news" in top


def test_a_copy_does_not_count_as_another_seed(copied):
    run = next(copied.glob("dqn-*-seed1-*"))
    shutil.copytree(run, copied / f"zz-copy-{run.name.rpartition('-')[2]}")
    runs = read_runs(copied)
    assert [each.state for each in runs].count("copy") == 1
    assert next(row for row in leaderboard(study_of(runs)) if row.name == "dqn").seeds == [3]


@pytest.mark.parametrize("first", ["old", "new"])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"packages": {"crossrec": "0.9.0"}}, {"packages": {"crossrec": "0.10.0"}}),
        ({"commit": "0123456789abcdef"}, {"commit": "fedcba9876543210"}),
    ],
)
def test_the_newest_code_counts_where_an_older_run_has_the_same_options_and_seed(copied, old, new, first):
    """A new version's runs of the same sweep lie in new folders, beside those of the old one."""
    second = "new" if first == "old" else "old"
    for seed in range(3):
        run = next(copied.glob(f"ppo-*-seed{seed}-*"))
        folders = {first: copied / f"aa-{run.name}", second: copied / f"zz-{run.name}"}
        shutil.copytree(run, folders["old"])
        run.rename(folders["new"])
        for age, (when, changes) in {"old": (10**9, old), "new": (10**9 + 60, new)}.items():
            change_result(folders[age], **changes)
            os.utime(folders[age] / "result.json", (when, when))
    runs = read_runs(copied)
    prefix = {"aa-": first, "zz-": second}
    states = {(prefix[run.name[:3]], run.state) for run in runs if "ppo" in run.name}
    assert states == {("new", "finished"), ("old", "older")}
    assert next(row for row in leaderboard(study_of(runs)) if row.name == "ppo").seeds == [3]
    (note,) = [note for note in notes(runs, study_of(runs), [], []) if "newer code" in note.text]
    assert note.serious
    assert len(note.items) == 3
    for changes in (old, new):
        code = changes["commit"][:10] if "commit" in changes else f"version {changes['packages']['crossrec']}"
        assert code in note.items[0]


def test_a_copy_of_the_newest_run_is_a_copy_and_what_is_older_stays_older(copied):
    run = next(copied.glob("dqn-*-seed1-*"))
    for name in ("aa", "bb", "zz"):
        shutil.copytree(run, copied / f"{name}-{run.name}")
    for name in ("aa", "bb"):
        change_result(copied / f"{name}-{run.name}", packages={"crossrec": "0.0.1"})
    runs = read_runs(copied)
    found = {each.name[:2]: each.state for each in runs if each.name.endswith(run.name) and each.name != run.name}
    assert found == {"aa": "older", "bb": "older", "zz": "copy"}
    assert next(each for each in runs if each.name == run.name).state == "finished"


def test_other_code_is_said_at_the_top(copied):
    change_result(next(copied.glob("dqn-*-seed1-*")), commit="0123456789abcdef")
    page = report(copied)[0].read_text(encoding="utf-8")
    top = page[: page.index('id="leaderboard"')]
    assert "computed by different code" in top
    assert "commit 0123456789: 1 runs" in top
    assert "1 run was computed by other code, or with other options" in top


def test_what_failed_in_a_sweep_is_listed_with_its_reason(copied):
    records = records_of(copied)
    records.begin()
    records.plan({"dqn-none-seed7-00000000": ["seed=7"], "dqn-none-seed8-00000000": ["seed=8"]})
    records.set("dqn-none-seed7-00000000", State(FAILED, "out of memory on the moon"))
    found = {run.name: (run.state, run.problem) for run in read_runs(copied) if "0000" in run.name}
    assert found["dqn-none-seed7-00000000"] == ("failed", "out of memory on the moon")
    assert found["dqn-none-seed8-00000000"][0] == "unfinished"
    assert "out of memory on the moon" in report(copied)[0].read_text(encoding="utf-8")


def test_what_failed_in_a_search_is_listed_with_its_reason(copied):
    name, again = "dqn-none-seed7-00000000", "dqn-none-seed9-00000000"
    for part, began in (("grid", 1.0), ("search-0123abcd", 2.0)):
        records = records_of(copied, part)
        records.begin()
        records.set(again, State(FAILED, "in the grid", began) if part == "grid" else State(RUNNING, "", began))
    records.set(name, State(FAILED, "in the search", 3.0))
    records_of(copied, "search-ffff0000").begin()
    found = {run.name: (run.state, run.problem) for run in read_runs(copied) if "0000" in run.name}
    assert found[name] == ("failed", "in the search")
    assert found[again][0] == "unfinished", "it failed, and a later search has begun it again"
    assert set(found) == {name, again}
    assert "in the search" in report(copied)[0].read_text(encoding="utf-8")


def test_tasks_and_contenders_are_named_by_what_differs(made, tmp_path):
    runs = Path(shutil.copytree(made, tmp_path / "runs"))
    for seed in range(2):
        write_run(runs, ("env=music", "agent=dqn"), seed)
        write_run(runs, (*DQN, "agent.learning_rate=0.01"), seed)
        write_run(runs, (*DQN, "context=template"), seed)
        write_run(runs, (*DQN, "env.horizon=20"), seed)
    study = study_of(read_runs(runs))
    assert list(study.contenders) == [
        "dqn, context=none, learning_rate=0.001",
        "dqn, context=none, learning_rate=0.01",
        "dqn, context=template",
        "ppo, context=none",
    ]
    assert [task for task in study.tasks if task.startswith("music")] == ["music"]
    assert [task for task in study.tasks if task.startswith("news")] == ["news, horizon=20", "news, horizon=40"]
    assert list(study.shared) == ["news, horizon=40"]
    assert len(study.scores("dqn, context=none, learning_rate=0.001", "music")) == 2
    page = report(runs)[0].read_text(encoding="utf-8")
    assert "Not all agents have met all tasks: the leaderboard is over news, horizon=40 alone." in page


def test_tasks_with_other_scenarios_are_named_by_them(tmp_path):
    own = "{name:garden,facet:'',base:-2.0,rho:0.5,dwell:60,dwell_spread:0.5,conversion:0.1,patience:1.0,"
    own += "dayparts:[1,1,1,1],devices:[1,1,1,1]}"
    words = (
        (),
        ("env.scenarios=[news,video]",),
        (f"env.scenarios=[news,{own}]",),
        ("env.scenarios=[news,video]", "env.horizon=20"),
    )
    for each in words:
        write_run(tmp_path, ("env=cross_scenario", "agent=dqn", *each), 0)
    write_run(tmp_path, ("env=music", "agent=dqn"), 0)
    assert list(study_of(read_runs(tmp_path)).tasks) == [
        "cross_scenario, horizon=40",
        "cross_scenario, scenarios=[news, garden], horizon=40",
        "cross_scenario, scenarios=[news, video], horizon=20",
        "cross_scenario, scenarios=[news, video], horizon=40",
        "music",
    ]


def test_agents_without_a_common_task_are_left_out_and_named(tmp_path):
    for seed in range(2):
        for words in (DQN, PPO, ("env=music", "agent=a2c")):
            write_run(tmp_path, words, seed)
    study = study_of(read_runs(tmp_path))
    assert list(study.ranked) == ["dqn", "ppo"]
    page = report(tmp_path)[0].read_text(encoding="utf-8")
    assert "1 of 3 agents are left out" in page
    assert "a2c: only in music" in page


@pytest.mark.parametrize(
    "words",
    [
        ["seed=3"],
        ["agent=ppo", "context=template", "prompt=es", "env=slate", "agent.learning_rate=1e-5"],
        ["env=cold_start_item", "env.scenarios=[news,video]", "env.behaviour.drift=0"],
        ["context=shuffled", "context.prompt.words={a:'b c',d:'it\\'s'}", "context.encoder_folder=/no/such"],
        [r"context.prompt.moment='Now {{ scenario }}, it\'s \\ here: a=b'", "context.prompt.titles=2"],
    ],
)
def test_a_command_computes_the_same_run_again(tmp_path, words):
    config = compose_train([*words, "eval_people=40"])
    run = write_run(tmp_path, tuple(word for word in words if not word.startswith("seed=")), config.seed)
    (found,) = read_runs(run.path)
    line = shlex.split(command(found))
    assert line[:2] == ["crossrec", "train"]
    assert deciding(compose_train(line[2:])) == deciding(config)


@pytest.mark.parametrize("name", ["runs", "my runs, (old) it's=1", "null"])
def test_a_command_says_where_and_how_a_run_was_computed(tmp_path, monkeypatch, name):
    """Also what decides no result: the same models from the same folder, server, device, store and runs."""
    monkeypatch.chdir(tmp_path)
    models = tmp_path / "my models"
    models.mkdir()
    (models / "config.json").write_text("{}")
    words = (
        *("context=llm", f"context.generator_folder='{models}'", f"context.encoder_folder='{models}'"),
        *("context.generator=openai", "context.endpoint.url='http://[::1]:9/v1'", "context.endpoint.model=m"),
        *("context.endpoint.concurrency=3", "context.endpoint.key_variable=MY_KEY", "context.store=/no/such/store"),
        *("context.batch_size=8", "context.workers=2", "context.device=cpu", "tracking=none", "device='cuda:1'"),
        *("env=news", "env.engine=numpy"),
    )
    run = write_run(Path("made"), words, 3)
    Path(name).mkdir()
    run.path.rename(Path(name) / run.path.name)
    (found,) = read_runs(Path(name))
    expected = compose_train([*words, "eval_people=40", "seed=3"])
    expected.runs = name
    assert compose_train(shlex.split(command(found))[2:]) == expected


def test_a_command_leaves_out_what_need_not_be_said(made):
    line = command(next(run for run in read_runs(made) if run.name.startswith("ppo-none-seed0-")))
    assert line == f"crossrec train env=news agent=ppo eval_people=40 runs={made}"


def test_configs_are_read_as_runs_read_them(made):
    for run in read_runs(made):
        assert run.config == run.folder.config()
        assert "".join(sections(run.text)) == run.folder.config_file.read_text()


def test_curves_average_the_episodes_of_all_seeds(made):
    study = study_of(read_runs(made))
    found = curves(study, ["dqn"], "news")["dqn"]
    episodes = [pd.read_parquet(run / "training.parquet") for run in sorted(made.glob("dqn-*"))]
    points = len(found.at)
    stretch = episodes[0]["transitions"].max() / points
    expected = [
        [table[(table["transitions"] > i * stretch) & (table["transitions"] <= (i + 1) * stretch)]["return"].mean()]
        for table in episodes
        for i in range(points)
    ]
    table = np.array(expected).reshape(3, points)
    np.testing.assert_allclose(found.mean, table.mean(axis=0))
    interval = stats.ttest_1samp(table[:, 1], 0.0).confidence_interval()
    assert (found.low[1], found.high[1]) == pytest.approx((interval.low, interval.high))


def test_metrics_and_lives_are_those_of_the_files(made):
    study = study_of(read_runs(made))
    found = measured(study, ["dqn", "ppo"])
    tables = [pd.read_parquet(run / "metrics.parquet") for run in sorted(made.glob("ppo-*"))]
    rows = [t.query("policy == 'ppo' and scenario == 'news' and people == 'all'").set_index("metric") for t in tables]
    name = next(m for m in found.metrics if ("news", m, "news", "ppo") in found.values)
    mean, _ = found.values["news", name, "news", "ppo"]
    assert mean == pytest.approx(np.mean([row.loc[name, "value"] for row in rows]))
    rows = [t.query("policy == 'ppo' and scenario == 'all' and people == 'cold'").set_index("metric") for t in tables]
    assert found.groups["news"] == ["cold", "warm"]
    assert found.values["news", name, "cold", "ppo"][0] == pytest.approx(np.mean([r.loc[name, "value"] for r in rows]))
    assert not found.without
    (lives,) = journeys(study, ["ppo"])
    life = lives["lives"][0]
    kept = pd.read_parquet(made / lives["run"] / "journeys.parquet").query(f"user == {life['user']}")
    assert life["reward"] == pytest.approx(kept["reward"].tolist())
    day, minute = divmod(int(kept["minute"].iloc[0]), 1440)
    days = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    assert life["minute"][0] == f"{days[day]} {minute // 60:02}:{minute % 60:02}"


def test_what_is_no_number_in_a_journey_is_left_empty(copied):
    run = sorted(copied.glob("ppo-*"))[0]
    table = pd.read_parquet(run / "journeys.parquet")
    whose = table["user"].iloc[0]
    table = table.astype({"minute": float, "user": float, "step": float})
    table.loc[0, ["satisfaction", "minute"]] = np.nan
    table.loc[1, "reward"] = np.inf
    table.loc[2, "title"] = None
    table.loc[3, "step"] = np.nan  # whose place in the life is not known
    table.loc[len(table) - 1, "user"] = np.nan
    # Pandas would write NaN as a missing value; both must do.
    own = {"user", "step", "reward", "satisfaction"}
    missing = {name: values.tolist() if name in own else values for name, values in table.items()}
    parquet.write_table(pyarrow.table(missing), run / "journeys.parquet")
    (journey,) = (each for each in data_of(report(copied)[0])["journeys"] if each["run"] == run.name)
    life = journey["lives"][0]
    assert (life["user"], life["steps"]) == (whose, 39)
    assert life["satisfaction"][0] is life["minute"][0] is life["reward"][1] is life["title"][2] is None
    assert life["satisfaction"][1] is not None
    assert 3.0 not in life["step"]
    assert journey["lives"][-1]["steps"] == 39


def test_runs_of_older_code_have_no_metrics_and_the_page_says_so(tmp_path):
    write_run(tmp_path, DQN, 0, measured=False)
    page = report(tmp_path)[0].read_text(encoding="utf-8")
    assert "1 run lacks metrics.parquet" in page
    assert "None of the runs shown has metrics.parquet" in page
    assert "None of the runs shown has journeys.parquet" in page


def test_every_figure_is_valid_plotly(made):
    data = data_of(report(made)[0])
    assert set(data["charts"]) == {"scores", "curves", "profiles", "pairs", "scenarios", "groups"}
    for chart in data["charts"].values():
        assert chart["views"]
        for view in chart["views"].values():
            graph_objects.Figure(view["figure"])  # refuses what Plotly does not know
            assert view["alt"]
            assert {len(row) for row in view["table"]["rows"]} == {len(view["table"]["columns"])}


def test_a_page_is_the_same_each_time_and_asks_for_nothing(made, tmp_path):
    one, two = (report(made, out=tmp_path / f"{name}.html")[0].read_bytes() for name in "ab")
    assert one == two
    text = one.decode().replace(templates_folder().joinpath("charts.js").read_text(), "")
    own = re.sub(r'<script type="text/plain" id="plotly">.*?</script>', "", text, flags=re.S)
    assert not re.search(r'(src|href)="(?!#|data:)|https?://|url\(', own.replace(data_text(one.decode()), ""))


def data_text(page):
    return re.search(r'<script type="application/json" id="data">.*?</script>', page, re.S)[0]


def test_no_text_of_a_run_can_end_an_element(copied):
    records = records_of(copied)
    records.begin()
    records.set("dqn-none-seed7-00000000", State(FAILED, "</script><img src=x onerror=alert(1)>"))
    file = report(copied)[0]
    assert "<img src=x" not in file.read_text(encoding="utf-8")
    assert any("<img src=x" in run["problem"] for run in data_of(file)["runs"]["rows"])


def test_nothing_to_report_is_one_sentence(tmp_path, made):
    with pytest.raises(RunError, match="is not a folder"):
        report(tmp_path / "nowhere")
    with pytest.raises(RunError, match=r"no finished run to report \(there is no run in it\)"):
        report(tmp_path)
    run = next(made.glob("dqn-*"))
    shutil.copytree(run, tmp_path / run.name)
    (tmp_path / run.name / "result.json").unlink()
    with pytest.raises(RunError, match=f"{run.name} is unfinished"):
        report(tmp_path)
    with pytest.raises(ConfigError, match=r"must end in \.html"):
        report(made, out=tmp_path / "page.pdf")
    with pytest.raises(ConfigError, match="there is no folder"):
        report(made, out=tmp_path / "no" / "page.html")


def test_the_command_writes_opens_and_draws(copied, capsys, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    parser = argparse.ArgumentParser()
    add_report(parser.add_subparsers())
    options = parser.parse_args(["report", str(copied), "--paper", "--open"])
    options.command(options)
    assert parser.parse_args(["report"]).folder == TrainConfig().runs
    assert opened == [(copied / "report.html").resolve().as_uri()]
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == str(copied / "report.html")
    names = {"table.tex", *(f"{n}.{kind}" for n in ("scores", "profiles", "learning") for kind in ("png", "pdf"))}
    assert {path.name for path in (copied / "paper").iterdir()} == names
    assert (copied / "paper" / "scores.png").read_bytes().startswith(b"\x89PNG")
    assert (copied / "paper" / "scores.pdf").read_bytes().startswith(b"%PDF")
    table = (copied / "paper" / "table.tex").read_text()
    assert rf"ppo & {iqm(scores(copied, 'ppo')):.3f} [" in table
    assert table.count(r"\\") == 7


def test_latex_is_escaped():
    assert escaped("a_b & 5% #1 {x} ~") == r"a\_b \& 5\% \#1 \{x\} \textasciitilde{}"


def luminance(colour):
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, two):
    dark, light = sorted((luminance(one), luminance(two)))
    return (light + 0.05) / (dark + 0.05)


def themes():
    """Colours by name of the light and the dark page."""
    css = (templates_folder() / "page.css").read_text()
    blocks = re.findall(r":root[^{]*\{([^}]*)\}", css)
    assert len(blocks) == 3
    found = [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block)) for block in blocks]
    assert found[1] == found[2], "chosen dark and preferred dark are the same"
    return {"light": found[0], "dark": found[1]}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_and_lines_can_be_seen(theme):
    colours = themes()[theme]
    for text in ("text", "soft", "accent", "serious"):
        for ground in ("page", "card"):
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    assert contrast(colours["text"], colours["chip"]) >= 4.5
    for line in (*PALETTE, GREY):
        assert contrast(line, colours["page"]) >= 3.0, line


def test_a_run_of_today_is_read(finished):
    (run,) = read_runs(finished)
    assert run.state == "finished"
    assert run.scores[run.result["agent"]] == pytest.approx(
        RunFolder(finished).result()["scores"][run.result["agent"]]["score"]
    )
