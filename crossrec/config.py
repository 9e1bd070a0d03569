"""Every option with its type, unit, range and default. Hydra and ``gym.make`` read the same classes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .agent_config import (
    AGENTS,
    EXPERTS,
    FUSIONS,
    MOST_STEPS,
    SLATES,
    A2CConfig,
    AgentConfig,
    AuxiliaryConfig,
    DQNConfig,
    PPOConfig,
    QRDQNConfig,
    SlateQConfig,
)
from .context_config import (
    CONTEXTS,
    DTYPES,
    ENCODERS,
    GENERATORS,
    PARTS,
    POOLINGS,
    QUANTISATIONS,
    REFRESHES,
    WRITTEN,
    ContextConfig,
    EndpointConfig,
    PromptConfig,
)
from .fields import meant, named, ranged, told

__all__ = [
    "AGENTS",
    "CONTEXTS",
    "DTYPES",
    "ENCODERS",
    "EXPERTS",
    "FUSIONS",
    "GENERATORS",
    "PARTS",
    "POOLINGS",
    "QUANTISATIONS",
    "REFRESHES",
    "SLATES",
    "WRITTEN",
    "A2CConfig",
    "AgentConfig",
    "AuxiliaryConfig",
    "ContextConfig",
    "DQNConfig",
    "EndpointConfig",
    "PPOConfig",
    "PromptConfig",
    "QRDQNConfig",
    "SlateQConfig",
]

TRACKING = ("none", "tensorboard", "wandb", "mlflow")
DEFAULT_SCENARIOS = ("shopping", "news", "social", "music", "video")
_MOST = 100.0  # strength of an effect; beyond it numbers overflow, and nothing is left to study
_MOST_IDS = 2**62


def _strength(default: float, unit: str, help: str) -> float:
    return ranged(default, 0.0, _MOST, unit, help)


def _share(default: float, help: str, unit: str = "share") -> float:
    return ranged(default, 0.0, 1.0, unit, help)


def _minutes(default: float, help: str) -> float:
    return ranged(default, 1e-6, 1e7, "min", help)


@dataclass
class BehaviourConfig:
    """Strength of each effect of human behaviour; 0 switches an effect off.

    Formulas and sources stand where each effect is computed: choice.py (what is clicked), dynamics.py (what a step does
    to a person), journey.py (where people go), all in ``crossrec/simulation/``.
    """

    # what is clicked
    interest: float = _strength(7.0, "logits", "per unit of <interest, topics>")
    intent: float = _strength(3.0, "logits", "when the item is about the topic on the user's mind")
    quality: float = _strength(0.7, "logits", "per unit of item quality")
    satiation: float = _strength(0.7, "logits", "per unit of <satiation, topics>")
    ageing: float = _strength(0.0, "logits", 'per day of age that an item of a scenario with facet "age" loses')
    bait: float = _strength(
        0.0, "logits", "by which a title that promises too much attracts; it disappoints by as large a share"
    )
    position: float = _strength(
        1.0, "exponent", "on a scenario's examination per place of a slate; 0: all places alike"
    )
    # what a step does to a person
    satiation_decay: float = _share(0.85, "of satiation kept from one step to the next")
    satiation_half_life: float = _minutes(180.0, "half-life of satiation while away")
    satiation_leak: float = _share(0.6, "of satiation that goes along to another scenario")
    rebound: float = _strength(0.0, "satiation units", "below zero to which a topic left alone recovers: it is missed")
    drift: float = _share(0.02, "of the way that shared interest moves to an enjoyed item")
    mood: float = _share(0.2, "of the way that satisfaction moves to the last experience")
    on_mind: float = _share(0.5, "that a click puts the item's topic on the user's mind", "probability")
    # where people go
    carry_over: float = _share(0.7, "that the topic on the mind goes along to the next scenario", "probability")
    routine: float = _share(0.75, "that a fresh intent is a routine rather than drawn from interest", "probability")
    device_routine: float = _share(0.0, "that a routine is the device's rather than the daypart's", "probability")
    query: float = _share(0.9, "that a search query is about the topic on the mind", "probability")
    leave: float = _share(0.14, "per step of leaving a scenario at average mood and patience", "hazard")
    leave_mood: float = _strength(1.5, "logits", "by which satisfaction lowers that hazard")
    transition_feedback: float = _strength(
        0.7, "log-weight", "by which a click favours the scenarios that people move on to"
    )
    transition_habit: float = _strength(
        0.0, "log-weight", "spread of each person's own weight of each move between two scenarios (log-normal)"
    )
    device_habit: float = _share(
        0.0, "of staying on the device within a session, which favours what is used on it", "probability"
    )
    session_minutes: float = _minutes(25.0, "median time budget of a session")
    gap_minutes: float = _minutes(420.0, "median gap between sessions at average mood")
    gap_mood: float = _strength(1.0, "log-minutes", "by which satisfaction shortens the gap")
    churn: float = _share(0.03, "at a session's end of never returning, at average mood", "probability")
    churn_mood: float = _strength(3.0, "logits", "by which satisfaction lowers it")


@dataclass
class RewardConfig:
    """Weight of each named part of the reward."""

    click: float = ranged(1.0, -1e6, 1e6, "reward", "per click")
    dwell: float = ranged(0.05, -1e6, 1e6, "reward", "per minute of dwell")
    conversion: float = ranged(0.5, -1e6, 1e6, "reward", "per conversion (buy, share, like, finish)")


CHOICES = ("examination", "cascade")
INDEXES = ("exact", "usearch")
ENGINES = ("auto", "compiled", "numpy")
HISTORIES = ("all", "own")


@dataclass
class CandidateConfig:
    """Which items may be shown: shares of the candidates by source; what is left is drawn uniformly.

    An item that two sources name stands once; further uniform draws fill the list.
    """

    popular: float = _share(0.0, "of candidates drawn by popularity")
    near: float = _share(0.0, "of candidates nearest to what the person enjoyed lately")
    new: float = _share(0.0, "of candidates drawn from the scenario's new items")
    index: str = named(
        "exact", INDEXES, "how nearest items are found; usearch (an extra) is approximate, for millions of items"
    )


@dataclass
class EnvConfig:
    """One environment: its world, its people, its behaviour and its reward."""

    scenarios: list[Any] = field(
        default_factory=lambda: list(DEFAULT_SCENARIOS),
        metadata=meant("names, YAML files, Scenario objects or mappings of their fields"),
    )
    visits: list[str] = field(
        default_factory=list,
        metadata=meant("names of the scenarios that people go to; none: to all. The others' items are there, unused"),
    )
    history: str = named(
        "all", HISTORIES, "what the observed history tells: all that was shown, or in its own scenario only"
    )
    items_per_scenario: int = ranged(400, 4, 2_000_000, "items", "in each scenario's catalogue")
    new_items: float = _share(0.0, "of each scenario's items that are new: nobody has met them, popularity is unknown")
    world_seed: int = ranged(0, 0, _MOST_IDS, "seed", "of catalogue and population")
    first_user: int = ranged(0, 0, _MOST_IDS, "id", "of the first person who may be met")
    last_user: int = ranged(1_000_000, 1, _MOST_IDS, "id", "before which the people end who may be met")
    # A few recently enjoyed items are never offered again at once, so fewer candidates might all be masked.
    n_candidates: int = ranged(50, 4, 10_000, "items", "that may be shown; items_per_scenario offers all there are")
    slate_size: int = ranged(1, 1, 10_000, "items", "shown at once; more than 1 makes the action MultiDiscrete")
    choice: str = named("examination", CHOICES, "how places of a slate matter, see simulation/choice.py")
    history_length: int = ranged(10, 1, 1000, "items", "shown lately that an observation tells")
    horizon: int = ranged(40, 1, 1_000_000_000, "steps", "after which an episode is truncated")
    candidates: CandidateConfig = field(default_factory=CandidateConfig, metadata=meant("which items may be shown"))
    behaviour: BehaviourConfig = field(
        default_factory=BehaviourConfig, metadata=meant("how strong each effect of human behaviour is")
    )
    reward: RewardConfig = field(default_factory=RewardConfig, metadata=meant("what counts, and how much"))
    engine: str = named(
        "auto", ENGINES, "compiled code, or NumPy's readable reference; the same lives, numbers equal up to rounding"
    )


@dataclass
class TrainConfig:
    """One run: an agent trained in an environment with a context, then evaluated beside the baselines."""

    env: EnvConfig = field(default_factory=EnvConfig, metadata=meant("the environment; env= chooses it"))
    agent: AgentConfig = field(
        default_factory=AgentConfig, metadata=meant("the learner, one of the classes in AGENTS; agent= chooses it")
    )
    context: ContextConfig = field(
        default_factory=ContextConfig, metadata=meant("what the agent is told in words; context= chooses it")
    )
    seed: int = ranged(0, 0, 2**31, "seed", "of weights, exploration, replay and the people met in training")
    steps: int = ranged(60_000, 1, MOST_STEPS, "transitions", "of training")
    people: int = ranged(64, 1, 1_000_000, "people", "living at once while training")
    train_visits: list[str] = field(
        default_factory=list,
        metadata=meant("names of the scenarios that people go to in training; none: as in evaluation, env.visits"),
    )
    train_elsewhere: bool = told(False, "whether training is in all scenarios but those of env.visits, none of these")
    start: str | None = told(None, "folder of a finished run whose agent learns on; none: from nothing")
    train_users: int = ranged(64, 1, _MOST_IDS, "people", "met in training: ids env.first_user and up")
    eval_people: int = ranged(200, 2, 10_000_000, "people", "met in evaluation, none of them met in training")
    eval_first_user: int = ranged(500_000, 0, _MOST_IDS, "id", "of the first of them")
    runs: str = told("runs", "folder that holds a folder per run")
    device: str = told("cpu", "of the agent")
    tracking: str = named("tensorboard", TRACKING, "where curves of training also go")
