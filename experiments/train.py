"""One run: train an agent, evaluate it beside the baselines, leave everything in the run's folder."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from filelock import FileLock, Timeout
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm

from crossrec.agents.build import ALGORITHMS, build_agent, gradient_steps
from crossrec.agents.vec_adapter import SB3VecEnv
from crossrec.config import TrainConfig
from crossrec.errors import ConfigError, RunError
from crossrec.language.reader import LanguageReader

from .checkpoint import ResumePoints, Training, check_fits
from .contexts.warm import prefill
from .evaluate import evaluate, scores
from .figures import draw_figures
from .lab import BASELINES, Lab, build_lab, training_visits
from .measuring.watch import Measured
from .progress import Progress
from .run import RunFolder, folder_of, provenance, write_config, write_file, write_json, write_table
from .start import check_start, take_over
from .tracking.track import check_tracking, episodes_between_dumps, tracked

_CHECKPOINTS = 10  # per run, and resume points
_AT_LEAST_EVERY = 100_000  # transitions


def train(config: TrainConfig, *, show: bool = True) -> RunFolder:
    """Do what is missing of a run: training, evaluation, figures.

    Args:
        config: A checked config.
        show: Whether to draw progress bars.

    Returns:
        The run's folder, complete.

    Raises:
        ConfigError: If the device cannot be used.
        RunError: If another process works on the same run, or a training that was stopped cannot go on exactly, because
            options or versions have changed.
        ModelError: If a language model or encoder is needed that is not there.
    """
    check_device(config.device)
    check_tracking(config.tracking)
    check_start(config)
    folder = folder_of(config)
    points = ResumePoints(folder, config)
    if not folder.result_file.is_file():
        points.check()  # before the config is written anew
    write_config(folder, config)
    with _alone(folder):
        if folder.result_file.is_file():
            folder.result()  # a damaged one is refused rather than taken for a finished run
        else:
            torch.set_num_threads(1)
            with Progress(folder, show) as progress:
                lab = _lab(config, progress)
                prefill(lab, config, progress)
                if folder.trained_file.is_file() and folder.checkpoint.is_file():  # cut off during evaluation
                    agent = load_agent(folder, config, lab)
                else:
                    agent = _learn(config, lab, folder, progress, points, show)
                points.clear()
                conclude(config, lab, agent, folder, progress)
    return folder


def train_quietly(config: TrainConfig) -> None:
    """As :func:`train`, without progress bars."""
    train(config, show=False)


def evaluate_again(path: RunFolder, *, show: bool = True) -> RunFolder:
    """Repeat the evaluation of a run from its checkpoint, and write it anew.

    Raises:
        RunError: If the folder holds no run, training is not finished, or its checkpoint is missing or damaged.
    """
    config = path.config()
    path.training()  # refuses an unfinished one
    with _alone(path), Progress(path, show) as progress:
        torch.set_num_threads(1)
        lab = _lab(config, progress)
        conclude(config, lab, load_agent(path, config, lab), path, progress)
    return path


def check_device(device: str) -> None:
    """Check that torch knows a device and that it is there.

    Raises:
        ConfigError: If not.
    """
    try:
        if device != "auto":
            torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"device={device!r} cannot be used here ({reason}); use cpu, cuda or auto.") from error


def load_agent(folder: RunFolder, config: TrainConfig, lab: Lab | None = None) -> BaseAlgorithm:
    """The agent in a run's checkpoint.

    Args:
        folder: The run's.
        config: The run's.
        lab: Where it is to act; that it fits is checked if it is given.

    Raises:
        RunError: If it is missing or damaged, was saved by something else, or does not fit the lab.
    """
    if not folder.checkpoint.is_file():
        raise RunError(
            f"{folder.path} has no checkpoint.zip: training did not get that far; run `crossrec train` again."
        )
    try:
        agent = ALGORITHMS[config.agent.name].load(folder.checkpoint, device=config.device)
    # Zip, pickle and torch each raise errors of their own for a damaged file.
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise RunError(
            f"{folder.checkpoint} is damaged or of another version ({reason}); delete it and train again."
        ) from error
    if lab is not None:
        check_fits(agent, lab, folder.checkpoint)
    return agent


def conclude(
    config: TrainConfig,
    lab: Lab,
    agent: BaseAlgorithm,
    folder: RunFolder,
    progress: Progress,
) -> None:
    """Evaluate, and write result, tables and figures; ``result.json`` comes last, for it marks the run as complete."""
    progress.stage("evaluate", config.env.horizon * (len(BASELINES) + 1))
    if isinstance(lab.reader, LanguageReader):
        lab.reader.forget()  # so that its ledger holds what evaluation used, whether or not training came just before
    measured = Measured()
    people = evaluate(lab, config, {config.agent.name: agent}, progress.advance, measured)
    write_table(folder.evaluation_file, people)
    write_table(folder.metrics_file, measured.table())
    write_table(folder.journeys_file, measured.journeys(config.agent.name))
    result = {
        "run": folder.path.name,
        "scenarios": [scenario.name for scenario in lab.world.scenarios],
        "agent": config.agent.name,
        "context": config.context.name,
        "seed": config.seed,
        "people": config.eval_people,
        "scores": scores(people, config.seed),
        "training": folder.training(),
        "contexts": _contexts(lab, folder.training()["contexts"]),
        **provenance(),
    }
    draw_figures(folder, result)
    write_json(folder.result_file, result)


def _contexts(lab: Lab, training: dict[str, Any] | None) -> dict[str, Any]:
    """Which contexts a run used in training and evaluation, and what they cost this process."""
    if lab.reader is None:
        return {}
    evaluation = lab.reader.ledger.summary()
    both = json.dumps([training, evaluation], sort_keys=True)
    return {
        "hash": hashlib.blake2b(both.encode(), digest_size=16).hexdigest(),
        "training": training,
        "evaluation": evaluation,
        "generated": lab.source.generated,
        "reused": lab.source.reused,
    }


def _lab(config: TrainConfig, progress: Progress) -> Lab:
    progress.stage("embed items", config.env.items_per_scenario * len(config.env.scenarios))
    lab = build_lab(config.env, config.context, progress.advance)
    progress.watch(lab.source)
    return lab


def _learn(
    config: TrainConfig, lab: Lab, folder: RunFolder, progress: Progress, points: ResumePoints, show: bool
) -> BaseAlgorithm:
    visits = training_visits(config, lab.world)
    env = SB3VecEnv(lab.make_env(config.people, users=config.train_users, visits=visits))
    folder.trained_file.unlink(missing_ok=True)  # of a training whose checkpoint is gone
    training = points.latest(env, lab)
    if training is None:
        agent = build_agent(config.agent, env, lab.table, seed=config.seed, device=config.device)
        if config.start is not None:
            take_over(agent, load_agent(RunFolder(Path(config.start)), config))
        training = Training(agent, [], 0.0)
    agent, done = training.agent, training.agent.num_timesteps
    if done and show:
        print(f"crossrec: training goes on after {done:,} of {config.steps:,} transitions.", file=sys.stderr)
    progress.stage("train", config.steps)
    progress.advance(done)
    watcher = _Watcher(training, config.steps, folder, lab, progress, points)
    with tracked(config, folder) as logger:
        if logger is not None:
            agent.set_logger(logger)
        own: dict[str, Any] = (
            {"log_interval": episodes_between_dumps(config)} if isinstance(agent, OffPolicyAlgorithm) else {}
        )
        agent.learn(config.steps - done, callback=watcher, reset_num_timesteps=not done, **own)
    watcher.count()
    write_file(folder.checkpoint, agent.save)
    write_table(folder.training_file, watcher.curve())
    summary = {
        "transitions": agent.num_timesteps,
        "gradient_steps": gradient_steps(agent),
        "seconds": round(training.seconds, 1),
        "transitions_per_second": round(agent.num_timesteps / training.seconds, 1),
        "contexts": None if lab.reader is None else lab.reader.ledger.summary(),
    }
    write_json(folder.trained_file, summary)
    return agent


@contextmanager
def _alone(folder: RunFolder) -> Iterator[None]:
    """Keep other processes off a run's folder.

    Raises:
        RunError: If one is there already.
    """
    try:
        with FileLock(folder.path / ".lock", timeout=0):
            yield
    except Timeout:
        raise RunError(f"another process works on {folder.path}; wait for it, or set another runs= folder.") from None


class _Watcher(BaseCallback):
    """Progress, learning curve, checkpoints and resume points while Stable-Baselines3 learns."""

    def __init__(
        self, training: Training, steps: int, folder: RunFolder, lab: Lab, progress: Progress, points: ResumePoints
    ) -> None:
        super().__init__()
        self.training, self.folder, self.lab, self.progress, self.points = training, folder, lab, progress, points
        self._every = min(max(steps // _CHECKPOINTS, 1), _AT_LEAST_EVERY)
        self._next = self._after(training.agent.num_timesteps)
        self._counted = time.perf_counter()

    def _after(self, transitions: int) -> int:
        return (transitions // self._every + 1) * self._every

    def _on_rollout_start(self) -> None:
        # Between two rollouts an algorithm holds no half of anything.
        if self.model.num_timesteps >= self._next:
            self._next = self._after(self.model.num_timesteps)
            self.count()
            write_file(self.folder.checkpoint, self.model.save)
            write_table(self.folder.training_file, self.curve())
            self.points.save(self.training, self.lab.reader)

    def _on_step(self) -> bool:
        self.progress.advance(self.training_env.num_envs)
        for done in np.flatnonzero(self.locals["dones"]):
            episode = self.locals["infos"][done]["episode"]
            self.training.episodes.append((self.num_timesteps, episode["r"], episode["l"]))
        return True

    def count(self) -> None:
        """Add the time since the last call to what training took."""
        now = time.perf_counter()
        self.training.seconds += now - self._counted
        self._counted = now

    def curve(self) -> pd.DataFrame:
        """One row per training episode: transitions so far, return, length [steps]."""
        return pd.DataFrame(self.training.episodes, columns=["transitions", "return", "steps"])
