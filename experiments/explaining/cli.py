"""The command ``crossrec explain``: what made an agent show an item."""

from __future__ import annotations

import argparse
from typing import Any

_WORDS = """Options are words of the form option=value:

  user=17   id of the person (default: the first of the run's evaluation)
  step=5    of the life, from 0 (default: the first before which something was liked)
  seed=0    noise of the life (default: that of the run's evaluation)
"""


def add_explain(commands: Any) -> None:
    """Add the command to a parser's commands."""
    explain = commands.add_parser(
        "explain",
        help="what context, history, situation, profile and liked titles contributed to a recommendation",
        epilog=_WORDS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    explain.add_argument("run", metavar="RUN", help="folder of a finished run")
    explain.add_argument("words", nargs="*", metavar="option=value", help="see below")
    explain.add_argument(
        "--out", metavar="FILE", help="write it there: .png a picture, .md the text, .json the figures"
    )
    explain.set_defaults(command=_explain)


def _explain(options: argparse.Namespace) -> None:
    from .explain import options_of

    asked = options_of(options.words)  # before torch, so that a mistake is told at once
    from .explain import explain
    from .explanation import text_of

    explanation = explain(options.run, out=options.out, **asked)
    print(options.out if options.out is not None else text_of(explanation), end="\n" if options.out else "")
