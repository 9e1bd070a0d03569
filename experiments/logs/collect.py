"""Collects a log: people live under a behaviour policy whose probabilities are known, one whole life after another.

A life is a function of the seed, its number and the behaviour policy alone. So a log is the same however many people
live at once, and a longer one begins with the shorter one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossrec.config import TrainConfig
from crossrec.errors import ConfigError, check_range
from crossrec.log import Log, joined
from crossrec.log_file import catalogue_hash, check_log_path, write_log
from crossrec.random import as_uniform, keys
from crossrec.world.scenario import spelt_out

from ..compose import compose_train
from ..lab import Lab
from ..progress import Progress
from ..run import provenance
from .behaviour import BehaviourPolicy
from .policies import MIXED, behaviour, lab_for

AT_ONCE, STEPS = 500, 100_000
TEMPERATURE, EPSILON = 1.0, 0.2
_NOISE = 5_000_011  # keeps these lives' noise apart from that of training and evaluation
_SHOWN = 41  # tag of the keys by which is drawn what is shown


def collect(
    config: TrainConfig,
    steps: int | None = None,
    people: int = AT_ONCE,
    policy: BehaviourPolicy | Sequence[str] = (MIXED,),
    *,
    temperature: float = TEMPERATURE,
    epsilon: float = EPSILON,
    lab: Lab | None = None,
) -> Log:
    """A log in memory.

    Args:
        config: Says who lives where, with which contexts and which seed.
        steps: Rows at least; whole lives are added until there are as many. Default: ``config.steps``.
        people: How many live at once; changes speed and memory, never the log.
        policy: A behaviour policy, or names as for :func:`crossrec.experiments.logs.policies.behaviour`.
        temperature: For named policies.
        epsilon: For named policies.
        lab: What to work with, where it has been built already.

    Raises:
        ConfigError: For a wrong option.
        ModelError: If a language model or encoder is needed that is not there.
    """
    names = [] if isinstance(policy, BehaviourPolicy) else list(policy)
    lab = lab_for(config, names) if lab is None else lab
    if not isinstance(policy, BehaviourPolicy):
        policy = behaviour(lab, config, names, temperature, epsilon)
    about = about_log(config, lab, {"policies": names, "temperature": temperature, "epsilon": epsilon})
    return joined(list(parts(config, lab, policy, config.steps if steps is None else steps, people, about)))


def collect_file(
    config: TrainConfig,
    out: str,
    *,
    people: int = AT_ONCE,
    names: Sequence[str] = (MIXED,),
    temperature: float = TEMPERATURE,
    epsilon: float = EPSILON,
    show: bool = True,
) -> int:
    """As :func:`collect`, into a file, with as much in memory as the people at once fill; returns how many rows."""
    check_log_path(Path(out))
    with Progress(None, show) as progress:
        lab = lab_for(config, names, progress)
        policy = behaviour(lab, config, names, temperature, epsilon)
        about = about_log(config, lab, {"policies": list(names), "temperature": temperature, "epsilon": epsilon})
        progress.watch(lab.source)
        progress.stage("log", config.steps)

        def counted() -> Iterator[Log]:
            for part in parts(config, lab, policy, config.steps, people, about):
                yield part
                progress.advance(len(part))

        return write_log(counted(), out)


def config_of_words(words: Sequence[str], config_dir: str | None = None) -> TrainConfig:
    """The config of a log from the command line's words; ``steps`` is 100,000 unless they say otherwise.

    Raises:
        ConfigError: Names the option, what was found and what is allowed.
    """
    config = compose_train([word for word in words if not word.startswith("steps=")], config_dir)
    for word in words:  # apart, because how long an agent explores is no matter here
        if word.startswith("steps="):
            number = word.removeprefix("steps=").replace("_", "")
            if not number.isdecimal() or int(number) < 1:
                raise ConfigError(f"{word} must be a whole number of at least 1.")
            return dataclasses.replace(config, steps=int(number))
    return dataclasses.replace(config, steps=STEPS)


def about_log(config: TrainConfig, lab: Lab, behaviour: dict[str, Any]) -> dict[str, Any]:
    """What a log says about itself; enough to live its lives again."""
    env = dataclasses.replace(config.env, scenarios=spelt_out(config.env.scenarios))
    return {
        "env": dataclasses.asdict(env),
        "context": dataclasses.asdict(config.context),
        "behaviour": behaviour,
        "seed": config.seed,
        "first_seed": config.seed + _NOISE,  # of life 0 in the environment; life i has as much more
        "n_items": lab.world.catalogue.n_items,
        "catalogue": catalogue_hash(lab.world.catalogue),
        **provenance(),
    }


def parts(
    config: TrainConfig, lab: Lab, policy: BehaviourPolicy, steps: int, people: int, about: dict[str, Any]
) -> Iterator[Log]:
    """The log in parts of as many whole lives as there are people at once; the last part is shorter."""
    check_range("steps", steps, 1)
    check_range("--people", people, 1, 100_000)
    first, end = config.env.first_user, min(config.env.last_user, config.eval_first_user)
    if end <= first:
        raise ConfigError(
            f"eval_first_user={config.eval_first_user} leaves nobody to log from env.first_user={first}; set it higher."
        )
    people = min(people, steps)  # nobody lives less than a step
    env = lab.make_env(people, users=end - first)
    start = rows = 0
    while rows < steps:
        lives = start + np.arange(people)
        part = _live(env, policy, config.seed, first + lives % (end - first), lives, about)
        ends = np.flatnonzero(part.ends)
        enough = np.searchsorted(ends + 1, steps - rows)  # lives before the one that fills the log
        if enough < len(ends):
            finals = {key: value[: enough + 1] for key, value in part.finals.items()}
            part = dataclasses.replace(part.rows(np.arange(ends[enough] + 1)), finals=finals)
        yield part
        start, rows = start + people, rows + len(part)


def _live(
    env: Any,
    policy: BehaviourPolicy,
    seed: int,
    users: NDArray[np.int64],
    lives: NDArray[np.int64],
    about: dict[str, Any],
) -> Log:
    """One life of each person."""
    n, places = len(lives), np.arange(env.unwrapped.config.slate_size)
    observation, _ = env.reset(seed=[about["first_seed"] + int(life) for life in lives], options={"user": users})
    alive = np.ones(n, np.bool_)
    columns: list[dict[str, NDArray[Any]]] = []
    finals: dict[str, NDArray[Any]] = {}
    while alive.any():
        step = len(columns)
        draws = as_uniform(keys(seed, _SHOWN, lives[:, None], step, places))
        actions, propensities = policy.act(observation, draws)
        following, rewards, terminated, truncated, infos = env.step(actions)
        happened = infos["reward_parts"]
        row = {f"obs.{key}": value for key, value in observation.items()}
        row |= {"actions": actions, "propensities": propensities, "rewards": rewards, "terminated": terminated}
        row |= {"clicks": happened["click"], "dwell": happened["dwell"], "conversions": happened["conversion"]}
        row |= {"places": _clicked_places(infos, n), "ends": terminated | truncated, "alive": alive.copy()}
        columns.append(row)
        ended = np.flatnonzero(alive & row["ends"])
        for key, value in infos.get("final_obs", {}).items():
            finals.setdefault(key, np.zeros_like(value))[ended] = value[ended]
        alive &= ~row["ends"]
        observation = following
    stacked = {name: np.stack([row[name] for row in columns], axis=1) for name in columns[0]}  # (n, T, ...)
    lived = stacked.pop("alive")
    table = {name: value[lived] for name, value in stacked.items()}
    which, when = np.nonzero(lived)
    return Log(
        observations={name.removeprefix("obs."): table.pop(name) for name in list(table) if name.startswith("obs.")},
        users=users[which],
        lives=lives[which],
        steps=when.astype(np.int64),
        about=about,
        finals=finals,
        **table,
    )


def _clicked_places(infos: dict[str, Any], n: int) -> NDArray[np.int64]:
    if "slate" not in infos:
        return np.zeros(n, np.int64)
    clicked: NDArray[np.int64] = infos["slate"]["click"].argmax(axis=1).astype(np.int64)
    return clicked
