"""What a candidate's score is made of: Shapley values of the inputs that an agent reads.

An input is present or absent, so captum is driven by zeros and ones and ids stay ids. Absent means:

* ``context``: zeros, as ``context=zeros`` has it;
* ``history``: nothing was shown before;
* ``situation`` and ``profile``: those of other people, over whom scores are averaged, for no person has none of them;
* a liked title: its slot of the history is empty; the others keep their places.

What is explained is the candidate's *advantage*: its score minus the mean score of the allowed candidates. A level that
all candidates share decides nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from crossrec.errors import ConfigError
from crossrec.observation import (
    CONTEXT,
    HISTORY,
    HISTORY_FEEDBACK,
    HISTORY_SCENARIO,
    HISTORY_VECTORS,
    PROFILE,
    SITUATION,
)

from .fusion.items import Observation
from .masks import allowed

GROUPS = ("context", "history", "situation", "profile")
EXACT = 6  # inputs up to which all orders are taken, 720 of them
ORDERS = 256  # drawn beyond that
Scores = Callable[[Observation], Tensor]


@dataclass(frozen=True)
class Attribution:
    """How inputs brought an advantage about; contributions sum to ``everything - nothing``.

    Attributes:
        names: n inputs: groups, or places of the history.
        contributions: ``(n,)``.
        everything: The advantage with all inputs present.
        nothing: The advantage with all of them absent.
        exact: Whether all orders of the inputs were taken, rather than some of them drawn.
    """

    names: tuple[str, ...] | tuple[int, ...]
    contributions: NDArray[np.float64]
    everything: float
    nothing: float
    exact: bool


def candidate_scores(agent: Any) -> Scores:
    """What an agent chooses by: from observation tensors ``(B, ...)`` to scores ``(B, C)``.

    Args:
        agent: Of one of the classes in `crossrec.agents.build.ALGORITHMS`: a Q-network, or an actor's logits.
    """
    scores: Scores = agent.q_net if hasattr(agent, "q_net") else agent.policy.fusion
    return scores


def score_unit(agent: Any) -> str:
    """In what `candidate_scores` are, in words."""
    return "discounted reward" if hasattr(agent, "q_net") else "logits"


def advantage(scores: Tensor, mask: Tensor, place: int) -> Tensor:
    """Score of a candidate minus the mean score of the allowed ones: ``(B,)`` of scores and mask ``(B, C)``."""
    ok = allowed(mask)
    exact = scores.double()
    return exact[:, place] - (exact * ok).sum(1) / ok.sum(1)


def without(observation: Observation, gone: Tensor) -> dict[str, Tensor]:
    """The observation with some slots ``gone (H,)``, booleans, of the history empty."""
    changed, kept = dict(observation), ~gone
    for key in (HISTORY, HISTORY_SCENARIO, HISTORY_FEEDBACK):
        if key in changed:
            changed[key] = changed[key] * kept.repeat(changed[key].shape[1] // len(gone))
    if HISTORY_VECTORS in changed:
        wide = changed[HISTORY_VECTORS]
        changed[HISTORY_VECTORS] = wide * kept.repeat_interleave(wide.shape[1] // len(gone))
    return changed


def group_attribution(
    scores: Callable[[Observation], Tensor], observation: Observation, mask: Tensor, place: int, others: Observation
) -> Attribution:
    """What the groups of inputs contribute to a candidate's advantage.

    Args:
        scores: From `candidate_scores`.
        observation: Of one person, ``(1, ...)``.
        mask: ``(1, C)``, which candidates may be chosen.
        place: Of the candidate.
        others: ``situation`` and ``profile`` of M other people, ``(M, ...)``.

    Raises:
        ConfigError: If captum is not installed.
    """
    m = len(others[PROFILE])
    whole = {key: value.repeat(m, *([1] * (value.ndim - 1))) for key, value in observation.items()}
    names = tuple(name for name in GROUPS if name != "context" or CONTEXT in observation)
    slots = whole[HISTORY_SCENARIO].shape[1]

    def value(present: tuple[bool, ...]) -> float:
        there = dict(zip(names, present, strict=True))
        seen = dict(whole)
        if not there.get("context", True):
            seen[CONTEXT] = torch.zeros_like(seen[CONTEXT])
        if not there["history"]:
            seen = without(seen, torch.ones(slots, dtype=torch.bool, device=mask.device))
        for key in (SITUATION, PROFILE):
            if not there[key]:
                seen[key] = others[key]
        return float(advantage(scores(seen), mask.expand(m, -1), place).mean())

    return _shapley(value, names)


def title_attribution(
    scores: Callable[[Observation], Tensor], observation: Observation, mask: Tensor, place: int
) -> Attribution:
    """What the liked titles of the history contribute to a candidate's advantage, all else being there.

    Args:
        scores: From `candidate_scores`.
        observation: Of one person, ``(1, ...)``.
        mask: ``(1, C)``, which candidates may be chosen.
        place: Of the candidate.

    Returns:
        ``names`` are places of the history, the newest first.

    Raises:
        ConfigError: If captum is not installed.
    """
    names = liked_places(observation)
    slots = observation[HISTORY_SCENARIO].shape[1]

    def value(present: tuple[bool, ...]) -> float:
        gone = torch.zeros(slots, dtype=torch.bool, device=mask.device)
        gone[[name for name, there in zip(names, present, strict=True) if not there]] = True
        return float(advantage(scores(without(observation, gone)), mask, place))

    return _shapley(value, names)


def liked_places(observation: Mapping[str, Any]) -> tuple[int, ...]:
    """Places of the history, the newest first, that were clicked by a person: ``(1, ...)``, or without the 1."""
    shown = np.asarray(observation[HISTORY_SCENARIO]).reshape(-1) > 0
    clicked = np.asarray(observation[HISTORY_FEEDBACK]).reshape(-1)[: len(shown)] > 0
    return tuple(np.flatnonzero(shown & clicked).tolist())


def require_captum() -> Any:
    """The module ``captum.attr``.

    Raises:
        ConfigError: If it is not installed.
    """
    try:
        import captum.attr
    except ImportError as error:
        raise ConfigError('explaining needs captum; install it: pip install "crossrec[explain]".') from error
    return captum.attr


def _shapley(value: Callable[[tuple[bool, ...]], float], names: tuple[Any, ...]) -> Attribution:
    """Shapley values (Shapley 1953) of a game whose ``value`` is asked once for each coalition."""
    captum = require_captum()
    n, known = len(names), functools.cache(value)
    exact = n <= EXACT

    def forward(present: Tensor) -> Tensor:
        return torch.tensor([known(tuple(row)) for row in (present > 0).tolist()], dtype=torch.float64)

    with torch.no_grad():
        everything, nothing = known((True,) * n), known((False,) * n)
        contributions = np.zeros(n)
        if n:
            method = captum.ShapleyValues(forward) if exact else captum.ShapleyValueSampling(forward)
            if not exact:
                method.permutation_generator = _orders
            more = {} if exact else {"n_samples": ORDERS}
            contributions = method.attribute(torch.ones(1, n), **more)[0].double().numpy()
    return Attribution(names, contributions, everything, nothing, exact)


def _orders(n: int, count: int) -> Iterator[list[int]]:
    """Orders of n inputs, each followed by its reverse, which evens out most of the chance; always the same."""
    draws = np.random.default_rng(0)
    for _ in range(count // 2):
        order = draws.permutation(n).tolist()
        yield order
        yield order[::-1]
