"""From the runs of a question's grid to its one number, with all arms beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from crossrec.comparison import PairedDifference, paired_difference
from crossrec.errors import RunError

from ..sweep.records import score_of
from ..sweep.sweep import Outcome
from .asked import Arm, Question


@dataclass(frozen=True)
class Answer:
    """What came out.

    Attributes:
        numbers: By the values of what is looked at apart ("" where nothing is), the difference of the two arms, paired
            by seed; the first is the question's.
        arms: One row per arm: its options, mean ``score``, how many ``seeds``, ``low`` and ``high`` of them.
        options: Columns of ``arms`` that are options.
    """

    numbers: Mapping[str, PairedDifference]
    arms: pd.DataFrame
    options: tuple[str, ...]


def answered(question: Question, outcome: Outcome) -> Answer:
    """Answer a question from the runs of its grid.

    Raises:
        RunError: If an arm is missing, or has fewer than two seeds in common with the other.
    """
    runs = _table(outcome)
    options = [str(name) for name in runs if name not in ("score", "seed") and runs[name].nunique() > 1]
    groups = runs.groupby(list(question.apart), sort=False) if question.apart else [("", runs)]
    numbers = {_called(values): _difference(question, group) for values, group in groups}
    arms = runs.groupby(options, sort=False)["score"].agg(score="mean", seeds="count", low="min", high="max")
    return Answer(numbers, arms.reset_index(), tuple(options))


def _table(outcome: Outcome) -> pd.DataFrame:
    """One row per run: its options as words, and its score."""
    rows = []
    for name, folder in outcome.folders.items():
        given = dict(word.lstrip("+~").partition("=")[::2] for word in outcome.words[name])
        score = score_of(folder)
        if score is None:
            raise RunError(f"{folder.path} has no score; see {Path(folder.path) / 'log.txt'}.")
        rows.append({**given, "seed": int(given.get("seed", 0)), "score": score})
    return pd.DataFrame(rows)


def _difference(question: Question, runs: pd.DataFrame) -> PairedDifference:
    first, second = (_of(arm, runs) for arm in (question.better, question.than))
    seeds = sorted(set(first.index) & set(second.index))
    if len(seeds) < 2:
        raise RunError(f"{len(seeds)} seeds have both arms; an interval needs at least 2: set seed=0,1,2.")
    return paired_difference(first[seeds].to_numpy(), second[seeds].to_numpy(), np.random.default_rng(0))


def _of(arm: Arm, runs: pd.DataFrame) -> pd.Series:
    """Mean scores of an arm by seed."""
    chosen = runs
    for option, value in arm.items():
        if option not in runs or not (runs[option] == value).any():
            raise RunError(f"no run has {option}={value}, which the question compares; leave {option} as in its grid.")
        chosen = chosen[chosen[option] == value]
    return chosen.groupby("seed")["score"].mean()


def _called(values: object) -> str:
    return ", ".join(map(str, values)) if isinstance(values, tuple) else str(values)
