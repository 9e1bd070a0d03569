"""Whether contexts know more of the best candidate than a prompt may know: a test for answers that leak.

The best candidate is the one with the highest true expected reward. Nothing that a prompt may see names it, so once
observation and prompt fields are known, a context must not help to predict its topic. What these fields explain of the
context is taken out of it first (partialling out, Frisch and Waugh 1933): otherwise a second, smoother way of writing
the same fields could count as a gain, and a small leak would drown in what is known anyway.

How small a leak is caught depends on how many people live; the tests plant leaks of known size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from crossrec.statistics import Estimate, mean_over_people

from .features import Evidence, Features
from .held_out import SHARES, held_out, log_loss

MARGIN = 0.02
"""Log loss [nats per moment] that a context may save without being called a leak."""
_RIDGE = 1.0


@dataclass(frozen=True)
class Gain:
    """What a context adds to what the prompt may know about the best candidate.

    Attributes:
        context: Its name.
        loss: Log loss without the context [nats per moment].
        saved: By how much the context lowers it on people who were not learnt from, with its 95% interval.
    """

    context: str
    loss: float
    saved: Estimate

    @property
    def leaks(self) -> bool:
        """Whether the whole interval lies above MARGIN."""
        return self.saved.low > MARGIN

    @property
    def verdict(self) -> str:
        """In words; the oracle is the test's own control, because it reads the truth."""
        if self.context == "oracle":
            return "reads the truth, as it must" if self.leaks else "not caught: more people are needed"
        return "LEAKS" if self.leaks else "no leak found"


class LeakTest:
    """Asks contexts one by one, against the same prediction without any.

    Args:
        evidence: Moments and what may be known of them.
        seed: Of the bootstrap.
    """

    def __init__(self, evidence: Evidence, seed: int = 0) -> None:
        self.labels, self.people = evidence.log.best, evidence.log.seen.user
        self.seed = seed
        self._blocks = [evidence.observation, *evidence.fields]
        self._told = np.concatenate(evidence.fields, axis=1)
        known = held_out(self._blocks, self.labels, self.people)
        self._losses = log_loss(known, self.labels)

    def gain(self, name: str, context: Features) -> Gain:
        """What the vectors (m, D) of a context add."""
        asked = [*self._blocks, self._unexplained(context)]
        told = held_out(asked, self.labels, self.people, SHARES)
        saved = self._losses - log_loss(told, self.labels)
        return Gain(name, float(self._losses.mean()), mean_over_people(saved, self.people, self.seed))

    def _unexplained(self, context: Features) -> Features:
        from sklearn.linear_model import Ridge

        explained: Any = Ridge(alpha=_RIDGE).fit(self._told, context).predict(self._told)
        rest: Features = (context - explained).astype(np.float32)
        return rest


def leakage(evidence: Evidence, seed: int, on_done: Callable[[], object] | None = None) -> list[Gain]:
    """What each context adds, in their order.

    Args:
        evidence: Moments, what may be known of them, and contexts.
        seed: Of the bootstrap.
        on_done: Called after each context.
    """
    test, found = LeakTest(evidence, seed), []
    for name, vectors in evidence.contexts.items():
        found.append(test.gain(name, vectors))
        if on_done is not None:
            on_done()
    return found
