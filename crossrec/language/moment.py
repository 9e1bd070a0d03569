"""From what a recommender has seen of people to their moments, and to one number per moment."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from crossrec.config import PARTS, PromptConfig
from crossrec.observation import DAYPARTS, DEVICES, WEEKDAYS
from crossrec.random import keys
from crossrec.simulation.compiled.jit import program
from crossrec.simulation.journey import DAYPART_OF_HOUR, daypart, weekday
from crossrec.simulation.state import Seen
from crossrec.world.synthetic import World
from crossrec.world.text import TOPICS, query_text, scenario_phrase

from .prompt import Moment

SATURDAY = 5
PERSONA, SCENARIO, DAYPART, HOUR, WEEKEND, WEEKDAY, DEVICE, QUERY = (1 << bit for bit in range(len(PARTS)))
_BITS = dict(zip(PARTS, (1 << bit for bit in range(len(PARTS))), strict=True))
_STRANGER = 21  # tag of the keys that pick somebody else


def moments(world: World, seen: Seen, latest: bool = False) -> list[Moment]:
    """Each person's moment; reads what is observable and never the candidates.

    Args:
        world: Where the items are from.
        seen: Observable state of n people.
        latest: Whether titles are those enjoyed up to now rather than up to entering the scenario.
    """
    part, day = daypart(seen.minute), weekday(seen.minute)
    hour = (seen.minute // 60).astype(np.int64) % 24
    routine = seen.noted[np.arange(len(part)), part]
    phrases = [s.phrase or scenario_phrase(s.name) for s in world.scenarios]
    title = world.catalogue.title
    rows = zip(
        seen.stated.tolist(),
        routine.tolist(),
        seen.scenario.tolist(),
        part.tolist(),
        hour.tolist(),
        day.tolist(),
        seen.device.tolist(),
        seen.query.tolist(),
        (seen.enjoyed if latest else seen.recalled).tolist(),
        strict=True,
    )
    return [
        Moment(
            likes=tuple(TOPICS[liked] for liked in sorted(set(stated))),
            routine=TOPICS[topic],
            scenario=phrases[scenario],
            daypart=DAYPARTS[part_],
            hour=f"{hour_}:00",
            weekend="weekend" if day_ >= SATURDAY else "weekday",
            weekday=WEEKDAYS[day_],
            device=DEVICES[device],
            query=query_text(query),
            enjoyed=tuple(title(item) for item in reversed(items) if item),
        )
        for stated, topic, scenario, part_, hour_, day_, device, query, items in rows
    ]


def codes(seen: Seen, rows: NDArray[np.intp], prompt: PromptConfig, latest: bool = False) -> NDArray[np.uint64]:
    """One number per moment, equal where prompts are equal: what a step looks contexts up by, without any text.

    Args:
        seen: Observable state of n people.
        rows: (m,) whose moments.
        prompt: What a prompt may see.
        latest: As for :func:`moments`.

    Returns:
        (m,) uint64. Without titles no two moments share a number; titles are hashed into it.
    """
    what = sum(bit for part, bit in _BITS.items() if part in prompt.sees)
    key = np.empty(len(rows), np.uint64)
    _pack(
        what, seen.minute, seen.stated, seen.noted, seen.scenario, seen.device, seen.query, rows, DAYPART_OF_HOUR, key
    )
    if prompt.titles:
        titles = (seen.enjoyed if latest else seen.recalled)[rows, : prompt.titles]
        key = keys(key, *titles.T)
    return key


@program
def _pack(
    what: int,
    minute: NDArray[np.float64],
    stated: NDArray[np.int32],
    noted: NDArray[np.int32],
    scenario: NDArray[np.int32],
    device: NDArray[np.int32],
    query: NDArray[np.int32],
    rows: NDArray[np.intp],
    part_of_hour: NDArray[np.int64],
    out: NDArray[np.uint64],
) -> None:
    """The parts that a prompt sees, side by side in ``out`` (m,): 2, 24, 5, 3, 10, 3 and 14 bits of them."""
    for i in range(len(rows)):
        row = rows[i]
        hour, day = int(minute[row] // 60.0) % 24, int(minute[row] // 1440.0)
        part = part_of_hour[hour]
        code = np.uint64(0)
        if what & (DAYPART | PERSONA):
            code = np.uint64(part)
        if what & PERSONA:
            one, other = stated[row, 0], stated[row, 1]
            code = (code << np.uint64(8)) | np.uint64(min(one, other))
            code = (code << np.uint64(8)) | np.uint64(max(one, other))
            code = (code << np.uint64(8)) | np.uint64(noted[row, part])
        if what & HOUR:
            code = (code << np.uint64(5)) | np.uint64(hour)
        if what & WEEKDAY:
            code = (code << np.uint64(3)) | np.uint64(day)
        elif what & WEEKEND:
            code = (code << np.uint64(3)) | np.uint64(day >= SATURDAY)
        if what & SCENARIO:
            code = (code << np.uint64(10)) | np.uint64(scenario[row])
        if what & DEVICE:
            code = (code << np.uint64(3)) | np.uint64(device[row])
        if what & QUERY:
            code = (code << np.uint64(14)) | np.uint64(query[row])
        out[i] = code


def strangers(world: World, seen: Seen) -> Seen:
    """The same moments with somebody else's profile note and no memories: the control that keeps only the form."""
    other = world.people((keys(seen.user, _STRANGER) >> np.uint64(1)).astype(np.int64))
    forgotten = {name: np.zeros_like(getattr(seen, name)) for name in ("recalled", "enjoyed", "query")}
    return replace(seen, stated=other.stated, noted=other.noted, **forgotten)
