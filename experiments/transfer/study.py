"""The study: what is missing is computed, then one page with a figure for each question is made of the rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from crossrec.errors import ConfigError, RunError, check_name, check_range

from ..compose import compose_train
from ..pool import compute_all
from ..report import wide_console
from ..run import write_file, write_text
from .answer import Answer
from .answers import answers_of
from .asked import ASKED
from .figures import HEADLINE, draw_answer, draw_headline
from .plan import SET, SIZES, Size, tasks_of
from .tasks import COLUMNS


def study(
    size: str, jobs: int, folder: str, out: str | None = None, only: Sequence[str] = (), overrides: Sequence[str] = ()
) -> list[Answer]:
    """Do what is missing of a study, and write its page, its figures and its raw scores.

    Args:
        size: Of :data:`crossrec.experiments.transfer.plan.SIZES`.
        jobs: Processes at once.
        folder: Where runs and measurements are kept.
        out: The page, ``.md``; raw scores and figures go beside it. Default: below the folder, named after the size
            and the questions.
        only: Names of questions; none: all.
        overrides: Options of all runs, ``option=value``.

    Raises:
        ConfigError: Before anything runs, if the page cannot be written, a question is unknown, or an override is
            wrong or of something that the study itself sets.
        RunError: If a task fails. The others are finished first and are kept; no page is written.
    """
    check_name("SIZE", size, SIZES)
    check_range("--jobs", jobs, 1, 1024)
    for name in only:
        check_name("--only", name, ASKED)
    for word in overrides:
        if (option := word.lstrip("+~").partition("=")[0]) in SET:
            raise ConfigError(f"{word}: the study sets {option} itself; allowed: other options of `crossrec train`.")
    compose_train([*SIZES[size].words, *overrides])
    page = _page(out or f"{folder}/{'-'.join([size, *only])}.md")
    tasks = tasks_of(SIZES[size], folder, tuple(only), tuple(overrides))
    failed = compute_all(tasks, jobs, "study")
    if failed:
        told = "; ".join(f"{name}: {reason.rstrip('.')}" for name, reason in list(failed.items())[:5])
        raise RunError(f"{len(failed)} of {len(tasks)} measurements failed ({told}); the same command does the rest.")
    asked = " ".join([size, *overrides, *(["--only", ",".join(only)] if only else [])])
    rows = pd.concat([task.rows() for task in tasks], ignore_index=True).assign(size=asked)
    write_file(raw_file(page), lambda path: rows.to_csv(path, index=False, float_format="%.6g", lineterminator="\n"))
    return rebuild(str(page))


def rebuild(out: str) -> list[Answer]:
    """Write page and figures again from the raw scores beside the page.

    Args:
        out: The page.

    Raises:
        ConfigError: If the page cannot be written.
        RunError: If raw scores are missing or damaged.
    """
    page = _page(out)
    rows = read_rows(page)
    answers = answers_of(rows)
    for answer in answers:
        draw_answer(answer, _figure(page, answer))
    if _has_headline(answers):
        draw_headline({answer.name: answer for answer in answers}, page.with_suffix(".png"))
    write_text(page, _text(page, answers, rows))
    console = wide_console()
    for answer in answers:
        console.print(answer.asks, style="bold")
        console.print(answer.says, soft_wrap=True, highlight=False)
        console.print()
    console.print(f"Page: {page}")
    return answers


def raw_file(page: Path) -> Path:
    """Where a page's raw scores stand."""
    return page.with_suffix(".csv")


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
        return rows[[*COLUMNS, "commit", "size"]].astype({"x": float, "value": float, "seed": int})
    # A damaged file raises whatever its reader stumbles over.
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise RunError(
            f"{file} is damaged ({reason}); take the committed one, or run `crossrec study` again."
        ) from error


def _page(out: str) -> Path:
    page = Path(out)
    if page.suffix != ".md":
        raise ConfigError(f"--out {out} ends in '{page.suffix}'; allowed: .md.")
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"--out {out}: its folder cannot be made ({error.strerror}); choose another.") from error
    return page


def _has_headline(answers: list[Answer]) -> bool:
    return {answer.name for answer in answers} >= set(HEADLINE)


def _figure(page: Path, answer: Answer) -> Path:
    return page.with_name(f"{page.stem}-{answer.name}.png")


def _text(page: Path, answers: list[Answer], rows: pd.DataFrame) -> str:
    size = str(rows["size"].iloc[0])
    plan: Size | None = SIZES.get(size.partition(" ")[0])
    agents = rows.loc[rows["question"] != "twins", "seed"].nunique() or rows["seed"].nunique()
    commits = ", ".join(sorted({commit[:8] or "unknown" for commit in rows["commit"].astype(str)}))
    lines = [
        "# What transfers between scenarios",
        f"Written by `crossrec study {size}`. Intervals are Student's 95% intervals over {agents} agents of each kind, "
        "paired by seed; scores are normalised (random 0, greedy oracle 1). Answers are what was measured, also where "
        "that is nothing. How each measure is defined and where it comes from stands in `crossrec/transfer.py`; how "
        "people come to arrive in a scenario, in `experiments/transfer/arrivals.py`.",
    ]
    if plan is not None:
        few = f"; where contexts or places of training are compared also `{' '.join(plan.few)}`" if plan.few else ""
        lines.append(
            f"Options of agents: `{' '.join(plan.words)}`{few}; a fifth of the transitions for each scenario where "
            f"they arrive one after another. What each part does with them stands in `experiments/transfer/parts.py`. "
            f"Code: {commits}."
        )
    if _has_headline(answers):
        lines.append(f"![At a glance]({page.with_suffix('.png').name})")
    for answer in answers:
        table = [answer.columns, tuple("---" for _ in answer.columns), *answer.lines]
        lines += [
            f"## {answer.asks}",
            answer.says,
            "\n".join(f"| {' | '.join(line)} |" for line in table),
            f"![{answer.asks}]({_figure(page, answer).name})",
        ]
    lines.append(
        f"Raw scores: [{raw_file(page).name}]({raw_file(page).name}). `crossrec study --from-raw --out {page}` makes "
        "page and figures of them again."
    )
    return "\n\n".join(lines) + "\n"
