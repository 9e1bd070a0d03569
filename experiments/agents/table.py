"""One environment's policies on one scale, with intervals and differences to a reference, from raw results."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from crossrec.statistics import Estimate, scores_over_seeds

from .raw import Raw

_BOOTSTRAP_SEED = 0


@dataclass(frozen=True)
class Row:
    """One policy.

    Attributes:
        policy: Its name.
        kind: One of :data:`crossrec.experiments.agents.raw.KINDS`.
        people: How many it met per seed; its scale is that of random and oracle on the same people.
        score: Mean over seeds; random is 0, the greedy oracle 1.
        gain: Score minus that of the reference, on the same people; None where there is no reference.
        returned: Mean return per life.
        click_rate: Clicks per step.
        steps: Mean length of a life.
    """

    policy: str
    kind: str
    people: int
    score: Estimate
    gain: Estimate | None
    returned: float
    click_rate: float
    steps: float


def rows_of(part: Raw, reference: str) -> list[Row]:
    """The policies of one environment, the best first.

    Args:
        part: Raw results of the environment.
        reference: Policy that the others are compared with; no gains where it is missing.

    Raises:
        ConfigError: If the oracle does not beat random with every seed.
    """
    means = part.scores.groupby("policy", sort=False)
    people = means["people"].first()
    found = []
    for count in sorted(people.unique()):
        names = [str(name) for name in people.index if people[name] == count]
        scores, gains = _estimates(part, names, reference, int(count))
        for name, score, gain in zip(names, scores, gains, strict=True):
            mean = means.get_group(name)
            rates = (float(mean[column].mean()) for column in ("return", "click_rate", "steps"))
            found.append(Row(name, str(mean["kind"].iloc[0]), int(count), score, gain, *rates))
    return sorted(found, key=lambda row: (-row.score.value, row.policy))


def gain(part: Raw, policy: str, reference: str) -> Estimate:
    """Score of a policy minus that of another, on the people whom both met."""
    people = part.scores.groupby("policy")["people"].first()
    _, gains = _estimates(part, [policy], reference, int(min(people[policy], people[reference])))
    assert gains[0] is not None
    return gains[0]


def _estimates(
    part: Raw, names: list[str], reference: str, people: int
) -> tuple[list[Estimate], list[Estimate | None]]:
    """Scores of policies, and differences to the reference, on the first so many people."""
    compared = reference in set(part.scores["policy"])
    zero, one = (part.returns(name)[:, :people] for name in ("random", "oracle"))
    asked = [*names, *([reference] if compared else [])]
    table = np.stack([part.returns(name)[:, :people] for name in asked])
    scores, gains = scores_over_seeds(table, zero, one, len(asked) - 1, np.random.default_rng(_BOOTSTRAP_SEED))
    n = len(names)
    return scores[:n], list(gains[:n]) if compared else [None] * n


def print_rows(console: Console, rows: list[Row], title: str, reference: str) -> None:
    """Print a table.

    Args:
        console: Where to.
        rows: From :func:`rows_of`.
        title: What was evaluated.
        reference: Policy that gains are measured from.
    """
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for heading in headings(rows, reference):
        table.add_column(heading, justify="left" if heading in ("policy", "kind") else "right", no_wrap=True)
    for row in rows:
        table.add_row(*cells_of(row))
    console.print(table)


def headings(rows: list[Row], reference: str) -> list[str]:
    """Headings of the columns."""
    gains = [f"minus {reference}"] if any(row.gain for row in rows) else []
    return ["policy", "kind", "people", "score", *gains, "return", "clicks", "steps"]


def cells_of(row: Row) -> list[str]:
    """A row in words, under :func:`headings`."""
    gains = [interval(row.gain, "+")] if row.gain is not None else []
    rest = [f"{row.returned:.2f}", f"{row.click_rate:.1%}", f"{row.steps:.1f}"]
    return [row.policy, row.kind, str(row.people), interval(row.score), *gains, *rest]


def interval(estimate: Estimate, sign: str = "") -> str:
    """A value with its interval."""
    low, high = estimate.low + 0.0, estimate.high + 0.0  # no minus zero
    return f"{estimate.value + 0.0:{sign}.3f} ({low:{sign}.3f} to {high:{sign}.3f})"
