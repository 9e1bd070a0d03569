"""Hooks are tried on a few people when an environment is made, so that a wrong one fails there and not mid-run.

What they return is looked at all life long, for a hook that was fine on trial may go wrong later; then a sentence says
so, and no number that was computed from it is given out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossrec.config import EnvConfig
from crossrec.errors import ConfigError
from crossrec.simulation.choice import Feedback
from crossrec.simulation.hooks import NAMES, Hooks, Moment
from crossrec.simulation.simulator import Simulator
from crossrec.simulation.state import Truth
from crossrec.world.synthetic import World

_PEOPLE, _STEPS = (5, 1), 30  # one person alone as well: what holds for several need not hold for one
MAX_UTILITY = 1e3  # [logits]; beyond, times and probabilities overflow
_LIMITS = {"satisfaction": (0.0, 1.0), "patience": (1e-6, 1e6), "theta": (0.0, 1e6), "private": (0.0, 1e6)}
_TOPICS = ("intent", "routine", "device_routine")


def try_hooks(hooks: Hooks, world: World, config: EnvConfig) -> None:
    """Live a few steps with the hooks, checking all that they return and change.

    Raises:
        ConfigError: Names the hook, what it returned, raised or changed, and what is allowed.
    """
    if config.engine == "compiled":
        raise ConfigError("engine='compiled' cannot call hooks, which run on NumPy; leave engine out.")
    # A short visit, so that people also move on within the trial.
    config = dataclasses.replace(config, behaviour=dataclasses.replace(config.behaviour, leave=0.5))
    for people in _PEOPLE:
        checked = Hooks()
        for name in NAMES:
            if hooks.overrides(name):
                setattr(checked, name, _checked(name, getattr(hooks, name), people))
        simulator = Simulator(world, config, people, checked)
        simulator.reset(np.arange(people), np.zeros(people, np.int64))
        places = np.arange(config.slate_size)
        for step in range(_STEPS):
            simulator.step(np.tile((places + step) % config.n_candidates, (people, 1)))
            simulator.expected_rewards()


def _checked(name: str, hook: Callable[..., Any], people: int) -> Callable[..., Any]:
    """The hook with a look at all that it does."""
    called = f"hooks['{name}']"

    def call(first: Moment | Mapping[str, NDArray[Any]], given: Any) -> Any:
        fixed = _arrays(first, given)
        before = {what: values.copy() for what, values in fixed.items()}
        shown = None if name == "dynamics" else np.isfinite(given)  # padding has minus infinity
        try:
            found = hook(first, given)
        except Exception as error:
            raise ConfigError(f"{called} raised {_sentence(error)}.") from error
        after = _arrays(first, given)
        for what, values in before.items():
            if after[what] is not fixed[what]:
                raise ConfigError(f"{called} replaced {what}; write into it instead, as in {what}[:] = ...")
            if not np.array_equal(values, fixed[what]) and not (name == "dynamics" and what.startswith("moment.truth")):
                allowed = "only moment.truth may be changed" if name == "dynamics" else "it may only be read"
                raise ConfigError(f"{called} changed {what}; {allowed}.")
        _judge(name, first, found, given.shape if name != "dynamics" else (), shown, people)
        return found

    return call


class _Guard:
    """A hook whose results are looked at."""

    def __init__(self, name: str, hook: Callable[..., Any]) -> None:
        self.name, self.hook = name, hook

    def __call__(self, first: Moment | Mapping[str, NDArray[Any]], given: Any) -> Any:
        if self.name == "dynamics":
            _judge(self.name, first, self.hook(first, given), (), None, 0)
            return None
        shape, shown = given.shape, np.isfinite(given)  # padding has minus infinity
        found = self.hook(first, given)
        _judge(self.name, first, found, shape, shown, shape[0])
        return found


def guarded(hooks: Hooks) -> Hooks:
    """The same hooks, whose results are looked at whenever they are called.

    Raises:
        ConfigError: Later, at the call that goes wrong; names the hook, what it returned and what is allowed.
    """
    watched = Hooks()
    for name in NAMES:
        if hooks.overrides(name):
            setattr(watched, name, _Guard(name, getattr(hooks, name)))
    return watched


def _judge(
    name: str,
    first: Moment | Mapping[str, NDArray[Any]],
    found: Any,
    shape: tuple[int, ...],
    shown: NDArray[np.bool_] | None,
    people: int,
) -> None:
    """Refuse what a hook returned or left behind; ``shown`` marks what is no padding."""
    called = f"hooks['{name}']"
    if name == "dynamics":
        if found is not None:
            raise ConfigError(f"{called} must return None, it changes moment.truth in place; found {_shown(found)}.")
        assert isinstance(first, Moment)
        _check_truth(first.truth, first.world.n_topics)
        return
    if not isinstance(found, np.ndarray) or found.dtype.kind not in "fiu" or found.shape != shape:
        raise ConfigError(
            f"{called} returned {_shown(found)}, asked about {people} {'person' if people == 1 else 'people'}; "
            f"allowed: an array of numbers of shape {shape}."
        )
    numbers = found.astype(np.float64)[shown]
    _check_values(name, numbers)
    if name == "transition" and not np.isfinite(found.astype(np.float64).sum(axis=1)).all():
        raise ConfigError(f"{called} returned weights too large to be summed; only their ratios count.")


def _check_values(name: str, values: NDArray[np.float64]) -> None:
    low, high, allowed = -np.inf, np.inf, "finite numbers"
    if name == "choice":
        low, high = -MAX_UTILITY, MAX_UTILITY
        allowed = f"{low:g} (never clicked) to {high:g} logits; padding comes as -inf, leave it out of sums and means"
    if name == "transition":
        low, allowed = 0.0, "finite weights of at least 0"
    wrong = values[~(np.isfinite(values) & (values >= low) & (values <= high))]
    if wrong.size:
        raise ConfigError(f"hooks['{name}'] returned {wrong[0]:g}; allowed: {allowed}.")


def _check_truth(truth: Truth, n_topics: int) -> None:
    """What is left behind in the hidden state must be something to go on with."""
    for column in dataclasses.fields(truth):
        values = getattr(truth, column.name)
        low, high = _LIMITS.get(column.name, (-np.inf, np.inf))
        allowed = "finite numbers" if high == np.inf else f"{low:g} to {high:g}"
        if column.name in _TOPICS:
            low, high, allowed = 0, n_topics - 1, f"topics 0 to {n_topics - 1}"
        wrong = values[~(np.isfinite(values) & (values >= low) & (values <= high))]
        if wrong.size:
            raise ConfigError(f"hooks['dynamics'] left {wrong[0]:g} in truth.{column.name}; allowed: {allowed}.")


def _arrays(first: Moment | Mapping[str, NDArray[Any]], second: Any) -> dict[str, NDArray[Any]]:
    """What a hook is given to look at, by the name under which it knows it."""
    if not isinstance(first, Moment):
        return {f"parts['{part}']": values for part, values in first.items()}
    found: dict[str, NDArray[Any]] = {"moment.items": first.items, "moment.rows": first.rows}
    found |= {f"moment.seen.{column}": values for column, values in vars(first.seen).items()}
    found |= {f"moment.truth.{column}": values for column, values in vars(first.truth).items()}
    if isinstance(second, Feedback):
        found |= {f"feedback.{column}": values for column, values in vars(second).items()}
    return found


def _shown(found: Any) -> str:
    """What was returned, in a few words."""
    if isinstance(found, np.ndarray):
        return f"{found.dtype} of shape {found.shape}"
    return "None" if found is None else f"a {type(found).__name__}"


def _sentence(error: Exception) -> str:
    """An exception and the hook's line that it came from."""
    words = " ".join(str(error).split()).rstrip(".")
    trace = error.__traceback__.tb_next if error.__traceback__ else None  # the first is ours
    place = f" ({Path(trace.tb_frame.f_code.co_filename).name}, line {trace.tb_lineno})" if trace else ""
    return f"{type(error).__name__}: {words or 'it says nothing more'}{place}"
