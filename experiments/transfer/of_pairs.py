"""Findings about pairs of scenarios: what knowing people in one is worth in the other, and where it harms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from crossrec import transfer as measures
from crossrec.world.scenario import SCENARIOS

from .estimates import by_seed, over_agents, told, told_ratio
from .finding import Finding
from .ranks import rank_correlation, shared_interest

_UNITS = {
    "gain": "own history - a stranger's, in expected reward",
    "over none": "own history - none, in expected reward",
}


def default(rows: pd.DataFrame) -> Finding | None:
    """The transfer matrix of the default world, and whether rho predicts it."""
    return _matrix(rows, "default", "matrix", "gain")


def mirrored(rows: pd.DataFrame) -> Finding | None:
    """The same where people's interest in video is the mirror of what it is elsewhere."""
    return _matrix(rows, "mirrored", "mirrored", "over none")


def _matrix(rows: pd.DataFrame, world: str, name: str, shows: str) -> Finding | None:
    """A world's matrix.

    Args:
        rows: Of the study.
        world: Which.
        name: Of the question.
        shows: Which gain is tabled and drawn: "gain" over a stranger's history, or "over none".
    """
    whole = rows[rows["question"] == f"matrix, {world}"]
    if whole.empty:
        return None
    pairs = list(dict.fromkeys(whole["task"]))
    names = list(dict.fromkeys(pair.partition(">")[0] for pair in pairs))
    apart = [pair for pair in pairs if len(set(pair.split(">"))) == 2]
    beyond = {
        what: [
            _mean(whole[(whole["arm"] == what) & (whole["task"].isin(apart) == elsewhere)])
            for elsewhere in (True, False)
        ]
        for what in _UNITS
    }
    away, home = (over_agents(each.to_numpy()) for each in beyond["over none"])
    share = (
        f"People's own history from another scenario is worth {told_ratio(*beyond['gain'])} of what their own from the "
        "same one is worth, beyond a stranger's and as a mean over pairs. "
    )
    says = (
        f"{share if shows == 'gain' else ''}{_harm(whole, apart)} Against no history at all, one from elsewhere is "
        f"worth {told(away, sign=True)} in expected reward per interaction, and one from the same scenario "
        f"{told(home, sign=True)}. {_rank(whole, names, world)}"
    )
    chosen = whole[whole["arm"] == shows]
    cells = {pair: over_agents(by_seed(chosen, task=pair).to_numpy()) for pair in pairs}
    lines = [(source, *(told(cells[f"{source}>{target}"], sign=True) for target in names)) for source in names]
    values = np.array([[cells[f"{source}>{target}"].value for target in names] for source in names])
    return Finding(
        name,
        says,
        (f"{_UNITS[shows]}; known in", *(f"met in {target}" for target in names)),
        lines,
        matrix=(names, values),
        unit=_UNITS[shows],
        axes=("met in", "known in"),
    )


def _mean(rows: pd.DataFrame) -> pd.Series:
    return rows.groupby("seed")["value"].mean()


def _harm(whole: pd.DataFrame, apart: Sequence[str]) -> str:
    """Where using a history from elsewhere does worse than using none."""
    plain = whole[whole["arm"] == "over none"]
    found = {pair: over_agents(by_seed(plain, task=pair).to_numpy()) for pair in apart}
    rate, sure = measures.negative_rate([each.value for each in found.values()], [each.high for each in found.values()])
    says = f"Using a history from elsewhere instead of none comes out below 0 in {rate:.0%} of {len(apart)} pairs"
    if np.isnan(sure):
        return f"{says}; an interval needs at least 2 agents."
    certain = [" > ".join(pair.split(">")) for pair, each in found.items() if each.high < 0.0]
    named = f" ({', '.join(certain)})" if certain else ""
    return (
        f"{says}; the whole interval is below 0 in {len(certain)} of them{named}, "
        f"where chance alone gives {0.025 * len(apart):.1f}."
    )


def _rank(whole: pd.DataFrame, names: Sequence[str], world: str) -> str:
    """Whether rho tells: gains, as a share of what the best candidate gives in the target, against shared interest."""
    mean = {what: whole[whole["arm"] == what].groupby("task")["value"].mean() for what in ("gain", "best")}
    share = np.array([[mean["gain"][f"{s}>{t}"] / mean["best"][f"{s}>{t}"] for t in names] for s in names])
    rhos = [SCENARIOS[n].rho * (-1.0 if world == "mirrored" and n == "video" else 1.0) for n in names]
    shared = np.array([[shared_interest(rhos, i, j) for j in range(len(names))] for i in range(len(names))])
    correlation, p = rank_correlation(share, shared)
    found = (
        "cannot be told, for all are alike"
        if np.isnan(correlation)
        else (
            f"is {correlation:+.2f} (p = {p:.3f} among all orders of the scenarios), "
            f"{'so rho tells' if p <= 0.05 else 'which may be chance'}"
        )
    )
    return (
        "The rank correlation of pairs' gains over a stranger's history, as shares of the best candidate's reward, "
        f"with the product of both scenarios' rho {found}."
    )
