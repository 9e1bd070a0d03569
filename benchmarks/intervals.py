"""Whether intervals keep their word, and what common random numbers save.

First, comparisons are made up in which there is no true difference: a 95% interval should cover 0 in about 95% of them
(of 500, 92% to 98% is what chance allows). Then the same agent, trained for a little longer, is compared with itself on
the same people with the same noise: how much of the variance of an unpaired comparison is left.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from crossrec.aggregates import aggregate, probability_of_improvement
from crossrec.comparison import paired_difference
from crossrec.errors import CrossRecError
from crossrec.statistics import Estimate, scores_over_seeds

ALLOWED, MOST_LEFT = (0.92, 0.98), 0.5
COMPARISONS = 500
_RESAMPLES = 1_000
_BASELINES = ("random", "popularity", "content", "oracle")
Draw = Callable[[np.random.Generator, int], tuple[NDArray[np.float64], NDArray[np.float64]]]
_MEAN, _SPREAD = 13.0, 6.7  # of the returns of a life under a trained agent in CrossScenario-v0


def counts(rng: np.random.Generator, n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Negative binomial returns of equal agents: n people differ (gamma), and so do their lives (Poisson)."""
    shape = _MEAN**2 / (_SPREAD**2 - _MEAN)
    person = rng.gamma(shape, _MEAN / shape, n)
    return rng.poisson(person).astype(np.float64), rng.poisson(person).astype(np.float64)


def skewed(rng: np.random.Generator, n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Log-normal returns of equal agents, with a part that is the person's."""
    person = rng.normal(0.0, 0.7, n)
    first, second = (np.exp(person + rng.normal(0.0, 0.5, n)) for _ in range(2))
    return first, second


def unlike(rng: np.random.Generator, n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Equal means of unlike agents: what one gives varies a lot and is skewed, what the other gives hardly varies."""
    first, _ = counts(rng, n)
    return first, rng.normal(_MEAN, 1.0, n)


DRAWS: Mapping[str, Draw] = {"counts": counts, "log-normal": skewed, "unlike": unlike}


@dataclass(frozen=True)
class Case:
    """One kind of comparison without a true difference.

    Attributes:
        interval: What is checked.
        data: What was made up.
        truth: What the interval should cover.
        make: One comparison's interval.
        demanded: Whether the coverage must be as promised, or is only told.
    """

    interval: str
    data: str
    truth: float
    make: Callable[[np.random.Generator], Estimate]
    demanded: bool = True


def cases() -> list[Case]:
    """All kinds of comparison, at the sizes that are in use."""
    people = [
        Case("paired_difference", f"{name}, {n:,} people", 0.0, lambda rng, draw=draw, n=n: _paired(rng, draw, n))
        for name, draw in DRAWS.items()
        for n in (30, 100, 1000)
    ]
    seeds = [Case("paired_difference", f"{n} seeds", 0.0, lambda rng, n=n: _paired(rng, _seeds, n)) for n in (3, 5, 10)]
    tables = []
    for tasks, n in ((1, 5), (4, 3), (4, 5), (4, 10), (1, 50)):
        of = f"{tasks} task{'s' if tasks > 1 else ''} of {n} seeds"
        # With fewer it depends on how scores are distributed, which nobody knows.
        sure = tasks * n >= 20
        tables += [
            Case("aggregate, iqm", of, 0.0, lambda rng, t=tasks, n=n: _iqm(rng, t, n), sure),
            Case("probability_of_improvement", of, 0.5, lambda rng, t=tasks, n=n: _improved(rng, t, n), sure),
        ]
    whole = [
        Case("scores_over_seeds", f"{s} seeds of 100 people", 0.0, lambda rng, s=s: _scored(rng, s), False)
        for s in (3, 5)
    ]
    return [*people, *seeds, *tables, *whole]


def coverage(case: Case, comparisons: int = COMPARISONS) -> float:
    """Share of made-up comparisons whose interval covers the truth."""
    covered = 0
    for seed in range(comparisons):
        estimate = case.make(np.random.default_rng([seed, 5]))
        covered += estimate.low <= case.truth <= estimate.high
    return covered / comparisons


def kept(share: float) -> bool:
    """Whether a 95% interval keeps its word."""
    return ALLOWED[0] <= share <= ALLOWED[1]


def _paired(rng: np.random.Generator, draw: Draw, n: int) -> Estimate:
    return paired_difference(*draw(rng, n), rng, n_resamples=_RESAMPLES, n_flips=1).difference


def _seeds(rng: np.random.Generator, n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return rng.normal(0.6, 0.03, n), rng.normal(0.6, 0.02, n)


def _tasks(rng: np.random.Generator, tasks: int, n: int) -> list[NDArray[np.float64]]:
    """Scores that differ from 0 by chance alone."""
    return [rng.normal(0.0, 0.03, n) for _ in range(tasks)]


def _iqm(rng: np.random.Generator, tasks: int, n: int) -> Estimate:
    return aggregate({"policy": _tasks(rng, tasks, n)}, rng, n_resamples=_RESAMPLES)["policy"].iqm


def _improved(rng: np.random.Generator, tasks: int, n: int) -> Estimate:
    first, second = _tasks(rng, tasks, n), _tasks(rng, tasks, n)
    return probability_of_improvement(first, second, rng, n_resamples=_RESAMPLES)


def _scored(rng: np.random.Generator, s: int) -> Estimate:
    """Two equal ways to train, whose seeds' agents differ a little."""
    person = rng.normal(0.0, 3.0, (s, 100))
    zero, one, first, second = (
        mean + person + rng.normal(0.0, spread, (s, 1)) + rng.normal(0.0, 3.0, (s, 100))
        for mean, spread in ((2.5, 0.0), (20.0, 0.0), (_MEAN, 0.5), (_MEAN, 0.5))
    )
    return scores_over_seeds(np.stack([first, second]), zero, one, 1, rng, n_resamples=200)[1][0]


def print_coverage(console: Console, comparisons: int) -> bool:
    """Print how often each interval covers the truth; whether all do that must."""
    table = Table(title=f"{comparisons} comparisons without a true difference", title_justify="left", box=SIMPLE_HEAD)
    for heading in ("95% interval of", "made up"):
        table.add_column(heading)
    for heading in ("covers the truth", "demand", ""):
        table.add_column(heading, justify="right")
    met = True
    for case in cases():
        share = coverage(case, comparisons)
        demand = f"{ALLOWED[0]:.0%} to {ALLOWED[1]:.0%}" if case.demanded else "none"
        verdict = ("met" if kept(share) else "MISSED") if case.demanded else ""
        met &= kept(share) or not case.demanded
        table.add_row(case.interval, case.data, f"{share:.1%}", demand, verdict)
    console.print(table)
    return met


def print_variance(console: Console, runs: Path, words: Sequence[str], steps: Sequence[int]) -> bool:
    """Train one agent for different numbers of steps, and print what pairing leaves of the variance."""
    from crossrec.experiments.comparing.compare import MEASURES, compare
    from crossrec.experiments.compose import compose_train
    from crossrec.experiments.train import train

    configs = [compose_train([*words, f"steps={n}", f"runs={runs}"]) for n in steps]
    folders = [train(config, show=console.is_terminal).path for config in configs]
    found = compare(*folders)
    table = Table(
        title=f"{found.names[0]} against {steps[1]:,} steps, {found.people} people with the same noise",
        title_justify="left",
        box=SIMPLE_HEAD,
    )
    table.add_column("per life")
    for heading in ("A - B", "variance, paired to unpaired", "and what baselines explain", "people, unpaired"):
        table.add_column(heading, justify="right")
    lives, agent = [pd.read_parquet(folder / "evaluation.parquet") for folder in folders], configs[0].agent.name
    for name, (column, _) in MEASURES.items():
        paired = found.measures[name].paired
        left = paired.variance_ratio * unexplained(lives, agent, column)
        people = f"{paired.unpaired_people:,}" if paired.unpaired_people else ""
        table.add_row(name, f"{paired.difference.value:+.2f}", f"{paired.variance_ratio:.3f}", f"{left:.3f}", people)
    console.print(table)
    others = {name: paired_ratio(lives[0], agent, name) for name in _BASELINES}
    told = ", ".join(f"{name} {value:.3f}" for name, value in others.items())
    console.print(f"variance ratio of the return against policies that are not alike: {told}")
    ratio = found.measures["return"].paired.variance_ratio
    console.print(f"return: {ratio:.3f}, demand at most {MOST_LEFT:g}: {'met' if ratio <= MOST_LEFT else 'MISSED'}")
    return ratio <= MOST_LEFT


def paired_ratio(lives: pd.DataFrame, first: str, second: str) -> float:
    """Variance ratio of the returns of two policies of one evaluation."""
    a, b = (lives.loc[lives["policy"] == name, "return"].to_numpy(np.float64) for name in (first, second))
    return paired_difference(a, b, np.random.default_rng(0), n_resamples=1, n_flips=1).variance_ratio


def unexplained(lives: Sequence[pd.DataFrame], agent: str, column: str) -> float:
    """Share of the variance of paired differences that the baselines' returns of the same people do not explain.

    So much would be left with these as control variates (CUPED, Deng et al. 2013), if their true means were known from
    many more people; with the same people's means they change nothing, for both agents met the same people.
    """
    first, second = (table.loc[table["policy"] == agent, column].to_numpy(np.float64) for table in lives)
    controls = [lives[0].loc[lives[0]["policy"] == name, "return"].to_numpy(np.float64) for name in _BASELINES]
    design, gaps = np.column_stack([np.ones(len(first)), *controls]), first - second
    rest = gaps - design @ np.linalg.lstsq(design, gaps, rcond=None)[0]
    return float(rest.var(ddof=design.shape[1]) / gaps.var(ddof=1))


def main() -> None:
    """Print coverage and variance ratio; ends with status 1 where a demand is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--comparisons", type=int, default=COMPARISONS, help="made up of each kind")
    parser.add_argument("--runs", type=Path, help="folder that keeps the two runs; default: none does")
    parser.add_argument("--steps", type=int, nargs=2, default=(20_000, 24_000), help="of the two agents' training")
    parser.add_argument("words", nargs="*", help="more options of the two runs, as for crossrec train")
    options = parser.parse_args()
    if options.comparisons < 1:
        parser.error(f"--comparisons {options.comparisons} is out of range; allowed: at least 1")
    words = ["context=template", "context.encoder=hashing", "people=64", "train_users=10000"]
    words += ["agent.gradient_steps=0.03125", "eval_people=400", *options.words]
    console = Console(width=110)
    met = print_coverage(console, options.comparisons)
    try:
        with tempfile.TemporaryDirectory() as folder:
            met &= print_variance(console, options.runs or Path(folder), words, options.steps)
    except CrossRecError as error:
        raise SystemExit(f"intervals: {error}") from None
    raise SystemExit(not met)


if __name__ == "__main__":
    main()
