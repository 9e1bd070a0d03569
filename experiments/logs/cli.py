"""The commands ``crossrec log`` and ``crossrec off-policy``."""

from __future__ import annotations

import argparse
from typing import Any

from ..choices import choices

_LOG_HELP = """Options are words of the form option=value, as for crossrec train:

  env={env}
  context={context}
  steps=100000  seed=0  env.n_candidates=20  context.encoder=hashing

A behaviour policy is any of mixed (popularity and content), random, popularity, content and folders of finished runs;
several have equal shares. How likely it was to show what it showed stands in each row of the log.
"""
_JUDGE_HELP = """A target is random, popularity, content or the folder of a finished run; content@0.5 shows something
random half of the time. The truth is found by living the log's lives again; no hidden truth stands in the log.
"""


def add_log(commands: Any) -> None:
    """Add the command that collects a log."""
    log = commands.add_parser(
        "log",
        help="log what a behaviour policy shows, with propensities",
        epilog=_LOG_HELP.format(**{group: " | ".join(choices(group)) for group in ("env", "context")}),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    log.add_argument("overrides", nargs="*", metavar="option=value", help="see below")
    log.add_argument("--out", required=True, metavar="FILE", help="the log, ending in .parquet")
    log.add_argument("--behaviour", nargs="+", default=["mixed"], metavar="POLICY", help="see below (default mixed)")
    log.add_argument("--temperature", type=float, default=1.0, help="of the softmax over scores (default 1)")
    log.add_argument("--epsilon", type=float, default=0.2, help="share of random candidates (default 0.2)")
    log.add_argument("--people", type=int, default=500, help="lives at once: speed and memory (default 500)")
    log.add_argument("--minari", metavar="NAME", help="also make a Minari data set, e.g. crossrec/news-v0")
    log.add_argument("--config-dir", help="folder of your own configs, beside the shipped ones")
    log.add_argument("--quiet", action="store_true", help="no progress bars, and nothing said at the end")
    log.set_defaults(command=_log)


def add_off_policy(commands: Any) -> None:
    """Add the command that judges off-policy estimators."""
    judge = commands.add_parser(
        "off-policy",
        help="what policies would have earned, estimated from a log, beside the truth",
        epilog=_JUDGE_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    judge.add_argument("log", metavar="LOG", help="a file that crossrec log wrote")
    judge.add_argument("targets", nargs="*", metavar="TARGET", help="see below (default: several baselines)")
    judge.add_argument("--rows", type=int, default=1_000_000, help="rows to read at most (default 1,000,000)")
    judge.add_argument("--repeats", type=int, default=20, help="parts that the log is cut into (default 20)")
    judge.add_argument("--clip", type=float, help="largest weight (default: none)")
    judge.add_argument("--seed", type=int, default=0, help="of bootstrap and reward model (default 0)")
    judge.add_argument("--out", metavar="FILE", help="write the table there too (.md, .csv, .parquet), and a .png")
    judge.add_argument("--quiet", action="store_true", help="no progress bars")
    judge.set_defaults(command=_judge)


def _log(options: argparse.Namespace) -> None:
    from .collect import collect_file, config_of_words
    from .export import check_data_set, export_minari

    names = [word for word in options.behaviour if "=" not in word]  # options may also stand after the policies
    words = [*options.overrides, *(word for word in options.behaviour if "=" in word)]
    config = config_of_words(words, options.config_dir)
    if options.minari:
        check_data_set(options.minari)
    how = {"people": options.people, "temperature": options.temperature, "epsilon": options.epsilon}
    rows = collect_file(config, options.out, names=names, show=not options.quiet, **how)
    episodes = export_minari(options.out, options.minari) if options.minari else 0
    if not options.quiet:
        print(f"{options.out}: {rows:,} steps.")
        if episodes:
            print(f"Minari data set {options.minari}: {episodes:,} episodes.")


def _judge(options: argparse.Namespace) -> None:
    from .judge import Judging, print_judgement

    how = Judging(rows=options.rows, repeats=options.repeats, clip=options.clip, seed=options.seed)
    print_judgement(options.log, options.targets, how, options.out, show=not options.quiet)
