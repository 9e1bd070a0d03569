"""The log that an environment's baselines learn from: made once, kept beside the runs."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

from crossrec.config import TrainConfig
from crossrec.errors import ConfigError
from crossrec.log_file import read_log

from ..logs.collect import EPSILON, TEMPERATURE, collect_file
from ..logs.policies import MIXED
from .cells import digest_of, plain


def log_path(env: str, config: TrainConfig) -> Path:
    """Where the log of an environment is kept; its name tells everything that decides what is in it.

    Args:
        env: Name of the environment.
        config: Of the log: its steps are rows.
    """
    digest = digest_of(dataclasses.replace(plain(config), steps=config.steps), MIXED, TEMPERATURE, EPSILON)
    return Path(config.runs) / "logs" / f"{env}-{digest}.parquet"


def make_log(file: Path, config: TrainConfig) -> None:
    """Make a log unless it is there; a damaged one is told of and made again.

    Raises:
        ConfigError: If it cannot be made or written.
        ModelError: If a language model or encoder is needed that is not there.
    """
    if file.is_file():
        try:
            read_log(file)
            return
        except ConfigError as error:
            print(f"crossrec: {error.args[0].rstrip('.')}; it is being made again.", file=sys.stderr)
    file.parent.mkdir(parents=True, exist_ok=True)
    collect_file(config, str(file))
