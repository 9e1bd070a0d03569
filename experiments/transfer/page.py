"""The study's page: where its parts lie, what stands in it, and what was asked for, all from raw scores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from crossrec.errors import ConfigError, RunError

from .figures import HEADLINE
from .finding import Finding
from .plan import SIZES, Size
from .rows import check_rows
from .tasks import COLUMNS

_ONLY = "--only"


def page_of(out: str) -> Path:
    """The page's file, its folder made.

    Raises:
        ConfigError: If it is no ``.md``, or its folder cannot be made.
    """
    page = Path(out)
    if page.suffix != ".md":
        raise ConfigError(f"--out {out} ends in '{page.suffix}'; allowed: .md.")
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"--out {out}: its folder cannot be made ({error.strerror}); choose another.") from error
    return page


def raw_file(page: Path) -> Path:
    """Where a page's raw scores stand."""
    return page.with_suffix(".csv")


def figure_file(page: Path, finding: Finding) -> Path:
    """Where the figure of a finding stands."""
    return page.with_name(f"{page.stem}-{finding.name}.png")


def read_rows(page: Path) -> pd.DataFrame:
    """The raw scores beside a page.

    Raises:
        RunError: If they are missing or damaged.
    """
    file = raw_file(page)
    if not file.is_file():
        raise RunError(f"{file} is not there: raw scores stand beside the page; run `crossrec study` first.")
    try:
        rows = pd.read_csv(file, keep_default_na=False, na_values={"value": [""]}, dtype={"task": str, "arm": str})
        rows = rows[[*COLUMNS, "commit", "size"]].astype({"x": float, "value": float, "seed": int})
        check_rows(rows)
        return rows
    # A damaged file raises whatever its reader stumbles over.
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise RunError(
            f"{file} is damaged ({reason}); take the committed one, or run `crossrec study` again."
        ) from error


def asked_for(size: str, only: Sequence[str], overrides: Sequence[str]) -> str:
    """What was typed, as raw scores keep it."""
    return " ".join([size, *overrides, *([_ONLY, ",".join(only)] if only else [])])


def only_of(rows: pd.DataFrame) -> list[str]:
    """The questions that raw scores were computed for; none: all."""
    only = str(rows["size"].iloc[0]).partition(f"{_ONLY} ")[2]
    return only.split(",") if only else []


def has_headline(findings: Sequence[Finding]) -> bool:
    """Whether there is what the figure at the top shows."""
    return {finding.name for finding in findings} >= set(HEADLINE)


def text_of(page: Path, findings: Sequence[Finding], rows: pd.DataFrame) -> str:
    """The page as Markdown."""
    lines = ["# What transfers between scenarios", *_about(rows)]
    if has_headline(findings):
        lines.append(f"![At a glance]({page.with_suffix('.png').name})")
    for finding in findings:
        table = [finding.columns, tuple("---" for _ in finding.columns), *finding.lines]
        lines += [
            f"## {finding.asks}",
            finding.says,
            "\n".join(f"| {' | '.join(line)} |" for line in table),
            f"![{finding.asks}]({figure_file(page, finding).name})",
        ]
    lines.append(
        f"Raw scores: [{raw_file(page).name}]({raw_file(page).name}). `crossrec study --from-raw --out {page}` makes "
        "page and figures of them again."
    )
    return "\n\n".join(lines) + "\n"


def _about(rows: pd.DataFrame) -> list[str]:
    size = str(rows["size"].iloc[0])
    commits = ", ".join(sorted({commit[:8] or "unknown" for commit in rows["commit"].astype(str)}))
    told = [
        f"Written by `crossrec study {size}`. Scores are normalised (random 0, greedy oracle 1). Intervals are "
        f"Student's 95% intervals over {_agents(rows)}, paired by seed; where several arms are compared with one and "
        "the same, they hold for all of these together (Bonferroni). Answers are what was measured, also where that is "
        "nothing. How each measure is defined and where it comes from stands in `crossrec/transfer.py`; how people "
        f"come to arrive in a scenario, in `experiments/transfer/arrivals.py`. Code: {commits}."
    ]
    plan: Size = SIZES[size.partition(" ")[0]]
    if set(rows["question"]) != {"twins"}:
        typed = [word for word in size.partition(f" {_ONLY}")[0].split() if "=" in word]
        words, other = _last(*plan.words, *typed), [word for word in _last(*plan.few, *typed) if word not in typed]
        few = f"; where contexts or places of training are compared also `{' '.join(other)}`" if other else ""
        told.append(
            f"Options of agents: `{' '.join(words)}`{few}; fewer transitions where they learn on, and a fifth for "
            "each scenario where these arrive one after another. What each part does with them stands in "
            "`experiments/transfer/parts.py`; worlds of which the answer is known have their own options, in "
            "`experiments/transfer/twins.py`."
        )
    return told


def _agents(rows: pd.DataFrame) -> str:
    """How many there are of each kind."""
    known, mixed = rows["question"] == "twins", rows["arm"].isin(["stacked", "average"])
    counts = {
        "of each kind": rows.loc[~known & ~mixed, "seed"].nunique(),
        "of those whose experts are mixed without a gate": rows.loc[mixed, "seed"].nunique(),
        "in worlds of which the answer is known": rows.loc[known, "seed"].nunique(),
    }
    first = next(iter(counts.values()))
    told = [f"{n} {what}" for i, (what, n) in enumerate(counts.items()) if n and (i == 0 or n != first)]
    return f"agents ({', '.join(told)})"


def _last(*words: str) -> list[str]:
    """Of words that set the same option, the last."""
    return list({word.partition("=")[0]: word for word in words}.values())
