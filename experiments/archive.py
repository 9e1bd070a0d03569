"""Python objects in a zip file, large arrays apart from the rest, so that no byte is copied or written in vain."""

from __future__ import annotations

import io
import pickle
import zipfile
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LARGE = 2**16  # [bytes] from which an array is an entry of its own
_PIECE = 2**20  # [bytes] looked at once while the zeros at an array's end are searched


def pack(archive: zipfile.ZipFile, state: Any) -> None:
    """Write an object that can be pickled; of large arrays without the zeros at their end.

    Args:
        archive: Open for writing; keeps a checksum of every entry.
        state: What is written.
    """
    pickled = io.BytesIO()
    _Pickler(archive, pickled).dump(state)
    archive.writestr("state.pkl", pickled.getbuffer())


def unpack(archive: zipfile.ZipFile) -> Any:
    """Read what `pack` wrote; trust the file, for a pickle may run code.

    Raises:
        Exception: Of many kinds, if the file is damaged.
    """
    return _Unpickler(archive).load()


class _Pickler(pickle.Pickler):
    def __init__(self, archive: zipfile.ZipFile, file: io.BytesIO) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self.archive = archive
        self._written: dict[int, tuple[str, int]] = {}

    def persistent_id(self, obj: Any) -> tuple[str, int] | None:
        if type(obj) is not np.ndarray or obj.nbytes < _LARGE or obj.ndim == 0 or obj.dtype.hasobject:
            return None
        if id(obj) not in self._written:
            name = f"array{len(self._written)}.npy"
            self._written[id(obj)] = name, len(obj)
            with self.archive.open(name, "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, obj[: _filled(obj)], allow_pickle=False)
        return self._written[id(obj)]


class _Unpickler(pickle.Unpickler):
    def __init__(self, archive: zipfile.ZipFile) -> None:
        super().__init__(io.BytesIO(archive.read("state.pkl")))
        self.archive = archive
        self._arrays: dict[str, NDArray[Any]] = {}

    def persistent_load(self, pid: tuple[str, int]) -> NDArray[Any]:
        name, length = pid
        if name not in self._arrays:
            with self.archive.open(name) as entry:
                part: NDArray[Any] = np.lib.format.read_array(entry, allow_pickle=False)
            self._arrays[name] = np.zeros((length, *part.shape[1:]), part.dtype)
            self._arrays[name][: len(part)] = part
        return self._arrays[name]


def _filled(array: NDArray[Any]) -> int:
    """How many rows to keep of an array for all the rest to be zero bytes."""
    end = len(array)
    if not array.flags.c_contiguous:
        return end
    rows = array.reshape(end, -1).view(np.uint8)
    piece = max(_PIECE // rows.shape[1], 1)
    while end > 0 and not rows[max(end - piece, 0) : end].any():
        end -= piece
    return max(end, 0)
