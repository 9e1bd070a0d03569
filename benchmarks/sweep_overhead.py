"""What a run costs in a sweep before it does anything, beside Hydra's basic launcher with the same empty job.

Both compose the same configs. A sweep also checks them, notes how each run stands, and gives each a process of its own.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tempfile
import time
from pathlib import Path
from unittest import mock

import hydra
from omegaconf import DictConfig

from crossrec.config import TrainConfig
from crossrec.experiments.compose import register
from crossrec.experiments.run import folder_of
from crossrec.experiments.sweep.sweep import sweep

_RUNS, _LIMIT = 200, 1.5
_WORDS = [f"seed=range({_RUNS})", "env=news"]


def nothing(config: TrainConfig) -> None:
    """A run that leaves an empty result."""
    folder_of(config).result_file.write_text(json.dumps({"scores": {}}), encoding="utf-8")


def empty(config: DictConfig) -> None:
    """The same for Hydra alone."""


def main() -> int:
    """Measure in turns and print both; returns 1 where a sweep costs more than it may."""
    ours, plain = [], []
    for _ in range(3):
        with tempfile.TemporaryDirectory() as folder:
            plain.append(_hydra(Path(folder)))
            ours.append(_sweep(Path(folder)))
    ratio = min(ours) / min(plain)
    print(f"{_RUNS} empty runs, best of {len(ours)}")
    print(f"Hydra's basic launcher   {min(plain) / _RUNS * 1e3:6.1f} ms per run")
    print(f"crossrec sweep, serial   {min(ours) / _RUNS * 1e3:6.1f} ms per run")
    print(f"ratio {ratio:.2f}, allowed {_LIMIT}")
    return int(ratio > _LIMIT)


def _hydra(folder: Path) -> float:
    register()
    quiet = ["hydra/job_logging=none", "hydra/hydra_logging=none", "hydra.output_subdir=null"]
    words = ["--multirun", *_WORDS, *quiet, f"hydra.sweep.dir={folder / 'hydra'}"]
    run = hydra.main(config_path="pkg://crossrec.conf", config_name="train", version_base="1.3")(empty)
    with mock.patch.object(sys, "argv", ["empty", *words]):
        began = time.perf_counter()
        run()
        return time.perf_counter() - began


def _sweep(folder: Path) -> float:
    began = time.perf_counter()
    with contextlib.redirect_stderr(io.StringIO()):
        outcome = sweep(
            [*_WORDS, f"runs={folder / 'runs'}"], launcher="serial", task="benchmarks.sweep_overhead:nothing"
        )
    seconds = time.perf_counter() - began
    assert not outcome.failed
    assert len(outcome.folders) == _RUNS
    return seconds


if __name__ == "__main__":
    sys.exit(main())
