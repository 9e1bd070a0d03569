"""Steps per CPU-second of two peers' own single environments, RecSim and SARDINE, by catalogue and slate size.

`make bench-peers` runs this in `.venv-peers`, where CrossRec is not installed. It prints a table and writes
`runs/peers.json`: `{"rates": {"recsim": {"1000": {"1": rate, ...}, ...}, "sardine": ...}, "rounds": ..., ...}`.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.metadata
import io
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

# CPU time adds up over threads, and a BLAS reads these when NumPy loads it.
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"

try:
    import numpy as np
    from numpy.typing import NDArray
except ModuleNotFoundError:
    raise SystemExit("no peer is installed here: run this with `make bench-peers`") from None

ITEMS = (1_000, 10_000, 100_000)
SLATES = (1, 10)
OUTPUT = Path(__file__).parent.parent / "runs" / "peers.json"
_ROUNDS = 3
_WARM_UP, _SECONDS = 0.2, 1.0  # CPU seconds before, and of, one measurement
_ACTIONS = 512  # slates drawn beforehand and used in turns

Rates = dict[str, dict[str, dict[str, float]]]  # peer, items, slate


class Peer(Protocol):
    """What a measurement needs of a peer's environment."""

    def __init__(self, items: int, slate: int, seed: int) -> None: ...

    def step(self, slate: NDArray[np.int64]) -> None:
        """One step, and the reset that follows the end of an episode."""

    def check(self, slate: NDArray[np.int64]) -> bool:
        """Whether one more step offers as many items, and answers as long a slate, as asked for."""


class RecSim:
    """RecSim's interest evolution: every item is a candidate, and all are in each observation."""

    def __init__(self, items: int, slate: int, seed: int) -> None:
        with contextlib.redirect_stderr(io.StringIO()):  # gym prints that nobody maintains it
            evolution = importlib.import_module("recsim.environments.interest_evolution")
        np.random.seed(seed)  # noqa: NPY002 its choice model draws from the global stream
        self.items = items
        self.env: Any = evolution.create_environment(
            # Drawing all documents anew at each step, its other setting, is 5 to 12 times slower.
            {"num_candidates": items, "slate_size": slate, "resample_documents": False, "seed": seed}
        )
        self.env.reset()

    def step(self, slate: NDArray[np.int64]) -> None:
        """One step, and the reset that follows the end of an episode."""
        if self.env.step(slate)[2]:
            self.env.reset()

    def check(self, slate: NDArray[np.int64]) -> bool:
        """Whether one more step offers as many items, and answers as long a slate, as asked for."""
        observation = self.env.step(slate)[0]
        return len(observation["doc"]) == self.items and len(observation["response"]) == len(slate)


class Sardine:
    """SARDINE's boredom and influence: each step scores all items, and the observation is the last slate."""

    def __init__(self, items: int, slate: int, seed: int) -> None:
        gymnasium, _ = importlib.import_module("gymnasium"), importlib.import_module("sardine")
        np.random.seed(seed)  # noqa: NPY002 its item vectors come from the global stream
        self.items = items
        # The single-item form of this id has the same settings but the slate. Its own vectors are for 1,000 items:
        # None draws others. Unwrapped, as Gymnasium's checks are not the peer's cost.
        options = {"num_items": items, "slate_size": slate, "env_embedds": None}
        self.env: Any = gymnasium.make("sardine/SlateTopK-BoredInf-v0", **options).unwrapped
        self.env.reset(seed=seed)

    def step(self, slate: NDArray[np.int64]) -> None:
        """One step, and the reset that follows the end of an episode."""
        if self.env.step(slate)[2]:
            self.env.reset()

    def check(self, slate: NDArray[np.int64]) -> bool:
        """Whether one more step offers as many items, and answers as long a slate, as asked for."""
        observation = self.env.step(slate)[0]
        scored, allowed = len(self.env.item_embedd), self.env.action_space.nvec
        return scored == self.items and (allowed == self.items).all() and len(observation["slate"]) == len(slate)


PEERS: dict[str, tuple[str, type[Peer]]] = {"recsim": ("recsim-no-tf", RecSim), "sardine": ("sardine-rec", Sardine)}


def rate(step: Callable[[NDArray[np.int64]], None], slates: NDArray[np.int64], seconds: float) -> float:
    """Steps per CPU-second; the slates are used in turns."""
    began, steps = time.process_time(), 0
    while (spent := time.process_time() - began) < seconds:
        step(slates[steps % len(slates)])
        steps += 1
    return steps / spent


def measure(peer: type[Peer], items: int, slate: int, seed: int) -> float:
    """One round of a fresh environment under random slates of distinct items.

    Raises:
        RuntimeError: If the environment has another size than asked for.
    """
    rng = np.random.default_rng(seed)
    slates = np.array([rng.choice(items, slate, replace=False) for _ in range(_ACTIONS)])
    env = peer(items, slate, seed)
    if not env.check(slates[0]):
        raise RuntimeError(f"the environment does not have {items:,} items and slates of {slate}")
    rate(env.step, slates, _WARM_UP)
    gc.collect()
    return rate(env.step, slates, _SECONDS)


def rounds(peer: type[Peer]) -> dict[str, dict[str, list[float]]]:
    """The rate of every round by items and slate; a round visits all sizes, so that a slow minute hits all alike."""
    found: dict[str, dict[str, list[float]]] = {str(items): {str(slate): [] for slate in SLATES} for items in ITEMS}
    for seed in range(_ROUNDS):
        for items in ITEMS:
            for slate in SLATES:
                found[str(items)][str(slate)].append(measure(peer, items, slate, seed))
    return found


def shown(value: float) -> str:
    """A rate with at least three figures."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def machine() -> dict[str, str | int | None]:
    """The processor and the Python that measured; no name of the host."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), None)
    return {
        "processor": model or platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def main() -> None:
    """Measure what is installed, print the table and write the file."""
    rates: Rates = {}
    raw: dict[str, dict[str, dict[str, list[float]]]] = {}
    versions: dict[str, str] = {}
    print(f"steps per CPU-second of peers' single environments, one thread, random slates, median of {_ROUNDS} rounds")
    print(f"{'peer':<14}{'slate':>6}" + "".join(f"{f'{items:,} items':>27}" for items in ITEMS))
    for name, (distribution, peer) in PEERS.items():
        try:
            versions[name] = importlib.metadata.version(distribution)
            raw[name] = rounds(peer)
        except Exception as error:  # whatever a peer dies of, the other is still measured
            print(f"{name}: not measured, {type(error).__name__}: {' '.join(str(error).split())}")
            versions.pop(name, None)
            continue
        rates[name] = {
            items: {slate: statistics.median(of) for slate, of in by_slate.items()}
            for items, by_slate in raw[name].items()
        }
        for slate in map(str, SLATES):
            cells = [(rates[name][items][slate], raw[name][items][slate]) for items in map(str, ITEMS)]
            texts = [f"{shown(median)} ({shown(min(of))} to {shown(max(of))})" for median, of in cells]
            label = f"{name} {versions[name]}"
            print(f"{label:<14}{slate:>6}" + "".join(f"{text:>27}" for text in texts), flush=True)
    if not rates:
        raise SystemExit("no peer could be measured, and nothing was written")
    OUTPUT.parent.mkdir(exist_ok=True)
    result = {"rates": rates, "rounds": raw, "versions": versions, "machine": machine()}
    OUTPUT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(f"written: {OUTPUT.relative_to(OUTPUT.parent.parent)}")


if __name__ == "__main__":
    main()
