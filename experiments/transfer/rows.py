"""What raw scores must hold, so that no page is made of half of them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .plan import SIZES

_KEY = ["question", "arm", "task", "seed", "x"]
# Whether all arms of a question have the same rows: where they are compared as a mean over what they share.
_QUESTIONS = {
    "agent": False, "cold": False, "cold regret": False, "left out": True, "at home": True, "curve": True,
    "continual": False, "matrix, default": True, "matrix, mirrored": True, "overlap": False, "adapters": True,
    "adapters, cosine": True, "adapters, known": True, "twins": True,
}  # fmt: skip
_MAY_LACK = "adapters, cosine"  # where nothing is adapted there is none


def check_rows(rows: pd.DataFrame) -> None:
    """Check raw scores.

    Args:
        rows: With the study's columns and ``size``.

    Raises:
        ValueError: If there are none, a size or question is unknown, a row stands twice, a value is missing, or an arm
            lacks rows that another arm or another of its agents has.
    """
    if rows.empty:
        raise ValueError("it holds no rows")
    sizes, questions = set(rows["size"]), set(rows["question"])
    if len(sizes) > 1 or str(next(iter(sizes))).partition(" ")[0] not in SIZES:
        raise ValueError(f"size {', '.join(map(str, sizes))}; allowed: one of {', '.join(SIZES)} for all rows")
    if unknown := sorted(questions - set(_QUESTIONS)):
        raise ValueError(f"the question '{unknown[0]}' is unknown; allowed: {', '.join(_QUESTIONS)}")
    if (twice := rows.duplicated(_KEY)).any():
        raise ValueError(f"{_told(rows[twice])} stands twice")
    empty = ~np.isfinite(rows["value"]) & (rows["question"] != _MAY_LACK)
    if empty.any():
        raise ValueError(f"{_told(rows[empty])} has no value")
    for question, group in rows.groupby("question"):
        alike = _QUESTIONS[str(question)]
        arms = {arm: _cells(each, ["task", "x", "seed"]) for arm, each in group.groupby("arm")}
        if alike and len(set(arms.values())) > 1:
            fewest = min(arms, key=lambda arm: len(arms[arm]))
            raise ValueError(f"of '{question!s}', '{fewest!s}' lacks rows that other arms have")
        for name, each in group.groupby(["arm", "task"]):
            if len({_cells(one, ["x"]) for _, one in each.groupby("seed")}) > 1:
                raise ValueError(
                    f"of '{question}', '{', '.join(map(str, name))}' lacks rows that it has for other seeds"
                )


def _cells(rows: pd.DataFrame, columns: list[str]) -> frozenset[tuple[object, ...]]:
    return frozenset(rows[columns].itertuples(index=False, name=None))


def _told(rows: pd.DataFrame) -> str:
    return "'" + ", ".join(str(value) for value in rows[_KEY].iloc[0] if value != "") + "'"
