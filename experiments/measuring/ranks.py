"""How a policy ranks the candidates, overheard while it chooses: it is asked nothing twice, so nothing changes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossrec.agents.baselines.base import BatchObservation, ScoringPolicy


class Overheard(ScoringPolicy):
    """A scoring policy whose scores are kept; it chooses what the policy itself chooses.

    Args:
        policy: Whose scores.
        heard: Where each new (n, C) array of scores goes.
    """

    def __init__(self, policy: ScoringPolicy, heard: list[NDArray[Any]]) -> None:
        self._policy, self._heard, self.slate_size = policy, heard, policy.slate_size

    def scores(self, observation: BatchObservation) -> NDArray[Any]:
        """The policy's own."""
        scores = self._policy.scores(observation)
        self._heard.append(scores)
        return scores


class Ear:
    """Hears by which scores a policy chooses, where it chooses by scores.

    Args:
        policy: A baseline or an agent.

    Attributes:
        policy: What is to act in its place.
    """

    def __init__(self, policy: Any) -> None:
        self._heard: list[Any] = []
        self._hook: Any = None
        self.policy = policy
        if isinstance(policy, ScoringPolicy):
            if type(policy).predict is ScoringPolicy.predict:
                self.policy = Overheard(policy, self._heard)
        elif hasattr(policy, "policy"):  # of Stable-Baselines3
            from crossrec.agents.attribution import candidate_scores

            network: Any = candidate_scores(policy)
            self._hook = network.register_forward_hook(lambda module, inputs, scores: self._heard.append(scores))

    def scores(self, rows: NDArray[np.intp]) -> NDArray[np.float64] | None:
        """The last scores of some people (m,): (m, C), or None where none were heard since the last call."""
        heard = self._heard[-1] if self._heard else None
        self._heard.clear()
        if heard is None or heard.ndim != 2:
            return None
        return np.asarray(heard[rows] if isinstance(heard, np.ndarray) else heard[rows].cpu().numpy(), np.float64)

    def close(self) -> None:
        """Hear no more."""
        self._heard.clear()
        if self._hook is not None:
            self._hook.remove()


def ranking(
    mask: NDArray[Any], actions: NDArray[np.int64], scores: NDArray[np.float64] | None, k: int
) -> NDArray[np.intp] | None:
    """The first k ranks: what is shown, in its order, and then the other candidates by score.

    Args:
        mask: (m, C), 1 where a candidate may be chosen; the others come last.
        actions: (m, S) places shown.
        scores: (m, C), or None where they are not known.
        k: How many ranks.

    Returns:
        (m, k) places, none twice; None where fewer are known, or where a place is shown twice.
    """
    size = actions.shape[1]
    if scores is None:
        twice = (np.diff(np.sort(actions[:, :k], axis=1), axis=1) == 0).any()
        return None if size < k or twice else actions[:, :k].astype(np.intp)
    keys = np.where(mask > 0, -scores, np.inf)  # in ascending order
    order = np.argsort(keys, axis=1, kind="stable")
    # Ranks of the candidates by score, then those that are shown move to the front, the first place of each counting.
    rank = np.argsort(order, axis=1, kind="stable")
    for place in range(size - 1, -1, -1):
        np.put_along_axis(rank, actions[:, [place]], place - size, axis=1)
    return np.argsort(rank, axis=1, kind="stable")[:, :k]
