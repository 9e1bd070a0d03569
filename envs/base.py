"""What the single and the vector environment share: options, spaces, the simulator, and what infos tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from crossrec.config import EnvConfig
from crossrec.errors import ConfigError
from crossrec.options import check_env_config, from_options
from crossrec.simulation.hooks import Hooks, make_hooks
from crossrec.simulation.simulator import Outcome, Simulator
from crossrec.simulation.trial import guarded, try_hooks
from crossrec.world.synthetic import World, world_of

_BESIDE = ("config", "expose_truth", "hooks", "render_mode")  # what environments take besides the fields of EnvConfig
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
    resolved = config if config is not None else from_options(EnvConfig, options, also=_BESIDE)
    check_env_config(resolved)
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

    def __init__(
        self,
        config: EnvConfig | None,
        options: dict[str, Any],
        n: int,
        expose_truth: bool,
        hooks: Hooks | Mapping[str, Callable[..., Any]] | None = None,
    ) -> None:
        self.config = resolve(config, options)
        self.expose_truth = expose_truth
        self.world: World = world_of(self.config)
        made = make_hooks(hooks)
        if made is not None:
            try_hooks(made, self.world, self.config)
            made = guarded(made)
        self.simulator = Simulator(self.world, self.config, n, made)
        self.observation_space: spaces.Dict = self.simulator.layout.space()
        c, slate = self.config.n_candidates, self.config.slate_size
        self.action_space: spaces.Space[Any] = spaces.Discrete(c) if slate == 1 else spaces.MultiDiscrete([c] * slate)
        self.outcome: Outcome | None = None  # of the last step
        self.seeds = np.zeros(n, np.int64)
        self.episodes = np.zeros(n, np.int64)
        whole = (n,) if slate == 1 else (n, slate)
        self._shapes = {whole, whole[1:]} if n == 1 else {whole}  # of actions; the single environment has no rows

    def begin(self, users: NDArray[np.int64] | None = None) -> None:
        """Begin the current episode of every seed, with given people or with those that the seeds meet."""
        self.outcome = None
        self.simulator.reset(self.seeds, self.episodes, users)

    def begin_next(self, rows: NDArray[np.intp]) -> None:
        """Begin the next episode of the seeds in ``rows``."""
        self.episodes[rows] += 1
        self.simulator.begin(rows, self.seeds[rows], self.episodes[rows])

    def observe(self, rows: NDArray[np.intp] | None = None, spread: bool = False) -> Observation:
        """Observations of people, see :meth:`Simulator.observe`; the one place to override for new things to see."""
        return self.simulator.observe(rows, spread)

    def step(self, actions: Any) -> Outcome:
        """Show everybody what ``actions`` choose."""
        self.outcome = self.simulator.step(self.checked_actions(actions))
        return self.outcome

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
                f"reset option user={options['user']!r} must be an id of at least 0"
                f"{f', or {n} of them (one per person)' if n > 1 else ''}."
            )
        return np.broadcast_to(users, n).astype(np.int64)

    def checked_actions(self, actions: Any) -> NDArray[np.int64]:
        """Actions as (n, slate) whole numbers.

        Raises:
            ConfigError: If the shape is wrong or one lies outside the action space.
        """
        array = np.asarray(actions)
        n, c, slate = self.simulator.n, self.config.n_candidates, self.config.slate_size
        if array.size != n * slate or array.dtype.kind not in "iu" or array.shape not in self._shapes:
            shape = (n, slate)[: 1 + (slate > 1)] if n > 1 else (slate,)
            wanted = "a whole number" if shape == (1,) else f"{' x '.join(map(str, shape))} whole numbers"
            raise ConfigError(f"action={actions!r} must be {wanted}.")
        places: NDArray[np.int64] = np.ascontiguousarray(array.reshape(n, slate), np.int64)
        if places.min() < 0 or places.max() >= c:
            wrong = places[(places < 0) | (places >= c)][0]
            raise ConfigError(f"action={wrong} is outside the action space; allowed: 0 to {c - 1} (n_candidates={c}).")
        return places

    def info(self) -> dict[str, Any]:
        """What is told besides observation and reward, (n,) arrays; hidden truth only where that was asked for.

        After a step also ``reward_parts``, and for slates ``slate``, what happened at each place (n, slate).
        """
        seen = self.simulator.seen
        told: dict[str, Any] = {
            "user": seen.user.copy(),
            "scenario": seen.scenario.astype(np.int64),
            "entered": seen.entered.copy(),
            "minute": seen.minute.copy(),
            "away": seen.away.copy(),
        }
        if self.outcome is not None:
            told["reward_parts"] = {name: part.copy() for name, part in self.outcome.parts.items()}
            if self.config.slate_size > 1:
                told["slate"] = _by_place(self.outcome)
        if self.expose_truth:
            truth = self.simulator.truth
            told["truth"] = {
                "intent": truth.intent.astype(np.int64),
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


def _by_place(outcome: Outcome) -> dict[str, NDArray[Any]]:
    """What was shown at each place of the slates, and what happened there: (n, slate) each."""
    here = np.arange(outcome.items.shape[1]) == outcome.place[:, None]
    parts = outcome.parts
    return {
        "items": outcome.items.copy(),
        "click": here * parts["click"][:, None],
        "dwell": here * (60.0 * parts["dwell"])[:, None],
        "conversion": here * parts["conversion"][:, None],
    }
