"""The environment of one person."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from crossrec.config import EnvConfig
from crossrec.errors import ConfigError, check_range
from crossrec.simulation.hooks import Hooks

from .base import Observation, PeopleCore
from .rendering.renderer import FPS, RENDER_MODES, Renderer, modes_here


class CrossScenarioEnv(gym.Env[Observation, Any]):
    """One person who moves between recommendation scenarios.

    ## Description
    A person with interests, a topic on the mind, boredom and mood uses a shop, the news, a social feed, music, videos
    or whatever ``scenarios`` names over hours and days. At each step the policy shows one of ``n_candidates`` items of
    the scenario that the person is in, or a slate of them; the person ignores it or clicks, stays with it for a while
    and may convert. What is shown changes what the person wants next, how long the person stays, which scenario comes
    next, and whether the person ever returns.

    ## Action Space
    ``Discrete(n_candidates)``: the place of the item among ``candidates``. Choosing padding (``mask`` 0) shows nothing;
    that is a step without a click. With ``slate_size`` S > 1 ``MultiDiscrete([n_candidates] * S)``, the first place
    first: at most one item is clicked, and an item that stands in the slate twice is shown once, at its first place.

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
    week), ``away`` (minutes since the last session when one has just begun, else 0), after a step ``reward_parts``, for
    slates ``slate`` (items, click, dwell [s] and conversion at each place); with ``expose_truth=True`` also ``truth``:
    ``intent`` (topic index), ``satisfaction``, ``expected_reward`` of each candidate.

    ## Arguments
    The fields of :class:`crossrec.config.EnvConfig` as keywords (``n_candidates=20``, ``behaviour={"drift": 0.0}``), or
    ``config=EnvConfig(...)``; ``expose_truth``; ``render_mode``.
    ``hooks`` are behaviour of your own (:mod:`crossrec.simulation.hooks`).

    ## References
    RecSim (Ie et al. 2019), RecoGym (Rohde et al. 2018), KuaiSim (Zhao et al. 2023), Leqi et al. 2021.

    ## Version History
    * v0: first version.
    """

    metadata: dict[str, Any] = {"render_modes": list(RENDER_MODES), "render_fps": FPS}

    def __init__(
        self,
        config: EnvConfig | None = None,
        *,
        expose_truth: bool = False,
        hooks: Hooks | Mapping[str, Callable[..., Any]] | None = None,
        render_mode: str | None = None,
        **options: Any,
    ) -> None:
        self.renderer = None if render_mode is None else Renderer(render_mode)
        self.metadata = {**self.metadata, "render_modes": modes_here()}
        self.core = PeopleCore(config, options, 1, expose_truth, hooks)
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
        if self.renderer is not None:
            self.renderer.begin(self.core)
        return self._observation(), _first(self.core.info())

    def step(self, action: Any) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Show an item or a slate; see Action Space."""
        if not self._begun:
            raise ConfigError("step() came before reset(); call reset() first.")
        outcome = self.core.step(action)
        if self.renderer is not None:
            self.renderer.step(self.core)
        info = _first(self.core.info())
        terminated, truncated = bool(outcome.terminated[0]), bool(outcome.truncated[0])
        return self._observation(), float(outcome.reward[0]), terminated, truncated, info

    def render(self) -> Any:
        """The life so far; see Rendering. None without a ``render_mode``, with Gymnasium's usual warning."""
        if self.renderer is None:
            gym.logger.warn("render() shows nothing without a render_mode, e.g. gym.make(..., render_mode='ansi').")
            return None
        return self.renderer.render()

    def close(self) -> None:
        """Close the window, if there is one."""
        if self.renderer is not None:
            self.renderer.close()

    def expected_rewards(self) -> NDArray[np.float64]:
        """True expected reward of each candidate, (1, C), for oracles; only with ``expose_truth=True``."""
        return self.core.expected_rewards()

    def _observation(self) -> Observation:
        return {key: values[0] for key, values in self.core.observe().items()}


def _first(info: dict[str, Any]) -> dict[str, Any]:
    """The only person's part of batched infos, with plain Python numbers."""
    return {
        key: _first(values) if isinstance(values, dict) else values[0].tolist() if values.ndim == 1 else values[0]
        for key, values in info.items()
    }
