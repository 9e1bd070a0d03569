"""What a run's evaluation left behind, and whether two runs' people and moments are the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from crossrec.config import TrainConfig
from crossrec.errors import RunError
from crossrec.metrics import COLUMNS

from ..evaluated import CLOSE, ENDS, mean_returns, read_columns
from ..run import RunFolder, deciding, differences

_SHOWN = 4  # differences that are told


@dataclass(frozen=True)
class Lives:
    """One run's evaluation.

    Attributes:
        path: The run's folder.
        config: The run's.
        commit: Which code it was computed with, if that is known.
        policies: One row per person with the columns of :data:`crossrec.metrics.COLUMNS`, by policy, in order of ids.
    """

    path: Path
    config: TrainConfig
    commit: str | None
    policies: Mapping[str, pd.DataFrame]

    @property
    def agent(self) -> pd.DataFrame:
        """The agent's rows."""
        return self.policies[self.config.agent.name]


def lives_of(path: str | Path) -> Lives:
    """Read a complete run's evaluation.

    Raises:
        RunError: If the folder is no complete run's, or a file is missing, damaged, or does not belong to the others.
    """
    folder = RunFolder(Path(path))
    config, result = folder.config(), folder.result()
    try:
        mean_returns(folder, config, result)
        table = read_columns(folder.evaluation_file, ("policy", *COLUMNS)).to_pandas()
        policies = {str(name): group.sort_values("user", ignore_index=True) for name, group in table.groupby("policy")}
        if not np.isfinite(table[list(COLUMNS)].to_numpy(np.float64)).all():
            raise RunError("evaluation.parquet has values that are no finite number")
    # A damaged Parquet file raises whatever its reader stumbles over.
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise RunError(f"{folder.path}: {reason}; `crossrec evaluate {folder.path}` writes it again.") from error
    return Lives(folder.path, config, result.get("commit"), policies)


def check_pair(first: Lives, second: Lives) -> None:
    """Check that two runs met the same people in the same moments.

    Raises:
        RunError: If not; names what differs.
    """
    pair = f"{first.path} and {second.path}"
    if first.path.resolve() == second.path.resolve():
        raise RunError(f"{first.path} was given twice; give two different runs.")
    a, b = first.config, second.config
    differ = differences(deciding(a)["env"], deciding(b)["env"], "env")
    differ += [
        f"{name}: {getattr(a, name)} -> {getattr(b, name)}"
        for name in ("eval_people", "eval_first_user")
        if getattr(a, name) != getattr(b, name)
    ]
    if differ:
        more = f" and {len(differ) - _SHOWN} more" if len(differ) > _SHOWN else ""
        raise RunError(
            f"{pair} did not meet the same people in the same moments ({'; '.join(differ[:_SHOWN])}{more}); "
            "compare runs that are alike in this."
        )
    if a.seed != b.seed:
        raise RunError(
            f"{pair} cannot be paired (seed: {a.seed} -> {b.seed}): the noise of an evaluation follows from the run's "
            "seed; compare runs of the same seed."
        )
    for name in ENDS:
        one, two = (lives.policies[name]["return"].to_numpy(np.float64) for lives in (first, second))
        if wrong := int((~np.isclose(one, two, rtol=CLOSE, atol=CLOSE)).sum()):
            raise RunError(
                f"{pair} cannot be paired: {wrong:,} of {len(one):,} people lived other lives under '{name}', so the "
                "two were evaluated with different code; repeat both with `crossrec evaluate`."
            )
