"""What the report says in numbers: the leaderboard, profiles, who beats whom, and the answer in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, nan

import numpy as np
from numpy.typing import NDArray

from crossrec.aggregates import Aggregate, Profile, aggregate, performance_profiles
from crossrec.statistics import Estimate

from .pairs import Pair, compared, people_scores
from .study import Study

_THRESHOLDS, _MANY, _FEW = 61, 10, 5  # points of a profile; many to choose from; runs below which intervals are rough
_SEED = 0  # of every bootstrap, so that a report made again is the same


@dataclass(frozen=True)
class Row:
    """One line of the leaderboard.

    Attributes:
        name: Of the contender or baseline.
        baseline: Whether it is one.
        found: Over seeds and tasks.
        seeds: How many in each task.
        over_people: Whether intervals are over people, for want of seeds.
    """

    name: str
    baseline: bool
    found: Aggregate
    seeds: Sequence[int]
    over_people: bool = False


def leaderboard(study: Study) -> list[Row]:
    """Contenders and baselines over the tasks that all of them have met, the best interquartile mean first."""
    names = [*study.ranked, *study.baselines]
    scores = {name: [study.scores(name, task) for task in study.shared] for name in names}
    scores = {name: tasks for name, tasks in scores.items() if all(len(task) for task in tasks)}
    rows = []
    for name, found in aggregate(scores, np.random.default_rng(_SEED)).items():
        seeds = [len(task) for task in scores[name]]
        own = _over_people(study, name) if seeds == [1] else None
        shown = found if own is None else Aggregate(own, own, own, found.optimality_gap)
        rows.append(Row(name, name in study.baselines, shown, seeds, own is not None))
    return sorted(rows, key=lambda row: -row.found.iqm.value)


def profiles(study: Study, names: Sequence[str]) -> dict[str, Profile]:
    """Performance profiles of some contenders, from a little below the least score to a little above the highest."""
    scores = {name: [study.scores(name, task) for task in study.shared] for name in names}
    values = np.concatenate([task for tasks in scores.values() for task in tasks])
    edge = 0.02 * (values.max() - values.min()) or 0.01
    thresholds = np.linspace(values.min() - edge, values.max() + edge, _THRESHOLDS)
    return performance_profiles(scores, thresholds, np.random.default_rng(_SEED))


def chances(study: Study, names: Sequence[str]) -> NDArray[np.float64]:
    """(n, n) probability that a run of the contender in the row scores above one of that in the column."""
    scores = [[study.scores(name, task) for task in study.shared] for name in names]
    table = np.full((len(names), len(names)), nan)
    for i, first in enumerate(scores):
        for j, second in enumerate(scores):
            if i != j:
                pairs = zip(first, second, strict=True)
                table[i, j] = np.mean([np.mean((a[:, None] > b) + 0.5 * (a[:, None] == b)) for a, b in pairs])
    return table


def answer(study: Study, rows: Sequence[Row]) -> list[str]:
    """The answer in sentences: which is best, by how much, how sure that is, and on what it rests."""
    ranked = [row for row in rows if not row.baseline]
    best, baseline = ranked[0], next((row for row in rows if row.baseline and row.name != "oracle"), None)
    score = told(best.found.iqm)
    if len(ranked) == 1:
        lines = [f"{best.name} scores {score}, where random is 0 and the oracle 1."]
    else:
        lines = [f"{best.name} is the best of {len(ranked)}: it scores {score}, where random is 0 and the oracle 1."]
        lines.append(_sentence(compared(study, best.name, ranked[1].name), "the next best", len(study.shared)))
    if baseline is not None:
        lines.append(_sentence(compared(study, best.name, baseline.name), "the best baseline", len(study.shared)))
    return [*lines, *_rests(study, len(ranked))]


def told(estimate: Estimate, digits: int = 3) -> str:
    """A value with its interval, in words."""
    if not (isfinite(estimate.low) and isfinite(estimate.high)):
        return f"{estimate.value:.{digits}f} (no interval)"
    return f"{estimate.value:.{digits}f} (95% interval {estimate.low:.{digits}f} to {estimate.high:.{digits}f})"


def _sentence(pair: Pair, role: str, tasks: int) -> str:
    way = "above" if pair.difference.value >= 0.0 else "below"
    found = f"It scores {abs(pair.difference.value):.3f} {way} {role}, {pair.second}"
    if pair.apart:
        where = "" if len(pair.apart) == tasks else f" in {', '.join(pair.apart)}"
        return f"{found}; the two have no seeds in common{where}, so that their runs cannot be paired to tell how sure."
    if pair.certain is None:
        return f"{found}; single seeds do not tell whether that would be so with others."
    interval = f"95% interval {pair.difference.low:+.3f} to {pair.difference.high:+.3f}"
    over = f"{pair.seeds} pairs of runs" if pair.seeds else f"the {pair.people} people of one seed"
    sure = "so this is clear" if pair.certain else "so this is not certain"
    return f"{found} ({interval} over {over}), {sure}.{_chance(pair) if pair.seeds else ''}"


def _chance(pair: Pair) -> str:
    value = pair.probability.value
    if value in (0.0, 1.0):  # resampling shows no doubt then, whatever the number of seeds
        return f" Each of its runs is {'above' if value else 'below'} each of {pair.second}."
    return f" A run of it is above one of {pair.second} with probability {told(pair.probability, 2)}."


def _rests(study: Study, contenders: int) -> list[str]:
    counts = sorted({count for name in study.ranked for count in study.seeds(name)})
    people = sorted({run.result["people"] for tasks in study.runs.values() for each in tasks.values() for run in each})
    seeds = f"{counts[0]} seed{'s' * (counts[0] > 1)}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]} seeds"
    tasks = f"{len(study.shared)} task{'s' * (len(study.shared) > 1)}"
    lines = [f"This rests on {tasks}, {seeds} of each, and {' or '.join(f'{n:,}' for n in people)} people per run."]
    if counts[0] > 1 and counts[0] * len(study.shared) < _FEW:
        lines.append(
            f"Intervals of fewer than {_FEW} runs are too narrow in the leaderboard: they never leave the range of "
            "what was seen. Those of differences, above, allow for that."
        )
    if contenders > _MANY:
        lines.append(
            f"The best of {contenders} looks better than it is, for it was chosen by these scores: run it and the next "
            "best again with new seeds."
        )
    return lines


def _over_people(study: Study, name: str) -> Estimate | None:
    task = study.shared[0]
    if name in study.baselines:
        run = next(iter(next(met[task] for met in study.runs.values() if task in met)))
        return people_scores(run).get(name)
    (run,) = study.runs[name][task]
    return people_scores(run).get(str(run.result["agent"]))
