"""The simulator: a batch of lives, one step at a time. It knows nothing of Gymnasium, language or agents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crossrec.config import EnvConfig
from crossrec.observation import (
    CANDIDATES,
    DAYPARTS,
    DEVICES,
    HISTORY,
    HISTORY_FEEDBACK,
    HISTORY_SCENARIO,
    MASK,
    PROFILE,
    SITUATION,
    WEEKDAYS,
    ObservationLayout,
)
from crossrec.random import Draw, keys, purposes, uniforms
from crossrec.reward import weighted
from crossrec.simulation.arrivals import Arrivals
from crossrec.simulation.candidates import CandidateSampler
from crossrec.simulation.choice import ChoiceModel, Feedback
from crossrec.simulation.dynamics import react, remember
from crossrec.simulation.journey import Journey, daypart, weekday
from crossrec.simulation.state import Seen, State, Truth, blank_state, put
from crossrec.world.synthetic import World

_STEP = purposes(Draw.CLICK, Draw.DWELL, Draw.CONVERSION, Draw.LEAVE, Draw.MIND)
_MEETING, _LIFE = 11, 12  # tags that keep keys for people met and for the noise of a life apart


@dataclass
class Outcome:
    """What one step of n people brought."""

    reward: NDArray[np.float64]  # (n,)
    parts: dict[str, NDArray[np.float64]]  # (n,) each
    terminated: NDArray[np.bool_]  # (n,) churn
    truncated: NDArray[np.bool_]  # (n,) horizon


class Simulator:
    """n people living in one world.

    Args:
        world: What exists.
        config: Behaviour, reward, sizes.
        n: How many people live at once.
    """

    def __init__(self, world: World, config: EnvConfig, n: int) -> None:
        self.world, self.config, self.n = world, config, n
        self.layout = ObservationLayout(
            len(world.scenarios), world.catalogue.n_items, config.n_candidates, config.history_length
        )
        self.choice = ChoiceModel(world, config.behaviour)
        self.journey = Journey(world, config.behaviour, self.choice)
        self.sampler = CandidateSampler(world.catalogue, config.n_candidates)
        sizes = (self.layout.n_scenarios, len(DAYPARTS), len(WEEKDAYS), len(DEVICES))
        self._one_hot = np.cumsum((0, *sizes))[:, None]  # where each part of the situation begins
        self.state = self._blank()
        self.arrivals = Arrivals(self._blank, self._begin, n)

    @property
    def truth(self) -> Truth:
        """Hidden state."""
        return self.state.truth

    @property
    def seen(self) -> Seen:
        """Observable state."""
        return self.state.seen

    def meet(self, seeds: NDArray[np.int64], episodes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Ids of the people that seeds (m,) meet in their episodes (m,), uniform over the config's range of ids."""
        span = np.uint64(self.config.last_user - self.config.first_user)
        return self.config.first_user + (keys(seeds, _MEETING, episodes) % span).astype(np.int64)

    def reset(
        self, seeds: NDArray[np.int64], episodes: NDArray[np.int64], users: NDArray[np.int64] | None = None
    ) -> None:
        """Begin a new life in every place.

        Args:
            seeds: (n,) seed of each place.
            episodes: (n,) how many lives that seed has begun before.
            users: (n,) ids, or None to let the seeds decide whom they meet.
        """
        self._begin(self.state, np.arange(self.n), seeds, episodes, users)
        self.arrivals.restart(seeds, episodes)

    def replace(self, rows: NDArray[np.intp]) -> None:
        """Begin the next life of the seeds in ``rows``, whose lives have ended."""
        self.arrivals.admit(self.state, rows)

    def _blank(self) -> State:
        return blank_state(self.n, self.world.n_topics, len(self.world.scenarios), self.layout)

    def _begin(
        self,
        state: State,
        rows: NDArray[np.intp],
        seeds: NDArray[np.int64],
        episodes: NDArray[np.int64],
        users: NDArray[np.int64] | None = None,
    ) -> None:
        ids = self.meet(seeds, episodes) if users is None else users
        put(state, rows, ids, self.world.people(ids))
        state.lives.key[rows] = keys(seeds, _LIFE, episodes, ids)
        state.lives.step[rows] = 0
        self.journey.begin(state.truth, state.seen, state.lives, rows)
        self._offer(state, rows)

    def step(self, actions: NDArray[np.int64]) -> Outcome:
        """Show candidate ``actions[i]`` to person i; padding is shown as nothing and is never clicked.

        Args:
            actions: (n,) places among the candidates.
        """
        truth, seen, lives = self.state.truth, self.state.seen, self.state.lives
        items, scenario = seen.candidates[np.arange(self.n), actions], seen.scenario.copy()
        u = uniforms(lives.key, lives.step, _STEP)
        utility = self.choice.utility(truth, scenario, items, self.choice.interest(truth, scenario))
        feedback = self.choice.feedback(utility, scenario, items, u[:3])
        react(truth, items, scenario, feedback, u[4], self.choice)
        remember(seen, items, scenario, feedback)
        lives.step += 1
        churned = self.journey.advance(truth, seen, lives, u[3], feedback.dwell)
        self._offer(self.state, slice(None))
        parts = _parts(feedback)
        truncated = lives.step >= self.config.horizon
        return Outcome(weighted(parts, self.config.reward), parts, churned, truncated & ~churned)

    def observe(self, rows: NDArray[np.intp] | slice = slice(None)) -> dict[str, NDArray[np.generic]]:
        """Observations of the people in ``rows``, new arrays at each call; reads :class:`Seen` and nothing else."""
        seen = self.seen
        minute, scenario, candidates = seen.minute[rows], seen.scenario[rows], seen.candidates[rows].copy()
        n = len(minute)
        situation = np.zeros((n, self.layout.situation_size), np.int8)
        parts = (scenario, daypart(minute), weekday(minute), seen.device[rows], seen.location[rows])
        # One write through flat indices is faster than one per part.
        situation.ravel()[np.arange(n) * self.layout.situation_size + np.stack(parts) + self._one_hot] = 1
        return {
            PROFILE: seen.profile[rows].copy(),
            SITUATION: situation,
            HISTORY: seen.history[rows].copy(),
            HISTORY_SCENARIO: seen.history_scenario[rows].copy(),
            HISTORY_FEEDBACK: seen.history_feedback[rows].reshape(n, -1).copy(),
            CANDIDATES: candidates,
            MASK: (candidates > 0).view(np.int8),
        }

    def expected_rewards(self) -> NDArray[np.float64]:
        """True expected reward of each candidate now, (n, C); minus infinity for padding. Hidden from agents."""
        n, c = self.seen.candidates.shape
        scenario = self.seen.scenario
        effective = self.choice.interest(self.truth, scenario)
        expected = np.empty((n, c))
        for place in range(c):
            items = self.seen.candidates[:, place]
            utility = self.choice.utility(self.truth, scenario, items, effective)
            parts = self.choice.expected(utility, scenario, items)
            expected[:, place] = np.where(items > 0, weighted(parts, self.config.reward), -np.inf)
        return expected

    def _offer(self, state: State, rows: NDArray[np.intp] | slice) -> None:
        seen, lives = state.seen, state.lives
        seen.candidates[rows] = self.sampler.sample(
            lives.key[rows], lives.step[rows], seen.scenario[rows], seen.recalled[rows]
        )


def _parts(feedback: Feedback) -> dict[str, NDArray[np.float64]]:
    """The named parts of the reward, see :mod:`crossrec.reward`."""
    return {
        "click": feedback.click.astype(np.float64),
        "dwell": feedback.dwell / 60.0,
        "conversion": feedback.conversion.astype(np.float64),
    }
