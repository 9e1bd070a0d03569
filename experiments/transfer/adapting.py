"""What adapters are worth: how close they come to a target's contexts, and what an agent makes of them.

The agent has learnt in the target alone, where contexts tell what people enjoyed there. Then people arrive who were
never there: what is known of them was enjoyed in the source.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crossrec.errors import ConfigError
from crossrec.language.adapted import AdaptedReader, check_apart, features, read_as
from crossrec.language.adapter import ADAPTERS, CrossScenarioAdapter, Vectors, make_adapter
from crossrec.language.reader import ContextReader

from ..evaluate import Policy
from ..lab import Lab
from .arrivals import BEFORE, FIRST, Arrivals, settle

PROMPTED, HOME = "prompted again", "known there"


@dataclass(frozen=True)
class Pairs:
    """Contexts of overlapping users, who have lived in both scenarios.

    Attributes:
        source: (n, D) read in the source, of what they enjoyed there.
        target: (n, D) read in the target, of what they enjoyed there.
        features: (n, F) of people and of the moments in the target.
    """

    source: Vectors
    target: Vectors
    features: Vectors

    def first(self, share: float) -> Pairs:
        """Some of them, as when fewer users overlap."""
        n = round(share * len(self.source))
        return Pairs(self.source[:n], self.target[:n], self.features[:n])


def pairs_of(lab: Lab, users: NDArray[np.int64], seed: int, source: str, target: str, *, before: int = BEFORE) -> Pairs:
    """Let people live in both scenarios, and read them in both.

    Args:
        lab: With a reader whose prompts name titles.
        users: (n,) ids.
        seed: Person i lives with the noise of seed + i.
        source: A scenario.
        target: Another one.
        before: Steps in each.

    Returns:
        Of those who have enjoyed something in both.

    Raises:
        ConfigError: If the scenarios are unknown or the same, or the lab has no contexts.
    """
    reader, where, _ = _checked(lab, source, target)
    away, home = _arrived(lab, users, seed, (source, target), before)
    return _pairs(away, home, reader, where)


def _arrived(
    lab: Lab, users: NDArray[np.int64], seed: int, lived: tuple[str, str], before: int, first: int = FIRST
) -> tuple[Arrivals, Arrivals]:
    """The same people twice: from a source and from the target, into the target."""
    source, target = (settle(lab, users, seed, name, before=before, first=first) for name in lived)
    return source.arrive(lived[1]), target.arrive(lived[1])


def _pairs(away: Arrivals, home: Arrivals, reader: ContextReader, where: int) -> Pairs:
    there, here = away.seen(), home.seen()
    both = np.flatnonzero((there.recalled[:, 0] > 0) & (here.recalled[:, 0] > 0))
    nothing = np.zeros(away.people, np.int64)
    return Pairs(read_as(reader, there, both, nothing, where), reader.read(here, both, nothing), features(here, both))


def closeness(adapter: CrossScenarioAdapter, pairs: Pairs) -> float:
    """Mean cosine between adapted contexts and those of the target."""
    return float((adapter(pairs.source, pairs.features) * pairs.target).sum(axis=1).mean())


def worth(
    lab: Lab,
    policy: Policy,
    pairs: Pairs,
    users: NDArray[np.int64],
    seed: int,
    source: str,
    target: str,
    *,
    before: int = BEFORE,
    first: int = FIRST,
) -> pd.DataFrame:
    """What an agent of the target reaches with people who arrive from a source, by adapter.

    Args:
        lab: The agent's, with ``env.history=own``: what it knows of people stands in contexts.
        policy: The agent.
        pairs: Of other people, to learn from.
        users: (n,) ids of those who arrive.
        seed: Person i lives with the noise of seed + i.
        source: Where they are known.
        target: Where they arrive.
        before: Steps in the source.
        first: Interactions in the target that count.

    Returns:
        One row per adapter, per prompting again, and for the same people known in the target: ``adapter``, mean
        expected ``reward`` per interaction, and ``cosine`` on these people (NaN where nothing is adapted).

    Raises:
        ConfigError: As :func:`pairs_of`, or if there are too few pairs to learn from.
    """
    reader, where, there = _checked(lab, source, target)
    away, home = _arrived(lab, users, seed, (source, target), before, first)
    held = _pairs(away, home, reader, where)
    rows = []
    for name in (*ADAPTERS, PROMPTED):
        adapter, cosine = None, float("nan")
        if name != PROMPTED:
            rng = np.random.default_rng(seed)
            adapter = make_adapter(name).fit(pairs.source, pairs.target, pairs.features, rng)
            cosine = closeness(adapter, held)
        reached, _ = _read_by(away, AdaptedReader(lab.world, reader, adapter, where, there)).meet(policy)
        rows.append({"adapter": name, "reward": float(reached.mean()), "cosine": cosine})
    rows.append({"adapter": HOME, "reward": float(home.meet(policy)[0].mean()), "cosine": float("nan")})
    return pd.DataFrame(rows)


def _read_by(arrivals: Arrivals, reader: Any) -> Arrivals:
    return dataclasses.replace(arrivals, lab=dataclasses.replace(arrivals.lab, reader=reader))


def _checked(lab: Lab, source: str, target: str) -> tuple[ContextReader, int, int]:
    """The lab's reader, and the indices of both scenarios."""
    names = [scenario.name for scenario in lab.world.scenarios]
    if source in names and target in names:
        check_apart(lab.world, names.index(source), names.index(target))
    if lab.reader is None:
        raise ConfigError("context=none has nothing to adapt; set context=template or another with texts.")
    where, there = (names.index(name) if name in names else -1 for name in (source, target))
    return lab.reader, where, there
