"""What an oracle would think that is blind to one effect: the greedy oracle's expected rewards without it.

The difference to the seeing oracle's return is what a policy loses that does not account for the effect.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from crossrec.errors import check_name
from crossrec.simulation.journey import daypart
from crossrec.simulation.simulator import Simulator
from crossrec.simulation.state import State
from crossrec.world.synthetic import World

_HEAD = 0.2  # share of a scenario's items that make its head


def blind_rewards(simulator: Simulator, effect: str) -> NDArray[np.float64]:
    """Expected reward of each candidate now, (n, C), as somebody sees it who is blind to an effect.

    Args:
        simulator: Where the people live.
        effect: One of :data:`BLIND`, which says what is not seen.

    Raises:
        ConfigError: If the effect is unknown.
    """
    return BLIND[check_name("effect", effect, BLIND)](simulator)


def _copy(simulator: Simulator) -> State:
    return simulator.state.take(np.arange(simulator.n))


def _of(simulator: Simulator, state: State) -> NDArray[np.float64]:
    return simulator.engine.expected_rewards(state, state.seen.candidates)


def _drift(simulator: Simulator) -> NDArray[np.float64]:
    """Interests are taken to be what they were when the life began."""
    state = _copy(simulator)
    state.truth.theta[:] = simulator.world.people(state.seen.user).theta
    return _of(simulator, state)


def _satiation(simulator: Simulator) -> NDArray[np.float64]:
    """Nobody is taken to have had enough of anything."""
    state = _copy(simulator)
    state.truth.satiation[:] = 0.0
    return _of(simulator, state)


def _carry_over(simulator: Simulator) -> NDArray[np.float64]:
    """On everybody's mind is taken to be the routine of the daypart, whatever they saw before."""
    state = _copy(simulator)
    state.truth.intent[:] = state.truth.routine[np.arange(simulator.n), daypart(state.seen.minute)]
    return _of(simulator, state)


def _person(simulator: Simulator) -> NDArray[np.float64]:
    """Everybody is taken to be the average person, with nothing special on the mind."""
    state = _copy(simulator)
    rho = np.abs(np.array([spec.rho for spec in simulator.world.scenarios], np.float32))[state.seen.scenario]
    state.truth.theta[:] = 1.0 / simulator.world.n_topics
    state.truth.private[:] = ((1.0 - rho) / simulator.world.n_topics)[:, None]
    state.truth.intent[:] = -1
    return _of(simulator, state)


def _ageing(simulator: Simulator) -> NDArray[np.float64]:
    """Items are taken to be as good as new."""
    behaviour = dataclasses.replace(simulator.config.behaviour, ageing=0.0)
    config = dataclasses.replace(simulator.config, behaviour=behaviour)
    return simulator.make_engine(config).expected_rewards(simulator.state, simulator.seen.candidates)


def _new_items(simulator: Simulator) -> NDArray[np.float64]:
    """Items that nobody has met yet are not shown where there are others."""
    rewards = simulator.expected_rewards()
    new = simulator.world.catalogue.new[simulator.seen.candidates]
    return np.where(new, rewards - 1e3, rewards)


def _tail(simulator: Simulator) -> NDArray[np.float64]:
    """Items outside the most popular fifth of a scenario are not shown where there are others."""
    rewards, items = simulator.expected_rewards(), simulator.seen.candidates
    edge = _edge_of_head(simulator.world)[simulator.seen.scenario][:, None]
    return np.where(simulator.world.catalogue.popularity[items] < edge, rewards - 1e3, rewards)


@lru_cache(maxsize=8)
def _edge_of_head(world: World) -> NDArray[np.float64]:
    """(S,) popularity from which on an item belongs to its scenario's head."""
    catalogue = world.catalogue
    blocks = zip(catalogue.first.tolist(), catalogue.size.tolist(), strict=True)
    return np.array([np.quantile(catalogue.popularity[first : first + n], 1.0 - _HEAD) for first, n in blocks])


def _places(simulator: Simulator) -> NDArray[np.float64]:
    """The best items are shown, in no order: by their ids."""
    rewards, size = simulator.expected_rewards(), simulator.config.slate_size
    best = np.argsort(-rewards, axis=1, kind="stable")[:, :size]
    ordered = np.full_like(rewards, -np.inf)
    rows = np.arange(simulator.n)[:, None]
    ordered[rows, best] = -simulator.seen.candidates[rows, best]
    return ordered


def _future(simulator: Simulator) -> NDArray[np.float64]:
    """Only the next reward is seen: the greedy oracle itself."""
    return simulator.expected_rewards()


BLIND: Mapping[str, Callable[[Simulator], NDArray[np.float64]]] = {
    "drift": _drift,
    "satiation": _satiation,
    "carry_over": _carry_over,
    "person": _person,
    "ageing": _ageing,
    "new_items": _new_items,
    "tail": _tail,
    "places": _places,
    "future": _future,
}
