"""What people do, one at a time: the compiled twin of :mod:`crossrec.simulation.choice` and ``dynamics``."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from crossrec.observation import MAX_DWELL, WEEK
from crossrec.random import GOLDEN, LIFE, MEETING, Draw
from crossrec.simulation.choice import CONVERSION_SLOPE, DWELL_SLOPE, MOST_LOG_DWELL
from crossrec.simulation.compiled import layout as L
from crossrec.simulation.compiled.draws import extend, logistic, normal, unit
from crossrec.simulation.compiled.jit import piece, program
from crossrec.simulation.compiled.journey import GONE, MOVES, STAYS, advance, effective, offer, session, settle
from crossrec.simulation.compiled.layout import Blocks, Packed
from crossrec.simulation.compiled.people import meet
from crossrec.simulation.journey import AVERAGE_MOOD
from crossrec.simulation.state import ENJOYED as N_ENJOYED
from crossrec.world.catalogue import BAITED, BORN, LENGTH, MAIN_TOPIC, PRICE, QUALITY

_CLICK, _DWELL, _CONVERSION = int(Draw.CLICK), int(Draw.DWELL), int(Draw.CONVERSION)
_MIND, _START = int(Draw.MIND), int(Draw.START)
_EMPTY = GOLDEN  # what `crossrec.random.keys` begins with
_LOG_MAX_DWELL = math.log1p(MAX_DWELL)


@piece
def weigh(
    f4: NDArray[np.float32],
    at: NDArray[np.int64],
    b: NDArray[np.float64],
    rho: float,
    mirror: int,
    out: NDArray[np.float32],
) -> None:
    """What a topic adds to utility now, (K,) into ``out``: interest less satiation."""
    k, wanted, sated = len(out), np.float32(b[L.B_INTEREST]), np.float32(b[L.B_SATIATION])
    satiation, private = f4[at[L.SATIATION] : at[L.SATIATION] + k], f4[at[L.PRIVATE] : at[L.PRIVATE] + k]
    effective(f4[at[L.THETA] : at[L.THETA] + k], private, np.float32(rho), mirror, out)
    for t in range(k):
        out[t] = wanted * out[t] - sated * satiation[t]


@piece
def utility(
    item: NDArray[np.float32],
    weights: NDArray[np.float32],
    b: NDArray[np.float64],
    spec: NDArray[np.float64],
    intent: int,
    minute: float,
) -> float:
    """Utility of an item alone [logits]; ``item`` (K + 6,) is its row of the catalogue."""
    k = len(weights)
    # Four sums at once: in a single one every addition waits for the last.
    one, two, three, four = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
    for t in range(0, k - 3, 4):
        one += weights[t] * item[t]
        two += weights[t + 1] * item[t + 1]
        three += weights[t + 2] * item[t + 2]
        four += weights[t + 3] * item[t + 3]
    for t in range(k - k % 4, k):
        one += weights[t] * item[t]
    found = spec[L.S_BASE] + np.float64((one + two) + (three + four)) + b[L.B_QUALITY] * item[k + QUALITY]
    if item[k + MAIN_TOPIC] == intent:
        found += b[L.B_INTENT]
    found += b[L.B_BAIT] * item[k + BAITED]
    if spec[L.S_AGES] > 0.0:
        found -= spec[L.S_AGES] * ((minute - item[k + BORN]) % WEEK)
    return found  # type: ignore[no-any-return]


@piece
def clicked_place(
    slate: NDArray[np.int32], u: float, utilities: NDArray[np.float64], examination: float, cascade: int
) -> int:
    """Which place is clicked, or -1; see :mod:`crossrec.simulation.choice`."""
    n = len(slate)
    if n == 1:
        return 0 if slate[0] > 0 and u < logistic(utilities[0]) else -1
    if cascade:
        passed, upto, examined = 1.0, 0.0, 1.0
        for j in range(n):
            if slate[j] > 0:
                p = logistic(utilities[j])
                upto += examined * p * passed
                if u < upto:
                    return j
                passed *= 1.0 - p
            examined *= examination
        return -1
    # As attractions in logs: what is not examined has none, and no product overflows.
    beyond = math.log(examination) if examination > 0.0 else -math.inf  # of each place from the one above
    top = 0.0
    for j in range(n):
        if slate[j] > 0:
            top = max(top, utilities[j] + (j * beyond if j > 0 else 0.0))
    total = math.exp(-top)
    for j in range(n):
        if slate[j] > 0:
            total += math.exp(utilities[j] + (j * beyond if j > 0 else 0.0) - top)
    upto = 0.0
    for j in range(n):
        if slate[j] > 0:
            upto += math.exp(utilities[j] + (j * beyond if j > 0 else 0.0) - top)
            if u * total < upto:
                return j
    return -1


@program
def live(
    w: Packed,
    s: Blocks,
    actions: NDArray[np.int64],
    slates: NDArray[np.int32],
    click: NDArray[np.bool_],
    place: NDArray[np.int64],
    dwell: NDArray[np.float64],
    conversion: NDArray[np.bool_],
    churned: NDArray[np.bool_],
) -> None:
    """One step of everybody: ``actions`` (n, S) are places among the candidates, all others are written, (n,) each."""
    at, b, specs, sizes, table = s.at, w.behaviour, w.specs, w.sizes, w.table
    all_f8, all_f4, all_i8, all_i4, all_i1 = s.f8, s.f4, s.i8, s.i4, s.i1
    n, n_slate = slates.shape
    k, h, mirror, cascade = sizes[L.TOPICS], sizes[L.LENGTH_OF_HISTORY], sizes[L.MIRROR], sizes[L.CASCADE]
    weights, utilities = np.empty(k, np.float32), np.empty(n_slate)
    moving, fresh, n_moving = np.empty(n, np.intp), np.empty(n, np.bool_), 0
    for i in range(n):
        f8, f4, i4, i1, slate = all_f8[i], all_f4[i], all_i4[i], all_i1[i], slates[i]
        key, step, scenario = np.uint64(all_i8[i, at[L.KEY]]), all_i8[i, at[L.STEP]], i4[at[L.SCENARIO]]
        spec = specs[scenario]
        weigh(f4, at, b, spec[L.S_RHO], mirror, weights)
        for j in range(n_slate):
            slate[j] = i4[at[L.CANDIDATES] + actions[i, j]]
            for before in range(j):
                if slate[before] == slate[j]:
                    slate[j] = 0
            utilities[j] = utility(table[slate[j]], weights, b, spec, i4[at[L.INTENT]], f8[at[L.MINUTE]])
        chosen = clicked_place(slate, unit(key, step, _CLICK), utilities, spec[L.S_EXAMINATION], cascade)
        seconds, converted, experience = 0.0, False, 0.0
        if chosen >= 0:
            item, u = table[slate[chosen]], utilities[chosen]
            median = item[k + LENGTH] * math.exp(min(spec[L.S_LOG_DWELL] + DWELL_SLOPE * u, MOST_LOG_DWELL))
            seconds = min(median * math.exp(spec[L.S_DWELL_SPREAD] * normal(unit(key, step, _DWELL))), MAX_DWELL)
            chance = logistic(spec[L.S_CONVERSION] + CONVERSION_SLOPE * u - item[k + PRICE])
            converted = unit(key, step, _CONVERSION) < chance
            experience = 0.5 + 0.3 * (math.log1p(seconds) / _LOG_MAX_DWELL) + 0.2 * converted
            experience *= math.exp(-b[L.B_BAIT] * item[k + BAITED])
            rate, shift = np.float32(b[L.B_DRIFT]), mirror if spec[L.S_RHO] < 0 else 0
            theta = f4[at[L.THETA] : at[L.THETA] + k]
            for t in range(k):
                theta[t] += rate * (item[(t + shift) % k] - theta[t])
            if unit(key, step, _MIND) < b[L.B_ON_MIND]:
                i4[at[L.INTENT]] = int(item[k + MAIN_TOPIC])
        click[i], place[i], dwell[i], conversion[i] = chosen >= 0, max(chosen, 0), seconds, converted
        f8[at[L.SATISFACTION]] += b[L.B_MOOD] * (experience - f8[at[L.SATISFACTION]])
        i1[at[L.CLICKED]] = chosen >= 0
        satiation, examined = f4[at[L.SATIATION] : at[L.SATIATION] + k], np.float32(1)
        for j in range(n_slate):
            topics = table[slate[j], :k]
            for t in range(k):
                satiation[t] += examined * topics[t]
            examined *= np.float32(spec[L.S_EXAMINATION])
        decay, rest = np.float32(b[L.B_SATIATION_DECAY]), np.float32((1.0 - b[L.B_SATIATION_DECAY]) * b[L.B_REBOUND])
        for t in range(k):
            satiation[t] = satiation[t] * decay - rest
        _remember(f4, i4, i1, at, h, slate, chosen, seconds, converted)
        all_i8[i, at[L.STEP]] = step + 1
        what = advance(f8, satiation, at, b, key, step + 1, spec[L.S_LOG_PATIENCE], f4[at[L.PATIENCE]], seconds)
        churned[i], i1[at[L.ENTERED]] = what == GONE, what != STAYS
        if what != STAYS:
            moving[n_moving], fresh[n_moving] = i, what != MOVES
            n_moving += 1
    settle(w, s, moving[:n_moving], fresh[:n_moving])
    if sizes[L.PLAIN]:
        offer(w, s, np.arange(n))


@piece
def _remember(
    f4: NDArray[np.float32],
    i4: NDArray[np.int32],
    i1: NDArray[np.int8],
    at: NDArray[np.int64],
    h: int,
    slate: NDArray[np.int32],
    chosen: int,
    seconds: float,
    converted: bool,
) -> None:
    """Push what happened to the front of the observable history."""
    n_slate = len(slate)
    items, where = i4[at[L.HISTORY] : at[L.HISTORY] + h], i1[at[L.HISTORY_SCENARIO] : at[L.HISTORY_SCENARIO] + h]
    fed = f4[at[L.HISTORY_FEEDBACK] : at[L.HISTORY_FEEDBACK] + 3 * h]
    for j in range(h - 1, n_slate - 1, -1):
        items[j], where[j] = items[j - n_slate], where[j - n_slate]
    for j in range(3 * h - 1, n_slate - 1, -1):
        fed[j] = fed[j - n_slate]
    for j in range(n_slate):
        items[j] = slate[j]
        where[j] = i4[at[L.SCENARIO]] + 1 if slate[j] > 0 else 0
        fed[j], fed[h + j], fed[2 * h + j] = 0, 0, 0
    if chosen >= 0:
        fed[chosen], fed[h + chosen] = 1, math.log1p(seconds) / _LOG_MAX_DWELL
        fed[2 * h + chosen] = converted
        for j in range(N_ENJOYED - 1, 0, -1):
            i4[at[L.ENJOYED] + j] = i4[at[L.ENJOYED] + j - 1]
        i4[at[L.ENJOYED]] = slate[chosen]


@program
def identify(
    seeds: NDArray[np.int64],
    episodes: NDArray[np.int64],
    first_user: int,
    n_users: np.uint64,
    users: NDArray[np.int64],
    keys: NDArray[np.uint64],
) -> None:
    """Whom seeds (m,) meet in their episodes (m,), where ``users`` (m,) is negative, and the key of that life."""
    for j in range(len(seeds)):
        if users[j] < 0:
            met = extend(extend(extend(_EMPTY, seeds[j]), MEETING), episodes[j])
            users[j] = first_user + np.int64(met % n_users)
        keys[j] = extend(extend(extend(extend(_EMPTY, seeds[j]), LIFE), episodes[j]), users[j])


@program
def begin(w: Packed, s: Blocks, rows: NDArray[np.intp], users: NDArray[np.int64], keys: NDArray[np.uint64]) -> None:
    """Begin new lives in ``rows``, each with a first session at a random minute of the week."""
    at, b, all_f8, all_i8 = s.at, w.behaviour, s.f8, s.i8
    for j in range(len(rows)):
        i, key = rows[j], keys[j]
        s.f8[i], s.f4[i], s.i8[i], s.i4[i], s.i1[i] = 0, 0, 0, 0, 0
        all_i8[i, at[L.USER]], all_i8[i, at[L.KEY]] = users[j], np.int64(key)
        all_f8[i, at[L.MINUTE]] = math.floor(unit(key, 0, _START) * WEEK)
        all_f8[i, at[L.SATISFACTION]] = AVERAGE_MOOD
        all_f8[i, at[L.BUDGET]] = session(b[L.B_SESSION_MINUTES], key, 0)
    meet(w, s, rows, users)
    settle(w, s, rows, np.ones(len(rows), np.bool_))
    if w.sizes[L.PLAIN]:
        offer(w, s, rows)


@program
def expect(
    w: Packed, s: Blocks, items: NDArray[np.int32], reward: NDArray[np.float64], out: NDArray[np.float64]
) -> None:
    """Expected reward of items (n, C) now, each alone, into ``out``; ``reward`` (3,) weighs its parts."""
    at, b, table, k, mirror = s.at, w.behaviour, w.table, w.sizes[L.TOPICS], w.sizes[L.MIRROR]
    all_f8, all_f4, all_i4, specs, weights = s.f8, s.f4, s.i4, w.specs, np.empty(w.sizes[L.TOPICS], np.float32)
    for i in range(len(items)):
        intent, minute, spec = all_i4[i, at[L.INTENT]], all_f8[i, at[L.MINUTE]], specs[all_i4[i, at[L.SCENARIO]]]
        weigh(all_f4[i], at, b, spec[L.S_RHO], mirror, weights)
        spread = spec[L.S_DWELL_SPREAD]
        for j in range(items.shape[1]):
            if items[i, j] == 0:
                out[i, j] = -np.inf
                continue
            item = table[items[i, j]]
            u = utility(item, weights, b, spec, intent, minute)
            # Mean of a log-normal capped at MAX_DWELL: its part below the cap, and the cap for the rest.
            median = item[k + LENGTH] * math.exp(min(spec[L.S_LOG_DWELL] + DWELL_SLOPE * u, MOST_LOG_DWELL))
            edge = math.log(MAX_DWELL / median) / max(spread, 1e-9)
            mean = median * math.exp(0.5 * spread**2) * _below(edge - spread) + MAX_DWELL * _below(-edge)
            converts = logistic(spec[L.S_CONVERSION] + CONVERSION_SLOPE * u - item[k + PRICE])
            out[i, j] = logistic(u) * (reward[0] + reward[1] * mean / 60.0 + reward[2] * converts)


@piece
def _below(x: float) -> float:
    """Standard normal distribution function."""
    return 0.5 * math.erfc(-x / math.sqrt(2.0))
