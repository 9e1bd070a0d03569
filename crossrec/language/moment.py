"""From what a recommender has seen of people to the prompts of their moments."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from crossrec.observation import DAYPARTS, DEVICES
from crossrec.random import keys
from crossrec.simulation.journey import daypart, weekday
from crossrec.simulation.state import Seen
from crossrec.world.synthetic import World
from crossrec.world.text import persona_text, query_text, scenario_phrase

from .prompt import Prompt

_SATURDAY = 5
_STRANGER = 21  # tag of the keys that pick somebody else


def prompts(world: World, seen: Seen, n_titles: int = 0, detail: bool = False) -> list[Prompt]:
    """The prompt of each person's moment; reads what is observable and never the candidates.

    Args:
        world: Where the items are from.
        seen: Observable state of n people.
        n_titles: How many of the titles enjoyed before entering the scenario a prompt names, at most 3.
        detail: Whether a prompt names device and weekend; without, distinct prompts are about four times fewer.
    """
    part, day = daypart(seen.minute), weekday(seen.minute)
    routine = seen.noted[np.arange(len(part)), part]
    phrases = [s.phrase or scenario_phrase(s.name) for s in world.scenarios]
    queries = [query_text(query) for query in seen.query.tolist()]
    enjoyed = seen.recalled[:, :n_titles].tolist() if n_titles else [()] * len(part)
    rows = zip(
        seen.stated.tolist(),
        routine.tolist(),
        part.tolist(),
        (day >= _SATURDAY).tolist(),
        seen.scenario.tolist(),
        seen.device.tolist(),
        enjoyed,
        queries,
        strict=True,
    )
    return [
        Prompt(
            persona=_persona(tuple(stated), topic, DAYPARTS[part_]),
            scenario=phrases[scenario],
            daypart=DAYPARTS[part_],
            when=("weekend" if weekend else "weekday") if detail else "",
            device=DEVICES[device] if detail else "",
            enjoyed=tuple(world.catalogue.title(item) for item in reversed(items) if item),
            query=query,
        )
        for stated, topic, part_, weekend, scenario, device, items, query in rows
    ]


def strangers(world: World, seen: Seen) -> Seen:
    """The same moments with somebody else's profile note and no memories: the control that keeps only the form."""
    other = world.people((keys(seen.user, _STRANGER) >> np.uint64(1)).astype(np.int64))
    forgotten = {name: np.zeros_like(getattr(seen, name)) for name in ("recalled", "query")}
    return replace(seen, stated=other.stated, noted=other.noted, **forgotten)


@lru_cache(maxsize=65_536)
def _persona(stated: tuple[int, ...], routine: int, part: str) -> str:
    return persona_text(stated, routine, part)
