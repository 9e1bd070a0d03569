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
    LOCATIONS,
    MASK,
    PROFILE,
    PROFILE_SIZE,
    SITUATION,
    WEEKDAYS,
    ObservationLayout,
)
from crossrec.random import Draw, keys, purposes, uniforms
from crossrec.reward import weighted
from crossrec.simulation.candidates import CandidateSampler
from crossrec.simulation.choice import ChoiceModel, Feedback
from crossrec.simulation.dynamics import react, remember
from crossrec.simulation.journey import Journey, daypart, weekday
from crossrec.simulation.state import Lives, Seen, Truth, blank_seen, blank_truth, put
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
        self.truth: Truth = blank_truth(n, world.n_topics, len(world.scenarios), len(DAYPARTS))
        self.seen: Seen = blank_seen(n, PROFILE_SIZE, len(DAYPARTS), config.history_length, config.n_candidates)
        self.lives = Lives(np.zeros(n, np.uint64), np.zeros(n, np.int64))

    def meet(self, seeds: NDArray[np.int64], episodes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Ids of the people that seeds (m,) meet in their episodes (m,), uniform over the config's range of ids."""
        span = np.uint64(self.config.last_user - self.config.first_user)
        return self.config.first_user + (keys(seeds, _MEETING, episodes) % span).astype(np.int64)

    def reset(
        self,
        rows: NDArray[np.intp],
        seeds: NDArray[np.int64],
        episodes: NDArray[np.int64],
        users: NDArray[np.int64] | None = None,
    ) -> None:
        """Begin new lives.

        Args:
            rows: (m,) which of the n places.
            seeds: (m,) seed of each place.
            episodes: (m,) how many lives that seed has begun before.
            users: (m,) ids, or None to let the seed decide whom it meets.
        """
        ids = self.meet(seeds, episodes) if users is None else users
        put(self.truth, self.seen, rows, ids, self.world.people(ids))
        self.lives.key[rows] = keys(seeds, _LIFE, episodes, ids)
        self.lives.step[rows] = 0
        self.journey.begin(self.truth, self.seen, self.lives, rows)
        self._offer(rows)

    def step(self, actions: NDArray[np.int64]) -> Outcome:
        """Show candidate ``actions[i]`` to person i; padding is shown as nothing and is never clicked.

        Args:
            actions: (n,) places among the candidates.
        """
        truth, seen, lives = self.truth, self.seen, self.lives
        items, scenario = seen.candidates[np.arange(self.n), actions], seen.scenario.copy()
        u = uniforms(lives.key, lives.step, _STEP)
        utility = self.choice.utility(truth, scenario, items, self.choice.interest(truth, scenario))
        feedback = self.choice.feedback(utility, scenario, items, u[:3])
        react(truth, items, feedback, u[4], self.world.catalogue, self.config.behaviour)
        remember(seen, items, scenario, feedback)
        lives.step += 1
        churned = self.journey.advance(truth, seen, lives, u[3], feedback.dwell)
        self._offer(slice(None))
        parts = _parts(feedback)
        truncated = lives.step >= self.config.horizon
        return Outcome(weighted(parts, self.config.reward), parts, churned, truncated & ~churned)

    def observe(self, rows: NDArray[np.intp] | slice = slice(None)) -> dict[str, NDArray[np.generic]]:
        """Observations of the people in ``rows``, new arrays at each call; reads :class:`Seen` and nothing else."""
        seen = self.seen
        minute, scenario, candidates = seen.minute[rows], seen.scenario[rows], seen.candidates[rows].copy()
        n = len(minute)
        situation = np.zeros((n, self.layout.situation_size), np.int8)
        here, place = np.arange(n), 0
        for index, size in (
            (scenario, self.layout.n_scenarios),
            (daypart(minute), len(DAYPARTS)),
            (weekday(minute), len(WEEKDAYS)),
            (seen.device[rows], len(DEVICES)),
            (seen.location[rows], len(LOCATIONS)),
        ):
            situation[here, place + index] = 1
            place += size
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

    def _offer(self, rows: NDArray[np.intp] | slice) -> None:
        seen, lives = self.seen, self.lives
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
