"""A question's answer as text and as a figure."""

from __future__ import annotations

from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from crossrec.comparison import PairedDifference

from ..figures import COLOURS, pyplot
from ..run import write_file
from .answer import Answer
from .asked import Question


def print_answer(console: Console, question: Question, answer: Answer) -> None:
    """Print the number first, then all arms."""
    console.print(question.asks, style="bold")
    for values, number in answer.numbers.items():
        console.print(f"{in_words(number)}{f' ({values})' if values else ''}", soft_wrap=True, highlight=False)
    console.print(f"The number: {question.reads}.", soft_wrap=True, highlight=False)
    table = Table(*answer.options, box=box.SIMPLE_HEAD)
    for heading in ("score", "seeds", "from", "to"):
        table.add_column(heading, justify="right")
    for row in answer.arms.sort_values("score", ascending=False).to_dict("records"):
        numbers = f"{row['score']:.3f}", str(row["seeds"]), f"{row['low']:.3f}", f"{row['high']:.3f}"
        table.add_row(*(str(row[option]) for option in answer.options), *numbers)
    console.print(table)


def in_words(number: PairedDifference) -> str:
    """A number with its interval, and whether it is certain."""
    gap = number.difference
    certain = "so this is clear" if gap.low > 0 or gap.high < 0 else "which may be chance"
    return f"{gap.value:+.3f}, 95% interval {gap.low:+.3f} to {gap.high:+.3f} over {number.people} seeds, {certain}"


def draw_answer(question: Question, answer: Answer, file: Path) -> None:
    """Bars of all arms' mean scores with the range of their seeds.

    Args:
        question: Its two arms are coloured.
        answer: What to draw.
        file: PNG to write.
    """
    plt = pyplot()
    arms = answer.arms.sort_values("score").to_dict("records")
    names = [", ".join(f"{option}={row[option]}" for option in answer.options) for row in arms]
    reach = [[row["score"] - row["low"] for row in arms], [row["high"] - row["score"] for row in arms]]
    compared = [
        any(all(row.get(o) == v for o, v in arm.items()) for arm in (question.better, question.than)) for row in arms
    ]
    figure, axes = plt.subplots(figsize=(7.0, 0.45 * len(arms) + 1.6), layout="constrained")
    colours = [COLOURS["agent" if is_compared else "baseline"] for is_compared in compared]
    axes.barh(names, [row["score"] for row in arms], xerr=reach, color=colours, error_kw={"capsize": 3, "lw": 1.2})
    axes.set_xlabel("normalised return (random 0, oracle 1), with the range over seeds")
    axes.set_title(question.asks, fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    write_file(file, lambda path: figure.savefig(path, dpi=150, format="png"))
    plt.close(figure)
