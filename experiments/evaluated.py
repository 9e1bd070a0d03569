"""What a run's evaluation left behind, read quickly and checked against its result: of a thousand runs, too."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossrec.config import TrainConfig
from crossrec.errors import RunError

from .run import RunFolder

ENDS = ("random", "oracle")  # of the scale: always evaluated
CLOSE = 1e-6  # relative: the two engines and Parquet round differently


def returns_of(folder: RunFolder) -> dict[str, NDArray[np.float64]]:
    """Returns (n,) by policy, in order of people's ids.

    Raises:
        RunError: If the evaluation is missing or damaged.
    """
    return {name: rows["return"] for name, rows in _rows(folder, ("user", "return")).items()}


def mean_returns(folder: RunFolder, config: TrainConfig, result: Mapping[str, Any]) -> dict[str, float]:
    """Mean return by policy, where evaluation, config and result say the same.

    Raises:
        RunError: If a file is missing or damaged, or they do not belong together.
    """
    rows = _rows(folder, ("user", "return", "steps", "click", "churned"))
    people = np.arange(config.eval_first_user, config.eval_first_user + config.eval_people)
    try:
        told = {str(name): {str(k): float(v) for k, v in row.items()} for name, row in result["scores"].items()}
    except (AttributeError, TypeError, ValueError, OverflowError):
        raise RunError("result.json is damaged: its scores are no numbers") from None
    _check_told(config, result)
    for name in (*ENDS, config.agent.name):
        if name not in rows or name not in told:
            raise RunError(f"evaluation.parquet or result.json lacks the policy '{name}'")
    if set(rows) != set(told):
        raise RunError("evaluation.parquet and result.json do not belong together: they hold other policies")
    for name, columns in rows.items():
        if not np.array_equal(columns["user"], people):
            raise RunError(
                f"evaluation.parquet and config.yaml do not belong together: the {len(columns['user']):,} rows of "
                f"'{name}' are not the {len(people):,} people of eval_first_user={config.eval_first_user}"
            )
        if not all(np.isfinite(values).all() for values in columns.values()):
            raise RunError(f"evaluation.parquet has values of '{name}' that are no finite number")
    means = {name: float(columns["return"].mean()) for name, columns in rows.items()}
    if means["oracle"] <= means["random"]:
        raise RunError("its oracle does not beat random, so that there is no scale")
    for name, columns in rows.items():
        found = {
            "return": means[name],
            "score": (means[name] - means["random"]) / (means["oracle"] - means["random"]),
            "click_rate": float(columns["click"].sum() / max(columns["steps"].sum(), 1.0)),
            "steps": float(columns["steps"].mean()),
            "churn": float(columns["churned"].mean()),
        }
        for what, value in found.items():
            said = told[name].get(what, value)
            if not math.isclose(value, said, rel_tol=CLOSE, abs_tol=CLOSE):
                raise RunError(
                    f"evaluation.parquet and result.json do not belong together ({what} of '{name}': {value:.4f} and "
                    f"{said:.4f})"
                )
    return means


def check_result(result: Mapping[str, Any]) -> None:
    """Check what a report reads of a result, but for its scores.

    Raises:
        RunError: If something is missing or of another kind than a run writes.
    """
    for name in ("seed", "people"):
        if type(result.get(name)) is not int:
            raise _no(name, result.get(name), "a whole number")
    for name in ("training", "packages"):  # runs of old may lack them
        if not isinstance(result.get(name), dict | None):
            raise _no(name, result[name], "an object")
    seconds = (result.get("training") or {}).get("seconds")
    if seconds is not None and not (type(seconds) in (int, float) and 0.0 <= seconds < math.inf):
        raise _no("training.seconds", seconds, "a finite duration")


def _no(name: str, found: Any, allowed: str) -> RunError:
    return RunError(f"result.json is damaged: {name} is {repr(found)[:40]}, not {allowed}")


def _check_told(config: TrainConfig, result: Mapping[str, Any]) -> None:
    said = {"agent": config.agent.name, "context": config.context.name, "seed": config.seed}
    said |= {"people": config.eval_people}
    for name, value in said.items():
        if result.get(name) != value:
            raise RunError(
                f"config.yaml and result.json do not belong together: {name} is {value} and {result.get(name)}"
            )
    done = (result.get("training") or {}).get("transitions")
    if isinstance(done, int) and done < config.steps:
        raise RunError(
            f"config.yaml and result.json do not belong together: steps={config.steps:,}, but it was trained for "
            f"{done:,} transitions"
        )


def read_columns(file: Path, columns: Sequence[str]) -> Any:
    """Columns of a Parquet file as a PyArrow table; of a thousand small files fastest without threads.

    Raises:
        Exception: Whatever PyArrow stumbles over, where the file is missing or damaged.
    """
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(file, pre_buffer=False) as parquet:
        return parquet.read(columns=list(columns), use_threads=False)


def _rows(folder: RunFolder, columns: tuple[str, ...]) -> dict[str, dict[str, NDArray[np.float64]]]:
    """Columns (n,) by policy, in order of people's ids."""
    if not folder.evaluation_file.is_file():
        raise RunError("it has no evaluation.parquet")
    try:
        table = read_columns(folder.evaluation_file, ("policy", *columns))
        names, codes = np.unique(table["policy"].to_numpy().astype(str), return_inverse=True)
        values = {name: table[name].to_numpy().astype(np.float64) for name in columns}
    # A damaged Parquet file raises whatever its reader stumbles over.
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise RunError(f"evaluation.parquet is damaged ({reason})") from error
    found = {}
    for code, name in enumerate(names):
        of = {column: each[codes == code] for column, each in values.items()}
        order = np.argsort(of["user"], kind="stable")
        found[str(name)] = {column: each[order] for column, each in of.items()}
    return found
