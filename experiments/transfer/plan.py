"""How much of the study is done: in three hours on two cores, or a first look in ten minutes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crossrec.config import DEFAULT_SCENARIOS

from .tasks import Task, task

Words = tuple[str, ...]


@dataclass(frozen=True)
class Size:
    """How much is done.

    Attributes:
        seeds: Agents of each kind.
        seeds_of_mixes: Agents whose experts are mixed without a gate, which take four times as long as others.
        words: Options of all runs.
        context: Which contexts are compared where an agent was not trained.
        targets: Scenarios that are left out in turn.
        few: Options of runs whose contexts are written by a model: fewer people to write for.
        budgets: Transitions of fine-tuning.
        tuned: Targets that are fine-tuned in.
        pairs: Of scenarios between which adapters lead.
        people: Whom measurements meet.
        twin_steps: Transitions of the worlds of which the answer is known.
        seeds_of_twins: Agents there.
    """

    seeds: int
    seeds_of_mixes: int
    words: Words
    context: Words
    targets: Words
    few: Words
    budgets: tuple[int, ...]
    tuned: Words
    pairs: tuple[tuple[str, str], ...]
    people: int
    twin_steps: int
    seeds_of_twins: int


_LEARNER: Words = ("agent.gradient_steps=0.03125", "train_users=10000")
SIZES: Mapping[str, Size] = {
    "quick": Size(
        seeds=2,
        seeds_of_mixes=2,
        words=(*_LEARNER, "steps=10000", "eval_people=100", "agent.learning_starts=1000", "context.encoder=hashing"),
        context=("none", "template", "oracle"),
        targets=("news", "video"),
        few=(),
        budgets=(2_000,),
        tuned=("video",),
        pairs=(("news", "video"),),
        people=200,
        twin_steps=10_000,
        seeds_of_twins=3,
    ),
    "full": Size(
        seeds=5,
        seeds_of_mixes=3,
        words=(*_LEARNER, "steps=80000", "eval_people=500"),
        context=("none", "template", "encode", "llm", "oracle"),
        targets=DEFAULT_SCENARIOS,
        few=("train_users=64", "steps=40000", "eval_people=200", "agent.gradient_steps=0.015625"),
        budgets=(2_000, 5_000, 10_000, 20_000),
        tuned=("news", "video"),
        pairs=(("news", "video"), ("shopping", "music")),
        people=500,
        twin_steps=20_000,
        seeds_of_twins=5,
    ),
}


# What parts of the study set themselves.
SET: Words = (
    "seed", "runs", "context", "env.scenarios", "env.visits", "env.history", "env.history_length", "train_visits",
    "train_elsewhere", "start", "agent.experts", "context.prompt.titles", "context.prompt.sees", "context.refresh",
    "experiment",
)  # fmt: skip


def plan_of(size: Size, folder: str, overrides: Words = ()) -> Mapping[str, list[Task]]:
    """By question what is to be measured; what many wait for stands first, what takes longest last.

    Args:
        size: How much is done.
        folder: Where runs and measurements are kept.
        overrides: Options of all runs, beside the size's own.
    """
    words = (*size.words, *overrides)
    some = (*words, *size.few, *overrides)

    def agents(*arms: tuple[str, str], seeds: int = size.seeds) -> list[Task]:
        return each("agent", words, [{"arm": arm, "context": context} for arm, context in arms], seeds)

    def each(
        part: str, words: Words, options: Sequence[Mapping[str, Any]], seeds: int = size.seeds, **same: Any
    ) -> list[Task]:
        return [task(part, folder, words=words, seed=s, **given, **same) for given in options for s in range(seeds)]

    def matrices(world: str) -> list[Task]:
        return each("matrix", words, [{"world": world}], people=size.people)

    pairs = [{"source": source, "target": target} for source, target in size.pairs]
    left = [{"target": target, "context": context} for context in size.context for target in size.targets]
    homes = [{"target": target, "context": "template"} for target in size.targets]
    tuned = [{"target": target} for target in size.tuned]
    blank, read, strange = (("joint", context) for context in ("none", "template", "shuffled"))
    return {
        "joint": [
            *agents(blank, read, strange, ("own history", "template"), ("independent", "template")),
            *each("misled", words, [{}]),
        ],
        "cold": agents(blank, read, strange),
        "zero-shot": [*each("left_out", some, left), *each("at_home", some, homes)],
        "tuning": each("tuned", words, tuned, budgets=size.budgets),
        "matrix": matrices("default"),
        "mirrored": matrices("mirrored"),
        "overlap": each("overlap", words, pairs, people=size.people),
        "adapters": each("adapters", words, pairs, people=size.people),
        "continual": each("continual", _shorter(words), [{"order": DEFAULT_SCENARIOS}]),
        "known": [
            task("twins", folder, seed=s, steps=size.twin_steps, people=size.people) for s in range(size.seeds_of_twins)
        ],
        "ensemble": [
            *agents(read, ("gated", "template")),
            *agents(("stacked", "template"), ("average", "template"), seeds=size.seeds_of_mixes),
        ],
    }


def tasks_of(size: Size, folder: str, only: Words = (), overrides: Words = ()) -> list[Task]:
    """What some questions need, or all of them; each task once.

    Args:
        size: As for :func:`plan_of`.
        folder: As there.
        only: Names of questions; none: all.
        overrides: As there.
    """
    plan = plan_of(size, folder, overrides)
    return list(dict.fromkeys(each for name in only or plan for each in plan[name]))


def _shorter(words: Words) -> Words:
    """A fifth of the transitions, for agents that learn five times."""
    steps = int([word.partition("=")[2] for word in words if word.startswith("steps=")][-1])
    return (*words, f"steps={steps // len(DEFAULT_SCENARIOS)}", "agent.learning_starts=500")
