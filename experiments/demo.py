"""The demonstration: the same agent three times, told nothing, told a template's text, told a language model's text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from crossrec.errors import RunError

from .compose import compose_train
from .figures import draw_scores
from .report import print_scores, wide_console
from .side_by_side import run_all

DEFAULTS = ("steps=40000", "train_users=48", "eval_people=100", "context.workers=2")
CONTEXTS = ("llm", "none", "template")  # the longest first, so that two side by side end soonest
_AT_ONCE = 2


def demo(overrides: list[str]) -> None:
    """Run what is missing of the three runs, two at a time, and print one table.

    Args:
        overrides: Options for all three runs, as for ``crossrec train``.

    Raises:
        ConfigError: If an option is wrong.
        RunError: If a run fails; the others are finished first, and what is done is kept.
    """
    jobs = {f"context={name}": [*DEFAULTS, *overrides, f"context={name}"] for name in CONTEXTS}
    folders, failed = run_all(jobs, _AT_ONCE)
    if failed:
        raise RunError(failed)
    results = {name: folders[f"context={name}"].result() for name in CONTEXTS}
    table = merged(results)
    any_result = next(iter(results.values()))
    runs = compose_train([*DEFAULTS, *overrides]).runs
    figure = Path(runs) / "demo.png"
    learners = {name for name in table if "context" in name}
    draw_scores(
        figure, table, learners, f"{any_result['people']} people never met in training, seed {any_result['seed']}"
    )
    console = wide_console()
    print_scores(console, table, "CrossScenario: what should be shown next?")
    console.print(f"Figure: {figure}\nLearning curves: {runs}/*/figures/learning.png", soft_wrap=True)


def merged(results: dict[str, dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Scores of all runs in one table, ordered by score; baselines are equal in all of them and stand once.

    Args:
        results: ``result.json`` of each run, by context.
    """
    table: dict[str, dict[str, float]] = {}
    for context, result in results.items():
        for policy, row in result["scores"].items():
            name = f"{policy.upper()}, {_described(context)}" if policy == result["agent"] else policy
            table.setdefault(name, row)
    return dict(sorted(table.items(), key=lambda entry: entry[1]["score"]))


def _described(context: str) -> str:
    return {"none": "no context", "template": "template context", "llm": "language context"}[context]
