"""What an agent keeps of its score when every item is new to it: the item table is swapped, all else stays.

The same agent with an embedding learnt for each item id, which is a one-hot id through a learnt matrix, is trained
beside it. Both are then evaluated with the same new people in their own catalogue and in one of as many items whose
titles nobody has seen before. Each catalogue has its own random policy (0) and oracle (1).
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.nn import functional as F

from crossrec.agents.build import build_agent
from crossrec.agents.dqn import MaskedDQN
from crossrec.agents.fusion.items import Observation
from crossrec.agents.vec_adapter import SB3VecEnv
from crossrec.config import ContextConfig, DQNConfig, TrainConfig
from crossrec.errors import ConfigError, CrossRecError
from crossrec.experiments.contexts.warm import prefill
from crossrec.experiments.evaluate import Policy, evaluation_people, rollout
from crossrec.experiments.lab import Lab, build_lab
from crossrec.experiments.progress import Progress
from crossrec.experiments.run import RunFolder
from crossrec.experiments.train import load_agent
from crossrec.language.build import make_reader
from crossrec.language.context import embed_texts
from crossrec.language.projection import Projection, padded
from crossrec.observation import CANDIDATES, HISTORY
from crossrec.simulation.simulator import Simulator
from crossrec.statistics import Estimate, normalised_scores
from crossrec.world.catalogue import BAITED, Catalogue, build_catalogue
from crossrec.world.synthetic import World
from crossrec.world.text import title_is_bait

KEPT, RANDOM_LEVEL = 0.8, 0.05
_ITEM_SEED = 1
_RESAMPLES = 2_000
Returns = dict[str, NDArray[np.float64]]


class LearntIds(nn.Module):
    """Items known by their id alone: a vector is learnt for each, and nothing else is told of it.

    Args:
        n_items: Largest id.
        width: d, length of an item vector.
    """

    def __init__(self, n_items: int, width: int) -> None:
        super().__init__()
        self.vectors = nn.Embedding(n_items + 1, width, padding_idx=0)
        nn.init.normal_(self.vectors.weight, std=width**-0.5)

    def candidates(self, obs: Observation, actions: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Vectors ``(B, C, d)`` and zero popularity ``(B, C)`` of the candidates, or only of ``actions (B, m)``."""
        ids = obs[CANDIDATES].long()
        vectors = self._look_up(ids if actions is None else ids.gather(1, actions))
        return vectors, vectors.new_zeros(vectors.shape[:2])

    def history(self, obs: Observation) -> Tensor:
        """Vectors ``(B, H, d)`` of the items shown before."""
        return self._look_up(obs[HISTORY].long())

    def _look_up(self, ids: Tensor) -> Tensor:
        return F.normalize(self.vectors(ids), dim=-1)


def know_ids(agent: MaskedDQN, n_items: int) -> MaskedDQN:
    """The agent, not trained yet, with learnt ids instead of an item table."""
    online, target = agent.q_net.fusion, agent.q_net_target.fusion
    width = online.sizes.item_width
    online.items, target.items = LearntIds(n_items, width), LearntIds(n_items, width)  # type: ignore[assignment]
    agent.q_net_target.load_state_dict(agent.q_net.state_dict())
    agent.q_net_target.requires_grad_(False)
    agent.policy.optimizer = torch.optim.Adam(agent.q_net.parameters(), lr=agent.lr_schedule(1), fused=True)
    return agent


def unseen_catalogue(known: Catalogue, world: World, seed: int) -> Catalogue:
    """Another catalogue of as many items; serial numbers go on where the known ones end, so no title comes twice."""
    per_scenario, n_topics = int(known.size[0]), world.n_topics
    drawn = build_catalogue(world.scenarios, per_scenario, n_topics, np.random.default_rng(seed))
    serial = drawn._serial + known._serial.max() + 1
    table = drawn.table.copy()
    for index, scenario in enumerate(world.scenarios):
        own = slice(int(drawn.first[index]), int(drawn.first[index]) + per_scenario)
        bait = title_is_bait(scenario.name, drawn.main_topic[own].astype(np.int64), serial[own])
        table[own, n_topics + BAITED] = bait
    return dataclasses.replace(drawn, table=table, _serial=serial)


@dataclass
class Place:
    """A world to be evaluated in: people, behaviour and contexts are the lab's, items may be others.

    Attributes:
        lab: Its vectors lie along the axes that the agent knows.
        config: Of the run.
    """

    lab: Lab
    config: TrainConfig

    def returns(self, agents: Mapping[str, Policy]) -> Returns:
        """Returns (n,) of each agent and of both ends of the scale, of the same new people everywhere."""
        users, seed = evaluation_people(self.config)
        found = {}
        for name in ("random", "oracle", *agents):
            env = self.lab.make_env(len(users), expose_truth=name == "oracle", with_context=name in agents)
            base: Any = env.unwrapped
            # No option has the people of one seed meet the items of another.
            base.core.world = base.world = self.lab.world
            base.core.simulator = Simulator(self.lab.world, base.config, len(users))
            policy = agents[name] if name in agents else self.lab.baseline(name, base, seed)
            found[name] = rollout(policy, env, users, seed)["return"].to_numpy()
        return found


def places(config: TrainConfig, lab: Lab) -> dict[str, Place]:
    """The catalogue that was learnt from, and the unseen one."""
    world, context = lab.world, config.context
    embedded = embed_texts(lab.source.encoder, world.catalogue.texts(), lab.source.store)
    projection = Projection.fit(embedded, context.dimension)  # of the known items: contexts lie along these axes too
    other = World(world.scenarios, unseen_catalogue(world.catalogue, world, _ITEM_SEED), world.seed)
    texts = other.catalogue.texts()
    if shared := len(set(texts) & set(world.catalogue.texts())):
        raise ConfigError(f"{shared} texts stand in both catalogues; none may.")
    vectors = padded(projection.apply(embed_texts(lab.source.encoder, texts, lab.source.store)))
    reader = make_reader(context, other, lab.source, projection)
    moved = dataclasses.replace(lab, world=other, vectors=vectors, reader=reader)
    return {"known": Place(lab, config), "unseen": Place(moved, config)}


def kept(known: Returns, unseen: Returns, agent: str) -> Estimate:
    """Score in the unseen catalogue over that in the known one; people are resampled, each with both lives."""

    def share(rows: NDArray[np.int64] | slice) -> float:
        scores = []
        for returns in (unseen, known):
            low, high, mean = (returns[name][rows].mean() for name in ("random", "oracle", agent))
            scores.append((mean - low) / (high - low))
        return float(scores[0] / scores[1])

    rng, n = np.random.default_rng(0), len(known[agent])
    low, high = np.quantile([share(rng.integers(0, n, n)) for _ in range(_RESAMPLES)], (0.025, 0.975))
    return Estimate(share(slice(None)), float(low), float(high))


def trained(config: TrainConfig, lab: Lab, ids: bool) -> MaskedDQN:
    """The config's agent after its training, with the item table or with learnt ids."""
    env = SB3VecEnv(lab.make_env(config.people, users=config.train_users))
    agent = build_agent(config.agent, env, lab.table, seed=config.seed)
    assert isinstance(agent, MaskedDQN)
    return (know_ids(agent, lab.world.catalogue.n_items) if ids else agent).learn(config.steps)


def main() -> None:
    """Train, swap, evaluate, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, help="folder of a finished run, instead of training its agent here")
    parser.add_argument("--steps", type=int, default=100_000, help="transitions of each training without --run")
    parser.add_argument("--people", type=int, default=400, help="people met in evaluation")
    parser.add_argument(
        "--encoder",
        choices=("minilm", "hashing"),
        default="minilm",
        help="of contexts and items without --run; hashing is quick",
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    try:
        config = _config(options)
        lab = build_lab(config.env, config.context)
        done = None if options.run is None else load_agent(RunFolder(options.run), config, lab)
    except CrossRecError as error:
        parser.error(str(error))
    with Progress(None, show=False) as progress:
        prefill(lab, config, progress)
    fusion: Any = trained(config, lab, False) if done is None else done
    one_hot = trained(config, lab, True)
    found = {}
    for name, place in places(config, lab).items():
        fusion.policy.set_items(place.lab.table)
        found[name] = place.returns({"fusion": fusion, "one-hot ids": one_hot})
    print_table(Console(), config, found)


def _config(options: argparse.Namespace) -> TrainConfig:
    """Of the run that is given, or of the trainings here."""
    if options.run is None:
        context = ContextConfig(name="template", encoder=options.encoder)
        return TrainConfig(agent=DQNConfig(), context=context, steps=options.steps, eval_people=options.people)
    config = dataclasses.replace(RunFolder(options.run).config(), eval_people=options.people)
    if config.agent.name not in ("dqn", "qrdqn") or config.env.slate_size > 1 or config.env.new_items:
        raise ConfigError(
            f"--run {options.run} is agent={config.agent.name}, env.slate_size={config.env.slate_size}, "
            f"env.new_items={config.env.new_items:g}; allowed: agent=dqn or qrdqn, 1 and 0."
        )
    return config


def print_table(console: Console, config: TrainConfig, found: dict[str, Returns]) -> None:
    """Both networks' scores in both catalogues, and what they keep."""
    people = len(found["known"]["fusion"])
    title = f"{config.agent.name}, context {config.context.name}, {config.steps:,} transitions, {people} new people"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for heading in ("network", "items", "score", "95% interval", "demand", ""):
        table.add_column(heading, justify="right")
    scores = {name: normalised_scores(returns, np.random.default_rng(0)) for name, returns in found.items()}
    for network in ("fusion", "one-hot ids"):
        known, unseen = scores["known"][network], scores["unseen"][network]
        share = kept(found["known"], found["unseen"], network)
        table.add_row(network, "known", *_cells(known))
        if network == "fusion":
            table.add_row("", "unseen", *_cells(unseen))
            table.add_row("", "kept", *_cells(share), f"at least {KEPT:g}", _verdict(share.value >= KEPT))
        else:
            # A network that has learnt nothing has nothing to lose.
            met = abs(unseen.value) <= RANDOM_LEVEL < known.value
            table.add_row("", "unseen", *_cells(unseen), f"0 ± {RANDOM_LEVEL:g}", _verdict(met))
    console.print(table)


def _cells(estimate: Estimate) -> tuple[str, str]:
    return f"{estimate.value:.3f}", f"{estimate.low:.3f} to {estimate.high:.3f}"


def _verdict(met: bool) -> str:
    return "met" if met else "MISSED"


if __name__ == "__main__":
    main()
