"""What the benchmark of agents computes in each environment: its learners with their options, its baselines' data.

Everything that was tuned stands here, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from crossrec.config import AGENTS, DQNConfig

Words = tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """What is computed in one environment.

    Attributes:
        env: Its name.
        words: Options of everything here, as for ``crossrec train``.
        agents: The learners, each with options of its own.
        slow: Baselines that take long, with how many people each meets; the others meet everybody.
        log_steps: Rows of the log that baselines learn from.
        reference: Policy that all others are compared with.
    """

    env: str
    words: Words = ("context=none",)
    agents: Mapping[str, Words] = field(default_factory=lambda: {name: () for name in AGENTS if name != "slateq"})
    slow: Mapping[str, int] = field(default_factory=dict)
    log_steps: int = 200_000
    reference: str = "click_model"


# Many people: with few, agents that take this many gradient steps learn them by heart.
_SHARED: Words = ("steps=200000", "train_users=10000", "eval_people=1000")
_OFF_POLICY: Words = ("agent.gradient_steps=0.03125",)


def _agents(*names: str, off_policy: Words = _OFF_POLICY) -> Mapping[str, Words]:
    return {name: off_policy if issubclass(AGENTS[name], DQNConfig) else () for name in names}


_ONE_ITEM = ("dqn", "qrdqn", "ppo", "a2c")
PLANS: Mapping[str, Plan] = {
    plan.env: plan
    for plan in (
        Plan(
            "cross_scenario",
            ("context=template", *_SHARED),
            _agents(*_ONE_ITEM),
            slow={"lm_ranker": 20},
            log_steps=1_000_000,
        ),
        Plan("satiation", ("context=none", "agent.gamma=0.9", *_SHARED), _agents(*_ONE_ITEM), slow={"lookahead": 40}),
        # Without a context nobody can tell what people like well enough to do without bait.
        Plan(
            "retention", ("context=template", "agent.gamma=0.95", *_SHARED), _agents(*_ONE_ITEM), slow={"lookahead": 40}
        ),
        Plan("slate", ("context=none", *_SHARED), _agents(*AGENTS), reference="dqn"),
    )
}
SLOW = {name: people for plan in PLANS.values() for name, people in plan.slow.items()}


def plan_of(env: str) -> Plan:
    """The plan of an environment; one without a question of the benchmark gets a plain one."""
    return PLANS.get(env, Plan(env))
