"""The questions that ship: each has its grid in ``conf/experiment`` under the same name, and one number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Arm = Mapping[str, str]  # values of options, as in the grid


@dataclass(frozen=True)
class Question:
    """A question that one number answers: by how much the score of one arm of a grid exceeds another's.

    Attributes:
        asks: The question.
        better: The arm that is expected to do better.
        than: The arm that it is compared with.
        reads: What the number means.
        apart: Options whose values are looked at apart; the number is of the first, the others are printed beside it.
    """

    asks: str
    better: Arm
    than: Arm
    reads: str
    apart: tuple[str, ...] = ()


QUESTIONS: Mapping[str, Question] = {
    "two_agents": Question(
        "Which learns more from 20,000 transitions, DQN or PPO?",
        {"agent": "dqn"},
        {"agent": "ppo"},
        "what DQN scores beyond PPO",
    ),
    "contexts": Question(
        "Is it what a text says that helps, or only that there is one?",
        {"context": "template"},
        {"context": "shuffled"},
        "what a person's own text is worth beyond somebody else's",
    ),
    "foresight": Question(
        "Does it pay to look ahead where people have had enough of a topic for long?",
        {"agent.gamma": "0.95"},
        {"agent.gamma": "0"},
        "what looking ahead is worth",
        apart=("env",),
    ),
    "memory": Question(
        "Does a longer history make up for a missing context?",
        {"context": "none", "env.history_length": "20"},
        {"context": "template", "env.history_length": "1"},
        "what a long history without a text scores beyond a text with hardly any history; below 0 it does not make up",
    ),
    "joint": Question(
        "Does one agent for all scenarios beat agents that know nothing of each other?",
        {"agent.experts": "shared", "env.history": "all"},
        {"agent.experts": "independent", "env.history": "own"},
        "what one agent that sees everything scores beyond an agent per scenario, blind to the others",
    ),
    "leave_one_out": Question(
        "Can an agent act in a scenario that it was never trained in?",
        {"train_elsewhere": "true"},
        {"train_elsewhere": "false"},
        "what training in the other scenarios scores beyond training in this one, as a mean over scenarios; at 0 "
        "nothing is lost",
    ),
    "ensemble": Question(
        "Do gated experts of each scenario beat one network for all?",
        {"agent.experts": "gated"},
        {"agent.experts": "shared"},
        "what gated experts score beyond one network",
    ),
    "fusions": Question(
        "How should the moment and the candidates meet in the network?",
        {"agent.fusion": "attention"},
        {"agent.fusion": "dot"},
        "what attention to liked titles scores beyond a dot product",
    ),
}
