"""Bad options and actions are refused at once, in a sentence that names option, value and what is allowed."""

import dataclasses

import gymnasium as gym
import numpy as np
import pytest

from crossrec.config import BehaviourConfig, EnvConfig
from crossrec.envs.single import CrossScenarioEnv
from crossrec.envs.vector import CrossScenarioVectorEnv
from crossrec.errors import ConfigError
from crossrec.world.scenario import SCENARIOS

from .helpers import row, same

MISTAKES = [
    ({"horizn": 10}, r"Unknown option 'horizn'; did you mean 'horizon'\? allowed: .*n_candidates"),
    ({"behaviour": {"drif": 0.0}}, r"Unknown option 'behaviour.drif'; did you mean 'drift'"),
    ({"reward": {"clicks": 1.0}}, r"Unknown option 'reward.clicks'; did you mean 'click'\? allowed: click, conversion"),
    ({"scenarios": ["new"]}, r"scenarios='new' is unknown; did you mean 'news'\? allowed: .*shopping"),
    ({"scenarios": []}, r"scenarios=\[\] is empty"),
    ({"scenarios": ["news", "news"]}, "names a scenario twice"),
    ({"scenarios": "news"}, "scenarios must be a list of names; found 'news'"),
    ({"scenarios": [1]}, r"scenarios holds 1; allowed: names, YAML files"),
    ({"scenarios": 5}, "scenarios must be a list of names; found 5"),
    ({"scenarios": None}, "scenarios must be a list of names; found None"),
    ({"horizon": "40"}, "horizon must be int; found '40'"),
    ({"horizon": 40.0}, "horizon must be int; found 40.0"),
    ({"horizon": True}, "horizon must be int; found True"),
    ({"horizon": None}, "horizon must be int; found None"),
    ({"horizon": 0}, "horizon=0 is out of range; allowed: from 1 to 1,000,000,000"),
    ({"n_candidates": 3}, "n_candidates=3 is out of range; allowed: from 4 to 10,000"),
    ({"n_candidates": 401}, "n_candidates=401 is more than items_per_scenario=400; set fewer candidates or more items"),
    ({"n_candidates": -1}, "n_candidates=-1 is out of range"),
    ({"items_per_scenario": -400}, "items_per_scenario=-400 is out of range"),
    ({"items_per_scenario": 10**9}, "items_per_scenario=1000000000 is out of range"),
    ({"history_length": 0}, "history_length=0 is out of range"),
    ({"world_seed": -1}, "world_seed=-1 is out of range"),
    ({"first_user": -1}, "first_user=-1 is out of range"),
    ({"first_user": 10, "last_user": 10}, "last_user=10 is out of range; allowed: from 11"),
    ({"behaviour": {"drift": 1.5}}, "behaviour.drift=1.5 is out of range; allowed: from 0 to 1"),
    ({"behaviour": {"interest": -1.0}}, "behaviour.interest=-1.0 is out of range"),
    ({"behaviour": {"interest": float("nan")}}, "behaviour.interest=nan is out of range"),
    ({"behaviour": {"interest": float("inf")}}, "behaviour.interest=inf is out of range"),
    ({"behaviour": {"gap_minutes": 0.0}}, "behaviour.gap_minutes=0.0 is out of range"),
    ({"behaviour": {"leave": "often"}}, "behaviour.leave must be float; found 'often'"),
    ({"behaviour": 3}, "behaviour must be a mapping or BehaviourConfig; found 3"),
    ({"reward": {"click": float("nan")}}, "reward.click=nan is out of range"),
    ({"config": EnvConfig(), "horizon": 3}, r"Give either config= or single options.*\['horizon'\]"),
    ({"config": EnvConfig(horizon=-3)}, "horizon=-3 is out of range"),
    ({"config": EnvConfig(behaviour=BehaviourConfig(churn=2.0))}, "behaviour.churn=2.0 is out of range"),
    ({"config": EnvConfig(horizon="forty")}, "horizon.*forty"),
    ({"config": {"horizon": 3}}, "config"),
]


@pytest.mark.parametrize(("options", "sentence"), MISTAKES, ids=lambda value: str(value)[:60])
def test_a_bad_option_is_refused_naming_it(options, sentence):
    for make in (CrossScenarioEnv, lambda **o: CrossScenarioVectorEnv(2, **o)):
        with pytest.raises(ConfigError, match=sentence) as raised:
            make(**options)
        assert "\n" not in str(raised.value)


def test_gym_make_refuses_as_well():
    with pytest.raises(ConfigError, match="did you mean 'horizon'"):
        gym.make("crossrec/News-v0", horizn=3)
    with pytest.raises(ConfigError, match="did you mean 'horizon'"):
        gym.make_vec("crossrec/News-v0", num_envs=2, horizn=3)


@pytest.mark.parametrize("number", [0, -3, 1.5, "four"])
def test_a_number_of_people_that_is_none_is_refused(number):
    with pytest.raises(ConfigError, match="num_envs"):
        CrossScenarioVectorEnv(number)


def test_options_come_as_keywords_mappings_or_one_object():
    changed = BehaviourConfig(drift=0.5)
    same_thing = [
        CrossScenarioEnv(horizon=7, behaviour={"drift": 0.5}),
        CrossScenarioEnv(horizon=np.int64(7), behaviour=changed),
        CrossScenarioEnv(EnvConfig(horizon=7, behaviour=changed)),
    ]
    assert {str(dataclasses.asdict(env.config)) for env in same_thing} == {
        str(dataclasses.asdict(EnvConfig(horizon=7, behaviour=changed)))
    }


def test_a_whole_number_is_fine_where_a_real_one_is_asked():
    assert CrossScenarioEnv(behaviour={"interest": 5}).config.behaviour.interest == 5.0


@pytest.mark.parametrize(
    ("action", "sentence"),
    [
        (50, r"action=50 is outside the action space; allowed: 0 to 49 \(n_candidates=50\)"),
        (-1, "action=-1 is outside the action space"),
        (1.0, "action=1.0 must be a whole number"),
        ("3", "action='3' must be a whole number"),
        ([1, 2], r"action=\[1, 2\] must be a whole number"),
        (None, "action=None must be a whole number"),
        (True, "action=True must be a whole number"),
    ],
)
def test_an_action_outside_the_space_is_refused_and_the_life_goes_on(action, sentence):
    env, other = CrossScenarioEnv(), CrossScenarioEnv()
    env.reset(seed=1), other.reset(seed=1)
    with pytest.raises(ConfigError, match=sentence):
        env.step(action)
    same(env.step(3)[0], other.step(3)[0])


@pytest.mark.parametrize(
    ("actions", "sentence"),
    [
        (np.array([0, 50, 1]), "action=50 is outside the action space"),
        (np.array([0, 1]), "must be 3 whole numbers"),
        (np.zeros((3, 1), int), "must be 3 whole numbers"),
        (np.zeros(3), "must be 3 whole numbers"),
        (np.array([2**63, 0, 0], np.uint64), "is outside the action space"),
    ],
)
def test_actions_outside_the_space_are_refused_and_the_lives_go_on(actions, sentence):
    env, other = CrossScenarioVectorEnv(3), CrossScenarioVectorEnv(3)
    env.reset(seed=1), other.reset(seed=1)
    with pytest.raises(ConfigError, match=sentence):
        env.step(actions)
    same(env.step(np.arange(3))[0], other.step(np.arange(3))[0])


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.int64, np.uint64])
def test_actions_of_any_whole_type_do(dtype):
    env, other = CrossScenarioVectorEnv(3), CrossScenarioVectorEnv(3)
    env.reset(seed=1), other.reset(seed=1)
    same(env.step(np.arange(3, dtype=dtype))[0], other.step([0, 1, 2])[0])


def test_padding_is_a_step_without_a_click_never_a_crash():
    """With every item of a tiny catalogue on offer, what was enjoyed before the visit is padding."""
    env = CrossScenarioVectorEnv(
        300, items_per_scenario=6, n_candidates=6, behaviour={"interest": 40.0, "leave": 0.5}, horizon=200
    )
    observation, _ = env.reset(seed=0)
    chosen = 0
    for _ in range(60):
        before, padding = observation["history"], observation["mask"] == 0
        actions = padding.argmax(axis=1)  # padding where there is any
        hit = padding.any(axis=1)
        np.testing.assert_array_equal(observation["candidates"] == 0, padding)
        observation, reward, terminated, _, infos = env.step(actions)
        chosen += hit.sum()
        for part in infos["reward_parts"].values():
            assert not part[hit].any()
        assert not reward[hit].any()
        going_on = hit & ~terminated & ~infos.get("_final_obs", np.zeros(300, bool))
        assert not observation["history"][going_on, 0].any(), "nothing was shown"
        np.testing.assert_array_equal(observation["history"][going_on, 1:], before[going_on, :-1])
    assert chosen > 100


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"usr": 3}, "Unknown reset option 'usr'; allowed: 'user'"),
        ({"user": -1}, "reset option user=-1 must be an id of at least 0"),
        ({"user": 1.5}, "reset option user=1.5"),
        ({"user": "17"}, "reset option user='17'"),
        ({"user": None}, "reset option user=None"),
        ({"user": True}, "reset option user=True"),
        ({"user": [1, 2]}, "or 3 of them"),
        ({"user": [1, -2, 3]}, "must be an id of at least 0"),
        ({"user": [[1, 2, 3]]}, "must be an id of at least 0"),
        ({"user": [1, [2, 3], 4]}, "must be an id of at least 0"),
        ({"user": 2**64}, "reset option user="),
        ({"user": 2**63}, "reset option user="),
    ],
    ids=str,
)
def test_a_bad_reset_option_is_refused(options, sentence):
    env = CrossScenarioVectorEnv(3)
    with pytest.raises(ConfigError, match=sentence):
        env.reset(seed=0, options=options)


def test_a_refused_reset_leaves_the_environment_as_it_was():
    env, other = CrossScenarioEnv(), CrossScenarioEnv()
    env.reset(seed=1), other.reset(seed=1)
    with pytest.raises(ConfigError):
        env.reset(seed=2, options={"user": -1})
    same(env.step(0)[0], other.step(0)[0])
    same(env.reset()[0], other.reset()[0])


def test_reset_picks_the_person_or_one_person_for_each_place():
    env = CrossScenarioVectorEnv(3)
    _, infos = env.reset(seed=0, options={"user": 17})
    assert infos["user"].tolist() == [17, 17, 17]
    observation, infos = env.reset(seed=0, options={"user": np.array([5, 17, 2**62])})
    assert infos["user"].tolist() == [5, 17, 2**62]
    alone, info = CrossScenarioEnv().reset(seed=1, options={"user": 17})
    same(row(observation, 1), alone)
    assert info["user"] == 17
    _, infos = env.reset(seed=0, options={})
    assert infos["user"].tolist() != [17, 17, 17]


def test_people_met_lie_in_the_range_of_the_config():
    env = CrossScenarioVectorEnv(500, first_user=1_000, last_user=1_010)
    _, infos = env.reset(seed=0)
    assert set(infos["user"].tolist()) == set(range(1_000, 1_010))
    _, infos = env.reset()
    assert set(infos["user"].tolist()) == set(range(1_000, 1_010))


@pytest.mark.parametrize("seed", [-1, [1, 2], [0, 1, -2]])
def test_a_bad_seed_is_refused(seed):
    env = CrossScenarioVectorEnv(3)
    with pytest.raises((ConfigError, gym.error.Error), match=r"[Ss]eed"):
        env.reset(seed=seed)


EXTREME = {
    "all at most": dict.fromkeys(("interest", "intent", "quality", "satiation", "ageing", "bait", "rebound"), 100.0),
    "moods": {"gap_mood": 100.0, "churn_mood": 100.0, "leave_mood": 100.0, "session_minutes": 3.0, "mood": 1.0},
    "gaps": {"gap_minutes": 1e7, "session_minutes": 1e-6, "satiation_half_life": 1e-6, "rebound": 100.0},
    "moves": {"transition_feedback": 100.0, "transition_habit": 100.0, "leave": 1.0, "device_habit": 1.0},
    "places": {"position": 100.0, "quality": 100.0},
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("engine", ["compiled", "numpy"])
@pytest.mark.parametrize("behaviour", EXTREME.values(), ids=EXTREME)
def test_the_strongest_effects_that_are_allowed_keep_every_number_finite(behaviour, engine):
    scenarios = [{**vars(SCENARIOS["news"]), "name": name, "follow_up": up} for name, up in (("a", 20), ("b", -20))]
    env = CrossScenarioVectorEnv(
        32, scenarios=[*scenarios, "music"], slate_size=3, behaviour=behaviour, engine=engine, expose_truth=True
    )
    env.reset(seed=0)
    for step in range(40):
        observation, reward, *_, infos = env.step(np.full((32, 3), step) + np.arange(3))
        assert observation in env.observation_space
        assert np.isfinite(reward).all()
        assert np.isfinite(infos["truth"]["expected_reward"][observation["mask"] > 0]).all()
        assert not np.isnan(np.concatenate([block.ravel() for block in env.core.simulator.state.blocks.values()])).any()


@pytest.mark.parametrize(("name", "value"), [("gap_mood", 101.0), ("interest", 1e3), ("gap_minutes", 1e8)])
def test_a_strength_beyond_all_sense_is_refused(name, value):
    with pytest.raises(ConfigError, match=f"behaviour.{name}={value!r} is out of range; allowed: from .* to 1"):
        CrossScenarioEnv(behaviour={name: value})


def test_more_scenarios_than_an_observation_can_tell_are_refused():
    many = [{**vars(SCENARIOS["news"]), "name": f"news {i}"} for i in range(101)]
    with pytest.raises(ConfigError, match="scenarios names 101 scenarios; allowed: at most 100"):
        CrossScenarioEnv(scenarios=many)
