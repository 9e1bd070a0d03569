"""Searching options with Optuna instead of trying all of a grid; a search that was cut off goes on."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import warnings
from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep
from hydra.types import HydraContext
from omegaconf import DictConfig

from crossrec.errors import ConfigError, check_range

from ..compose import sentence
from .launchers import require
from .records import DONE, Records
from .sweeper import checked

_INSIDE = 0.382  # place within an interval that is tried out, no whole number of its width


def search_name(words: Sequence[str], trials: int) -> str:
    """What a search is called: the same options are the same search, however many trials are asked for.

    Raises:
        ConfigError: If Optuna's plugin is missing, or the number of trials is out of range.
    """
    check_range("--search", trials, 1, 1_000_000)
    require("--search", "hydra_optuna_sweeper", "search")
    return f"search-{hashlib.sha256(json.dumps(sorted(words)).encode()).hexdigest()[:8]}"


def search_words(records: Records, trials: int, jobs: int) -> list[str] | None:
    """Hydra's options for the rest of a search.

    Args:
        records: Of the search; the study is kept beside them.
        trials: How many runs there are to be, with those of earlier starts.
        jobs: How many of them at once.

    Returns:
        The options, or None if nothing is left to do.
    """
    os.environ.setdefault("SQLALCHEMY_SILENCE_UBER_WARNING", "1")  # that Optuna 2 is not written for SQLAlchemy 2
    import optuna
    from optuna.trial import TrialState

    optuna.logging.set_verbosity(logging.ERROR)
    # The plugin warns of runs that failed, of which a sweep tells in its own words.
    logging.getLogger("hydra_plugins").addHandler(logging.NullHandler())
    name = records.part
    storage = f"sqlite:///{records.folder.resolve() / 'search.db'}"
    study = optuna.create_study(study_name=name, storage=storage, direction="maximize", load_if_exists=True)
    known = study.get_trials(deepcopy=False)
    finished = {frozenset(records.of(run).words) for run in records.known() if records.of(run).state == DONE}
    tried = {frozenset(f"{option}={value}" for option, value in trial.params.items()): trial for trial in known}
    done = sum(any(words <= run for run in finished) for words in tried)
    if done >= trials:
        return None
    for words, trial in tried.items():
        if trial.state == TrialState.RUNNING:  # cut off
            study.tell(trial.number, state=TrialState.FAIL)
        if not any(words <= run for run in finished):  # cut off, failed, or its folder is gone
            with warnings.catch_warnings(action="ignore"):  # it has been experimental for years
                study.enqueue_trial(trial.params)
    own: dict[str, Any] = {
        "n_trials": trials - done,
        "n_jobs": jobs,
        "study_name": name,
        "storage": "'" + storage.replace("'", "\\'") + "'",
        "sampler.seed": len(known),  # else the first choices of every start would be the same
    }
    return ["hydra/sweeper=search", *(f"hydra.sweeper.{option}={value}" for option, value in own.items())]


def check_search(context: HydraContext, config: DictConfig, words: Sequence[str], runs: str) -> None:
    """Check what a search chooses from, at one point of it.

    Args:
        context: Hydra's.
        config: What Hydra composed for the sweep.
        words: Options as they were typed, without Hydra's own.
        runs: The folder of runs.

    Raises:
        ConfigError: If a name, a type or a range is wrong, or there is nothing to choose.
    """
    try:
        parsed = OverridesParser.create(config_loader=context.config_loader).parse_overrides(list(words))
    except Exception as error:
        raise ConfigError(sentence(error, words)) from error
    chosen = [override for override in parsed if override.is_sweep_override()]
    if not chosen:
        raise ConfigError("--search has nothing to choose; give an option several values, or interval(low,high).")
    if any(override.key_or_group == "seed" for override in chosen):
        raise ConfigError("--search would choose the luckiest seed; set one seed=.")
    point = []
    for override, word in zip(parsed, words, strict=True):
        value = override.value()
        if isinstance(value, IntervalSweep):
            assert value.start is not None
            assert value.end is not None
            point.append(f"{override.key_or_group}={value.start + _INSIDE * (value.end - value.start)}")
        elif override.is_sweep_override():
            point.append(f"{override.key_or_group}={next(override.sweep_string_iterator())}")
        else:
            point.append(word)
    checked(context, config, point, runs)
