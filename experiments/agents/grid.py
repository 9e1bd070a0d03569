"""What was asked of the benchmark, checked before anything is computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from crossrec.config import AGENTS, TrainConfig
from crossrec.errors import ConfigError, check_name, check_range

from ..choices import choices
from ..compose import compose_train
from ..evaluated import ENDS
from .baselines import KIND_OF
from .plan import PLANS, SLOW, Plan, Words, plan_of

_RESERVED = {"env": "--envs", "agent": "--agents", "agent.name": "--agents", "seed": "--seeds"}
_LEARNERS_OWN = ("agent.", "steps=", "people=", "train_users=")
_LOG_SEED = 0


@dataclass(frozen=True)
class Grid:
    """What is to be computed, checked.

    Attributes:
        plans: One for each environment.
        agents: Names of learners, or None for each plan's.
        baselines: Names of baselines, or None for all that suit.
        seeds: How many, from 0.
        overrides: Options of all runs, after those of the plans.
        config_dir: Folder of own configs.
        log_steps: Rows of the logs that baselines learn from, or None for each plan's.
    """

    plans: tuple[Plan, ...]
    agents: Words | None
    baselines: Words | None
    seeds: int
    overrides: Words
    config_dir: str | None
    log_steps: int | None

    def agents_of(self, plan: Plan) -> Words:
        """The learners of an environment."""
        return tuple(plan.agents) if self.agents is None else self.agents

    def baselines_of(self, plan: Plan) -> Words:
        """The baselines of an environment, both ends of the scale first."""
        fit = [name for name in KIND_OF if name not in SLOW or name in plan.slow]
        asked = fit if self.baselines is None else self.baselines
        return (*ENDS, *(name for name in asked if name not in ENDS))

    def words(self, plan: Plan, agent: str) -> Words:
        """Options of a learner's runs, but for the seed."""
        own = plan.agents.get(agent, ())
        return _last(f"env={plan.env}", f"agent={agent}", *plan.words, *own, *self.overrides)

    def config(self, plan: Plan) -> TrainConfig:
        """The config of an environment, without what only learners go by."""
        return compose_train([f"env={plan.env}", *self.shared(plan)], self.config_dir)

    def log_config(self, plan: Plan) -> TrainConfig:
        """The config of the log that baselines of an environment learn from."""
        config = self.config(plan)
        config.seed, config.steps = _LOG_SEED, self.log_steps or plan.log_steps
        return config

    def shared(self, plan: Plan) -> list[str]:
        """Options of an environment, without what only learners go by and without its name."""
        return [word for word in _last(*plan.words, *self.overrides) if not word.startswith(_LEARNERS_OWN)]


def grid_of(
    envs: Sequence[str] | None,
    agents: Sequence[str] | None,
    baselines: Sequence[str] | None,
    seeds: int,
    overrides: Sequence[str],
    config_dir: str | None = None,
    log_steps: int | None = None,
) -> Grid:
    """Check what was asked for.

    Raises:
        ConfigError: Names the option, what was found and what is allowed.
    """
    check_range("--seeds", seeds, 1, 10_000)
    envs = list(PLANS) if envs is None else envs
    if not envs:
        raise ConfigError(f"--envs names no environment; allowed: {', '.join(choices('env'))}.")
    for option, names, allowed in (
        ("--envs", envs, choices("env")),
        ("--agents", agents or (), list(AGENTS)),
        ("--baselines", baselines or (), list(KIND_OF)),
    ):
        for name in names:
            check_name(option, name, allowed)
        if len(set(names)) < len(names):
            raise ConfigError(f"{option}={','.join(names)} names something twice.")
    for word in overrides:
        option = word.partition("=")[0]
        if option in _RESERVED:
            raise ConfigError(f"{option}= is set for each run; use {_RESERVED[option]}.")
    if log_steps is not None:
        check_range("--log-steps", log_steps, 20, 100_000_000)
    grid = Grid(
        plans=tuple(plan_of(env) for env in envs),
        agents=tuple(agents) if agents is not None else None,
        baselines=tuple(baselines) if baselines is not None else None,
        seeds=seeds,
        overrides=tuple(overrides),
        config_dir=config_dir,
        log_steps=log_steps,
    )
    for plan in grid.plans:
        grid.config(plan)
        for agent in grid.agents_of(plan):
            compose_train(list(grid.words(plan, agent)), config_dir)
    return grid


def _last(*words: str) -> Words:
    """The words without those whose option a later one sets anew."""
    return tuple({word.partition("=")[0]: word for word in words}.values())
