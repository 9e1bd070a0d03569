"""The benchmark of agents: every learner and every baseline in every environment, on the same people and noise."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from crossrec.errors import ConfigError, RunError, check_range

from ..report import wide_console
from ..run import provenance
from .grid import Grid
from .page import Answer, answers, check_marks, write_page, write_readme
from .raw import Raw, files, gathered, read_raw, write_raw
from .results import complete, of_baselines, of_learners
from .table import print_rows

_WIDTH = 150  # columns of a table with differences


def benchmark(grid: Grid, jobs: int, out: str | None, readme: str | None) -> None:
    """Do what is missing, print tables and demands, and write them where that is asked.

    Args:
        grid: What is computed.
        jobs: Processes at once.
        out: A page, ``.md``; raw results and figures go beside it. Environments that were not asked for stay there.
        readme: A file with marks, which gets one table of all environments on the page.

    Raises:
        ConfigError: If a file cannot be written as asked, before anything runs.
        RunError: If a run fails. The others are finished first; what is complete is printed, but no page is written.
    """
    check_range("--jobs", jobs, 1, 1024)
    check_files(out, readme)
    learners, failed = of_learners(grid, jobs)
    baselines, failed_too = of_baselines(grid, jobs)
    failed += failed_too
    results = complete([*learners, *baselines], grid.seeds)
    if results:
        raw = gathered(results)
        print_answers(answers(raw))
        _tell_of_other_commits(raw)
    if failed:
        kept = " What is finished is kept, the same command does the rest; no page was written." if out else ""
        raise RunError(f"{'; '.join(failed)}.{kept}")
    if out is not None:
        page = Path(out)
        if files(page)[0].is_file():
            raw = read_raw(page).updated(raw)
        write_raw(raw, page)
        _write(page, readme, answers(read_raw(page)))


def rebuild(out: str, readme: str | None) -> None:
    """Print and write everything again from the raw results beside a page; nothing is run.

    Raises:
        ConfigError: If a file cannot be written as asked.
        RunError: If raw results are missing or damaged.
    """
    check_files(out, readme)
    found = answers(read_raw(Path(out)))
    print_answers(found)
    _write(Path(out), readme, found)


def check_files(out: str | None, readme: str | None) -> None:
    """Check that results can be written, before they are computed.

    Raises:
        ConfigError: Names the option and what to do.
        RunError: If raw results lie there that cannot be read.
    """
    if out is not None:
        page = Path(out)
        if page.suffix != ".md":
            raise ConfigError(f"--out {out} ends in '{page.suffix}'; allowed: .md.")
        if not page.parent.is_dir():
            raise ConfigError(f"--out {out}: there is no folder {page.parent}; make it first.")
        if page.exists():
            check_marks(page)
        if any(file.exists() for file in files(page)):
            read_raw(page)
    if readme is not None:
        if out is None:
            raise ConfigError(f"--readme {readme} needs --out, beside which raw results are kept.")
        check_marks(Path(readme))


def print_answers(found: list[Answer]) -> None:
    """Print the table of each environment with its demands."""
    console = wide_console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    for answer in found:
        print_rows(console, answer.rows, f"{answer.env}: {answer.met}", answer.reference)
        for bar in answer.bars:
            console.print(str(bar), soft_wrap=True, highlight=False, markup=False)
        console.print()


def _write(page: Path, readme: str | None, found: list[Answer]) -> None:
    write_page(page, found)
    if readme is not None:
        write_readme(Path(readme), found)


def _tell_of_other_commits(raw: Raw) -> None:
    now = provenance()["commit"] or ""
    others = raw.scores.loc[raw.scores["commit"] != now, "commit"]
    if len(others):
        which = ", ".join(sorted({commit[:8] or "unknown" for commit in others}))
        wide_console().print(
            f"{len(others)} of {len(raw.scores)} results were computed by other commits ({which}); this is {now[:8]}. "
            "Delete their folders, or files in baselines/, below runs= to compute them again.",
            soft_wrap=True,
        )
