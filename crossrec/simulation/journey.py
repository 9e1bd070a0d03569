"""How people move: through the minutes of the week, between scenarios, out of a session and back, or never back.

With mood m (satisfaction, 0.3 is average) and patience of the scenario and of the person:

    logit P(leave the scenario at a step) = logit(leave) - leave_mood * (m - 0.3) - log patience_s - log patience_u
    gap between sessions = gap_minutes * exp(0.8 N(0, 1) - gap_mood * (m - 0.3))
    logit P(never return) = logit(churn) - churn_mood * (m - 0.3)
    P(next scenario s) ~ habit[daypart, s] * exp(transition_feedback * follow_up_s) after a click, ~ habit else;
        within a session also * exp(transition_habit * z[from, s]), z ~ N(0, 1) for each person and move,
        and * (share of devices of s that are the person's), for those who stay on their device (device_habit)

A session ends when its time budget is used up. A fresh intent is a routine with probability ``routine`` (the device's
with probability ``device_routine``, else the daypart's), else drawn from effective interest; within a session the topic
on the mind goes along with probability ``carry_over``. While away satiation halves with each ``satiation_half_life``,
toward ``-rebound``. Where people search, their query names a thing of the topic on their mind with probability
``query``, of any topic else.

References:
    Transitions between scenarios: RecoGym (Rohde et al. 2018). Leaving and returning: KuaiSim (Zhao et al. 2023).
    Heavy-tailed app habits: Turner et al. 2019.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crossrec.config import EnvConfig
from crossrec.observation import WEEK
from crossrec.random import Draw, categorical, normal, purposes, uniforms
from crossrec.simulation.choice import DAY, ChoiceModel, logistic, logit
from crossrec.simulation.hooks import Hooks, Moment
from crossrec.simulation.state import Lives, Seen, State, Truth
from crossrec.world.scenario import Scenario
from crossrec.world.synthetic import World
from crossrec.world.text import THINGS

BROWSING = 0.3  # [min] spent on looking at what is shown
AVERAGE_MOOD = 0.3  # satisfaction at which the base rates hold
SESSION_SPREAD, GAP_SPREAD = 0.6, 0.8  # of log minutes
LONGEST_GAP = 1e9  # [min]
N_THINGS = len(THINGS[0])
# Hour of day -> daypart: night until 6, morning until 11, midday until 17, evening until 22, night again.
DAYPART_OF_HOUR = np.array([3] * 6 + [0] * 5 + [1] * 6 + [2] * 5 + [3] * 2)
PLACES = np.array([[4, 1, 2], [1, 4, 1.5], [5, 0.5, 1.5], [6, 0.2, 0.5]])  # (daypart, location) weights
_ENTER = purposes(Draw.SCENARIO, Draw.DEVICE, Draw.LOCATION, Draw.CARRY, Draw.ROUTINE, Draw.INTEREST)
_DEVICE = purposes(Draw.DEVICE_STAY, Draw.DEVICE_ROUTINE)
_QUERY = purposes(Draw.QUERY, Draw.QUERY_TOPIC, Draw.QUERY_THING)
_AWAY = purposes(Draw.CHURN, Draw.GAP, Draw.BUDGET)
_START = purposes(Draw.START, Draw.BUDGET)


def daypart(minute: NDArray[np.float64]) -> NDArray[np.int64]:
    """(n,) index into :data:`crossrec.observation.DAYPARTS` of a minute of the week."""
    part: NDArray[np.int64] = DAYPART_OF_HOUR[(minute // 60).astype(np.int64) % 24]
    return part


def weekday(minute: NDArray[np.float64]) -> NDArray[np.int64]:
    """(n,) index into :data:`crossrec.observation.WEEKDAYS` of a minute of the week."""
    return (minute // DAY).astype(np.int64)


def follow_up(strength: float, specs: tuple[Scenario, ...]) -> NDArray[np.float64]:
    """Factor (S,) by which a click favours each scenario as the next."""
    factor: NDArray[np.float64] = np.exp(np.clip(strength * np.array([s.follow_up for s in specs]), -300.0, 300.0))
    return factor


def visited(config: EnvConfig, specs: tuple[Scenario, ...]) -> NDArray[np.bool_]:
    """Which scenarios (S,) people go to."""
    return np.array([not config.visits or s.name in config.visits for s in specs])


class Journey:
    """Moves people in one world.

    Args:
        world: What exists.
        config: Strengths.
        choice: Knows effective interest.
        hooks: Behaviour of the user's own, or None.
    """

    def __init__(self, world: World, config: EnvConfig, choice: ChoiceModel, hooks: Hooks | None = None) -> None:
        self.world, self.behaviour, self.choice, self.hooks = world, config.behaviour, choice, hooks
        specs = world.scenarios
        self.visited = visited(config, specs)
        self.alone = bool(self.visited.sum() == 1)  # who leaves the only scenario enters it again
        self.devices = np.array([s.devices for s in specs])
        self.used_on = self.devices / self.devices.sum(axis=1, keepdims=True)  # (S, devices) shares
        self.queries = np.array([s.query for s in specs])
        self.log_patience = np.log([s.patience for s in specs])
        self.follow_up = follow_up(self.behaviour.transition_feedback, specs)
        self.leave = logit(self.behaviour.leave)
        self.churn = logit(self.behaviour.churn)

    def begin(self, state: State, rows: NDArray[np.intp]) -> None:
        """Start a first session at a random minute of the week."""
        u = uniforms(state.lives.key[rows], state.lives.step[rows], _START)
        state.seen.minute[rows] = np.floor(u[0] * WEEK)
        state.truth.satisfaction[rows] = AVERAGE_MOOD
        state.truth.budget[rows] = self._budget(u[1])
        self._enter(state, rows, np.ones(len(rows), np.bool_))

    def advance(self, state: State, leave: NDArray[np.float64], seconds: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Let time pass after a step and move those who leave.

        Args:
            state: Everything about n people; steps are already counted up.
            leave: (n,) uniform draws: does the person leave the scenario?
            seconds: (n,) dwell of the step.

        Returns:
            (n,) who will never return (churn).
        """
        truth, seen = state.truth, state.seen
        minutes = BROWSING + seconds / 60.0
        seen.minute += minutes
        seen.minute %= WEEK
        truth.budget -= minutes
        mood = self.behaviour.leave_mood * (truth.satisfaction - AVERAGE_MOOD)
        hazard = logistic(self.leave - mood - self.log_patience[seen.scenario] - np.log(truth.patience))
        ended = truth.budget <= 0.0
        leaving = ended | (leave < hazard) if self.behaviour.leave > 0 else ended
        seen.entered[:] = leaving
        seen.away[:] = 0.0
        churned = np.zeros(len(ended), np.bool_)
        away = np.flatnonzero(ended)
        if away.size:
            churned[away] = self._leave_session(truth, seen, state.lives, away)
        rows = np.flatnonzero(leaving)
        if rows.size:
            self._enter(state, rows, ended[rows])
        return churned

    def _leave_session(self, truth: Truth, seen: Seen, lives: Lives, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Let the gap between sessions pass; returns who churned."""
        b = self.behaviour
        u = uniforms(lives.key[rows], lives.step[rows], _AWAY)
        mood = truth.satisfaction[rows] - AVERAGE_MOOD
        gap = np.minimum(b.gap_minutes * np.exp(GAP_SPREAD * normal(u[1]) - b.gap_mood * mood), LONGEST_GAP)
        seen.minute[rows] = (seen.minute[rows] + gap) % WEEK
        seen.away[rows] = gap
        kept = np.exp2(-gap / b.satiation_half_life).astype(np.float32)[:, None]
        truth.satiation[rows] = kept * truth.satiation[rows] - (1 - kept) * np.float32(b.rebound)
        truth.budget[rows] = self._budget(u[2])
        churned: NDArray[np.bool_] = u[0] < logistic(self.churn - b.churn_mood * mood)
        return churned if b.churn > 0 else np.zeros(len(rows), np.bool_)

    def _enter(self, state: State, rows: NDArray[np.intp], fresh: NDArray[np.bool_]) -> None:
        """Enter a scenario; ``fresh`` marks those who begin a session, with nothing on their mind."""
        b, truth, seen, lives = self.behaviour, state.truth, state.seen, state.lives
        u = uniforms(lives.key[rows], lives.step[rows], _ENTER)
        stay, by_device = uniforms(lives.key[rows], lives.step[rows], _DEVICE)
        staying = ~fresh & (stay < b.device_habit)
        part, before = daypart(seen.minute[rows]), seen.scenario[rows]
        weights = self._weights(state, rows, part, fresh, staying)
        if self.hooks is not None:
            nothing = np.zeros((len(rows), 0), np.int32)
            weights = self.hooks.transition(Moment(self.world, truth, seen, nothing, rows), weights) * self.visited
        # Where nothing is used at this daypart, anything else may be.
        anything = fresh[:, None] | (np.arange(weights.shape[1]) != before[:, None]) | self.alone
        weights = np.where(weights.sum(axis=1, keepdims=True) > 0.0, weights, anything & self.visited)
        scenario = categorical(weights, u[0])
        leak = np.where(~fresh & (scenario != before), b.satiation_leak, 1.0)
        truth.satiation[rows] *= leak.astype(np.float32)[:, None]
        seen.scenario[rows] = scenario
        # (1 - |rho|) * phi stays as it is during a visit.
        own = np.float32(1) - np.abs(self.choice.rho[scenario])
        truth.private[rows] = own[:, None] * self.world.population.private(seen.user[rows], scenario)
        seen.device[rows] = np.where(staying, seen.device[rows], categorical(self.devices[scenario], u[1]))
        seen.location[rows] = np.where(fresh, categorical(PLACES[part], u[2]), seen.location[rows])
        seen.entered[rows] = True
        seen.recalled[rows] = seen.enjoyed[rows]

        renewed = fresh | (u[3] >= b.carry_over)
        usual, other = np.flatnonzero(renewed & (u[4] < b.routine)), np.flatnonzero(renewed & (u[4] >= b.routine))
        at_daypart = truth.routine[rows[usual], part[usual]]
        on_device = truth.device_routine[rows[usual], seen.device[rows[usual]]]
        truth.intent[rows[usual]] = np.where(by_device[usual] < b.device_routine, on_device, at_daypart)
        truth.intent[rows[other]] = categorical(self.choice.interest(truth, scenario[other], rows[other]), u[5, other])
        if self.queries.any():
            self._search(state, rows)

    def _weights(
        self,
        state: State,
        rows: NDArray[np.intp],
        part: NDArray[np.int64],
        fresh: NDArray[np.bool_],
        staying: NDArray[np.bool_],
    ) -> NDArray[np.float64]:
        """Weight of each scenario as the next one, (m, S)."""
        b, seen, population = self.behaviour, state.seen, self.world.population
        user, before = seen.user[rows], seen.scenario[rows]
        weights = population.habits(user, part).astype(np.float64)
        weights[state.truth.clicked[rows] & ~fresh] *= self.follow_up
        if b.transition_habit:
            moves = np.exp(b.transition_habit * population.moves(user, before))
            weights *= np.where(fresh[:, None], 1.0, moves)
        weights *= np.where(staying[:, None], self.used_on.T[seen.device[rows]], 1.0)
        if not self.alone:  # who leaves a scenario within a session goes to another one
            weights[np.arange(len(rows)), before] *= fresh
        weights *= self.visited
        return weights

    def _search(self, state: State, rows: NDArray[np.intp]) -> None:
        """What people type who enter a scenario with queries."""
        truth, seen, lives = state.truth, state.seen, state.lives
        u = uniforms(lives.key[rows], lives.step[rows], _QUERY)
        any_topic = (u[1] * self.world.n_topics).astype(np.int32)
        topic = np.where(u[0] < self.behaviour.query, truth.intent[rows], any_topic)
        query = 1 + topic * N_THINGS + (u[2] * N_THINGS).astype(np.int32)
        seen.query[rows] = np.where(self.queries[seen.scenario[rows]], query, 0)

    def _budget(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.behaviour.session_minutes * np.exp(SESSION_SPREAD * normal(u))
