"""The environment of many people at once: NumPy in, NumPy out, no Python loop over people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from crossrec.config import EnvConfig
from crossrec.errors import ConfigError, check_range
from crossrec.simulation.hooks import Hooks
from crossrec.simulation.state import Seen

from .base import Observation, PeopleCore

_SEEDS = 2**62  # one per place is added


class CrossScenarioVectorEnv(VectorEnv[Observation, NDArray[np.int64], NDArray[Any]]):
    """``num_envs`` people; person i with seed s lives the life that the single environment with seed ``s + i`` lives.

    A life that ends is followed by the next one in the same step (``AutoresetMode.SAME_STEP``): the observation is the
    new life's first, ``infos["final_obs"]`` and ``infos["final_info"]`` hold the ended life's last, as batched arrays
    that are valid where ``infos["_final_obs"]`` is True (None when nobody ended).

    Args:
        num_envs: How many people.
        config: All options as one object, or
        **options: the fields of :class:`crossrec.config.EnvConfig` as keywords.
        expose_truth: Whether ``infos["truth"]`` and ``expected_rewards()`` tell hidden truth.
        hooks: Behaviour of your own, see :mod:`crossrec.simulation.hooks`.
        render_mode: None; lives are shown by the single environment.
    """

    metadata: dict[str, Any] = {"render_modes": [], "autoreset_mode": AutoresetMode.SAME_STEP}

    def __init__(
        self,
        num_envs: int = 1,
        config: EnvConfig | None = None,
        *,
        expose_truth: bool = False,
        hooks: Hooks | Mapping[str, Callable[..., Any]] | None = None,
        render_mode: str | None = None,
        **options: Any,
    ) -> None:
        if not isinstance(num_envs, (int, np.integer)):
            raise ConfigError(f"num_envs={num_envs!r} must be a whole number of at least 1.")
        check_range("num_envs", int(num_envs), 1)
        if render_mode is not None:
            raise ConfigError(
                f"render_mode={render_mode!r}: the vector environment shows nothing; make the single one with gym.make."
            )
        self.core = PeopleCore(config, options, num_envs, expose_truth, hooks)
        self.config, self.world = self.core.config, self.core.world
        self.num_envs, self.render_mode = num_envs, render_mode
        self.single_observation_space = self.core.observation_space
        self.single_action_space = self.core.action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.keep_final = False  # whether the next two are wanted; contexts of final observations need them
        self.final_seen: Seen | None = None  # observable state of the lives that ended in the last step
        self.final_intent = np.zeros(0, np.int64)  # and what was on these people's minds, for oracles
        self._rows = np.arange(num_envs)
        self._begun = False

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin a life in every place; a seed s gives the i-th place ``s + i``, a list gives one each."""
        users = self.core.users_option(options)
        self._check_seed(seed)
        if seed is None and self._begun:
            self.core.episodes += 1
        else:
            super().reset(seed=seed if isinstance(seed, int) else None)
            drawn = int(self.np_random.integers(2**31)) if seed is None else seed
            if isinstance(drawn, list):
                self.core.seeds[:] = [s if s is not None else int(self.np_random.integers(2**31)) for s in drawn]
            else:
                self.core.seeds[:] = int(drawn) + self._rows
            self.core.episodes[:] = 0
        self._begun, self.final_seen = True, None
        self.core.begin(users)
        return self.core.observe(), self.core.info()

    def step(
        self, actions: NDArray[np.int64]
    ) -> tuple[Observation, NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]:
        """Show everybody an item, ``actions`` (num_envs,), or a slate, (num_envs, slate_size)."""
        core = self.core
        if not self._begun:
            raise ConfigError("step() came before reset(); call reset() first.")
        outcome = core.step(actions)
        done = outcome.terminated | outcome.truncated
        ended = np.flatnonzero(done)
        final: dict[str, Any] = {}
        self.final_seen = None
        if ended.size:
            if self.keep_final:
                self.final_seen = core.simulator.seen.at(ended)
                self.final_intent = core.simulator.truth.intent[ended].astype(np.int64)
            final = {"final_obs": core.observe(ended, spread=True)}
            final |= {"_final_obs": done.copy(), "final_info": core.info()}
            final["_final_info"] = done.copy()
            core.begin_next(ended)
        infos = {**core.info(), **final}
        return core.observe(), outcome.reward, outcome.terminated, outcome.truncated, infos

    def look(self) -> Observation:
        """What is observed now, without a step."""
        return self.core.observe()

    def expected_rewards(self) -> NDArray[np.float64]:
        """True expected reward of each candidate, (num_envs, C); only with ``expose_truth=True``."""
        return self.core.expected_rewards()

    def snapshot(self) -> dict[str, Any]:
        """A copy of all that decides how lives go on, for :meth:`restore`; hooks with a state of their own keep it."""
        return {
            "state": {name: block.copy() for name, block in self.core.simulator.state.blocks.items()},
            "seeds": self.core.seeds.copy(),
            "episodes": self.core.episodes.copy(),
            "outcome": deepcopy(self.core.outcome),
            "random": deepcopy((self._np_random, self._np_random_seed)),
            "begun": self._begun,
        }

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Go on where an environment with the same options was when it gave this snapshot.

        Raises:
            ConfigError: If the snapshot holds another number of people, or state of other sizes.
        """
        core, state = self.core, snapshot["state"]
        blocks = core.simulator.state.blocks
        for name, block in blocks.items():
            if state[name].shape != block.shape:
                raise ConfigError(
                    f"the snapshot's state '{name}' has shape {state[name].shape} and the environment's {block.shape}; "
                    "allowed: a snapshot of an environment with the same num_envs and options."
                )
        for name, block in blocks.items():
            block[:] = state[name]
        core.seeds[:], core.episodes[:] = snapshot["seeds"], snapshot["episodes"]
        core.outcome = deepcopy(snapshot["outcome"])
        self._np_random, self._np_random_seed = deepcopy(snapshot["random"])
        self._begun, self.final_seen = snapshot["begun"], None

    def _check_seed(self, seed: Any) -> None:
        given = seed if isinstance(seed, list) else [seed] * self.num_envs
        fine = all(s is None or (isinstance(s, (int, np.integer)) and 0 <= s < _SEEDS) for s in given)
        if len(given) != self.num_envs or not fine:
            raise ConfigError(
                f"seed={seed!r} must be a whole number from 0 to {_SEEDS - 1}, "
                f"or a list of {self.num_envs} of them (or None)."
            )
