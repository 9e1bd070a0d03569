"""A tiny vector environment with the observation contract: the context names the topic that a person clicks on."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from crossrec.agents.fusion.items import item_table
from crossrec.observation import CANDIDATE_VECTORS, HISTORY_VECTORS, ObservationLayout, context_space

WIDTH = 64


class Toy(VectorEnv):
    """People want one of a few topics; ``named`` is how often the context says which."""

    def __init__(
        self,
        n: int,
        *,
        topics: int = 8,
        items: int = 200,
        candidates: int = 12,
        history: int = 5,
        horizon: int = 8,
        named: float = 0.9,
        context: bool = True,
        raw: int = 0,
        churn: float = 0.02,
        padding: float = 0.1,
    ) -> None:
        self.metadata = {"autoreset_mode": AutoresetMode.SAME_STEP}
        self.num_envs, self.n_topics, self.horizon, self.named, self.raw = n, topics, horizon, named, raw
        self.churn, self.padding = churn, padding
        self.layout = ObservationLayout(2, items, candidates, history)
        world = np.random.default_rng(0)
        wide = raw or WIDTH
        centres = np.linalg.qr(world.normal(size=(wide, topics)))[0].T
        self.topic = world.integers(topics, size=items + 1)
        vectors = centres[self.topic] + 0.5 * world.normal(size=(items + 1, wide)) / np.sqrt(wide)
        vectors[0] = 0.0
        self.vectors = (vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)).astype(np.float32)
        self.popularity = world.pareto(1.5, size=items + 1)
        self.popularity[0] = 0.0
        self.centres = np.zeros((topics, WIDTH), np.float32)
        self.centres[:, :] = centres[:, :WIDTH] / np.linalg.norm(centres[:, :WIDTH], axis=1, keepdims=True)
        space = dict(self.layout.space().spaces)
        if context:
            space["context"] = context_space(WIDTH)
        if raw:
            space[CANDIDATE_VECTORS] = spaces.Box(-1, 1, (candidates * raw,), np.float32)
            space[HISTORY_VECTORS] = spaces.Box(-1, 1, (history * raw,), np.float32)
            del space["candidates"], space["history"]
        self.single_observation_space = spaces.Dict(space)
        self.single_action_space = spaces.Discrete(candidates)
        self.observation_space = batch_space(self.single_observation_space, n)
        self.action_space = batch_space(self.single_action_space, n)
        self.draws = np.random.default_rng(0)
        self.chosen_masked = 0

    @property
    def table(self) -> np.ndarray:
        return item_table(self.vectors, self.popularity)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None):
        self.draws = np.random.default_rng(seed)
        n, layout = self.num_envs, self.layout
        self.clock = np.zeros(n, int)
        self.history = np.zeros((n, layout.history_length), np.int32)
        self.clicked = np.zeros((n, layout.history_length), np.float32)
        self.intent = np.zeros(n, int)
        self.says = np.zeros(n, int)
        self._begin(np.arange(n))
        self._offer()
        return self._observe(), {}

    def _begin(self, who: np.ndarray) -> None:
        self.clock[who] = 0
        self.history[who] = 0
        self.clicked[who] = 0
        self.intent[who] = self.draws.integers(self.n_topics, size=who.size)
        told = self.draws.random(who.size) < self.named
        self.says[who] = np.where(told, self.intent[who], self.draws.integers(self.n_topics, size=who.size))

    def _offer(self) -> None:
        shape = (self.num_envs, self.layout.n_candidates)
        self.candidates = self.draws.integers(1, self.layout.n_items + 1, size=shape).astype(np.int32)
        self.candidates[:, 1:][self.draws.random((shape[0], shape[1] - 1)) < self.padding] = 0

    def click_probability(self) -> np.ndarray:
        return np.where(self.candidates > 0, 0.03 + 0.6 * (self.topic[self.candidates] == self.intent[:, None]), 0.0)

    def _observe(self) -> dict[str, np.ndarray]:
        n = self.num_envs
        situation = np.zeros((n, self.layout.situation_size), np.int8)
        situation[np.arange(n), self.clock % 2] = 1
        feedback = np.concatenate([self.clicked, 0.5 * self.clicked, 0 * self.clicked], axis=1).astype(np.float32)
        seen = {
            "profile": np.zeros((n, 8), np.int8),
            "situation": situation,
            "history": self.history.copy(),
            "history_scenario": (self.history > 0).astype(np.int8),
            "history_feedback": feedback,
            "candidates": self.candidates.copy(),
            "mask": (self.candidates > 0).astype(np.int8),
            "context": self.centres[self.says].copy(),
        }
        if self.raw:
            seen[CANDIDATE_VECTORS] = self.vectors[self.candidates].reshape(n, -1)
            seen[HISTORY_VECTORS] = self.vectors[self.history].reshape(n, -1)
        return {key: seen[key] for key in self.single_observation_space.spaces}

    def step(self, actions: np.ndarray):
        rows = np.arange(self.num_envs)
        self.chosen_masked += int(((self.candidates[rows, actions] == 0) & (self.candidates > 0).any(1)).sum())
        click = (self.draws.random(self.num_envs) < self.click_probability()[rows, actions]).astype(np.float32)
        self.history = np.concatenate([self.candidates[rows, actions][:, None], self.history[:, :-1]], axis=1)
        self.clicked = np.concatenate([click[:, None], self.clicked[:, :-1]], axis=1)
        self.clock += 1
        terminated = self.draws.random(self.num_envs) < self.churn
        truncated = self.clock >= self.horizon
        self._offer()
        info: dict[str, Any] = {"click": click, "_click": np.ones(self.num_envs, bool)}
        done = terminated | truncated
        if done.any():
            info |= {"final_obs": self._observe(), "_final_obs": done}
            info |= {"final_info": {"click": click, "_click": done}, "_final_info": done}
            self._begin(np.flatnonzero(done))
        return self._observe(), click, terminated, truncated, info
