"""Sweeps that are interrupted three times and started again, beside one that is left alone: the same numbers?

The first start gets Ctrl-C, the second has a worker killed and is then killed itself, the third does the rest.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

_PATIENCE = 300.0  # [s] for a sweep to get somewhere
_POLL = 0.02  # [s]
_WORKERS = {"serial": "sweep.server", "joblib": "loky", "ray": "ray::"}  # what a process that does runs is called
_TINY = ["agent=ppo", "agent.learning_rate=3e-4,1e-3", "env=news,video", "seed=range(6)", "context=none"]
_TINY += ["context.encoder=hashing", "agent.rollout=64", "steps=1000", "people=16", "train_users=16", "eval_people=8"]
_TINY += ["env.items_per_scenario=50", "env.horizon=8"]


@dataclass(frozen=True)
class Sweep:
    """A sweep as it is started from a shell.

    Attributes:
        words: Options, several values by commas.
        launcher: Its name.
        runs: Folder of its runs.
        count: How many runs there are.
        program: What starts a sweep; launcher and folder come after it.
    """

    words: Sequence[str]
    launcher: str
    runs: Path
    count: int
    program: Sequence[str] = (sys.executable, "-m", "crossrec.experiments.cli", "sweep")

    @property
    def command(self) -> list[str]:
        """The whole command."""
        return [*self.program, *self.words, f"runs={self.runs}", "--launcher", self.launcher]

    def finished(self) -> dict[str, int]:
        """Runs that have a result, by folder, each with the time of its result [ns]."""
        return {file.parent.name: file.stat().st_mtime_ns for file in self.runs.glob("*/result.json")}


def interrupt(sweep: Sweep) -> list[str]:
    """Start a sweep three times, twice of them in vain; returns what went wrong, in words."""
    kept: dict[str, int] = {}
    wrong = []

    def check(what: str) -> None:
        now = sweep.finished()
        wrong.extend(
            f"{what}: the result of {name} was lost or made again" for name in kept if now.get(name) != kept[name]
        )
        kept.update(now)

    with _started(sweep) as process:
        _wait(lambda: len(sweep.finished()) >= sweep.count // 6, process)
        os.killpg(process.pid, signal.SIGINT)
        if process.wait(_PATIENCE) == 0:
            wrong.append("Ctrl-C: it ended as if all were done")
        _wait(lambda: not _family(process.pid))
    check("Ctrl-C")
    with _started(sweep) as process:
        _wait(lambda: len(sweep.finished()) >= len(kept) + 2, process)
        family = _family(process.pid)
        workers = [pid for pid, name in family.items() if _WORKERS[sweep.launcher] in name]
        os.kill(workers[0], signal.SIGKILL)
        _wait(lambda: process.poll() is not None or len(sweep.finished()) >= len(kept) + 4)
        check("a worker killed")
        family = _family(process.pid)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        _wait(lambda: not any(_alive(pid, name) for pid, name in family.items()))
    check("the sweep killed")
    with _started(sweep) as process:
        if process.wait(_PATIENCE) != 0:
            wrong.append(f"the last start failed: {(sweep.runs / 'said.txt').read_text()[-500:]}")
    check("the last start")
    if len(kept) != sweep.count:
        wrong.append(f"{len(kept)} of {sweep.count} results")
    notes = [json.loads(line) for line in (sweep.runs / ".sweep" / "history.jsonl").read_text().splitlines()]
    done = Counter(note["run"] for note in notes if note["state"] == "done")
    return wrong + [f"{run} was finished {times} times" for run, times in done.items() if times > 1]


def differing(first: Path, second: Path) -> list[str]:
    """Runs whose results are not the same in two folders, in every number."""
    return [
        file.parent.name
        for file in sorted(first.glob("*/result.json"))
        if _numbers(file) != _numbers(second / file.parent.name / file.name)
        or not _people(file.parent).equals(_people(second / file.parent.name))
    ]


def main() -> int:
    """Print how sweeps of 24 real runs stand interruptions; returns 1 if one does not."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--launchers", default="serial,joblib,ray", help="by commas (default: all that run here)")
    launchers = parser.parse_args().launchers.split(",")
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        alone = Sweep(_TINY, "joblib", Path(folder) / "alone", 24)
        with _started(alone) as process:
            if process.wait() != 0:
                raise SystemExit((alone.runs / "said.txt").read_text())
        for launcher in launchers:
            began = time.perf_counter()
            sweep = Sweep(_TINY, launcher, Path(folder) / launcher, 24)
            wrong = interrupt(sweep)
            wrong += [f"{name} has other numbers" for name in differing(alone.runs, sweep.runs)]
            took = time.perf_counter() - began
            said = "; ".join(wrong) or "all as uninterrupted"
            print(f"{launcher:8} {len(sweep.finished())} results, {said} ({took:.0f} s)", flush=True)
            failed |= bool(wrong)
    return int(failed)


@contextmanager
def _started(sweep: Sweep) -> Iterator[subprocess.Popen[bytes]]:
    sweep.runs.mkdir(exist_ok=True)
    with open(sweep.runs / "said.txt", "wb") as said:
        process = subprocess.Popen(
            sweep.command,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # A shell lets what it starts in the background ignore Ctrl-C, which is handed down.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _wait(until: Callable[[], bool], process: subprocess.Popen[bytes] | None = None) -> None:
    end = time.monotonic() + _PATIENCE
    while not until():
        if time.monotonic() > end:
            raise TimeoutError("a sweep does not get on, or its processes do not end")
        if process is not None and process.poll() is not None:
            raise RuntimeError(f"a sweep ended too soon, with status {process.returncode}")
        time.sleep(_POLL)


def _processes() -> dict[int, tuple[int, str]]:
    """Parent and command of every process."""
    listed = subprocess.run(["ps", "-ewwo", "pid=,ppid=,stat=,args="], capture_output=True, text=True, check=True)
    rows = [line.split(None, 3) for line in listed.stdout.splitlines()]
    return {int(pid): (int(parent), name) for pid, parent, state, name in rows if not state.startswith("Z")}


def _family(root: int) -> dict[int, str]:
    """Commands of all descendants of a process, the deepest last."""
    processes = _processes()
    found: dict[int, str] = {}
    ring = [root]
    while ring:
        ring = [pid for pid, (parent, _) in processes.items() if parent in ring and pid not in found]
        found |= {pid: processes[pid][1] for pid in ring}
    return found


def _alive(pid: int, name: str) -> bool:
    return _processes().get(pid, (0, ""))[1] == name


def _numbers(file: Path) -> object:
    return json.loads(file.read_text(encoding="utf-8"))["scores"]


def _people(run: Path) -> pd.DataFrame:
    file = run / "evaluation.parquet"
    return pd.read_parquet(file) if file.is_file() else pd.DataFrame()


if __name__ == "__main__":
    sys.exit(main())
