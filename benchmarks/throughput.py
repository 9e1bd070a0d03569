"""User-steps per CPU-second over people, items and slates, beside the minimal NumPy simulator and, if measured, peers.

Ours and the reference take turns in one run. One person is the single environment, more are the vector environment.
What `make bench-peers` measured on this machine is printed beside it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.minimal import MinimalSimulator
from crossrec.envs.single import CrossScenarioEnv
from crossrec.envs.vector import CrossScenarioVectorEnv

PEOPLE, ITEMS, SLATES = (1, 64, 1_024, 8_192), (1_000, 10_000, 100_000, 1_000_000), (1, 10)
PEERS = Path("runs/peers.json")
OF_MINIMAL, OF_PEER, RECORD, SLOWER, GIGABYTES = 0.4, 40.0, 1.2e6, 2.5, 4.0
_ROUNDS = 5
_SECONDS = 0.25  # CPU seconds of one measurement
_N_SCENARIOS = 5


def rate(step: Callable[[], object], people: int) -> float:
    """User-steps per CPU-second."""
    step()
    began, steps = time.process_time(), 0
    while (spent := time.process_time() - began) < _SECONDS:
        step()
        steps += 1
    return people * steps / spent


def stepper(people: int, items: int, slate: int) -> Callable[[], object]:
    """One step of everybody with random actions, resets as they come."""
    options: dict[str, Any] = {
        "items_per_scenario": items // _N_SCENARIOS,
        "slate_size": slate,
        "history_length": max(10, slate),
    }
    rng, c = np.random.default_rng(0), 50
    if people == 1:
        env = CrossScenarioEnv(**options)
        env.reset(seed=0)
        choices = rng.integers(0, c, (1_000, slate)) if slate > 1 else rng.integers(0, c, 1_000)
        turn = iter(range(10**9))

        def once() -> None:
            *_, terminated, truncated, _ = env.step(choices[next(turn) % 1_000])
            if terminated or truncated:
                env.reset()

        return once
    envs = CrossScenarioVectorEnv(people, **options)
    envs.reset(seed=0)
    actions = rng.integers(0, c, (people, slate) if slate > 1 else people)
    return lambda: envs.step(actions)


def measure(people: int, items: int, slate: int) -> tuple[float, float, float]:
    """Medians of ours, of the reference (slate 1), and of their ratio in back-to-back pairs."""
    ours, reference = stepper(people, items, slate), MinimalSimulator(people, n_items=items)
    actions = np.random.default_rng(0).integers(0, 50, people)
    pairs = np.array(
        [(rate(ours, people), rate(lambda: reference.step(actions), people)) for _ in range(_ROUNDS)],
    )
    mine, theirs = np.median(pairs, axis=0)
    return float(mine), float(theirs), float(np.median(pairs[:, 0] / pairs[:, 1]))


def peers() -> dict[str, Any]:
    """Rates by peer, items and slate, as `make bench-peers` wrote them; empty where it has not run."""
    found: dict[str, Any] = json.loads(PEERS.read_text(encoding="utf-8"))["rates"] if PEERS.is_file() else {}
    return found


def gigabytes() -> float:
    """Peak memory of a process that builds a world of a million items and steps 8,192 people."""
    code = (
        "import resource, numpy as np; from crossrec.envs.vector import CrossScenarioVectorEnv as V;"
        "e = V(8192, items_per_scenario=200_000); e.reset(seed=0);"
        "[e.step(np.full(8192, i)) for i in range(10)];"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(done.stdout) / 2**20  # Linux counts in KiB


def print_table(console: Console, rates: dict[tuple[int, int, int], tuple[float, float, float]]) -> None:
    """Print all rates, and those of peers beside one person's."""
    table = Table(title="user-steps per CPU-second, 50 candidates", title_justify="left", box=SIMPLE_HEAD)
    measured = peers()
    for heading in ("people", "items", "slate 1", "slate 10", "minimal NumPy", "ratio", *sorted(measured)):
        table.add_column(heading, justify="right")
    for people, items in product(PEOPLE, ITEMS):
        one, ten = rates[people, items, 1], rates[people, items, 10]
        theirs = [measured[name].get(str(items), {}).get("1") if people == 1 else None for name in sorted(measured)]
        cells = [f"{rate_:,.0f}" if rate_ else "" for rate_ in theirs]
        table.add_row(
            f"{people:,}", f"{items:,}", f"{one[0]:,.0f}", f"{ten[0]:,.0f}", f"{one[1]:,.0f}", f"{one[2]:.2f}", *cells
        )
    console.print(table)


def bars(rates: dict[tuple[int, int, int], tuple[float, float, float]], memory: float) -> dict[str, bool]:
    """Each bar in words, and whether it holds."""
    crowd, ratio = rates[1_024, 1_000, 1][0], rates[1_024, 1_000, 1][2]
    slower = {n: rates[n, 1_000, 1][0] / rates[n, 1_000_000, 1][0] for n in PEOPLE}
    found = {
        f"1,024 people {ratio:.2f} of the minimal simulator, at least {OF_MINIMAL}": ratio >= OF_MINIMAL,
        f"fastest {max(r[0] for r in rates.values()):,.0f} user-steps per second, more than {RECORD:,.0f}": max(
            r[0] for r in rates.values()
        )
        > RECORD,
        f"a million items {max(slower.values()):.2f} times slower than a thousand at worst, at most {SLOWER}": max(
            slower.values()
        )
        <= SLOWER,
        f"a million items and 8,192 people in {memory:.2f} GB, less than {GIGABYTES:g}": memory < GIGABYTES,
    }
    best = max((rows["1000"]["1"] for rows in peers().values() if "1000" in rows), default=None)
    if best is not None:
        single = rates[1, 1_000, 1][0]
        found[f"single environment {single:,.0f}, at least the faster peer's {best:,.0f}"] = single >= best
        found[f"1,024 people {crowd / best:.0f} times the faster peer, at least {OF_PEER:g}"] = crowd >= OF_PEER * best
    return found


def main() -> None:
    """Print the table and the bars."""
    console = Console(width=max(Console().width, 110))
    cells = list(product(PEOPLE, ITEMS, SLATES))
    rates = {cell: measure(*cell) for cell in track(cells, "throughput", console=Console(stderr=True))}
    print_table(console, rates)
    for words, held in bars(rates, gigabytes()).items():
        console.print(f"bar: {words}: {'holds' if held else 'DOES NOT HOLD'}", highlight=False)
    if not peers():
        console.print("peers are not measured on this machine yet; `make bench-peers` does it")


if __name__ == "__main__":
    main()
