"""Training speed with 256 people: ours beside Stable-Baselines3's own DQN and PPO, and where our time goes.

Ours are the fusion agents on item ids. Theirs are the library's classes with `MultiInputPolicy` and its default
networks, fed the encoder's vectors of all candidates and of the history (`VectorExpandItems`). Both read the same
contexts, live in the same environment through the same adapter, and have the same replay, rollouts, minibatches and
gradient steps per transition. They take turns in one run; what each has learnt from equally many transitions is printed
too.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.base_class import BaseAlgorithm

from benchmarks.clock import Clock
from crossrec.agents.build import build_agent, gradient_steps
from crossrec.agents.dqn import gradient_steps_per_transition
from crossrec.agents.vec_adapter import SB3VecEnv
from crossrec.config import AgentConfig, ContextConfig, DQNConfig, EnvConfig, PPOConfig
from crossrec.envs.wrappers import VectorExpandItems
from crossrec.experiments.evaluate import rollout
from crossrec.experiments.lab import build_lab
from crossrec.language.encoder import HashingEncoder
from crossrec.language.projection import padded
from crossrec.statistics import Estimate, normalised_scores

PEOPLE = 256
KINDS = ("learning", "acting", "environment", "data")
DEMANDS, RECORD, MOST_MOVING = {"dqn": 3.0, "ppo": 4.0}, 5.0, 0.25
# Stock replay holds two observations of 92 KB for each transition: 0.9 GB at this size. Exploration falls at once.
_SHARED = {"buffer_size": 5_120, "learning_starts": 2_560, "exploration_fraction": 1e-3}
CONFIGS: dict[str, AgentConfig] = {"dqn": DQNConfig(**_SHARED), "ppo": PPOConfig()}  # type: ignore[arg-type]
_WARM_UP = 4_096  # transitions; PPO's rollout, and DQN past its first gradient step
_EVAL_PEOPLE = 400


@dataclass
class Measured:
    """Of one algorithm.

    Attributes:
        rates: (rounds, 2) transitions per CPU-second, ours and theirs.
        ours: Share of each kind of work in our time.
        theirs: The same of theirs.
        transitions: Of each agent's training.
        gradient_steps: Of each agent's training, ours and theirs.
        scores: Normalised score after that training, ours and theirs.
    """

    rates: NDArray[np.float64]
    ours: dict[str, float]
    theirs: dict[str, float]
    transitions: int
    gradient_steps: tuple[int, int]
    scores: tuple[Estimate, Estimate]


class Forms:
    """The two forms of the same world, with a template's contexts: ids, and vectors as wide as the encoder's."""

    def __init__(self) -> None:
        # Hashed words need no model; reading a context that was met before costs the same with any encoder.
        self.lab = build_lab(EnvConfig(), ContextConfig(name="template", encoder="hashing"))
        self.raw = padded(HashingEncoder().encode(self.lab.world.catalogue.texts()))

    def env(self, people: int, ids: bool, **options: Any) -> VectorEnv[Any, Any, Any]:
        """A vector environment whose observations hold ids, or vectors."""
        env = self.lab.make_env(people, **options)
        return env if ids else VectorExpandItems(env, self.raw)

    def agent(self, config: AgentConfig, ids: bool) -> BaseAlgorithm:
        """Our agent on ids, or the library's on vectors."""
        env = SB3VecEnv(self.env(PEOPLE, ids))
        return build_agent(config, env, self.lab.table, seed=0) if ids else stock(config, env)

    def scores(self, agents: dict[bool, BaseAlgorithm]) -> tuple[Estimate, Estimate]:
        """Normalised scores, ours and theirs, on people that nobody has met."""
        users = np.arange(500_000, 500_000 + _EVAL_PEOPLE)
        returns = {}
        for name in ("random", "oracle"):
            env = self.env(len(users), True, expose_truth=name == "oracle")
            policy = self.lab.baseline(name, env.unwrapped, 7)  # type: ignore[arg-type]
            returns[name] = rollout(policy, env, users, 7)["return"].to_numpy()
        for ids, agent in agents.items():
            returns[str(ids)] = rollout(agent, self.env(len(users), ids), users, 7)["return"].to_numpy()
        found = normalised_scores(returns, np.random.default_rng(0))
        return found["True"], found["False"]


def stock(config: AgentConfig, env: SB3VecEnv) -> BaseAlgorithm:
    """Stable-Baselines3's own algorithm with `MultiInputPolicy`, at our agent's settings."""
    shared: dict[str, Any] = {"learning_rate": config.learning_rate, "gamma": config.gamma, "seed": 0, "device": "cpu"}
    if isinstance(config, DQNConfig):
        every, steps = gradient_steps_per_transition(config.gradient_steps, env.num_envs)
        return DQN(
            "MultiInputPolicy",
            env,
            buffer_size=config.buffer_size,
            learning_starts=config.learning_starts,
            batch_size=config.batch_size,
            train_freq=every,
            gradient_steps=steps,
            target_update_interval=config.target_update,
            exploration_fraction=config.exploration_fraction,
            exploration_final_eps=config.exploration_final,
            **shared,
        )
    assert isinstance(config, PPOConfig)
    return PPO(
        "MultiInputPolicy",
        env,
        n_steps=config.rollout // env.num_envs,
        batch_size=config.batch_size,
        n_epochs=config.n_epochs,
        gae_lambda=config.gae_lambda,
        ent_coef=config.ent_coef,
        clip_range=config.clip_range,
        **shared,
    )


def measure(forms: Forms, config: AgentConfig, rounds: int, steps: int) -> Measured:
    """Train both in turns: rounds for the rates, then one with the stopwatch in, which costs a little itself."""
    agents = {ids: forms.agent(config, ids) for ids in (True, False)}
    for agent in agents.values():
        agent.learn(_WARM_UP)
    rates = [[rate(agent, steps) for agent in agents.values()] for _ in range(rounds)]
    ours, theirs = (profile(agent, steps) for agent in agents.values())
    taken = gradient_steps(agents[True]), gradient_steps(agents[False])
    return Measured(np.array(rates), ours, theirs, agents[True].num_timesteps, taken, forms.scores(agents))


def rate(agent: BaseAlgorithm, steps: int) -> float:
    """Transitions per CPU-second."""
    before, began = agent.num_timesteps, time.process_time()
    agent.learn(steps, reset_num_timesteps=False)
    return (agent.num_timesteps - before) / (time.process_time() - began)


def profile(agent: BaseAlgorithm, steps: int) -> dict[str, float]:
    """Shares of CPU time.

    Learning is the algorithm's `train` without drawing minibatches; acting the networks' forward passes that choose
    actions and value states; environment its step, contexts included. All else is data: adapter, tensors, replay or
    rollouts, exploration, advantages, bookkeeping.
    """
    clock = Clock()
    assert isinstance(agent.env, SB3VecEnv)
    with clock:
        clock.time(agent.env.env, "step", "environment")
        clock.time(agent, "train", "learning")
        if isinstance(agent, DQN):
            clock.time(agent.replay_buffer, "sample", "data")
            network = agent.policy.q_net
            # Ours chooses by `choose`; the library's q_net is asked for a prediction.
            clock.time(network, "choose" if hasattr(network, "choose") else "_predict", "acting", unless="learning")
        else:
            assert isinstance(agent, PPO)
            clock.time_each(agent.rollout_buffer, "get", "data")
            clock.time(agent.policy, "forward", "acting")
            clock.time(agent.policy, "predict_values", "acting")
        clock.time(agent, "learn", "data")(steps, reset_num_timesteps=False)
    return clock.shares()


def print_tables(console: Console, measured: dict[str, Measured]) -> None:
    """Rates with what is demanded, then where the time goes, then what was learnt."""
    speed = _table(f"training transitions per CPU-second, {PEOPLE} people, 50 candidates")
    for heading in ("agent", "ours", "stock", "ratio", "lowest", "highest", "at least", ""):
        speed.add_column(heading, justify="right")
    for name, found in measured.items():
        rates = np.median(found.rates, axis=0)
        ratios = found.rates[:, 0] / found.rates[:, 1]
        middle, demand = float(np.median(ratios)), DEMANDS[name]
        verdict = "record" if middle >= RECORD else _verdict(middle >= demand)
        numbers = *(f"{r:,.0f}" for r in rates), *(f"{r:.1f}" for r in (middle, ratios.min(), ratios.max()))
        speed.add_row(name, *numbers, f"{demand:g}", verdict)
    console.print(speed)
    where = _table("where the CPU time goes [%]")
    for heading in ("agent", "learning", "acting", "env.", "data", "env. + data", "at most", ""):
        where.add_column(heading, justify="right")
    for name, found in measured.items():
        for form, shares in ((f"{name} ours", found.ours), (f"{name} stock", found.theirs)):
            moving = shares["environment"] + shares["data"]
            cells = [f"{100 * shares[kind]:.1f}" for kind in KINDS]
            most = (f"{100 * MOST_MOVING:.0f}", _verdict(moving <= MOST_MOVING)) if shares is found.ours else ()
            where.add_row(form, *cells, f"{100 * moving:.1f}", *most)
    console.print(where)
    learnt = _table("normalised score and its 95% interval after that training; gradient steps: ours / stock")
    for heading in ("agent", "transitions", "updates", "ours", "stock"):
        learnt.add_column(heading, justify="right")
    for name, found in measured.items():
        taken = " / ".join(f"{steps:,}" for steps in found.gradient_steps)
        learnt.add_row(name, f"{found.transitions:,}", taken, *map(_interval, found.scores))
    console.print(learnt)


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", box=SIMPLE_HEAD)


def _verdict(met: bool) -> str:
    return "met" if met else "MISSED"


def _interval(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} [{estimate.low:.2f}, {estimate.high:.2f}]"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="turns of each form (default 5)")
    parser.add_argument("--steps", type=int, default=8_192, help="transitions of a turn, in whole rollouts of 4,096")
    parser.add_argument("--agents", nargs="+", choices=list(CONFIGS), default=list(CONFIGS))
    options = parser.parse_args()
    torch.set_num_threads(1)
    forms = Forms()
    print_tables(
        Console(),
        {name: measure(forms, CONFIGS[name], options.rounds, options.steps) for name in options.agents},
    )


if __name__ == "__main__":
    main()
