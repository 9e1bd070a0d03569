"""Following a training from outside: the curves arrive, and nothing that the run computes depends on it."""

import json

import pandas as pd
import pytest

from crossrec.experiments.compose import compose_train
from crossrec.experiments.tracking import track
from crossrec.experiments.train import train

from .conftest import assert_one_sentence

TINY = ["agent=ppo", "agent.rollout=64", "agent.n_epochs=1", "context=none", "context.encoder=hashing", "steps=512"]
TINY += ["people=16", "train_users=16", "eval_people=8", "env.items_per_scenario=50", "env.horizon=8"]


def run(tmp_path, tracking):
    return train(compose_train([*TINY, f"tracking={tracking}", f"runs={tmp_path / tracking}"]), show=False)


def curve_of(folder):
    """Points of the return's curve in a run's TensorBoard files."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder.path / "tensorboard"))
    events.Reload()
    return [(event.step, event.value) for event in events.Scalars("rollout/ep_rew_mean")]


def test_curves_reach_tensorboard_and_the_numbers_are_the_same_without(tmp_path):
    followed, alone = run(tmp_path, "tensorboard"), run(tmp_path, "none")
    assert followed.path.name == alone.path.name
    assert not (alone.path / "tensorboard").exists()
    curve = curve_of(followed)
    assert [step for step, _ in curve] == list(range(8 * 16, 512 + 1, 64)), "from the first lives' end on"
    episodes = pd.read_parquet(followed.training_file)
    pd.testing.assert_frame_equal(episodes, pd.read_parquet(alone.training_file))
    assert curve[-1][1] == pytest.approx(episodes["return"].tail(100).mean(), rel=1e-5)
    assert followed.result()["scores"] == alone.result()["scores"]
    pd.testing.assert_frame_equal(
        pd.read_parquet(followed.evaluation_file), pd.read_parquet(alone.evaluation_file), check_exact=True
    )


def test_curves_reach_weights_and_biases_offline(tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    folder = run(tmp_path, "wandb")
    (kept,) = folder.path.glob("wandb/offline-run-*/*.wandb")
    assert b"rollout/ep_rew_mean" in kept.read_bytes()


def test_curves_reach_mlflow_and_a_training_that_goes_on_goes_on_in_its_run(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri((tmp_path / "mlruns").as_uri())
    folder = run(tmp_path, "mlflow")
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name("crossrec")
    (found,) = client.search_runs([experiment.experiment_id])
    assert found.info.run_name == folder.path.name
    history = client.get_metric_history(found.info.run_id, "rollout/ep_rew_mean")
    assert [point.step for point in history][-1] == 512
    config = folder.config()
    with track.tracked(config, folder) as logger:
        logger.record("rollout/ep_rew_mean", 1.0)
        logger.dump(600)
    assert len(client.search_runs([experiment.experiment_id])) == 1


def test_what_is_not_installed_is_told_before_anything_is_computed(crossrec, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    said = crossrec("train", *TINY, "tracking=wandb", f"runs={tmp_path}")
    assert_one_sentence(said, "tracking=wandb needs wandb", "pip install 'crossrec[wandb]'")
    assert not list(tmp_path.iterdir())


def test_a_misspelt_tracker_is_told(crossrec, tmp_path):
    assert_one_sentence(crossrec("train", "tracking=tensorbord", f"runs={tmp_path}"), "did you mean 'tensorboard'")


def test_tracking_is_kept_in_the_config_and_out_of_the_name(tmp_path):
    folder = run(tmp_path, "none")
    assert "tracking: none" in folder.config_file.read_text()
    assert "tracking" not in json.dumps(folder.result())
