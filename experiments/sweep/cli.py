"""The command ``crossrec sweep``."""

from __future__ import annotations

import argparse
from typing import Any

from .launchers import LAUNCHERS

_WORDS = """Options are words of the form option=value as for crossrec train; several values, by commas, make a grid:

  crossrec sweep env=news,video agent=dqn,ppo seed=0,1,2
  crossrec sweep experiment=quickstart
  crossrec sweep agent=dqn 'agent.learning_rate=interval(1e-4,3e-3)' --search 20

Launchers:
{launchers}

What is finished below runs= is not computed again, what was cut off goes on from its last resume point.
"""


def add_sweep(commands: Any) -> None:
    """Add the command to a parser's commands."""
    told = "\n".join(f"  {name:9} {launcher.what}" for name, launcher in LAUNCHERS.items())
    sweep = commands.add_parser(
        "sweep",
        help="many runs: all combinations of options, side by side, resumable",
        epilog=_WORDS.format(launchers=told),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    sweep.add_argument("overrides", nargs="*", metavar="option=value", help="see below")
    sweep.add_argument("--launcher", default="joblib", help=f"{', '.join(LAUNCHERS)} (default joblib)")
    sweep.add_argument("--jobs", type=int, default=2, help="runs at once (default 2)")
    sweep.add_argument("--address", help="of a running Ray cluster; default: this machine becomes one")
    sweep.add_argument("--timeout", type=float, metavar="MINUTES", help="stop a run that takes longer")
    sweep.add_argument("--fail-fast", action="store_true", help="begin no further run after one has failed")
    sweep.add_argument("--search", type=int, metavar="TRIALS", help="let Optuna choose the options, so many times")
    sweep.add_argument("--config-dir", help="folder of your own configs, beside the shipped ones")
    sweep.set_defaults(command=_sweep)


def _sweep(options: argparse.Namespace) -> None:
    from crossrec.errors import check_range

    from .answer import print_outcome
    from .sweep import sweep

    if options.timeout is not None:
        check_range("--timeout", options.timeout, 0.001, 1e6)
    outcome = sweep(
        options.overrides,
        launcher=options.launcher,
        jobs=options.jobs,
        address=options.address,
        timeout=None if options.timeout is None else 60.0 * options.timeout,
        fail_fast=options.fail_fast,
        search=options.search,
        config_dir=options.config_dir,
    )
    print_outcome(outcome)
