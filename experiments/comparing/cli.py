"""The command ``crossrec compare``: which of two runs' agents is better, on the same people in the same moments."""

from __future__ import annotations

import argparse
from typing import Any

_WORDS = """Both runs must have met the same people with the same noise: the same env options, eval_people,
eval_first_user and seed. Several seeds of each, in the same order, are joined with commas:

  crossrec compare runs/A-seed0,runs/A-seed1,runs/A-seed2 runs/B-seed0,runs/B-seed1,runs/B-seed2

With one run of each, people are the unit: the answer is about these two trained agents. With several, seeds are: the
answer is about the two ways to train.
"""


def add_compare(commands: Any) -> None:
    """Add the command to a parser's commands."""
    compare = commands.add_parser(
        "compare",
        help="which of two runs is better, and how sure that is, on the same people in the same moments",
        epilog=_WORDS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    compare.add_argument("first", metavar="RUN_A", help="folder of a finished run, or several joined with commas")
    compare.add_argument("second", metavar="RUN_B", help="the same, of what it is compared with")
    compare.add_argument("--out", metavar="FILE.png", help="draw the paired differences there")
    compare.set_defaults(command=_compare)


def _compare(options: argparse.Namespace) -> None:
    from ..report import wide_console
    from .compare import compare
    from .show import print_comparison

    print_comparison(wide_console(), compare(options.first, options.second, out=options.out))
