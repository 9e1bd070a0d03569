"""Watches an evaluation: what people do and what the truth says of it go to a tally, a few lives to a table of steps.

Truth is read from the simulator beside the environment: no observation and no info holds it, and no policy sees it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from crossrec.envs.vector import CrossScenarioVectorEnv
from crossrec.errors import ConfigError, check_name
from crossrec.measures.table import metric_table
from crossrec.measures.tally import MetricTally, Taken
from crossrec.reward import PARTS
from crossrec.world.text import TOPICS

from .moments import Moments
from .ranks import Ear

JOURNEYS = 8  # people whose steps are kept
EVERY = 25  # one moment in so many of each person is judged against all candidates, for that takes time


class Watch:
    """Watches the lives of n people under one policy.

    Args:
        policy: What chooses.
        env: Where, before its reset.
        users: (n,) ids of the people.

    Attributes:
        policy: What is to choose in its place; it chooses the same.
        tally: What was noted.

    Raises:
        ConfigError: If the environment is none of CrossRec's.
    """

    def __init__(self, policy: Any, env: VectorEnv[Any, Any, Any], users: NDArray[np.int64]) -> None:
        base = env.unwrapped
        if not isinstance(base, CrossScenarioVectorEnv):
            raise ConfigError(f"metrics are measured in CrossRec's vector environment; found {type(base).__name__}.")
        self._core, self._simulator = base.core, base.core.simulator
        self._ear = Ear(policy)
        self.policy, self.tally = self._ear.policy, MetricTally(users, base.world)
        self._moments = Moments(self._simulator)
        self._rows = [np.flatnonzero((users + step) % EVERY == 0) for step in range(EVERY)]
        self._before: dict[str, NDArray[Any]] = {}
        self._interest: NDArray[np.float32] = np.zeros((0, 0), np.float32)
        self._minutes: list[NDArray[np.float64]] = []  # of those whose steps are kept

    def before(self, actions: NDArray[Any]) -> None:
        """Look at the moment in which ``actions``, (n,) or (n, slate), were chosen and are not yet shown."""
        truth, seen, number = self._simulator.truth, self._simulator.seen, len(self.tally.steps)
        self._before = {
            "scenario": seen.scenario.copy(),
            "satisfaction": truth.satisfaction.copy(),
        }
        self._interest = self._moments.choice.interest(truth, seen.scenario)
        self._minutes.append(seen.minute[:JOURNEYS].copy())
        rows = self._rows[number % EVERY]
        rows = rows[self.tally.alive[rows]]
        self._moments.put(rows, number, actions, self._ear.scores(rows))

    def after(
        self, reward: NDArray[Any], infos: Mapping[str, Any], terminated: NDArray[Any], truncated: NDArray[Any]
    ) -> None:
        """Note the step that followed; arguments as the environment returned them."""
        outcome = self._core.outcome
        assert outcome is not None  # a step was taken
        self._moments.shown(outcome.items)
        self.tally.add(
            Taken(
                **self._before,
                **{name: infos["reward_parts"][name] for name in PARTS},
                items=outcome.items,
                place=outcome.place,
                reward=np.array(reward, np.float64),
                away=infos["away"],
                terminated=terminated,
                truncated=truncated,
            ),
            self._interest,
        )
        if len(self.tally.steps) % EVERY == 0 or not self.tally.alive.any():
            self.tally.judge(self._moments.judged())

    def close(self) -> None:
        """Let go of the policy."""
        self._ear.close()

    def journeys(self) -> pd.DataFrame:
        """The first people's lives, one row per step.

        Returns:
            Columns ``user``, ``step`` (from 0), ``minute`` (of the week), ``scenario``, ``title`` and ``topic`` (of
            what was clicked, else of the first item shown; empty where nothing was), ``clicked``, ``converted``,
            ``dwell`` [s], ``reward``, ``satisfaction`` (the true one before the step).
        """
        world, steps = self.tally.world, self.tally.steps

        def of_steps(name: str) -> NDArray[Any]:  # (people, steps)
            return np.stack([getattr(step, name)[:JOURNEYS] for step in steps], axis=1)

        lived = np.stack([alive[:JOURNEYS] for alive in self.tally.living], axis=1)
        items, place = of_steps("items")[lived], of_steps("place")[lived]
        item = np.take_along_axis(items, place[:, None], axis=1)[:, 0]
        row, number = np.nonzero(lived)
        names, topics = np.array([s.name for s in world.scenarios], object), np.array([*TOPICS, ""], object)
        return pd.DataFrame(
            {
                "user": self.tally.users[row],
                "step": number,
                "minute": np.stack(self._minutes, axis=1)[lived].astype(np.int64),
                "scenario": names[of_steps("scenario")[lived]],
                "title": [world.catalogue.title(i) if i else "" for i in item.tolist()],
                "topic": topics[world.catalogue.main_topic[item]],
                "clicked": of_steps("click")[lived] > 0.0,
                "converted": of_steps("conversion")[lived] > 0.0,
                "dwell": 60.0 * of_steps("dwell")[lived],
                "reward": of_steps("reward")[lived],
                "satisfaction": of_steps("satisfaction")[lived],
            }
        )


class Measured:
    """The watches of an evaluation, by policy."""

    def __init__(self) -> None:
        self.watches: dict[str, Watch] = {}

    def watch(self, name: str, policy: Any, env: VectorEnv[Any, Any, Any], users: NDArray[np.int64]) -> Watch:
        """A watch over a policy's lives, see :class:`Watch`."""
        self.watches[name] = Watch(policy, env, users)
        return self.watches[name]

    def table(self) -> pd.DataFrame:
        """All metrics of all policies, see :func:`crossrec.measures.table.metric_table`."""
        return metric_table({name: watch.tally for name, watch in self.watches.items()})

    def journeys(self, name: str) -> pd.DataFrame:
        """The first people's lives under a policy, see :meth:`Watch.journeys`.

        Raises:
            ConfigError: If it was not watched.
        """
        return self.watches[check_name("policy", name, self.watches)].journeys()
