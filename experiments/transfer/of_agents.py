"""Answers about agents: who is trained where, on how much, with which network and which context."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from crossrec import transfer as measures
from crossrec.statistics import Estimate

from .estimates import by_seed, gap, gaps, over_agents, over_x, told, told_ratio, verdict, verdict_on
from .finding import Finding
from .tasks import MISLED


def joint(rows: pd.DataFrame) -> Finding | None:
    """Joint against independent, and what the context gave."""
    table = rows[rows["question"] == "agent"]
    of = {(arm, task): by_seed(table, arm=arm, task=task) for arm, task in _pairs(table)}
    if not {("own history", "template"), ("independent", "template"), (MISLED, "shuffled")} <= set(of):
        return None
    better = gap(of["joint", "template"], of["independent", "template"])
    information = gap(of["joint", "template"], of["own history", "template"])
    given = of["joint", "template"] - of["joint", "none"]
    lost = {arm: told_ratio(of["joint", "template"] - of[arm, "shuffled"], given) for arm in ("joint", MISLED)}
    says = (
        f"{verdict(better, 'Yes', 'No: independent agents are better', 'It may be chance')}: one agent that sees all "
        f"scenarios scores {told(better, sign=True)} beyond an agent per scenario that is blind to the others. Seeing "
        f"what people did elsewhere alone, with one network in both cases, is worth {told(information, sign=True)}. "
        f"The context gives {told(over_agents(given.to_numpy()), sign=True)}; as a share of that, the same "
        f"agent loses {lost[MISLED]} when it is handed strangers' notes instead of people's own (misled), and one that "
        f"has also learnt from strangers' loses {lost['joint']}."
    )
    named = {
        f"{arm}, context={context}": over_agents(values.to_numpy())
        for (arm, context), values in of.items()
        if arm in ("joint", MISLED, "own history", "independent")
    }
    lines = [(name, told(value)) for name, value in named.items()]
    return Finding("joint", says, ("agent", "score"), lines, named)


def ensemble(rows: pd.DataFrame) -> Finding | None:
    """Gated experts against one network."""
    table = rows[(rows["question"] == "agent") & (rows["task"] == "template")]
    arms = [arm for arm in ("joint", "gated", "stacked", "average") if (table["arm"] == arm).any()]
    if "gated" not in arms:
        return None
    gains = {arm: gap(by_seed(table, arm=arm), by_seed(table, arm="joint")) for arm in arms if arm != "joint"}
    says = (
        f"{verdict(gains['gated'], 'Yes', 'No', 'It cannot be told')}: experts behind a gate that reads the context "
        f"score {told(gains['gated'], sign=True)} beyond one network for all scenarios, at equal transitions."
    )
    bars = {arm: over_agents(by_seed(table, arm=arm).to_numpy()) for arm in arms}
    lines = [(arm, told(value), told(gains[arm], sign=True) if arm in gains else "") for arm, value in bars.items()]
    return Finding("ensemble", says, ("experts", "score", "beyond joint"), lines, bars)


def zero_shot(rows: pd.DataFrame) -> Finding | None:
    """Which context helps where an agent was never trained."""
    table = rows[rows["question"] == "left out"]
    if table.empty:
        return None
    contexts = list(dict.fromkeys(table["arm"]))
    targets = list(dict.fromkeys(table["task"]))
    mean = {c: by_seed(table, arm=c) for c in contexts}
    gains = dict(gaps({c: mean[c] for c in contexts if c not in ("none", "oracle")}, mean["none"]))
    sentence, best = verdict_on(gains, "It helps", "It harms", "None helps for certain")
    gains["oracle"] = gap(mean["oracle"], mean["none"])
    home = by_seed(rows[rows["question"] == "at home"])
    model = (
        f" A language model's keywords score {told(gap(mean['llm'], mean['template']), sign=True)} against a "
        "template's sentence."
        if "llm" in mean
        else ""
    )
    says = (
        f"{sentence}: of what a recommender may have, {best} scores {told(gains[best], sign=True)} beyond no context, "
        f"on average over scenarios.{model} Training everywhere else instead of there is worth "
        f"{told(gap(mean['template'], home), sign=True)} with a template's context."
    )
    bars = {c: over_agents(mean[c].to_numpy()) for c in contexts}
    bars["trained there (template)"] = over_agents(home.to_numpy())
    lines = [
        (c, told(bars[c]), told(gains[c], sign=True) if c in gains else "",
         *(told(over_agents(by_seed(table, arm=c, task=t).to_numpy())) for t in targets))
        for c in contexts
    ]  # fmt: skip
    homes = rows[rows["question"] == "at home"]
    there = (told(over_agents(by_seed(homes, task=t).to_numpy())) for t in targets)
    lines.append(("trained there (template)", told(bars["trained there (template)"]), "", *there))
    columns = ("context", "mean score", "beyond none", *targets)
    return Finding("zero-shot", says, columns, lines, bars)


def tuning(rows: pd.DataFrame) -> Finding | None:
    """Fine-tuning from other scenarios against learning from nothing."""
    table = rows[rows["question"] == "curve"]
    if table.empty:
        return None
    seeds = sorted(set(table["seed"]))
    found: dict[str, list[float]] = {name: [] for name in _CURVES}
    for seed in seeds:
        targets = [group for _, group in table[table["seed"] == seed].groupby("task")]
        pairs = [tuple(_curve(group[group["arm"] == arm]) for arm in ("transferred", "scratch")) for group in targets]
        for name, measure in _CURVES.items():
            found[name].append(float(np.mean([measure(one, other) for one, other in pairs])))
    estimates = {name: over_agents(values) for name, values in found.items()}
    time = estimates[_TIME]
    estimates[_TIME] = Estimate(time.value, *np.clip([time.low, time.high], 0.0, 1.0).tolist())
    says = (
        f"In {' and '.join(dict.fromkeys(table['task']))}: an agent from the other scenarios begins "
        f"{told(estimates['jumpstart'], sign=True)} above an untrained one and ends at "
        f"{told(estimates['asymptotic gain'], sign=True)} against one that has learnt from nothing for as long."
    )
    lines = [(name, told(value, 3, sign="gain" in name or "start" in name)) for name, value in estimates.items()]
    untrained = by_seed(table, arm="scratch", x=0.0)
    lines.append((_UNTRAINED, told(over_agents(untrained.to_numpy()))))
    drawn = {arm: over_x(table, arm=arm) for arm in ("transferred", "scratch")}
    return Finding(
        "tuning", says, ("measure", "value"), lines,
        curves=drawn, axes=("transitions in the target", "normalised return"),
    )  # fmt: skip


_TIME = "time to what scratch ends with, as a share of its time; at most 1"
_UNTRAINED = "score of an untrained agent, whose network compares texts from the beginning"
_CURVES: Mapping[str, Callable[[measures.Curve, measures.Curve], float]] = {
    "jumpstart": measures.jumpstart,
    "asymptotic gain": measures.asymptotic_gain,
    "area ratio": measures.area_ratio,
    _TIME: lambda one, other: (
        min(measures.time_to_threshold(one, float(other.scores[-1])), one.transitions[-1]) / other.transitions[-1]
    ),
}


def _curve(rows: pd.DataFrame) -> measures.Curve:
    ordered = rows.sort_values("x")
    return measures.Curve(ordered["x"].to_numpy(), ordered["value"].to_numpy())


def continual(rows: pd.DataFrame) -> Finding | None:
    """Scenarios one after another."""
    table = rows[rows["question"] == "continual"]
    if table.empty:
        return None
    order = list(dict.fromkeys(table.loc[table["arm"] != "nothing", "arm"]))
    matrices, untrained = [], []
    for _, group in table.groupby("seed"):
        cells = group.set_index(["arm", "task"])["value"]
        matrices.append(np.array([[cells[a, b] for b in order] for a in order]))
        untrained.append(np.array([cells["nothing", b] for b in order]))
    pairs = list(zip(matrices, untrained, strict=True))
    found = {
        "forward transfer": over_agents([measures.forward_transfer(r, b) for r, b in pairs]),
        "backward transfer": over_agents([measures.backward_transfer(r) for r in matrices]),
        "forgetting": over_agents([measures.forgetting(r) for r in matrices]),
    }
    says = (
        f"In the order {', '.join(order)}: learning later scenarios changes the score in earlier ones by "
        f"{told(found['backward transfer'], sign=True)}, and scenarios that come later begin "
        f"{told(found['forward transfer'], sign=True)} above an untrained agent. Forgetting is "
        f"{told(found['forgetting'])} in units of the score; since it takes the best of several noisy scores, it is "
        "above 0 also where nothing is forgotten."
    )
    lines = [(name, told(value, sign=name != "forgetting")) for name, value in found.items()]
    lines.append((_UNTRAINED, told(over_agents(by_seed(table, arm="nothing").to_numpy()))))
    return Finding(
        "continual", says, ("measure", "value"), lines,
        matrix=(order, np.mean(matrices, axis=0)), axes=("scored in", "after learning what stands above, and"),
    )  # fmt: skip


def _pairs(table: pd.DataFrame) -> list[tuple[str, str]]:
    return list(dict.fromkeys(zip(table["arm"], table["task"], strict=True)))
