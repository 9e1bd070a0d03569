"""What compiled code is given: the blocks of a state, and a world packed into a few arrays."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crossrec.config import BehaviourConfig, EnvConfig
from crossrec.random import keys
from crossrec.simulation.candidates import CandidateSampler
from crossrec.simulation.choice import DAY, logit
from crossrec.simulation.journey import follow_up, visited
from crossrec.simulation.state import State
from crossrec.world.population import PERSON
from crossrec.world.synthetic import World

# Places in `State.offsets`, in the order of `crossrec.simulation.state.field_shapes`.
(
    SATISFACTION, BUDGET, MINUTE, AWAY, THETA, PRIVATE, SATIATION, PATIENCE, HISTORY_FEEDBACK, USER, STEP, KEY, ROUTINE,
    DEVICE_ROUTINE, INTENT, STATED, NOTED, SCENARIO, DEVICE, LOCATION, QUERY, HISTORY, ENJOYED, RECALLED, CANDIDATES,
    CLICKED, ENTERED, PROFILE, HISTORY_SCENARIO,
) = range(29)  # fmt: skip

# Places in `Packed.behaviour`, in the order of the fields of `BehaviourConfig`.
(
    B_INTEREST, B_INTENT, B_QUALITY, B_SATIATION, B_AGEING, B_BAIT, B_POSITION, B_SATIATION_DECAY,
    B_SATIATION_HALF_LIFE, B_SATIATION_LEAK, B_REBOUND, B_DRIFT, B_MOOD, B_ON_MIND, B_CARRY_OVER, B_ROUTINE,
    B_DEVICE_ROUTINE, B_QUERY, B_LEAVE, B_LEAVE_MOOD, B_TRANSITION_FEEDBACK, B_TRANSITION_HABIT, B_DEVICE_HABIT,
    B_SESSION_MINUTES, B_GAP_MINUTES, B_GAP_MOOD, B_CHURN, B_CHURN_MOOD,
) = range(28)  # fmt: skip
BEHAVIOUR = tuple(field.name for field in dataclasses.fields(BehaviourConfig))
B_LEAVE_LOGIT, B_CHURN_LOGIT = len(BEHAVIOUR), len(BEHAVIOUR) + 1

# Columns of `Packed.specs`, a row per scenario; devices and dayparts take four columns each.
(
    S_BASE, S_RHO, S_LOG_DWELL, S_DWELL_SPREAD, S_CONVERSION, S_EXAMINATION, S_AGES, S_LOG_PATIENCE, S_FOLLOW_UP,
    S_QUERY, S_FIRST, S_SIZE, S_STRIDES, S_N_STRIDES,
) = range(14)  # fmt: skip
S_DEVICES, S_DAYPARTS, S_DEVICE_SUM, S_VISITED, S_WIDTH = 14, 18, 22, 23, 24

# Places in `Packed.sizes`.
TOPICS, SCENARIOS, OFFERED, LENGTH_OF_HISTORY, CASCADE, PLAIN, MIRROR = range(7)
# Places in `Packed.begins`: first draw of each kind, see `Population.begins`.
D_GAMMA, D_HABIT, D_ROUTINE, D_NOTED, D_STATED, D_SELF, D_DEVICE, D_MOVE = range(8)


class Blocks(NamedTuple):
    """A state's arrays."""

    f8: NDArray[np.float64]
    f4: NDArray[np.float32]
    i8: NDArray[np.int64]
    i4: NDArray[np.int32]
    i1: NDArray[np.int8]
    at: NDArray[np.int64]  # first column of each field


class Packed(NamedTuple):
    """A world and the strengths of behaviour in it."""

    table: NDArray[np.float32]  # (n_items + 1, K + 6) of the catalogue
    specs: NDArray[np.float64]  # (S, S_WIDTH)
    behaviour: NDArray[np.float64]  # strengths, then the log-odds of leaving and of churn
    sizes: NDArray[np.int64]
    begins: NDArray[np.int64]
    person: NDArray[np.uint64]  # (1,) key that a person's id extends
    gamma: NDArray[np.float32]  # quantiles
    tilt: NDArray[np.float32]  # (bands, K)
    strides: NDArray[np.int64]  # of all scenarios' candidates


def blocks_of(state: State) -> Blocks:
    """The arrays of a state, for compiled code."""
    b = state.blocks
    return Blocks(b["f8"], b["f4"], b["i8"], b["i4"], b["i1"], state.offsets)


def pack(world: World, config: EnvConfig, sampler: CandidateSampler | None) -> Packed:
    """Pack a world.

    Args:
        world: What exists.
        config: Strengths and sizes.
        sampler: Uniform candidates, or None where others have to be drawn elsewhere.
    """
    b, catalogue, population = config.behaviour, world.catalogue, world.population
    specs = np.zeros((len(world.scenarios), S_WIDTH))
    for row, spec in zip(specs, world.scenarios, strict=True):
        row[S_BASE], row[S_RHO] = spec.base, np.float32(spec.rho)
        row[S_LOG_DWELL], row[S_DWELL_SPREAD] = np.log(spec.dwell), spec.dwell_spread
        row[S_CONVERSION], row[S_EXAMINATION] = logit(spec.conversion), spec.examination**b.position
        row[S_AGES] = (spec.facet == "age") * (b.ageing / DAY)
        row[S_LOG_PATIENCE] = np.log(spec.patience)
        row[S_QUERY] = spec.query
        row[S_DEVICES:S_DAYPARTS], row[S_DAYPARTS:S_DEVICE_SUM] = spec.devices, spec.dayparts
        row[S_DEVICE_SUM] = sum(spec.devices)
    specs[:, S_FOLLOW_UP] = follow_up(b.transition_feedback, world.scenarios)
    specs[:, S_VISITED] = visited(config, world.scenarios)
    specs[:, S_FIRST], specs[:, S_SIZE] = catalogue.first, catalogue.size
    strides = np.zeros(1, np.int64)
    if sampler is not None:
        specs[:, S_STRIDES], specs[:, S_N_STRIDES], strides = sampler.begin, sampler.count, sampler.strides
    sizes: list[Any] = [
        world.n_topics, len(world.scenarios), config.n_candidates, config.history_length,
        config.choice == "cascade", sampler is not None, world.n_topics // 2,
    ]  # fmt: skip
    return Packed(
        table=catalogue.table,
        specs=specs,
        behaviour=np.array([*(getattr(b, name) for name in BEHAVIOUR), logit(b.leave), logit(b.churn)]),
        sizes=np.array(sizes, np.int64),
        begins=np.array(list(population.begins.values()), np.int64),
        person=keys(world.seed, PERSON),
        gamma=population.gamma,
        tilt=population.tilt,
        strides=strides,
    )
