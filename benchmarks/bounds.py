"""Bounds of every question: random, popularity, an oracle blind to the effect, a greedy and a look-ahead oracle.

Prints the table, keeps the figures in docs/environments/bounds.json, and writes a page per question. What is there of
the same options is not computed again, so a run that was stopped goes on. Looking ahead takes hundreds of rollouts per
step, so it is done for fewer people; differences are between the lives of the same people.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.pages import write_index, write_page
from crossrec.agents.baselines.base import ScoringPolicy
from crossrec.agents.baselines.simple import GreedyOracle, PopularityPolicy, RandomPolicy
from crossrec.config import EnvConfig
from crossrec.envs.questions import QUESTIONS, Question
from crossrec.envs.vector import CrossScenarioVectorEnv
from crossrec.experiments.evaluate import rollout
from crossrec.simulation.blind import blind_rewards
from crossrec.simulation.lookahead import LookAhead

README = Path(__file__).parents[1] / "README.md"
PAGES = README.parent / "docs" / "environments"
PEOPLE, FIRST_USER, SEED = 300, 500_000, 1_000_003
#: How the look-ahead oracle plans, and for how many people, in the questions where planning should pay: what is shown
#: now costs or brings something later. Elsewhere it needs less to show that it does not.
PLANS: dict[str, dict[str, Any]] = {
    "Satiation": {"people": 150, "candidates": 6, "futures": 12, "depth": 25, "caution": 0.5},
    "Transitions": {"people": 150, "candidates": 20, "futures": 8, "depth": 15, "caution": 1.0},
    "Retention": {"people": 150, "candidates": 2, "futures": 20, "depth": 30, "caution": 0.0},
}
_PLAIN_PLAN = {"people": 50, "candidates": 2, "futures": 8, "depth": 8, "caution": 1.0}
POLICIES = ("random", "popularity", "blind oracle", "greedy oracle", "look-ahead oracle")
Bounds = dict[str, dict[str, float]]


def plan(question: Question) -> tuple[int, dict[str, Any]]:
    """For how many people the look-ahead oracle plans, and how."""
    options = dict(PLANS.get(question.name, _PLAIN_PLAN))
    return options.pop("people"), options


def policy(name: str, env: CrossScenarioVectorEnv, question: Question) -> ScoringPolicy:
    """A bound by name; oracles look into ``env``."""
    simulator = env.core.simulator
    made: ScoringPolicy = {
        "random": lambda: RandomPolicy(0),
        "popularity": lambda: PopularityPolicy(env.world.catalogue.popularity),
        "blind oracle": lambda: GreedyOracle(lambda: blind_rewards(simulator, question.blind)),
        "greedy oracle": lambda: GreedyOracle(env.expected_rewards),
        "look-ahead oracle": lambda: GreedyOracle(LookAhead(simulator, **plan(question)[1]).values),
    }[name]()
    made.slate_size = env.config.slate_size
    return made


def returns(question: Question, name: str, people: int) -> NDArray[np.float64]:
    """Return of each of the same people's lives under a bound."""
    env = CrossScenarioVectorEnv(people, expose_truth=True, **question.options)
    users = np.arange(FIRST_USER, FIRST_USER + people)
    found: NDArray[np.float64] = rollout(policy(name, env, question), env, users, SEED)["return"].to_numpy()
    return found


def interval(values: NDArray[np.float64]) -> tuple[float, float, float]:
    """Mean with a 95% interval over people (bootstrap percentiles)."""
    rng = np.random.default_rng(0)
    means = values[rng.integers(0, len(values), (2_000, len(values)))].mean(axis=1)
    return float(values.mean()), *(float(q) for q in np.quantile(means, [0.025, 0.975]))


def bounds(question: Question, people: int) -> Bounds:
    """Mean return of every bound, and what each of two differences between people's own lives is."""
    few = min(plan(question)[0], people)
    people = met(question, people)
    lives = {
        name: returns(question, name, few if name == "look-ahead oracle" else people)
        for name in POLICIES
        if _applies(name, question)
    }
    seeing = "look-ahead oracle" if question.blind == "future" else "greedy oracle"
    lives["gap: seeing - blind"] = _difference(lives[seeing], lives["blind oracle"])
    if "look-ahead oracle" in lives:
        lives["head-room: look-ahead - greedy"] = _difference(lives["look-ahead oracle"], lives["greedy oracle"])
    return {name: dict(zip(("mean", "low", "high"), interval(values), strict=True)) for name, values in lives.items()}


def met(question: Question, people: int) -> int:
    """How many people all bounds but looking ahead meet: as many as it, where it is the seeing oracle."""
    return min(plan(question)[0], people) if question.blind == "future" else people


def _difference(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Between the lives of those whom both met."""
    n = min(len(one), len(other))
    return one[:n] - other[:n]


def _applies(name: str, question: Question) -> bool:
    return name != "look-ahead oracle" or question.options.get("slate_size", 1) == 1


def fingerprint(question: Question, people: int) -> str:
    """Of all that decides the bounds but the code."""
    return hashlib.sha256(repr((question.options, question.blind, people, plan(question))).encode()).hexdigest()[:12]


def known() -> dict[str, Any]:
    """Bounds computed before, by id."""
    file = PAGES / "bounds.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--people", type=int, default=PEOPLE, help=f"lives per bound; default {PEOPLE}")
    parser.add_argument("--only", help="one question by name, e.g. Drift")
    options = parser.parse_args()
    PAGES.mkdir(parents=True, exist_ok=True)
    found, console = known(), Console()
    asked = [q for q in QUESTIONS if options.only in (None, q.name)]
    for question in track(asked, "bounds", console=Console(stderr=True)):
        digest = fingerprint(question, options.people)
        if found.get(question.env_id, {}).get("fingerprint") != digest:
            config = EnvConfig()
            found[question.env_id] = {
                "fingerprint": digest,
                "people": met(question, options.people),
                "planned": min(plan(question)[0], options.people),
                "horizon": question.options.get("horizon", config.horizon),
                "bounds": bounds(question, options.people),
            }
            file = PAGES / "bounds.json"
            file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for question in QUESTIONS:
        if question.env_id in found:
            write_page(PAGES, question, found[question.env_id])
    write_index(PAGES, README, QUESTIONS, found)
    table = Table(title="mean return per life", title_justify="left", box=SIMPLE_HEAD)
    table.add_column("environment", no_wrap=True)
    for name in (*POLICIES, "gap", "head-room"):
        table.add_column(name, justify="right")
    for question in asked:
        rows = found[question.env_id]["bounds"]
        cells = [f"{rows[name]['mean']:.2f}" if name in rows else "" for name in POLICIES]
        for name in ("gap: seeing - blind", "head-room: look-ahead - greedy"):
            row = rows.get(name)
            cells.append(f"{row['mean']:.2f} ({row['low']:.2f} to {row['high']:.2f})" if row else "")
        table.add_row(question.env_id.partition("/")[2], *cells)
    Console(width=max(console.width, 160)).print(table)


if __name__ == "__main__":
    main()
