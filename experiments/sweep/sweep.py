"""A sweep: many runs over Hydra's launchers, of which only what is missing is done."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from hydra import initialize_config_module
from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, RunMode

from crossrec.config import TrainConfig
from crossrec.errors import ConfigError, CrossRecError, RunError, check_range

from ..compose import hydra_words, register, sentence
from ..run import RunFolder
from .children import TRAIN
from .job import Job
from .launchers import end_ray, launcher_words, quiet_ray
from .live import Watch
from .records import FAILED, GRID, STOPPED, Records, records_of
from .search import check_search, search_name, search_words
from .sweeper import GridSweeper, Planned

Note = Callable[[Planned], None]
Known = Callable[[], dict[str, RunFolder]]

_STARTS = 3  # of a launcher that lost a worker
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
_OWN = (  # what Hydra would write or print besides
    "hydra/job_logging=none",
    "hydra/hydra_logging=none",
    "hydra.output_subdir=null",
    "hydra.sweep.subdir=.",
    "hydra.job.chdir=false",
)


@dataclass(frozen=True)
class Outcome:
    """What came of a sweep.

    Attributes:
        folders: Of all runs that were asked for, by name.
        failed: By name what went wrong, in words.
        words: By name the options that were given.
        finished_before: How many had been finished by an earlier sweep.
        trouble: Why the launcher gave up before all was done, in words, or nothing.
    """

    folders: dict[str, RunFolder]
    failed: dict[str, str]
    words: dict[str, tuple[str, ...]]
    finished_before: int
    trouble: str = ""


def sweep(
    words: Sequence[str],
    *,
    launcher: str = "joblib",
    jobs: int = 2,
    address: str | None = None,
    timeout: float | None = None,
    fail_fast: bool = False,
    search: int | None = None,
    config_dir: str | None = None,
    task: str = TRAIN,
) -> Outcome:
    """Do what is missing of a grid of runs, or of a search.

    Args:
        words: Options as for ``crossrec train``, each with one value or several, by commas; Hydra's own words too.
        launcher: One of :data:`crossrec.experiments.sweep.launchers.LAUNCHERS`.
        jobs: How many runs at once.
        address: Of a running Ray cluster.
        timeout: After how many seconds a run is stopped, or None.
        fail_fast: Whether no further run begins after one has failed.
        search: How many runs whose options Optuna chooses, to raise the agent's score; None for a grid.
        config_dir: Folder of own configs.
        task: What a run does with its config, as ``module:function``; it must leave the run's ``result.json``.

    Raises:
        ConfigError: If an option of any run is wrong, before any is begun (of a search: of the first run).
        RunError: If another sweep works in the same folder.
    """
    check_range("--jobs", jobs, 1, 1024)
    runs, since = _runs_of(words), time.time()
    records = records_of(runs) if search is None else records_of(runs, search_name(words, search))
    own = [*hydra_words(words, config_dir), *_OWN, f"hydra.sweep.dir={quoted(records.folder / 'hydra')}"]
    own += [] if _names_launcher(words) else launcher_words(launcher, jobs, address)
    job = Job(records, os.getpid(), task, timeout, fail_fast)
    planned: Planned = {}

    def note(found: Planned) -> None:
        planned.update(found)
        records.plan({name: own for name, (_, own) in found.items()})

    def known() -> dict[str, RunFolder]:
        # A search does not know its runs beforehand.
        begun = records.known() if search is not None else []
        return {name: folder for name, (folder, _) in planned.items()} | {n: RunFolder(Path(runs) / n) for n in begun}

    with _alone(records):
        records.begin(keep=search is not None)
        todo = [] if search is None else search_words(records, search, jobs)
        trouble = ""
        if todo is not None:
            with Watch(known, records.of, jobs):
                # A search does not know what is left; jobs of a queue go on when one of them is lost.
                again = search is None and launcher in ("serial", "joblib", "ray")
                trouble = _launched([*own, *todo], runs, job, note, known, records, again)
        return _outcome(known(), planned, records, trouble, since)


def _launched(words: list[str], runs: str, job: Job, note: Note, known: Known, records: Records, again: bool) -> str:
    """Launch until nothing is left to do; returns why a launcher gave up, if it did."""
    trouble = ""
    try:
        for _ in range(_STARTS):
            try:
                _hydra(words, runs, job, note)
                return ""
            except CrossRecError:
                raise
            # A launcher that lost a worker raises an error of its own library.
            except Exception as error:
                if isinstance(error, OSError) and error.errno in _NO_ROOM:
                    raise RunError(
                        f"{runs} cannot be written ({error.strerror}); make room and start again."
                    ) from error
                if not known():
                    raise
                trouble = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
            end_ray()
            if not again or not _open(known(), records):
                break
    finally:
        end_ray()
    return trouble


def _open(folders: Mapping[str, RunFolder], records: Records) -> list[str]:
    """Runs that are neither finished nor have failed in this sweep."""
    return [
        name
        for name, folder in folders.items()
        if not folder.result_file.is_file() and records.of(name).state not in (FAILED, STOPPED)
    ]


def _hydra(words: list[str], runs: str, job: Job, note: Note) -> None:
    """Let Hydra compose the runs and give them to its launcher."""
    quiet_ray()
    register()
    GlobalHydra.instance().clear()
    with initialize_config_module(config_module="crossrec.conf", version_base="1.3"):
        hydra = GlobalHydra.instance().hydra
        assert hydra is not None
        try:
            config = hydra.compose_config("train", _with_first_agent(words), RunMode.MULTIRUN, from_shell=False)
        # Hydra lets errors of its YAML parser and of its own Python through.
        except Exception as error:
            raise ConfigError(sentence(error, list(words))) from error
        context = HydraContext(config_loader=hydra.config_loader, callbacks=Callbacks(config))
        asked: dict[str, Any] = {"hydra_context": context, "task_function": job, "config": config}
        own: Sweeper
        task_words = [word for word in words if not word.startswith(("hydra.", "hydra/"))]
        if config.hydra.sweeper._target_.endswith("BasicSweeper"):
            own = GridSweeper(runs, note)
            own.setup(**asked)
        else:
            check_search(context, config, task_words, runs)
            own = Plugins.instance().instantiate_sweeper(**asked)
        own.sweep(arguments=task_words)


def _with_first_agent(words: Sequence[str]) -> list[str]:
    """The same options with the first of several agents: what they share is an option of each, not of the default."""
    found = []
    for word in words:
        if word.startswith("agent="):
            with contextlib.suppress(Exception):  # Hydra tells what is wrong
                override = OverridesParser.create().parse_override(word)
                if override.is_sweep_override():
                    word = f"agent={next(override.sweep_string_iterator())}"
        found.append(word)
    return found


def _outcome(folders: dict[str, RunFolder], planned: Planned, records: Records, trouble: str, since: float) -> Outcome:
    failed, words, before = {}, {}, 0
    for name, folder in folders.items():
        state = records.of(name)
        words[name] = tuple(planned[name][1]) if name in planned else state.words
        if folder.result_file.is_file():
            before += state.began < since
            try:
                folder.result()
            except RunError as error:
                failed[name] = str(error)
        else:
            failed[name] = state.reason or (f"its worker died ({trouble})" if trouble else "it was not begun")
    return Outcome(folders, failed, words, before, trouble if failed or records.part != GRID else "")


def _runs_of(words: Sequence[str]) -> str:
    """The folder of runs that words name."""
    word = next((word for word in reversed(words) if word.startswith("runs=")), f"runs={TrainConfig().runs}")
    try:
        return str(OverridesParser.create().parse_override(word).value())
    # Hydra's grammar does not take every path, but it is told which one when the runs are composed.
    except Exception:
        return word.partition("=")[2]


def quoted(path: Path) -> str:
    """A path as Hydra's grammar takes it, whatever is in it."""
    return "'" + str(path).replace("'", "\\'") + "'"


def _names_launcher(words: Sequence[str]) -> bool:
    return any(word.startswith("hydra/launcher=") for word in words)


@contextmanager
def _alone(records: Records) -> Iterator[None]:
    """Keep other sweeps out of the folder.

    Raises:
        ConfigError: If nothing can be written there.
        RunError: If another sweep is there.
    """
    try:
        records.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"runs={records.folder.parent} cannot be written ({error.strerror}); set another folder."
        ) from error
    try:
        with FileLock(records.lock, timeout=0):
            yield
    except Timeout:
        raise RunError(
            f"another sweep works in {records.folder.parent}; wait for it, or set another runs= folder."
        ) from None
