"""What a page about 1,000 runs costs: how long it takes to build, and to open in a browser.

The runs are made up, with all the files that real ones have. Opening is timed in headless Chromium from the call until
the page stands and the charts that are first in sight are drawn.
"""

from __future__ import annotations

import copy
import functools
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from omegaconf import OmegaConf

from crossrec.config import TrainConfig
from crossrec.experiments.compose import compose_train
from crossrec.experiments.reporting.report import report
from crossrec.experiments.run import RunFolder, deciding, folder_of, provenance, write_json
from crossrec.metrics import METRICS, summary

_ENVS, _AGENTS, _CONTEXTS, _SEEDS = ("cross_scenario", "news"), ("dqn", "ppo"), ("none", "template", "shuffled"), 84
_RUNS, _BUILD, _OPEN = 1000, 30.0, 3.0  # runs; limits [s]
_QUALITY = {"random": 0.0, "popularity": 0.3, "content": 0.4, "oracle": 1.0}  # of made-up policies
_CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def main() -> int:
    """Build and open; returns 1 where either takes longer than it may."""
    with tempfile.TemporaryDirectory() as folder:
        runs = Path(folder) / "runs"
        write_runs(runs)
        began = time.perf_counter()
        page = report(runs)[0]
        built = time.perf_counter() - began
        size = page.stat().st_size / 1e6
        opened = min(seconds_to_open(page) for _ in range(3))
    print(f"{_RUNS:,} runs, a page of {size:.1f} MB")
    print(f"built in   {built:5.1f} s, allowed {_BUILD:.0f} s")
    print(f"opened in  {opened:5.1f} s, allowed {_OPEN:.0f} s (best of 3, Chromium)")
    return int(built > _BUILD or opened > _OPEN)


def browser() -> str | None:
    """Path of the system's Chromium, if there is one."""
    return next((path for name in _CHROMIUM if (path := shutil.which(name))), None)


def seconds_to_open(page: Path) -> float:
    """How long a page takes until it stands and what is first in sight is drawn [s]."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser(), args=["--no-sandbox"])
        tab = chromium.new_page(viewport={"width": 1280, "height": 1600})
        began = time.perf_counter()
        tab.goto(page.resolve().as_uri(), wait_until="domcontentloaded")
        tab.wait_for_selector("html[data-ready]", state="attached")
        tab.locator("#chart-scores").scroll_into_view_if_needed()
        tab.wait_for_selector("#chart-scores[data-drawn] .main-svg")
        seconds = time.perf_counter() - began
        chromium.close()
    return seconds


def write_runs(runs: Path) -> None:
    """Make up all the runs."""
    count = 0
    for env in _ENVS:
        for agent in _AGENTS:
            for context in _CONTEXTS:
                for seed in range(_SEEDS):
                    if count < _RUNS:
                        write_run(runs, (f"env={env}", f"agent={agent}", f"context={context}"), seed)
                        count += 1


def write_run(
    runs: Path, words: tuple[str, ...], seed: int, *, quality: float = 0.5, people: int = 40, measured: bool = True
) -> RunFolder:
    """Make up one finished run.

    Args:
        runs: Folder of runs.
        words: Options without a seed, as for ``crossrec train``.
        seed: The run's.
        quality: About which score its agent has.
        people: How many are met in evaluation.
        measured: Whether to write metrics and journeys too.
    """
    config, text = _config((*words, f"eval_people={people}", f"runs={runs}"))
    config = copy.copy(config)
    config.seed = seed
    folder = folder_of(config)
    folder.path.mkdir(parents=True)
    folder.config_file.write_text(text.replace("\nseed: 0\n", f"\nseed: {seed}\n"), encoding="utf-8")
    lives = _lives(config, quality)
    lives.to_parquet(folder.evaluation_file, index=False)
    noise = np.random.default_rng([seed, len(config.agent.name)])
    at = np.arange(1, 301) * 200
    learnt = 3.0 + 12.0 * quality * at / at[-1] + noise.normal(0.0, 1.0, len(at))
    pd.DataFrame({"transitions": at, "return": learnt, "steps": 40}).to_parquet(folder.training_file, index=False)
    scenarios = [str(name) for name in config.env.scenarios]
    write_json(folder.trained_file, {"transitions": int(at[-1]), "seconds": 60.0})
    write_json(folder.result_file, _result(config, folder, lives, scenarios))
    if measured:
        _metrics(config, noise, scenarios).to_parquet(folder.path / "metrics.parquet", index=False)
        _journeys(noise, scenarios).to_parquet(folder.path / "journeys.parquet", index=False)
    return folder


@functools.cache
def _config(words: tuple[str, ...]) -> tuple[TrainConfig, str]:
    config = compose_train(list(words))
    deciding(config)  # refuses nothing, but shows that the config is whole
    return config, OmegaConf.to_yaml(OmegaConf.structured(config))


def _lives(config: TrainConfig, quality: float) -> pd.DataFrame:
    """One row per policy and person; people and baselines are the same for all agents of a seed."""
    n = config.eval_people
    people = np.random.default_rng(config.seed).gamma(20.0, 1.0, n)
    tables = []
    for name, level in {**_QUALITY, config.agent.name: quality}.items():
        own = np.random.default_rng([config.seed, len(name), int(1000 * level)])
        returns = 3.0 + level * 0.8 * people + own.normal(0.0, 1.0, n)
        clicks = own.poisson(8.0 * (0.2 + level), n).astype(np.float64)
        columns = {"return": returns, "steps": 40.0, "click": clicks, "dwell": clicks * 2.0, "conversion": clicks // 5}
        ids = config.eval_first_user + np.arange(n)
        table = pd.DataFrame({"user": ids, **columns, "visits": 6.0, "churned": 0.0, "policy": name})
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def _result(config: TrainConfig, folder: RunFolder, lives: pd.DataFrame, scenarios: list[str]) -> dict[str, Any]:
    rows = {str(name): summary(group) for name, group in lives.groupby("policy")}
    low, high = rows["random"]["return"], rows["oracle"]["return"]
    for row in rows.values():
        row["score"] = (row["return"] - low) / (high - low)
        row |= {"low": row["score"] - 0.05, "high": row["score"] + 0.05}
    return {
        "run": folder.path.name,
        "scenarios": scenarios,
        "agent": config.agent.name,
        "context": config.context.name,
        "seed": config.seed,
        "people": config.eval_people,
        "scores": rows,
        "training": {"transitions": config.steps, "seconds": 60.0},
        **_provenance(),
    }


@functools.cache
def _provenance() -> Mapping[str, Any]:
    return provenance()


def _metrics(config: TrainConfig, noise: np.random.Generator, scenarios: list[str]) -> pd.DataFrame:
    keys = [
        (policy, scenario, people, name)
        for policy in (*_QUALITY, config.agent.name)
        for scenario in ("all", *scenarios)
        for people in ("all", "cold", "warm")
        for name, metric in METRICS.items()
        if scenario == "all" or not metric.whole_life
    ]
    table = pd.DataFrame(keys, columns=["policy", "scenario", "people", "metric"])
    return table.assign(value=noise.random(len(table)), n=config.eval_people)


def _journeys(noise: np.random.Generator, scenarios: list[str]) -> pd.DataFrame:
    people, steps = 8, 40
    n = people * steps
    clicked = noise.random(n) < 0.3
    return pd.DataFrame(
        {
            "user": np.repeat(500_000 + np.arange(people), steps),
            "step": np.tile(np.arange(steps), people),
            "minute": noise.integers(0, 10_080, n),
            "scenario": noise.choice(scenarios, n),
            "title": "A title",
            "topic": "cooking",
            "clicked": clicked,
            "converted": clicked & (noise.random(n) < 0.2),
            "dwell": clicked * 30.0,
            "reward": clicked * 1.2,
            "satisfaction": noise.random(n),
        }
    )


if __name__ == "__main__":
    sys.exit(main())
