"""How people move: through the minutes of the week, between scenarios, out of a session and back, or never back.

With mood m (satisfaction, 0.3 is average) and patience of the scenario and of the person:

    logit P(leave the scenario at a step) = logit(leave) - leave_mood * (m - 0.3) - log patience_s - log patience_u
    gap between sessions = gap_minutes * exp(0.8 N(0, 1) - gap_mood * (m - 0.3))
    logit P(never return) = logit(churn) - churn_mood * (m - 0.3)
    P(next scenario s) ~ habit[daypart, s] * exp(transition_feedback * follow_up_s) after a click, ~ habit else

A session ends when its time budget is used up. A fresh intent is the daypart's routine with probability ``routine``,
else drawn from effective interest; within a session the topic on the mind goes along with probability ``carry_over``.

References:
    Transitions between scenarios: RecoGym (Rohde et al. 2018). Leaving and returning: KuaiSim (Zhao et al. 2023).
    Heavy-tailed app habits: Turner et al. 2019.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crossrec.config import BehaviourConfig
from crossrec.random import Draw, categorical, normal, purposes, uniforms
from crossrec.simulation.choice import ChoiceModel, logistic, logit
from crossrec.simulation.state import Lives, Seen, Truth
from crossrec.world.synthetic import World

WEEK = 7 * 24 * 60  # [min]
_DAY = 24 * 60
_BROWSING = 0.3  # [min] spent on looking at what is shown
_AVERAGE_MOOD = 0.3  # satisfaction at which the base rates hold
_SESSION_SPREAD, _GAP_SPREAD = 0.6, 0.8  # of log minutes
# Hour of day -> daypart: night until 6, morning until 11, midday until 17, evening until 22, night again.
_DAYPART_OF_HOUR = np.array([3] * 6 + [0] * 5 + [1] * 6 + [2] * 5 + [3] * 2)
_PLACES = np.array([[4, 1, 2], [1, 4, 1.5], [5, 0.5, 1.5], [6, 0.2, 0.5]])  # (daypart, location) weights
_ENTER = purposes(Draw.SCENARIO, Draw.DEVICE, Draw.LOCATION, Draw.CARRY, Draw.ROUTINE, Draw.INTEREST)
_AWAY = purposes(Draw.CHURN, Draw.GAP, Draw.BUDGET)
_START = purposes(Draw.START, Draw.BUDGET)


def daypart(minute: NDArray[np.float64]) -> NDArray[np.int64]:
    """(n,) index into :data:`crossrec.observation.DAYPARTS` of a minute of the week."""
    part: NDArray[np.int64] = _DAYPART_OF_HOUR[(minute // 60).astype(np.int64) % 24]
    return part


def weekday(minute: NDArray[np.float64]) -> NDArray[np.int64]:
    """(n,) index into :data:`crossrec.observation.WEEKDAYS` of a minute of the week."""
    return (minute // _DAY).astype(np.int64)


class Journey:
    """Moves people in one world."""

    def __init__(self, world: World, behaviour: BehaviourConfig, choice: ChoiceModel) -> None:
        self.behaviour, self.choice = behaviour, choice
        specs = world.scenarios
        self.devices = np.array([s.devices for s in specs])
        self.log_patience = np.log([s.patience for s in specs])
        self.follow_up = np.exp(behaviour.transition_feedback * np.array([s.follow_up for s in specs]))
        self.leave = logit(behaviour.leave)
        self.churn = logit(behaviour.churn)

    def begin(self, truth: Truth, seen: Seen, lives: Lives, rows: NDArray[np.intp]) -> None:
        """Start a first session at a random minute of the week."""
        u = uniforms(lives.key[rows], lives.step[rows], _START)
        seen.minute[rows] = np.floor(u[0] * WEEK)
        truth.satisfaction[rows] = _AVERAGE_MOOD
        truth.budget[rows] = self._budget(u[1])
        fresh = np.ones(len(rows), np.bool_)
        self._enter(truth, seen, lives, rows, fresh)

    def advance(
        self, truth: Truth, seen: Seen, lives: Lives, leave: NDArray[np.float64], seconds: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        """Let time pass after a step and move those who leave.

        Args:
            truth: Hidden state.
            seen: Observable state.
            lives: Keys and steps, already counted up.
            leave: (n,) uniform draws: does the person leave the scenario?
            seconds: (n,) dwell of the step.

        Returns:
            (n,) who will never return (churn).
        """
        minutes = _BROWSING + seconds / 60.0
        seen.minute += minutes
        seen.minute %= WEEK
        truth.budget -= minutes
        mood = self.behaviour.leave_mood * (truth.satisfaction - _AVERAGE_MOOD)
        hazard = logistic(self.leave - mood - self.log_patience[seen.scenario] - np.log(truth.patience))
        ended = truth.budget <= 0.0
        leaving = ended | (leave < hazard) if self.behaviour.leave > 0 else ended
        seen.entered[:] = leaving
        churned = np.zeros(len(ended), np.bool_)
        away = np.flatnonzero(ended)
        if away.size:
            churned[away] = self._leave_session(truth, seen, lives, away)
        rows = np.flatnonzero(leaving)
        if rows.size:
            self._enter(truth, seen, lives, rows, ended[rows])
        return churned

    def _leave_session(self, truth: Truth, seen: Seen, lives: Lives, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Let the gap between sessions pass; returns who churned."""
        b = self.behaviour
        u = uniforms(lives.key[rows], lives.step[rows], _AWAY)
        mood = truth.satisfaction[rows] - _AVERAGE_MOOD
        gap = b.gap_minutes * np.exp(_GAP_SPREAD * normal(u[1]) - b.gap_mood * mood)
        seen.minute[rows] = (seen.minute[rows] + gap) % WEEK
        truth.satiation[rows] *= np.exp2(-gap / b.satiation_half_life).astype(np.float32)[:, None]
        truth.budget[rows] = self._budget(u[2])
        churned: NDArray[np.bool_] = u[0] < logistic(self.churn - b.churn_mood * mood)
        return churned if b.churn > 0 else np.zeros(len(rows), np.bool_)

    def _enter(self, truth: Truth, seen: Seen, lives: Lives, rows: NDArray[np.intp], fresh: NDArray[np.bool_]) -> None:
        """Enter a scenario; ``fresh`` marks those who begin a session, with nothing on their mind."""
        b = self.behaviour
        u = uniforms(lives.key[rows], lives.step[rows], _ENTER)
        part, here = daypart(seen.minute[rows]), np.arange(len(rows))
        weights = truth.habit[rows, part].astype(np.float64)
        weights[truth.clicked[rows] & ~fresh] *= self.follow_up
        if weights.shape[1] > 1:  # who leaves a scenario within a session goes to another one
            weights[here, seen.scenario[rows]] *= fresh
        weights += 1e-9  # where nothing else is used at this daypart, anything may be
        scenario = categorical(weights, u[0])
        changed = ~fresh & (scenario != seen.scenario[rows])
        leak = np.where(changed, b.satiation_leak, 1.0)
        truth.satiation[rows] *= leak.astype(np.float32)[:, None]
        seen.scenario[rows] = scenario
        self.choice.enter(truth, scenario, rows)
        seen.device[rows] = categorical(self.devices[scenario], u[1])
        seen.location[rows] = np.where(fresh, categorical(_PLACES[part], u[2]), seen.location[rows])
        seen.entered[rows] = True
        seen.recalled[rows] = seen.enjoyed[rows]

        renewed = fresh | (u[3] >= b.carry_over)
        usual, other = np.flatnonzero(renewed & (u[4] < b.routine)), np.flatnonzero(renewed & (u[4] >= b.routine))
        truth.intent[rows[usual]] = truth.routine[rows[usual], part[usual]]
        truth.intent[rows[other]] = categorical(self.choice.interest(truth, scenario[other], rows[other]), u[5, other])

    def _budget(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.behaviour.session_minutes * np.exp(_SESSION_SPREAD * normal(u))
