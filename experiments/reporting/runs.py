"""A folder of runs as the report reads it: what is finished, what is not, and what cannot be trusted."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from crossrec import __version__
from crossrec.config import AGENTS, TrainConfig
from crossrec.errors import RunError
from crossrec.options import check_train_config, from_options

from ..evaluated import check_result, mean_returns
from ..run import RunFolder, deciding, flat, folder_of, provenance
from ..sweep.records import DONE, GRID, RUNNING, Records, records_of

FINISHED, UNFINISHED, DAMAGED, EDITED, FAILED = "finished", "unfinished", "damaged", "edited", "failed"
COPY, OLDER = "copy", "older"
_SECTION = re.compile(r"(?m)^(?=[^\s-])")  # where a top-level option of a YAML file begins
_MIXED = "belong"  # said of files and options that do not belong together
_NOT_OPTIONS = {"version", "seed"}


@dataclass(frozen=True)
class Run:
    """One run's folder.

    Attributes:
        folder: Where it is.
        state: ``finished`` runs are averaged; others are ``unfinished``, ``failed`` (in a sweep), ``damaged``,
            ``edited`` (their files do not belong together), a ``copy`` of a finished one, or ``older``: computed by
            older code than a finished one with the same options and seed.
        problem: What is wrong with it, in words.
        text: Of its ``config.yaml``.
        config: The same, checked; None where that is damaged.
        result: Its ``result.json``.
        options: All options that decide its result, by dotted name, but for its seed; empty where config is None.
        key: The same as text: equal for runs that differ in their seed alone.
        returns: Mean return per life by policy, of its ``evaluation.parquet``; empty unless finished.
        checked: Whether its folder's name was compared with its config.
    """

    folder: RunFolder
    state: str
    problem: str = ""
    text: str = ""
    config: TrainConfig | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    key: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)
    returns: Mapping[str, float] = field(default_factory=dict)
    checked: bool = False

    @property
    def name(self) -> str:
        """Of its folder."""
        return self.folder.path.name

    @functools.cached_property
    def scores(self) -> dict[str, float]:
        """Normalised score by policy: random 0, oracle 1."""
        low, high = self.returns["random"], self.returns["oracle"]
        return {name: (value - low) / (high - low) for name, value in self.returns.items()}

    @property
    def code(self) -> tuple[str, str]:
        """Version and commit that it was computed with; "unknown" where that was not noted."""
        version = (self.result.get("packages") or {}).get("crossrec") or "unknown"
        return str(version), str(self.result.get("commit") or "unknown")[:10]


def read_runs(path: str | Path) -> list[Run]:
    """All runs in a folder, or the one whose folder it is, in order of names.

    Raises:
        RunError: If there is no such folder, or no run in it is finished.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise RunError(f"{folder} is not a folder; give a folder of runs, or one run's.")
    if (folder / "config.yaml").is_file():
        runs = [_run(RunFolder(folder))]
    else:
        inside = sorted(child for child in folder.iterdir() if child.is_dir() and not child.name.startswith("."))
        runs = [_run(RunFolder(child)) for child in inside if _is_run(child)]
        notes = _notes(folder)
        runs = list(_without_copies([*runs, *_planned(folder, notes, {run.name for run in runs})], notes))
    if not any(run.state == FINISHED for run in runs):
        states = ", ".join(
            f"{run.name} is {run.state}" + (f" ({run.problem})" if run.problem else "") for run in runs[:3]
        )
        more = f" and {len(runs) - 3} more" if len(runs) > 3 else ""
        raise RunError(
            f"{folder} holds no finished run to report ({states + more if runs else 'there is no run in it'}); "
            "finish one with `crossrec train` or `crossrec sweep` first."
        )
    return runs


def sections(text: str) -> list[str]:
    """A YAML file's top-level options, each with all that belongs to it; joined they are the file."""
    return [part for part in _SECTION.split(text) if part]


def _is_run(folder: Path) -> bool:
    return any((folder / name).is_file() for name in ("config.yaml", "result.json", "evaluation.parquet"))


def _run(folder: RunFolder) -> Run:
    run = Run(folder, DAMAGED)
    try:
        if not folder.config_file.is_file():
            raise RunError("it has no config.yaml")
        run = replace(run, text=folder.config_file.read_text(encoding="utf-8"))
        config, key, whole = _config(run.text)
        run = replace(run, config=config, options=_parsed_key(key), key=key)
        if not folder.result_file.is_file():
            return replace(run, state=UNFINISHED, problem=_progress(folder))
        result = folder.result()
        check_result(result)  # what is not whole is not kept: the page reads it without looking
        run = replace(run, result=result)
        returns = mean_returns(folder, config, run.result)
        checked = whole and _check_name(folder, config, run.result)
    except (RunError, OSError, UnicodeDecodeError) as error:
        told = str(error).replace(f"{folder.path}/", "").rstrip(".")
        return replace(run, state=EDITED if _MIXED in told else DAMAGED, problem=told)
    return replace(run, state=FINISHED, returns=returns, checked=checked)


def _config(text: str) -> tuple[TrainConfig, str, bool]:
    """As :meth:`RunFolder.config`, which takes twenty times as long: runs of a sweep share most of their text."""
    try:
        parts = sections(text)
        seed = _parsed("".join(part for part in parts if part.startswith("seed:")))["seed"]
        config, key, whole = _seedless(tuple(part for part in parts if not part.startswith("seed:")))
        if type(seed) is not int:
            raise ValueError(f"seed must be int; found {seed!r}")
    # A YAML parser raises errors of its own for what is not YAML.
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RunError(f"config.yaml is damaged ({reason})") from error
    return replace(config, seed=seed), key, whole


@functools.lru_cache(maxsize=4096)
def _seedless(parts: tuple[str, ...]) -> tuple[TrainConfig, str, bool]:
    """The config that all these parts of a text say, the options that decide a result, and whether none is missing."""
    options: dict[str, Any] = {}
    for part in parts:
        options |= _parsed(part)
    agent = options["agent"]
    config = from_options(TrainConfig, {k: v for k, v in options.items() if k != "agent"})
    config.agent = from_options(AGENTS[agent["name"]], agent, "agent.")
    check_train_config(config)
    key = json.dumps({k: v for k, v in flat(deciding(config)).items() if k not in _NOT_OPTIONS})
    return config, key, set(flat(asdict(config))) == {*flat(options), "seed"}


@functools.lru_cache(maxsize=4096)
def _parsed_key(key: str) -> Mapping[str, Any]:
    options: dict[str, Any] = json.loads(key)
    return options


@functools.lru_cache(maxsize=4096)
def _parsed(part: str) -> dict[str, Any]:
    options = yaml.load(part, _Loader)
    if not isinstance(options, dict):
        raise ValueError(f"{part.splitlines()[0]!r} is no option")
    return options


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML as OmegaConf writes it, where 1e-05 is a number."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:\d[\d_]*)?\.?\d+[eE][-+]?\d+$"),
    list("-+.0123456789"),
)


def _check_name(folder: RunFolder, config: TrainConfig, result: Mapping[str, Any]) -> bool:
    """Where code and options are the same as now, a folder's name follows from its config; returns whether they are.

    Raises:
        RunError: If it does not.
    """
    code = ((result.get("packages") or {}).get("crossrec"), result.get("commit"))
    if code != (__version__, _commit()) or config.context.generator_folder or config.context.encoder_folder:
        return False  # options have been added since, or models are not there any more
    expected = folder_of(config).path.name
    if folder.path.name.rpartition("-")[2] != expected.rpartition("-")[2]:
        raise RunError(
            f"config.yaml is not the one that the run was computed with: its options belong to {expected}; restore it, "
            "or give the folder its name again"
        )
    return True


@functools.cache
def _commit() -> str | None:
    commit: str | None = provenance()["commit"]
    return commit


def _progress(folder: RunFolder) -> str:
    try:
        state = json.loads(folder.progress_file.read_text(encoding="utf-8"))
        return f"{state['stage']}: {state['done']:,} of {state['total']:,}"
    except (OSError, ValueError, KeyError, TypeError):
        return "not begun"


def _notes(folder: Path) -> list[Records]:
    """What the grid of the last sweep and each search have noted in a folder of runs."""
    searches = sorted(path.name for path in records_of(folder).folder.glob("search-*") if path.is_dir())
    return [records_of(folder, part) for part in (GRID, *searches)]


def _planned(folder: Path, notes: Sequence[Records], there: set[str]) -> Iterator[Run]:
    """Runs that sweeps have planned but that have left no folder."""
    for name in sorted({*notes[0].planned(), *(run for part in notes for run in part.known())} - there):
        yield Run(RunFolder(folder / name), UNFINISHED, "planned by the sweep, not begun")


def _without_copies(runs: list[Run], notes: Sequence[Records]) -> Iterator[Run]:
    """The same runs; of finished ones with the same options and seed one counts, and what a sweep saw fail is told."""
    counts: dict[tuple[int, str], Run] = {}
    for run in runs:
        if run.state == FINISHED and run.config is not None:
            first = counts.setdefault((run.config.seed, run.key), run)
            if run.code != first.code and _age(run) > _age(first):
                counts[run.config.seed, run.key] = run
    for run in runs:
        if run.state == UNFINISHED:
            last = max((part.of(run.name) for part in notes), key=lambda note: (note.began, note.reason))
            failed = last.state not in (DONE, RUNNING) and last.reason
            yield replace(run, state=FAILED, problem=last.reason.rstrip(".")) if failed else run
        elif run.state == FINISHED and run.config is not None:
            yield _beside(run, counts[run.config.seed, run.key])
        else:
            yield run


def _age(run: Run) -> tuple[list[int], float]:
    """The greater, the newer: by version, then by when the result was written, which copying a folder may change."""
    return [int(part) for part in re.findall(r"\d+", run.code[0])], run.folder.result_file.stat().st_mtime


def _beside(run: Run, other: Run) -> Run:
    """A finished run beside the one with the same options and seed that counts."""
    if run is other:
        return run
    if run.code == other.code:
        return replace(run, state=COPY, problem=f"it has the options and seed of {other.name}, which counts")
    (version, commit), (newer_version, newer_commit) = run.code, other.code
    return replace(
        run,
        state=OLDER,
        problem=f"computed by version {version}, commit {commit}; {other.name}, which has the same options and seed "
        f"and counts, by version {newer_version}, commit {newer_commit}",
    )
