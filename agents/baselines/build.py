"""All baselines by name: what kind each is, whether it learns from a log, and how it is built."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from crossrec.config import ContextConfig
from crossrec.errors import ConfigError, check_name
from crossrec.log import Log
from crossrec.world.synthetic import World

from .base import ScoringPolicy

Kind = Literal["rule", "logged", "language", "bound"]


@dataclass(frozen=True)
class Given:
    """What a baseline may be made of.

    Attributes:
        world: Of it only what a recommender knows: popularity, titles and their topics, scenarios.
        vectors: ``(n_items + 1, d)`` item vectors; row 0 is padding.
        space: Gives the observation space of one person.
        env: Where it will act; only oracles and the language model look into it. None where that is not known.
        context: Options of contexts: where language models lie.
        seed: Of whatever is drawn.
        made_of: The log, or None.
    """

    world: World
    vectors: NDArray[np.float32]
    space: Callable[[], spaces.Dict]
    env: Any
    context: ContextConfig
    seed: int
    made_of: Log | None

    @property
    def popularity(self) -> NDArray[np.float32]:
        """``(n_items + 1,)``."""
        return self.world.catalogue.popularity

    @property
    def n_items(self) -> int:
        """Largest item id."""
        return self.world.catalogue.n_items

    @property
    def log(self) -> Log:
        """The log; who asks for it is registered as in need of one."""
        assert self.made_of is not None
        return self.made_of

    @property
    def table(self) -> NDArray[np.float32]:
        """``(n_items + 1, d + 1)`` item table."""
        from ..fusion.items import item_table

        return item_table(self.vectors, self.popularity)

    @cached_property
    def rates(self) -> Any:
        """Clicks per show, as a policy."""
        from .rates import ClickRatePolicy, click_rates

        return ClickRatePolicy(click_rates(self.log, self.n_items))

    @cached_property
    def clicks(self) -> Any:
        """Who clicked what."""
        from .reading import click_matrix

        return click_matrix(self.log, self.n_items)


@dataclass(frozen=True)
class Baseline:
    """How a baseline is built.

    Attributes:
        kind: ``rule`` learns nothing, ``logged`` learns from a log, ``language`` asks a language model, ``bound`` looks
            at hidden truth.
        build: Makes the policy.
    """

    kind: Kind
    build: Callable[[Given], ScoringPolicy]

    @property
    def needs_log(self) -> bool:
        """Whether it learns from a log."""
        return self.kind == "logged"


def build_baseline(name: str, given: Given) -> ScoringPolicy:
    """A baseline by name.

    Raises:
        ConfigError: For an unknown name, a missing log, a log that was made elsewhere, or a missing package.
        ModelError: If a language model is needed that is not there.
    """
    check_name("baseline", name, REGISTRY)
    baseline = REGISTRY[name]
    if baseline.needs_log:
        if given.made_of is None:
            raise ConfigError(f"the baseline '{name}' learns from a log; make one with `crossrec log` and give it.")
        _check_log(name, given.made_of, given)
    return baseline.build(given)


def _check_log(name: str, log: Log, given: Given) -> None:
    log.check(given.n_items)
    found, wanted = sorted(log.observations), sorted(given.space().spaces)
    if found != wanted:
        missing, extra = sorted(set(wanted) - set(found)), sorted(set(found) - set(wanted))
        raise ConfigError(
            f"the baseline '{name}' cannot learn from a log whose observations differ from the environment's: missing "
            f"{missing or 'nothing'}, too many {extra or 'nothing'}; make it with the same env and context options."
        )


def _random(given: Given) -> ScoringPolicy:
    from .simple import RandomPolicy

    return RandomPolicy(given.seed)


def _popularity(given: Given) -> ScoringPolicy:
    from .simple import PopularityPolicy

    return PopularityPolicy(given.popularity)


def _popularity_scenario(given: Given) -> ScoringPolicy:
    rates: ScoringPolicy = given.rates
    return rates


def _popularity_recent(given: Given) -> ScoringPolicy:
    from .rates import ClickRatePolicy, click_rates, recency_weights

    weights = recency_weights(len(given.log), len(given.log) / 10)
    return ClickRatePolicy(click_rates(given.log, given.n_items, weights))


def _content(given: Given) -> ScoringPolicy:
    from .simple import ContentPolicy

    return ContentPolicy(given.vectors, given.popularity)


def _item_knn(given: Given) -> ScoringPolicy:
    from .neighbours import ItemKNN

    return ItemKNN(given.clicks, given.rates)


def _user_knn(given: Given) -> ScoringPolicy:
    from .neighbours import UserKNN

    return UserKNN(given.clicks, given.rates)


def _als(given: Given) -> ScoringPolicy:
    from .factors import ALSPolicy, fit_als

    return ALSPolicy(fit_als(given.clicks, seed=given.seed).item_factors, given.rates)


def _bpr(given: Given) -> ScoringPolicy:
    from .factors import BPRPolicy, fit_bpr

    model = fit_bpr(given.clicks, seed=given.seed)
    return BPRPolicy(model.item_factors[:, :-1], given.rates)  # the last column is the item's bias


def _hybrid(given: Given) -> ScoringPolicy:
    from .hybrid import HybridPolicy

    return HybridPolicy([_content(given), _item_knn(given), given.rates])


def _linucb(given: Given) -> ScoringPolicy:
    from .bandits import LinUCB

    return LinUCB(given.table, given.log)


def _thompson(given: Given) -> ScoringPolicy:
    from .bandits import Thompson

    return Thompson(given.table, given.log, given.seed)


def _tabular_q(given: Given) -> ScoringPolicy:
    from .tabular import TabularQ

    return TabularQ(given.log, given.world.catalogue.main_topic, given.rates)


def _click_model(given: Given) -> ScoringPolicy:
    from .click_model import of_log

    return of_log(given.log, given.space(), given.table, "click", given.seed)


def _reward_model(given: Given) -> ScoringPolicy:
    from .click_model import of_log

    return of_log(given.log, given.space(), given.table, "reward", given.seed)


def _boosted_clicks(given: Given) -> ScoringPolicy:
    from .boosted import BoostedClicks
    from .features import Features

    return BoostedClicks(given.log, Features(given.table, given.rates), given.seed)


def _lm_ranker(given: Given) -> ScoringPolicy:
    from crossrec.language.models import locate
    from crossrec.language.moment import moments
    from crossrec.language.prompt import PromptWriter

    from .likelihood import TitleLikelihood
    from .lm_ranker import LMRanker

    context, world = given.context, given.world
    folder = locate("generator", context.generator_folder, context.generator_revision)
    writer = PromptWriter(context.prompt)
    titles = ["", *(world.catalogue.title(item) for item in range(1, given.n_items + 1))]

    def texts() -> list[str]:
        # Of people's state only what a recommender has seen, as for contexts.
        return [writer.write(moment).sentence for moment in moments(world, given.env.core.simulator.seen, latest=True)]

    return LMRanker(TitleLikelihood(folder, context.device, context.dtype), texts, titles)


def _oracle(given: Given) -> ScoringPolicy:
    from .simple import GreedyOracle

    return GreedyOracle(given.env.expected_rewards)


def _lookahead(given: Given) -> ScoringPolicy:
    from crossrec.simulation.lookahead import LookAhead

    from .simple import GreedyOracle

    return GreedyOracle(LookAhead(given.env.core.simulator).values)


REGISTRY: Mapping[str, Baseline] = {
    "random": Baseline("rule", _random),
    "popularity": Baseline("rule", _popularity),
    "popularity_scenario": Baseline("logged", _popularity_scenario),
    "popularity_recent": Baseline("logged", _popularity_recent),
    "content": Baseline("rule", _content),
    "item_knn": Baseline("logged", _item_knn),
    "user_knn": Baseline("logged", _user_knn),
    "als": Baseline("logged", _als),
    "bpr": Baseline("logged", _bpr),
    "hybrid": Baseline("logged", _hybrid),
    "linucb": Baseline("logged", _linucb),
    "thompson": Baseline("logged", _thompson),
    "tabular_q": Baseline("logged", _tabular_q),
    "boosted_clicks": Baseline("logged", _boosted_clicks),
    "click_model": Baseline("logged", _click_model),
    "reward_model": Baseline("logged", _reward_model),
    "lm_ranker": Baseline("language", _lm_ranker),
    "oracle": Baseline("bound", _oracle),
    "lookahead": Baseline("bound", _lookahead),
}
