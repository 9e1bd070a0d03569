"""People who go to some scenarios only, and recommenders who see what was shown in their own scenario only."""

import numpy as np
import pytest

from crossrec.config import EnvConfig
from crossrec.envs.vector import CrossScenarioVectorEnv
from crossrec.errors import ConfigError

ENGINES = ("numpy", "compiled")


def lived(steps=50, people=200, **options):
    """Observations and infos of everybody at each step, final ones where a life has ended."""
    env = CrossScenarioVectorEnv(people, EnvConfig(horizon=30, **options))
    observation, info = env.reset(seed=1)
    told, rng = [(observation, info)], np.random.default_rng(0)
    for _ in range(steps):
        observation, _, _, _, info = env.step(rng.integers(0, env.config.n_candidates, people))
        told.append((observation, info))
    return told


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("visits", [["news"], ["music", "video"]])
def test_people_go_where_they_may_and_nowhere_else(visits, engine):
    told = lived(visits=visits, engine=engine)
    names = EnvConfig().scenarios
    where = {names[s] for _, info in told for s in np.unique(info["scenario"])}
    assert where == set(visits)
    shown = {names[s - 1] for observation, _ in told for s in np.unique(observation["history_scenario"]) if s}
    assert shown == set(visits)
    assert 0.1 < np.mean([info["entered"] for _, info in told]) < 0.5  # they still leave and enter


@pytest.mark.parametrize("visits", [["news"], ["music", "video"]])
def test_both_engines_send_them_to_the_same_places(visits):
    one, other = (lived(visits=visits, engine=engine) for engine in ENGINES)
    for (first, info), (second, again) in zip(one, other, strict=True):
        np.testing.assert_array_equal(info["scenario"], again["scenario"])
        np.testing.assert_array_equal(first["candidates"], second["candidates"])


def test_all_visited_is_as_if_nothing_was_said():
    plain, said = lived(), lived(visits=EnvConfig().scenarios)
    for (first, _), (second, _) in zip(plain, said, strict=True):
        for key, values in first.items():
            np.testing.assert_array_equal(values, second[key])


@pytest.mark.parametrize("engine", ENGINES)
def test_own_history_is_the_whole_one_without_what_was_shown_elsewhere(engine):
    for (whole, info), (own, _) in zip(lived(engine=engine), lived(engine=engine, history="own"), strict=True):
        here = whole["history_scenario"] == info["scenario"][:, None] + 1
        np.testing.assert_array_equal(own["history"], whole["history"] * here)
        np.testing.assert_array_equal(own["history_scenario"], whole["history_scenario"] * here)
        np.testing.assert_array_equal(own["history_feedback"], whole["history_feedback"] * np.tile(here, 3))
        for key in set(whole) - {"history", "history_scenario", "history_feedback"}:
            np.testing.assert_array_equal(own[key], whole[key])
        if info.get("final_obs") is not None:
            ended = info["_final_obs"]
            assert (info["final_obs"]["history"][~ended] == 0).all()


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"visits": ["newz"]}, "visits='newz' is unknown; did you mean 'news'"),
        ({"visits": ["games"]}, "visits='games' is unknown"),
        ({"visits": ["news", "news"]}, "names a scenario twice"),
        ({"visits": "news"}, "must be a list"),
        ({"history": "mine"}, "history='mine' is unknown"),
    ],
)
def test_places_that_are_not_there_are_refused(options, named):
    with pytest.raises(ConfigError, match=named):
        CrossScenarioVectorEnv(1, EnvConfig(**options))
