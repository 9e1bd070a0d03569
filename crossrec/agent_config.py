"""Every option of the learners with its unit and default; `crossrec.config` has them too."""

from __future__ import annotations

from dataclasses import dataclass, field

FUSIONS = ("dot", "mlp", "film", "attention", "cross", "gated")
SLATES = ("top", "greedy")


@dataclass
class AuxiliaryConfig:
    """Weights of losses beside the reward's, see agents/auxiliary.py; 0 leaves a head out."""

    click: float = 0.0  # whether what is shown is clicked
    dwell: float = 0.0  # how long what is clicked is looked at
    topic: float = 0.0  # in which direction among item vectors the next like lies


@dataclass
class AgentConfig:
    """What all learners share."""

    name: str = "dqn"
    learning_rate: float = 1e-3
    gamma: float = 0.5  # discount per step
    fusion: str = "attention"  # how moment and candidates meet, see agents/fusion/modules.py; one of FUSIONS
    hidden: int = 64  # width of the query tower
    head: int = 16  # width of the per-candidate layers


@dataclass
class DQNConfig(AgentConfig):
    """DQN with the fusion network; of a slate each item is credited with the whole reward."""

    double: bool = True  # whether the online network chooses the action that the target network judges
    dueling: bool = True  # whether scores have a level of their own, the same for all candidates
    n_steps: int = 1  # [steps] of reward before the target network's estimate takes over
    batch_size: int = 256  # transitions per gradient step
    gradient_steps: float = 1 / 64  # per transition, whatever the number of people; more overfits to the people met
    buffer_size: int = 200_000  # transitions kept
    learning_starts: int = 5_000  # transitions taken at random before learning
    target_update: int = 5_000  # transitions between copies to the target network
    exploration_fraction: float = 0.3  # share of training over which exploration falls
    exploration_final: float = 0.1  # share of random actions from then on
    auxiliary: AuxiliaryConfig = field(default_factory=AuxiliaryConfig)


@dataclass
class QRDQNConfig(DQNConfig):
    """DQN of the distribution of returns, by quantiles; acts by their mean."""

    name: str = "qrdqn"
    quantiles: int = 16  # per candidate


@dataclass
class SlateQConfig(DQNConfig):
    """SlateQ: values of items and a choice model, both learnt, and slates built from the two."""

    name: str = "slateq"
    slate: str = "top"  # how slates are built, by sorting or greedily; one of SLATES


@dataclass
class PPOConfig(AgentConfig):
    """PPO whose actor is the fusion network."""

    name: str = "ppo"
    gamma: float = 0.8  # discount per step
    batch_size: int = 512  # transitions per gradient step
    rollout: int = 4_096  # transitions, of all people together, between updates
    n_epochs: int = 4  # passes over each rollout
    gae_lambda: float = 0.9  # of generalised advantage estimation
    ent_coef: float = 0.003  # weight of the entropy bonus
    clip_range: float = 0.2  # of the probability ratio


@dataclass
class A2CConfig(AgentConfig):
    """A2C whose actor is the fusion network."""

    name: str = "a2c"
    gamma: float = 0.8  # discount per step
    rollout: int = 512  # transitions, of all people together, per gradient step
    gae_lambda: float = 0.9  # of generalised advantage estimation
    ent_coef: float = 0.003  # weight of the entropy bonus


AGENTS: dict[str, type[AgentConfig]] = {
    "dqn": DQNConfig,
    "qrdqn": QRDQNConfig,
    "slateq": SlateQConfig,
    "ppo": PPOConfig,
    "a2c": A2CConfig,
}
