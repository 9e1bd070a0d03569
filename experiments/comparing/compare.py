"""Two runs' agents paired: the same people with the same noise, so that only the recommendations differ."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crossrec.comparison import PairedDifference, detectable_difference, paired_difference
from crossrec.errors import RunError
from crossrec.statistics import Estimate, scores_over_seeds

from ..evaluated import ENDS
from ..journey import file_writer
from ..run import deciding, differences, flat
from .figure import draw_comparison
from .lives import Lives, check_pair, lives_of

# What is compared, per life, in words with its unit: the column, and by how much it is multiplied.
MEASURES: Mapping[str, tuple[str, float]] = {
    "return": ("return", 1.0),
    "clicks": ("click", 1.0),
    "conversions": ("conversion", 1.0),
    "dwell (min)": ("dwell", 1.0),
    "steps": ("steps", 1.0),
    "visits to scenarios": ("visits", 1.0),
    "churn (%)": ("churned", 100.0),
}
_FEW, _SEEDS = 20, 6  # people and seeds below which there is something to warn of


@dataclass(frozen=True)
class Measured:
    """One measure under both agents.

    Attributes:
        first: Mean under the first.
        second: Mean under the second.
        paired: First minus second.
        detectable: Smallest true difference that as many pairs are likely to show (80% power).
    """

    first: float
    second: float
    paired: PairedDifference
    detectable: float


@dataclass(frozen=True)
class Comparison:
    """Two runs' agents, or two ways to train with several seeds each.

    Attributes:
        names: What the two are called.
        folders: Of the runs, by side.
        people: How many, in each seed.
        seeds: How many.
        measures: By name, as in :data:`MEASURES`.
        scores: Normalised scores of both (random 0, oracle 1).
        score_difference: First minus second.
        scale: Return per life from score 0 to score 1.
        gaps: (seeds, people) differences of return, first minus second.
        warnings: What to know before trusting it.
    """

    names: tuple[str, str]
    folders: tuple[tuple[Path, ...], tuple[Path, ...]]
    people: int
    seeds: int
    measures: Mapping[str, Measured]
    scores: tuple[float, float]
    score_difference: Estimate
    scale: float
    gaps: NDArray[np.float64]
    warnings: tuple[str, ...]

    @property
    def unit(self) -> str:
        """What the pairs are: "people" with one run of each, else "seeds"."""
        return "people" if self.seeds == 1 else "seeds"


def compare(first: str | Path, second: str | Path, *, out: str | Path | None = None) -> Comparison:
    """Compare two runs' agents.

    Args:
        first: A finished run's folder, or several seeds' joined with commas.
        second: The same, with the same seeds.
        out: Picture of the paired differences to write, ``.png``.

    Raises:
        ConfigError: If the picture cannot be written.
        RunError: If a run is not complete or damaged, or two did not meet the same people in the same moments.
    """
    write = file_writer(out, {".png": draw_comparison})
    paths = [[part for part in str(side).split(",") if part] for side in (first, second)]
    if not all(paths) or len(paths[0]) != len(paths[1]):
        raise RunError(
            f"RUN_A names {len(paths[0])} runs and RUN_B {len(paths[1])}; give as many of both, with the same seeds."
        )
    sides = [[lives_of(path) for path in side] for side in paths]
    for pair in zip(*sides, strict=True):
        check_pair(*pair)
    for side in sides:
        _check_seeds(side)
    comparison = _compared(*sides)
    write(comparison)
    return comparison


def _check_seeds(side: Sequence[Lives]) -> None:
    """Runs of one side must differ in their seed only."""
    seeds = [lives.config.seed for lives in side]
    if len(set(seeds)) != len(seeds):
        raise RunError(f"{side[0].path} and the others of its side have the seeds {seeds}; give each seed once.")
    options = [{**deciding(lives.config), "seed": None} for lives in side]
    for lives, other in zip(side[1:], options[1:], strict=True):
        if differ := differences(options[0], other):
            raise RunError(f"{side[0].path} and {lives.path} differ in more than their seed ({'; '.join(differ[:4])}).")


def _compared(first: Sequence[Lives], second: Sequence[Lives]) -> Comparison:
    rng = np.random.default_rng(0)
    measures = {}
    for name, (column, factor) in MEASURES.items():
        a, b = (factor * _each(side, lambda lives: lives.agent, column) for side in (first, second))  # (s, n)
        x, y = (a[0], b[0]) if len(a) == 1 else (a.mean(axis=1), b.mean(axis=1))
        spread = float((x - y).std(ddof=1))
        measures[name] = Measured(
            float(a.mean()), float(b.mean()), paired_difference(x, y, rng), detectable_difference(spread, len(x))
        )
    returns = np.stack([_each(side, lambda lives: lives.agent, "return") for side in (first, second)])  # (2, s, n)
    zero, one = (_each(first, lambda lives, name=name: lives.policies[name], "return") for name in ENDS)
    scores, gap = _scores(returns, zero, one, rng)
    return Comparison(
        names=_names(first[0], second[0]),
        folders=(tuple(lives.path for lives in first), tuple(lives.path for lives in second)),
        people=returns.shape[2],
        seeds=len(first),
        measures=measures,
        scores=scores,
        score_difference=gap,
        scale=float((one - zero).mean()),
        gaps=returns[0] - returns[1],
        warnings=tuple(_warnings([*first, *second])),
    )


def _scores(
    returns: NDArray[np.float64], zero: NDArray[np.float64], one: NDArray[np.float64], rng: np.random.Generator
) -> tuple[tuple[float, float], Estimate]:
    """Normalised scores of (2, s, n) returns, and their paired difference over people of one seed or over seeds."""
    values, gaps = scores_over_seeds(returns, zero, one, 1, rng)
    gap = gaps[0]
    if len(zero) > 1:
        low, high = zero.mean(axis=1), one.mean(axis=1)
        by_seed = (returns.mean(axis=2) - low) / (high - low)  # (2, s)
        gap = paired_difference(by_seed[0], by_seed[1], rng).difference
    return (values[0].value, values[1].value), gap


def _each(side: Sequence[Lives], of: Callable[..., pd.DataFrame], column: str) -> NDArray[np.float64]:
    """(s, n) values of a column."""
    return np.stack([of(lives)[column].to_numpy(np.float64) for lives in side])


def _names(first: Lives, second: Lives) -> tuple[str, str]:
    """What tells the two apart: agent and context, and the options that differ where those do not."""
    a, b = (f"{lives.config.agent.name}, context={lives.config.context.name}" for lives in (first, second))
    if a != b:
        return a, b
    old, new = (flat(deciding(lives.config)) for lives in (first, second))
    differ = [name for name in dict.fromkeys([*old, *new]) if old.get(name) != new.get(name) and name != "seed"]
    if not differ:
        return f"{first.path}", f"{second.path}"
    told = (", ".join(f"{name}={options.get(name)}" for name in differ[:2]) for options in (old, new))
    one, two = (f"{a}, {words}" for words in told)
    return one, two


def _warnings(runs: Sequence[Lives]) -> list[str]:
    commits = {lives.commit for lives in runs}
    told = []
    if len(commits) > 1:
        names = ", ".join(sorted((commit or "unknown")[:10] for commit in commits))
        told.append(f"The runs were computed by different commits of CrossRec ({names}): the difference may be theirs.")
    if runs[0].config.eval_people < _FEW:
        told.append(f"{runs[0].config.eval_people} people are few: the intervals are rough.")
    if 1 < (seeds := len(runs) // 2) < _SEEDS:
        told.append(f"A sign-flip test of {seeds} seeds cannot give a p-value below {2.0 / 2**seeds:g}.")
    return told
