"""What a sweep prints in the end: scores by run, and what went wrong."""

from __future__ import annotations

from pathlib import Path

from rich import box
from rich.table import Table

from crossrec.errors import RunError

from ..report import wide_console
from .records import score_of
from .sweep import Outcome

_ROWS = 40  # printed at most; the report shows all


def print_outcome(outcome: Outcome) -> None:
    """Print the scores of a sweep's runs, the best first, and what to do next.

    Raises:
        RunError: If a run has failed; says which and why.
    """
    console = wide_console()
    scores = {name: score_of(folder) for name, folder in outcome.folders.items() if name not in outcome.failed}
    options, values = _differing({name: outcome.words[name] for name in scores})
    table = Table(*options, box=box.SIMPLE_HEAD, title=_title(outcome), title_justify="left")
    table.add_column("score", justify="right")
    table.add_column("folder", style="dim")
    for name in sorted(scores, key=lambda name: -(scores[name] or 0.0))[:_ROWS]:
        score = scores[name]
        table.add_row(*values[name], "" if score is None else f"{score:.3f}", name)
    if scores:
        console.print(table)
    if len(scores) > _ROWS:
        console.print(f"and {len(scores) - _ROWS} more")
    runs = {folder.path.parent for folder in outcome.folders.values()}
    for folder in sorted(runs, key=str):
        console.print(f"crossrec report {folder} makes a page of them.", soft_wrap=True, highlight=False)
    if outcome.trouble and not outcome.failed:
        raise RunError(f"it broke off ({outcome.trouble}). What is finished is kept; the same command does the rest.")
    if outcome.failed:
        raise RunError(f"{_told(outcome)}. What is finished is kept; the same command does the rest.")


def _differing(words: dict[str, tuple[str, ...]]) -> tuple[list[str], dict[str, list[str]]]:
    """Options that are not the same in all runs, and their values by run."""
    given = {name: dict(_split(word) for word in own) for name, own in words.items()}
    options = list(dict.fromkeys(option for own in given.values() for option in own))
    options = [option for option in options if len({own.get(option) for own in given.values()}) > 1]
    return options, {name: [own.get(option, "") for option in options] for name, own in given.items()}


def _split(word: str) -> tuple[str, str]:
    option, _, value = word.partition("=")
    return option.lstrip("+~"), value


def _title(outcome: Outcome) -> str:
    done = len(outcome.folders) - len(outcome.failed)
    before = f", {outcome.finished_before} of them before" if outcome.finished_before else ""
    return f"{done} of {len(outcome.folders)} runs finished{before}"


def _told(outcome: Outcome) -> str:
    """What went wrong, one sentence for all runs that failed alike."""
    runs: dict[str, list[str]] = {}
    for name, reason in outcome.failed.items():
        runs.setdefault(reason.rstrip("."), []).append(name)
    log = next(iter(outcome.failed))
    where = outcome.folders[log].path / "log.txt"
    also = f" (see {where})" if Path(where).is_file() else ""
    return "; ".join(f"{_few(names)}: {reason}" for reason, names in runs.items()) + also


def _few(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
