"""Searching options with Optuna instead of trying all of a grid; a search that was cut off goes on."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from crossrec.errors import ConfigError, check_range

from .launchers import require

_CHOICES = (",", "interval(", "range(", "choice(")


def search_name(words: Sequence[str], trials: int) -> str:
    """What a search is called: the same options are the same search, however many trials are asked for.

    Raises:
        ConfigError: If Optuna's plugin is missing, or there is nothing to choose.
    """
    check_range("--search", trials, 1, 1_000_000)
    require("--search", "hydra_optuna_sweeper", "search")
    if not any(mark in word.partition("=")[2] for word in words for mark in _CHOICES):
        raise ConfigError("--search has nothing to choose; give an option several values, or interval(low,high).")
    return f"search-{hashlib.sha256(json.dumps(sorted(words)).encode()).hexdigest()[:8]}"


def search_words(name: str, folder: Path, trials: int, jobs: int) -> list[str] | None:
    """Hydra's options for the rest of a search.

    Args:
        name: From :func:`search_name`.
        folder: Where the study is kept.
        trials: How many runs there are to be, with those of earlier starts.
        jobs: How many of them at once.

    Returns:
        The options, or None if nothing is left to do.
    """
    import optuna
    from optuna.trial import TrialState

    optuna.logging.set_verbosity(logging.ERROR)
    storage = f"sqlite:///{folder.resolve() / 'search.db'}"
    study = optuna.create_study(study_name=name, storage=storage, direction="maximize", load_if_exists=True)
    known = study.get_trials(deepcopy=False)
    left = trials - sum(trial.state == TrialState.COMPLETE for trial in known)
    if left <= 0:
        return None
    for trial in known:
        if trial.state == TrialState.RUNNING:  # cut off: its run goes on from its last resume point
            study.tell(trial.number, state=TrialState.FAIL)
            study.enqueue_trial(trial.params)
    own: dict[str, Any] = {
        "n_trials": left,
        "n_jobs": jobs,
        "study_name": name,
        "storage": storage,
        "sampler.seed": len(known),  # else the first choices of every start would be the same
    }
    return ["hydra/sweeper=search", *(f"hydra.sweeper.{option}={value}" for option, value in own.items())]
