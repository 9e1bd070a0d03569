"""Runs sorted into tasks and contenders: what was met, and who met it."""

from __future__ import annotations

import functools
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossrec.config import EnvConfig
from crossrec.envs.registration import ENVIRONMENTS, config_name
from crossrec.options import from_options

from ..run import flat
from .runs import FINISHED, Run

BASELINES = "baseline"
_NAMED, _LETTERS = 3, 40  # options that a label names at most, characters of a value
_MET = ("env.", "eval_people", "eval_first_user")  # what two runs must share so that their scores compare


@dataclass(frozen=True)
class Study:
    """Finished runs by contender and task.

    A task is whom and what an agent is evaluated on: the environment and the people. A contender is all else but the
    seed: agent, context and training. Scores of one task share their scale, random 0 and oracle 1.

    Attributes:
        tasks: Labels, in order.
        contenders: Labels of what was trained, in order.
        baselines: Names of the policies beside them.
        runs: By contender and task, in order of seeds; none where a contender did not meet a task.
        shared: Tasks that the leaderboard averages over: those that all of ``ranked`` have met.
        ranked: Contenders in the leaderboard.
    """

    tasks: Sequence[str]
    contenders: Sequence[str]
    baselines: Sequence[str]
    runs: Mapping[str, Mapping[str, Sequence[Run]]]
    shared: Sequence[str]
    ranked: Sequence[str]

    def scores(self, contender: str, task: str) -> NDArray[np.float64]:
        """(seeds,) normalised scores of a contender or a baseline in a task."""
        if contender in self.baselines:
            found = [run.scores[contender] for run in self._worlds(task) if contender in run.scores]
        else:
            found = [run.scores[_agent(run)] for run in self.runs[contender].get(task, ())]
        return np.array(found, np.float64)

    def returns(self, policy: str, task: str) -> float:
        """Mean return of a baseline in a task."""
        return float(np.mean([run.returns[policy] for run in self._worlds(task) if policy in run.returns]))

    def seeds(self, contender: str) -> list[int]:
        """How many seeds a contender has in each of the shared tasks."""
        return [len(self.scores(contender, task)) for task in self.shared]

    def _worlds(self, task: str) -> list[Run]:
        """One run per seed: all of a task met the same people with the same noise."""
        by_seed = {_seed(run): run for each in self.runs.values() for run in each.get(task, ())}
        return [by_seed[seed] for seed in sorted(by_seed)]


def study_of(runs: Iterable[Run]) -> Study:
    """Sort the finished ones of some runs."""
    finished = sorted((run for run in runs if run.state == FINISHED), key=lambda run: (run.name, _seed(run)))
    alike = list({run.key: run for run in finished}.values())  # one run per set of seeds
    met = [{k: v for k, v in run.options.items() if k.startswith(_MET)} for run in alike]
    rest = [{k: v for k, v in run.options.items() if not k.startswith(_MET)} for run in alike]
    envs = [environment(run) for run in alike]
    told = [
        run.options["env.scenarios"] == environments()[env]["env.scenarios"]
        for run, env in zip(alike, envs, strict=True)
    ]
    task_of = _labels(met, envs, [{"env.scenarios"} if names_them else set() for names_them in told])
    contexts = len({run.options["context.name"] for run in alike}) > 1
    bases = [_agent(run) + (f", context={run.options['context.name']}" if contexts else "") for run in alike]
    contender_of = _labels(rest, bases, [{"agent.name", "context.name"}] * len(rest))
    tasks, contenders = (
        [dict(zip([run.key for run in alike], labels, strict=True))[run.key] for run in finished]
        for labels in (task_of, contender_of)
    )
    grouped: dict[str, dict[str, list[Run]]] = defaultdict(lambda: defaultdict(list))
    for run, contender, task in zip(finished, contenders, tasks, strict=True):
        grouped[contender][task].append(run)
    for per_task in grouped.values():
        for each in per_task.values():
            each.sort(key=_seed)
    names = sorted(grouped)
    shared, ranked = _shared(grouped, sorted(set(tasks)))
    found = {name for run in finished for name in run.returns} - {_agent(run) for run in finished}
    return Study(sorted(set(tasks)), names, sorted(found), grouped, shared, ranked)


def environment(run: Run) -> str:
    """The ``env=`` that is nearest to a run's environment."""
    return _nearest_env(run.key)


@functools.cache
def _nearest_env(key: str) -> str:
    wanted: dict[str, Any] = json.loads(key)
    return min(environments(), key=lambda name: sum(wanted.get(k) != v for k, v in environments()[name].items()))


@functools.cache
def environments() -> dict[str, dict[str, Any]]:
    """Options of every environment that ships, by dotted name, by what ``env=`` calls it."""
    found = {}
    for env_id, options in ENVIRONMENTS.items():
        config = from_options(EnvConfig, options)
        found[config_name(env_id)] = json.loads(json.dumps(flat(_plain(config), "env")))
    return found


def _plain(config: Any) -> dict[str, Any]:
    import dataclasses

    return dataclasses.asdict(config)


def _labels(options: Sequence[Mapping[str, Any]], bases: Sequence[str], known: Sequence[set[str]]) -> list[str]:
    """What to call each: its base, and the options by which those of one base differ.

    Args:
        options: Of each.
        bases: What each is called where nothing else has it.
        known: Options of each that its base says.
    """
    keys = [json.dumps(each, sort_keys=True, default=str) for each in options]
    labels: dict[tuple[str, str], str] = {}
    for base in dict.fromkeys(bases):
        distinct = {k: (o, said) for k, o, b, said in zip(keys, options, bases, known, strict=True) if b == base}
        names = dict.fromkeys(name for each, _ in distinct.values() for name in each)
        differ = [n for n in names if len({str(o.get(n)) for o, _ in distinct.values()}) > 1]
        for key, (each, said) in distinct.items():
            own = [name for name in differ if name not in said]
            told = [f"{name.rpartition('.')[2]}={_short(each.get(name))}" for name in own[:_NAMED]]
            more = [f"and {len(own) - _NAMED} more"] if len(own) > _NAMED else []
            labels[base, key] = ", ".join([base, *told, *more])
    return _distinct([(base, key) for base, key in zip(bases, keys, strict=True)], labels)


def _distinct(places: Sequence[tuple[str, str]], labels: Mapping[tuple[str, str], str]) -> list[str]:
    """Labels with a number where two that differ read alike."""
    alike: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for place in dict.fromkeys(places):
        alike[labels[place]].append(place)
    final = {
        place: label if len(group) == 1 else f"{label} ({number})"
        for label, group in alike.items()
        for number, place in enumerate(sorted(group), 1)
    }
    return [final[place] for place in places]


def _short(value: Any) -> str:
    if isinstance(value, list):  # of a scenario of one's own, the name
        value = f"[{', '.join(str(each.get('name', each) if isinstance(each, dict) else each) for each in value)}]"
    text = " ".join(str(value).split())
    return text if len(text) <= _LETTERS else f"{text[: _LETTERS - 1]}…"


def _shared(grouped: Mapping[str, Mapping[str, Any]], tasks: Sequence[str]) -> tuple[list[str], list[str]]:
    """Tasks to average over, and contenders that have met them all: at the least the task that most have met."""
    common = [task for task in tasks if all(task in met for met in grouped.values())]
    if common:
        return common, sorted(grouped)
    widest = max(tasks, key=lambda task: sum(task in met for met in grouped.values()))
    ranked = sorted(name for name, met in grouped.items() if widest in met)
    return [task for task in tasks if all(task in grouped[name] for name in ranked)], ranked


def _agent(run: Run) -> str:
    return str(run.options["agent.name"])


def _seed(run: Run) -> int:
    assert run.config is not None
    return run.config.seed
