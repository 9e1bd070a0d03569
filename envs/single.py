"""The environment of one person."""

from __future__ import annotations

from typing import Any, cast

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from crossrec.config import EnvConfig
from crossrec.errors import ConfigError, check_range

from .base import Observation, PeopleCore


class CrossScenarioEnv(gym.Env[Observation, np.int64]):
    """One person who moves between recommendation scenarios.

    ## Description
    A person with interests, a topic on the mind, boredom and mood uses a shop, the news, a social feed, music and
    videos over hours and days. At each step the policy shows one of ``n_candidates`` items of the scenario that the
    person is in; the person ignores it or clicks, stays with it for a while and may convert. What is shown changes what
    the person wants next, how long the person stays, which scenario comes next, and whether the person ever returns.

    ## Action Space
    ``Discrete(n_candidates)``: the place of the item among ``candidates``. Choosing padding (``mask`` 0) shows nothing;
    that is a step without a click.

    ## Observation Space
    A ``Dict``; keys, shapes and units are listed in :mod:`crossrec.observation`. Item ids stand for items: their texts
    are in ``env.unwrapped.world.catalogue``.

    ## Starting State
    A person returns at a random minute of the week with an empty history. ``reset(seed=s)`` decides who is met and all
    noise of that life; ``reset(options={"user": 17})`` picks the person; ``reset()`` goes on to the seed's next person.

    ## Reward
    The weighted sum of ``info["reward_parts"]``: ``click`` (0 or 1), ``dwell`` [min] and ``conversion`` (0 or 1), with
    the weights of ``reward`` (:class:`crossrec.config.RewardConfig`).

    ## Episode End
    ``terminated`` when the person ends a session never to return (churn), ``truncated`` after ``horizon`` steps.

    ## Information
    ``user``, ``scenario`` (index), ``entered`` (whether this is the first moment in the scenario), ``minute`` (of the
    week), after a step ``reward_parts``; with ``expose_truth=True`` also ``truth``: ``intent`` (topic index),
    ``satisfaction``, ``expected_reward`` of each candidate.

    ## Arguments
    The fields of :class:`crossrec.config.EnvConfig` as keywords (``n_candidates=20``, ``behaviour={"drift": 0.0}``), or
    ``config=EnvConfig(...)``; ``expose_truth``.

    ## References
    RecSim (Ie et al. 2019), RecoGym (Rohde et al. 2018), KuaiSim (Zhao et al. 2023), Leqi et al. 2021.

    ## Version History
    * v0: first version.
    """

    metadata: dict[str, Any] = {"render_modes": []}

    def __init__(
        self,
        config: EnvConfig | None = None,
        *,
        expose_truth: bool = False,
        render_mode: str | None = None,
        **options: Any,
    ) -> None:
        self.core = PeopleCore(config, options, 1, expose_truth)
        self.config, self.world = self.core.config, self.core.world
        self.observation_space = cast("spaces.Space[Observation]", self.core.observation_space)
        self.action_space = self.core.action_space
        self.render_mode = render_mode
        self._begun = False

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin a life; see Starting State."""
        if seed is not None:
            check_range("seed", seed, 0, 2**62)
        super().reset(seed=seed)
        users = self.core.users_option(options)
        if seed is not None or not self._begun:
            self.core.seeds[0] = seed if seed is not None else int(self.np_random.integers(2**31))
            self.core.episodes[0] = 0
        else:
            self.core.episodes[0] += 1
        self._begun = True
        self.core.begin(users)
        return self._observation(), _first(self.core.info())

    def step(self, action: np.int64) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Show one item; see Action Space."""
        if not self._begun:
            raise ConfigError("step() came before reset(); call reset() first.")
        outcome = self.core.simulator.step(self.core.checked_actions(action))
        info = _first({**self.core.info(), "reward_parts": outcome.parts})
        terminated, truncated = bool(outcome.terminated[0]), bool(outcome.truncated[0])
        return self._observation(), float(outcome.reward[0]), terminated, truncated, info

    def _observation(self) -> Observation:
        return {key: values[0] for key, values in self.core.simulator.observe().items()}


def _first(info: dict[str, Any]) -> dict[str, Any]:
    """The only person's part of batched infos, with plain Python numbers."""
    return {
        key: _first(values) if isinstance(values, dict) else values[0].tolist() if values.ndim == 1 else values[0]
        for key, values in info.items()
    }
