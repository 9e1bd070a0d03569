"""Item ids as vectors, for libraries that know nothing of item tables.

``gymnasium.wrappers.FlattenObservation`` on top makes one flat Box of it.
"""

from __future__ import annotations

from typing import Any, cast

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs
from gymnasium.vector import VectorEnv, VectorWrapper
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from crossrec.errors import ConfigError
from crossrec.language.encoder import HashingEncoder
from crossrec.language.projection import Projection, padded
from crossrec.observation import CANDIDATE_VECTORS, CANDIDATES, HISTORY, HISTORY_VECTORS
from crossrec.world.synthetic import World

from .base import Observation


def item_vectors(world: World, dimension: int = 64) -> NDArray[np.float32]:
    """Item embeddings that need no model: hashed words of title and description, projected.

    Args:
        world: Whose items.
        dimension: D of the result.

    Returns:
        (n_items + 1, D) unit vectors; row 0, the padding, is zero.
    """
    embedded = HashingEncoder().encode(world.catalogue.texts())
    return padded(Projection.fit(embedded, dimension).apply(embedded))


class ItemExpander:
    """Replaces ids by vectors in observations, single or batched.

    Args:
        space: Observation space of one person.
        vectors: (n_items + 1, D), row 0 zero.
    """

    def __init__(self, space: spaces.Space[Any], vectors: NDArray[np.float32]) -> None:
        if not isinstance(space, spaces.Dict) or CANDIDATES not in space.spaces:
            raise ConfigError(f"items can be expanded only where the observation has '{CANDIDATES}'; found {space}.")
        ids = space[CANDIDATES]
        if not isinstance(ids, spaces.Box) or len(vectors) != int(ids.high.max()) + 1:
            raise ConfigError(f"item vectors have {len(vectors)} rows; allowed: n_items + 1, row 0 being padding.")
        if not np.isfinite(vectors).all():
            row = int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])
            raise ConfigError(f"the item vector of id {row} is not finite; allowed: finite numbers.")
        self.vectors = vectors
        bound = float(np.abs(vectors).max())
        widths = {key: int(np.prod(space[key].shape or ())) * vectors.shape[1] for key in (CANDIDATES, HISTORY)}
        kept = {key: part for key, part in space.spaces.items() if key not in (CANDIDATES, HISTORY)}
        self.space = spaces.Dict(
            {
                **kept,
                CANDIDATE_VECTORS: spaces.Box(-bound, bound, (widths[CANDIDATES],), np.float32),
                HISTORY_VECTORS: spaces.Box(-bound, bound, (widths[HISTORY],), np.float32),
            }
        )

    def __call__(self, observation: Observation) -> Observation:
        """The observation with ``candidate_vectors`` (C * D,) and ``history_vectors`` (H * D,) instead of ids."""
        kept = {key: part for key, part in observation.items() if key not in (CANDIDATES, HISTORY)}
        for key, name in ((CANDIDATES, CANDIDATE_VECTORS), (HISTORY, HISTORY_VECTORS)):
            ids = observation[key]
            kept[name] = self.vectors[ids].reshape(*ids.shape[:-1], -1)
        return kept


class ExpandItems(gym.ObservationWrapper[Observation, Any, Observation], RecordConstructorArgs):
    """The single environment with vectors instead of item ids; ``vectors`` default to :func:`item_vectors`."""

    def __init__(self, env: gym.Env[Observation, Any], vectors: NDArray[np.float32] | None = None) -> None:
        RecordConstructorArgs.__init__(self, vectors=vectors)
        gym.ObservationWrapper.__init__(self, env)
        table = item_vectors(env.get_wrapper_attr("world")) if vectors is None else vectors
        self.expand = ItemExpander(env.observation_space, table)
        self.observation_space = cast("spaces.Space[Observation]", self.expand.space)

    def observation(self, observation: Observation) -> Observation:
        """See :class:`ItemExpander`."""
        return self.expand(observation)


class VectorExpandItems(VectorWrapper):
    """The vector environment with vectors instead of item ids, final observations included."""

    def __init__(self, env: VectorEnv[Any, Any, Any], vectors: NDArray[np.float32]) -> None:
        super().__init__(env)
        self.expand = ItemExpander(env.single_observation_space, vectors)
        self.single_observation_space = self.expand.space
        self.observation_space = batch_space(self.single_observation_space, env.num_envs)

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """As the environment's."""
        observation, infos = self.env.reset(seed=seed, options=options)  # type: ignore[arg-type]
        return self.expand(observation), infos

    def step(self, actions: Any) -> tuple[Observation, Any, Any, Any, dict[str, Any]]:
        """As the environment's."""
        observation, reward, terminated, truncated, infos = self.env.step(actions)
        if "final_obs" in infos:
            infos["final_obs"] = self.expand(infos["final_obs"])
        return self.expand(observation), reward, terminated, truncated, infos
