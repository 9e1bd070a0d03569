"""A comparison in words: the answer first, then the table, then how far it can be trusted."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table

from crossrec.comparison import PairedDifference

from .compare import Comparison

_LEGEND = (
    "Means per life; A - B is paired, with its 95% interval and the p-value of a sign-flip test.",
    "score: random = 0, greedy oracle = 1; ratio: variance of paired to unpaired differences.",
)


def answer(comparison: Comparison) -> str:
    """The answer in one sentence."""
    paired = comparison.measures["return"].paired
    gap, p = paired.difference, _p(paired.p_value)
    a, b = (f"{letter} ({name})" for letter, name in zip("AB", comparison.names, strict=True))
    over = f"{comparison.people:,} people" + (f" in each of {comparison.seeds} seeds" if comparison.seeds > 1 else "")
    if gap.low > 0.0:
        what = f"{a} is better than {b} by {gap.value:.2f} return per life ({gap.low:.2f} to {gap.high:.2f}; p {p})"
    elif gap.high < 0.0:
        what = f"{b} is better than {a} by {-gap.value:.2f} return per life ({-gap.high:.2f} to {-gap.low:.2f}; p {p})"
    else:
        what = (
            f"{a} and {b} cannot be told apart: A - B is {gap.value:+.2f} return per life "
            f"({gap.low:+.2f} to {gap.high:+.2f}; p {p})"
        )
    return f"{what}, on the same {over} in the same moments."


def print_comparison(console: Console, comparison: Comparison) -> None:
    """Print the answer, the measures and how many people it took."""
    console.print(answer(comparison), soft_wrap=True, markup=False)
    for warning in comparison.warnings:
        console.print(f"Note: {warning}", soft_wrap=True, markup=False)
    console.print(_table(comparison))
    unit, paired = comparison.unit, comparison.measures["return"].paired
    for line in (*_LEGEND, _saved(paired, unit), _seen(comparison)):
        console.print(line, soft_wrap=True)


def _table(comparison: Comparison) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("per life", no_wrap=True)
    for heading in ("A", "B", "A - B", "95% interval", "p", "ratio"):
        table.add_column(heading, justify="right", no_wrap=True)
    (first, second), gap = comparison.scores, comparison.score_difference
    table.add_row(
        "score",
        f"{first:.3f}",
        f"{second:.3f}",
        f"{gap.value:+.3f}",
        f"{gap.low:+.3f} to {gap.high:+.3f}",
        "",
        "",
    )
    for name, measured in comparison.measures.items():
        paired = measured.paired
        table.add_row(
            name,
            f"{measured.first:.2f}",
            f"{measured.second:.2f}",
            f"{paired.difference.value:+.2f}",
            f"{paired.difference.low:+.2f} to {paired.difference.high:+.2f}",
            _p(paired.p_value).removeprefix("= "),
            f"{paired.variance_ratio:.2f}" if paired.variance_ratio == paired.variance_ratio else "",
        )
    return table


def _saved(paired: PairedDifference, unit: str) -> str:
    if paired.unpaired_people is None:
        return "The differences of return do not vary at all, so no unpaired test would give as narrow an interval."
    return (
        f"An unpaired test, with other {unit} for each agent, would have needed {paired.unpaired_people:,} {unit} for "
        f"each instead of these {paired.people:,} for the same interval (variance ratio {paired.variance_ratio:.2f})."
    )


def _seen(comparison: Comparison) -> str:
    main = comparison.measures["return"]
    return (
        f"With {main.paired.people:,} {comparison.unit} you can see differences of {main.detectable:.2f} return per "
        f"life ({main.detectable / comparison.scale:.3f} of score): a true one of that size is found 4 times out of 5."
    )


def _p(value: float) -> str:
    return f"= {value:.4f}" if value >= 0.0001 else "< 0.0001"
