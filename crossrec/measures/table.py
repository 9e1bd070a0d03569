"""The tidy table of all metrics: one row per policy, scenario, group of people and metric.

Groups of people are everybody (``all``), what their profile tells (age bands and languages), and moments: ``cold`` and
``warm``. A group without members, or moments that never came, have no rows; nor have metrics of whole lives in single
scenarios, nor metrics of new items where there are none.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crossrec.errors import ConfigError
from crossrec.measures.formulas import gini_of_shown, miscalibration
from crossrec.measures.tally import JUDGED, MetricTally
from crossrec.measures.totals import LIVES, SUMS, totals
from crossrec.metrics import COLD_STEPS, METRICS, TOP
from crossrec.observation import AGE_BANDS, LANGUAGES
from crossrec.simulation.journey import BROWSING
from crossrec.world.synthetic import World

TABLE = ("policy", "scenario", "people", "metric", "value", "n")
ALL, COLD, WARM = "all", "cold", "warm"
PHASES = (COLD, WARM)
Cells = dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]  # value and n by metric, (P, 1 + S) each

_RATIOS = {  # numerator and denominator, sums of SUMS
    "reward": ("reward", "steps"),
    "click_through": ("click", "steps"),
    "conversion": ("conversion", "click"),
    "dwell": ("dwell", "click"),
    "satisfaction": ("satisfaction", "steps"),
    "long_tail": ("tail", "items"),
    "novelty": ("bits", "items"),
    "new_share": ("new", "items"),
    "new_click_through": ("new_click", "new"),
    "known_click_through": ("known_click", "known"),
}
_JUDGEMENTS = {  # the same of JUDGED
    "step_regret": ("regret", "judged"),
    f"precision_at_{TOP}": ("precision", "relevant"),
    f"recall_at_{TOP}": ("recall", "relevant"),
    f"f1_at_{TOP}": ("f1", "relevant"),
    f"ndcg_at_{TOP}": ("ndcg", "ranked"),
}
_NEW = ("new_share", "new_click_through", "known_click_through")


def profile_groups(world: World, users: NDArray[np.int64]) -> dict[str, NDArray[np.bool_]]:
    """Who belongs to which group by what the profile tells: (n,) by age band and by language; empty ones left out.

    Args:
        world: Whose people.
        users: (n,) ids.
    """
    member = world.people(users).profile.astype(np.bool_)
    return {name: member[:, j] for j, name in enumerate((*AGE_BANDS, *LANGUAGES)) if member[:, j].any()}


def metric_table(tallies: Mapping[str, MetricTally], *, zero: str = "random", one: str = "oracle") -> pd.DataFrame:
    """All metrics of policies that met the same people in the same moments.

    Args:
        tallies: By policy.
        zero: Policy at score 0.
        one: Policy at score 1, from which regret is counted.

    Returns:
        Columns :data:`TABLE`; ``value`` is NaN where nothing was counted (``n`` is 0) or there is no scale, ``n`` is
        how many people, steps, clicks, items, lists or sessions a value rests on, as its formula divides by them.

    Raises:
        ConfigError: Without policies, or if they met different people.
    """
    if not tallies:
        raise ConfigError("there is no policy to make a table of; give at least one tally.")
    first = next(iter(tallies.values()))
    if not all(np.array_equal(tally.users, first.users) for tally in tallies.values()):
        raise ConfigError("policies that met different people cannot stand in one table; give them the same users.")
    groups = profile_groups(first.world, first.users)
    found = {name: _cells(tally, groups) for name, tally in tallies.items()}
    nothing = np.full_like(found[next(iter(found))]["return"][0], np.nan)
    low, high = (found[name]["return"][0] if name in found else nothing for name in (zero, one))
    scale = np.where(high > low, high - low, np.nan)
    for cells in found.values():
        returns, people = cells["return"]
        cells["score"], cells["regret"] = ((returns - low) / scale, people), (high - returns, people)
    return _tidy(found, groups, first.world)


def _cells(tally: MetricTally, groups: Mapping[str, NDArray[np.bool_]]) -> Cells:
    """Values and counts of one policy; rows: all, the groups, cold, warm; columns: all, the scenarios."""
    member = np.stack([np.ones(len(tally.users), np.bool_), *groups.values()]).astype(np.float64)
    total = totals(tally)
    sums = _named(SUMS, _with_all(_grouped(total.sums, member)))
    sums["known"] = sums["items"] - sums["new"]
    sums["known_click"] = sums["click"] - sums["new_click"]
    judged = _named(JUDGED, _with_all(_grouped(tally.judged, member)))
    cells: Cells = {name: (_ratio(sums[a], sums[b]), sums[b]) for name, (a, b) in _RATIOS.items()}
    cells |= {name: (_ratio(judged[a], judged[b]), judged[b]) for name, (a, b) in _JUDGEMENTS.items()}
    lists = _grouped(total.lists, member)
    cells["diversity"] = _ratio(lists[..., 0], lists[..., 1]), lists[..., 1]
    count = np.append(member.sum(axis=1), [len(tally.users)] * len(PHASES))  # people
    people = np.broadcast_to(count[:, None], sums["steps"].shape)
    cells["return"] = sums["reward"] / people, people
    cells["exposure"] = sums["items"] / people, people
    cells["miscalibration"] = _calibrated(tally.interest, total.topics, member)
    cells["coverage"], cells["gini"] = _exposures(tally.world, total.items, member.astype(np.bool_), sums["items"])
    lives = _named(LIVES, (member @ total.lives)[:, None])
    sessions, steps, alone = lives["sessions"], sums["steps"][: len(member), :1], people[: len(member), :1]
    minutes = BROWSING * steps + sums["dwell"][: len(member), :1]
    ends = lives["returns"] + lives["left"]
    cells["session_length"] = _ratio(steps, sessions), sessions
    cells["session_minutes"] = _ratio(minutes, sessions), sessions
    cells["retention"] = 1.0 - lives["left"] / alone, alone
    cells["return_rate"] = _ratio(lives["returns"], ends), ends
    cells["return_gap"] = _ratio(lives["gap"], lives["returns"]), lives["returns"]
    return cells


def _tidy(found: Mapping[str, Cells], groups: Mapping[str, NDArray[np.bool_]], world: World) -> pd.DataFrame:
    people, scenarios = [ALL, *groups, *PHASES], [ALL, *(s.name for s in world.scenarios)]
    new = bool(world.catalogue.new.any())
    names = [name for name in METRICS if new or name not in _NEW]
    shape = (len(found), len(scenarios), len(people), len(names))
    value, n, there = np.full(shape, np.nan), np.zeros(shape), np.zeros(shape, np.bool_)
    for policy, cells in enumerate(found.values()):
        came = cells["exposure"][0][:, 0] > 0  # of the moments of each group
        for metric, name in enumerate(names):
            # Cells of whole lives are the upper left corner of the others.
            values, counts = (cell.T for cell in cells[name])
            corner = (policy, slice(values.shape[0]), slice(values.shape[1]), metric)
            value[corner], n[corner], there[corner] = values, counts, came[: values.shape[1]]
    which = np.nonzero(there)
    labels = zip(TABLE, (list(found), scenarios, people, names), which, strict=False)
    columns = {column: pd.Series(np.array(words, object)[index], dtype=object) for column, words, index in labels}
    return pd.DataFrame({**columns, "value": value[which], "n": np.rint(n[which]).astype(np.int64)})


def _grouped(values: NDArray[np.floating], member: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums (2, n, ..., V) by phase and person as (P, ..., V): over the people of each group, then cold, then warm."""
    everything = np.tensordot(member, values[0].astype(np.float64) + values[1], axes=1)
    return np.concatenate((everything, np.einsum("pn...->p...", values, dtype=np.float64)))


def _with_all(cells: NDArray[np.float64]) -> NDArray[np.float64]:
    """(P, S, V) as (P, 1 + S, V): the sum over scenarios stands first."""
    return np.concatenate((cells.sum(axis=1, keepdims=True), cells), axis=1)


def _named(names: tuple[str, ...], values: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    return {name: values[..., j] for j, name in enumerate(names)}


def _ratio(numerator: NDArray[np.float64], denominator: NDArray[np.float64]) -> NDArray[np.float64]:
    """NaN where there is nothing to divide by."""
    ratio: NDArray[np.float64] = np.divide(
        numerator, denominator, out=np.full(np.shape(denominator), np.nan), where=denominator > 0.0
    )
    return ratio


def _calibrated(
    interest: NDArray[np.floating], topics: NDArray[np.floating], member: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean of people's miscalibration, (P, 1 + S), and how many people have one; from (2, n, S, K) each."""
    total, count = [], []
    for phases, who in ((slice(None), member), (slice(0, 1), member[:1]), (slice(1, 2), member[:1])):
        each = miscalibration(*(_with_all(np.einsum("p...->...", x[phases])) for x in (interest, topics)))  # (n, 1 + S)
        total.append(who @ np.nan_to_num(each))
        count.append(who @ np.isfinite(each))
    return _ratio(np.concatenate(total), np.concatenate(count)), np.concatenate(count)


def _exposures(
    world: World, log: NDArray[np.int32], member: NDArray[np.bool_], items: NDArray[np.float64]
) -> tuple[tuple[NDArray[np.float64], NDArray[np.float64]], tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Coverage and Gini of what was shown, log (steps, n, slate), with how many ``items`` (P, 1 + S) that were."""
    catalogue = world.catalogue
    shown = [log, *(log[:, who] for who in member[1:]), log[:COLD_STEPS], log[COLD_STEPS:]]
    blocks = [slice(1, None)] + [slice(f, f + n) for f, n in zip(catalogue.first, catalogue.size, strict=True)]
    covered, uneven = np.empty(items.shape), np.empty(items.shape)
    for row, ids in enumerate(shown):
        counts = np.bincount(ids.ravel(), minlength=catalogue.n_items + 1)
        for column, block in enumerate(blocks):
            n, some = len(counts[block]), counts[block][counts[block] > 0]
            covered[row, column] = len(some) / n if some.size else np.nan
            uneven[row, column] = gini_of_shown(some, n)
    return (covered, items), (uneven, items)
