"""Sweeps: what is missing is done, once; what goes wrong is told; interruptions cost nothing."""

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.interrupted import Sweep, interrupt
from crossrec.errors import ConfigError, RunError
from crossrec.experiments.sweep.answer import print_outcome
from crossrec.experiments.sweep.live import Watch
from crossrec.experiments.sweep.records import records_of
from crossrec.experiments.sweep.sweep import quoted, sweep

from .conftest import assert_one_sentence
from .sweep_tasks import scores

TASKS = "tests.experiments.sweep_tasks"
COUNT = f"{TASKS}:count"


def results(runs):
    return {file.parent.name: json.loads(file.read_text()) for file in Path(runs).glob("*/result.json")}


def expected(seed, eval_people):
    class Config:
        pass

    Config.seed, Config.eval_people = seed, eval_people
    return scores(Config)


def begun(runs):
    lines = (Path(runs) / ".sweep" / "history.jsonl").read_text().splitlines()
    return [note["run"] for note in map(json.loads, lines) if note["state"] == "running"]


def test_a_grid_is_done_once_and_only_what_was_added_later(tmp_path):
    first = sweep(["seed=0,1", "eval_people=30", f"runs={tmp_path}"], launcher="serial", task=COUNT)
    assert len(first.folders) == 2
    assert not first.failed
    assert first.finished_before == 0
    # The last of two words counts, and equal runs are one.
    words = ["seed=0,1,1,2", "eval_people=40,50", "eval_people=30", f"runs={tmp_path}"]
    again = sweep(words, launcher="serial", task=COUNT)
    assert set(first.folders) < set(again.folders)
    assert (len(again.folders), again.finished_before) == (3, 2)
    assert sorted(begun(tmp_path)) == sorted(again.folders)
    found = sorted(result["scores"]["dqn"]["score"] for result in results(tmp_path).values())
    assert found == sorted(expected(seed, 30)["dqn"]["score"] for seed in range(3))


@pytest.mark.parametrize("launcher", ["joblib", "submitit", "ray"])
def test_every_launcher_computes_the_same(launcher, tmp_path):
    outcome = sweep(["seed=range(4)", "eval_people=30", f"runs={tmp_path}"], launcher=launcher, task=COUNT)
    assert not outcome.failed
    found = sorted(result["scores"]["dqn"]["score"] for result in results(tmp_path).values())
    assert found == sorted(expected(seed, 30)["dqn"]["score"] for seed in range(4))


def test_interrupted_three_times_it_ends_as_if_nothing_had_been(tmp_path):
    """With joblib; ``python -m benchmarks.interrupted`` does the same serially and with Ray, with real runs."""
    words = ["seed=range(6)", "eval_people=30,40"]
    asked = Sweep(words, "joblib", tmp_path / "runs", 12, (sys.executable, "-m", f"{TASKS}"))
    assert interrupt(asked) == []
    found = sorted(result["scores"]["dqn"]["score"] for result in results(asked.runs).values())
    assert found == sorted(expected(seed, people)["dqn"]["score"] for seed in range(6) for people in (30, 40))


def test_a_run_that_fails_dies_hangs_or_leaves_nothing_takes_nothing_else_with_it(tmp_path, capsys):
    words = ["seed=range(7)", f"runs={tmp_path}"]
    outcome = sweep(words, jobs=2, task=f"{TASKS}:troubled", timeout=3.0)
    by_seed = {dict(word.split("=") for word in own)["seed"]: name for name, own in outcome.words.items()}
    told = {seed: outcome.failed.get(name, "") for seed, name in by_seed.items()}
    assert told["0"] == told["6"] == ""
    assert told["1"] == "seed 1 has no luck"
    assert "SIGKILL" in told["2"]
    assert "0.05 minutes, the limit" in told["3"]
    assert "ZeroDivisionError: by nothing" in told["4"]
    assert "without a result" in told["5"]
    assert "Traceback" in (outcome.folders[by_seed["4"]].path / "log.txt").read_text()
    assert "hello from a run" in (outcome.folders[by_seed["6"]].path / "log.txt").read_text()
    with pytest.raises(RunError, match=r"seed 1 has no luck.*the same command does the rest"):
        print_outcome(outcome)
    assert "2 of 7 runs finished" in capsys.readouterr().out


def test_fail_fast_begins_no_further_run(tmp_path):
    outcome = sweep(["seed=0,1,6,7", f"runs={tmp_path}"], launcher="serial", task=f"{TASKS}:troubled", fail_fast=True)
    assert len(results(tmp_path)) == 1
    assert sorted(outcome.failed.values()) == ["it was not begun", "it was not begun", "seed 1 has no luck"]


def test_nothing_is_begun_if_an_option_of_any_run_is_wrong(tmp_path):
    with pytest.raises(ConfigError, match=r"env\.horizon=-1"):
        sweep(["seed=0", "env.horizon=10,-1", f"runs={tmp_path}"], launcher="serial", task=COUNT)
    with pytest.raises(ConfigError, match="did you mean 'steps'"):
        sweep(["stepps=1,2", f"runs={tmp_path}"], launcher="serial", task=COUNT)
    assert not results(tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == [".sweep"]


def test_an_option_of_all_agents_of_a_grid_need_not_be_one_of_the_default_agent(tmp_path):
    words = ["agent=ppo,a2c", "agent.rollout=128", f"runs={tmp_path}"]
    assert len(sweep(words, launcher="serial", task=COUNT).folders) == 2
    with pytest.raises(ConfigError, match=r"Unknown option 'agent\.rolout'; did you mean 'rollout'"):
        sweep(["agent=ppo,a2c", "agent.rolout=128", f"runs={tmp_path}"], launcher="serial", task=COUNT)


def test_two_sweeps_cannot_write_to_one_folder(tmp_path):
    records = records_of(tmp_path)
    first = threading.Thread(target=lambda: sweep(["seed=range(4)", f"runs={tmp_path}"], launcher="serial", task=COUNT))
    first.start()
    while not list(records.folder.glob("grid/*.json")):
        time.sleep(0.01)
    with pytest.raises(RunError, match="another sweep works in"):
        sweep(["seed=9", f"runs={tmp_path}"], launcher="serial", task=COUNT)
    first.join()
    assert len(results(tmp_path)) == 4


def test_a_half_written_result_is_told_and_never_taken_for_a_score(tmp_path):
    outcome = sweep(["seed=0,1", f"runs={tmp_path}"], launcher="serial", task=COUNT)
    name, folder = next(iter(outcome.folders.items()))
    text = folder.result_file.read_text()
    folder.result_file.write_text(text[: len(text) // 2])
    again = sweep(["seed=0,1", f"runs={tmp_path}"], launcher="serial", task=COUNT)
    assert "is damaged" in again.failed[name]
    assert "delete it and run again" in again.failed[name]
    folder.result_file.unlink()
    assert not sweep(["seed=0,1", f"runs={tmp_path}"], launcher="serial", task=COUNT).failed
    assert folder.result_file.read_text() == text


def test_jobs_do_not_fight_over_the_cores(tmp_path, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS")
    sweep(["seed=0", f"runs={tmp_path}"], launcher="serial", task=f"{TASKS}:threads")
    (result,) = results(tmp_path).values()
    assert result["threads"] == {"torch": 1, "omp": "1"}


def test_a_search_goes_on_where_it_stopped(tmp_path):
    words = ["seed=0", "eval_people=range(10,400)", f"runs={tmp_path}"]
    first = sweep(words, launcher="serial", jobs=1, task=COUNT, search=3)
    assert (len(first.folders), first.finished_before) == (3, 0)
    more = sweep(words, launcher="serial", jobs=1, task=COUNT, search=5)
    assert set(first.folders) < set(more.folders)
    assert more.finished_before == 3
    assert len(begun(tmp_path)) == len(more.folders) == len(results(tmp_path)) == 5
    people = {name: int(dict(word.split("=") for word in own)["eval_people"]) for name, own in more.words.items()}
    for name, result in results(tmp_path).items():
        assert result["scores"] == expected(0, people[name])
    assert sweep(words, launcher="serial", jobs=1, task=COUNT, search=5).finished_before == 5
    assert len(begun(tmp_path)) == 5, "nothing is left to do"
    lost = next(iter(first.folders.values()))
    kept = lost.result()
    shutil.rmtree(lost.path)
    again = sweep(words, launcher="serial", jobs=1, task=COUNT, search=5)
    assert not again.failed
    assert (set(again.folders), again.finished_before) == (set(more.folders), 4)
    assert lost.result() == kept


def test_a_search_tries_again_what_failed_and_a_choice_made_twice_is_one_run(tmp_path):
    words = ["seed=1", "eval_people=30,40", f"runs={tmp_path}"]
    failed = sweep(words, launcher="joblib", jobs=2, task=f"{TASKS}:troubled", search=2)
    assert set(failed.failed.values()) == {"seed 1 has no luck"}
    outcome = sweep(words, launcher="joblib", jobs=2, task=COUNT, search=2)
    assert not outcome.failed
    assert set(failed.folders) <= set(outcome.folders)
    assert len(begun(tmp_path)) == len(failed.folders) + len(outcome.folders)


def test_a_search_that_breaks_off_does_not_look_finished(tmp_path, monkeypatch):
    words = ["seed=0", "eval_people=range(10,400)", f"runs={tmp_path}"]
    sweep(words, launcher="serial", jobs=1, task=COUNT, search=2)

    def broken(*_):
        raise RuntimeError("database is locked")

    monkeypatch.setattr("crossrec.experiments.sweep.sweep._hydra", broken)
    outcome = sweep(words, launcher="serial", jobs=1, task=COUNT, search=4)
    with pytest.raises(RunError, match=r"it broke off .RuntimeError: database is locked"):
        print_outcome(outcome)


def test_any_path_may_hold_the_runs(tmp_path):
    folder = tmp_path / "it's (a) folder, with = and more"
    outcome = sweep(["seed=0,1", f"runs={quoted(folder)}"], launcher="serial", task=COUNT)
    assert not outcome.failed
    assert len(results(folder)) == 2


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["seed=0,1", "--launcher", "jobblib"], "did you mean 'joblib'"),
        (["seed=0,1", "--address", "auto"], "--address goes with --launcher ray"),
        (["seed=0,1", "--jobs", "0"], "--jobs=0"),
        (["seed=0,1", "--timeout", "-1"], "--timeout=-1"),
        (["seed=0,1", "--config-dir", "/nowhere"], "--config-dir /nowhere is not a folder"),
        (["seed=0", "--search", "3"], "nothing to choose"),
        (["env.scenarios=[news,video]", "--search", "3"], "nothing to choose"),
        (["seed=0,1", "--search", "3"], "the luckiest seed"),
        (["env.horizn=interval(2,8)", "--search", "2"], "did you mean 'horizon'"),
        (["agent=ppo", "agent.n_epochs=interval(2,8)", "--search", "2"], "agent.n_epochs"),
        (["env.horizon=choice(-3,5)", "--search", "2"], "env.horizon=-3"),
        (["seed=0,1,"], "seed"),
        (["env=news,vidio"], "did you mean 'video'"),
        (["agent.learning_rate=0.1,abc"], "agent.learning_rate"),
    ],
)
def test_a_mistake_is_one_sentence(words, named, crossrec, tmp_path):
    assert_one_sentence(crossrec("sweep", *words, f"runs={tmp_path}"), named)
    assert not results(tmp_path)


def test_the_table_tells_state_score_and_time_left(tmp_path):
    outcome = sweep(["seed=0,1", f"runs={tmp_path}"], launcher="serial", task=COUNT)
    records = records_of(tmp_path)
    watch = Watch(lambda: outcome.folders, records.of, 1)
    console = Console(width=150, record=True, file=io.StringIO())
    console.print(watch.table())
    said = console.export_text()
    for name in outcome.folders:
        assert f"{results(tmp_path)[name]['scores']['dqn']['score']:.3f}" in next(
            line for line in said.splitlines() if name in line
        )
    assert "2 runs: 2 done" in said


def test_slurm_gets_an_array_of_jobs(tmp_path, monkeypatch):
    """A made-up ``sbatch`` takes the job and runs it here: what a real queue would be given is what is computed."""
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    queue = Path(__file__).with_name("slurm_here.py")
    for command in ("sbatch", "srun", "squeue", "sacct", "scancel"):
        script = bin_folder / command
        script.write_text(f'#!/bin/sh\nexec {sys.executable} {queue} {command} "$@"\n')
        script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin_folder}:{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_HERE", str(tmp_path / "queue"))
    outcome = sweep(["seed=0,1", f"runs={tmp_path / 'runs'}"], launcher="slurm", task=COUNT)
    assert not outcome.failed
    assert len(results(tmp_path / "runs")) == 2
    sent = (tmp_path / "queue" / "sent.sh").read_text()
    assert "#SBATCH --array=0-1%2" in sent
    assert "#SBATCH --cpus-per-task=1" in sent


def test_a_full_disk_is_told_and_nothing_is_lost(tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(small)], check=False)
    if mounted.returncode:
        pytest.skip("cannot mount a small disk here (needs root)")
    try:
        assert not sweep(["seed=0", f"runs={small}"], launcher="serial", task=COUNT).failed
        kept = results(small)
        filler = small / "filler"
        with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
            while True:
                file.write(b"0" * 512)
        with pytest.raises(RunError, match=r"cannot be written .No space left on device.; make room and start again"):
            sweep(["seed=0,1,2", f"runs={small}"], launcher="serial", task=COUNT)
        assert results(small) == kept
        filler.unlink()
        assert not sweep(["seed=0,1,2", f"runs={small}"], launcher="serial", task=COUNT).failed
        assert len(results(small)) == 3
    finally:
        subprocess.run(["umount", str(small)], check=True)
