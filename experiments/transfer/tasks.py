"""The study's tasks: each trains what it needs, measures, and keeps its rows in a file, so a study can be resumed."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ..kept import keep, read_kept
from ..run import provenance

_MEASURES = ("parts", "arrivals", "matrix", "adapting", "twins")  # modules that decide what is measured
MISLED = "misled"  # an arm: joint agents that are handed other contexts than they have learnt with
COLUMNS = ("question", "arm", "task", "seed", "x", "value")


@dataclass(frozen=True)
class Task:
    """Something to measure.

    Attributes:
        part: Name of the function in :data:`crossrec.experiments.transfer.parts.PARTS` that does it.
        options: Its arguments by name, as pairs.
        folder: Where runs and results are kept.
    """

    part: str
    options: tuple[tuple[str, Any], ...]
    folder: str

    @property
    def name(self) -> str:
        """For people."""
        told = [str(v) for k, v in self.options if k in ("arm", "context", "source", "target", "world")]
        return " ".join([self.part, *told, f"seed {dict(self.options).get('seed', 0)}"])

    @property
    def file(self) -> Path:
        """Where its rows are kept; the name tells its options, the study's own code and all packages' versions.

        Code of other rooms is not told apart by it, only by the commit that stands in the rows.
        """
        digest = hashlib.sha256(repr((self.part, self.options, _code(), _packages())).encode()).hexdigest()[:10]
        return Path(self.folder) / "measured" / f"{self.part}-{digest}.parquet"

    def is_kept(self) -> bool:
        """Whether its rows are there; see :func:`crossrec.experiments.kept.read_kept`."""
        return read_kept(self.file, COLUMNS) is not None

    def rows(self) -> pd.DataFrame:
        """Its rows, with COLUMNS and ``commit``."""
        return pd.read_parquet(self.file)[[*COLUMNS, "commit"]]

    def compute(self) -> str:
        """Measure and keep the rows; returns what went wrong, in words, or nothing."""
        from .parts import PARTS

        runs = str(Path(self.folder) / "runs")
        return keep(self.file, lambda: frame(PARTS[self.part](runs=runs, **dict(self.options))))


@functools.cache
def _code() -> str:
    """Hash of the study's own code: rows of another code are measured anew."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(f.read_bytes() for f in files if f.stem in _MEASURES)).hexdigest()


@functools.cache
def _packages() -> str:
    return repr(sorted(provenance()["packages"].items()))


def task(part: str, folder: str, **options: Any) -> Task:
    """A task, whatever the order of its options."""
    return Task(part, tuple(sorted(options.items())), folder)


def frame(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Rows as a table with COLUMNS; what a row does not say is "" or 0."""
    table = pd.DataFrame(rows)
    for name in COLUMNS:
        if name not in table:
            table[name] = 0.0 if name in ("x", "value") else 0 if name == "seed" else ""
    table["x"], table["value"] = table["x"].astype(float).fillna(0.0), table["value"].astype(float)
    return table[list(COLUMNS)]
