"""What a run works with, built from its config: world, item vectors, contexts, environments, baselines."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from crossrec.agents.baselines.base import ScoringPolicy
from crossrec.agents.baselines.build import Given, build_baseline
from crossrec.config import ContextConfig, EnvConfig, TrainConfig
from crossrec.envs.base import PeopleCore
from crossrec.envs.context import VectorContextWrapper
from crossrec.envs.vector import CrossScenarioVectorEnv
from crossrec.language.build import make_reader, make_source
from crossrec.language.context import ContextSource, embed_texts
from crossrec.language.projection import Projection, padded
from crossrec.language.reader import ContextReader
from crossrec.log import Log
from crossrec.observation import CONTEXT, context_space
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
        context: Options of encoder and context.
    """

    env: EnvConfig
    world: World
    vectors: NDArray[np.float32]
    reader: ContextReader | None
    source: ContextSource
    context: ContextConfig = field(default_factory=ContextConfig)

    @property
    def table(self) -> NDArray[np.float32]:
        """(n_items + 1, D + 1) item table of the agents: vectors and popularity."""
        from crossrec.agents.fusion.items import item_table  # torch, which baselines do without

        return item_table(self.vectors, self.world.catalogue.popularity)

    def make_env(
        self,
        people: int,
        *,
        users: int | None = None,
        visits: Sequence[str] = (),
        expose_truth: bool = False,
        with_context: bool = True,
    ) -> VectorEnv[Any, Any, Any]:
        """A vector environment.

        Args:
            people: How many live at once.
            users: How many different people may be met, from the config's first; default: the config's range.
            visits: Scenarios that people go to; default: those of the config.
            expose_truth: For oracles.
            with_context: Whether to add contexts, where the config names any.
        """
        config = self.env
        if users is not None:
            config = dataclasses.replace(config, last_user=config.first_user + users)
        if visits:
            config = dataclasses.replace(config, visits=list(visits))
        env = CrossScenarioVectorEnv(people, config, expose_truth=expose_truth)
        return env if self.reader is None or not with_context else VectorContextWrapper(env, self.reader)

    def baseline(self, name: str, env: CrossScenarioVectorEnv, seed: int, log: Log | None = None) -> ScoringPolicy:
        """A baseline by name, see :data:`crossrec.agents.baselines.build.REGISTRY`.

        Args:
            name: Of the baseline.
            env: Where it will act; the oracles look into it.
            seed: Of whatever it draws.
            log: What it learns from, if it does; made in this lab's environment with its contexts.

        Raises:
            ConfigError: For an unknown name, or a log that is missing or was made elsewhere.
            ModelError: If a language model is needed that is not there.
        """
        given = Given(self.world, self.vectors, self._space, env, self.context, seed, log)
        policy = build_baseline(name, given)
        policy.slate_size = self.env.slate_size
        return policy

    def _space(self) -> spaces.Dict:
        """Observation space of one person, with a context where there is one."""
        space = dict(PeopleCore(self.env, {}, 1, expose_truth=False).observation_space.spaces)
        if self.reader is not None:
            space[CONTEXT] = context_space(self.reader.dimension)
        return spaces.Dict(space)


def training_visits(config: TrainConfig, world: World) -> list[str]:
    """Names of the scenarios that people go to in a run's training; none: as in its evaluation."""
    if config.train_elsewhere:
        return [scenario.name for scenario in world.scenarios if scenario.name not in config.env.visits]
    return config.train_visits


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
    return Lab(env, world, vectors, make_reader(context, world, source, projection), source, context)
