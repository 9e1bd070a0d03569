"""What the benchmark of agents computes in each environment: its learners with their options, its baselines' data.

Everything that was tuned stands here, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from crossrec.config import AGENTS

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


PLANS: Mapping[str, Plan] = {
    plan.env: plan
    for plan in (
        Plan("cross_scenario", ("context=template", "steps=200000"), slow={"lm_ranker": 40}, log_steps=1_000_000),
        Plan("satiation", ("context=none", "steps=200000", "agent.gamma=0.9"), slow={"lookahead": 40}),
        Plan("retention", ("context=none", "steps=200000", "agent.gamma=0.95"), slow={"lookahead": 40}),
        Plan("slate", ("context=none", "steps=200000"), dict.fromkeys(AGENTS, ()), reference="dqn"),
    )
}
SLOW = {name: people for plan in PLANS.values() for name, people in plan.slow.items()}


def plan_of(env: str) -> Plan:
    """The plan of an environment; one without a question of the benchmark gets a plain one."""
    return PLANS.get(env, Plan(env))
