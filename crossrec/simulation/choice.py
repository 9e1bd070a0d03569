"""What people do with an item: whether they click, how long they stay, whether they convert.

The choice is a multinomial logit with a no-click alternative of utility 0 (McFadden 1974), which for a single item
shown is ``P(click) = 1 / (1 + exp(-u))`` with

    u = base_s + interest * <e, x> + intent * [main topic = intent] + quality * q - satiation * <s, x>
    e = rho_s * theta + (1 - |rho_s|) * phi_s          (theta mirrored where rho_s < 0)

Whoever clicks stays for a log-normal time and converts with a probability that grows with utility:

    dwell ~ min(length * dwell_s * exp(0.15 u + spread_s * N(0, 1)), 3600) [s]
    logit P(conversion | click) = logit(conversion_s) + 0.4 u - log(price / median price)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from crossrec.config import BehaviourConfig
from crossrec.observation import MAX_DWELL
from crossrec.random import normal
from crossrec.simulation.state import Truth
from crossrec.world.synthetic import World

_DWELL_SLOPE = 0.15  # log-seconds of dwell per logit of utility
_CONVERSION_SLOPE = 0.4  # logits of conversion per logit of utility


@dataclass
class Feedback:
    """What happened to the item shown, one row per person."""

    click: NDArray[np.bool_]  # (n,)
    dwell: NDArray[np.float64]  # (n,) [s], 0 without a click
    conversion: NDArray[np.bool_]  # (n,) only after a click


def logistic(u: NDArray[np.float64]) -> NDArray[np.float64]:
    """``1 / (1 + exp(-u))``."""
    with np.errstate(over="ignore"):
        probability: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-u))
    return probability


def logit(p: float) -> float:
    """Log-odds; a probability of 0 or 1 stays finite so that moods can be added to it."""
    p = min(max(p, 1e-12), 1.0 - 1e-12)
    return float(np.log(p / (1.0 - p)))


class ChoiceModel:
    """Utilities and feedback in one world."""

    def __init__(self, world: World, behaviour: BehaviourConfig) -> None:
        self.catalogue, self.behaviour = world.catalogue, behaviour
        specs = world.scenarios
        self.base = np.array([s.base for s in specs])
        self.rho = np.array([s.rho for s in specs], np.float32)
        self.log_dwell = np.log([s.dwell for s in specs])
        self.dwell_spread = np.array([s.dwell_spread for s in specs])
        self.conversion = np.array([logit(s.conversion) for s in specs])
        # For rho < 0 shared interest counts for other topics than elsewhere: a scenario then misleads the rest.
        self.mirrored = bool((self.rho < 0).any())
        self.mirror = np.roll(np.arange(world.n_topics), world.n_topics // 2)
        # A short item takes less time than a long one; a dear one converts less often.
        self.length = np.ones(len(self.catalogue.facet))
        self.price = np.zeros(len(self.catalogue.facet))
        for index, spec in enumerate(specs):
            own = self.catalogue.scenario == index
            if spec.facet == "length":
                self.length[own] = self.catalogue.facet[own] / np.median(self.catalogue.facet[own])
            elif spec.facet == "price":
                self.price[own] = np.log(self.catalogue.facet[own] / np.median(self.catalogue.facet[own]))

    def enter(self, truth: Truth, scenario: NDArray[np.int64], rows: NDArray[np.intp]) -> None:
        """Keep ``(1 - |rho|) * phi_s`` of the scenario that ``rows`` enter, which stays as it is during the visit."""
        weight = np.float32(1) - np.abs(self.rho[scenario])
        truth.private[rows] = weight[:, None] * truth.phi[rows, scenario]

    def interest(
        self, truth: Truth, scenario: NDArray[np.int64], rows: NDArray[np.intp] | slice = slice(None)
    ) -> NDArray[np.float32]:
        """Effective interest ``rho * theta + (1 - |rho|) * phi_s``, (m, K); mirrored theta for ``rho < 0``.

        Args:
            truth: Hidden state of n people.
            scenario: (m,) which of them are where.
            rows: (m,) who is asked for.
        """
        rho, theta = self.rho[scenario][:, None], truth.theta[rows]
        if self.mirrored:
            theta = np.where(rho < 0, theta[:, self.mirror], theta)
        mixed = np.abs(rho) * theta
        mixed += truth.private[rows]
        return mixed

    def as_shared(self, topics: NDArray[np.float32], scenario: NDArray[np.int64]) -> NDArray[np.float32]:
        """What topics (n, K) enjoyed in a scenario (n,) say of shared interest: mirrored back for ``rho < 0``."""
        if not self.mirrored:
            return topics
        return np.where((self.rho[scenario] < 0)[:, None], topics[:, np.argsort(self.mirror)], topics)

    def utility(
        self, truth: Truth, scenario: NDArray[np.int64], items: NDArray[np.int32], effective: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """Utility of one item each.

        Args:
            truth: Hidden state of n people.
            scenario: (n,) where they are.
            items: (n,) item ids, 0 for none.
            effective: (n, K) from :meth:`interest`.

        Returns:
            (n,) logits; minus infinity for item 0, which is therefore never clicked.
        """
        b, c = self.behaviour, self.catalogue
        # One weight per topic first: then a single pass over the item's topics does interest and satiation.
        weights = np.float32(b.interest) * effective
        weights -= np.float32(b.satiation) * truth.satiation
        match = np.einsum("nk,nk->n", weights, c.topics[items]).astype(np.float64)
        utility: NDArray[np.float64] = self.base[scenario] + match + b.quality * c.quality[items]
        utility += b.intent * (c.main_topic[items] == truth.intent)
        utility[items == 0] = -np.inf
        return utility

    def feedback(
        self,
        utility: NDArray[np.float64],
        scenario: NDArray[np.int64],
        items: NDArray[np.int32],
        u: NDArray[np.float64],
    ) -> Feedback:
        """Draw what happens.

        Args:
            utility: (n,) of the items shown.
            scenario: (n,).
            items: (n,) ids.
            u: (3, n) uniform draws for click, dwell and conversion.
        """
        click = u[0] < logistic(utility)
        finite = np.where(click, utility, 0.0)
        seconds = self._median_dwell(finite, scenario, items) * np.exp(self.dwell_spread[scenario] * normal(u[1]))
        conversion = click & (u[2] < self._conversion(finite, scenario, items))
        return Feedback(click, np.where(click, np.minimum(seconds, MAX_DWELL), 0.0), conversion)

    def expected(
        self, utility: NDArray[np.float64], scenario: NDArray[np.int64], items: NDArray[np.int32]
    ) -> dict[str, NDArray[np.float64]]:
        """Expected value of each reward part for one item each, (n,)."""
        click = logistic(utility)
        finite = np.where(np.isfinite(utility), utility, 0.0)
        median, spread = self._median_dwell(finite, scenario, items), self.dwell_spread[scenario]
        # Mean of a log-normal capped at MAX_DWELL: its part below the cap, and the cap for the rest.
        edge = np.log(MAX_DWELL / median) / np.maximum(spread, 1e-9)
        mean = median * np.exp(0.5 * spread**2) * ndtr(edge - spread) + MAX_DWELL * ndtr(-edge)
        return {
            "click": click,
            "dwell": click * mean / 60.0,
            "conversion": click * self._conversion(finite, scenario, items),
        }

    def _median_dwell(
        self, utility: NDArray[np.float64], scenario: NDArray[np.int64], items: NDArray[np.int32]
    ) -> NDArray[np.float64]:
        median: NDArray[np.float64] = self.length[items] * np.exp(self.log_dwell[scenario] + _DWELL_SLOPE * utility)
        return median

    def _conversion(
        self, utility: NDArray[np.float64], scenario: NDArray[np.int64], items: NDArray[np.int32]
    ) -> NDArray[np.float64]:
        return logistic(self.conversion[scenario] + _CONVERSION_SLOPE * utility - self.price[items])
