"""The command ``crossrec report``: a folder of runs as one page, or as figures and a table for a paper."""

from __future__ import annotations

import argparse
from typing import Any

_WORDS = """The page works offline, in any browser. Runs that are not finished, damaged or edited by hand are listed in
it and never averaged.

  crossrec report
  crossrec report runs --out page.html --open
  crossrec report runs --paper
"""


def add_report(commands: Any) -> None:
    """Add the command to a parser's commands."""
    report = commands.add_parser(
        "report",
        help="a folder of runs as one page: who is best, how sure that is, curves, runs",
        epilog=_WORDS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    report.add_argument(
        "folder", nargs="?", default="runs", metavar="FOLDER", help="folder of runs, or one run's folder (default runs)"
    )
    report.add_argument("--out", metavar="PAGE", help="where the page goes, .html (default FOLDER/report.html)")
    report.add_argument("--paper", action="store_true", help="also figures and a LaTeX table, into FOLDER/paper/")
    report.add_argument("--open", action="store_true", help="open the page in the browser")
    report.set_defaults(command=_report)


def _report(options: argparse.Namespace) -> None:
    from .report import report

    made = report(options.folder, out=options.out, paper=options.paper)
    for file in made:
        print(file)
    if options.open:
        import webbrowser

        webbrowser.open(made[0].resolve().as_uri())
