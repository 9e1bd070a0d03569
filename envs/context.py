"""Language contexts as wrappers: a reader turns moments into vectors, a wrapper adds them as ``context``.

A context is read when a person enters a scenario, for everybody who enters in one call, and kept until the next.
"""

from __future__ import annotations

from typing import Any, Protocol, cast

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs
from gymnasium.vector import VectorEnv, VectorWrapper
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from crossrec.errors import ConfigError
from crossrec.language.context import ContextSource, embed_texts
from crossrec.language.moment import prompts, strangers
from crossrec.language.projection import Projection
from crossrec.language.prompt import Prompt
from crossrec.observation import CONTEXT, context_space
from crossrec.simulation.simulator import Simulator
from crossrec.simulation.state import Seen
from crossrec.world.synthetic import World
from crossrec.world.text import TOPICS

from .base import Observation, PeopleCore
from .single import CrossScenarioEnv
from .vector import CrossScenarioVectorEnv

Vectors = NDArray[np.float32]


class ContextReader(Protocol):
    """Turns moments into context vectors.

    Attributes:
        dimension: D.
        every_step: Whether to read at each step rather than on entering a scenario.
    """

    dimension: int
    every_step: bool

    def read(self, seen: Seen, intent: NDArray[np.int64]) -> Vectors:
        """(n, D) for n moments; ``intent`` (n,) is hidden truth, which only the oracle may look at."""
        ...


class LanguageReader:
    """Reads a text about each moment, embedded and projected.

    Args:
        world: Where the people live.
        source: Writes and remembers the texts.
        projection: From the encoder's dimension to D; fitted on the catalogue.
        n_titles: How many enjoyed titles a prompt names.
        detail: Whether a prompt names device and weekend.
        shuffled: Whether the profile note is somebody else's (a control).
    """

    every_step = False

    def __init__(
        self,
        world: World,
        source: ContextSource,
        projection: Projection,
        *,
        n_titles: int = 0,
        detail: bool = False,
        shuffled: bool = False,
    ) -> None:
        self.world, self.source, self.projection = world, source, projection
        self.n_titles, self.detail, self.shuffled = n_titles, detail, shuffled
        self.dimension = projection.components.shape[1]

    def read(self, seen: Seen, intent: NDArray[np.int64]) -> Vectors:
        """(n, D) of the texts; hidden truth is not looked at."""
        return self.projection.apply(self.source.lookup(self.prompts(seen))[1])

    def prompts(self, seen: Seen) -> list[Prompt]:
        """What the source is asked about n moments."""
        moments = strangers(self.world, seen) if self.shuffled else seen
        return prompts(self.world, moments, self.n_titles, self.detail)


class ZeroReader:
    """A context that says nothing: the control that keeps only the network's shape."""

    every_step = False

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension

    def read(self, seen: Seen, intent: NDArray[np.int64]) -> Vectors:
        """(n, D) zeros."""
        return np.zeros((len(intent), self.dimension), np.float32)


class OracleReader:
    """A context that names the true intent: the bound of what any text about it could give."""

    every_step = True

    def __init__(self, source: ContextSource, projection: Projection) -> None:
        self.dimension = projection.components.shape[1]
        self.topics = projection.apply(embed_texts(source.encoder, TOPICS, source.store))

    def read(self, seen: Seen, intent: NDArray[np.int64]) -> Vectors:
        """(n, D) of the intents' names."""
        named: Vectors = self.topics[intent]
        return named


class ContextWrapper(gym.Wrapper[Observation, np.int64, Observation, np.int64], RecordConstructorArgs):
    """Adds ``context`` to the observation of the single environment."""

    def __init__(self, env: gym.Env[Observation, np.int64], reader: ContextReader) -> None:
        RecordConstructorArgs.__init__(self, reader=reader)
        gym.Wrapper.__init__(self, env)
        base = env.unwrapped
        if not isinstance(base, CrossScenarioEnv):
            raise ConfigError(f"ContextWrapper needs a CrossRec environment; found {type(base).__name__}.")
        self.core, self.reader = base.core, reader
        self.observation_space = cast(
            "spaces.Space[Observation]", _with_context(env.observation_space, reader.dimension)
        )
        self._context = np.zeros(reader.dimension, np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """As the environment's, with a context."""
        observation, info = self.env.reset(seed=seed, options=options)
        return self._add(observation), info

    def step(self, action: np.int64) -> tuple[Observation, Any, bool, bool, dict[str, Any]]:
        """As the environment's, with a context."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        return self._add(observation), reward, terminated, truncated, info

    def _add(self, observation: Observation) -> Observation:
        if self.reader.every_step or self.core.simulator.seen.entered[0]:
            self._context = _read(self.reader, self.core, np.zeros(1, np.intp))[0]
        return {**observation, CONTEXT: self._context.copy()}


class VectorContextWrapper(VectorWrapper):
    """Adds ``context`` to the observations of the vector environment, final ones included."""

    def __init__(self, env: VectorEnv[Any, Any, Any], reader: ContextReader) -> None:
        super().__init__(env)
        base = env.unwrapped
        if not isinstance(base, CrossScenarioVectorEnv):
            raise ConfigError(f"VectorContextWrapper needs a CrossRec environment; found {type(base).__name__}.")
        self.base, self.reader = base, reader
        base.keep_final = True
        self.single_observation_space = _with_context(env.single_observation_space, reader.dimension)
        self.observation_space = batch_space(self.single_observation_space, env.num_envs)
        self._context = np.zeros((env.num_envs, reader.dimension), np.float32)

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """As the environment's, with contexts."""
        observation, infos = self.env.reset(seed=seed, options=options)  # type: ignore[arg-type]
        self._refresh(np.arange(self.num_envs))
        return {**observation, CONTEXT: self._context.copy()}, infos

    def step(self, actions: NDArray[np.int64]) -> tuple[Observation, Any, Any, Any, dict[str, Any]]:
        """As the environment's, with contexts."""
        observation, reward, terminated, truncated, infos = self.env.step(actions)
        if self.base.final_seen is not None:
            infos["final_obs"] = {**infos["final_obs"], CONTEXT: self._final(infos["_final_obs"])}
        entered = self.base.core.simulator.seen.entered
        self._refresh(np.arange(self.num_envs) if self.reader.every_step else np.flatnonzero(entered))
        return {**observation, CONTEXT: self._context.copy()}, reward, terminated, truncated, infos

    def _refresh(self, rows: NDArray[np.intp]) -> None:
        if rows.size:
            self._context[rows] = _read(self.reader, self.base.core, rows)

    def _final(self, done: NDArray[np.bool_]) -> Vectors:
        """Contexts of the lives that ended: of the last moment if it began a visit, else the one that was kept."""
        seen, rows = self.base.final_seen, np.flatnonzero(done)
        context = np.zeros_like(self._context)
        context[rows] = self._context[rows]
        if seen is not None:
            new = np.flatnonzero(seen.entered | self.reader.every_step)
            if new.size:
                context[rows[new]] = self.reader.read(seen.at(new), self.base.final_intent[new])
        return context


def _read(reader: ContextReader, core: PeopleCore, rows: NDArray[np.intp]) -> Vectors:
    simulator: Simulator = core.simulator
    return reader.read(simulator.seen.at(rows), simulator.truth.intent[rows].astype(np.int64))


def _with_context(space: Any, dimension: int) -> spaces.Dict:
    return spaces.Dict({**space.spaces, CONTEXT: context_space(dimension)})
