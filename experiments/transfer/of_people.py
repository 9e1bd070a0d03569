"""Answers about people: what is known of them elsewhere, and what that is worth where they are new."""

from __future__ import annotations

import numpy as np
import pandas as pd

from crossrec import transfer as measures
from crossrec.statistics import Estimate

from .adapting import HOME, PROMPTED
from .arrivals import FIRST
from .estimates import by_seed, gap, gaps, over_agents, over_x, ratio, told, verdict, verdict_on
from .finding import Finding
from .twins import RHOS

_NEAR = 0.2  # how far from the known ratio both ends of an interval may be


def adapters(rows: pd.DataFrame) -> Finding | None:
    """Adapters against the identity."""
    table, cosines = (rows[rows["question"] == name] for name in ("adapters", "adapters, cosine"))
    if table.empty:
        return None
    names = list(dict.fromkeys(table["arm"]))
    mean = {n: by_seed(table, arm=n) for n in names}
    gains = gaps({n: mean[n] for n in names if n not in ("identity", HOME)}, mean["identity"])
    learnt = {n: gain for n, gain in gains.items() if n != PROMPTED}
    sentence, best = verdict_on(learnt, "Yes", "No", "It cannot be told")
    known = gap(mean[HOME], mean["identity"])
    pairs = " and ".join(pair.replace(">", " to ") for pair in dict.fromkeys(table["task"]))
    says = (
        f"From {pairs}: {sentence.lower()}. Of adapters that learn from overlapping users, {best} reaches "
        f"{told(gains[best], sign=True)} reward per interaction beyond taking the source's context as it is. Writing "
        f"the text again for the target reaches {told(gains[PROMPTED], sign=True)}. Being known in the target, by "
        f"context and by history and in a session of its own, is worth {told(known, sign=True)}"
        f"{verdict(known, '', '', ', so that there may be nothing to win')}."
        f"{_overlapping(rows[rows['question'] == 'adapters, known'])}"
    )
    lines = []
    for name in names:
        close = by_seed(cosines, arm=name).to_numpy()
        cosine = told(over_agents(close), 2) if np.isfinite(close).any() else ""
        beyond = told(gains[name], sign=True) if name in gains else ""
        lines.append((name, told(over_agents(mean[name].to_numpy())), beyond, cosine))
    bars = {n: over_agents(mean[n].to_numpy()) for n in names}
    columns = ("adapter", "reward per interaction", "beyond identity", "cosine to the target's context")
    return Finding("adapters", says, columns, lines, bars, "expected reward per interaction")


def _overlapping(table: pd.DataFrame) -> str:
    """What a ridge that learns from fewer overlapping users loses."""
    if table.empty:
        return ""
    shares = {share: over_agents(by_seed(table, x=share).to_numpy()) for share in sorted(table["x"].unique())}
    found = ", ".join(f"{told(value, 2)} from {share:.0%}" for share, value in shares.items())
    return f" Ridge regression comes to a cosine of {found} of the overlapping users."


def _between(rows: pd.DataFrame) -> str:
    """The pairs of scenarios that rows are about."""
    return " and ".join(
        dict.fromkeys(f"{source} to {target}" for source, target in zip(rows["arm"], rows["task"], strict=True))
    )


def cold(rows: pd.DataFrame) -> Finding | None:
    """What language saves a cold user."""
    table, regrets = rows[rows["question"] == "cold"], rows[rows["question"] == "cold regret"]
    table = table[table["arm"] == "joint"]
    if not {"none", "template"} <= set(table["task"]):
        return None
    curves = {task: over_x(table, task=task) for task in dict.fromkeys(table["task"])}
    first, last = int(regrets["x"].max()), int(table["x"].max())
    lives = {task: table[table["task"] == task].pivot(index="seed", columns="x", values="value") for task in curves}
    saved = [
        measures.interactions_saved(lives["none"].loc[seed].to_numpy(), lives["template"].loc[seed].to_numpy())
        for seed in lives["none"].index.intersection(lives["template"].index)
    ]
    in_time = int(np.isfinite(saved).sum())
    regret = {task: by_seed(regrets, arm="joint", task=task) for task in curves}
    less = gap(regret["none"], regret["template"])
    times = ", ".join(f"{value:.1f}" for value in saved if np.isfinite(value))
    reached = (
        f"agents without reach within {last} in {in_time} of {len(saved)} cases (after {times})."
        if in_time
        else f"no agent without reaches within {last}: it saves more than {last} interactions."
    )
    says = (
        f"Over the first {first} interactions a template's context saves {told(less)} of regret per person. What an "
        f"agent with it reaches in the first interaction, {reached}"
    )
    lines = [(task, told(over_agents(values.to_numpy()), 2)) for task, values in regret.items()]
    return Finding(
        "cold", says,
        ("context", f"regret of the first {first} interactions"), lines, curves=curves,
        axes=("interaction", "expected reward"),
    )  # fmt: skip


def overlap(rows: pd.DataFrame) -> Finding | None:
    """Cold-start regret by the share of people who are known from another scenario."""
    table = rows[rows["question"] == "overlap"]
    if table.empty:
        return None
    shares = sorted(table["x"].unique())
    at = {share: by_seed(table, x=share) for share in shares}
    saved = gap(at[0.0], at[1.0])
    says = (
        f"From {_between(table)}: knowing everybody from the one instead of nobody saves {told(saved, 2)} of the "
        f"regret of the first {FIRST} interactions in the other, {told(over_agents(at[0.0].to_numpy()), 2)} where "
        "nobody is known"
        f"{verdict(saved, '', '; knowing people harms', '; that may be chance')}."
    )
    lines = [
        (f"{s:.0%}", told(over_agents(at[s].to_numpy()), 2), told(gap(at[0.0], at[s]), 2, sign=True) if s else "")
        for s in shares
    ]
    return Finding(
        "overlap", says, ("known from elsewhere", "regret per person", "saved"),
        lines, {f"{s:.0%} known from elsewhere": over_agents(at[s].to_numpy()) for s in shares},
        f"regret of the first {FIRST} interactions per person",
    )  # fmt: skip


def known(rows: pd.DataFrame) -> Finding | None:
    """Worlds of which the answer is known."""
    table = rows[rows["question"] == "twins"]
    if table.empty:
        return None
    ratios = {rho: ratio(by_seed(table, x=rho, arm="away"), by_seed(table, x=rho, arm="home")) for rho in RHOS}
    expected = {1.0: "1", 0.0: "0", -1.0: "below 0"}
    right = {rho: _is(ratios[rho], rho) for rho in (1.0, 0.0)}
    right[-1.0] = _holds(ratios[-1.0].high < 0.0, ratios[-1.0].low < 0.0)
    says = (
        "Two scenarios that differ in nothing but rho: the transfer ratio is "
        + "; ".join(f"{told(ratios[rho], 2)} for rho = {rho:g}, where it must be {expected[rho]}" for rho in RHOS)
        + (
            ". No interval contradicts it."
            if set(right.values()) == {"yes"}
            else ". Not all of it is certain; see the table."
        )
    )
    lines = [(f"{rho:g}", expected[rho], told(ratios[rho], 2), right[rho]) for rho in RHOS]
    bars = {f"rho = {rho:g}": ratios[rho] for rho in RHOS}
    return Finding(
        "known", says,
        ("rho", "must be", "transfer ratio", "holds"), lines, bars, "transfer ratio",
    )  # fmt: skip


def _is(found: Estimate, answer: float) -> str:
    near = max(abs(found.low - answer), abs(found.high - answer)) < _NEAR
    return _holds(near, found.low <= answer <= found.high)


def _holds(certain: bool, possible: bool) -> str:
    """What an interval says of the answer that is known."""
    return "no" if not possible else "yes" if certain else "cannot be told"
