"""What people do with a slate of items: whether they click, on which, how long they stay, whether they convert.

Utility of item i for a person in scenario s:

    u_i = base_s + interest * <e, x_i> + intent * [main topic_i = intent] + quality * q_i - satiation * <s, x_i>
          + bait * b_i - ageing * (days since i appeared, where items of s age)
    e   = rho_s * theta + (1 - |rho_s|) * phi_s          (theta mirrored where rho_s < 0)

At most one item of a slate is clicked. Place j (from 0) is examined with probability
``t_j = (examination_s ** position) ** j``; with ``position = 0`` all places are alike. With an item alone both models
are ``1 / (1 + exp(-u))``.

    choice="examination": P(click j) = t_j exp(u_j) / (1 + sum_k t_k exp(u_k)), a multinomial logit with a no-click
        alternative of utility 0 (McFadden 1974) in which places weigh as in the examination hypothesis (Richardson,
        Dominowska and Ragno 2007)
    choice="cascade":     P(click j) = t_j p_j prod_{k<j} (1 - p_k) with p = 1 / (1 + exp(-u)): people go down the list
        and stop at what they like (Craswell et al. 2008)

An item that stands in a slate twice is shown once, at its first place; its second place stays empty, as padding does.

Whoever clicks stays for a log-normal time and converts with a probability that grows with utility:

    dwell ~ min(length * dwell_s * exp(0.15 u + spread_s * N(0, 1)), 3600) [s]
    logit P(conversion | click) = logit(conversion_s) + 0.4 u - log(price / median price)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from crossrec.config import EnvConfig
from crossrec.observation import MAX_DWELL, WEEK
from crossrec.random import normal
from crossrec.simulation.state import State, Truth
from crossrec.world.synthetic import World

DWELL_SLOPE = 0.15  # log-seconds of dwell per logit of utility
CONVERSION_SLOPE = 0.4  # logits of conversion per logit of utility
MOST_LOG_DWELL = 60.0  # far beyond MAX_DWELL; keeps medians finite however strong effects are
DAY = 24 * 60  # [min]


@dataclass
class Feedback:
    """What happened to the slate shown, one row per person."""

    click: NDArray[np.bool_]  # (n,)
    place: NDArray[np.int64]  # (n,) which place was clicked; 0 without a click
    dwell: NDArray[np.float64]  # (n,) [s], 0 without a click
    conversion: NDArray[np.bool_]  # (n,) only after a click


@dataclass
class Step:
    """One step of n people."""

    slates: NDArray[np.int32]  # (n, S) item ids shown; 0 for padding, and where an item stands a second time
    feedback: Feedback
    churned: NDArray[np.bool_]  # (n,) who will never return


def logistic(u: NDArray[np.float64]) -> NDArray[np.float64]:
    """``1 / (1 + exp(-u))``."""
    with np.errstate(over="ignore"):
        probability: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-u))
    return probability


def logit(p: float) -> float:
    """Log-odds; a probability of 0 or 1 stays finite so that moods can be added to it."""
    p = min(max(p, 1e-12), 1.0 - 1e-12)
    return float(np.log(p / (1.0 - p)))


def shown_once(slates: NDArray[np.int32]) -> NDArray[np.int32]:
    """Slates (n, S) with 0 where an item stands a second time."""
    if slates.shape[1] == 1:
        return slates
    again = (slates[:, :, None] == slates[:, None, :]) & np.tri(slates.shape[1], k=-1, dtype=np.bool_)
    return np.where(again.any(axis=2), 0, slates).astype(np.int32)


class ChoiceModel:
    """Utilities and feedback in one world."""

    def __init__(self, world: World, config: EnvConfig) -> None:
        self.catalogue, self.behaviour, self.cascade = world.catalogue, config.behaviour, config.choice == "cascade"
        specs = world.scenarios
        self.base = np.array([s.base for s in specs])
        self.rho = np.array([s.rho for s in specs], np.float32)
        self.log_dwell = np.log([s.dwell for s in specs])
        self.dwell_spread = np.array([s.dwell_spread for s in specs])
        self.conversion = np.array([logit(s.conversion) for s in specs])
        self.examination = np.array([s.examination**config.behaviour.position for s in specs])
        self.ages = np.array([s.facet == "age" for s in specs]) * (config.behaviour.ageing / DAY)
        # For rho < 0 shared interest counts for other topics than elsewhere: a scenario then misleads the rest.
        self.mirrored = bool((self.rho < 0).any())
        self.mirror = np.roll(np.arange(world.n_topics), world.n_topics // 2)

    def interest(
        self, truth: Truth, scenario: NDArray[np.integer], rows: NDArray[np.intp] | slice = slice(None)
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
        mixed: NDArray[np.float32] = np.abs(rho) * theta
        mixed += truth.private[rows]
        return mixed

    def as_shared(self, topics: NDArray[np.float32], scenario: NDArray[np.integer]) -> NDArray[np.float32]:
        """What topics (n, K) enjoyed in a scenario (n,) say of shared interest: mirrored back for ``rho < 0``."""
        if not self.mirrored:
            return topics
        return np.where((self.rho[scenario] < 0)[:, None], topics[:, np.argsort(self.mirror)], topics)

    def utility(self, state: State, slates: NDArray[np.int32]) -> NDArray[np.float64]:
        """Utility of every item of slates (n, S), each as if it stood alone: (n, S) logits.

        Item 0 has minus infinity and is therefore never clicked.
        """
        b, c, truth, scenario = self.behaviour, self.catalogue, state.truth, state.seen.scenario
        # One weight per topic first: then a single pass over an item's topics does interest and satiation.
        weights = np.float32(b.interest) * self.interest(truth, scenario)
        weights -= np.float32(b.satiation) * truth.satiation
        match = np.einsum("nk,nsk->ns", weights, c.topics[slates]).astype(np.float64)
        utility: NDArray[np.float64] = self.base[scenario][:, None] + match + b.quality * c.quality[slates]
        utility += b.intent * (c.main_topic[slates] == truth.intent[:, None])
        if b.bait:
            utility += b.bait * c.bait[slates]
        if self.ages.any():
            utility -= self.ages[scenario][:, None] * item_age(state.seen.minute[:, None], c.born[slates])
        utility[slates == 0] = -np.inf
        return utility

    def probabilities(self, utility: NDArray[np.float64], scenario: NDArray[np.integer]) -> NDArray[np.float64]:
        """Probability of a click on each place, (n, S); rows sum to at most 1."""
        places = np.arange(utility.shape[1])
        examined = self.examination[scenario][:, None] ** places
        if self.cascade:
            clicks = logistic(utility)
            passed = np.cumprod(np.column_stack([np.ones(len(clicks)), 1.0 - clicks[:, :-1]]), axis=1)
            cascade: NDArray[np.float64] = examined * clicks * passed
            return cascade
        if len(places) == 1:
            return logistic(utility)
        with np.errstate(divide="ignore"):
            attraction = utility + np.log(examined)
        top = np.maximum(attraction.max(axis=1, keepdims=True), 0.0)
        weight = np.exp(attraction - top)
        share: NDArray[np.float64] = weight / (np.exp(-top) + weight.sum(axis=1, keepdims=True))
        return share

    def feedback(
        self,
        utility: NDArray[np.float64],
        scenario: NDArray[np.integer],
        slates: NDArray[np.int32],
        u: NDArray[np.float64],
    ) -> Feedback:
        """Draw what happens.

        Args:
            utility: (n, S) of the items shown.
            scenario: (n,).
            slates: (n, S) ids.
            u: (3, n) uniform draws for click, dwell and conversion.
        """
        upto = np.cumsum(self.probabilities(utility, scenario), axis=1)
        click = u[0] < upto[:, -1]
        place = np.where(click, (u[0][:, None] >= upto).sum(axis=1), 0)
        rows = np.arange(len(place))
        items, chosen = slates[rows, place], np.where(click, utility[rows, place], 0.0)
        seconds = self._median_dwell(chosen, scenario, items) * np.exp(self.dwell_spread[scenario] * normal(u[1]))
        conversion = click & (u[2] < self._conversion(chosen, scenario, items))
        return Feedback(click, place, np.where(click, np.minimum(seconds, MAX_DWELL), 0.0), conversion)

    def expected(
        self, utility: NDArray[np.float64], scenario: NDArray[np.integer], items: NDArray[np.int32]
    ) -> dict[str, NDArray[np.float64]]:
        """Expected value of each reward part of items (n, C) in scenarios (n,), each as if shown alone: (n, C)."""
        click, where = logistic(utility), scenario[:, None]
        finite = np.where(np.isfinite(utility), utility, 0.0)
        median, spread = self._median_dwell(finite, where, items), self.dwell_spread[where]
        # Mean of a log-normal capped at MAX_DWELL: its part below the cap, and the cap for the rest.
        edge = np.log(MAX_DWELL / median) / np.maximum(spread, 1e-9)
        mean = median * np.exp(0.5 * spread**2) * ndtr(edge - spread) + MAX_DWELL * ndtr(-edge)
        return {
            "click": click,
            "dwell": click * mean / 60.0,
            "conversion": click * self._conversion(finite, where, items),
        }

    def _median_dwell(
        self, utility: NDArray[np.float64], scenario: NDArray[np.integer], items: NDArray[np.int32]
    ) -> NDArray[np.float64]:
        slope = np.exp(np.minimum(self.log_dwell[scenario] + DWELL_SLOPE * utility, MOST_LOG_DWELL))
        median: NDArray[np.float64] = self.catalogue.length[items] * slope
        return median

    def _conversion(
        self, utility: NDArray[np.float64], scenario: NDArray[np.integer], items: NDArray[np.int32]
    ) -> NDArray[np.float64]:
        return logistic(self.conversion[scenario] + CONVERSION_SLOPE * utility - self.catalogue.price[items])


def item_age(minute: NDArray[np.float64], born: NDArray[np.float32]) -> NDArray[np.float64]:
    """Minutes since items appeared, 0 to a week: the catalogue's week repeats, so an item is news once a week."""
    age: NDArray[np.float64] = (minute - born) % WEEK
    return age
