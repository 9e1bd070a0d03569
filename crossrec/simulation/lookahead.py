"""An oracle that looks ahead: it tries candidates in the true simulator and sees where people go from there.

For each person the most rewarding and the most pleasing candidates are tried. Each is shown in several copies of the
true state, which then live on for some steps, once under the greedy oracle and once under a policy that pleases: it
shows what leaves people most satisfied. A candidate's value is what it brings now and what follows, under the better
of the two. This is one step of policy improvement by parallel rollouts (Tesauro and Galperin 1996; Chang, Givan and
Chong 2004), so where planning pays it does better than greedy, and where it does not, about as well.

The futures' noise is drawn apart from that of the real life, so the oracle knows the truth but not what chance will
bring; and all candidates of a person meet the same futures (common random numbers), so only what is shown differs. A
step in a future counts with its expected reward rather than a drawn one, which changes no mean and takes noise away.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from crossrec.config import RewardConfig
from crossrec.errors import ConfigError
from crossrec.random import keys
from crossrec.simulation.simulator import Engine, Simulator
from crossrec.simulation.state import State

_PLAN = 13  # tag that keeps futures apart from lives


@dataclass
class LookAhead:
    """Values of candidates by rolling the true simulator forward; one item at a time.

    Attributes:
        simulator: Where the people live.
        candidates: How many of the most rewarding candidates are tried for each person, and of the most pleasing.
        futures: In how many futures each is tried.
        depth: Steps that are looked ahead, beside the one that is chosen for.
        caution: Standard errors by which a candidate must seem better than the greedy one; without any, the best of
            several uncertain values is often only the luckiest.

    Raises:
        ConfigError: For slates.
    """

    simulator: Simulator
    candidates: int = 2
    futures: int = 20
    depth: int = 30
    caution: float = 0.0
    _clicks: Engine = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.simulator.config.slate_size > 1:
            raise ConfigError(
                f"slate_size={self.simulator.config.slate_size}: looking ahead is for one item at a time; allowed: 1."
            )
        clicks = dataclasses.replace(self.simulator.config, reward=RewardConfig(click=1.0, dwell=0.0, conversion=0.0))
        self._clicks = self.simulator.make_engine(clicks, own_reward=False)

    def values(self) -> NDArray[np.float64]:
        """Return that each candidate brings from now on, (n, C); minus infinity for those that are not tried."""
        state = self.simulator.state
        now, pleasing = self._rewards(state), self._pleasing(state)
        best = [np.argsort(-scores, axis=1, kind="stable")[:, : self.candidates] for scores in (now, pleasing)]
        everything = self.candidates >= now.shape[1]
        tried = best[0] if everything else np.concatenate(best, axis=1)  # (n, m); the first is the greedy oracle's
        rows = np.arange(state.n)[:, None]
        first = now[rows, tried]
        start = np.where(np.isfinite(first), first, 0.0)[:, :, None]
        worth = np.stack([start + self._futures(tried, please) for please in (False, True)])  # (2, n, m, futures)
        gain = worth - worth[0, :, :1]  # over the greedy oracle in the same futures
        doubt = gain.std(axis=3, ddof=min(self.futures - 1, 1)) / np.sqrt(self.futures)
        values = np.full_like(now, -np.inf)
        values[rows, tried] = worth[0, :, :1].mean(axis=2) + (gain.mean(axis=3) - self.caution * doubt).max(axis=0)
        values[~np.isfinite(now)] = -np.inf
        return values

    def _futures(self, tried: NDArray[np.intp], please: bool) -> NDArray[np.float64]:
        """What follows after each tried candidate (n, m) in each future under one of the policies: (n, m, futures)."""
        simulator, (n, m) = self.simulator, tried.shape
        state = simulator.state.take(np.repeat(np.arange(n), m * self.futures))
        state.lives.key[:] = keys(state.lives.key, _PLAN, np.tile(np.arange(self.futures), n * m))
        actions = np.repeat(tried.ravel(), self.futures)
        alive, worth, rows = np.ones(len(actions), np.bool_), np.zeros(len(actions)), np.arange(len(actions))
        for _ in range(self.depth):
            alive &= ~self._step(state, actions)
            alive &= state.lives.step < simulator.config.horizon
            if not alive.any():
                break
            expected = self._rewards(state)
            actions = (self._pleasing(state) if please else expected).argmax(axis=1)
            reward = expected[rows, actions]
            worth += np.where(alive & np.isfinite(reward), reward, 0.0)
        return worth.reshape(n, m, self.futures)

    def _step(self, state: State, actions: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Live one step of all futures; who left for good."""
        churned = self.simulator.engine.step(state, actions[:, None].astype(np.int64)).churned
        self.simulator.offer(state, slice(None))
        return churned

    def _rewards(self, state: State) -> NDArray[np.float64]:
        return self.simulator.engine.expected_rewards(state, state.seen.candidates)

    def _pleasing(self, state: State) -> NDArray[np.float64]:
        """What satisfaction each candidate is expected to bring, up to a factor, (n, C); see dynamics.py."""
        bait = self.simulator.world.catalogue.bait[state.seen.candidates]
        disappoints = np.exp(-self.simulator.config.behaviour.bait * bait)
        clicks = self._clicks.expected_rewards(state, state.seen.candidates)
        pleasing: NDArray[np.float64] = clicks * disappoints
        return pleasing
