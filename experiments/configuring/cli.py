"""The command ``crossrec config``."""

from __future__ import annotations

import argparse
import sys
from typing import Any

_WORDS = """Options are words of the form option=value as for crossrec train. Nothing is run.

On a terminal this prints a table, into a pipe YAML with comments, with --json all that is known:

  crossrec config env=news agent=ppo env.horizon=60 --changed
  crossrec config experiment=two_agents > two_agents.yaml
  crossrec config agent=mine --config-dir FOLDER
"""


def add_config(commands: Any) -> None:
    """Add the command to a parser's commands."""
    config = commands.add_parser(
        "config",
        help="all options of a run, with unit, meaning and where each value comes from",
        epilog=_WORDS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    config.add_argument("overrides", nargs="*", metavar="option=value", help="see below")
    config.add_argument("--changed", action="store_true", help="leave out what is as the schemas have it")
    config.add_argument("--json", action="store_true", help="JSON, for programs")
    config.add_argument("--config-dir", help="folder of your own configs, beside the shipped ones")
    config.set_defaults(command=_config)


def _config(options: argparse.Namespace) -> None:
    from ..report import wide_console
    from .resolve import resolve
    from .show import as_json, as_yaml, print_table

    resolved = resolve(options.overrides, options.config_dir)
    console = wide_console()
    if options.json:
        sys.stdout.write(as_json(resolved, changed=options.changed))
    elif console.is_terminal:
        print_table(resolved, console, changed=options.changed)
    else:
        sys.stdout.write(as_yaml(resolved, changed=options.changed))
