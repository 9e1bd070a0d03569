"""The conformance kit: does an environment, or a scenario, keep the promises that CrossRec makes?

Example:
    >>> from crossrec.testing import check_env, check_scenario
    >>> print(check_env("my/FastDrift-v0"))
    >>> check_env(MyEnv, MyVectorEnv, horizon=60).raise_if_failed()
    >>> print(check_scenario("podcasts.yaml"))
"""

from __future__ import annotations

import dataclasses
import os
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import gymnasium as gym

from crossrec.config import EnvConfig
from crossrec.errors import ConfigError, check_range
from crossrec.world.scenario import Scenario, resolve_scenarios

from ..registration import CROSS_SCENARIO
from . import contract, effects, episodes, truth
from . import scenario as in_scenario
from .report import Check, ConformanceError, Report, run, sentence
from .subject import OUT_OF_DATE, Batch, Env, Subject, core_of

__all__ = ["CHECKS", "Check", "ConformanceError", "Report", "check_env", "check_scenario"]

#: Every check of an environment by name; each returns what it measured, or raises why it failed.
CHECKS: dict[str, Callable[[Subject], str]] = {
    "forms": contract.forms,
    "spaces": contract.in_spaces,
    "gymnasium": contract.gymnasium_checker,
    "stable-baselines3": contract.sb3_checker,
    "own memory": contract.own_memory,
    "determinism": contract.determinism,
    "same life": contract.same_life,
    "hidden truth": truth.hidden_truth,
    "giveaways": truth.giveaways,
    "oracle": effects.oracle_beats_random,
    "effects": effects.effects,
    "horizon": episodes.horizon,
    "churn": episodes.churn,
    "reward": episodes.reward,
    "padding": episodes.padding,
    "slates": episodes.slates,
}


def check_env(
    env: str | Callable[..., Env],
    make_vector: Callable[..., Batch] | None = None,
    *,
    people: int = 64,
    steps: int = 40,
    seed: int = 0,
    **options: Any,
) -> Report:
    """Check that an environment keeps CrossRec's promises; print the report, or call ``raise_if_failed()``.

    Args:
        env: A registered id with both entry points; or a class or function that makes the single environment from
            options, given together with ``make_vector``.
        make_vector: Makes the vector environment from ``num_envs`` and the same options.
        people: How many live at once in a check, at least 16.
        steps: How long they live, at least 10.
        seed: Of the first of them.
        **options: Options of the environment, e.g. ``horizon=60``.

    Raises:
        ConfigError: If the kit is asked for something impossible. What is wrong with the environment is in the report.
    """
    _check_sizes(people, steps, seed)
    if "expose_truth" in options:
        raise ConfigError("check_env sets expose_truth itself, on and off; leave it out.")
    if isinstance(env, str):
        if make_vector is not None:
            raise ConfigError(f"env={env!r} is an id, which has its vector form already; leave make_vector out.")
        name, (make, make_vector) = env, _id(env)
    elif callable(env) and make_vector is not None:
        name, make = getattr(env, "__name__", repr(env)), env
    else:
        raise ConfigError(
            f"env={env!r} must be an id, as in check_env('crossrec/News-v0'), or a class beside its vector form, as in "
            "check_env(MyEnv, MyVectorEnv); the kit makes environments itself."
        )
    blank = Subject(name, make, make_vector, options, EnvConfig(), people, steps, seed)
    return Report(name, _checks(blank))


def _checks(
    blank: Subject, where: str = "", more: Mapping[str, Callable[[Subject], str]] | None = None
) -> tuple[Check, ...]:
    """All checks of an environment whose config is still to be found out; only the first if it cannot be made."""
    first = run({"forms": contract.forms}, blank, where)
    if not first[0].passed:
        return first
    subject = dataclasses.replace(blank, config=core_of(blank.single()).config)
    rest = {name: check for name, check in CHECKS.items() if name != "forms"}
    return first + run(rest | dict(more or {}), subject, where)


def check_scenario(
    scenario: str | os.PathLike[str] | Scenario | Mapping[str, Any],
    *,
    people: int = 64,
    steps: int = 40,
    seed: int = 0,
    **options: Any,
) -> Report:
    """Check an environment of a scenario alone, one of it beside news, and whether people behave sensibly in it.

    Args:
        scenario: A :class:`Scenario`, a registered name, the path of a YAML file, or a mapping of fields.
        people: As in :func:`check_env`.
        steps: As in :func:`check_env`.
        seed: As in :func:`check_env`.
        **options: Options of both environments besides ``scenarios``.

    Raises:
        ConfigError: If the kit is asked for something impossible. What is wrong with the scenario is in the report.
    """
    _check_sizes(people, steps, seed)
    for option in ("scenarios", "expose_truth", "config"):
        if option in options:
            raise ConfigError(f"check_scenario sets {option} itself; leave it out.")
    try:
        (spec,) = resolve_scenarios([scenario], "scenario")
    except Exception as error:
        return Report(f"scenario {scenario!r}", (Check("description", False, sentence(error)),))
    blank = Subject(spec.name, *_id(CROSS_SCENARIO), {}, EnvConfig(), people, steps, seed)
    other = in_scenario.companion(spec)
    alone = dataclasses.replace(blank, options={"scenarios": [spec], **options})
    beside = dataclasses.replace(blank, options={"scenarios": [spec, other], **options})
    here = _checks(alone, "alone: ", {"click rate": in_scenario.click_rate})
    there = _checks(beside, f"beside {other.name}: ", {"visits": in_scenario.visits, "sharing": in_scenario.sharing})
    return Report(f"scenario {spec.name}", here + there)


def _check_sizes(people: int, steps: int, seed: int) -> None:
    check_range("people", people, 16, 100_000)
    check_range("steps", steps, 10, 100_000)
    check_range("seed", seed, 0, 2**61)


def _id(env_id: str) -> tuple[Callable[..., Env], Callable[..., Batch]]:
    """What makes both forms of a registered environment; an old version is no less sound for being old."""

    def make(**options: Any) -> Env:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", f".*{OUT_OF_DATE}")
            return gym.make(env_id, disable_env_checker=True, **options)

    def make_vector(**options: Any) -> Batch:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", f".*{OUT_OF_DATE}")
            return gym.make_vec(env_id, vectorization_mode="vector_entry_point", **options)

    return make, make_vector
