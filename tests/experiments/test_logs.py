"""Logs at the command line: what they hold is true, they come back from disk and from Minari, and bad ones are told."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from crossrec.errors import ConfigError
from crossrec.experiments.logs.collect import collect, config_of_words
from crossrec.experiments.logs.judge import Judging, judge, summary
from crossrec.experiments.logs.replay import replay
from crossrec.log_file import read_log, write_log
from crossrec.off_policy import evaluate_target

from .conftest import assert_one_sentence, in_a_process

WORDS = ["context=none", "context.encoder=hashing", "env.horizon=15", "env.n_candidates=8"]


@pytest.fixture(scope="module")
def log():
    return collect(config_of_words([*WORDS, "steps=3000"]))


@pytest.fixture(scope="module")
def file(log, tmp_path_factory):
    path = tmp_path_factory.mktemp("log") / "log.parquet"
    write_log(log, path)
    return path


def same(one, other):
    for name, value in vars(one).items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(value, getattr(other, name), err_msg=name)
    assert one.observations.keys() == other.observations.keys()
    for key, value in one.observations.items():
        np.testing.assert_array_equal(value, other.observations[key], err_msg=key)


def test_a_log_comes_back_from_its_file(log, file):
    found = read_log(file)
    same(log, found)
    assert found.about["behaviour"] == log.about["behaviour"]
    assert (found.propensities > 0).all()


def test_same_seed_same_log_however_many_live_at_once(log):
    same(log, collect(config_of_words([*WORDS, "steps=3000"]), people=37))
    other = collect(config_of_words([*WORDS, "steps=3000", "seed=1"]))
    assert not np.array_equal(log.actions[:500], other.actions[:500])


def test_propensities_are_how_often_candidates_are_shown():
    """With uniform behaviour on full masks each is shown with 1/8; mixed propensities average to their own share."""
    uniform = collect(config_of_words([*WORDS, "steps=3000"]), policy=["random"])
    allowed = uniform.observations["mask"].sum(axis=1)
    np.testing.assert_allclose(uniform.propensities, 1.0 / allowed)
    counts = np.bincount(uniform.actions[allowed == 8], minlength=8)
    assert abs(counts / counts.sum() - 1 / 8).max() < 0.03


def test_inverse_propensities_average_to_one_for_every_target(log):
    """E[1/p] over what is shown is the number of allowed candidates."""
    allowed = log.observations["mask"].sum(axis=1)
    ratio = 1.0 / (log.propensities * allowed)
    assert ratio.mean() == pytest.approx(1.0, abs=4 * ratio.std() / np.sqrt(len(log)))


def test_lives_are_lived_again_exactly_and_the_truth_explains_rewards(log):
    truth = replay(log)  # refuses lives that turn out otherwise
    shown = truth[np.arange(len(log)), log.actions]
    gap = log.rewards - shown
    assert abs(gap.mean()) < 4 * gap.std() / np.sqrt(len(log))
    moved = dataclasses.replace(log, rewards=log.rewards + 1.0)
    with pytest.raises(ConfigError, match="has other rewards than the log"):
        replay(moved)


def test_doubly_robust_is_no_worse_than_ips(file):
    table = judge(str(file), (), Judging(repeats=10), show=False)
    assert table["policy"].nunique() >= 3
    squares = (table["rmse"] ** 2).groupby(table["estimator"]).mean()
    assert squares["dr"] <= squares["ips"]
    assert "That dr is no worse than ips holds." in summary(table, 10)
    near = table[table["estimator"] == "dr"]
    assert (abs(near["estimate"] - near["truth"]) < 5 * near["error"]).all()


def test_slates_are_logged_with_all_that_was_shown():
    found = collect(config_of_words([*WORDS, "env.slate_size=3", "steps=500"]))
    assert found.slates.shape == (len(found), 3)
    assert all(len(set(row)) == 3 for row in found.slates.tolist())
    clicked = found.clicked[found.clicks > 0]
    assert (clicked > 0).all()
    with pytest.raises(ConfigError, match="slates"):
        evaluate_target(found, np.full(found.observations["mask"].shape, 1 / 8))


def test_minari_gives_the_same_episodes(crossrec, tmp_path, monkeypatch):
    minari = pytest.importorskip("minari")
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    out = tmp_path / "log.parquet"
    said = crossrec("log", "--out", out, *WORDS, "steps=400", "--minari", "crossrec/test-v0", "--quiet")
    assert said.status == 0, said.err
    log, found = read_log(out), minari.load_dataset("crossrec/test-v0")
    ends = np.flatnonzero(log.ends)
    assert found.total_episodes == len(ends)
    start = 0
    for episode, end in zip(found.iterate_episodes(), ends, strict=True):
        rows = slice(start, end + 1)
        np.testing.assert_array_equal(episode.actions, log.actions[rows])
        np.testing.assert_allclose(episode.rewards, log.rewards[rows], rtol=1e-6)
        np.testing.assert_array_equal(episode.observations["candidates"][:-1], log.observations["candidates"][rows])
        np.testing.assert_allclose(episode.infos["propensity"][1:], log.propensities[rows])
        start = end + 1
    assert_one_sentence(crossrec("log", "--out", out, *WORDS, "--minari", "crossrec/test-v0"), "exists")


def test_the_commands_as_typed(crossrec, tmp_path):
    out = tmp_path / "log.parquet"
    said = crossrec("log", "--out", out, *WORDS, "steps=1200", "--quiet")
    assert said.status == 0, said.err
    said = crossrec(
        "off-policy", out, "random", "content", "--repeats", "5", "--out", tmp_path / "judged.md", "--quiet"
    )
    assert said.status == 0, said.err
    for word in ("ips", "snips", "dm", "dr", "Root mean squared error over 5 parts"):
        assert word in said.out
    assert (tmp_path / "judged.png").read_bytes().startswith(b"\x89PNG")


def test_bad_logs_are_refused_with_the_reason(crossrec, log, file, tmp_path):
    damaged = tmp_path / "damaged.parquet"
    damaged.write_bytes(file.read_bytes()[:5000])
    assert_one_sentence(crossrec("off-policy", damaged), damaged)
    assert_one_sentence(crossrec("off-policy", tmp_path / "none.parquet"), "none.parquet")
    lost = tmp_path / "lost.parquet"
    write_log(log, lost)
    import pyarrow.parquet as pq

    table = pq.read_table(lost)
    pq.write_table(table.drop_columns(["propensities"]), lost)
    assert_one_sentence(crossrec("off-policy", lost), "propensities")
    strange = dataclasses.replace(log, observations={**log.observations})
    strange.observations["candidates"] = strange.observations["candidates"] + 5_000
    with pytest.raises(ConfigError, match="is unknown; the catalogue has ids 1 to"):
        strange.check(n_items=2_000)
    barred = dataclasses.replace(log, observations={**log.observations, "mask": log.observations["mask"].copy()})
    barred.observations["mask"][7, log.actions[7]] = 0
    with pytest.raises(ConfigError, match="row 7 shows a candidate that its mask forbids"):
        barred.check()


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["steps=0"], ["steps=0", "at least 1"]),
        (["--behaviour", "popularty"], ["popularty", "popularity"]),
        (["--epsilon", "2"], ["--epsilon"]),
        (["--temperature", "0"], ["--temperature"]),
        (["--people", "0"], ["--people"]),
    ],
)
def test_mistakes_are_told(crossrec, tmp_path, words, named):
    assert_one_sentence(crossrec("log", "--out", tmp_path / "log.parquet", *WORDS, *words), *named)


@pytest.mark.parametrize("command", ["log", "off-policy"])
def test_help_needs_no_torch(command):
    code = f"import sys; from crossrec.experiments.cli import main; main([{command!r}, '--help'])"
    checked = "import sys, atexit; atexit.register(lambda: print('torch' in sys.modules, file=sys.stderr)); " + code
    done = subprocess.run([sys.executable, "-c", checked], capture_output=True, text=True, check=False)
    assert done.stderr.strip().endswith("False")
    assert in_a_process(command, "--help").status == 0
