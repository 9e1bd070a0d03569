"""Small worlds made by hand, and people living in them."""

import dataclasses

import numpy as np
import pytest

from crossrec.config import BehaviourConfig, EnvConfig, RewardConfig
from crossrec.simulation.choice import ChoiceModel
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
    return np.zeros((simulator.n, 1), np.int64)


def choice_of(simulator):
    """The choice model of a simulator's world, in NumPy whatever the engine."""
    return ChoiceModel(simulator.world, simulator.config)


@pytest.fixture(scope="package")
def two_rooms():
    """News and video in their plain form, where about half of what is shown is clicked."""
    return make_world(scenario("news"), scenario("video"))


STAY = {"leave": 0.0, "session_minutes": FOREVER}  # nobody ever moves
HOP = {"leave": 1.0, "session_minutes": FOREVER}  # everybody moves at every step, within one session
AWAY = {"session_minutes": 1e-6}  # every step ends a session
LOVED = make_world(scenario("news", base=ALWAYS), scenario("video", base=ALWAYS), scenario("music", base=ALWAYS))
IGNORED = make_world(scenario("news", base=NEVER), scenario("video", base=NEVER))


def shown(simulator):
    return simulator.seen.candidates[:, 0].copy()


def topics(simulator, items):
    return simulator.world.catalogue.topics[items]
