"""A log: what a behaviour policy showed to people, with which probability, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossrec.errors import ConfigError
from crossrec.observation import CANDIDATES, MASK


@dataclass
class Log:
    """N logged steps, a row each, in the order of lives and within a life of steps.

    So the step after row i is row ``i + 1``, unless ``ends[i]``: then the life ended, or the log did.

    Attributes:
        observations: By key ``(N, ...)``, what the behaviour policy saw; keys of :mod:`crossrec.observation`.
        actions: ``(N,)`` places among the candidates; for slates ``(N, S)``.
        propensities: ``(N,)`` probability in (0, 1] with which the behaviour policy took the action.
        rewards: ``(N,)``.
        clicks: ``(N,)`` 0 or 1.
        dwell: ``(N,)`` [min].
        conversions: ``(N,)`` 0 or 1.
        places: ``(N,)`` which place of the slate was clicked; 0 without a click.
        users: ``(N,)`` ids.
        lives: ``(N,)`` number of the life in this log.
        steps: ``(N,)`` of the life, from 0.
        terminated: ``(N,)`` whether the person left for good in this step.
        ends: ``(N,)`` whether the next row belongs to another life; includes ``terminated``.
        about: What the log was made with: options of the environment and the context, behaviour policy, seed.
        finals: By key ``(L, ...)``, what each of L lives would have seen next when it ended, in the order of lives;
            empty where nobody asked for it. Learners do without; episodes of other libraries want it.
    """

    observations: dict[str, NDArray[Any]]
    actions: NDArray[np.int64]
    propensities: NDArray[np.float64]
    rewards: NDArray[np.float64]
    clicks: NDArray[np.float64]
    dwell: NDArray[np.float64]
    conversions: NDArray[np.float64]
    places: NDArray[np.int64]
    users: NDArray[np.int64]
    lives: NDArray[np.int64]
    steps: NDArray[np.int64]
    terminated: NDArray[np.bool_]
    ends: NDArray[np.bool_]
    about: dict[str, Any] = field(default_factory=dict)
    finals: dict[str, NDArray[Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.actions)

    @property
    def slates(self) -> NDArray[np.int64]:
        """``(N, S)`` places that were shown; S is 1 where one item was."""
        return self.actions.reshape(len(self), -1)

    @property
    def shown(self) -> NDArray[np.int64]:
        """``(N, S)`` ids of the items that were shown."""
        return np.take_along_axis(self.observations[CANDIDATES], self.slates, axis=1).astype(np.int64)

    @property
    def clicked(self) -> NDArray[np.int64]:
        """``(N,)`` id of the clicked item; 0 without a click."""
        rows = np.arange(len(self))
        return np.where(self.clicks > 0, self.shown[rows, self.places], 0)

    def rows(self, chosen: NDArray[Any]) -> Log:
        """The log of some rows, chosen by index or as booleans; without ``finals``, for lives may be cut."""
        arrays = {name: value[chosen] for name, value in vars(self).items() if isinstance(value, np.ndarray)}
        return Log(
            observations={key: value[chosen] for key, value in self.observations.items()}, about=self.about, **arrays
        )

    def check(self, n_items: int | None = None, where: str = "the log") -> None:
        """Check that the log can be learned from.

        Args:
            n_items: Largest item id of the catalogue that it will be read with.
            where: What to call the log in messages.

        Raises:
            ConfigError: For missing or impossible propensities, unknown items, actions that were not allowed, or arrays
                of unequal length.
        """
        n = len(self)
        if n == 0:
            raise ConfigError(f"{where} is empty; make one with `crossrec log`.")
        columns = {name: value for name, value in vars(self).items() if isinstance(value, np.ndarray)}
        for name, value in {**columns, **self.observations}.items():
            if len(value) != n:
                raise ConfigError(f"{where}: {name} has {len(value)} rows, actions have {n}; all must have as many.")
        wrong = ~((self.propensities > 0.0) & (self.propensities <= 1.0 + 1e-9))  # also what is not a number
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise ConfigError(
                f"{where}: {int(wrong.sum())} of {n} rows have no propensity (row {row}: {self.propensities[row]}); "
                "allowed: above 0, at most 1. Log with a policy that tells its probabilities."
            )
        ids = self.observations[CANDIDATES]
        if n_items is not None and ids.size and (int(ids.max()) > n_items or int(ids.min()) < 0):
            found = int(ids.max() if ids.max() > n_items else ids.min())
            raise ConfigError(
                f"{where}: item {found} is unknown; the catalogue has ids 1 to {n_items}. Was the log made in another "
                "world (env.items_per_scenario, env.scenarios)?"
            )
        slates, width = self.slates, ids.shape[1]
        if slates.min() < 0 or slates.max() >= width:
            raise ConfigError(f"{where}: action {int(slates.max())} is no place among {width} candidates.")
        mask = self.observations[MASK]
        barred = (np.take_along_axis(mask, slates, axis=1) == 0) & (mask.sum(axis=1) >= slates.shape[1])[:, None]
        if barred.any():
            row = int(np.flatnonzero(barred.any(axis=1))[0])
            raise ConfigError(f"{where}: row {row} shows a candidate that its mask forbids.")


def joined(logs: Sequence[Log]) -> Log:
    """One log of several parts that hold different lives, in their order; ``about`` is the first one's.

    Raises:
        ConfigError: If there is none, or they hold different observations.
    """
    if not logs:
        raise ConfigError("no logs to join; give at least one.")
    first = logs[0]
    keys = [sorted(log.observations) for log in logs]
    if any(found != keys[0] for found in keys):
        raise ConfigError(f"logs with different observations cannot be joined: {keys[0]} and {keys[-1]}.")
    arrays: dict[str, Any] = {
        name: np.concatenate([getattr(log, name) for log in logs])
        for name, value in vars(first).items()
        if isinstance(value, np.ndarray)
    }
    parts: dict[str, Any] = {
        name: {key: np.concatenate([getattr(log, name)[key] for log in logs]) for key in getattr(first, name)}
        for name in ("observations", "finals")
        if all(getattr(log, name) for log in logs)
    }
    return Log(**{"observations": {}, **parts}, about=first.about, **arrays)
