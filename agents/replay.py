"""Replay of people's lives: each observation once, in one block of bytes, so that a minibatch is one gather."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.buffers import BaseBuffer, ReplayBuffer
from stable_baselines3.common.type_aliases import DictReplayBufferSamples
from stable_baselines3.common.vec_env import VecNormalize
from torch import Tensor

from crossrec.errors import ConfigError

_ALIGN = 8  # [bytes], so that every key's part can be viewed in its own type


class Records:
    """How the observations of a space lie in rows of bytes.

    Args:
        space: Of one person.
    """

    def __init__(self, space: spaces.Dict) -> None:
        self.parts: dict[str, tuple[slice, np.dtype[Any], tuple[int, ...]]] = {}
        self.width = 0  # [bytes]
        for key, part in space.spaces.items():
            assert part.shape is not None
            assert part.dtype is not None
            size = int(np.prod(part.shape)) * part.dtype.itemsize
            self.parts[key] = slice(self.width, self.width + size), part.dtype, part.shape
            self.width += -(-size // _ALIGN) * _ALIGN

    def write(self, rows: NDArray[np.uint8], observation: dict[str, NDArray[Any]], which: Any = slice(None)) -> None:
        """Write observations ``(n, ...)``, or those chosen, into rows ``(n, width)``."""
        for key, (place, dtype, _) in self.parts.items():
            values = np.asarray(observation[key], dtype)[which]
            rows[:, place].view(dtype)[:] = values.reshape(len(values), -1)

    def same(self, rows: NDArray[np.uint8], observation: dict[str, NDArray[Any]]) -> NDArray[np.bool_]:
        """Which rows ``(n, width)`` hold the observations ``(n, ...)``."""
        equal = np.ones(len(rows), dtype=bool)
        for key, (place, dtype, _) in self.parts.items():
            values = np.asarray(observation[key], dtype)
            equal &= (rows[:, place].view(dtype) == values.reshape(len(values), -1)).all(axis=1)
        return equal

    def read(self, rows: Tensor) -> dict[str, Tensor]:
        """Observations ``(n, ...)`` in rows ``(n, width)``, as views."""
        return {
            key: rows[:, place].view(_TORCH[dtype.name]).unflatten(1, shape)  # type: ignore[no-untyped-call]
            for key, (place, dtype, shape) in self.parts.items()
        }


_TORCH = {name: getattr(torch, name) for name in ("int8", "uint8", "int16", "int32", "int64", "float32", "float64")}


class PeopleReplay(ReplayBuffer):
    """A replay buffer for Dict observations of many people, with n-step returns.

    Stable-Baselines3's holds every observation twice and gathers it key by key. Here what follows a step is the row of
    the next step; only what a life ended with is kept apart. Minibatches are drawn by a generator of its own, which is
    saved with it.

    Args:
        buffer_size: Transitions kept, of all people together.
        observation_space: Of one person.
        action_space: ``Discrete`` or ``MultiDiscrete``.
        device: Torch device of minibatches.
        n_envs: People.
        n_steps: Steps of reward before what follows is valued (Sutton 1988), cut where a life ends and at the newest
            step.
        gamma: Discount per step.
        seed: Of the minibatches.
        optimize_memory_usage: Stable-Baselines3's; always on here.
    """

    def __init__(
        self,
        buffer_size: int,
        observation_space: spaces.Dict,
        action_space: spaces.Space[Any],
        device: torch.device | str = "auto",
        n_envs: int = 1,
        optimize_memory_usage: bool = False,
        *,
        n_steps: int = 1,
        gamma: float = 0.99,
        seed: int | None = None,
    ) -> None:
        BaseBuffer.__init__(self, max(buffer_size // n_envs, 1), observation_space, action_space, device, n_envs)
        self.n_steps, self.gamma = n_steps, gamma
        self.draws = np.random.default_rng(seed)
        self.layout = Records(observation_space)
        rows = self.buffer_size + 1  # one for what follows the newest step
        self.records = np.zeros((rows, n_envs, self.layout.width), np.uint8)
        self.actions = np.zeros((rows, n_envs, self.action_dim), np.int64)
        self.rewards = np.zeros((rows, n_envs), np.float32)
        self.left = np.zeros((rows, n_envs), np.bool_)
        # Where a life ended, or was left alone: row of `finals` with what came next; else -1.
        self.final = np.full((rows, n_envs), -1, np.int64)
        self.finals = np.zeros((0, self.layout.width), np.uint8)
        self.free = np.zeros(0, np.int64)
        self.optimize_memory_usage = self.handle_timeout_termination = False
        self.stored = 0  # steps of all people

    def size(self) -> int:
        """Steps kept, of each person."""
        return self.stored

    def reset(self) -> None:
        """Forget everything."""
        self.pos, self.full, self.stored = 0, False, 0
        self.final[:] = -1
        self.free = np.arange(len(self.finals))

    def add(  # type: ignore[override]
        self,
        obs: dict[str, NDArray[Any]],
        next_obs: dict[str, NDArray[Any]],
        action: NDArray[Any],
        reward: NDArray[Any],
        done: NDArray[Any],
        infos: list[dict[str, Any]],
    ) -> None:
        """Keep one step of all people, ``(n_envs, ...)`` each; where a life is done ``next_obs`` is its last."""
        row, rows = self.pos, len(self.records)
        if self.stored:
            before = (row - 1) % rows
            cut = np.flatnonzero((self.final[before] < 0) & ~self.layout.same(self.records[row], obs))
            if cut.size:  # the environment was reset in between
                self.final[before, cut] = self._rooms(cut.size)
                self.finals[self.final[before, cut]] = self.records[row, cut]
        after = (row + 1) % rows
        self._release(row)
        self._release(after)  # the oldest, whose observation goes now
        self.layout.write(self.records[row], obs)
        self.layout.write(self.records[after], next_obs)
        self.actions[row] = np.reshape(action, (self.n_envs, -1))
        self.rewards[row] = reward
        self.left[row] = done
        ended = np.flatnonzero(done)
        if ended.size:
            self.left[row, ended] = [not infos[i].get("TimeLimit.truncated", False) for i in ended.tolist()]
            self.final[row, ended] = self._rooms(ended.size)
            self.finals[self.final[row, ended]] = self.records[after, ended]
        self.pos, self.full = after, self.full or after == 0
        self.stored = min(self.stored + 1, self.buffer_size)

    def sample(self, batch_size: int, env: VecNormalize | None = None) -> DictReplayBufferSamples:  # type: ignore[override]
        """A minibatch, uniformly and with replacement."""
        if env is not None:
            raise ConfigError("PeopleReplay keeps observations as they are; learn without VecNormalize.")
        drawn = self.draws.integers(self.stored * self.n_envs, size=batch_size)
        ages, people = np.divmod(drawn, self.n_envs)
        return self._get_samples((self.pos - 1 - ages) % len(self.records), people)

    def _get_samples(  # type: ignore[override]
        self, batch_inds: NDArray[np.int64], people: NDArray[np.int64]
    ) -> DictReplayBufferSamples:
        rows, last = len(self.records), batch_inds
        rewards = self.rewards[batch_inds, people]
        discount = np.full(len(people), self.gamma, np.float32)
        for _ in range(1, self.n_steps):
            following = (last + 1) % rows
            on = (self.final[last, people] < 0) & (following != self.pos)
            last = np.where(on, following, last)
            rewards += np.where(on, discount * self.rewards[last, people], 0.0).astype(np.float32)
            discount = np.where(on, discount * self.gamma, discount).astype(np.float32)
        final = self.final[last, people]
        flat = self.records.reshape(rows * self.n_envs, -1)
        after = np.where(final < 0, (last + 1) % rows, last)
        gathered = flat[np.concatenate((batch_inds * self.n_envs + people, after * self.n_envs + people))]
        ended = np.flatnonzero(final >= 0)
        gathered[len(people) + ended] = self.finals[final[ended]]
        now, then = torch.from_numpy(gathered).to(self.device).chunk(2)
        return DictReplayBufferSamples(
            observations=self.layout.read(now),
            actions=self.to_torch(self.actions[batch_inds, people], copy=False),
            next_observations=self.layout.read(then),
            dones=self.to_torch(self.left[last, people].astype(np.float32)[:, None], copy=False),
            rewards=self.to_torch(rewards[:, None], copy=False),
            discounts=self.to_torch(discount[:, None], copy=False) if self.n_steps > 1 else None,
        )

    def _release(self, row: int) -> None:
        held = self.final[row]
        self.free = np.concatenate((self.free, held[held >= 0]))
        self.final[row] = -1

    def _rooms(self, n: int) -> NDArray[np.int64]:
        """Rows of ``finals`` that are free."""
        if len(self.free) < n:
            more = max(len(self.finals), n)
            self.free = np.concatenate((self.free, len(self.finals) + np.arange(more)))
            self.finals = np.concatenate((self.finals, np.zeros((more, self.layout.width), np.uint8)))
        rooms, self.free = self.free[:n], self.free[n:]
        return rooms
