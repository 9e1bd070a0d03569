"""What a reader has to know before trusting the numbers of a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from crossrec import __version__

from .runs import COPY, DAMAGED, EDITED, FAILED, FINISHED, OLDER, UNFINISHED, Run
from .study import Study

_LISTED = 200  # runs that a note names at most
_STATES = {
    DAMAGED: "cannot be read and do not count",
    EDITED: "have files that do not belong together (edited by hand, or mixed up) and do not count",
    FAILED: "have failed",
    UNFINISHED: "are not finished",
    OLDER: "have the same options and seed as one computed by newer code and do not count",
    COPY: "have the same options and seed as another one and do not count",
}


@dataclass(frozen=True)
class Note:
    """Something to know.

    Attributes:
        text: In one sentence.
        serious: Whether numbers may be wrong because of it, or are missing.
        items: What it is about, one by one.
    """

    text: str
    serious: bool
    items: Sequence[str] = ()


def notes(runs: Sequence[Run], study: Study, ranked: Sequence[str], without: Sequence[str]) -> list[Note]:
    """What to know of some runs, the serious things first.

    Args:
        runs: All of them.
        study: The finished ones, sorted.
        ranked: Contenders in the leaderboard, in order.
        without: Runs among those shown that have no metrics.
    """
    found = [_state(state, [run for run in runs if run.state == state]) for state in _STATES]
    return [
        note
        for note in (*found, *_code(runs), *_seeds(study), _tasks(study), _old(without), _unchecked(runs))
        if note is not None
    ]


def _state(state: str, runs: Sequence[Run]) -> Note | None:
    if not runs:
        return None
    items = [f"{run.name}: {run.problem}" if run.problem else run.name for run in runs[:_LISTED]]
    more = [f"and {len(runs) - _LISTED} more, in the table of runs"] if len(runs) > _LISTED else []
    text = _STATES[state] if len(runs) > 1 else _STATES[state].replace("have ", "has ").replace("are ", "is ", 1)
    text = text if len(runs) > 1 else text.replace("do not count", "does not count")
    return Note(f"{len(runs)} run{'s' * (len(runs) > 1)} {text}.", state != COPY, [*items, *more])


def _code(runs: Sequence[Run]) -> list[Note]:
    codes = Counter(run.code for run in runs if run.state == FINISHED)
    items = [f"version {version}, commit {commit}: {count} runs" for (version, commit), count in codes.most_common()]
    found = []
    if len(codes) > 1:
        found.append(Note("Runs were computed by different code: differences may be the code's.", True, items))
    elif (version := next(iter(codes))[0]) != __version__:
        found.append(Note(f"Runs were computed by version {version} of CrossRec; this page by {__version__}.", False))
    return found


def _seeds(study: Study) -> list[Note]:
    counts = {name: study.seeds(name) for name in study.ranked}
    if len({count for each in counts.values() for count in each}) < 2:
        return []
    items = [
        f"{name}: {', '.join(f'{count} in {task}' for count, task in zip(each, study.shared, strict=True))}"
        for name, each in counts.items()
    ]
    return [Note("Agents have different numbers of seeds.", True, items)]


def _tasks(study: Study) -> Note | None:
    left_out = [name for name in study.contenders if name not in study.ranked]
    fewer = len(study.shared) < len(study.tasks)
    if not left_out and not fewer:
        return None
    items = [
        f"{name}: only in {', '.join(study.runs[name])}"
        for name in study.contenders
        if set(study.tasks) - set(study.runs[name])
    ]
    out = f", and {len(left_out)} of {len(study.contenders)} agents are left out" if left_out else ""
    return Note(
        f"Not all agents have met all tasks: the leaderboard is over {', '.join(study.shared)} alone{out}.", True, items
    )


def _unchecked(runs: Sequence[Run]) -> Note | None:
    names = [run.name for run in runs if run.state == FINISHED and not run.checked]
    if not names:
        return None
    text = (
        f"{len(names)} run{'s were' if len(names) > 1 else ' was'} computed by other code, or with other options to "
        "choose from, than CrossRec has now: the folder's name does not tell whether config.yaml was edited since."
    )
    return Note(text, False, names[:_LISTED])


def _old(without: Sequence[str]) -> Note | None:
    if not without:
        return None
    text = (
        f"{len(without)} run{'s lack' if len(without) > 1 else ' lacks'} metrics.parquet, so that metrics by scenario "
        "are of the others: `crossrec evaluate RUN` writes it."
    )
    return Note(text, False, list(without[:_LISTED]))
