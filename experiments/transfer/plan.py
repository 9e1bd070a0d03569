"""How much of the study is done: in three hours on two cores, or a first look in ten minutes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from crossrec.config import DEFAULT_SCENARIOS

from .tasks import Task, task

Words = tuple[str, ...]


@dataclass(frozen=True)
class Size:
    """How much is done.

    Attributes:
        seeds: Agents of each kind.
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


def tasks_of(size: Size, folder: str) -> list[Task]:
    """All tasks of a study, those that many wait for first."""
    words, seeds = size.words, range(size.seeds)
    arms = [("joint", "none"), ("joint", "template"), ("joint", "shuffled")]
    arms += [(arm, "template") for arm in ("own history", "independent", "gated", "stacked", "average")]
    some = (*words, *size.few)
    found = [
        task("agent", folder, arm=arm, context=context, seed=s, words=words) for arm, context in arms for s in seeds
    ]
    found += [
        task("left_out", folder, target=target, context=context, seed=s, words=some)
        for context in size.context
        for target in size.targets
        for s in seeds
    ]
    found += [
        task("at_home", folder, target=t, context="template", seed=s, words=some) for t in size.targets for s in seeds
    ]
    found += [
        task("tuned", folder, target=target, seed=s, words=words, budgets=size.budgets)
        for target in size.tuned
        for s in seeds
    ]
    found += [
        task("matrix", folder, world=world, seed=s, words=words, people=size.people)
        for world in ("default", "mirrored")
        for s in seeds
    ]
    found += [
        task("overlap", folder, source=source, target=target, seed=s, words=words, people=size.people)
        for source, target in size.pairs
        for s in seeds
    ]
    found += [
        task("adapters", folder, source=source, target=target, seed=s, words=words, people=size.people)
        for source, target in size.pairs
        for s in seeds
    ]
    found += [task("continual", folder, order=DEFAULT_SCENARIOS, seed=s, words=_shorter(words)) for s in seeds]
    twins = range(size.seeds_of_twins)
    found += [task("twins", folder, seed=s, steps=size.twin_steps, people=size.people) for s in twins]
    return found


def _shorter(words: Words) -> Words:
    """A fifth of the transitions, for agents that learn five times."""
    steps = next(int(word.partition("=")[2]) for word in words if word.startswith("steps="))
    return (*words, f"steps={steps // len(DEFAULT_SCENARIOS)}", "agent.learning_starts=500")
