"""Environments that are wrong on purpose, each in one way, written as a user would: by subclassing both forms.

``BROKEN`` holds the six mistakes that are made most; ``ALSO_BROKEN`` one for each further check.
"""

import numpy as np
from gymnasium import spaces
from gymnasium.vector.utils import batch_space

from crossrec.envs.single import CrossScenarioEnv
from crossrec.envs.vector import CrossScenarioVectorEnv


class OtherObservation:
    """Observes something else in either form: ``self.altered(observation, rows)`` for the people in ``rows``."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        observe, n = self.core.simulator.observe, self.core.simulator.n

        def altered(rows=None, spread=False):
            seen = self.altered(observe(rows), np.arange(n) if rows is None else rows)
            if not spread:
                return seen
            everybody = {key: np.zeros((n, *values.shape[1:]), values.dtype) for key, values in seen.items()}
            for key, values in seen.items():
                everybody[key][rows] = values
            return everybody

        self.core.simulator.observe = altered
        self.widen()

    def widen(self):
        """Change the observation space, where needed."""

    def observes(self, **more):
        space = spaces.Dict({**self.core.observation_space.spaces, **more})
        if isinstance(self, CrossScenarioVectorEnv):
            self.single_observation_space, self.observation_space = space, batch_space(space, self.num_envs)
        else:
            self.observation_space = space


class Leaky(OtherObservation):
    """Observes what each candidate is expected to bring."""

    def widen(self):
        self.observes(hint=spaces.Box(-1.0, 100.0, (self.config.n_candidates,), np.float32))

    def altered(self, observation, rows):
        expected = self.core.simulator.expected_rewards()[rows]
        return {**observation, "hint": np.where(np.isfinite(expected), expected, -1.0).astype(np.float32)}


class Nosy(OtherObservation):
    """Looks people's interests up in the world, a leak that goes around the simulator."""

    def widen(self):
        self.observes(interest=spaces.Box(0.0, 1.0, (self.world.n_topics,), np.float32))

    def altered(self, observation, rows):
        return {**observation, "interest": self.world.people(self.core.simulator.seen.user[rows]).theta}


class Noisy(OtherObservation):
    """Measures dwell and clicks with noise from NumPy's global stream."""

    def altered(self, observation, rows):
        noisy = observation["history_feedback"] + np.random.normal(0.0, 0.1, observation["history_feedback"].shape)  # noqa: NPY002
        return {**observation, "history_feedback": np.clip(noisy, 0.0, 1.0).astype(np.float32)}


class Misshapen(OtherObservation):
    """Adds an income to the profile and forgets the space."""

    def altered(self, observation, rows):
        profile = observation["profile"]
        return {**observation, "profile": np.hstack([profile, profile[:, :1]])}


class Indifferent:
    """People click anything with the same probability."""

    def __init__(self, *args, **options):
        super().__init__(*args, hooks={"choice": self.chosen}, **options)

    @staticmethod
    def chosen(moment, utility):
        return np.where(np.isfinite(utility), -2.0, utility)


class EndsAtTheHorizon:
    """Takes the horizon for the end of a life."""

    def step(self, action):
        observation, reward, terminated, truncated, info = super().step(action)
        return observation, reward, terminated | truncated, truncated & False, info


class Bonus:
    """Pays for being there."""

    def step(self, action):
        observation, reward, *rest = super().step(action)
        return observation, reward + 0.01, *rest


class Reusing(OtherObservation):
    """Writes every observation of the history into one buffer."""

    def altered(self, observation, rows):
        self.buffer = getattr(self, "buffer", observation["history"].copy())
        self.buffer[: len(rows)] = observation["history"]
        return {**observation, "history": self.buffer[: len(rows)]}


class Talkative:
    """Tells the truth to everybody."""

    def __init__(self, *args, expose_truth=False, **options):
        super().__init__(*args, expose_truth=True, **options)


class ChurnTruncates:
    """Takes those who never return for those whose time is up."""

    def step(self, action):
        observation, reward, terminated, truncated, info = super().step(action)
        return observation, reward, terminated & False, terminated | truncated, info


class ShowsPadding:
    """Where padding was chosen, shows the item at the next place."""

    def step(self, action):
        candidates = self.core.simulator.seen.candidates
        places = np.arange(candidates.shape[1])
        chosen = (np.reshape(action, (-1, 1)) + places) % len(places)
        shown = chosen[np.arange(len(chosen)), (np.take_along_axis(candidates, chosen, axis=1) > 0).argmax(axis=1)]
        return super().step(shown.reshape(np.shape(action)))


class ClicksAll:
    """Says that each place of a slate was clicked."""

    def step(self, action):
        *result, info = super().step(action)
        for told in (info, info.get("final_info", info)):
            told["slate"]["click"] = np.ones_like(told["slate"]["click"])
        return *result, info


def both(mistake):
    """The single and the vector environment with a mistake."""
    return (
        type(f"{mistake.__name__}Env", (mistake, CrossScenarioEnv), {}),
        type(f"{mistake.__name__}VectorEnv", (mistake, CrossScenarioVectorEnv), {}),
    )


class OffByOneVectorEnv(CrossScenarioVectorEnv):
    """Counts places from 1: place i lives what the single environment lives with seed s + i + 1."""

    def reset(self, *, seed=None, options=None):
        return super().reset(seed=None if seed is None else seed + 1, options=options)


#: Both forms; the checks that must fail, the first of them being what is wrong; and what its sentence must say.
BROKEN = {
    "leaks truth": (
        *both(Leaky),
        ["hidden truth", "giveaways"],
        r"observation\['hint'\] at 0 is .* as things are and .* where people's hidden truth is another",
    ),
    "not deterministic": (
        *both(Noisy),
        ["determinism", "gymnasium", "same life"],
        r"history_feedback.*in another with the same seed and actions; draw only from crossrec.random",
    ),
    "batch differs": (
        CrossScenarioEnv,
        OffByOneVectorEnv,
        ["same life"],
        r"at place 0 of the batch; with seed s place i must live the life of seed s \+ i",
    ),
    "oracle equals random": (
        *both(Indifferent),
        ["oracle", "effects"],
        r"expected at least 1.5 times random's .* nothing can be learned",
    ),
    "wrong shape": (
        *both(Misshapen),
        ["spaces", "gymnasium", "stable-baselines3"],
        r"observation\['profile'\] has shape \(9,\), its space says \(8,\)",
    ),
    "horizon terminates": (
        *both(EndsAtTheHorizon),
        ["horizon"],
        r"with horizon=5, at step 5 of the single environment 1 of 1 lives were terminated .*expected truncated=True",
    ),
}
ALSO_BROKEN = {
    "a bonus": (*both(Bonus), ["reward"], r"gets 0.01, the weighted parts in its infos sum to 0"),
    "a buffer": (
        *both(Reusing),
        ["own memory", "gymnasium"],
        r"observation\['history'\] shares memory with observation\['history'\] of an earlier call",
    ),
    "truth in infos": (*both(Talkative), ["hidden truth"], r"infos tell the 'truth' where expose_truth=False"),
    "churn truncates": (*both(ChurnTruncates), ["churn"], r"0 of 1 lives were terminated; expected all"),
    "padding is shown": (*both(ShowsPadding), ["padding"], r"people who were shown padding clicked; expected none"),
    "a leak around the simulator": (*both(Nosy), ["hidden truth"], r"observation\['interest'\]"),
}
