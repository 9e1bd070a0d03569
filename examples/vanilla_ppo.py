"""Plain Stable-Baselines3 in CrossRec: the wrapper turns item ids into vectors, all else is the library's own."""

import gymnasium as gym
from stable_baselines3 import PPO
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor

from crossrec.envs.wrappers import ExpandItems  # importing crossrec registers the environments

env = Monitor(ExpandItems(gym.make("crossrec/CrossScenario-v0", n_candidates=10)))
agent = PPO("MultiInputPolicy", env, n_steps=1_000, batch_size=500, seed=0, device="cpu")
agent.learn(5_000)

mean, deviation = evaluate_policy(agent, env, n_eval_episodes=20)
print(f"return per life: {mean:.2f}, standard deviation over lives: {deviation:.2f}")
