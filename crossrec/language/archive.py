"""Contexts as a Parquet file: to publish them beside a result, or to carry them to a machine without models."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, get_args

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from crossrec.errors import StoreError

from .answer import Answer, Problem
from .store import Context, ContextStore, Entry, Writer

SCHEMA = pa.schema(
    [
        ("key", pa.binary()),
        ("generator", pa.string()),
        ("encoder", pa.string()),
        ("prompt", pa.string()),
        ("sentence", pa.string()),
        ("text", pa.string()),
        ("problem", pa.string()),
        ("checksum", pa.uint32()),
        ("vector", pa.list_(pa.float32())),
    ]
)
_ROWS = 4096  # in memory at once
_REMEDY = "export it again, or name another file"


class Imported(NamedTuple):
    """What an import did.

    Attributes:
        new: How many contexts were added.
        known: How many the store had, whose text and vector it keeps.
    """

    new: int
    known: int


def export_store(store: ContextStore, file: str | os.PathLike[str]) -> int:
    """Write all contexts of a store to a Parquet file; returns how many.

    Args:
        store: Read page by page, so that its size does not matter; others may write to it meanwhile.
        file: Replaced at once when all is written.

    Raises:
        StoreError: If the store is damaged, or the file cannot be written.
    """
    path = Path(file)
    if path.exists() and store.path.exists() and path.samefile(store.path):
        raise StoreError(f"{path} is the context store itself; name another file to export to.")
    if not path.parent.is_dir():
        raise StoreError(f"{path} cannot be written (there is no folder {path.parent}); name another file.")
    temporary, count, entries = path.with_name(f".{os.getpid()}-{path.name}"), 0, store.entries()
    try:
        with pq.ParquetWriter(temporary, SCHEMA, compression="zstd", write_page_checksum=True) as writer:
            while page := list(islice(entries, _ROWS)):
                writer.write_table(_table(page))
                count += len(page)
        temporary.replace(path)
    except (OSError, pa.ArrowException) as error:
        raise StoreError(
            f"{path} cannot be written ({_reason(error)}); name another file or free some space."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
    return count


def import_store(store: ContextStore, file: str | os.PathLike[str]) -> Imported:
    """Add the contexts of an exported file; those that the store has stay as they are.

    The whole file is checked before the first context is written, and again as it is written.

    Raises:
        StoreError: If anything is wrong with the file, naming the row, or it does not fit into the store's bound.
    """
    path = Path(file)
    total = missing = 0
    for writer, entries in _batches(path):
        total += len(entries)
        missing += len(entries) - store.known([writer.key(entry.prompt, entry.sentence) for entry in entries])
    if missing and missing + (held := len(store)) > store.max_entries:
        raise StoreError(
            f"{path} holds {missing:,} new contexts and the context store {store.path} {held:,}, where it keeps "
            f"{store.max_entries:,}, so the oldest would go; set context.store_entries= to {missing + held} or more."
        )
    new = sum(store.put_many(writer, entries) for writer, entries in _batches(path))
    return Imported(new, total - new)


def _table(page: list[tuple[Writer, Entry]]) -> Any:
    lengths = [len(entry.context.vector) for _, entry in page]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    numbers = np.concatenate([entry.context.vector for _, entry in page])
    rows = []
    for writer, (prompt, sentence, context) in page:
        key = writer.key(prompt, sentence)
        rows.append((key, *writer, prompt, sentence, *context.answer, context.checksum(key)))
    columns = [pa.array(column, type_) for column, type_ in zip(zip(*rows, strict=True), SCHEMA.types, strict=False)]
    return pa.Table.from_arrays([*columns, pa.ListArray.from_arrays(offsets, numbers)], schema=SCHEMA)


def _batches(path: Path) -> Iterator[tuple[Writer, list[Entry]]]:
    """The file's contexts by writer, a part of the file at a time, each row checked."""
    widths: dict[Writer, int] = {}
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as parquet:
            if missing := [name for name in SCHEMA.names if name not in parquet.schema_arrow.names]:
                raise StoreError(f"{path} has no column {', '.join(missing)}, so it is no exported store; {_REMEDY}.")
            start = 0
            for batch in parquet.iter_batches(_ROWS, columns=SCHEMA.names):
                by_writer: dict[Writer, list[Entry]] = {}
                for number, (key, checksum, writer, entry) in enumerate(_rows(batch, path), start=start + 1):
                    if finding := _finding(key, checksum, writer, entry, widths):
                        raise StoreError(f"{path}, row {number}: {finding}; {_REMEDY}.")
                    by_writer.setdefault(writer, []).append(entry)
                yield from by_writer.items()
                start += len(batch)
            if start != parquet.metadata.num_rows:
                raise StoreError(f"{path} is damaged ({start} of {parquet.metadata.num_rows} rows found); {_REMEDY}.")
    except FileNotFoundError:
        raise StoreError(f"there is no file {path}; name one that `crossrec context export` wrote.") from None
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise StoreError(f"{path} is damaged or no Parquet file ({_reason(error)}); {_REMEDY}.") from error


def _rows(batch: Any, path: Path) -> Iterator[tuple[bytes | None, int | None, Writer, Entry]]:
    columns = []
    for field in SCHEMA:
        try:
            columns.append(batch.column(field.name).cast(field.type))
        except pa.ArrowException as error:
            found = batch.schema.field(field.name).type
            raise StoreError(f"{path}: column {field.name} is of type {found}, not {field.type}; {_REMEDY}.") from error
    vectors = columns.pop()
    lengths = vectors.value_lengths().fill_null(0).to_numpy()
    numbers = vectors.flatten().to_numpy(zero_copy_only=False).astype(np.float32)
    split = np.split(numbers, np.cumsum(lengths)[:-1])
    for row in zip(*(column.to_pylist() for column in columns), split, strict=True):
        key, generator, encoder, prompt, sentence, text, problem, checksum, vector = row
        entry = Entry(prompt, sentence, Context(Answer(text, problem), vector))
        yield key, checksum, Writer(generator, encoder), entry


def _finding(key: bytes | None, checksum: int | None, writer: Writer, entry: Entry, widths: dict[Writer, int]) -> str:
    """What is wrong with a row, if anything is; notes the width of each writer's vectors."""
    prompt, sentence, ((text, problem), vector) = entry
    if key is None or None in (checksum, *writer, prompt, sentence, text, problem):
        return "a value is missing"
    if writer.key(prompt, sentence) != key:
        return "its key does not belong to its generator, encoder, prompt and sentence"
    if problem not in get_args(Problem):
        return f"its problem is '{problem}', allowed: {', '.join(repr(known) for known in get_args(Problem))}"
    if not len(vector) or not np.isfinite(vector).all():
        return "its vector is empty or not finite"
    if len(vector) != (known := widths.setdefault(writer, len(vector))):
        return f"its vector has {len(vector)} numbers, those before have {known}"
    return "" if entry.context.checksum(key) == checksum else "its text or vector does not match its checksum"


def _reason(error: Exception) -> str:
    """One line of a message that may have several."""
    return " ".join(str(error).split())
