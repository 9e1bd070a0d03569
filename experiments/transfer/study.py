"""The study: what is missing is computed, then one page with a figure for each question is made of the rows."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from crossrec.agent_config import DQNConfig
from crossrec.config import DEFAULT_SCENARIOS
from crossrec.errors import ConfigError, RunError, check_name, check_range

from ..compose import compose_train
from ..pool import compute_all
from ..report import wide_console
from ..run import write_file, write_text
from .asked import ASKED
from .figures import draw_finding, draw_headline
from .finding import Finding
from .findings import findings_of
from .page import asked_for, figure_file, has_headline, only_of, page_of, raw_file, read_rows, text_of
from .plan import SET, SIZES, tasks_of


def study(
    size: str, jobs: int, folder: str, out: str | None = None, only: Sequence[str] = (), overrides: Sequence[str] = ()
) -> list[Finding]:
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
    _check_overrides(size, only, overrides)
    page = page_of(out or str(Path(folder) / f"{_name(size, only, overrides)}.md"))
    tasks = tasks_of(SIZES[size], folder, tuple(only), tuple(overrides))
    failed = compute_all(tasks, jobs, "study")
    if failed:
        told = "; ".join(f"{name}: {reason.rstrip('.')}" for name, reason in list(failed.items())[:5])
        raise RunError(f"{len(failed)} of {len(tasks)} measurements failed ({told}); the same command does the rest.")
    rows = pd.concat([task.rows() for task in tasks], ignore_index=True).assign(size=asked_for(size, only, overrides))
    write_file(raw_file(page), lambda path: rows.to_csv(path, index=False, float_format="%.6g", lineterminator="\n"))
    return rebuild(str(page))


def _check_overrides(size: str, only: Sequence[str], overrides: Sequence[str]) -> None:
    """Check options for all agents, before anything runs."""
    for word in overrides:
        if (option := word.lstrip("+~").partition("=")[0]) in SET:
            raise ConfigError(f"{word}: the study sets {option} itself; allowed: other options of `crossrec train`.")
    if overrides and list(only) == ["known"]:
        raise ConfigError(
            f"{overrides[0]}: worlds of which the answer is known have options of their own; leave it out."
        )
    if not isinstance(compose_train(list(overrides)).agent, DQNConfig):
        raise ConfigError("the study's agents are agent=dqn or agent=qrdqn: its sizes set how often these learn.")
    env = compose_train([*SIZES[size].words, *overrides]).env
    if tuple(env.scenarios) != DEFAULT_SCENARIOS or env.visits or env.slate_size > 1:
        raise ConfigError(
            f"{' '.join(overrides)}: the study goes through the scenarios {', '.join(DEFAULT_SCENARIOS)}, with one "
            "item shown at a time; for others there is `crossrec answer joint`."
        )


def _name(size: str, only: Sequence[str], overrides: Sequence[str]) -> str:
    """A page's name: another for other questions and for other options."""
    digest = [hashlib.sha256(repr(tuple(overrides)).encode()).hexdigest()[:6]] if overrides else []
    return "-".join([size, *only, *digest])


def rebuild(out: str) -> list[Finding]:
    """Write page and figures again from the raw scores beside the page.

    Args:
        out: The page.

    Raises:
        ConfigError: If the page cannot be written.
        RunError: If raw scores are missing or damaged.
    """
    page = page_of(out)
    rows = read_rows(page)
    findings = findings_of(rows, only_of(rows))
    if not findings:
        raise RunError(
            f"{raw_file(page)} holds no question's rows; take the committed one, or run `crossrec study` again."
        )
    for finding in findings:
        draw_finding(finding, figure_file(page, finding))
    if has_headline(findings):
        draw_headline({finding.name: finding for finding in findings}, page.with_suffix(".png"))
    write_text(page, text_of(page, findings, rows))
    console = wide_console()
    for finding in findings:
        console.print(finding.asks, style="bold")
        console.print(finding.says, soft_wrap=True, highlight=False)
        console.print()
    console.print(f"Page: {page}")
    return findings
