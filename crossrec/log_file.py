"""Logs as Parquet files: one row per step, what is known of the log in the file's metadata.

Columns are named as the fields of :class:`crossrec.log.Log`; those of observations begin with ``obs.``, and ``final.``
holds what would have been seen after a life's last step, in the row of that step and nowhere else.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from crossrec.errors import ConfigError
from crossrec.log import Log
from crossrec.observation import CANDIDATES, MASK
from crossrec.world.catalogue import Catalogue

FORMAT = 1
_KEY = b"crossrec.log"
_OBSERVED, _FINAL = "obs.", "final."
_NAMES = ("actions", "propensities", "rewards", "clicks", "dwell", "conversions", "places", "users", "lives", "steps")
_COLUMNS = (*_NAMES, "terminated", "ends")


def check_log_path(path: Path) -> None:
    """Check that a log can be written there, before anything is computed.

    Raises:
        ConfigError: If the name has another ending, or there is no such folder.
    """
    if path.suffix != ".parquet":
        raise ConfigError(f"{path}: a log is a Parquet file; give it a name that ends in .parquet.")
    if not path.parent.is_dir() or path.is_dir():
        raise ConfigError(f"{path}: there is no folder {path.parent}; make it first.")


def write_log(log: Log | Iterable[Log], path: str | Path) -> int:
    """Write a log, whole or as it comes in parts; readers see the whole file or none.

    Args:
        log: A log, or parts of one, each with whole lives; parts are written as they come.
        path: Ends in ``.parquet``.

    Returns:
        How many rows were written.

    Raises:
        ConfigError: If the file cannot be written there, or there are no rows.
    """
    file, rows, writer = Path(path), 0, None
    check_log_path(file)
    temporary = file.with_name(f".{os.getpid()}-{file.name}")
    try:
        for part in [log] if isinstance(log, Log) else log:
            table = _table(part)
            if writer is None:
                about = json.dumps({"format": FORMAT, "about": part.about}, sort_keys=True)
                schema = table.schema.with_metadata({_KEY: about.encode()})
                writer = pq.ParquetWriter(temporary, schema, compression="zstd", write_page_checksum=True)
            writer.write_table(table.cast(writer.schema))
            rows += len(part)
        if writer is None or rows == 0:
            raise ConfigError(f"{file}: there is nothing to write, the log is empty.")
        writer.close()
        temporary.replace(file)
    except (OSError, pa.ArrowException) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise ConfigError(f"{file} cannot be written ({reason}); name another file or free some space.") from error
    finally:
        if writer is not None:
            writer.close()
        temporary.unlink(missing_ok=True)
    return rows


def read_log(path: str | Path, n_items: int | None = None, *, limit: int | None = None, finals: bool = False) -> Log:
    """Read a log and check that it can be learned from.

    Args:
        path: A file of :func:`write_log`.
        n_items: Largest item id of the catalogue that it will be read with.
        limit: Rows at most, from the beginning; lives stay whole. Default: all.
        finals: Whether to read what was seen after each life's last step.

    Raises:
        ConfigError: If there is no such file, it is no log, of another format, incomplete or damaged, or
            :meth:`crossrec.log.Log.check` refuses what is in it.
    """
    with _opened(Path(path)) as file:
        about, columns = _about(file, Path(path)), _columns(file, Path(path), finals)
        groups, rows = [], 0
        for group in range(file.num_row_groups):
            if limit is not None and rows > limit:
                break
            groups.append(group)
            rows += file.metadata.row_group(group).num_rows
        log = _log(file.read_row_groups(groups, columns=columns), about)
    if limit is not None and len(log) > limit:
        log = _cut(log, limit, path)
    log.check(n_items, str(path))
    return log


def about_log(path: str | Path) -> dict[str, Any]:
    """What a log says about itself; raises as :func:`read_log`."""
    with _opened(Path(path)) as file:
        return _about(file, Path(path))


def catalogue_hash(catalogue: Catalogue) -> str:
    """Tells catalogues apart by their texts."""
    digest = hashlib.blake2b(digest_size=16)
    for text in catalogue.texts():
        digest.update(text.encode() + b"\0")
    return digest.hexdigest()


def check_world(log: Log, catalogue: Catalogue, where: str = "the log") -> None:
    """Check that a log shows the items of a catalogue.

    Raises:
        ConfigError: If it was made in another world.
    """
    log.check(catalogue.n_items, where)
    if log.about.get("catalogue", "") != catalogue_hash(catalogue):
        raise ConfigError(
            f"{where} was made with another catalogue; set the same env.scenarios, env.items_per_scenario and "
            "env.world_seed."
        )


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The Parquet file, with what goes wrong while it is read in words."""
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            yield file
    except FileNotFoundError:
        raise ConfigError(f"there is no log {path}; make one with `crossrec log --out {path}`.") from None
    except (OSError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise ConfigError(f"{path} is damaged or no Parquet file ({reason}); make the log again.") from error


def _about(file: Any, path: Path) -> dict[str, Any]:
    told = (file.schema_arrow.metadata or {}).get(_KEY)
    if told is None:
        raise ConfigError(f"{path} is a Parquet file but no log; make one with `crossrec log`.")
    said = json.loads(told)
    if said["format"] != FORMAT:
        raise ConfigError(f"{path} is a log of format {said['format']}, this version reads format {FORMAT}; log again.")
    about: dict[str, Any] = said["about"]
    return about


def _columns(file: Any, path: Path, finals: bool) -> list[str]:
    """Names of the columns to read."""
    names = list(file.schema_arrow.names)
    missing = [name for name in (*_COLUMNS, _OBSERVED + CANDIDATES, _OBSERVED + MASK) if name not in names]
    if missing:
        raise ConfigError(f"{path} has no column {', '.join(missing)}, so nothing can be learned from it; log again.")
    return [name for name in names if finals or not name.startswith(_FINAL)]


def _table(log: Log) -> Any:
    columns = {name: _array(getattr(log, name)) for name in _COLUMNS}
    columns |= {_OBSERVED + key: _array(value) for key, value in log.observations.items()}
    for key, value in log.finals.items():
        lengths = np.where(log.ends, value.shape[1], 0)
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        columns[_FINAL + key] = pa.ListArray.from_arrays(offsets, pa.array(value.ravel()), mask=pa.array(~log.ends))
    return pa.table(columns)


def _array(values: NDArray[Any]) -> Any:
    if values.ndim == 1:
        return pa.array(values)
    return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])


def _log(table: Any, about: dict[str, Any]) -> Log:
    values = {name: _values(table.column(name), len(table)) for name in table.column_names}
    observed = [name for name in values if name.startswith(_OBSERVED)]
    final = [name for name in values if name.startswith(_FINAL)]
    lives = int(values["ends"].sum())
    return Log(
        observations={name.removeprefix(_OBSERVED): values.pop(name) for name in observed},
        finals={name.removeprefix(_FINAL): values.pop(name).reshape(lives, -1) for name in final},
        about=about,
        **{name: values[name] for name in _COLUMNS},
    )


def _values(column: Any, rows: int) -> NDArray[Any]:
    """A column as an array; of variable lists all numbers one after another."""
    nested = pa.types.is_list(column.type) or pa.types.is_fixed_size_list(column.type)
    chunks = [chunk.flatten() if nested else chunk for chunk in column.chunks]
    flat = np.concatenate([chunk.to_numpy(zero_copy_only=False) for chunk in chunks])
    return flat.reshape(rows, -1) if pa.types.is_fixed_size_list(column.type) else flat


def _cut(log: Log, limit: int, path: str | Path) -> Log:
    ends = np.flatnonzero(log.ends[:limit])
    if not ends.size:
        raise ConfigError(f"{path}: the first life has more than {limit} steps; ask for more rows.")
    cut = log.rows(np.arange(ends[-1] + 1))
    cut.finals = {key: value[: ends.size] for key, value in log.finals.items()}
    return cut
