"""The command ``crossrec answer``: a question, its grid of runs, and one number."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from crossrec.errors import check_name

from .asked import QUESTIONS

_WORDS = """Questions:
{questions}

The grid of each stands in conf/experiment; options after the name hold for all its runs, as for crossrec sweep. Runs
that are finished are not computed again.

  crossrec answer two_agents
  crossrec answer foresight steps=100000 seed=0,1,2,3,4
"""


def add_answer(commands: Any) -> None:
    """Add the command to a parser's commands."""
    told = "\n".join(f"  {name:12} {question.asks}" for name, question in QUESTIONS.items())
    answer = commands.add_parser(
        "answer",
        help="a question that ships: run its grid and print one number with its interval",
        epilog=_WORDS.format(questions=told),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    answer.add_argument("question", metavar="QUESTION", help="see below")
    answer.add_argument("overrides", nargs="*", metavar="option=value", help="for all runs")
    answer.add_argument("--launcher", default="joblib", help="as for crossrec sweep (default joblib)")
    answer.add_argument("--jobs", type=int, default=2, help="runs at once (default 2)")
    answer.add_argument("--config-dir", help="folder of your own configs, beside the shipped ones")
    answer.set_defaults(command=_answer)


def _answer(options: argparse.Namespace) -> None:
    check_name("QUESTION", options.question, QUESTIONS)
    from crossrec.errors import RunError

    from ..report import wide_console
    from ..sweep.sweep import sweep
    from .answer import answered
    from .show import draw_answer, print_answer

    words = [f"experiment={options.question}", *options.overrides]
    outcome = sweep(words, launcher=options.launcher, jobs=options.jobs, config_dir=options.config_dir)
    if outcome.failed:
        name, reason = next(iter(outcome.failed.items()))
        raise RunError(
            f"{len(outcome.failed)} runs failed ({name}: {reason.rstrip('.')}); the same command does the rest."
        )
    question = QUESTIONS[options.question]
    answer = answered(question, outcome)
    print_answer(wide_console(), question, answer)
    figure = Path(next(iter(outcome.folders.values())).path.parent) / f"{options.question}.png"
    draw_answer(question, answer, figure)
    print(f"Figure: {figure}")
