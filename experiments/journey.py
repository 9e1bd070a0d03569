"""One life under one agent, step by step: a log to read or a picture, for people who want to see what happens."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

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
_GROUPS = ("env", "context")
_NUMBERS = {"user": (0, 2**63 - 1), "steps": (1, 10_000_000), "step": (0, 10_000_000), "seed": (0, 2**62)}
_WRITERS: Mapping[str, Callable[[LifeLog, str, Path], object]] = {
    ".png": lambda log, text, path: save_life(log, path),
    ".txt": lambda log, text, path: path.write_text(text, encoding="utf-8"),
    ".md": lambda log, text, path: path.write_text(f"# Person {log.user}\n\n```\n{text}```\n", encoding="utf-8"),
}


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
    write = file_writer(out, _WRITERS)
    check_numbers(user=user, steps=steps, seed=seed)
    name = str(agent)
    if name in (*BASELINES, *PLANNERS):
        config = compose_train(list(overrides), config_dir)
        env, policy = _baseline(name, config, seed or 0)
    else:
        folder = _run_folder(agent)
        given = [*overrides, *([f"--config-dir {config_dir}"] if config_dir else [])]
        if given:
            raise ConfigError(
                f"{given[0]} cannot be set beside agent={folder.path}: a run lives in its own environment."
            )
        config, env, policy = trained(folder)
        user, seed = whom(config, user, seed)
    for taken, _ in enumerate(lived(env, policy, user, seed or 0)):
        if taken == steps:
            break
    log = log_of(env)
    text = life_text(log)
    write(log, text)
    return text


def options_of(words: Sequence[str], own: Sequence[str] = _OWN, groups: Sequence[str] = _GROUPS) -> dict[str, Any]:
    """Arguments of :func:`journey` from words such as ``["env=news", "user=17", "agent=oracle"]``.

    Args:
        words: Of the form option=value.
        own: Which options there are.
        groups: Groups of options that become ``overrides``; with none there is no such argument.

    Raises:
        ConfigError: For an unknown option or a value of the wrong type.
    """
    options: dict[str, Any] = {"overrides": []} if groups else {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise ConfigError(f"'{word}' is not of the form option=value, e.g. user=17.")
        if name.partition(".")[0] in groups:
            options["overrides"].append(word)
        elif name not in own:
            raise ConfigError(f"Unknown option '{name}'; {nearest(name, (*own, *groups))}.")
        elif name in _NUMBERS:
            options[name] = _number(value)
            check_numbers(**{name: options[name]})
        else:
            options[name] = value
    return options


def _number(value: str) -> int | str:
    try:
        return int(value)
    except ValueError:
        return value


def check_numbers(**numbers: Any) -> None:
    """Check what was given of ``user``, ``steps``, ``step`` and ``seed``; None is for what was not.

    Raises:
        ConfigError: If one is no whole number or out of range.
    """
    for name, number in numbers.items():
        low, high = _NUMBERS[name]
        if number is None:
            continue
        if isinstance(number, bool) or not isinstance(number, (int, np.integer)):
            raise ConfigError(f"{name}={number} must be a whole number of at least {low}.")
        check_range(name, int(number), low, high)


def _baseline(name: str, config: TrainConfig, seed: int) -> tuple[gym.Env[Any, Any], Policy]:
    env = CrossScenarioEnv(config.env, expose_truth=name == "oracle", render_mode="ansi")
    context = dataclasses.replace(config.context, name="none")
    if name == "content":
        lab = build_lab(config.env, context)
    else:  # the others look at no item vectors, which take a while
        source = make_source(dataclasses.replace(context, encoder="hashing"))
        lab = Lab(config.env, env.world, np.zeros((0, 0), np.float32), None, source)
    return env, lab.baseline(name, cast(Any, env), seed)


def trained(folder: RunFolder) -> tuple[TrainConfig, gym.Env[Any, Any], Any]:
    """Config, environment with its contexts, and agent of a finished run.

    Raises:
        RunError: If the folder is damaged or holds no finished training.
        ModelError: If a language model or encoder is needed that is not there.
    """
    config = folder.config()
    folder.training()  # refuses an unfinished one
    import torch

    from .train import load_agent

    torch.set_num_threads(1)
    policy = load_agent(folder, config)
    env: gym.Env[Any, Any] = CrossScenarioEnv(config.env, render_mode="ansi")
    lab = build_lab(config.env, config.context)
    return config, env if lab.reader is None else ContextWrapper(env, lab.reader), policy


def whom(config: TrainConfig, user: int | None, seed: int | None) -> tuple[int, int]:
    """Who lives in a run's environment, and with which noise: by default as in its evaluation."""
    people, noise = evaluation_people(config)
    who = int(people[0]) if user is None else int(user)
    if seed is None:
        seed = noise + who - int(people[0]) if who in people else 0
    return who, int(seed)


def _run_folder(agent: str | Path) -> RunFolder:
    if isinstance(agent, str) and not Path(agent).exists() and Path(agent).name == agent:
        raise ConfigError(
            f"agent={agent!r} is unknown; {nearest(agent, (*BASELINES, *PLANNERS))}, or the folder of a finished run."
        )
    return RunFolder(Path(agent))


def lived(
    env: gym.Env[Any, Any], policy: Policy, user: int | None, seed: int
) -> Iterator[tuple[dict[str, NDArray[Any]], Any]]:
    """A life, moment by moment: what is observed and what the policy then shows, before that is shown."""
    observation, _ = env.reset(seed=seed, options=None if user is None else {"user": user})
    state, start, ended = None, np.ones(1, np.bool_), False
    while not ended:
        action, state = policy.predict(observation, state, start, deterministic=True)
        yield observation, action
        observation, _, terminated, truncated, _ = env.step(action)
        start[:] = ended = terminated or truncated


def log_of(env: gym.Env[Any, Any]) -> LifeLog:
    """The life so far in an environment that was made with a render mode."""
    base = env.unwrapped
    assert isinstance(base, CrossScenarioEnv)
    assert base.renderer is not None
    assert base.renderer.log is not None
    return base.renderer.log


def file_writer(out: str | Path | None, kinds: Mapping[str, Callable[..., object]]) -> Callable[..., None]:
    """What writes a file; it is checked here, before anything is computed.

    Args:
        out: The file; None to write nothing.
        kinds: By ending, what writes it: called with what the writer is called with, and the path.

    Raises:
        ConfigError: For another ending, or a folder that is not there; from the writer, if the file cannot be written.
    """
    if out is None:
        return lambda *content: None
    file = Path(out)
    if file.suffix not in kinds:
        raise ConfigError(f"--out {file} must end in one of {', '.join(kinds)}.")
    if not file.parent.is_dir():
        raise ConfigError(f"--out {file}: there is no folder {file.parent}.")

    def writer(*content: Any) -> None:
        try:
            write_file(file, lambda path: kinds[file.suffix](*content, path))
        except OSError as error:
            raise ConfigError(f"--out {file} cannot be written ({error.strerror}).") from error

    return writer
