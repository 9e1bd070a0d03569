"""Stable-Baselines3's log, written to Weights & Biases and to MLflow."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from stable_baselines3.common.logger import KVWriter


class WandbWriter(KVWriter):
    """Writes numbers to a run of Weights & Biases.

    Args:
        run: From ``wandb.init``.
    """

    def __init__(self, run: Any) -> None:
        self.run = run

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, tuple[str, ...]], step: int = 0) -> None:
        """Write one point of each curve, ``step`` transitions after the start."""
        self.run.log({**_numbers(key_values), "transitions": step}, step=step)

    def close(self) -> None:
        """End the run."""
        self.run.finish()


class MlflowWriter(KVWriter):
    """Writes numbers to a run of MLflow.

    Args:
        client: A ``MlflowClient``.
        run_id: Of the run.
    """

    def __init__(self, client: Any, run_id: str) -> None:
        self.client, self.run_id = client, run_id

    def write(self, key_values: dict[str, Any], key_excluded: dict[str, tuple[str, ...]], step: int = 0) -> None:
        """Write one point of each curve, ``step`` transitions after the start."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)  # [ms], as MLflow wants it
        metrics = [Metric(name, value, now, step) for name, value in _numbers(key_values).items()]
        self.client.log_batch(self.run_id, metrics=metrics)

    def close(self) -> None:
        """End the run."""
        self.client.set_terminated(self.run_id)


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in values.items() if isinstance(value, (int, float, np.number))}
