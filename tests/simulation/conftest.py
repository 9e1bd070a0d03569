"""Small worlds made by hand, and people living in them."""

import dataclasses

import numpy as np
import pytest

from crossrec.config import BehaviourConfig, EnvConfig, RewardConfig
from crossrec.simulation.simulator import Simulator
from crossrec.world.catalogue import build_catalogue
from crossrec.world.scenario import Scenario
from crossrec.world.synthetic import World
from crossrec.world.text import TOPICS

ALWAYS, NEVER = 20.0, -20.0  # [logits] base utilities that make every item clicked, or none
FOREVER = 1e6  # [min] a session that never ends
OFF = {  # every effect on choices switched off
    "interest": 0.0,
    "intent": 0.0,
    "quality": 0.0,
    "satiation": 0.0,
}


def scenario(name="news", **changes):
    """A plain scenario: no facet, used evenly at all times on the phone."""
    plain = Scenario(name, "", 0.0, 0.5, 60.0, 0.5, 0.2, 1.0, (1.0, 1.0, 1.0, 1.0), (1.0, 0.0, 0.0, 0.0))
    return dataclasses.replace(plain, **changes)


def make_world(*specs, items=60, seed=0):
    return World(specs, build_catalogue(specs, items, len(TOPICS), np.random.default_rng(seed)), seed)


def living(world, n=1_000, seed=0, reward=None, horizon=10**6, n_candidates=10, **behaviour):
    """n people whose lives have begun; behaviour strengths are the defaults but for those given."""
    config = EnvConfig(
        n_candidates=n_candidates,
        horizon=horizon,
        behaviour=BehaviourConfig(**behaviour),
        reward=reward or RewardConfig(),
    )
    simulator = Simulator(world, config, n)
    simulator.reset(np.arange(n) + seed, np.zeros(n, np.int64), np.arange(n))
    return simulator


def first(simulator):
    """The action of everybody who takes the first candidate."""
    return np.zeros(simulator.n, np.int64)


@pytest.fixture(scope="package")
def two_rooms():
    """News and video in their plain form, where about half of what is shown is clicked."""
    return make_world(scenario("news"), scenario("video"))
