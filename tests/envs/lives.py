"""Lives to look at, for the tests of rendering."""

import numpy as np

from crossrec.envs.single import CrossScenarioEnv

SHORT = {"behaviour": {"session_minutes": 2.0, "churn": 0.0}}  # many sessions
GONE = {"behaviour": {"session_minutes": 0.5, "churn": 1.0}}
EVERYWHERE = ["shopping", "news", "social", "music", "video", "education", "search", "games"]


def live(env, seed=0, user=17):
    """The infos of a life: of the reset and of every step; the policy is greedy in every other step."""
    rng, slate = np.random.default_rng(seed), env.config.slate_size
    infos, done = [env.reset(seed=seed, options={"user": user})[1]], False
    while not done:
        best = np.argsort(-env.expected_rewards()[0])[:slate]
        action = best if len(infos) % 2 else rng.integers(0, env.config.n_candidates, slate)
        _, _, terminated, truncated, info = env.step(action if slate > 1 else action[0])
        infos.append(info)
        done = terminated or truncated
    return infos


def lived(mode="ansi", seed=0, user=17, **options):
    env = CrossScenarioEnv(render_mode=mode, expose_truth=True, **options)
    return env, live(env, seed, user)
