"""Worlds of which the answer is known: two scenarios that differ in nothing but how they share interests.

An agent learns where both share everything (``rho = 1``), and so learns to trust a history wherever it comes from. Then
it acts, unchanged, where the second scenario shares everything, nothing or the mirrored interest. Nothing is carried
from scenario to scenario but interest: no intent, no satiation, no drift. The greedy oracle serves people before, so
that their history tells as much as one can. The ratio of what their own history is worth when it comes from the first
scenario to what it is worth when it comes from the second is then 1 for ``rho = 1``, for interest is the same in both;
0 for ``rho = 0``, for their own history tells no more than a stranger's; and below 0 for ``rho = -1``.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from crossrec.config import TrainConfig

from ..compose import compose_train
from ..lab import build_lab
from ..run import RunFolder
from ..train import load_agent
from .arrivals import settle

RHOS = (1.0, 0.0, -1.0)
_OFF = ("satiation", "carry_over", "on_mind", "intent", "drift")
_TWIN: dict[str, Any] = {
    "facet": "", "base": -3.8, "dwell": 60.0, "dwell_spread": 0.7, "conversion": 0.1, "patience": 1.0,
    "dayparts": [1, 1, 1, 1], "devices": [1, 1, 1, 1],
}  # fmt: skip
_PEOPLE, _FIRST_USER = 1000, 700_000


def twins_config(seed: int, steps: int, runs: str) -> TrainConfig:
    """The run that learns where both twins share everything."""
    words = ["context=none", "context.encoder=hashing", "train_users=5000", "eval_people=50", f"runs={runs}"]
    config = compose_train([*words, f"seed={seed}", f"steps={steps}", "env.items_per_scenario=2000"])
    return dataclasses.replace(config, env=_world(config, 1.0))


def _world(config: TrainConfig, rho: float) -> Any:
    behaviour = dataclasses.replace(config.env.behaviour, **dict.fromkeys(_OFF, 0.0))
    twins = [{**_TWIN, "name": "left", "rho": 1.0}, {**_TWIN, "name": "right", "rho": rho}]
    return dataclasses.replace(config.env, scenarios=twins, behaviour=behaviour)


def twins_gains(folder: Path, people: int = _PEOPLE) -> pd.DataFrame:
    """What knowing people in either twin is worth in the right one, to the agent of a run of :func:`twins_config`.

    Returns:
        One row per rho: ``rho``, ``away`` and ``home``: mean gain of people's own history from the left and from the
        right twin over a stranger's.
    """
    run = RunFolder(folder)
    config = run.config()
    agent: Any = load_agent(run, config)
    users = _FIRST_USER + 10_000 * config.seed + np.arange(people)  # others for each agent
    rows = []
    for rho in RHOS:
        lab = build_lab(_world(config, rho), config.context)
        gains = []
        for source in ("left", "right"):
            arrivals = settle(lab, users, config.seed, source, policy="oracle").arrive("right")
            own, _ = arrivals.meet(agent)
            stranger, _ = arrivals.meet(agent, "stranger")
            gains.append(float((own - stranger).mean()))
        rows.append({"rho": rho, "away": gains[0], "home": gains[1]})
    return pd.DataFrame(rows)
