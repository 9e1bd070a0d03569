"""How two contenders compare: on the same tasks and seeds, or, with one seed, on the same people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, nan

import numpy as np
from numpy.typing import NDArray

from crossrec.aggregates import probability_of_improvement
from crossrec.comparison import paired_difference, student_reach
from crossrec.errors import CrossRecError
from crossrec.statistics import Estimate, normalised_scores

from ..evaluated import CLOSE, ENDS, returns_of
from .runs import Run
from .study import Study

_SEED = 0  # of every bootstrap, so that a report made again is the same


@dataclass(frozen=True)
class Pair:
    """How a contender compares with another one or a baseline.

    Attributes:
        first: Name of the one.
        second: Name of the other.
        difference: Mean score of the first minus that of the second, averaged over tasks.
        probability: That a run of the first scores above one of the second.
        seeds: How many pairs of runs the difference rests on; 0 where it rests on the people of one seed.
        people: People of a run.
        apart: Tasks in which the two have no seeds in common, so that nothing can be paired.
    """

    first: str
    second: str
    difference: Estimate
    probability: Estimate
    seeds: int
    people: int
    apart: Sequence[str] = ()

    @property
    def certain(self) -> bool | None:
        """Whether the interval of the difference leaves out 0; None where there is no interval."""
        if not (isfinite(self.difference.low) and isfinite(self.difference.high)):
            return None
        return self.difference.low > 0.0 or self.difference.high < 0.0


def compared(study: Study, first: str, second: str) -> Pair:
    """How a contender compares with another one or a baseline, paired by task and seed."""
    scores = [[study.scores(name, task) for task in study.shared] for name in (first, second)]
    chance = probability_of_improvement(scores[0], scores[1], np.random.default_rng(_SEED))
    people = int(study.runs[first][study.shared[0]][0].result["people"])
    gaps = [_gaps(study, first, second, task) for task in study.shared]
    apart = [task for task, gap in zip(study.shared, gaps, strict=True) if not len(gap)]
    if apart:
        value = float(np.mean([one.mean() - two.mean() for one, two in zip(*scores, strict=True)]))
        return Pair(first, second, Estimate(value, nan, nan), chance, 0, people, apart)
    if [len(gap) for gap in gaps] == [1]:
        return Pair(first, second, _of_people(study, first, second, float(gaps[0][0])), chance, 0, people)
    return Pair(first, second, mean_over_tasks(gaps), chance, sum(len(gap) for gap in gaps), people)


def mean_over_tasks(gaps: Sequence[NDArray[np.float64]], level: float = 0.95) -> Estimate:
    """Mean over tasks of the mean over seeds, with Student's interval over seeds within tasks.

    The variance is ``sum(var_t / n_t) / tasks**2``, its degrees of freedom those of Welch (1947) and Satterthwaite
    (1946). A bootstrap would not do: of three values it never leaves the range of these three.

    Args:
        gaps: (seeds,) values of each task; with a single one in some task, ends are NaN.
        level: Coverage, between 0 and 1.
    """
    value = float(np.mean([gap.mean() for gap in gaps]))
    if min(len(gap) for gap in gaps) < 2:
        return Estimate(value, nan, nan)
    parts = np.array([gap.var(ddof=1) / len(gap) for gap in gaps]) / len(gaps) ** 2
    if parts.sum() == 0.0:
        return Estimate(value, value, value)
    freedom = parts.sum() ** 2 / sum(part**2 / (len(gap) - 1) for part, gap in zip(parts, gaps, strict=True))
    reach = float(student_reach(np.sqrt(parts.sum()), freedom, level))
    return Estimate(value, value - reach, value + reach)


def people_scores(run: Run) -> dict[str, Estimate]:
    """Scores by policy with intervals over people, as the run itself has printed them; none if that is impossible."""
    try:
        return normalised_scores(returns_of(run.folder), np.random.default_rng(run.result["seed"]))
    except CrossRecError:
        return {}


def _gaps(study: Study, first: str, second: str, task: str) -> NDArray[np.float64]:
    """(pairs,) differences of score on the same seed."""
    mine = _by_seed(study, first, task)
    if second in study.baselines:
        found = [_score(run) - run.scores[second] for run in mine.values() if second in run.scores]
    else:
        theirs = _by_seed(study, second, task)
        found = [_score(mine[seed]) - _score(theirs[seed]) for seed in sorted(set(mine) & set(theirs))]
    return np.array(found, np.float64)


def _by_seed(study: Study, name: str, task: str) -> dict[int, Run]:
    return {int(run.result["seed"]): run for run in study.runs[name][task]}


def _score(run: Run) -> float:
    return run.scores[str(run.result["agent"])]


def _of_people(study: Study, first: str, second: str, value: float) -> Estimate:
    """The difference of two runs of one seed with its interval over people, where they lived the same lives."""
    (run,) = study.runs[first][study.shared[0]]
    mine = theirs = returns_of(run.folder)
    rival = second
    if second not in study.baselines:
        (other,) = study.runs[second][study.shared[0]]
        theirs, rival = returns_of(other.folder), str(other.result["agent"])
    if len(mine["oracle"]) < 2 or any(not np.allclose(mine[end], theirs[end], rtol=CLOSE) for end in ENDS):
        return Estimate(value, nan, nan)
    scale = float(mine["oracle"].mean() - mine["random"].mean())
    own = mine[str(run.result["agent"])]
    gap = paired_difference(own, theirs[rival], np.random.default_rng(_SEED)).difference
    return Estimate(gap.value / scale, gap.low / scale, gap.high / scale)
