"""The command ``crossrec context``: what lies in the store, filling it, and whether contexts are worth it."""

from __future__ import annotations

import argparse
from typing import Any

from crossrec.config import CONTEXTS, TrainConfig

from ..choices import choices

_WORDS = """Options are words of the form option=value, as for crossrec train:

  env={env}
  context={context}
  prompt={prompt}
  context.store=FILE  context.generator_folder=FOLDER  context.encoder=hashing  env.horizon=60
"""


def add_context(commands: Any) -> None:
    """Add the command and its actions to a parser's commands."""
    context = commands.add_parser("context", help="the store of contexts; probe and compare contexts")
    actions = context.add_subparsers(required=True, metavar="ACTION")

    _action(actions, "stats", "how many contexts the store holds, and whose", _stats)

    inspect = _action(actions, "inspect", "print prompts with their texts", _inspect)
    inspect.add_argument("--find", default="", metavar="TEXT", help="only those with TEXT in prompt or text")
    inspect.add_argument("--problems", action="store_true", help="only those replaced by the template's text")
    inspect.add_argument("--limit", type=int, default=20, help="how many at most (default 20)")

    verify = _action(actions, "verify", "check the file, write a sample again and compare", _verify)
    verify.add_argument("--sample", type=int, default=32, help="how many to write again (default 32; 0: none)")

    _action(actions, "export", "write the store to a Parquet file", _export).add_argument("--out", required=True)
    _action(actions, "import", "add the contexts of an exported file", _import).add_argument("--file", required=True)

    warm = _action(actions, "warm", "live with a simple policy, write all contexts that are met", _warm)
    warm.add_argument("--policy", default="random", choices=("random", "popularity", "content"))
    warm.add_argument("--quiet", action="store_true", help="no progress bar")

    probe = _action(actions, "probe", "how well contexts predict what people want", _probe)
    probe.add_argument("--contexts", default=",".join(c for c in CONTEXTS if c != "none"), help="which, by commas")
    probe.add_argument("--people", type=int, default=400, help="lives to learn from and test on (default 400)")
    probe.add_argument("--out", metavar="FILE", help="write the table there too: .md, .csv or .parquet")

    tune = _action(actions, "finetune", "train the encoder on the clicks of a logging policy", _finetune)
    tune.add_argument("--out", required=True, metavar="FOLDER", help="the folder of the new encoder")
    tune.add_argument("--method", default="full", choices=("full", "lora"), help="all weights, or LoRA (peft)")
    tune.add_argument("--people", type=int, default=4_000, help="lives in the log (default 4,000)")
    tune.add_argument("--steps", type=int, default=150, help="gradient steps (default 150)")
    tune.add_argument("--batch", type=int, default=64, help="clicks per gradient step (default 64)")
    tune.add_argument("--topic-weight", type=float, default=0.3, help="weight of the topic loss (default 0.3)")
    tune.add_argument("--learning-rate", type=float, help="at its highest (default 5e-5, for lora 5e-4)")
    tune.add_argument("--temperature", type=float, default=0.05, help="of the softmax over cosines (default 0.05)")

    compare = _action(actions, "compare", "train with every context and several seeds; one table", _compare)
    compare.add_argument("--contexts", default=",".join(CONTEXTS), help="which, by commas")
    compare.add_argument("--tuned", metavar="FOLDER", help="an encoder made by finetune: two more rows")
    compare.add_argument("--reference", default="none", help="context that gains are measured from (default none)")
    compare.add_argument("--seeds", type=int, default=5, help="runs per context (default 5)")
    compare.add_argument("--jobs", type=int, default=2, help="runs at once (default 2)")
    compare.add_argument("--out", metavar="FILE", help="write the table there too: .md, .csv or .parquet")


def _action(actions: Any, name: str, text: str, command: Any) -> argparse.ArgumentParser:
    epilog = _WORDS.format(**{group: " | ".join(choices(group)) for group in ("env", "context", "prompt")})
    parser: argparse.ArgumentParser = actions.add_parser(
        name, help=text, description=text, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("overrides", nargs="*", metavar="option=value", help="see below")
    parser.add_argument("--config-dir", help="folder of your own configs, beside the shipped ones")
    parser.set_defaults(command=command)
    return parser


def _config(options: argparse.Namespace) -> TrainConfig:
    from ..compose import compose_train

    return compose_train(options.overrides, options.config_dir)


def _stats(options: argparse.Namespace) -> None:
    from .manage import print_stats

    print_stats(_config(options).context)


def _inspect(options: argparse.Namespace) -> None:
    from .manage import print_contexts

    print_contexts(_config(options).context, options.find, options.problems, options.limit)


def _verify(options: argparse.Namespace) -> None:
    from .manage import verify

    verify(_config(options).context, options.sample)


def _export(options: argparse.Namespace) -> None:
    from .manage import export

    export(_config(options).context, options.out)


def _import(options: argparse.Namespace) -> None:
    from .manage import import_file

    import_file(_config(options).context, options.file)


def _warm(options: argparse.Namespace) -> None:
    from .warm import warm

    warm(_config(options), options.policy, show=not options.quiet)


def _probe(options: argparse.Namespace) -> None:
    from .probe import print_probe

    print_probe(_config(options), options.contexts.split(","), options.people, options.out)


def _finetune(options: argparse.Namespace) -> None:
    from .finetune import Tuning, finetune

    names = ("method", "people", "steps", "batch", "topic_weight", "learning_rate", "temperature")
    tuning = Tuning(**{name: getattr(options, name) for name in names})
    print(finetune(_config(options), tuning, options.out))


def _compare(options: argparse.Namespace) -> None:
    from .compare import TUNED, TUNED_ITEMS, print_comparison

    names = [*options.contexts.split(","), *([TUNED, TUNED_ITEMS] if options.tuned else [])]
    how = (options.tuned, options.seeds, options.jobs, options.out, options.config_dir, options.reference)
    print_comparison(options.overrides, names, *how)
