"""The command ``crossrec benchmark``: how good agents are, beside baselines and bounds."""

from __future__ import annotations

import argparse
from typing import Any

from crossrec.config import AGENTS
from crossrec.errors import ConfigError

from ..choices import choices
from .plan import PLANS

_WORDS = """Environments of the benchmark: {plans}.
Others are compared without demands: {envs}.
Learners: {agents}. Baselines are all that suit an environment; random and oracle, the ends of the scale, always.

Options are words of the form option=value, for all runs, as for crossrec train; they come after those of the
benchmark's own plan (experiments/agents/plan.py). What is finished in runs/ is not computed again.

  steps=20000  eval_people=50  env.horizon=20  context.encoder=hashing  runs=FOLDER
"""


def add_benchmark(commands: Any) -> None:
    """Add the command and its actions to a parser's commands."""
    benchmark = commands.add_parser("benchmark", help="compare agents with baselines over environments and seeds")
    actions = benchmark.add_subparsers(required=True, metavar="ACTION")
    agents = actions.add_parser(
        "agents",
        help="every learner and every baseline, on the same people; tables, figures, demands",
        epilog=_WORDS.format(plans=", ".join(PLANS), envs=", ".join(_others()), agents=", ".join(AGENTS)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    agents.add_argument("overrides", nargs="*", metavar="option=value", help="see below")
    agents.add_argument("--envs", help="which environments, by commas (default: those of the benchmark)")
    agents.add_argument("--agents", help="which learners, by commas; empty: none (default: the plan's)")
    agents.add_argument("--baselines", help="which baselines, by commas (default: all that suit)")
    agents.add_argument("--seeds", type=int, default=5, help="runs per learner, seeds 0 and up (default 5)")
    agents.add_argument("--jobs", type=int, default=2, help="processes at once (default 2)")
    agents.add_argument("--log-steps", type=int, help="rows of the log that baselines learn from (default: the plan's)")
    agents.add_argument("--out", metavar="PAGE", help="write the page (.md), and raw results and figures beside it")
    agents.add_argument("--readme", metavar="FILE", help="write one table of all environments into FILE, at its marks")
    agents.add_argument("--from-raw", action="store_true", help="run nothing: write all again from what lies by --out")
    agents.add_argument("--config-dir", help="folder of your own configs, beside the shipped ones")
    agents.set_defaults(command=_agents)


def _agents(options: argparse.Namespace) -> None:
    from .benchmark import benchmark, rebuild
    from .grid import grid_of

    if options.from_raw:
        if options.out is None:
            raise ConfigError("--from-raw needs --out PAGE, beside which the raw results lie.")
        rebuild(options.out, options.readme)
        return
    names = (_names(options.envs), _names(options.agents), _names(options.baselines))
    grid = grid_of(*names, options.seeds, options.overrides, options.config_dir, options.log_steps)
    benchmark(grid, options.jobs, options.out, options.readme)


def _names(words: str | None) -> list[str] | None:
    return None if words is None else [word for word in words.split(",") if word]


def _others() -> list[str]:
    return [name for name in choices("env") if name not in PLANS]
