"""User-steps per CPU-second of the vector environment beside the minimal NumPy simulator, in turns in one run."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks.minimal import MinimalSimulator
from crossrec.envs.vector import CrossScenarioVectorEnv

PEOPLE = (1, 64, 1024, 8192)
BAR_PEOPLE, BAR = 1024, 0.15
_ROUNDS = 7
_SECONDS = 0.4  # CPU seconds of one measurement


def rate(step: Callable[[], object], people: int) -> float:
    """User-steps per CPU-second."""
    step()
    began, steps = time.process_time(), 0
    while (spent := time.process_time() - began) < _SECONDS:
        step()
        steps += 1
    return people * steps / spent


def measure(people: int) -> tuple[float, float, float]:
    """Medians of ours, of the reference, and of their ratio in back-to-back pairs."""
    env, reference = CrossScenarioVectorEnv(people), MinimalSimulator(people)
    env.reset(seed=0)
    actions = np.random.default_rng(0).integers(0, env.config.n_candidates, people)
    pairs = np.array(
        [
            (rate(lambda: env.step(actions), people), rate(lambda: reference.step(actions), people))
            for _ in range(_ROUNDS)
        ]
    )
    ours, theirs = np.median(pairs, axis=0)
    return float(ours), float(theirs), float(np.median(pairs[:, 0] / pairs[:, 1]))


def main() -> None:
    """Print the table."""
    table = Table(title="user-steps per CPU-second, 50 candidates, 2,000 items", title_justify="left", box=SIMPLE_HEAD)
    for heading in ("people", "CrossScenario-v0", "minimal NumPy simulator", "ratio"):
        table.add_column(heading, justify="right")
    ratios = {}
    for people in PEOPLE:
        ours, theirs, ratios[people] = measure(people)
        table.add_row(f"{people:,}", f"{ours:,.0f}", f"{theirs:,.0f}", f"{ratios[people]:.2f}")
    console = Console()
    console.print(table)
    held = "holds" if ratios[BAR_PEOPLE] >= BAR else "DOES NOT HOLD"
    console.print(f"bar: at {BAR_PEOPLE:,} people at least {BAR} of the minimal simulator: {held}")


if __name__ == "__main__":
    main()
