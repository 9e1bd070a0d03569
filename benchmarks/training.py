"""Training steps per second: item ids with a shared table, beside the same agent fed raw 384-wide vectors.

Both forms learn from the same people with equal gradient steps per transition and a replay of 10,000 transitions, in
turns in one run. What follows the table says what each form learnt from equally many transitions.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from gymnasium.vector import VectorEnv
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from stable_baselines3.common.base_class import BaseAlgorithm

from crossrec.agents.baselines.simple import GreedyOracle, RandomPolicy
from crossrec.agents.build import build_agent
from crossrec.agents.fusion.items import item_table
from crossrec.agents.vec_adapter import SB3VecEnv
from crossrec.config import AgentConfig, DQNConfig, EnvConfig, PPOConfig
from crossrec.envs.vector import CrossScenarioVectorEnv
from crossrec.envs.wrappers import VectorExpandItems
from crossrec.experiments.evaluate import Policy, rollout
from crossrec.language.encoder import HashingEncoder
from crossrec.language.projection import Projection, padded

BAR_PEOPLE, BAR = 16, 3.0
_DQN = DQNConfig(buffer_size=10_000, learning_starts=1_000, gradient_steps=1 / 16)
_PPO = PPOConfig(rollout=1_024)
_ROUNDS = 3
_LEARN_STEPS, _EVAL_PEOPLE = 20_000, 200


class Forms:
    """The two forms of the same world: ids, and raw vectors as wide as the encoder's."""

    def __init__(self) -> None:
        self.config = EnvConfig()
        self.world = CrossScenarioVectorEnv(1, self.config).world
        embedded = HashingEncoder().encode(self.world.catalogue.texts())
        self.projection = Projection.fit(embedded, 64)
        self.raw = padded(embedded)
        self.table = item_table(padded(self.projection.apply(embedded)), self.world.catalogue.popularity)

    def env(self, people: int, ids: bool, **options: Any) -> VectorEnv[Any, Any, Any]:
        """A vector environment whose observations hold ids, or vectors."""
        env = CrossScenarioVectorEnv(people, self.config, **options)
        return env if ids else VectorExpandItems(env, self.raw)

    def agent(self, config: AgentConfig, people: int, ids: bool) -> BaseAlgorithm:
        """The same agent on either form; the raw form's projection starts where the table's is."""
        agent = build_agent(config, SB3VecEnv(self.env(people, ids)), self.table if ids else None, seed=0)
        if not ids:
            for module in agent.policy.modules():
                if hasattr(module, "set_projection"):
                    module.set_projection(self.projection.components, self.projection.mean)
        return agent


def speed(forms: Forms, config: AgentConfig, people: int, ids: bool, steps: int) -> float:
    """Transitions per CPU-second, after the replay has begun to be learnt from."""
    agent = forms.agent(config, people, ids)
    warm_up = 2_000 if isinstance(config, DQNConfig) else 1_024
    agent.learn(warm_up)
    before, began = agent.num_timesteps, time.process_time()
    agent.learn(steps, reset_num_timesteps=False)
    return (agent.num_timesteps - before) / (time.process_time() - began)


def score(forms: Forms) -> dict[str, float]:
    """Normalised score of DQN on either form after equally many transitions."""
    users = np.arange(500_000, 500_000 + _EVAL_PEOPLE)

    def mean_return(policy: Callable[[Any], Policy], ids: bool) -> float:
        env = forms.env(len(users), ids, expose_truth=True)
        return float(rollout(policy(env.unwrapped), env, users, 7)["return"].mean())

    low = mean_return(lambda _: RandomPolicy(0), True)
    high = mean_return(lambda env: GreedyOracle(env.expected_rewards), True)
    found = {}
    for name, ids in (("ids", True), ("raw vectors", False)):
        config = dataclasses.replace(_DQN, gradient_steps=1 / 64, learning_starts=5_000)
        agent = forms.agent(config, 64, ids).learn(_LEARN_STEPS)
        found[name] = (mean_return(lambda _, agent=agent: agent, ids) - low) / (high - low)  # type: ignore[misc]
    return found


def main() -> None:
    """Print both tables."""
    torch.set_num_threads(1)
    forms, console = Forms(), Console()
    table = Table(title="training transitions per CPU-second, 50 candidates", title_justify="left", box=SIMPLE_HEAD)
    for heading in ("agent", "people", "ids", "raw 384-wide", "ratio"):
        table.add_column(heading, justify="right")
    ratios = {}
    for name, config, people in (("DQN", _DQN, 16), ("DQN", _DQN, 256), ("PPO", _PPO, 16)):
        pairs = np.array(
            [
                (speed(forms, config, people, True, 6_000), speed(forms, config, people, False, 2_048))
                for _ in range(_ROUNDS)
            ]
        )
        ids, raw = np.median(pairs, axis=0)
        ratios[name, people] = float(np.median(pairs[:, 0] / pairs[:, 1]))
        table.add_row(name, str(people), f"{ids:,.0f}", f"{raw:,.0f}", f"{ratios[name, people]:.1f}")
    console.print(table)
    held = "holds" if ratios["DQN", BAR_PEOPLE] >= BAR else "DOES NOT HOLD"
    console.print(f"bar: DQN at {BAR_PEOPLE} people at least {BAR} times the raw form: {held}")
    console.print(f"gradient steps per transition: {_DQN.gradient_steps:g} of batch {_DQN.batch_size}, in both forms\n")
    for name, value in score(forms).items():
        console.print(f"DQN without context after {_LEARN_STEPS:,} transitions, {name}: score {value:.3f}")


if __name__ == "__main__":
    main()
