"""What lies in the context store: statistics, prompts with their texts, a check of the file, export and import."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from crossrec.config import ContextConfig
from crossrec.errors import StoreError, check_range
from crossrec.language.answer import Answer
from crossrec.language.archive import export_store, import_store
from crossrec.language.build import make_source
from crossrec.language.context import TITLES, ContextSource
from crossrec.language.prompt import Prompt
from crossrec.language.store import ContextStore, Entry, Writer
from crossrec.paths import store_path

from ..report import wide_console

_ROUNDING = 1e-5  # by which equal vectors may differ on another machine or in another batch
_SHOWN = 10  # differences printed at most


class Comparison(NamedTuple):
    """An entry of the store beside what its writer makes of it today.

    Attributes:
        entry: As stored.
        answer: What the generator writes now; the stored text where nothing is generated.
        apart: The largest absolute difference between the stored vector and that of the stored text now.
    """

    entry: Entry
    answer: Answer
    apart: float

    @property
    def same(self) -> bool:
        """Whether the text, and why it is the template's if it is, are the stored ones."""
        return self.answer == self.entry.context.answer

    @property
    def differs(self) -> bool:
        """Whether the text is another, or the vector by more than rounding."""
        return not (self.same and self.apart <= _ROUNDING)


def print_stats(config: ContextConfig) -> None:
    """Print how many contexts the store holds, whose, how many are the template's text, and how large it is.

    Raises:
        StoreError: If there is no store, or it cannot be read.
    """
    store, console = _existing(config), wide_console()
    stats = store.stats()
    table = Table(Column("written by", overflow="fold"), box=box.SIMPLE_HEAD)
    for heading in ("contexts", "replaced", "size"):
        table.add_column(heading, justify="right", no_wrap=True)
    for writer, contexts, problems, size in stats:
        reasons = ", ".join(f"{reason} {count / contexts:.1%}" for reason, count in problems.items())
        names = Text("\n".join(map(_short, writer)))
        table.add_row(names, f"{contexts:,}", reasons or "-", _bytes(size))
    if stats:
        console.print(table)
    total = sum(row.contexts for row in stats)
    console.print(
        f"{store.path} holds {total:,} contexts of at most {store.max_entries:,} (context.store_entries) "
        f"in {_bytes(store.size())}; beyond, the oldest go.",
        soft_wrap=True,
        highlight=False,
        markup=False,
    )


def print_contexts(config: ContextConfig, find: str, problems: bool, limit: int) -> None:
    """Print prompts with their texts, the oldest first, and how many more there are.

    Args:
        config: Names the store.
        find: Only those with these words in prompt or text.
        problems: Only those whose text is the template's.
        limit: How many at most.

    Raises:
        StoreError: If there is no store, or it cannot be read.
        ConfigError: If the limit is out of range.
    """
    check_range("--limit", limit, 1)
    store, console = _existing(config), wide_console()
    table = Table(
        "prompt", "text", "replaced", Column("written by", overflow="fold"), box=box.SIMPLE_HEAD, show_lines=True
    )
    shown = 0
    for writer, (prompt, _, context) in store.entries(find, problems):
        text, problem = context.answer
        table.add_row(*(Text(word) for word in (prompt, text, problem, _short(writer.generator))))
        shown += 1
        if shown == limit:
            break
    if shown:
        console.print(table)
    console.print(f"{shown:,} of {store.count(find, problems):,} contexts (--limit, --find).", highlight=False)


def verify(config: ContextConfig, sample: int) -> None:
    """Check every page and entry of the file, then let generator and encoder make a sample again and compare.

    Args:
        config: Names the store, the generator and the encoder.
        sample: How many contexts, and how many titles, to make again at most; spread evenly by age.

    Raises:
        StoreError: If there is no store, it is damaged, or something is made differently now.
        ModelError: If a model that is needed is not there.
        ConfigError: If the sample is out of range.
    """
    check_range("--sample", sample, 0)
    store, console = _existing(config), wide_console()
    sound = f"{store.path}: {store.verify():,} contexts, every page and entry sound."
    console.print(sound, soft_wrap=True, highlight=False, markup=False)
    if not sample:
        return
    source = make_source(config)
    contexts = _compared(source, store.sample(source.writer, sample), generate=True)
    titles = _compared(source, store.sample(Writer(TITLES, source.encoder.identity), sample), generate=False)
    if not contexts:
        others = ", ".join(_named(stats.writer) for stats in store.stats()) or "nobody"
        console.print(
            f"No context of {_named(source.writer)} is there to be written again; there are those of {others}: "
            "name one of them by context=, context.encoder= and so on.",
            soft_wrap=True,
            highlight=False,
            markup=False,
        )
    _print_comparison(console, {"contexts": contexts, "titles": titles})
    compared = contexts + titles
    if differing := sum(one.differs for one in compared):
        raise StoreError(
            f"{differing} of {len(compared)} contexts of {store.path} come out differently now: model files, library "
            "versions or the store have changed (in bfloat16, float16 or quantised, or at a server, the other prompts "
            "of a batch alone may change a text); delete the file while nothing uses it to compute them again, or set "
            "another path with context.store=."
        )


def export(config: ContextConfig, out: str) -> None:
    """Write all contexts of the store to a Parquet file.

    Raises:
        StoreError: If there is no store, it cannot be read, or the file cannot be written.
    """
    count = export_store(_existing(config), out)
    print(f"{count:,} contexts exported to {out} ({_bytes(Path(out).stat().st_size)})")


def import_file(config: ContextConfig, file: str) -> None:
    """Add the contexts of an exported file to the store, which is made where there is none.

    Raises:
        StoreError: If the file is not whole, is none, or cannot be taken in.
    """
    store = _store(config)
    new, known = import_store(store, file)
    print(f"{new:,} contexts imported into {store.path}; {known:,} were there already")


def _store(config: ContextConfig) -> ContextStore:
    return ContextStore(store_path() if config.store is None else config.store, config.store_entries)


def _existing(config: ContextConfig) -> ContextStore:
    store = _store(config)
    if not store.path.exists():
        raise StoreError(
            f"there is no context store at {store.path} yet; `crossrec context warm` or `crossrec train` writes one, "
            "or set another path with context.store=."
        )
    return store


def _compared(source: ContextSource, entries: list[Entry], *, generate: bool) -> list[Comparison]:
    if not entries:
        return []
    answers = [entry.context.answer for entry in entries]
    # The stored texts are encoded, so that a vector is judged also where its text has changed.
    vectors = source.encoder.encode([answer.text for answer in answers])
    if generate:
        answers = source.generator.generate([Prompt(entry.prompt, entry.sentence) for entry in entries])
    return [Comparison(e, a, _apart(e.context.vector, v)) for e, a, v in zip(entries, answers, vectors, strict=True)]


def _apart(stored: NDArray[np.float32], now: NDArray[np.float32]) -> float:
    return float(np.abs(stored - now).max()) if stored.shape == now.shape else np.inf


def _print_comparison(console: Console, kinds: dict[str, list[Comparison]]) -> None:
    table = Table("made again", box=box.SIMPLE_HEAD)
    for heading in ("compared", "same text", "exact vector", "rounding", "differ"):
        table.add_column(heading, justify="right")
    for kind, found in kinds.items():
        same = sum(one.same for one in found)
        exact = sum(one.apart == 0 for one in found)
        rounding = sum(0 < one.apart <= _ROUNDING for one in found)
        table.add_row(kind, *map(str, (len(found), same, exact, rounding, sum(one.differs for one in found))))
    console.print(table)
    differing = [one for found in kinds.values() for one in found if one.differs]
    if differing:
        table = Table("prompt", "stored", "now", "vector apart", box=box.SIMPLE_HEAD, show_lines=True)
        for one in differing[:_SHOWN]:
            now = "same" if one.same else " ".join(filter(None, (one.answer.text, one.answer.problem)))
            words = (one.entry.prompt, one.entry.context.answer.text, now, f"{one.apart:.2g}")
            table.add_row(*(Text(word) for word in words))
        console.print(table)
    if len(differing) > _SHOWN:
        console.print(f"{len(differing) - _SHOWN} more differ.", highlight=False)


def _named(writer: Writer) -> str:
    return f"{_short(writer.generator)} with {_short(writer.encoder)}"


def _short(identity: str) -> str:
    """An identity with its long hashes cut."""
    return re.sub(r"\b([0-9a-f]{6})[0-9a-f]{6,}\b", r"\1…", identity)


def _bytes(size: float) -> str:
    for unit in ("B", "KB", "MB"):
        if size < 1000:
            return f"{size:,.0f} {unit}" if unit == "B" else f"{size:,.1f} {unit}"
        size /= 1000
    return f"{size:,.1f} GB"
