"""Tables that a command also writes to a file, in the form that the file's name asks for."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from crossrec.errors import ConfigError

from ..run import write_file, write_text

_SUFFIXES = (".md", ".csv", ".parquet")


def check_table_file(out: str | None) -> None:
    """Check that a table can be written there, before it is computed.

    Raises:
        ConfigError: If the name has another ending, or there is no such folder.
    """
    if out is None:
        return
    if Path(out).suffix not in _SUFFIXES:
        raise ConfigError(f"--out {out} ends in '{Path(out).suffix}'; allowed: {', '.join(_SUFFIXES)}.")
    if not Path(out).parent.is_dir():
        raise ConfigError(f"--out {out}: there is no folder {Path(out).parent}; make it first.")


def write_table_file(file: Path, table: pd.DataFrame, caption: str) -> None:
    """Write a table.

    Args:
        file: Its ending decides the form.
        table: Numbers are rounded to three places in Markdown only.
        caption: Stands above a Markdown table.
    """
    if file.suffix == ".md":
        write_text(file, f"{caption}\n\n{_markdown(table)}\n")
    elif file.suffix == ".csv":
        write_text(file, table.to_csv(index=False))
    else:
        write_file(file, lambda path: table.to_parquet(path, index=False))


def _markdown(table: pd.DataFrame) -> str:
    rows = [[f"{value:.3f}" if isinstance(value, float) else str(value) for value in row] for row in table.to_numpy()]
    lines = [list(map(str, table.columns)), ["---"] * len(table.columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
