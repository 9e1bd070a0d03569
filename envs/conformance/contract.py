"""Checks of the contract with Gymnasium: spaces, shapes, own memory, determinism, the same life in both forms."""

from __future__ import annotations

import importlib.util
import re
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.utils.env_checker import check_env as gymnasium_check
from gymnasium.vector import VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from .report import DoesNotApply, Failure
from .subject import OUT_OF_DATE, Subject, calls, core_of, difference, plain, random_actions, row

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def forms(subject: Subject) -> str:
    """Both forms can be made, are ours, and have the same options and spaces."""
    single, batch = subject.single(), subject.batch()
    if not isinstance(batch, VectorEnv) or batch.num_envs != subject.people:
        raise Failure(
            f"make_vector(num_envs={subject.people}) gave {batch!r}; expected a VectorEnv of {subject.people} people."
        )
    one, many = core_of(single), core_of(batch)
    if one.config != many.config:
        raise Failure(
            "the single and the vector environment have different options; register both entry points under one id "
            f"with the same kwargs (found {one.config} and {many.config})."
        )
    for what in ("observation_space", "action_space"):
        alone, here = getattr(single, what), getattr(batch, f"single_{what}")
        if alone != here:
            raise Failure(f"{what} is {alone} in the single environment but single_{what} is {here} in the vector one.")
        if getattr(batch, what) != batch_space(alone, batch.num_envs):
            raise Failure(f"{what} of the vector environment is no batch of {batch.num_envs} of single_{what}.")
    return f"the single and the vector environment ({batch.num_envs} people) have the same options and spaces"


def in_spaces(subject: Subject) -> str:
    """What reset and step return lies in the spaces, with the right shapes and types, also where lives end."""
    single, batch = subject.single(), subject.batch(horizon=_soon(subject))
    count, shape = 0, (batch.num_envs,)
    flags = ("reward", "terminated", "truncated")
    for told in calls(single, subject):
        _fits(single.observation_space, told["observation"], "the single environment's observation")
        kinds = [type(told[name]) for name in flags if name in told]
        if kinds and not (np.isscalar(told["reward"]) and kinds[1:] == [bool, bool]):
            names = ", ".join(kind.__name__ for kind in kinds)
            raise Failure(f"reward, terminated and truncated are {names}; expected a number, bool and bool.")
    for told in calls(batch, subject):
        _fits(batch.observation_space, told["observation"], "the vector environment's observation")
        for name, kind in zip(flags, ("float", "bool", "bool"), strict=True):
            values = np.asarray(told.get(name, np.zeros(shape, kind)))
            if values.shape != shape or values.dtype.kind != kind[0]:
                raise Failure(
                    f"{name} of the vector environment has shape {values.shape} and type {values.dtype}; expected "
                    f"{shape} of {kind}."
                )
        if "final_obs" in told["info"]:
            count += int(np.sum(told["info"]["_final_obs"]))
            _fits(batch.observation_space, told["info"]["final_obs"], "infos['final_obs']")
    return f"all observations of {subject.steps} steps lie in their spaces, {count} last ones of ended lives among them"


def gymnasium_checker(subject: Subject) -> str:
    """Gymnasium's own checker has nothing to say; renderings are left to its users."""
    env = subject.single().unwrapped
    _silent(lambda: gymnasium_check(env, skip_render_check=True), "Gymnasium's check_env")
    return "gymnasium.utils.env_checker.check_env passes without a warning"


def sb3_checker(subject: Subject) -> str:
    """Stable-Baselines3's checker has nothing to say."""
    if importlib.util.find_spec("stable_baselines3") is None:
        raise DoesNotApply("Stable-Baselines3 is not installed")
    from stable_baselines3.common.env_checker import check_env as sb3_check  # loads torch

    env = subject.single().unwrapped
    _silent(lambda: sb3_check(env), "Stable-Baselines3's check_env")
    return "stable_baselines3.common.env_checker.check_env passes without a warning"


def own_memory(subject: Subject) -> str:
    """No array of one call shares memory with one of another call."""
    count = 0
    for form, env in (("single", subject.single()), ("vector", subject.batch(horizon=3))):
        calls = [_arrays(env.reset(seed=subject.seed), "")]
        env.action_space.seed(subject.seed)
        for _ in range(5):
            result = env.step(env.action_space.sample())
            calls.append(_arrays((result[0], result[4]), ""))
            if form == "single" and (result[2] or result[3]):
                calls.append(_arrays(env.reset(), ""))
        for i, call in enumerate(calls):
            for earlier in calls[:i]:
                for where, array in call.items():
                    for there, other in earlier.items():
                        if np.shares_memory(array, other):
                            raise Failure(
                                f"{where} shares memory with {there} of an earlier call of the {form} environment, so "
                                "what a caller kept changes later; return a copy."
                            )
        count += sum(map(len, calls))
    return f"{count} arrays from calls of reset and step share no memory across calls"


def determinism(subject: Subject) -> str:
    """Two instances with one seed live the same lives; other seeds live others."""
    labels = ("in one instance", "in another with the same seed and actions; draw only from crossrec.random")
    for form, make in (("single", subject.single), ("vector", subject.batch)):
        pairs = zip(calls(make(), subject), calls(make(), subject), strict=True)  # both take turns
        for call, (one, other) in enumerate(pairs):
            if found := difference(one, other, labels):
                raise Failure(f"call {call} of the {form} environment: {found}.")
    batch = subject.batch()
    first, _ = batch.reset(seed=subject.seed)
    others, _ = batch.reset(seed=subject.seed + batch.num_envs)
    again, _ = batch.reset(seed=subject.seed)
    labels = ("after reset(seed=s)", "after the same reset later")
    if found := difference(first, again, labels, "the first observation"):
        raise Failure(f"{found}.")
    if difference(first, others, labels) is None:
        raise Failure("reset(seed=...) with other seeds gives the same observations; the seed must decide who is met.")
    if difference(row(first, 0), row(first, 1), labels) is None:
        raise Failure("the first two people of the vector environment see the same; place i must live seed s + i.")
    return f"two instances of each form agree exactly for {subject.steps} steps; other seeds live other lives"


def same_life(subject: Subject) -> str:
    """The single environment with seed s + i lives what place i of the vector environment lives, ends included."""
    soon, n, ends = _soon(subject), subject.people, 0
    places = sorted({0, n // 2, n - 1})
    batch = subject.batch(horizon=soon)
    alone = {i: subject.single(horizon=soon) for i in places}
    observation, infos = batch.reset(seed=subject.seed)
    for i, env in alone.items():
        _same(env.reset(seed=subject.seed + i), (row(observation, i), row(plain(infos), i)), i, 0)
    for step, actions in enumerate(random_actions(batch, subject.steps, subject.seed), 1):
        observation, rewards, terminated, truncated, infos = batch.step(actions)
        for i, env in alone.items():
            last, reward, ended, cut, info = env.step(actions[i])
            outcome = {"reward": rewards[i], "terminated": terminated[i], "truncated": truncated[i]}
            _same(({"reward": reward, "terminated": ended, "truncated": cut}, {}), (outcome, {}), i, step)
            here = row(observation, i), row(plain(infos), i)
            if ended or cut:
                ends += 1
                if not np.any(infos.get("_final_obs", False)):
                    raise Failure(
                        f"step {step}: a life ended in the vector environment, but infos have no 'final_obs'; "
                        "expected AutoresetMode.SAME_STEP, as in CrossScenarioVectorEnv."
                    )
                _same((last, info), (row(infos["final_obs"], i), row(infos["final_info"], i)), i, step)
                next_observation, next_info = env.reset()
                now = {key: value for key, value in here[1].items() if key in next_info}
                _same((next_observation, next_info), (here[0], now), i, step)
            else:
                _same((last, info), here, i, step)
    seeds = ", ".join(str(subject.seed + i) for i in places)
    which = ", ".join(map(str, places))
    return (
        f"places {which} of {n} live what seeds {seeds} live alone, for {subject.steps} steps and {ends} ends of lives"
    )


def _same(alone: tuple[Any, Any], here: tuple[Any, Any], i: int, step: int) -> None:
    labels = ("alone", f"at place {i} of the batch; with seed s place i must live the life of seed s + i")
    for one, other, what in zip(alone, here, ("observation", "info"), strict=True):
        if found := difference(one, other, labels, f"step {step}: {what}"):
            raise Failure(f"{found}.")


def _soon(subject: Subject) -> int:
    """A horizon at which lives end within a check."""
    return max(min(subject.config.horizon, subject.steps // 3), 1)


def _fits(space: spaces.Space[Any], value: Any, where: str) -> None:
    """Raise a failure that says why a value is not in a space."""
    if space.contains(value):
        return
    if isinstance(space, spaces.Dict) and isinstance(value, dict):
        if odd := sorted(map(str, space.spaces.keys() ^ value.keys())):
            which = "is not in the observation" if odd[0] in space.spaces else "is not in the observation space"
            raise Failure(f"{where}: the key {odd[0]!r} {which}; both must name the same keys.")
        for key, part in space.spaces.items():
            _fits(part, value[key], f"{where}[{key!r}]")
    array = np.asarray(value)
    if array.shape != space.shape:
        raise Failure(f"{where} has shape {array.shape}, its space says {space.shape}; make the two agree.")
    if not isinstance(value, np.ndarray) or (space.dtype is not None and not np.can_cast(array.dtype, space.dtype)):
        raise Failure(f"{where} is {type(value).__name__} of {array.dtype}, its space says {space.dtype}.")
    raise Failure(f"{where} has values from {array.min()} to {array.max()}, outside its space {space}.")


def _silent(check: Callable[[], object], name: str) -> None:
    """Run somebody else's checker; an assertion or a warning of it is a failure."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            check()
        except AssertionError as error:
            raise Failure(f"{name} refuses it: {_one_line(error)}") from error
    told = [_one_line(warning.message) for warning in caught]
    if told := [words for words in told if OUT_OF_DATE not in words]:
        raise Failure(f"{name} warns: {told[0]}")


def _one_line(words: object) -> str:
    return " ".join(_COLOURS.sub("", str(words)).split())


def _arrays(result: Any, where: str) -> dict[str, NDArray[Any]]:
    """Every array in a nested result, by where it stands."""
    if isinstance(result, dict):
        parts: Iterable[tuple[str, Any]] = ((f"{where}[{key!r}]", value) for key, value in result.items())
    elif isinstance(result, tuple):
        parts = (("observation", result[0]), ("info", result[1]))
    else:
        return {where: result} if isinstance(result, np.ndarray) else {}
    return {there: array for name, value in parts for there, array in _arrays(value, name).items()}
