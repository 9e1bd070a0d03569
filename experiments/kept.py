"""A cell's table, kept in a file: computed once, told of where it is damaged, never in the way of other cells."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from crossrec.errors import CrossRecError

from .run import provenance, write_table


def read_kept(
    file: Path, columns: Sequence[str], check: Callable[[pd.DataFrame], object] = lambda table: None
) -> pd.DataFrame | None:
    """The table that :func:`keep` wrote, or None if it is not there.

    A damaged file is told of and deleted, so that it is computed again.

    Args:
        file: Where it is.
        columns: Which are wanted; ``commit`` comes with them.
        check: Raises whatever it likes where the table is not what it should be.
    """
    if not file.is_file():
        return None
    try:
        table = pd.read_parquet(file)[[*columns, "commit"]]
        check(table)
    # A damaged Parquet file raises whatever its reader stumbles over.
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        print(f"crossrec: {file} is damaged ({reason}); it is computed again.", file=sys.stderr)
        file.unlink(missing_ok=True)
        return None
    return table


def keep(file: Path, compute: Callable[[], pd.DataFrame]) -> str:
    """Compute a table and keep it, with the commit that computed it; returns what went wrong, in words, or nothing."""
    try:
        table = compute()
        file.parent.mkdir(parents=True, exist_ok=True)
        write_table(file, table.assign(commit=_commit()))
    except CrossRecError as error:
        return str(error)
    # One cell's trouble must not keep the others from their results.
    except Exception as error:
        return f"{type(error).__name__}: {' '.join(str(error).split()) or 'no reason given'}"
    return ""


@functools.cache
def _commit() -> str:
    return provenance()["commit"] or ""
