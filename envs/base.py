"""What the single and the vector environment share: options, spaces, the simulator, and what infos tell."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from crossrec.config import EnvConfig, check_env_config, from_options
from crossrec.errors import ConfigError
from crossrec.simulation.simulator import Simulator
from crossrec.world.scenario import SCENARIOS
from crossrec.world.synthetic import World, build_world

Observation = dict[str, NDArray[Any]]


def resolve(config: EnvConfig | None, options: dict[str, Any]) -> EnvConfig:
    """The config of an environment made from a config object or from plain options, checked.

    Raises:
        ConfigError: Names the option, what was found and what is allowed.
    """
    if config is not None and options:
        raise ConfigError(f"Give either config= or single options, not both; found both config= and {sorted(options)}.")
    if config is not None and not isinstance(config, EnvConfig):
        raise ConfigError(f"config must be an EnvConfig; found {config!r}.")
    resolved = config if config is not None else from_options(EnvConfig, options)
    check_env_config(resolved, list(SCENARIOS))
    return resolved


class PeopleCore:
    """n people in one world behind an environment.

    Attributes:
        config: The resolved options.
        world: What exists.
        simulator: The people's lives.
        observation_space: Of one person.
        action_space: Of one person.
    """

    def __init__(self, config: EnvConfig | None, options: dict[str, Any], n: int, expose_truth: bool) -> None:
        self.config = resolve(config, options)
        self.expose_truth = expose_truth
        self.world: World = build_world(
            tuple(self.config.scenarios), self.config.items_per_scenario, self.config.world_seed
        )
        self.simulator = Simulator(self.world, self.config, n)
        self.observation_space: spaces.Dict = self.simulator.layout.space()
        self.action_space = spaces.Discrete(self.config.n_candidates)
        self.seeds = np.zeros(n, np.int64)
        self.episodes = np.zeros(n, np.int64)

    def begin(self, users: NDArray[np.int64] | None = None) -> None:
        """Begin the current episode of every seed, with given people or with those that the seeds meet."""
        self.simulator.reset(self.seeds, self.episodes, users)

    def begin_next(self, rows: NDArray[np.intp]) -> None:
        """Begin the next episode of the seeds in ``rows``."""
        self.episodes[rows] += 1
        self.simulator.replace(rows)

    def users_option(self, options: dict[str, Any] | None) -> NDArray[np.int64] | None:
        """The ids in ``reset(options={"user": ...})``, (n,), or None.

        Raises:
            ConfigError: For an unknown option, an id that is negative or no whole number, or the wrong number of ids.
        """
        if not options:
            return None
        unknown = sorted(set(options) - {"user"})
        if unknown:
            raise ConfigError(f"Unknown reset option {unknown[0]!r}; allowed: 'user'.")
        n = self.simulator.n
        try:
            users = np.asarray(options["user"])
        except ValueError:  # ragged
            users = np.empty(0)
        right = users.dtype.kind in "iu" and users.shape in ((), (n,))
        if not right or (users < 0).any() or (users >= 2**63).any():
            raise ConfigError(
                f"reset option user={options['user']!r} must be an id of at least 0, or {n} of them (one per person)."
            )
        return np.broadcast_to(users, n).astype(np.int64)

    def checked_actions(self, actions: Any) -> NDArray[np.int64]:
        """Actions as (n,) whole numbers.

        Raises:
            ConfigError: If the shape is wrong or one lies outside the action space.
        """
        array = np.atleast_1d(np.asarray(actions))
        n, c = self.simulator.n, self.config.n_candidates
        if array.shape != (n,) or array.dtype.kind not in "iu":
            raise ConfigError(f"action={actions!r} must be {'a whole number' if n == 1 else f'{n} whole numbers'}.")
        outside = (array < 0) | (array >= c)
        if outside.any():
            raise ConfigError(
                f"action={array[outside][0]} is outside the action space; allowed: 0 to {c - 1} (n_candidates={c})."
            )
        return array.astype(np.int64)

    def info(self) -> dict[str, Any]:
        """What is told besides observation and reward, (n,) arrays; hidden truth only where that was asked for."""
        seen = self.simulator.seen
        told: dict[str, Any] = {
            "user": seen.user.copy(),
            "scenario": seen.scenario.copy(),
            "entered": seen.entered.copy(),
            "minute": seen.minute.copy(),
        }
        if self.expose_truth:
            truth = self.simulator.truth
            told["truth"] = {
                "intent": truth.intent.copy(),
                "satisfaction": truth.satisfaction.copy(),
                "expected_reward": self.simulator.expected_rewards(),
            }
        return told

    def expected_rewards(self) -> NDArray[np.float64]:
        """True expected reward of each candidate, (n, C), for oracles.

        Raises:
            ConfigError: Unless the environment was made with ``expose_truth=True``.
        """
        if not self.expose_truth:
            raise ConfigError("Hidden truth was asked for; make the environment with expose_truth=True to see it.")
        return self.simulator.expected_rewards()
