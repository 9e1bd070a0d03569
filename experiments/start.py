"""An agent that learns on where another run's has finished: transfer by weights.

The weights are taken over and nothing else: replay, optimiser and the seed are the new run's own, and exploration is
at its final rate from the beginning. A run that has one network for all scenarios may give it to each of several
experts; what mixes these begins as it always does.

References:
    Taylor and Stone (2009), "Transfer learning for reinforcement learning domains", JMLR 10: starting-point methods.
"""

from __future__ import annotations

import re
from pathlib import Path

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.utils import LinearSchedule
from torch import Tensor

from crossrec.agents.dqn import MaskedDQN
from crossrec.config import TrainConfig
from crossrec.errors import RunError

from .run import RunFolder

_ITEMS = re.compile(r"\bitems\.")
_EXPERT = re.compile(r"\bexperts\.\d+\.")
_MIXES = re.compile(r"\b(mix$|gate\.)")


def check_start(config: TrainConfig) -> None:
    """Check that a run's agent can learn on from another's, before anything is computed.

    Raises:
        RunError: If that run is not there or not finished, another kind of learner, or read texts with another encoder.
    """
    if config.start is None:
        return
    folder = RunFolder(Path(config.start))
    if not folder.path.is_dir():
        raise RunError(f"start={config.start} is not there; name the folder of a finished run.")
    folder.training()
    theirs = folder.config()
    found = theirs.agent.name
    if found != config.agent.name:
        raise RunError(
            f"start={config.start} is a run of agent={found}; its weights do not fit agent={config.agent.name}."
        )
    if theirs.context.encoder != config.context.encoder:
        raise RunError(
            f"start={config.start} is a run with context.encoder={theirs.context.encoder}; its weights read nothing in "
            f"vectors of context.encoder={config.context.encoder}: set the same."
        )


def take_over(agent: BaseAlgorithm, taught: BaseAlgorithm) -> None:
    """Give an agent another's weights, in place.

    Args:
        agent: That is to learn on, with the item table of its own environment.
        taught: That has learnt.

    Raises:
        RunError: If a weight is missing or of another shape.
    """
    theirs = taught.policy.state_dict()
    taken: dict[str, Tensor] = {}
    for name, own in agent.policy.state_dict().items():
        given = theirs.get(name, theirs.get(_EXPERT.sub("", name)))
        if _ITEMS.search(name) or (given is None and _MIXES.search(name)):
            taken[name] = own
        elif given is None or given.shape != own.shape:
            found = "is missing" if given is None else f"has shape {tuple(given.shape)}"
            raise RunError(
                f"the run that start= names has another network: '{name}' {found} there and has shape "
                f"{tuple(own.shape)} here; set the same agent.fusion, agent.hidden, agent.head, context and scenarios."
            )
        else:
            taken[name] = given
    with torch.no_grad():
        agent.policy.load_state_dict(taken)
    if isinstance(agent, MaskedDQN):
        agent.exploration_initial_eps = agent.exploration_final_eps
        agent.exploration_rate = agent.exploration_final_eps
        end = agent.exploration_final_eps
        agent.exploration_schedule = LinearSchedule(end, end, agent.exploration_fraction)
