"""One effect: what it should move, and what it does: means over people, and paired differences between strengths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.behaviour import ALWAYS, Lives, measure
from crossrec.config import BehaviourConfig

LEVELS = ("off", "default", "doubled")
DIFFERENCES = (("off", "default"), ("default", "doubled"), ("off", "doubled"))
_RESAMPLES = 2_000


@dataclass(frozen=True)
class Effect:
    """One effect.

    Attributes:
        name: Field of :class:`crossrec.config.BehaviourConfig`.
        formula: How it acts, in short.
        words: What that means.
        source: Where it comes from.
        moves: Statistic of :data:`benchmarks.behaviour.STATISTICS` that it should move most plainly.
        up: Whether up.
        options: Of an environment in which it can act, but its own strength.
        here: What these options say, in words.
        most: The highest strength that is allowed.
    """

    name: str
    formula: str
    words: str
    source: str
    moves: str
    up: bool
    options: dict[str, Any] = field(default_factory=dict, repr=False)
    here: str = "`CrossScenario-v0`"
    most: float = float("inf")

    @property
    def strengths(self) -> dict[str, float]:
        """Off, default and doubled; the default is that of the options where they set one."""
        default = self.options.get("behaviour", {}).get(self.name, getattr(BehaviourConfig(), self.name))
        return dict(zip(LEVELS, (0.0, default, min(2.0 * default, self.most)), strict=True))

    def at(self, strength: float) -> dict[str, Any]:
        """Options of the environment with this strength."""
        return {**self.options, "behaviour": {**self.options.get("behaviour", {}), self.name: strength}}


@dataclass(frozen=True)
class Estimate:
    """A mean over people with its 95% interval; NaN where no person has a value."""

    mean: float
    low: float
    high: float

    @property
    def sign(self) -> int:
        """1 above zero, -1 below, 0 where the interval holds zero."""
        return int(self.low > 0.0) - int(self.high < 0.0)


@dataclass(frozen=True)
class Finding:
    """What was measured of one effect.

    Attributes:
        effect: Which.
        levels: Estimates by statistic and level.
        differences: Estimates of the later less the earlier level in the same person's lives, by statistic and pair.
    """

    effect: Effect
    levels: Mapping[str, Mapping[str, Estimate]]
    differences: Mapping[str, Mapping[tuple[str, str], Estimate]]

    @property
    def holds(self) -> bool:
        """Whether the effect moves what it should: from off to default, and not back again when doubled."""
        wanted = 1 if self.effect.up else -1
        first, second, _ = (self.differences[self.effect.moves][pair].sign for pair in DIFFERENCES)
        return first == wanted and second != -wanted

    @property
    def verdict(self) -> str:
        """In words."""
        way = "up" if self.effect.up else "down"
        if self.holds:
            return f"moves {self.effect.moves} {way}, as it should"
        return f"DOES NOT move {self.effect.moves} {way}, as it should"


@lru_cache(maxsize=4)
def _resamples(people: int) -> NDArray[np.float64]:
    """(resamples, people) how often each person is drawn; the same for all statistics."""
    rng = np.random.default_rng(0)
    return rng.multinomial(people, np.full(people, 1.0 / people), _RESAMPLES).astype(np.float64)


def estimates(values: NDArray[np.float64]) -> list[Estimate]:
    """Mean and bootstrap percentiles over people of each column, (people, m); NaN has no say."""
    valid = np.isfinite(values)
    weights, known, some = _resamples(len(values)), np.where(valid, values, 0.0), valid.any(axis=0)
    with np.errstate(invalid="ignore"):
        means = (weights @ known) / (weights @ valid)
        mean = known.sum(axis=0) / valid.sum(axis=0)
    ends = np.full((2, values.shape[1]), np.nan)
    if some.any():
        ends[:, some] = np.nanquantile(means[:, some], [0.025, 0.975], axis=0)
    return [Estimate(float(m), float(a), float(b)) for m, a, b in zip(mean, *ends, strict=True)]


def statistics_of(effect: Effect) -> list[str]:
    """Statistics that are reported of an effect."""
    return [*ALWAYS, *({effect.moves} - set(ALWAYS))]


def find(effect: Effect, lives: Mapping[str, Lives]) -> Finding:
    """Estimates from the lives at each level."""
    levels, differences = {}, {}
    for name in statistics_of(effect):
        columns = [lives[level][name] for level in LEVELS]
        columns += [lives[after][name] - lives[before][name] for before, after in DIFFERENCES]
        found = estimates(np.column_stack(columns))
        levels[name] = dict(zip(LEVELS, found, strict=False))
        differences[name] = dict(zip(DIFFERENCES, found[len(LEVELS) :], strict=True))
    return Finding(effect, levels, differences)


def lives_at(effect: Effect, level: str, people: int, horizon: int) -> Lives:
    """Everybody's statistics at one level."""
    return measure(effect.at(effect.strengths[level]), people, horizon)
