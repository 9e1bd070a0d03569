"""Where people go, one at a time: the compiled twin of :mod:`crossrec.simulation.journey` and of uniform candidates."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from crossrec.observation import AGE_BANDS, DEVICES, WEEK
from crossrec.random import Draw
from crossrec.simulation.compiled import layout as L
from crossrec.simulation.compiled.draws import categorical, extend, normal, unit, whole
from crossrec.simulation.compiled.jit import piece, program
from crossrec.simulation.compiled.layout import Blocks, Packed
from crossrec.simulation.compiled.people import draw, interests
from crossrec.simulation.journey import (
    AVERAGE_MOOD,
    BROWSING,
    DAYPART_OF_HOUR,
    GAP_SPREAD,
    LONGEST_GAP,
    N_THINGS,
    PLACES,
    SESSION_SPREAD,
)
from crossrec.simulation.state import ENJOYED as N_ENJOYED
from crossrec.world.population import HABIT_TAIL

_BANDS, _N_DEVICES = len(AGE_BANDS), len(DEVICES)
STAYS, MOVES, RETURNS, GONE = range(4)
_LANES = 8
# Plain numbers: compiled code takes no members of an enum.
_START, _BUDGET, _CHURN, _GAP = int(Draw.START), int(Draw.BUDGET), int(Draw.CHURN), int(Draw.GAP)
_LEAVE = int(Draw.LEAVE)
_SCENARIO, _DEVICE, _LOCATION, _CARRY = int(Draw.SCENARIO), int(Draw.DEVICE), int(Draw.LOCATION), int(Draw.CARRY)
_ROUTINE, _INTEREST, _STAY = int(Draw.ROUTINE), int(Draw.INTEREST), int(Draw.DEVICE_STAY)
_BY_DEVICE, _QUERY, _TOPIC = int(Draw.DEVICE_ROUTINE), int(Draw.QUERY), int(Draw.QUERY_TOPIC)
_THING, _FIRST, _STRIDE = int(Draw.QUERY_THING), int(Draw.CANDIDATE_START), int(Draw.CANDIDATE_STRIDE)


@piece
def daypart_of(minute: float) -> int:
    """Daypart of a minute of the week."""
    return DAYPART_OF_HOUR[int(minute / 60.0) % 24]  # type: ignore[no-any-return]


@piece
def session(minutes: float, key: np.uint64, step: int) -> float:
    """Minutes of a session."""
    return minutes * math.exp(SESSION_SPREAD * normal(unit(key, step, _BUDGET)))


@piece
def advance(
    f8: NDArray[np.float64],
    satiation: NDArray[np.float32],
    at: NDArray[np.int64],
    b: NDArray[np.float64],
    key: np.uint64,
    step: int,
    log_patience: float,
    patience: float,
    seconds: float,
) -> int:
    """Let time pass after a step; the person `STAYS`, `MOVES` on, `RETURNS` in a new session, or is `GONE` for good."""
    minutes = BROWSING + seconds / 60.0
    minute = f8[at[L.MINUTE]] + minutes
    minute = minute - WEEK if minute >= WEEK else minute
    left = f8[at[L.BUDGET]] - minutes
    mood = f8[at[L.SATISFACTION]] - AVERAGE_MOOD
    found, gap = STAYS, 0.0
    if left <= 0.0:
        gap = b[L.B_GAP_MINUTES] * math.exp(GAP_SPREAD * normal(unit(key, step, _GAP)) - b[L.B_GAP_MOOD] * mood)
        gap = min(gap, LONGEST_GAP)
        minute = (minute + gap) % WEEK
        kept = np.float32(2.0 ** (-gap / b[L.B_SATIATION_HALF_LIFE]))
        rest = (np.float32(1) - kept) * np.float32(b[L.B_REBOUND])
        for t in range(len(satiation)):
            satiation[t] = kept * satiation[t] - rest
        left = session(b[L.B_SESSION_MINUTES], key, step)
        stays = math.exp(b[L.B_CHURN_MOOD] * mood - b[L.B_CHURN_LOGIT])
        found = GONE if b[L.B_CHURN] > 0.0 and unit(key, step, _CHURN) * (1.0 + stays) < 1.0 else RETURNS
    elif b[L.B_LEAVE] > 0.0:
        stays = patience * math.exp(b[L.B_LEAVE_MOOD] * mood + log_patience - b[L.B_LEAVE_LOGIT])
        # The draws of a step are numbered before it is counted.
        found = MOVES if unit(key, step - 1, _LEAVE) * (1.0 + stays) < 1.0 else STAYS
    f8[at[L.MINUTE]], f8[at[L.BUDGET]], f8[at[L.AWAY]] = minute, left, gap
    return found


@program
def settle(w: Packed, s: Blocks, rows: NDArray[np.intp], fresh: NDArray[np.bool_]) -> None:
    """The people in ``rows`` enter a scenario; ``fresh`` (m,) says for whom a session begins."""
    at, b, specs, begins, sizes = s.at, w.behaviour, w.specs, w.begins, w.sizes
    all_f8, all_f4, all_i8, all_i4, all_i1 = s.f8, s.f4, s.i8, s.i4, s.i1
    gamma, tilts, base, alone = w.gamma, w.tilt, w.person[0], w.specs[:, L.S_VISITED].sum() == 1.0
    k, n_scenarios = sizes[L.TOPICS], sizes[L.SCENARIOS]
    weights, phi, leak = np.empty(max(k, n_scenarios)), np.empty(k, np.float32), np.float32(b[L.B_SATIATION_LEAK])
    for j in range(len(rows)):
        i = rows[j]
        f4, i4, i1 = all_f4[i], all_i4[i], all_i1[i]
        key, step, new = np.uint64(all_i8[i, at[L.KEY]]), all_i8[i, at[L.STEP]], fresh[j]
        person = extend(base, all_i8[i, at[L.USER]])
        part, before = daypart_of(all_f8[i, at[L.MINUTE]]), i4[at[L.SCENARIO]]
        staying = not new and unit(key, step, _STAY) < b[L.B_DEVICE_HABIT]
        total = 0.0
        for c in range(n_scenarios):
            weight = 0.0
            if specs[c, L.S_VISITED] > 0.0 and (new or c != before or alone):
                u = draw(person, begins[L.D_HABIT], part * n_scenarios + c)
                weight = np.float64(np.float32(math.exp(HABIT_TAIL * normal(u)) * specs[c, L.S_DAYPARTS + part]))
                if not new and i1[at[L.CLICKED]]:
                    weight *= specs[c, L.S_FOLLOW_UP]
                if not new and b[L.B_TRANSITION_HABIT] > 0.0:
                    fond = normal(draw(person, begins[L.D_MOVE], before * n_scenarios + c))
                    weight *= math.exp(b[L.B_TRANSITION_HABIT] * fond)
                if staying:
                    weight *= specs[c, L.S_DEVICES + i4[at[L.DEVICE]]] / specs[c, L.S_DEVICE_SUM]
            weights[c] = weight
            total += weight
        for c in range(n_scenarios):  # where nothing is used at this daypart, anything else may be
            if total <= 0.0:
                weights[c] = 1.0 if specs[c, L.S_VISITED] > 0.0 and (new or c != before or alone) else 0.0
        scenario = categorical(weights, n_scenarios, unit(key, step, _SCENARIO))
        i4[at[L.SCENARIO]], i1[at[L.ENTERED]] = scenario, True
        if not new and scenario != before:
            satiation = f4[at[L.SATIATION] : at[L.SATIATION] + k]
            for t in range(k):
                satiation[t] *= leak
        band = int(draw(person, begins[L.D_SELF], 0) * _BANDS)
        interests(person, begins[L.D_GAMMA] + (1 + scenario) * k, gamma, tilts[band], phi)
        rho, private = np.float32(specs[scenario, L.S_RHO]), f4[at[L.PRIVATE] : at[L.PRIVATE] + k]
        for t in range(k):
            private[t] = (np.float32(1) - abs(rho)) * phi[t]
        if not staying:
            for d in range(_N_DEVICES):
                weights[d] = specs[scenario, L.S_DEVICES + d]
            i4[at[L.DEVICE]] = categorical(weights, _N_DEVICES, unit(key, step, _DEVICE))
        if new:
            i4[at[L.LOCATION]] = categorical(PLACES[part], 3, unit(key, step, _LOCATION))
        for past in range(N_ENJOYED):
            i4[at[L.RECALLED] + past] = i4[at[L.ENJOYED] + past]
        if new or unit(key, step, _CARRY) >= b[L.B_CARRY_OVER]:
            if unit(key, step, _ROUTINE) >= b[L.B_ROUTINE]:
                effective(f4[at[L.THETA] : at[L.THETA] + k], private, rho, sizes[L.MIRROR], phi)
                for t in range(k):
                    weights[t] = phi[t]
                i4[at[L.INTENT]] = categorical(weights, k, unit(key, step, _INTEREST))
            elif unit(key, step, _BY_DEVICE) < b[L.B_DEVICE_ROUTINE]:
                i4[at[L.INTENT]] = i4[at[L.DEVICE_ROUTINE] + i4[at[L.DEVICE]]]
            else:
                i4[at[L.INTENT]] = i4[at[L.ROUTINE] + part]
        i4[at[L.QUERY]] = 0
        if specs[scenario, L.S_QUERY] > 0.0:
            topic = int(unit(key, step, _TOPIC) * k)
            if unit(key, step, _QUERY) < b[L.B_QUERY]:
                topic = i4[at[L.INTENT]]
            i4[at[L.QUERY]] = 1 + topic * N_THINGS + int(unit(key, step, _THING) * N_THINGS)


@piece
def effective(
    theta: NDArray[np.float32], private: NDArray[np.float32], rho: np.float32, mirror: int, out: NDArray[np.float32]
) -> None:
    """Effective interest (K,) into ``out``; see :mod:`crossrec.simulation.choice`."""
    k = len(out)
    if rho >= 0:
        for t in range(k):
            out[t] = rho * theta[t] + private[t]
    else:
        for t in range(k):
            out[t] = private[t] - rho * theta[(t + k - mirror) % k]


@program
def offer(w: Packed, s: Blocks, rows: NDArray[np.intp]) -> None:
    """New uniform candidates; what was enjoyed lately is replaced by padding. See `CandidateSampler`."""
    at, all_i8, all_i4, specs, strides, n = s.at, s.i8, s.i4, w.specs, w.strides, w.sizes[L.OFFERED]
    lanes = np.empty(_LANES, np.int32)
    for row in range(len(rows)):
        i8, i4 = all_i8[rows[row]], all_i4[rows[row]]
        scenario = i4[at[L.SCENARIO]]
        key, step = np.uint64(i8[at[L.KEY]]), i8[at[L.STEP]]
        first, size = np.int32(specs[scenario, L.S_FIRST]), np.int32(specs[scenario, L.S_SIZE])
        which = whole(key, step, _STRIDE, np.uint64(specs[scenario, L.S_N_STRIDES]))
        stride = np.int32(strides[int(specs[scenario, L.S_STRIDES]) + int(which)])
        items = i4[at[L.CANDIDATES] : at[L.CANDIDATES] + n]
        # Many progressions side by side: in a single one every place waits for the last.
        start = np.int32(whole(key, step, _FIRST, np.uint64(size)))
        place = start
        for lane in range(_LANES):
            lanes[lane] = place
            place += stride
            place = place - size if place >= size else place
        leap = place - start if place >= start else place - start + size
        for block in range(0, n - _LANES + 1, _LANES):
            taken = items[block : block + _LANES]
            for lane in range(_LANES):
                taken[lane] = first + lanes[lane]
                ahead = lanes[lane] + leap
                lanes[lane] = ahead - size if ahead >= size else ahead
        for lane in range(n % _LANES):
            items[n - n % _LANES + lane] = first + lanes[lane]
        for past in range(at[L.RECALLED], at[L.RECALLED] + N_ENJOYED):
            enjoyed = i4[past]
            if first <= enjoyed < first + size:
                for j in range(n):
                    items[j] = 0 if items[j] == enjoyed else items[j]
