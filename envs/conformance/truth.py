"""Checks that hidden truth stays hidden, whatever code an environment adds."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossrec.errors import ConfigError
from crossrec.simulation.simulator import Simulator
from crossrec.simulation.state import Truth
from crossrec.world.population import People, Population
from crossrec.world.synthetic import World

from ..base import PeopleCore
from .report import DoesNotApply, Failure
from .subject import Batch, Env, Subject, calls, core_of, difference, named, random_actions

TOO_GOOD = 0.9  # share of the way from random to oracle that no observable feature gets by itself
_WIDEST = 256  # numbers per candidate that are looked at
_HIDDEN = {field.name for field in dataclasses.fields(Truth)} & {field.name for field in dataclasses.fields(People)}


def hidden_truth(subject: Subject) -> str:
    """Nothing that is observed depends on truth at the moment: other truths, same observations and infos.

    An environment's own code sees other people's hidden truth whenever it looks, while lives go on with the real one.
    """
    labels = ("in one life", "in the same life")
    disguised = ("as things are", "where people's hidden truth is another; observe what Seen holds, never Truth")
    for form, make in (("single", subject.single), ("vector", subject.batch)):
        for exposed in (False, True):
            soon = max(subject.steps // 2, 1)
            usual, again, other = (make(truth=exposed, horizon=soon) for _ in range(3))
            _disguise(other)
            told = zip(*(calls(env, subject) for env in (usual, again, other)), strict=True)
            for call, all_three in enumerate(told):
                one, twin, stranger = (_untrue(each, exposed) for each in all_three)
                if difference(one, twin, labels):
                    raise DoesNotApply("two lives of one seed differ anyway; see determinism")
                if found := difference(one, stranger, disguised):
                    raise Failure(f"call {call} of the {form} environment: {found}.")
            if not exposed:
                _refuses(usual, form)
    return (
        f"scrambling what is hidden changes nothing that {subject.steps} steps observe; infos and expected_rewards() "
        "tell the truth only with expose_truth=True"
    )


def giveaways(subject: Subject) -> str:
    """No number per candidate, and no place in the list, finds the best candidate nearly as well as the oracle does."""
    batch = subject.batch(truth=True)
    observation, _ = batch.reset(seed=subject.seed)
    found: dict[str, list[tuple[float, float, float]]] = {}  # feature -> (its, random's, oracle's) expected reward
    for step, actions in enumerate(random_actions(batch, subject.steps, subject.seed)):
        if step % 5 == 0:
            expected = batch.unwrapped.expected_rewards()  # type: ignore[attr-defined]
            for name, choice in _features(batch, observation, expected.shape[1]):
                found.setdefault(name, []).append(_worth(expected, choice))
        observation, *_ = batch.step(actions)
    scores = {name: _score(values) for name, values in found.items()}
    name = max(scores, key=lambda key: scores[key])
    if scores[name] == -np.inf:
        raise DoesNotApply("the oracle gains nothing over a random choice; see the check of the oracle")
    if scores[name] > TOO_GOOD:
        raise Failure(
            f"{name} gives the best candidate away: choosing by it alone earns {scores[name]:.0%} of what the oracle "
            f"gains over random at a moment; allowed: at most {TOO_GOOD:.0%}, which nothing observable reaches."
        )
    return (
        f"the best of {len(scores)} features of candidates, {name}, earns {scores[name]:.0%} of what the oracle gains "
        "over random at a moment"
    )


def _disguise(env: Env | Batch) -> None:
    """Let an environment's own code see strangers' truth; the simulator goes on with the real one."""
    core = core_of(env)
    holders = [env.unwrapped, core, core.simulator]
    real, strange = core.world, _strangers(core.world)
    kept: dict[str, NDArray[Any]] = {}
    depth = 0

    def take_off() -> None:
        for holder in holders:
            vars(holder)["world"] = real
        for name, values in kept.items():
            getattr(core.simulator.truth, name)[...] = values

    def put_on() -> None:
        for holder in holders:
            vars(holder)["world"] = strange
        truth = core.simulator.truth
        for field in dataclasses.fields(Truth):
            values = getattr(truth, field.name)
            kept[field.name] = values.copy()
            values[...] = _scrambled(values, truth.theta.shape[1])

    def undisguised(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            nonlocal depth
            if not depth:
                take_off()
            depth += 1
            try:
                return method(*args, **options)
            finally:
                depth -= 1
                if not depth:
                    put_on()

        return call

    for name in ("begin", "begin_next", "step"):
        setattr(core, name, undisguised(getattr(core, name)))


def _scrambled(values: NDArray[Any], n_topics: int) -> NDArray[Any]:
    """Other values that are possible as well."""
    if values.dtype == bool:
        return ~values
    if values.dtype.kind in "iu":
        return (values + 5) % n_topics
    return np.roll(values, 7, axis=1) if values.ndim > 1 else values * 0.5 + 0.1


class _Strangers(Population):
    """The same people to look at, with the hidden traits of others."""

    def people(self, ids: NDArray[np.int64]) -> People:
        other = super().people(ids + 1_000_003)
        return dataclasses.replace(super().people(ids), **{name: getattr(other, name) for name in _HIDDEN})

    def private(self, ids: NDArray[np.int64], scenario: NDArray[np.integer]) -> NDArray[np.float32]:
        return super().private(ids + 1_000_003, scenario)


def _strangers(world: World) -> World:
    """A world that looks the same, with other people and other qualities of items."""
    strange, catalogue = copy.copy(world), copy.copy(world.catalogue)
    object.__setattr__(catalogue, "table", catalogue.table.copy())
    catalogue.quality[1:] = np.roll(catalogue.quality[1:], 1)
    population = copy.copy(world.population)
    population.__class__ = _Strangers
    object.__setattr__(strange, "catalogue", catalogue)
    object.__setattr__(strange, "population", population)
    return strange


def _untrue(told: dict[str, Any], exposed: bool) -> dict[str, Any]:
    """What a call says, without the truth that was asked for."""
    infos = told["info"]
    if ("truth" in infos) is not exposed:
        raise Failure(f"infos {'have no' if exposed else 'tell the'} 'truth' where expose_truth={exposed}.")
    left = {key: value for key, value in infos.items() if key != "truth"}
    if "final_info" in left:
        left["final_info"] = {key: value for key, value in left["final_info"].items() if key != "truth"}
    return {**told, "info": left}


def _refuses(env: Env | Batch, form: str) -> None:
    try:
        env.unwrapped.expected_rewards()  # type: ignore[union-attr]
    except ConfigError:
        return
    raise Failure(f"expected_rewards() of the {form} environment tells hidden truth though expose_truth=False.")


def _features(batch: Batch, observation: Any, c: int) -> Iterator[tuple[str, NDArray[np.intp]]]:
    """What may be read off a candidate and is not the package's own, with the choice (n,) that it suggests."""
    core: PeopleCore = core_of(batch)
    allowed, own = core.simulator.seen.candidates > 0, Simulator.observe(core.simulator)
    for place in range(c):
        yield f"place {place} of the list", np.where(allowed[:, place], place, allowed.argmax(axis=1))
    for key, values in named(observation).items():
        array = np.asarray(values).reshape(len(allowed), -1)
        if array.shape[1] % c or array.shape[1] > c * _WIDEST or array.dtype.kind not in "biuf":
            continue
        if key in own and np.array_equal(own[key], values):
            continue
        columns = array.reshape(len(allowed), c, -1).astype(float)
        for which in range(columns.shape[2]):
            name = f"observation[{key!r}]" + (f", number {which} per candidate," if columns.shape[2] > 1 else "")
            for sign, words in ((1.0, name), (-1.0, f"the lowest {name}")):
                yield words, np.where(allowed, sign * columns[:, :, which], -np.inf).argmax(axis=1)


def _worth(expected: NDArray[np.float64], choice: NDArray[np.intp]) -> tuple[float, float, float]:
    """Mean expected reward now of a choice (n,), of a random one, and of the best."""
    known = np.where(np.isfinite(expected), expected, np.nan)
    chosen = expected[np.arange(len(expected)), choice]
    return float(chosen.mean()), float(np.nanmean(known, axis=1).mean()), float(expected.max(axis=1).mean())


def _score(values: list[tuple[float, float, float]]) -> float:
    """Share of the way from random to oracle."""
    chosen, at_random, best = np.mean(values, axis=0)
    return float((chosen - at_random) / (best - at_random)) if best - at_random > 1e-9 else -np.inf
