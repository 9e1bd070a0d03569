"""Judges off-policy estimators: what they say of target policies from a log, beside the truth at the same moments.

The log is also cut into parts of whole lives that share nobody, each judged alone: one estimate that is near the truth
may be luck, the root mean squared error over parts is not.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.table import Table

from crossrec.config import ContextConfig, DQNConfig, TrainConfig
from crossrec.errors import ConfigError, check_range
from crossrec.log import Log
from crossrec.log_file import check_world, read_log
from crossrec.off_policy import ESTIMATORS, OffPolicyEvaluation, evaluate_target, true_value
from crossrec.options import check_env_config, from_options

from ..contexts.tables import check_table_file, write_table_file
from ..lab import Lab
from ..progress import Progress
from ..report import wide_console
from .behaviour import BehaviourPolicy, softened
from .judge_figure import draw_judgement
from .policies import NAMES, check_names, lab_for, target
from .replay import env_of, replay
from .reward_model import expected_by_model

TARGETS = ("random", "popularity", "content", "content@0.5")
_ROWS = 5_000  # moments whose probabilities are asked for together


@dataclasses.dataclass(frozen=True)
class Judging:
    """How a log is judged; options of ``crossrec off-policy``.

    Attributes:
        rows: Rows to read at most.
        repeats: Parts that the log is cut into.
        clip: Largest weight, or None.
        seed: Of the bootstrap and of the reward model.
    """

    rows: int = 1_000_000
    repeats: int = 20
    clip: float | None = None
    seed: int = 0


def config_of(about: Mapping[str, Any]) -> TrainConfig:
    """The config that a log was collected with, as far as people, world and contexts go.

    Raises:
        ConfigError: If the log does not say, or an option is unknown or not allowed.
    """
    env = env_of(about)
    check_env_config(env, "env.")
    context = from_options(ContextConfig, about.get("context", {}), "context.")
    return TrainConfig(env=env, agent=DQNConfig(), context=context, seed=about.get("seed", 0))


def judge(path: str, names: Sequence[str], how: Judging, *, show: bool = True) -> pd.DataFrame:
    """One row per target policy and estimator.

    Args:
        path: The log.
        names: Target policies: baselines or folders of runs; ``content@0.5`` shows something uniform half of the time.
        how: What is done.
        show: Whether to draw progress bars.

    Returns:
        ``policy``, ``estimator``, ``estimate`` with its ``error`` and 95% interval (``low``, ``high``), the ``truth``,
        ``rmse`` over the parts of the log, the ``effective`` number of rows, their ``coverage``, and whether support
        is complete (``covered``).

    Raises:
        ConfigError: If the log cannot be judged, or an option is wrong.
        RunError: For a folder that holds no finished run.
    """
    wanted = {name: _split(name) for name in names or TARGETS}
    check_names([name for name, _ in wanted.values()], "TARGET")
    check_range("--repeats", how.repeats, 1)
    log = read_log(path, limit=how.rows)
    config = config_of(log.about)
    with Progress(None, show) as progress:
        lab = lab_for(config, [name for name, _ in wanted.values()], progress)
        check_world(log, lab.world.catalogue, path)
        policies = {label: softened(target(lab, config, name), soft) for label, (name, soft) in wanted.items()}
        progress.stage("truth", 1)
        truth = replay(log)
        cuts = _cuts(log, how.repeats, path)
        progress.stage("judge", len(cuts))
        whole = _judge_rows(log, truth, lab, policies, how)
        parts = []
        for chosen in cuts:
            parts.append(_judge_rows(log.rows(chosen), truth[chosen], lab, policies, how))
            progress.advance()
    return _table(whole, parts)


def _split(label: str) -> tuple[str, float]:
    """``content@0.5`` as ``("content", 0.5)``."""
    name, at, soft = label.rpartition("@")
    if not at or Path(label).is_dir():
        return label, 0.0
    try:
        epsilon = float(soft)
    except ValueError:
        raise ConfigError(f"TARGET {label}: '{soft}' is no number; write for example {NAMES[-1]}@0.5.") from None
    check_range(f"TARGET {label}: epsilon", epsilon, 0.0, 1.0)
    return name, epsilon


def _cuts(log: Log, repeats: int, path: str) -> list[NDArray[np.intp]]:
    """Rows of each part; the last life of a part is whole."""
    starts = np.append(np.flatnonzero(log.steps == 0), len(log))
    lives = len(starts) - 1
    if lives < 2 * repeats:
        raise ConfigError(
            f"{path} has {lives} lives, too few to cut into {repeats} parts; log more steps or set fewer --repeats."
        )
    edges = starts[np.linspace(0, lives, repeats + 1).astype(int)]
    return [np.arange(first, end) for first, end in pairwise(edges)]


_Judged = dict[str, tuple[OffPolicyEvaluation, float]]


def _judge_rows(
    log: Log, truth: NDArray[np.float64], lab: Lab, policies: Mapping[str, BehaviourPolicy], how: Judging
) -> _Judged:
    model = expected_by_model(log, lab, how.seed)
    judged = {}
    for name, policy in policies.items():
        chances = probabilities(policy, log)
        found = evaluate_target(log, chances, model, clip=how.clip, seed=how.seed)
        judged[name] = (found, true_value(log, chances, truth))
    return judged


def probabilities(policy: BehaviourPolicy, log: Log) -> NDArray[np.float64]:
    """A policy's probabilities ``(N, C)`` at the moments of a log."""
    found = []
    for start in range(0, len(log), _ROWS):
        some = {key: value[start : start + _ROWS] for key, value in log.observations.items()}
        found.append(policy.probabilities(some))
    return np.concatenate(found)


def _table(whole: _Judged, parts: Sequence[_Judged]) -> pd.DataFrame:
    rows = []
    for policy, (found, truth) in whole.items():
        for estimator in ESTIMATORS:
            said = found.estimates[estimator]
            misses = [part[policy][0].estimates[estimator].value - part[policy][1] for part in parts]
            rows.append(
                {
                    "policy": policy,
                    "estimator": estimator,
                    "truth": truth,
                    "estimate": said.value,
                    "error": said.error,
                    "low": said.low,
                    "high": said.high,
                    "rmse": float(np.sqrt(np.mean(np.square(misses)))),
                    "effective": found.effective,
                    "coverage": found.coverage,
                    "covered": found.covered,
                }
            )
    return pd.DataFrame(rows)


def print_judgement(path: str, names: Sequence[str], how: Judging, out: str | None, *, show: bool = True) -> None:
    """Print what :func:`judge` finds; with ``out`` also write the table, and a picture beside it."""
    check_table_file(out)
    table = judge(path, names, how, show=show)
    console, printed = wide_console(), Table(title="mean reward of the next recommendation at the logged moments")
    for column in ("policy", "truth", "estimator", "estimate", "95% interval", "rmse of a part", "effective rows"):
        printed.add_column(column, justify="left" if column in ("policy", "estimator") else "right")
    for policy, group in table.groupby("policy", sort=False):
        for place, row in enumerate(group.itertuples()):
            first = (str(policy), f"{row.truth:.4f}") if place == 0 else ("", "")
            says = (f"{row.estimate:.4f}", f"{row.low:.4f} to {row.high:.4f}", f"{row.rmse:.4f}")
            printed.add_row(*first, str(row.estimator), *says, f"{row.effective:,.0f}" if place == 0 else "")
    console.print(printed)
    console.print(summary(table, how.repeats), soft_wrap=True)
    for policy, group in table[~table["covered"]].groupby("policy", sort=False):
        console.print(
            f"warning: {policy} shows what the log's policy hardly ever showed (coverage "
            f"{group['coverage'].iloc[0]:.2f} of 1); ips, snips and dr say little about it.",
            soft_wrap=True,
        )
    if out is not None:
        write_table_file(Path(out), table, f"{path}: {summary(table, how.repeats)}")
        picture = Path(out).with_suffix(".png")
        draw_judgement(picture, table, f"{Path(path).name}, {how.repeats} parts")
        console.print(f"{out} and {picture} are written.", soft_wrap=True)


def summary(table: pd.DataFrame, repeats: int) -> str:
    """Root mean squared error of each estimator over parts of the log and target policies, in words."""
    squares = (table["rmse"] ** 2).groupby(table["estimator"], sort=False).mean() ** 0.5
    told = ", ".join(f"{name} {value:.4f}" for name, value in squares.items())
    verdict = "holds" if squares["dr"] <= squares["ips"] else "DOES NOT HOLD"
    return (
        f"Root mean squared error over {repeats} parts of the log and all policies: {told}. "
        f"That dr is no worse than ips {verdict}."
    )
