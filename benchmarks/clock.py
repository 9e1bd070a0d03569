"""A stopwatch for named kinds of work, put into objects from outside: where a training's CPU time goes.

Each moment counts once, for the innermost kind of work that is timed, so kinds add up to the whole.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any


class Clock:
    """Times methods of given objects while it is entered, and leaves the objects as they were."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)  # CPU seconds by kind
        self._kinds: list[str] = []
        self._since = 0.0
        self._timed: list[tuple[Any, str]] = []

    def time(self, owner: Any, name: str, kind: str, unless: str | None = None) -> Callable[..., Any]:
        """Count a method's time for a kind of work; within the kind ``unless`` it stays that kind's."""
        method = getattr(owner, name)

        def timed(*arguments: Any, **options: Any) -> Any:
            if unless is not None and unless in self._kinds:
                return method(*arguments, **options)
            self._begin(kind)
            try:
                return method(*arguments, **options)
            finally:
                self._end()

        return self._put(owner, name, timed)

    def time_each(self, owner: Any, name: str, kind: str) -> Callable[..., Any]:
        """The same of a method that gives an iterator: making it, and each of its items."""
        method = getattr(owner, name)

        def timed(*arguments: Any, **options: Any) -> Iterator[Any]:
            self._begin(kind)
            try:
                items = iter(method(*arguments, **options))
            finally:
                self._end()
            while True:
                self._begin(kind)
                try:
                    item = next(items, _NO_MORE)
                finally:
                    self._end()
                if item is _NO_MORE:
                    return
                yield item

        return self._put(owner, name, timed)

    def shares(self) -> dict[str, float]:
        """Share of each kind in all that was timed."""
        total = sum(self.seconds.values())
        return {kind: seconds / total for kind, seconds in self.seconds.items()}

    def __enter__(self) -> Clock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for owner, name in reversed(self._timed):
            delattr(owner, name)
        self._timed.clear()

    def _put(self, owner: Any, name: str, timed: Callable[..., Any]) -> Callable[..., Any]:
        setattr(owner, name, timed)  # hides the class's method
        self._timed.append((owner, name))
        return timed

    def _begin(self, kind: str) -> None:
        self._count()
        self._kinds.append(kind)

    def _end(self) -> None:
        self._count()
        self._kinds.pop()

    def _count(self) -> None:
        now = time.process_time()
        if self._kinds:
            self.seconds[self._kinds[-1]] += now - self._since
        self._since = now


_NO_MORE = object()
