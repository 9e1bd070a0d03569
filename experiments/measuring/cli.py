"""The command ``crossrec metrics``: all that is measured of a finished run, policies beside each other."""

from __future__ import annotations

import argparse
from typing import Any

_WORDS = """GROUP is all, an age band (18-24, 25-34, ...), a language (English, ...), cold (the first steps of each
life) or warm (the later ones). NAME is all or a scenario of the run. docs/metrics.md says what each metric is.

  crossrec metrics runs/A
  crossrec metrics runs/A --people cold --scenario news
"""


def add_metrics(commands: Any) -> None:
    """Add the command to a parser's commands."""
    metrics = commands.add_parser(
        "metrics",
        help="all metrics of a finished run, policies beside each other",
        epilog=_WORDS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    metrics.add_argument("run", metavar="RUN", help="folder of a finished run")
    metrics.add_argument("--people", metavar="GROUP", default="all", help="of which people or moments; default: all")
    metrics.add_argument("--scenario", metavar="NAME", default="all", help="in which scenario; default: all")
    metrics.set_defaults(command=_metrics)


def _metrics(options: argparse.Namespace) -> None:
    from ..report import wide_console
    from .show import print_metrics, read_metrics

    table = read_metrics(options.run)
    print_metrics(wide_console(), options.run, table, people=options.people, scenario=options.scenario)
