"""Language contexts as wrappers: a reader turns moments into vectors, a wrapper adds them as ``context``.

A context is read when a person enters a scenario (and, where the reader asks for it, more often), for everybody who is
due in one call, and kept until the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs
from gymnasium.vector import VectorEnv, VectorWrapper
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from crossrec.errors import ConfigError
from crossrec.language.reader import ContextReader, Vectors
from crossrec.observation import CONTEXT, context_space
from crossrec.simulation.state import Seen

from .base import Observation, PeopleCore
from .single import CrossScenarioEnv
from .vector import CrossScenarioVectorEnv


class _Kept:
    """The contexts of n people: read when due, kept till then.

    Attributes:
        vectors: (n, D).
    """

    def __init__(self, core: PeopleCore, reader: ContextReader) -> None:
        n = core.simulator.n
        self.core, self.reader = core, reader
        self.vectors = np.zeros((n, reader.dimension), np.float32)
        self._since = np.zeros(n, np.int64)  # steps since the context was read
        self._topic = np.full(n, -1)  # what had been enjoyed last then, as the reader notes it

    def begin(self) -> None:
        """Read everybody's."""
        self._read(np.arange(len(self._since)))

    def step(self) -> None:
        """Read those that are due one step later."""
        self._since += 1
        rows = np.flatnonzero(self.reader.due(self.core.simulator.seen, self._since, self._topic))
        if rows.size:
            self._read(rows)

    def final(self, seen: Seen, intent: NDArray[np.int64], ended: NDArray[np.intp]) -> Vectors:
        """Contexts (n, D) of lives that have just ended, zero elsewhere; to be asked before :meth:`step`.

        Args:
            seen: The last moments of the lives in ``ended``.
            intent: What was on these people's minds.
            ended: Their places.
        """
        context = np.zeros_like(self.vectors)
        context[ended] = self.vectors[ended]
        due = np.flatnonzero(self.reader.due(seen, self._since[ended] + 1, self._topic[ended]))
        if due.size:
            context[ended[due]] = self.reader.read(seen, due, intent)
        return context

    def snapshot(self) -> dict[str, NDArray[Any]]:
        """A copy of what is kept, for :meth:`restore`."""
        return {"vectors": self.vectors.copy(), "since": self._since.copy(), "topic": self._topic.copy()}

    def restore(self, snapshot: Mapping[str, NDArray[Any]]) -> None:
        """Keep what was kept then."""
        self.vectors[:], self._since[:], self._topic[:] = snapshot["vectors"], snapshot["since"], snapshot["topic"]

    def _read(self, rows: NDArray[np.intp]) -> None:
        simulator = self.core.simulator
        self.vectors[rows] = self.reader.read(simulator.seen, rows, simulator.truth.intent)
        self._since[rows] = 0
        self.reader.note_topic(simulator.seen, rows, self._topic)


class ContextWrapper(gym.Wrapper[Observation, np.int64, Observation, np.int64], RecordConstructorArgs):
    """Adds ``context`` to the observation of the single environment."""

    def __init__(self, env: gym.Env[Observation, np.int64], reader: ContextReader) -> None:
        RecordConstructorArgs.__init__(self, _disable_deepcopy=True, reader=reader)  # a reader may hold models
        gym.Wrapper.__init__(self, env)
        base = env.unwrapped
        if not isinstance(base, CrossScenarioEnv):
            raise ConfigError(f"ContextWrapper needs a CrossRec environment; found {type(base).__name__}.")
        self.core, self.reader = base.core, reader
        self.observation_space = cast(
            "spaces.Space[Observation]", _with_context(env.observation_space, reader.dimension)
        )
        self._kept = _Kept(base.core, reader)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """As the environment's, with a context."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._kept.begin()
        return {**observation, CONTEXT: self._kept.vectors[0].copy()}, info

    def step(self, action: np.int64) -> tuple[Observation, Any, bool, bool, dict[str, Any]]:
        """As the environment's, with a context."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        self._kept.step()
        return {**observation, CONTEXT: self._kept.vectors[0].copy()}, reward, terminated, truncated, info


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
        self._kept = _Kept(base.core, reader)

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """As the environment's, with contexts."""
        observation, infos = self.env.reset(seed=seed, options=options)  # type: ignore[arg-type]
        self._kept.begin()
        return {**observation, CONTEXT: self._kept.vectors.copy()}, infos

    def step(self, actions: NDArray[np.int64]) -> tuple[Observation, Any, Any, Any, dict[str, Any]]:
        """As the environment's, with contexts."""
        observation, reward, terminated, truncated, infos = self.env.step(actions)
        seen = self.base.final_seen
        if seen is not None:
            ended = np.flatnonzero(infos["_final_obs"])
            infos["final_obs"][CONTEXT] = self._kept.final(seen, self.base.final_intent, ended)
        self._kept.step()
        return {**observation, CONTEXT: self._kept.vectors.copy()}, reward, terminated, truncated, infos

    def look(self) -> Observation:
        """What is observed now, without a step; everybody's context is read anew."""
        self._kept.begin()
        return {**cast(Any, self.env).look(), CONTEXT: self._kept.vectors.copy()}

    def snapshot(self) -> dict[str, Any]:
        """A copy of all that decides how lives and contexts go on, but for what the reader remembers."""
        return {"env": cast(Any, self.env).snapshot(), "kept": self._kept.snapshot()}

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Go on where an equal environment was when it gave this snapshot.

        Raises:
            ConfigError: If the snapshot is of an environment with other sizes.
        """
        then, now = snapshot["kept"]["vectors"].shape, self._kept.vectors.shape
        if then != now:
            raise ConfigError(
                f"the snapshot's contexts have shape {then} and the environment's {now}; "
                "allowed: a snapshot of an environment with as many people and the same reader."
            )
        cast(Any, self.env).restore(snapshot["env"])
        self._kept.restore(snapshot["kept"])


def _with_context(space: Any, dimension: int) -> spaces.Dict:
    return spaces.Dict({**space.spaces, CONTEXT: context_space(dimension)})
