"""A single-file DQN in the manner of CleanRL: it knows Gymnasium and torch, and nothing of CrossRec."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


def q_network(env: gym.Env) -> nn.Module:
    width, actions = int(np.prod(env.observation_space.shape)), int(env.action_space.n)
    return nn.Sequential(nn.Linear(width, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, actions))


def train(
    env: gym.Env,
    steps: int,
    *,
    seed: int = 0,
    gamma: float = 0.5,
    rate: float = 1e-3,
    batch: int = 128,
    capacity: int = 10_000,
    starts: int = 500,
    every: int = 4,
    target_every: int = 250,
    final_exploration: float = 0.1,
) -> tuple[nn.Module, list[float]]:
    """A trained Q-network, and the loss of each gradient step."""
    torch.manual_seed(seed)
    draws = np.random.default_rng(seed)
    online, target = q_network(env), q_network(env)
    target.load_state_dict(online.state_dict())
    optimiser = torch.optim.Adam(online.parameters(), lr=rate)
    width = env.observation_space.shape
    before, after = np.zeros((capacity, *width), np.float32), np.zeros((capacity, *width), np.float32)
    actions = np.zeros(capacity, np.int64)
    rewards, ends = np.zeros(capacity, np.float32), np.zeros(capacity, np.float32)
    losses = []
    observation, _ = env.reset(seed=seed)
    for step in range(steps):
        exploration = max(1.0 - step / (0.5 * steps) * (1.0 - final_exploration), final_exploration)
        if draws.random() < exploration:
            action = int(draws.integers(env.action_space.n))
        else:
            with torch.no_grad():
                action = int(online(torch.as_tensor(observation)[None]).argmax())
        following, reward, terminated, truncated, _ = env.step(action)
        row = step % capacity
        before[row], after[row] = observation, following
        actions[row], rewards[row], ends[row] = action, reward, terminated
        observation = env.reset()[0] if terminated or truncated else following
        if step >= starts and step % every == 0:
            rows = draws.integers(min(step + 1, capacity), size=batch)
            with torch.no_grad():
                best = target(torch.as_tensor(after[rows])).max(dim=1).values
                wanted = torch.as_tensor(rewards[rows]) + gamma * best * (1.0 - torch.as_tensor(ends[rows]))
            value = online(torch.as_tensor(before[rows])).gather(1, torch.as_tensor(actions[rows])[:, None]).squeeze(1)
            loss = F.mse_loss(value, wanted)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
        if step % target_every == 0:
            target.load_state_dict(online.state_dict())
    return online, losses
