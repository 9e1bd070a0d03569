"""Our batched environments as a Stable-Baselines3 ``VecEnv``, without a Python loop over people per step."""

from __future__ import annotations

import time
from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Protocol, cast

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env.base_vec_env import VecEnv, VecEnvIndices, VecEnvObs, VecEnvStepReturn

from crossrec.errors import ConfigError


class BatchedEnv(Protocol):
    """What the adapter uses of ``gymnasium.vector.VectorEnv``."""

    num_envs: int
    metadata: dict[str, Any]
    single_observation_space: spaces.Space[Any]
    single_action_space: spaces.Space[Any]

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """First observations and infos."""

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Observations, rewards, terminations, truncations and infos."""

    def close(self) -> None:
        """Free what is held."""


class ResumableEnv(BatchedEnv, Protocol):
    """A batched environment that can be put back to where it was."""

    def snapshot(self) -> Any:
        """A copy of all that decides how it goes on."""

    def restore(self, snapshot: Any) -> None:
        """Go on from there."""


class SB3VecEnv(VecEnv):
    """Adapter from a vector environment with Dict observations and same-step autoreset.

    Every info is empty but those of people whose episode ends: they hold ``terminal_observation``,
    ``TimeLimit.truncated`` (truncated and not terminated), ``episode`` (return, length, seconds, as by ``Monitor``) and
    ``final_info``.

    Args:
        env: The environment; it stays usable through ``env``.

    Raises:
        ConfigError: If the environment does not reset in the same step.
    """

    def __init__(self, env: BatchedEnv) -> None:
        mode = env.metadata.get("autoreset_mode")
        if mode is not AutoresetMode.SAME_STEP:
            raise ConfigError(f"the environment's autoreset_mode is {mode}; allowed: AutoresetMode.SAME_STEP.")
        self.env = env
        super().__init__(env.num_envs, env.single_observation_space, env.single_action_space)
        self._returns = np.zeros(env.num_envs)
        self._lengths = np.zeros(env.num_envs, dtype=np.int64)
        self._actions: NDArray[Any] | None = None
        self._began = time.perf_counter()

    def reset(self) -> VecEnvObs:
        """First observations; uses up what `seed` and `set_options` gave: person i gets ``seed + i``."""
        if any(options != self._options[0] for options in self._options):
            raise ConfigError("set_options: the people of a vector environment take the same options; pass one dict.")
        observation, info = self.env.reset(seed=self._seeds[0], options=self._options[0] or None)
        self.reset_infos = [_row(info, i) for i in range(self.num_envs)]
        self._reset_seeds()
        self._reset_options()
        self._returns[:] = 0.0
        self._lengths[:] = 0
        return dict(observation)

    def step_async(self, actions: NDArray[Any]) -> None:
        """Remember the actions ``(n,)``; `step_wait` takes them."""
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Observations, rewards ``(n,)`` float32, dones ``(n,)`` and a list of infos."""
        observation, rewards, terminated, truncated, info = self.env.step(self._actions)
        done = terminated | truncated
        self._returns += rewards
        self._lengths += 1
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        ended = np.flatnonzero(done)
        if ended.size:
            seconds = round(time.perf_counter() - self._began, 6)
            for i in ended.tolist():
                infos[i] = {
                    "terminal_observation": _final_observation(info, i),
                    "TimeLimit.truncated": bool(truncated[i] and not terminated[i]),
                    "episode": {"r": float(self._returns[i]), "l": int(self._lengths[i]), "t": seconds},
                    "final_info": _row(info.get("final_info", {}), i),
                }
            self._returns[ended] = 0.0
            self._lengths[ended] = 0
        return dict(observation), np.asarray(rewards, dtype=np.float32), done, infos

    def snapshot(self) -> dict[str, Any]:
        """A copy of all that decides how episodes go on; the environment must be a `ResumableEnv`."""
        return {
            "returns": self._returns.copy(),
            "lengths": self._lengths.copy(),
            "next_reset": deepcopy((self._seeds, self._options)),
            "env": cast(ResumableEnv, self.env).snapshot(),
        }

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Go on where an adapter of an equal environment was when it gave this snapshot."""
        cast(ResumableEnv, self.env).restore(snapshot["env"])
        self._returns[:], self._lengths[:] = snapshot["returns"], snapshot["lengths"]
        self._seeds, self._options = deepcopy(snapshot["next_reset"])

    def close(self) -> None:
        """Close the environment."""
        self.env.close()

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """The environment's attribute, once for each asked person."""
        return [getattr(self.env, attr_name)] * len(self._indices(indices))

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Set an attribute of the environment; it has one for all people."""
        if len(self._indices(indices)) != self.num_envs:
            raise ConfigError(f"set_attr('{attr_name}'): one environment holds all people; leave out indices.")
        setattr(self.env, attr_name, value)

    def env_method(self, method_name: str, *args: Any, indices: VecEnvIndices = None, **kwargs: Any) -> list[Any]:
        """Call a method of the environment once; its answer for each asked person."""
        return [getattr(self.env, method_name)(*args, **kwargs)] * len(self._indices(indices))

    def env_is_wrapped(self, wrapper_class: type[gymnasium.Wrapper], indices: VecEnvIndices = None) -> list[bool]:
        """True for ``Monitor``, whose infos this adapter gives; else False."""
        return [issubclass(wrapper_class, Monitor)] * len(self._indices(indices))

    def _indices(self, indices: VecEnvIndices) -> list[int]:
        return list(self._get_indices(indices))


def _final_observation(info: Mapping[str, Any], i: int) -> dict[str, NDArray[Any]]:
    """Person i's last observation, from a dict of arrays ``(n, ...)`` or an object array of dicts."""
    final = info["final_obs"]
    return {key: np.array(value[i]) for key, value in final.items()} if isinstance(final, Mapping) else dict(final[i])


def _row(info: Mapping[str, Any], i: int) -> dict[str, Any]:
    """Person i's part of a batched info; Gymnasium marks by ``_key`` who has ``key``."""
    return {
        key: _row(value, i) if isinstance(value, Mapping) else value[i]
        for key, value in info.items()
        if not key.startswith("_") and (f"_{key}" not in info or info[f"_{key}"][i])
    }
