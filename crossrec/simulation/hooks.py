"""Behaviour of your own: subclass :class:`Hooks` and override, or pass single functions; everybody in one call.

A hook gets arrays over people and must not loop over them. What it returns and changes is checked when an environment
is made, on a trial of a few people; lives with hooks run on NumPy. A person lives the same life alone and among others
as long as hooks mix no rows, keep no memory and draw nothing at random.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossrec.errors import ConfigError, check_name
from crossrec.simulation.state import Seen, Truth
from crossrec.world.synthetic import World


@dataclass(frozen=True)
class Moment:
    """What a hook may look at: n people at one step.

    Attributes:
        world: What exists.
        truth: Hidden state; rows are people.
        seen: Observable state.
        items: (n, slate) item ids shown, 0 for none. In ``transition``: (m, 0), nothing is shown then.
        rows: (m,) which people this is about; everybody but in ``transition``.
    """

    world: World
    truth: Truth
    seen: Seen
    items: NDArray[np.int32]
    rows: NDArray[np.intp]


class Hooks:
    """Does nothing; override what should be different."""

    def choice(self, moment: Moment, utility: NDArray[np.float64]) -> NDArray[np.float64]:
        """Utility of what is shown, (n, slate) [logits]; ``utility`` is what the simulator would take.

        Oracles ask it about all candidates: ``moment.items`` is then (n, C), and so is ``utility``. Padding (item 0)
        comes as minus infinity and is never clicked, whatever is returned; leave it out of sums and means.
        """
        return utility

    def dynamics(self, moment: Moment, feedback: Any) -> None:
        """Change ``moment.truth`` in place after a step, before time passes and people move on.

        ``feedback`` is what happened, (n,) each: ``click``, ``place``, ``dwell`` [s], ``conversion``.
        """

    def transition(self, moment: Moment, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Weight of each scenario, (m, S) of at least 0, for the people in ``moment.rows`` who move on.

        Only ratios count; where all are 0, any scenario but the one that is left may be next.
        """
        return weights

    def reward(self, parts: Mapping[str, NDArray[np.float64]], reward: NDArray[np.float64]) -> NDArray[np.float64]:
        """Reward (n,) from its named parts (n,); ``reward`` is their weighted sum.

        Oracles ask it about expected parts, so where it is no weighted sum, what they expect is an approximation.
        """
        return reward

    def overrides(self, name: str) -> bool:
        """Whether this hook does anything of its own."""
        return name in vars(self) or getattr(type(self), name) is not getattr(Hooks, name)


NAMES = ("choice", "dynamics", "transition", "reward")
_ALIKE = 0.8  # from which share of common letters on a method's name is taken for a misspelt hook


def make_hooks(given: Hooks | Mapping[str, Callable[..., Any]] | None) -> Hooks | None:
    """Hooks from an object of a subclass, or from single functions by name.

    Raises:
        ConfigError: For an unknown or misspelt name, or what cannot be called.
    """
    if given is None:
        return None
    if isinstance(given, Hooks):
        for name in dir(given):
            near = difflib.get_close_matches(name, NAMES, n=1, cutoff=_ALIKE)
            if near and name not in NAMES and not hasattr(Hooks, name):
                raise ConfigError(f"hooks: {type(given).__name__}.{name} overrides nothing; did you mean '{near[0]}'?")
        functions = {name: getattr(given, name) for name in NAMES}
    elif isinstance(given, Mapping):
        functions = dict(given)
    else:
        raise ConfigError(
            f"hooks={given!r} must be an object of a subclass of Hooks, such as MyHooks(), or a dict of functions by "
            f"name ({', '.join(NAMES)})."
        )
    for name, function in functions.items():
        check_name("hooks", str(name), NAMES)
        if not callable(function):
            raise ConfigError(f"hooks['{name}']={function!r} must be a function.")
    if isinstance(given, Hooks):
        return given
    hooks = Hooks()
    for name, function in functions.items():
        setattr(hooks, name, function)
    return hooks
