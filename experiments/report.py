"""What the command line prints."""

from __future__ import annotations

from collections.abc import Mapping

from rich import box
from rich.console import Console
from rich.table import Table

from crossrec import ENV_IDS
from crossrec.config import DEFAULT_SCENARIOS
from crossrec.envs.questions import QUESTIONS
from crossrec.envs.registration import ENVIRONMENTS, config_name
from crossrec.language.models import status

from .choices import GROUPS, choices
from .run import RunFolder, provenance

_WIDTH = 100  # columns of a table of scores


def print_scores(console: Console, scores: Mapping[str, Mapping[str, float]], title: str) -> None:
    """Print scores and other means by policy.

    Args:
        console: Where to.
        scores: From :func:`crossrec.experiments.evaluate.scores`, in the order of printing.
        title: What was evaluated.
    """
    caption = (
        "score: random = 0, greedy oracle = 1, with the 95% interval over people\n"
        "return per life, clicks per step, visits to scenarios per life, churn: share who left for good"
    )
    table = Table(title=title, caption=caption, title_justify="left", caption_justify="left", box=box.SIMPLE_HEAD)
    table.add_column("policy", no_wrap=True)
    for heading in ("score", "95% interval", "return", "clicks", "visits", "churn"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, row in scores.items():
        table.add_row(
            name,
            f"{row['score']:.3f}",
            f"{row['low']:.3f} to {row['high']:.3f}",
            f"{row['return']:.2f}",
            f"{row['click_rate']:.1%}",
            f"{row['visits']:.1f}",
            f"{row['churn']:.1%}",
        )
    console.print(table)


def wide_console() -> Console:
    """A console on which a table of scores fits, also where the output is no terminal."""
    console = Console()
    return console if console.is_terminal else Console(width=max(console.width, _WIDTH))


def print_run(folder: RunFolder) -> None:
    """Print a complete run's table and where its files are."""
    result, console = folder.result(), wide_console()
    title = f"{result['agent']} with context={result['context']}, seed {result['seed']}: {result['people']} new people"
    print_scores(console, result["scores"], title)
    if (now := provenance()["commit"]) != result["commit"]:
        console.print(f"Computed by commit {result['commit']}, this is {now}; delete the folder to compute it again.")
    console.print(f"Everything is in {folder.path} (figures/, result.json, *.parquet, config.yaml).", soft_wrap=True)


def print_choices() -> None:
    """Print the environments, and what each group of configs offers."""
    console = wide_console()
    table = Table("gym.make", "env=", "what", box=box.SIMPLE_HEAD)
    asked = {question.env_id: question.asks for question in QUESTIONS}
    for env_id in ENV_IDS:
        scenarios = ENVIRONMENTS[env_id].get("scenarios", DEFAULT_SCENARIOS)
        what = asked[env_id] if env_id in asked else f"people in: {', '.join(scenarios)}"
        table.add_row(env_id, config_name(env_id), what)
    console.print(table)
    for group in GROUPS[1:]:
        console.print(f"{group}= {', '.join(choices(group))}", soft_wrap=True)


def print_models() -> None:
    """Print which default models are there."""
    table = Table("model", "state", "folder", box=box.SIMPLE_HEAD)
    table.columns[-1].overflow = "fold"
    for model in status():
        state = "complete" if model.complete else (model.problem or "incomplete") if model.present else "not fetched"
        table.add_row(model.name, state, str(model.path))
    Console().print(table)
