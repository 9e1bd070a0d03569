"""What a run works with, built from its config: world, item vectors, contexts, environments, baselines."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from crossrec.agents.baselines.base import ScoringPolicy
from crossrec.agents.baselines.simple import ContentPolicy, GreedyOracle, PopularityPolicy, RandomPolicy
from crossrec.config import ContextConfig, EnvConfig
from crossrec.envs.context import VectorContextWrapper
from crossrec.envs.vector import CrossScenarioVectorEnv
from crossrec.language.build import make_reader, make_source
from crossrec.language.context import ContextSource, embed_texts
from crossrec.language.projection import Projection, padded
from crossrec.language.reader import ContextReader
from crossrec.simulation.lookahead import LookAhead
from crossrec.world.synthetic import World, world_of

BASELINES = ("random", "popularity", "content", "oracle")
PLANNERS = ("lookahead",)  # too slow to stand in every evaluation
Progress = Callable[[int], None]


@dataclass
class Lab:
    """Built by :func:`build_lab`.

    Attributes:
        env: Options of the environment.
        world: What exists.
        vectors: (n_items + 1, D) item vectors, row 0 zero.
        reader: Makes contexts, or None for none.
        source: Writes and remembers the texts behind them.
    """

    env: EnvConfig
    world: World
    vectors: NDArray[np.float32]
    reader: ContextReader | None
    source: ContextSource

    @property
    def table(self) -> NDArray[np.float32]:
        """(n_items + 1, D + 1) item table of the agents: vectors and popularity."""
        from crossrec.agents.fusion.items import item_table  # torch, which baselines do without

        return item_table(self.vectors, self.world.catalogue.popularity)

    def make_env(
        self, people: int, *, users: int | None = None, expose_truth: bool = False, with_context: bool = True
    ) -> VectorEnv[Any, Any, Any]:
        """A vector environment.

        Args:
            people: How many live at once.
            users: How many different people may be met, from the config's first; default: the config's range.
            expose_truth: For oracles.
            with_context: Whether to add contexts, where the config names any.
        """
        config = self.env
        if users is not None:
            config = dataclasses.replace(config, last_user=config.first_user + users)
        env = CrossScenarioVectorEnv(people, config, expose_truth=expose_truth)
        return env if self.reader is None or not with_context else VectorContextWrapper(env, self.reader)

    def baseline(self, name: str, env: CrossScenarioVectorEnv, seed: int) -> ScoringPolicy:
        """A baseline by name; the oracles look into ``env``."""
        popularity = self.world.catalogue.popularity
        builders: dict[str, Callable[[], ScoringPolicy]] = {
            "random": lambda: RandomPolicy(seed),
            "popularity": lambda: PopularityPolicy(popularity),
            "content": lambda: ContentPolicy(self.vectors, popularity),
            "oracle": lambda: GreedyOracle(env.expected_rewards),
            "lookahead": lambda: GreedyOracle(LookAhead(env.core.simulator).values),
        }
        policy = builders[name]()
        policy.slate_size = self.env.slate_size
        return policy


def build_lab(env: EnvConfig, context: ContextConfig, on_progress: Progress | None = None) -> Lab:
    """Build what a run works with; embeds the catalogue unless the store has it.

    Args:
        env: Options of the environment.
        context: Options of encoder and context.
        on_progress: Called with how many more item texts are embedded.

    Raises:
        ModelError: If a model is needed that is not there.
    """
    world = world_of(env)
    source = make_source(context)
    embedded = embed_texts(source.encoder, world.catalogue.texts(), source.store, on_progress)
    projection = Projection.fit(embedded, context.dimension)
    vectors = padded(projection.apply(embedded))
    return Lab(env, world, vectors, make_reader(context, world, source, projection), source)
