"""Hooks are tried on a few people when an environment is made, so that a wrong one fails there and never mid-run."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from crossrec.config import EnvConfig
from crossrec.errors import ConfigError
from crossrec.simulation.hooks import NAMES, Hooks
from crossrec.simulation.simulator import Simulator
from crossrec.world.synthetic import World

_PEOPLE, _STEPS = 5, 30


def try_hooks(hooks: Hooks, world: World, config: EnvConfig) -> None:
    """Live a few steps with the hooks, checking all that they return.

    Raises:
        ConfigError: Names the hook, what it returned or raised, and what is allowed.
    """
    checked = Hooks()
    for name in NAMES:
        if hooks.overrides(name):
            setattr(checked, name, _checked(name, getattr(hooks, name)))
    # A short session, so that people also move on within the trial.
    behaviour = dataclasses.replace(config.behaviour, leave=0.5)
    simulator = Simulator(world, dataclasses.replace(config, behaviour=behaviour), _PEOPLE, checked)
    simulator.reset(np.arange(_PEOPLE), np.zeros(_PEOPLE, np.int64))
    places = np.arange(config.slate_size)
    for step in range(_STEPS):
        simulator.step(np.tile((places + step) % config.n_candidates, (_PEOPLE, 1)))
        simulator.expected_rewards()
        for column in dataclasses.fields(simulator.truth):
            values = getattr(simulator.truth, column.name)
            if values.dtype.kind == "f" and not np.isfinite(values).all():
                raise ConfigError(f"hooks['dynamics'] left truth.{column.name} not finite; allowed: finite numbers.")


def _checked(name: str, hook: Callable[..., Any]) -> Callable[..., Any]:
    def call(moment: Any, given: Any) -> Any:
        try:
            found = hook(moment, given)
        except Exception as error:
            raise ConfigError(f"hooks['{name}'] raised {type(error).__name__}: {error}.") from error
        if name == "dynamics":
            if found is not None:
                raise ConfigError("hooks['dynamics'] must return None; it changes moment.truth in place.")
            return None
        values = np.asarray(found)
        if values.shape != given.shape or values.dtype.kind not in "fiu":
            raise ConfigError(
                f"hooks['{name}'] returned shape {values.shape} of {values.dtype}; allowed: {given.shape} of float64."
            )
        shown = np.isfinite(given)  # padding has minus infinity
        if not np.isfinite(values[shown]).all():
            raise ConfigError(f"hooks['{name}'] returned values that are not finite; allowed: finite numbers.")
        if name == "transition" and (values < 0).any():
            raise ConfigError("hooks['transition'] returned a negative weight; allowed: at least 0.")
        return values

    return call
