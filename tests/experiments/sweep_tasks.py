"""Runs that take a moment and need no world, for tests of sweeps; as a program, a sweep of them."""

import json
import os
import sys
import time

from crossrec.errors import RunError
from crossrec.experiments.run import folder_of, write_json

STEPS = 4


def scores(config):
    return {"dqn": {"score": (7919 * config.seed + 104729 * config.eval_people) % 1000 / 1000}}


def count(config):
    """Counts in steps, and goes on from where it was cut off."""
    folder = folder_of(config)
    point = folder.path / "point.json"
    done = json.loads(point.read_text())["done"] if point.is_file() else 0
    while done < STEPS:
        time.sleep(0.05)
        done += 1
        write_json(point, {"done": done})
    write_json(folder.result_file, {"agent": config.agent.name, "scores": scores(config)})


def troubled(config):
    """Fails, dies, hangs or prints, as its seed says."""
    folder = folder_of(config)
    if config.seed == 1:
        raise RunError("seed 1 has no luck")
    if config.seed == 2:
        os.kill(os.getpid(), 9)
    if config.seed == 3:
        time.sleep(600)
    if config.seed == 4:
        raise ZeroDivisionError("by nothing")
    if config.seed == 5:
        return  # and leaves nothing
    print("hello from a run")
    write_json(folder.result_file, {"agent": config.agent.name, "scores": scores(config)})


def threads(config):
    """Writes how many threads it would use."""
    import torch

    found = {"torch": torch.get_num_threads(), "omp": os.environ["OMP_NUM_THREADS"]}
    write_json(folder_of(config).result_file, {"agent": config.agent.name, "scores": {}, "threads": found})


if __name__ == "__main__":
    from crossrec.experiments.sweep.sweep import sweep

    words, launcher = sys.argv[1:-2], sys.argv[-1]
    outcome = sweep(words, launcher=launcher, task="tests.experiments.sweep_tasks:count")
    sys.exit(2 if outcome.failed else 0)
