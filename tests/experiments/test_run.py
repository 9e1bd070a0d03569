"""A real small run: what it leaves, that doing it again does nothing, and that its evaluation can be repeated."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from omegaconf import OmegaConf

from crossrec.config import PPOConfig
from crossrec.experiments.compose import compose_train
from crossrec.experiments.run import RunFolder, folder_of, write_config, write_file
from crossrec.metrics import COLUMNS
from crossrec.world.scenario import resolve_scenarios

from .conftest import SMALL

BASELINES = ("random", "popularity", "content", "oracle")


@pytest.fixture(scope="module")
def result(finished):
    return json.loads((finished / "result.json").read_text())


def test_the_folder_holds_everything(finished):
    files = {path.name for path in finished.iterdir()}
    tables = {"training.parquet", "evaluation.parquet"}
    assert files >= {"config.yaml", "checkpoint.zip", "result.json", "figures", *tables}
    assert not [name for name in files if name.startswith(".") and name != ".lock"], "no scraps"
    for name in ("scores.png", "learning.png"):
        assert (finished / "figures" / name).read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
        assert (finished / "figures" / name).read_bytes().endswith(b"IEND\xaeB`\x82")


def test_the_config_says_what_was_run_and_reads_back_equal(finished):
    config = compose_train([*SMALL, f"runs={finished.parent}"])
    assert RunFolder(finished).config() == config
    assert OmegaConf.load(finished / "config.yaml").agent.learning_starts == 500


def test_the_result_names_versions_and_what_was_done(result):
    assert (result["agent"], result["context"], result["seed"], result["people"]) == ("dqn", "template", 0, 30)
    assert {"crossrec", "numpy", "gymnasium", "stable-baselines3", "torch"} <= set(result["packages"])
    assert all(result["packages"].values())
    assert result["python"]
    training = result["training"]
    assert training["transitions"] >= 2_000
    expected = (training["transitions"] - 500) / 64
    assert training["gradient_steps"] == pytest.approx(expected, rel=0.15)
    assert result["contexts"]["generated"] > 100
    for used in (result["contexts"]["training"], result["contexts"]["evaluation"]):
        assert used["distinct"] > 50
        assert used["replaced"] == {}
    assert len({result["contexts"]["hash"], *(result["contexts"][k]["hash"] for k in ("training", "evaluation"))}) == 3


def test_the_result_is_json_for_everybody(finished):
    """NaN and Infinity are not: other languages refuse them."""

    def refuse(word):
        raise AssertionError(word)

    json.loads((finished / "result.json").read_text(), parse_constant=refuse)


def test_scores_stand_on_the_scale_of_random_and_oracle_with_their_intervals(result):
    scores = result["scores"]
    assert set(scores) == {*BASELINES, "dqn"}
    assert [row["score"] for row in scores.values()] == sorted(row["score"] for row in scores.values())
    assert (scores["random"]["score"], scores["oracle"]["score"]) == (0.0, 1.0)
    for row in scores.values():
        assert row["low"] <= row["score"] <= row["high"]


def test_scores_are_those_of_the_people_in_the_table(finished, result):
    people = pd.read_parquet(finished / "evaluation.parquet")
    assert list(people.columns) == [*COLUMNS, "policy"]
    means = people.groupby("policy")["return"].mean()
    for name, row in result["scores"].items():
        group = people[people["policy"] == name]
        assert group["user"].tolist() == list(range(500_000, 500_030)), "the same new people for every policy"
        assert row["return"] == pytest.approx(means[name])
        assert row["score"] == pytest.approx((means[name] - means["random"]) / (means["oracle"] - means["random"]))
        assert row["click_rate"] == pytest.approx(group["click"].sum() / group["steps"].sum())
        weighted = group["click"] + 0.05 * group["dwell"] + 0.5 * group["conversion"]
        np.testing.assert_allclose(group["return"], weighted)
        assert (group["steps"] <= 40).all()


def test_the_learning_curve_has_a_row_per_training_episode(finished, result):
    curve = pd.read_parquet(finished / "training.parquet")
    assert list(curve.columns) == ["transitions", "return", "steps"]
    assert curve["transitions"].is_monotonic_increasing
    assert curve["transitions"].max() <= result["training"]["transitions"]
    assert curve["steps"].sum() <= result["training"]["transitions"]
    assert len(curve) >= 32


def test_running_again_does_nothing_but_print(crossrec, finished):
    files = {path: path.stat().st_mtime_ns for path in finished.rglob("*") if path.name not in ("config.yaml", ".lock")}
    said = crossrec("train", *SMALL, f"runs={finished.parent}")
    assert said.status == 0
    assert "dqn with context=template, seed 0: 30 new people" in said.out
    assert "oracle" in said.out
    assert {path: path.stat().st_mtime_ns for path in files} == files


def test_evaluating_again_gives_identical_scores_and_tables(crossrec, finished, result, tmp_path):
    copy = shutil.copytree(finished, tmp_path / "moved" / finished.name)
    (copy / "evaluation.parquet").unlink()
    said = crossrec("evaluate", copy)
    assert said.status == 0
    again = json.loads((copy / "result.json").read_text())
    assert again["scores"] == result["scores"]
    assert again["training"] == result["training"]
    assert (copy / "evaluation.parquet").read_bytes() == (finished / "evaluation.parquet").read_bytes()


def test_ppo_runs_as_well_and_baselines_do_not_depend_on_agent_or_context(finished, finished_ppo):
    """Common random numbers: the same people live through the same moments whoever is evaluated beside."""
    one, other = (pd.read_parquet(folder / "evaluation.parquet") for folder in (finished, finished_ppo))
    for name in BASELINES:
        mine, theirs = (table[table["policy"] == name].reset_index(drop=True) for table in (one, other))
        assert len(mine) == 30
        pd.testing.assert_frame_equal(mine, theirs)
    ppo = json.loads((finished_ppo / "result.json").read_text())
    assert set(ppo["scores"]) == {*BASELINES, "ppo"}
    assert ppo["training"]["gradient_steps"] > 0


def changed(config, option, value):
    """A config with one option changed, given by its dotted name."""
    first, _, rest = option.partition(".")
    inner = changed(getattr(config, first), rest, value) if rest else value
    return dataclasses.replace(config, **{first: inner})


def test_the_name_of_a_folder_tells_what_decides_the_result_and_not_where_it_is_computed():
    config = compose_train([])

    def name(option, value):
        return folder_of(changed(config, option, value)).path.name

    base = folder_of(config).path.name
    assert base.startswith("dqn-none-seed0-")
    for option in ("runs", "context.store", "device", "context.device"):
        assert name(option, "elsewhere") == base
    others = {
        name("seed", 1),
        name("steps", 60_001),
        name("people", 32),
        name("train_users", 32),
        name("eval_people", 100),
        name("env.horizon", 41),
        name("env.scenarios", ["news"]),
        name("env.behaviour.drift", 0.03),
        name("env.reward.click", 2.0),
        name("agent.gamma", 0.6),
        name("agent", PPOConfig()),
        name("context.name", "zeros"),
        name("context.dimension", 32),
        name("context.encoder_folder", "mine"),
    }
    assert len(others) == 14
    assert base not in others


def test_a_write_that_fails_leaves_the_old_file_and_no_scraps(tmp_path):
    file = tmp_path / "result.json"
    file.write_text("old")

    def half(path):
        path.write_text("ne")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_file(file, half)
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_scenario_from_a_file_is_spelt_out_so_a_changed_file_is_another_run(tmp_path):
    file = tmp_path / "podcasts.yaml"
    file.write_text((Path(__file__).parents[2] / "examples" / "podcasts.yaml").read_text(encoding="utf-8"))
    words = [f"env.scenarios=[news,{file}]", f"runs={tmp_path}"]
    config = compose_train(words)
    folder = folder_of(config)
    write_config(folder, config)
    file.write_text(file.read_text(encoding="utf-8").replace("rho: 0.6", "rho: 0.5"))
    assert folder_of(compose_train(words)).path != folder.path
    file.unlink()
    again = folder.config()
    assert folder_of(again).path == folder.path, "the run's own config needs the file no more"
    assert resolve_scenarios(again.env.scenarios)[1].rho == 0.6


def test_the_engine_says_how_a_run_is_computed_and_not_what():
    assert folder_of(compose_train(["env.engine=numpy"])).path == folder_of(compose_train([])).path
