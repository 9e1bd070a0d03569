"""How functions are compiled: for one thread, kept on disk, and compiled anew when any source changes.

Numba keeps compiled code beside a function's own file and looks at that file only, while pieces of other files are
pasted into it. So what is kept here is stamped with all sources that compiled code is made of.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from numba import njit

_CONSTANTS = (
    "config.py",
    "observation.py",
    "random.py",
    "simulation/choice.py",
    "simulation/journey.py",
    "simulation/state.py",
    "world/catalogue.py",
    "world/population.py",
    "world/vocabulary.py",
)

Function = TypeVar("Function", bound=Callable[..., Any])


def piece(function: Function) -> Function:
    """A function that is pasted where it is used: a call would cost more than most of them do."""
    return _compiled(function, inline="always")


def program(function: Function) -> Function:
    """A function that is called."""
    return _compiled(function)


def _compiled(function: Function, **options: Any) -> Function:
    # Results must not depend on the machine: no reordering of sums, no fused multiply-add, hence no fastmath.
    try:
        dispatcher: Any = njit(cache=True, error_model="numpy", **options)(function)
    except RuntimeError:  # nowhere to keep compiled code: it is compiled in every process then
        dispatcher = njit(error_model="numpy", **options)(function)
    kept = getattr(getattr(dispatcher, "_cache", None), "_cache_file", None)
    if kept is not None:
        kept._source_stamp = source_stamp()
    made: Function = dispatcher
    return made


@cache
def source_stamp() -> str:
    """Hash of every source that compiled code takes code or constants from."""
    root = Path(__file__).parents[2]
    digest = hashlib.sha256()
    for file in [*sorted(Path(__file__).parent.glob("*.py")), *(root / name for name in _CONSTANTS)]:
        digest.update(file.read_bytes())
    return digest.hexdigest()
