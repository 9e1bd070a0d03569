"""Results of learners and baselines: what is missing is computed, what fails is told of and the rest is kept."""

from __future__ import annotations

import shlex
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from crossrec.errors import CrossRecError, RunError

from ..evaluated import ENDS
from ..pool import compute_all
from ..run import RunFolder
from ..side_by_side import run_all
from .baselines import KIND_OF, NEEDS_LOG
from .cells import Cell, cell, kept
from .grid import Grid
from .logged import log_path, make_log
from .plan import SLOW, Plan
from .raw import Lived

Failures = list[str]  # in words


def of_learners(grid: Grid, jobs: int) -> tuple[list[Lived], Failures]:
    """Train what is missing; the lives under finished learners, and what went wrong.

    Args:
        grid: What is computed.
        jobs: Runs at once.
    """
    words = {
        (plan.env, agent, seed): [*grid.words(plan, agent), f"seed={seed}"]
        for plan in grid.plans
        for agent in grid.agents_of(plan)
        for seed in range(grid.seeds)
    }
    if not words:
        return [], []
    called = {key: _called(*key) for key in words}
    folders, problem = run_all({called[key]: given for key, given in words.items()}, jobs, grid.config_dir)
    results, failed = [], [problem] if problem else []
    for (env, agent, seed), given in words.items():
        folder = folders[called[env, agent, seed]]
        if not folder.result_file.is_file():
            continue  # it is among what went wrong
        try:
            people, commit = _people(folder), str(folder.result()["commit"] or "")
        except RunError as error:
            failed.append(str(error))
            continue
        lived = people[people["policy"] == agent].drop(columns="policy")
        results.append(Lived(env, agent, "learner", seed, lived, commit, _shown(given[:-1])))
    return results, failed


def of_baselines(grid: Grid, jobs: int) -> tuple[list[Lived], Failures]:
    """Evaluate what is missing; the lives under baselines, and what went wrong.

    Args:
        grid: What is computed.
        jobs: Processes at once.
    """
    cells: list[Cell] = []
    failed: Failures = []
    for plan in grid.plans:
        mine = _cells(grid, plan)
        if any(cell.log is not None and kept(cell) is None for cell in mine):
            log = grid.log_config(plan)
            try:
                make_log(log_path(plan.env, log), log)
            except CrossRecError as error:
                failed.append(f"log of {plan.env}: {error}")
                mine = [cell for cell in mine if cell.log is None or kept(cell) is not None]
        cells += mine
    failed += _told_once(cells, compute_all(cells, jobs, "baselines"))
    options = {plan.env: _shown([f"env={plan.env}", *grid.shared(plan)]) for plan in grid.plans}
    results = []
    for each in cells:
        people = kept(each)
        if people is not None:
            commit, lived = str(people["commit"].iloc[0]), people.drop(columns="commit")
            seed = each.config.seed
            results.append(Lived(each.env, each.policy, KIND_OF[each.policy], seed, lived, commit, options[each.env]))
    return results, failed


def complete(results: Sequence[Lived], seeds: int) -> list[Lived]:
    """Results of policies that have all seeds, in environments where both ends of the scale have them."""
    counts = Counter((lived.env, lived.policy) for lived in results)
    whole = {key for key, count in counts.items() if count == seeds}
    scaled = {env for env, _ in whole if all((env, end) in whole for end in ENDS)}
    return [lived for lived in results if lived.env in scaled and (lived.env, lived.policy) in whole]


def _called(env: str, policy: str, seed: int) -> str:
    return f"{env} {policy}, seed {seed}"


def _cells(grid: Grid, plan: Plan) -> list[Cell]:
    """The cells of an environment, those that learn from its log last."""
    config, log = grid.config(plan), log_path(plan.env, grid.log_config(plan))
    cells = []
    for name in sorted(grid.baselines_of(plan), key=NEEDS_LOG.__contains__):
        people = plan.slow.get(name, SLOW.get(name, config.eval_people))
        own = log if name in NEEDS_LOG else None
        cells += [cell(plan.env, name, config, seed, people, own) for seed in range(grid.seeds)]
    return cells


def _told_once(cells: Iterable[Cell], problems: Mapping[str, str]) -> Failures:
    """What went wrong with baselines, one sentence for all seeds that failed alike."""
    seeds = defaultdict(list)
    for each in cells:
        if each.name in problems:
            seeds[each.env, each.policy, problems[each.name]].append(str(each.config.seed))
    return [
        f"{env} {policy}, seed {' and '.join(which)}: {problem.rstrip('.')}"
        for (env, policy, problem), which in seeds.items()
    ]


def _people(folder: RunFolder) -> pd.DataFrame:
    try:
        return pd.read_parquet(folder.evaluation_file)
    # A damaged Parquet file raises whatever its reader stumbles over.
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise RunError(
            f"{folder.evaluation_file} is damaged ({reason}); `crossrec evaluate {folder.path}` writes it again"
        ) from error


def _shown(words: Iterable[str]) -> str:
    """Options as they are typed, but for where runs lie."""
    return shlex.join(word for word in words if not word.startswith("runs="))
