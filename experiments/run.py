"""A run's folder: what is in it, how it is named, and how it is written so that a crash leaves nothing half-written."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import json
import os
import platform
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from omegaconf import OmegaConf

from crossrec import __version__
from crossrec.config import AGENTS, TrainConfig
from crossrec.errors import ConfigError, RunError
from crossrec.language.models import fingerprint
from crossrec.options import check_train_config, from_options
from crossrec.world.scenario import spelt_out

_ELSEWHERE = {"runs", "device", "tracking"}  # options that say where and how a run is computed, not what
_CONTEXT_ELSEWHERE = {"device", "store", "store_entries"}
_ENDPOINT_ELSEWHERE = {"url", "key_variable", "concurrency", "timeout", "retries"}
_PACKAGES = ("crossrec", "numpy", "scipy", "gymnasium", "stable-baselines3", "torch", "transformers", "numba")


@dataclass(frozen=True)
class RunFolder:
    """One run's folder.

    Attributes:
        path: Where it is.
    """

    path: Path

    @property
    def config_file(self) -> Path:
        """The resolved config, YAML."""
        return self.path / "config.yaml"

    @property
    def checkpoint(self) -> Path:
        """The agent, as Stable-Baselines3 saves it."""
        return self.path / "checkpoint.zip"

    @property
    def result_file(self) -> Path:
        """What came out; there only when the run is complete."""
        return self.path / "result.json"

    @property
    def trained_file(self) -> Path:
        """What training took; there only when it is finished."""
        return self.path / "training.json"

    @property
    def training_file(self) -> Path:
        """Learning curve, Parquet."""
        return self.path / "training.parquet"

    @property
    def evaluation_file(self) -> Path:
        """One row per policy and person, Parquet."""
        return self.path / "evaluation.parquet"

    @property
    def metrics_file(self) -> Path:
        """All metrics, one row per policy, scenario, group of people and metric, Parquet; not in runs of old."""
        return self.path / "metrics.parquet"

    @property
    def journeys_file(self) -> Path:
        """A few people's lives under the agent, one row per step, Parquet; not in runs of old."""
        return self.path / "journeys.parquet"

    @property
    def progress_file(self) -> Path:
        """How far a run in progress is, for those who watch it from outside."""
        return self.path / "progress.json"

    @property
    def resume(self) -> Path:
        """Folder of resume points, while training is under way."""
        return self.path / "resume"

    @property
    def figures(self) -> Path:
        """Folder of figures."""
        return self.path / "figures"

    def result(self) -> dict[str, Any]:
        """The result of a complete run.

        Raises:
            RunError: If there is none, or it is damaged.
        """
        try:
            result = json.loads(self.result_file.read_text(encoding="utf-8"))
            if not isinstance(result, dict) or "scores" not in result:
                raise ValueError("no 'scores' in it")
        except FileNotFoundError:
            raise RunError(f"{self.path} has no result.json: the run is not complete; run it again.") from None
        except (OSError, ValueError) as error:
            raise RunError(f"{self.result_file} is damaged ({error}); delete it and run again.") from error
        return result

    def training(self) -> dict[str, Any]:
        """What training took.

        Raises:
            RunError: If training is not finished, or the note of it is damaged.
        """
        try:
            training = json.loads(self.trained_file.read_text(encoding="utf-8"))
            if not isinstance(training, dict):
                raise ValueError("no object in it")
        except FileNotFoundError:
            raise RunError(
                f"{self.path} holds an unfinished training; run the same `crossrec train` command again."
            ) from None
        except (OSError, ValueError) as error:
            raise RunError(f"{self.trained_file} is damaged ({error}); delete it and train again.") from error
        return training

    def config(self) -> TrainConfig:
        """The config that the run was started with.

        Raises:
            RunError: If the folder is not a run's, or its config is damaged.
        """
        if not self.config_file.is_file():
            raise RunError(f"{self.path} is not a run's folder: it has no config.yaml.")
        try:
            options = OmegaConf.to_container(OmegaConf.load(self.config_file))
            if not isinstance(options, dict) or not isinstance(options.get("agent"), dict):
                raise ValueError("no 'agent' in it")
            agent = options["agent"]
            schema = AGENTS[agent["name"]]
            rest = {str(k): v for k, v in options.items() if k != "agent"}
            config = from_options(TrainConfig, rest)
            config.agent = from_options(schema, agent, "agent.")
            check_train_config(config)
        # A YAML parser raises errors of its own for what is not YAML.
        except Exception as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise RunError(f"{self.config_file} is damaged ({reason}); run `crossrec train` again.") from error
        return config


def folder_of(config: TrainConfig) -> RunFolder:
    """The folder of a config's run: readable names and a hash of everything that decides the result."""
    digest = hashlib.sha256(json.dumps(deciding(config), sort_keys=True).encode()).hexdigest()[:8]
    return RunFolder(Path(config.runs) / f"{config.agent.name}-{config.context.name}-seed{config.seed}-{digest}")


def deciding(config: TrainConfig) -> dict[str, Any]:
    """All options that decide a run's result, and the version of CrossRec."""
    options = {k: v for k, v in dataclasses.asdict(_spelt_out(config)).items() if k not in _ELSEWHERE}
    # Only in plain float32 is a text the same in a batch of any size.
    exact = config.context.dtype == "float32" and config.context.quantisation == "none"
    elsewhere = _CONTEXT_ELSEWHERE | ({"batch_size", "workers"} if exact else set())
    options["context"] = {k: v for k, v in options["context"].items() if k not in elsewhere}
    for kind in ("generator_folder", "encoder_folder"):
        options["context"][kind] = _model(options["context"][kind])
    if config.start is not None:
        options["start"] = Path(config.start).resolve().name  # which holds a hash of all that decided its result
    endpoint = options["context"]["endpoint"]
    options["context"]["endpoint"] = {k: v for k, v in endpoint.items() if k not in _ENDPOINT_ELSEWHERE}
    options["env"].pop("engine")
    options["version"] = __version__
    return options


def differences(old: Any, new: Any, name: str = "") -> list[str]:
    """What differs between two nested options, as ``option: old -> new``; ``name`` is that of the whole."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return [] if old == new else [f"{name}: {old} -> {new}"]
    return [
        line
        for key in dict.fromkeys([*old, *new])
        for line in differences(old.get(key), new.get(key), f"{name}.{key}" if name else key)
    ]


def flat(options: Mapping[str, Any], name: str = "") -> dict[str, Any]:
    """Nested options by dotted name."""
    found: dict[str, Any] = {}
    for key, value in options.items():
        path = f"{name}.{key}" if name else str(key)
        found |= flat(value, path) if isinstance(value, dict) and value else {path: value}
    return found


def _model(folder: str | None) -> str | None:
    """What is in a model folder, wherever it lies; of a hub id or a missing folder the name."""
    path = Path(folder).expanduser() if folder else None
    return fingerprint(path) if path is not None and path.is_dir() else folder


def _spelt_out(config: TrainConfig) -> TrainConfig:
    """The same config with all scenarios written out that do not ship."""
    env = dataclasses.replace(config.env, scenarios=spelt_out(config.env.scenarios))
    return dataclasses.replace(config, env=env)


def write_config(folder: RunFolder, config: TrainConfig) -> None:
    """Make the folder and put the resolved config there.

    Raises:
        ConfigError: If the folder cannot be written.
    """
    try:
        folder.path.mkdir(parents=True, exist_ok=True)
        if folder.result_file.is_file():
            return  # a finished run keeps the options that it was computed with
        write_text(folder.config_file, OmegaConf.to_yaml(OmegaConf.structured(_spelt_out(config))))
    except OSError as error:
        raise ConfigError(f"runs={config.runs} cannot be written ({error.strerror}); set another folder.") from error


def write_text(file: Path, text: str) -> None:
    """Write a file so that readers see the old or the new content, never half of it."""
    write_file(file, lambda path: path.write_text(text, encoding="utf-8"))


def write_json(file: Path, content: dict[str, Any]) -> None:
    """As :func:`write_text`, JSON."""
    write_text(file, json.dumps(content, indent=2) + "\n")


def write_table(file: Path, table: pd.DataFrame) -> None:
    """As :func:`write_text`, Parquet."""
    write_file(file, lambda path: table.to_parquet(path, index=False))


def write_file(file: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a temporary sibling, then put it in place at once."""
    temporary = file.with_name(f".{os.getpid()}-{file.name}")
    try:
        write(temporary)
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)


def provenance() -> dict[str, Any]:
    """Versions of what took part, and the git commit where there is one."""
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True, check=False
    )
    return {
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in _PACKAGES},
        "commit": commit.stdout.strip() or None,
    }
