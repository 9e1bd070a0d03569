"""How much longer an evaluation takes because everything is measured: the same one with and without, in turns.

An untrained DQN agent beside the four baselines, in the default environment without contexts. CPU time of this process,
so that other work on the machine counts little.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch

from crossrec.agents.build import build_agent
from crossrec.agents.vec_adapter import SB3VecEnv
from crossrec.config import ContextConfig, DQNConfig, EnvConfig, TrainConfig
from crossrec.experiments.evaluate import evaluate
from crossrec.experiments.lab import build_lab
from crossrec.experiments.measuring.watch import Measured


def main() -> None:
    """Print median CPU seconds, and the median ratio with its quartiles."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=200, help="people met (default: as in a run)")
    parser.add_argument("--horizon", type=int, default=40, help="steps of a life (default: as in a run)")
    parser.add_argument("--turns", type=int, default=15, help="how often each is done")
    options = parser.parse_args()
    torch.set_num_threads(1)
    config = TrainConfig(
        env=EnvConfig(horizon=options.horizon), context=ContextConfig(encoder="hashing"), eval_people=options.people
    )
    lab = build_lab(config.env, config.context)
    agents = {"dqn": build_agent(DQNConfig(), SB3VecEnv(lab.make_env(16)), lab.table, seed=0, device="cpu")}

    def plain() -> None:
        evaluate(lab, config, agents)

    def with_metrics() -> None:
        measured = Measured()
        evaluate(lab, config, agents, measured=measured)
        measured.table()
        measured.journeys("dqn")

    seconds = np.zeros((options.turns + 1, 2))
    for turn in range(options.turns + 1):
        for column, work in enumerate((plain, with_metrics)):
            begin = time.process_time()
            work()
            seconds[turn, column] = time.process_time() - begin
    seconds = seconds[1:]  # the first turn compiles
    without, beside = np.median(seconds, axis=0)
    low, middle, high = np.quantile(seconds[:, 1] / seconds[:, 0], (0.25, 0.5, 0.75))
    print(f"{options.people} people, {options.horizon} steps, 5 policies, {options.turns} turns, CPU seconds:")
    print(f"without metrics {without:.3f}, with {beside:.3f}; ratio {middle:.2f} (quartiles {low:.2f} to {high:.2f})")


if __name__ == "__main__":
    main()
