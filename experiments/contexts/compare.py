"""What each context is worth: the same agent with every context and several seeds, in one table and one figure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich import box
from rich.table import Table

from crossrec.config import CONTEXTS
from crossrec.errors import ConfigError, RunError, check_name, check_range
from crossrec.statistics import Estimate, scores_over_seeds

from ..compose import compose_train
from ..figures import draw_scores
from ..report import wide_console
from ..run import RunFolder
from ..side_by_side import run_all
from .finetune import tuned_pooling
from .tables import check_table_file, write_table_file

TUNED, TUNED_ITEMS = "finetuned", "none, tuned items"
_BOOTSTRAP_SEED = 0


@dataclass(frozen=True)
class Comparison:
    """Mean over seeds with 95% intervals, by context.

    Attributes:
        scores: Random is 0, the greedy oracle 1.
        gains: Score minus that of the same agent with the reference, on the same people and moments.
        people: How many were met per seed.
        raw: One row per run: context, seed, score, return per life, and the hash of all contexts that it used.
    """

    scores: dict[str, Estimate]
    gains: dict[str, Estimate]
    people: int
    raw: pd.DataFrame


def print_comparison(
    overrides: list[str],
    names: list[str],
    tuned: str | None,
    seeds: int,
    jobs: int,
    out: str | None,
    config_dir: str | None = None,
    reference: str = "none",
) -> None:
    """Do what is missing of the runs, then print the table and write it where that is asked.

    Args:
        overrides: Options of all runs, as for ``crossrec train``.
        names: Contexts; for the encoder in ``tuned`` TUNED, and TUNED_ITEMS, in which only items are embedded by it.
        tuned: Folder of a fine-tuned encoder.
        seeds: Runs per context: seeds 0 to this.
        jobs: Runs at once.
        out: ``.md``, ``.csv`` or ``.parquet``; beside a ``.md`` also a figure, and the scores of single runs as CSV.
        config_dir: Folder of own configs.
        reference: Context that gains are measured from.

    Raises:
        ConfigError: If an option is wrong, before anything runs.
        RunError: If a run fails; the others are finished first, and what is done is kept.
    """
    check_range("--seeds", seeds, 1, 10_000)
    check_range("--jobs", jobs, 1, 1024)
    for name in names:
        check_name("--contexts", name, [*CONTEXTS, *([TUNED, TUNED_ITEMS] if tuned else [])])
    if len(set(names)) < len(names) or reference not in names:
        raise ConfigError(f"--contexts={','.join(names)} must name each context once, and '{reference}' among them.")
    if any(word.startswith(("context=", "context.name=", "seed=")) for word in overrides):
        raise ConfigError("context= and seed= are what is compared; use --contexts and --seeds.")
    check_table_file(out)
    words = {
        (name, seed): [*overrides, *_words(name, tuned), f"seed={seed}"] for seed in range(seeds) for name in names
    }
    folders, failed = run_all({f"{name}, seed {seed}": w for (name, seed), w in words.items()}, jobs, config_dir)
    if failed:
        raise RunError(failed)
    runs = {name: [folders[f"{name}, seed {seed}"] for seed in range(seeds)] for name in names}
    comparison = compared(runs, reference)
    env = next((w.partition("=")[2] for w in reversed(overrides) if w.startswith("env=")), "cross_scenario")
    agent = compose_train(overrides, config_dir).agent.name
    title = f"{agent} on {env}: seeds 0 to {seeds - 1}, {comparison.people} people per seed, never met in training"
    caption = CAPTION.format(reference=reference)
    _print(comparison, title, caption)
    if out is not None:
        _write(Path(out), comparison, title, caption)


CAPTION = (
    "Score: random = 0, greedy oracle = 1. Gain: score minus that of the same agent with context={reference}. Means "
    "over seeds with 95% intervals; seeds, and people within seeds, are resampled together for all contexts."
)


def compared(runs: dict[str, list[RunFolder]], reference: str) -> Comparison:
    """Compare finished runs.

    Args:
        runs: By context, one for each seed; the same seeds everywhere.
        reference: One of the contexts.
    """
    names = list(runs)
    zero, one = (np.stack([_returns(run, policy) for run in runs[reference]]) for policy in ("random", "oracle"))
    table = np.stack([np.stack([_returns(run, run.result()["agent"]) for run in runs[name]]) for name in names])
    rng = np.random.default_rng(_BOOTSTRAP_SEED)
    scores, gains = scores_over_seeds(table, zero, one, names.index(reference), rng)
    raw = pd.DataFrame([_row(name, run.result()) for name in names for run in runs[name]])
    return Comparison(dict(zip(names, scores, strict=True)), dict(zip(names, gains, strict=True)), zero.shape[1], raw)


def frame(comparison: Comparison) -> pd.DataFrame:
    """One row per context, the best first."""
    rows = [
        {
            "context": name,
            "score": score.value,
            "score_low": score.low,
            "score_high": score.high,
            "gain": comparison.gains[name].value,
            "gain_low": comparison.gains[name].low,
            "gain_high": comparison.gains[name].high,
        }
        for name, score in comparison.scores.items()
    ]
    return pd.DataFrame(rows).sort_values("score", ascending=False, ignore_index=True)


def _write(out: Path, comparison: Comparison, title: str, caption: str) -> None:
    write_table_file(out, frame(comparison), f"{title}.\n\n{caption}")
    if out.suffix == ".md":
        write_table_file(out.with_suffix(".csv"), comparison.raw, "")
        bars = {
            name: {"score": estimate.value, "low": estimate.low, "high": estimate.high}
            for name, estimate in sorted(comparison.scores.items(), key=lambda entry: entry[1].value)
        }
        draw_scores(out.with_suffix(".png"), bars, set(bars), title)


def _row(name: str, result: dict[str, Any]) -> dict[str, Any]:
    scores = result["scores"][result["agent"]]
    used = result["contexts"].get("hash", "")
    return {
        "context": name,
        "seed": result["seed"],
        "score": scores["score"],
        "return": scores["return"],
        "contexts_hash": used,
    }


def _words(name: str, tuned: str | None) -> list[str]:
    if name in (TUNED, TUNED_ITEMS) and tuned is not None:
        pooling = tuned_pooling(Path(tuned))
        context = "encode" if name == TUNED else "none"
        return [f"context={context}", f"context.encoder_folder='{tuned}'", f"context.pooling={pooling}"]
    return [f"context={name}"]


def _returns(run: RunFolder, policy: str) -> NDArray[np.float64]:
    """(n,) returns of one policy by person."""
    people = pd.read_parquet(run.evaluation_file)
    returns = people[people["policy"] == policy].sort_values("user")["return"]
    values: NDArray[np.float64] = returns.to_numpy(np.float64)
    return values


def _print(comparison: Comparison, title: str, caption: str) -> None:
    table = Table(title=title, caption=caption, title_justify="left", caption_justify="left", box=box.SIMPLE_HEAD)
    for heading in ("context", "score", "95% interval", "gain", "95% interval"):
        table.add_column(heading, justify="left" if heading == "context" else "right", no_wrap=True)
    for row in frame(comparison).itertuples(index=False):
        table.add_row(
            str(row.context),
            f"{row.score:.3f}",
            f"{row.score_low:.3f} to {row.score_high:.3f}",
            f"{row.gain:+.3f}",
            f"{row.gain_low:+.3f} to {row.gain_high:+.3f}",
        )
    wide_console().print(table)
