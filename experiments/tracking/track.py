"""Where training's numbers also go while it runs: TensorBoard, Weights & Biases or MLflow.

They are Stable-Baselines3's own scalars (mean return and length of episodes, losses, exploration, frames per second).
Nothing that a run computes or keeps depends on them.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from crossrec.config import TrainConfig
from crossrec.errors import ConfigError

from ..run import RunFolder, deciding

if TYPE_CHECKING:
    from stable_baselines3.common.logger import KVWriter, Logger

_PROJECT = "crossrec"  # in Weights & Biases; the experiment in MLflow


def check_tracking(tracking: str) -> None:
    """Check that what follows a training is installed, before anything is computed.

    Raises:
        ConfigError: If not; says what to install.
    """
    if tracking != "none" and importlib.util.find_spec(tracking) is None:  # packages are called as the option's values
        raise ConfigError(
            f"tracking={tracking} needs {tracking}, which is not installed; pip install 'crossrec[{tracking}]', or set "
            "tracking=none."
        )


@contextmanager
def tracked(config: TrainConfig, folder: RunFolder) -> Iterator[Logger | None]:
    """A logger for the algorithm while the block lasts; None if nothing follows the training.

    A training that goes on where it was cut off goes on in the same curve.
    """
    if config.tracking == "none":
        yield None
        return
    from stable_baselines3.common.logger import Logger

    writer = _WRITERS[config.tracking](config, folder)
    try:
        yield Logger(str(folder.path), [writer])
    finally:
        writer.close()


def episodes_between_dumps(config: TrainConfig) -> int:
    """How many episodes off-policy algorithms let pass between two points of a curve: some hundred points in all."""
    return max(config.steps // config.env.horizon // 200, 4)


def _tensorboard(config: TrainConfig, folder: RunFolder) -> KVWriter:
    from stable_baselines3.common.logger import TensorBoardOutputFormat

    return TensorBoardOutputFormat(str(folder.path / "tensorboard"))


def _wandb(config: TrainConfig, folder: RunFolder) -> KVWriter:
    import wandb

    from .writers import WandbWriter

    run = wandb.init(
        project=_PROJECT,
        id=folder.path.name,
        name=folder.path.name,
        resume="allow",
        config=deciding(config),
        dir=str(folder.path),
    )
    return WandbWriter(run)


def _mlflow(config: TrainConfig, folder: RunFolder) -> KVWriter:
    import mlflow

    from .writers import MlflowWriter

    experiment = mlflow.set_experiment(_PROJECT)
    client: Any = mlflow.MlflowClient()
    name = folder.path.name
    known = client.search_runs([experiment.experiment_id], f"tags.mlflow.runName = '{name}'", max_results=1)
    run = known[0] if known else client.create_run(experiment.experiment_id, run_name=name)
    return MlflowWriter(client, run.info.run_id)


_WRITERS = {"tensorboard": _tensorboard, "wandb": _wandb, "mlflow": _mlflow}
