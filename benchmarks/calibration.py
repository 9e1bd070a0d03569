"""Is there something to learn? Scores of simple policies and of the observable ceiling in CrossScenario-v0.

The ceiling is a supervised click model on the observation with template context, trained on 200,000 logged steps,
that acts greedily: what a recommender may know, without planning. Half of the log is a random policy's, half that of
popularity and content.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import track
from rich.table import Table

from crossrec.agents.baselines.click_model import ClickModel
from crossrec.config import ContextConfig, EnvConfig, TrainConfig
from crossrec.experiments.evaluate import evaluate, scores
from crossrec.experiments.lab import Lab, build_lab

LOGGED_STEPS, _PEOPLE = 200_000, 500
_LOGGERS = ("random", "random", "popularity", "content")
BARS = {"popularity": (0.1, 0.45), "content": (0.1, 0.45), "ceiling": (0.5, 0.8)}
CLICK_RATE, RATIO = (0.03, 0.15), 4.0

Log = tuple[dict[str, NDArray[Any]], NDArray[np.int64], NDArray[np.float64]]


def logged(lab: Lab, steps: int) -> Log:
    """Observations, actions and clicks (N each) of people met in training."""
    rows: list[tuple[dict[str, NDArray[Any]], NDArray[np.int64], NDArray[np.float64]]] = []
    for seed, name in enumerate(_LOGGERS):
        env: Any = lab.make_env(_PEOPLE, users=100_000)
        policy = lab.baseline(name, env.unwrapped, seed)
        observation, _ = env.reset(seed=1_000 * seed)
        for _ in track(range(steps // len(_LOGGERS) // _PEOPLE), f"log of {name}", console=Console(stderr=True)):
            actions, _ = policy.predict(observation)
            following, _, _, _, infos = env.step(actions)
            rows.append((observation, actions, infos["reward_parts"]["click"]))
            observation = following
    joined = {key: np.concatenate([row[0][key] for row in rows]) for key in rows[0][0]}
    return joined, np.concatenate([row[1] for row in rows]), np.concatenate([row[2] for row in rows])


def calibrate(encoder: str = "minilm", steps: int = LOGGED_STEPS, people: int = 400) -> dict[str, dict[str, float]]:
    """Scores by policy; ``ceiling`` is the click model."""
    config = TrainConfig(env=EnvConfig(), context=ContextConfig(name="template", encoder=encoder), eval_people=people)
    lab = build_lab(config.env, config.context)
    model = ClickModel(lab.make_env(1).single_observation_space, lab.table, seed=0)
    model.fit(*logged(lab, steps))
    return scores(evaluate(lab, config, {"ceiling": model}), seed=0)


def holds(table: dict[str, dict[str, float]]) -> dict[str, bool]:
    """Each bar in words, and whether it holds."""
    random, oracle = table["random"], table["oracle"]
    checks = {
        f"random click rate {random['click_rate']:.1%} in 3% to 15%": CLICK_RATE[0]
        <= random["click_rate"]
        <= CLICK_RATE[1],
        f"oracle return {oracle['return'] / random['return']:.1f} times random, at least 4": oracle["return"]
        >= RATIO * random["return"],
        "popularity and content apart: intervals do not overlap": table["popularity"]["high"] < table["content"]["low"]
        or table["content"]["high"] < table["popularity"]["low"],
    }
    for name, (low, high) in BARS.items():
        checks[f"{name} {table[name]['score']:.3f} in {low} to {high}"] = low <= table[name]["score"] <= high
    return checks


def main() -> None:
    """Print the table and the bars."""
    torch.set_num_threads(1)
    result, console = calibrate(), Console()
    table = Table(title="CrossScenario-v0 at its defaults", title_justify="left", box=SIMPLE_HEAD)
    for heading in ("policy", "score", "95% interval", "return", "click rate"):
        table.add_column(heading, justify="right")
    for name, row in result.items():
        interval = f"{row['low']:.3f} to {row['high']:.3f}"
        table.add_row(name, f"{row['score']:.3f}", interval, f"{row['return']:.2f}", f"{row['click_rate']:.1%}")
    console.print(table)
    for words, held in holds(result).items():
        console.print(f"bar: {words}: {'holds' if held else 'DOES NOT HOLD'}", highlight=False)


if __name__ == "__main__":
    main()
