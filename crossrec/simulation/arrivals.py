"""Lives prepared ahead.

In a large batch somebody's life ends at nearly every step, and beginning a few lives costs almost as much as beginning
hundreds. A life is a pure function of its seed and episode, so the next ones may be begun early.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from crossrec.simulation.state import State, copy_rows

Begin = Callable[[State, NDArray[np.intp], NDArray[np.int64], NDArray[np.int64]], None]


class Arrivals:
    """The next life of each of n places.

    Args:
        blank: Makes an empty state of n rows; called once somebody's life ends, so that one person alone costs nothing.
        begin: Begins lives in some rows of a state, given their seeds and episodes.
        n: How many places.
    """

    def __init__(self, blank: Callable[[], State], begin: Begin, n: int) -> None:
        self._blank, self._begin = blank, begin
        self._state: State | None = None
        self._seeds = np.zeros(n, np.int64)
        self._next = np.zeros(n, np.int64)  # episode that each place begins next
        self._ready = np.zeros(n, np.bool_)

    def restart(self, seeds: NDArray[np.int64], episodes: NDArray[np.int64]) -> None:
        """Forget what was prepared: every place lives ``episodes`` (n,) of ``seeds`` (n,) from now on."""
        self._seeds[:], self._next[:] = seeds, episodes + 1
        self._ready[:] = False

    def admit(self, state: State, rows: NDArray[np.intp]) -> None:
        """Put the next lives of ``rows`` into ``state``."""
        if self._state is None:
            self._state = self._blank()
        if not self._ready[rows].all():
            used = np.flatnonzero(~self._ready)
            self._begin(self._state, used, self._seeds[used], self._next[used])
            self._ready[used] = True
        copy_rows(self._state, state, rows)
        self._ready[rows] = False
        self._next[rows] += 1
