"""One life under one agent, step by step: a log to read or a picture, for people who want to see what happens."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import gymnasium as gym
import numpy as np

from crossrec.config import TrainConfig
from crossrec.envs.context import ContextWrapper
from crossrec.envs.rendering.figure import save_life
from crossrec.envs.rendering.log import LifeLog
from crossrec.envs.rendering.text import life_text
from crossrec.envs.single import CrossScenarioEnv
from crossrec.errors import ConfigError, check_range, nearest
from crossrec.language.build import make_source

from .compose import compose_train
from .evaluate import Policy, evaluation_people
from .lab import BASELINES, PLANNERS, Lab, build_lab
from .run import RunFolder, write_file

_OWN = ("agent", "user", "steps", "seed")
_NUMBERS = {"user": (0, 2**63 - 1), "steps": (1, 10_000_000), "seed": (0, 2**62)}


def journey(
    agent: str | Path = "random",
    *,
    user: int | None = None,
    steps: int | None = None,
    seed: int | None = None,
    out: str | Path | None = None,
    overrides: Sequence[str] = (),
    config_dir: str | None = None,
) -> str:
    """Let one person live under one agent.

    Args:
        agent: Name of a baseline, or the folder of a finished run, whose config then holds.
        user: Id of the person; default: whom the seed meets, for a run the first person of its evaluation.
        steps: How many steps to take at most; default: until the life ends.
        seed: Noise of the life; default 0, for a person of a run's evaluation the noise of that evaluation.
        out: File to write: ``.png`` (a picture), ``.txt`` or ``.md`` (the log).
        overrides: ``env=`` and ``env...=`` for the environment, ``context...=`` for the vectors of ``content``.
        config_dir: A folder of the user's own configs.

    Returns:
        The log, which holds hidden truth, so it is for people only.

    Raises:
        ConfigError: For a wrong option.
        RunError: If the run's folder is damaged or its training is not finished.
        ModelError: If a language model or encoder is needed that is not there.
    """
    writer = _writer(out)
    for name, number in (("user", user), ("steps", steps), ("seed", seed)):
        if number is not None:
            _check_number(name, number)
    name = str(agent)
    if name in (*BASELINES, *PLANNERS):
        config = compose_train(list(overrides), config_dir)
        env, policy = _baseline(name, config, seed or 0)
    else:
        config, env, policy = _trained(
            _run_folder(agent), [*overrides, *([f"--config-dir {config_dir}"] if config_dir else [])]
        )
        people, noise = evaluation_people(config)
        user = int(people[0]) if user is None else user
        if seed is None and user in people:
            seed = noise + user - int(people[0])
    log = _live(env, policy, user, seed or 0, steps)
    text = life_text(log)
    if writer is not None:
        writer(log, text)
    return text


def options_of(words: Sequence[str]) -> dict[str, Any]:
    """Arguments of :func:`journey` from words such as ``["env=news", "user=17", "agent=oracle"]``.

    Raises:
        ConfigError: For an unknown option or a value of the wrong type.
    """
    options: dict[str, Any] = {"overrides": []}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise ConfigError(f"'{word}' is not of the form option=value, e.g. user=17 or env.horizon=60.")
        if name.partition(".")[0] in ("env", "context"):
            options["overrides"].append(word)
        elif name not in _OWN:
            raise ConfigError(f"Unknown option '{name}'; {nearest(name, (*_OWN, 'env', 'context'))}.")
        else:
            options[name] = value if name == "agent" else _number(name, value)
    return options


def _number(name: str, value: str) -> int:
    try:
        number: int | str = int(value)
    except ValueError:
        number = value
    return _check_number(name, number)


def _check_number(name: str, number: Any) -> int:
    low, high = _NUMBERS[name]
    if isinstance(number, bool) or not isinstance(number, (int, np.integer)):
        raise ConfigError(f"{name}={number} must be a whole number of at least {low}.")
    check_range(name, int(number), low, high)
    return int(number)


def _baseline(name: str, config: TrainConfig, seed: int) -> tuple[gym.Env[Any, Any], Policy]:
    env = CrossScenarioEnv(config.env, expose_truth=name == "oracle", render_mode="ansi")
    context = dataclasses.replace(config.context, name="none")
    if name == "content":
        lab = build_lab(config.env, context)
    else:  # the others look at no item vectors, which take a while
        source = make_source(dataclasses.replace(context, encoder="hashing"))
        lab = Lab(config.env, env.world, np.zeros((0, 0), np.float32), None, source)
    return env, lab.baseline(name, cast(Any, env), seed)


def _trained(folder: RunFolder, overrides: Sequence[str]) -> tuple[TrainConfig, gym.Env[Any, Any], Policy]:
    config = folder.config()
    if overrides:
        raise ConfigError(
            f"{overrides[0]} cannot be set beside agent={folder.path}: a run lives in its own environment."
        )
    folder.training()  # refuses an unfinished one
    import torch

    from .train import load_agent

    torch.set_num_threads(1)
    policy: Policy = load_agent(folder, config)
    env: gym.Env[Any, Any] = CrossScenarioEnv(config.env, render_mode="ansi")
    lab = build_lab(config.env, config.context)
    return config, env if lab.reader is None else ContextWrapper(env, lab.reader), policy


def _run_folder(agent: str | Path) -> RunFolder:
    if isinstance(agent, str) and not Path(agent).exists() and Path(agent).name == agent:
        raise ConfigError(
            f"agent={agent!r} is unknown; {nearest(agent, (*BASELINES, *PLANNERS))}, or the folder of a finished run."
        )
    return RunFolder(Path(agent))


def _live(env: gym.Env[Any, Any], policy: Policy, user: int | None, seed: int, steps: int | None) -> LifeLog:
    base = env.unwrapped
    assert isinstance(base, CrossScenarioEnv)
    assert base.renderer is not None  # it was made with a render mode
    observation, _ = env.reset(seed=seed, options=None if user is None else {"user": user})
    state, start, ended = None, np.ones(1, np.bool_), False
    while not ended:
        action, state = policy.predict(observation, state, start, deterministic=True)
        observation, _, terminated, truncated, _ = env.step(action)
        start[:] = ended = terminated or truncated
        assert base.renderer.log is not None
        if len(base.renderer.log.turns) == steps:
            break
    assert base.renderer.log is not None
    return base.renderer.log


def _writer(out: str | Path | None) -> Callable[[LifeLog, str], None] | None:
    """What writes the file, checked before anything is computed."""
    if out is None:
        return None
    file = Path(out)
    write: Mapping[str, Callable[[LifeLog, str, Path], object]] = {
        ".png": lambda log, text, path: save_life(log, path),
        ".txt": lambda log, text, path: path.write_text(text, encoding="utf-8"),
        ".md": lambda log, text, path: path.write_text(f"# Person {log.user}\n\n```\n{text}```\n", encoding="utf-8"),
    }
    if file.suffix not in write:
        raise ConfigError(f"--out {file} must end in one of {', '.join(write)}.")
    if not file.parent.is_dir():
        raise ConfigError(f"--out {file}: there is no folder {file.parent}.")

    def writer(log: LifeLog, text: str) -> None:
        try:
            write_file(file, lambda path: write[file.suffix](log, text, path))
        except OSError as error:
            raise ConfigError(f"--out {file} cannot be written ({error.strerror}).") from error

    return writer
