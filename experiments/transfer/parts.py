"""What the study measures, part by part. A part trains its agents as ordinary runs and gives back rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from crossrec.agents.build import build_agent
from crossrec.agents.vec_adapter import SB3VecEnv
from crossrec.config import TrainConfig
from crossrec.language.adapter import make_adapter
from crossrec.metrics import COLD_STEPS
from crossrec.transfer import cold_start_regret

from ..compose import compose_train
from ..evaluate import evaluation_people, rollout
from ..evaluated import ENDS
from ..lab import Lab, build_lab
from ..run import RunFolder, folder_of
from ..train import load_agent, train
from .adapting import closeness, pairs_of, worth
from .arrivals import first_steps, settle
from .matrix import matrix_of
from .tasks import MISLED
from .twins import twins_config, twins_gains

Rows = list[dict[str, Any]]

_FIRST = 30  # interactions that are looked at one by one
_NEW = 800_000  # first id of people whom no run meets, in training or evaluation
# As long as a life, so that who sees the own scenario only sees all of it.
MEMORY = "env.history_length=40"
ARMS: Mapping[str, tuple[str, ...]] = {  # of agents in the default world
    "joint": (MEMORY,),
    "own history": (MEMORY, "env.history=own"),
    "independent": (MEMORY, "agent.experts=independent", "env.history=own"),
    "gated": (MEMORY, "agent.experts=gated"),
    "stacked": (MEMORY, "agent.experts=stacked"),
    "average": (MEMORY, "agent.experts=average"),
}
TITLES = ("context.prompt.titles=3", "context.prompt.sees=[scenario,daypart,device]", "context.refresh=topic")


def agent(*, runs: str, arm: str, context: str, seed: int, words: Sequence[str]) -> Rows:
    """An agent in the default world: its score, and what it reaches in the first interactions with new people."""
    config = _config(runs, seed, [*words, f"context={context}", *ARMS[arm]])
    folder = _trained(config)
    score = folder.result()["scores"][config.agent.name]["score"]
    rows: Rows = [{"question": "agent", "arm": arm, "task": context, "seed": seed, "value": score}]
    lab = build_lab(config.env, config.context)
    reached, best = _met(lab, load_agent(folder, config), config)
    for step, value in enumerate(reached.mean(axis=0), 1):
        rows.append({"question": "cold", "arm": arm, "task": context, "seed": seed, "x": step, "value": value})
    first = min(COLD_STEPS, reached.shape[1])
    regret = float(cold_start_regret(reached, best, first).mean())
    return [*rows, {"question": "cold regret", "arm": arm, "task": context, "seed": seed, "x": first, "value": regret}]


def misled(*, runs: str, seed: int, words: Sequence[str]) -> Rows:
    """The joint agent that has learnt from people's own notes, handed those of strangers."""
    config, other = (
        _config(runs, seed, [*words, f"context={context}", *ARMS["joint"]]) for context in ("template", "shuffled")
    )
    score = Scale(other).score(load_agent(_trained(config), config))
    return [{"question": "agent", "arm": MISLED, "task": "shuffled", "seed": seed, "value": score}]


def left_out(*, runs: str, target: str, context: str, seed: int, words: Sequence[str]) -> Rows:
    """Zero-shot: an agent acts in the one scenario that it was not trained in."""
    config = _config(runs, seed, [*words, f"context={context}", f"env.visits=[{target}]", "train_elsewhere=true"])
    return [_score("left out", context, target, seed, config)]


def at_home(*, runs: str, target: str, context: str, seed: int, words: Sequence[str]) -> Rows:
    """Single scenario: an agent is trained where it acts, and nowhere else."""
    config = _config(runs, seed, [*words, f"context={context}", f"env.visits=[{target}]"])
    return [_score("at home", context, target, seed, config)]


def tuned(*, runs: str, target: str, seed: int, words: Sequence[str], budgets: Sequence[int]) -> Rows:
    """Fine-tuning in the target: from the agent of :func:`left_out`, and from nothing, for a range of steps."""
    there = [*words, "context=template", f"env.visits=[{target}]"]
    source = _config(runs, seed, [*there, "train_elsewhere=true"])
    taught = _trained(source)
    zero = _score("curve", "transferred", target, seed, source)
    untrained = Scale(_config(runs, seed, there)).untrained()
    rows: Rows = [zero, {**zero, "arm": "scratch", "value": untrained}]
    for steps in budgets:
        short = [*there, f"steps={steps}", "agent.learning_starts=500"]
        for arm, more in (("transferred", [f"start={taught.path}"]), ("scratch", [])):
            row = _score("curve", arm, target, seed, _config(runs, seed, [*short, *more]))
            rows.append({**row, "x": steps})
    return rows


def continual(*, runs: str, order: Sequence[str], seed: int, words: Sequence[str]) -> Rows:
    """Scenarios arrive one after another: what an agent scores in each after learning each."""
    shared = [*words, "context=template"]
    scales = {name: Scale(_config(runs, seed, [*shared, f"env.visits=[{name}]"])) for name in order}
    rows: Rows = [
        {"question": "continual", "arm": "nothing", "task": name, "seed": seed, "x": -1, "value": scale.untrained()}
        for name, scale in scales.items()
    ]
    start: list[str] = []
    for after, name in enumerate(order):
        config = _config(runs, seed, [*shared, f"train_visits=[{name}]", *start])
        folder = _trained(config)
        start = [f"start={folder.path}"]
        learner = load_agent(folder, config)
        for other, scale in scales.items():
            value = scale.score(learner)
            rows.append({"question": "continual", "arm": name, "task": other, "seed": seed, "x": after, "value": value})
    return rows


def matrix(*, runs: str, world: str, seed: int, words: Sequence[str], people: int) -> Rows:
    """The transfer matrix of an agent without contexts, in its own world or where one scenario is mirrored."""
    config = _config(runs, seed, [*words, "context=none", *ARMS["joint"]])
    learner: Any = load_agent(_trained(config), config)
    lab = build_lab(config.env if world == "default" else mirrored(config).env, config.context)
    users = _new(seed, people)
    table = matrix_of(lab, learner, users, seed)
    rows: Rows = []
    for row in table.to_dict("records"):
        pair = f"{row['source']}>{row['target']}"
        rows += [
            {"question": f"matrix, {world}", "arm": what, "task": pair, "seed": seed, "value": row[what]}
            for what in ("gain", "over none", "own", "stranger", "none", "best", "error")
        ]
    return rows


def overlap(*, runs: str, source: str, target: str, seed: int, words: Sequence[str], people: int) -> Rows:
    """Regret of the first interactions in a scenario, by the share of people who are known from another."""
    config = _config(runs, seed, [*words, "context=none", *ARMS["joint"]])
    learner: Any = load_agent(_trained(config), config)
    arrivals = settle(build_lab(config.env, config.context), _new(seed, people), seed, source).arrive(target)
    rows: Rows = []
    for share in (0.0, 0.5, 1.0):
        reached, best = arrivals.meet(learner, overlap=share)
        regret = float(cold_start_regret(reached, best, reached.shape[1]).mean())
        rows.append({"question": "overlap", "arm": source, "task": target, "seed": seed, "x": share, "value": regret})
    return rows


def adapters(*, runs: str, source: str, target: str, seed: int, words: Sequence[str], people: int) -> Rows:
    """What adapters are worth to an agent that has learnt in the target alone."""
    there = [f"env.visits=[{target}]", "env.history=own", "context=template", *TITLES]
    config = _config(runs, seed, [*words, *there])
    learner: Any = load_agent(_trained(config), config)
    lab = build_lab(config.env, config.context)
    pairs = pairs_of(lab, 100_000 + _new(seed, 2 * people), seed, source, target)
    table = worth(lab, learner, pairs, _new(seed, people), seed, source, target)
    pair = f"{source}>{target}"
    held = pairs_of(lab, 200_000 + _new(seed, people), seed, source, target)
    rows: Rows = []
    for share in (0.1, 0.3, 1.0):
        fewer = pairs.first(share)
        adapter = make_adapter("linear").fit(fewer.source, fewer.target, fewer.features, np.random.default_rng(seed))
        found = {"arm": "linear", "task": pair, "seed": seed, "x": share, "value": closeness(adapter, held)}
        rows.append({"question": "adapters, known", **found})
    return rows + [
        {"question": question, "arm": row["adapter"], "task": pair, "seed": seed, "value": row[column]}
        for row in table.to_dict("records")
        for question, column in (("adapters", "reward"), ("adapters, cosine", "cosine"))
    ]


def twins(*, runs: str, seed: int, steps: int, people: int) -> Rows:
    """The known answers, see :mod:`crossrec.experiments.transfer.twins`."""
    folder = _trained(twins_config(seed, steps, runs))
    return [
        {"question": "twins", "arm": what, "seed": seed, "x": row["rho"], "value": row[what]}
        for row in twins_gains(folder.path, people).to_dict("records")
        for what in ("away", "home")
    ]


PARTS: Mapping[str, Callable[..., Rows]] = {
    part.__name__: part
    for part in (agent, misled, left_out, at_home, tuned, continual, matrix, overlap, adapters, twins)
}


def _new(seed: int, people: int) -> NDArray[np.int64]:
    """Ids of people whom no run meets, others for each agent."""
    return _NEW + 10_000 * seed + np.arange(people)


def mirrored(config: TrainConfig) -> TrainConfig:
    """The same world, but that people's interest in video is the mirror of what it is elsewhere."""
    from crossrec.world.scenario import resolve_scenarios

    scenarios = [
        dataclasses.replace(scenario, rho=-scenario.rho) if scenario.name == "video" else scenario
        for scenario in resolve_scenarios(config.env.scenarios)
    ]
    return dataclasses.replace(config, env=dataclasses.replace(config.env, scenarios=scenarios))


def _config(runs: str, seed: int, words: Sequence[str]) -> TrainConfig:
    return compose_train([*words, f"seed={seed}", f"runs={runs}"])


def _trained(config: TrainConfig) -> RunFolder:
    """A finished run; several tasks may want the same one, of which the first trains it and the others wait."""
    Path(config.runs).mkdir(parents=True, exist_ok=True)
    with FileLock(Path(config.runs) / f".{folder_of(config).path.name}.lock"):
        return train(config, show=False)


def _score(question: str, arm: str, task: str, seed: int, config: TrainConfig) -> dict[str, Any]:
    result = _trained(config).result()
    score = result["scores"][config.agent.name]["score"]
    return {"question": question, "arm": arm, "task": task, "seed": seed, "value": score}


class Scale:
    """Scores of agents in one environment: random is 0, the greedy oracle 1.

    Args:
        config: Says where, whom, and with which noise.
    """

    def __init__(self, config: TrainConfig) -> None:
        self.config, self.lab = config, build_lab(config.env, config.context)
        self.ends = [self._mean(name) for name in ENDS]

    def score(self, learner: Any) -> float:
        """The score of an agent."""
        low, high = self.ends
        return (self._mean("learner", learner) - low) / (high - low)

    def untrained(self) -> float:
        """The score of an agent that has learnt nothing."""
        lab, config = self.lab, self.config
        return self.score(
            build_agent(config.agent, SB3VecEnv(lab.make_env(config.people)), lab.table, seed=config.seed)
        )

    def _mean(self, name: str, learner: Any = None) -> float:
        users, seed = evaluation_people(self.config)
        env: Any = self.lab.make_env(len(users), expose_truth=name == "oracle", with_context=learner is not None)
        policy = learner if learner is not None else self.lab.baseline(name, env.unwrapped, seed)
        return float(rollout(policy, env, users, seed)["return"].mean())


def _met(lab: Lab, learner: Any, config: TrainConfig) -> tuple[Any, Any]:
    """(n, _FIRST) expected reward of what new people are shown, and of the best candidate; a whole life at most."""
    users, seed = evaluation_people(config)
    behaviour = dataclasses.replace(lab.env.behaviour, churn=0.0)  # so that nobody begins another life meanwhile
    lab = dataclasses.replace(lab, env=dataclasses.replace(lab.env, behaviour=behaviour))
    env: Any = lab.make_env(len(users), expose_truth=True)
    observation, _ = env.reset(seed=seed, options={"user": users})
    return first_steps(env, learner, observation, min(_FIRST, config.env.horizon))
