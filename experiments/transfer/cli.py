"""The command ``crossrec study``."""

from __future__ import annotations

import argparse
from typing import Any

from .asked import ASKED

_WORDS = """Sizes:
  quick   a first look, in minutes; needs no model
  full    about two hours on two cores; `crossrec models fetch` first

Questions for --only:
{questions}

Options after the size hold for all agents, as for crossrec train, but for worlds of which the answer is known; agents
that learn on, or learn one scenario after another, have numbers of steps of their own. What is finished below --folder
is not computed again: interrupt it as you like, the same command goes on.

  crossrec study quick
  crossrec study quick agent=qrdqn --only zero-shot,tuning
  crossrec study quick steps=2000 agent.learning_starts=500 --only joint
"""


def add_study(commands: Any) -> None:
    """Add the command to a parser's commands."""
    told = "\n".join(f"  {name:10} {asks}" for name, asks in ASKED.items())
    study = commands.add_parser(
        "study",
        help="what transfers between scenarios: every question on one page",
        epilog=_WORDS.format(questions=told),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    study.add_argument("size", nargs="?", metavar="SIZE", default="full", help="see below (default full)")
    study.add_argument("overrides", nargs="*", metavar="option=value", help="for all agents")
    study.add_argument("--only", metavar="QUESTIONS", help="some questions, separated by commas")
    study.add_argument("--jobs", type=int, default=2, help="processes at once (default 2)")
    study.add_argument("--folder", default="study", help="of runs and measurements (default study)")
    study.add_argument("--out", metavar="PAGE", help="the page, .md (default FOLDER/SIZE[-QUESTION...].md)")
    study.add_argument("--from-raw", action="store_true", help="run nothing: write all again from what lies by --out")
    study.set_defaults(command=_study)


def _study(options: argparse.Namespace) -> None:
    from crossrec.errors import ConfigError

    if options.from_raw:
        if options.out is None:
            raise ConfigError("--from-raw needs --out PAGE, beside which the raw scores lie.")
        from .study import rebuild

        rebuild(options.out)
        return
    from .study import study

    only = [] if options.only is None else [name.strip() for name in options.only.split(",")]
    study(options.size, options.jobs, options.folder, options.out, only, options.overrides)
