"""A folder of runs made into a report."""

from __future__ import annotations

from pathlib import Path

from crossrec.errors import ConfigError

from ..run import write_text
from .page import page
from .runs import read_runs


def report(folder: str | Path, *, out: str | Path | None = None, paper: bool = False) -> list[Path]:
    """Write the page about some runs.

    Args:
        folder: Of runs, or one run's.
        out: Where the page goes; default ``report.html`` in the folder.
        paper: Whether to write static figures and a LaTeX table too, into ``paper/`` in the folder.

    Returns:
        What was written, the page first.

    Raises:
        ConfigError: If it cannot be written there.
        RunError: If there is no finished run.
    """
    where = Path(folder)
    file = where / "report.html" if out is None else Path(out)
    if file.suffix not in (".html", ".htm"):
        raise ConfigError(f"--out {file} must end in .html.")
    if out is not None and not file.parent.is_dir():
        raise ConfigError(f"--out {file}: there is no folder {file.parent}.")
    runs = read_runs(where)
    written = [file]
    try:
        write_text(file, page(where, runs))
        if paper:
            from .paper import write_paper

            written += write_paper(where / "paper", runs)
    except OSError as error:
        raise ConfigError(f"{error.filename or file} cannot be written ({error.strerror}).") from error
    return written
