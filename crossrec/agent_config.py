"""Every option of the learners with its unit, range and default; `crossrec.config` has them too."""

from __future__ import annotations

from dataclasses import dataclass, field

from .fields import meant, named, ranged, told

FUSIONS = ("dot", "mlp", "film", "attention", "cross", "gated")
SLATES = ("top", "greedy")
EXPERTS = ("shared", "independent", "average", "stacked", "gated")
_NAME = "of the learner; agent= chooses it, and with it the options below"
MOST_STEPS = 1_000_000_000_000  # transitions, more than anybody computes


@dataclass
class AuxiliaryConfig:
    """Weights of losses beside the reward's, see agents/auxiliary.py; 0 leaves a head out."""

    click: float = ranged(0.0, 0.0, 1e3, "weight", "of telling whether what is shown is clicked")
    dwell: float = ranged(0.0, 0.0, 1e3, "weight", "of telling how long what is clicked is looked at")
    topic: float = ranged(0.0, 0.0, 1e3, "weight", "of telling in which direction among item vectors the next like is")


@dataclass
class AgentConfig:
    """What all learners share."""

    name: str = told("dqn", _NAME)
    learning_rate: float = ranged(1e-3, 0.0, 1.0, "step size", "of Adam")
    gamma: float = ranged(0.5, 0.0, 1.0, "share", "of its worth that a reward keeps per step: the discount")
    fusion: str = named("attention", FUSIONS, "how moment and candidates meet, see agents/fusion/modules.py")
    hidden: int = ranged(64, 1, 4096, "units", "width of the query tower")
    head: int = ranged(16, 1, 4096, "units", "width of the per-candidate layers")
    experts: str = named("shared", EXPERTS, "one network for all scenarios, or one each; see agents/fusion/experts.py")


@dataclass
class DQNConfig(AgentConfig):
    """DQN with the fusion network; of a slate each item is credited with the whole reward."""

    double: bool = told(True, "whether the online network chooses the action that the target network judges")
    dueling: bool = told(True, "whether scores have a level of their own, the same for all candidates")
    n_steps: int = ranged(1, 1, 100, "steps", "of reward before the target network's estimate takes over")
    batch_size: int = ranged(256, 1, 1_000_000, "transitions", "per gradient step")
    gradient_steps: float = ranged(
        1 / 64, 1 / 1024, 16.0, "per transition", "whatever the number of people; more overfits to the people met"
    )
    buffer_size: int = ranged(200_000, 1, 1_000_000_000, "transitions", "kept for replay")
    learning_starts: int = ranged(5_000, 0, MOST_STEPS, "transitions", "taken at random before learning")
    target_update: int = ranged(5_000, 1, MOST_STEPS, "transitions", "between copies to the target network")
    exploration_fraction: float = ranged(0.3, 0.0, 1.0, "share", "of training over which exploration falls")
    exploration_final: float = ranged(0.1, 0.0, 1.0, "share", "of random actions from then on")
    auxiliary: AuxiliaryConfig = field(default_factory=AuxiliaryConfig, metadata=meant("losses beside the reward's"))


@dataclass
class QRDQNConfig(DQNConfig):
    """DQN of the distribution of returns, by quantiles; acts by their mean."""

    name: str = told("qrdqn", _NAME)
    quantiles: int = ranged(16, 1, 1000, "quantiles", "per candidate")


@dataclass
class SlateQConfig(DQNConfig):
    """SlateQ: values of items and a choice model, both learnt, and slates built from the two."""

    name: str = told("slateq", _NAME)
    slate: str = named("top", SLATES, "how slates are built, by sorting or greedily")


@dataclass
class PPOConfig(AgentConfig):
    """PPO whose actor is the fusion network."""

    name: str = told("ppo", _NAME)
    gamma: float = ranged(0.8, 0.0, 1.0, "share", "of its worth that a reward keeps per step: the discount")
    batch_size: int = ranged(512, 2, 1_000_000, "transitions", "per gradient step")
    rollout: int = ranged(4_096, 1, 100_000_000, "transitions", "of all people together, between updates")
    n_epochs: int = ranged(4, 1, 1000, "passes", "over each rollout")
    gae_lambda: float = ranged(0.9, 0.0, 1.0, "share", "lambda of generalised advantage estimation")
    ent_coef: float = ranged(0.003, 0.0, 1e3, "weight", "of the entropy bonus")
    clip_range: float = ranged(0.2, 1e-6, 1.0, "share", "by which the probability ratio may leave 1")


@dataclass
class A2CConfig(AgentConfig):
    """A2C whose actor is the fusion network."""

    name: str = told("a2c", _NAME)
    gamma: float = ranged(0.8, 0.0, 1.0, "share", "of its worth that a reward keeps per step: the discount")
    rollout: int = ranged(512, 1, 100_000_000, "transitions", "of all people together, per gradient step")
    gae_lambda: float = ranged(0.9, 0.0, 1.0, "share", "lambda of generalised advantage estimation")
    ent_coef: float = ranged(0.003, 0.0, 1e3, "weight", "of the entropy bonus")


AGENTS: dict[str, type[AgentConfig]] = {
    "dqn": DQNConfig,
    "qrdqn": QRDQNConfig,
    "slateq": SlateQConfig,
    "ppo": PPOConfig,
    "a2c": A2CConfig,
}
