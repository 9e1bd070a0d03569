"""What people see of a life is what happened in it."""

import re

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as sb3_check_env

import crossrec  # noqa: F401  registers the environments
from crossrec.envs.rendering import renderer as render
from crossrec.envs.rendering.figure import LifeFigure
from crossrec.envs.rendering.log import clock, span, stopwatch
from crossrec.envs.rendering.text import WIDTH, life_text
from crossrec.envs.single import CrossScenarioEnv
from crossrec.errors import ConfigError

from .helpers import same
from .lives import GONE, SHORT, lived


@pytest.fixture
def no_screen(monkeypatch):
    monkeypatch.setattr(render, "has_screen", lambda: False)


def steps_of(text):
    """Lines that show something: they have a mark after time and scenario, or after the number in a slate."""
    return [line for line in text.splitlines() if re.search(r"^(\w{3} \d\d:\d\d  \w+| {10,}) +(\d+ )?[●·] ", line)]


@pytest.mark.parametrize("mode", [None, "ansi", "rgb_array"])
def test_both_checkers_pass_in_every_mode(mode, recwarn):
    for env_id in ("crossrec/CrossScenario-v0", "crossrec/News-v0"):
        check_env(gym.make(env_id, render_mode=mode).unwrapped)
        sb3_check_env(gym.make(env_id, render_mode=mode).unwrapped)
    assert not recwarn.list


@pytest.mark.parametrize("mode", ["rgb", "ascii", "", 3])
def test_an_unknown_mode_is_refused_before_anything_is_made(mode):
    with pytest.raises(ConfigError, match=r"render_mode='.*' is unknown;.*allowed: ansi, human, rgb_array"):
        CrossScenarioEnv(render_mode=mode, items_per_scenario=2_000_000)


@pytest.mark.parametrize("make", [CrossScenarioEnv, lambda **options: gym.make("crossrec/News-v0", **options)])
def test_a_window_is_refused_where_there_is_no_screen(make, no_screen):
    with pytest.raises(ConfigError, match=r"'human' needs a screen.*use render_mode='ansi' or 'rgb_array'"):
        make(render_mode="human")


def test_the_window_is_declared_only_where_there_is_a_screen(monkeypatch, no_screen):
    assert CrossScenarioEnv().metadata["render_modes"] == ["ansi", "rgb_array"]
    monkeypatch.setattr(render, "has_screen", lambda: True)
    assert CrossScenarioEnv().metadata["render_modes"] == ["ansi", "rgb_array", "human"]


@pytest.mark.filterwarnings("ignore:FigureCanvasAgg is non-interactive")
def test_the_window_follows_by_itself_and_may_be_closed(monkeypatch):
    plt = pytest.importorskip("matplotlib.pyplot")
    plt.switch_backend("agg")
    monkeypatch.setattr(render, "has_screen", lambda: True)
    monkeypatch.setattr(render, "_open_backend", lambda: None)
    monkeypatch.setattr(render, "FPS", 1000)
    drawn = []
    monkeypatch.setattr(LifeFigure, "draw", lambda self, log: drawn.append(len(log.turns)))
    env = CrossScenarioEnv(render_mode="human", horizon=5)
    env.reset(seed=0)
    env.step(0), env.step(1)
    assert drawn == [0, 1, 2]
    assert env.render() is None
    plt.close("all")
    env.step(2)
    assert drawn == [0, 1, 2]
    env.close()


def test_rendering_without_a_mode_or_a_life():
    env = CrossScenarioEnv()
    env.reset(seed=0)
    with pytest.warns(UserWarning, match="without a render_mode"):
        assert env.render() is None
    with pytest.raises(ConfigError, match=r"render\(\) came before reset\(\)"):
        CrossScenarioEnv(render_mode="ansi").render()


@pytest.mark.parametrize("mode", ["ansi", "rgb_array"])
def test_looking_changes_nothing(mode):
    seen, unseen = (CrossScenarioEnv(render_mode=m, horizon=12) for m in (mode, None))
    for one, other in zip(seen.reset(seed=3), unseen.reset(seed=3), strict=True):
        same(one, other)
    for action in range(12):
        seen.render()
        for one, other in zip(seen.step(action), unseen.step(action), strict=True):
            same(one, other)


def test_the_log_tells_what_the_infos_told():
    env, infos = lived(**SHORT)
    text = env.render()
    assert isinstance(text, str)
    lines, steps = text.splitlines(), steps_of(text)
    assert max(map(len, lines)) <= WIDTH
    assert len(steps) == len(infos) - 1 == env.config.horizon
    for before, after, line in zip(infos[:-1], infos[1:], steps, strict=True):
        assert line.startswith(clock(before["minute"]))
        assert env.world.scenarios[before["scenario"]].name in line
        parts = after["reward_parts"]
        assert ("●" in line) == parts["click"]
        assert (stopwatch(60 * parts["dwell"]) in line) or not parts["click"]
        assert bool(re.search("bought|shared|liked|finished|saved", line[-30:])) == parts["conversion"]
        assert line.endswith(f"{after['truth']['satisfaction']:.2f}")
    moments = infos[:-1]
    assert sum("Session" in line for line in lines) == 1 + sum(info["away"] > 0 for info in moments) > 3
    assert sum(" > " in line for line in lines) == sum(info["entered"] for info in moments)
    for info in moments:
        assert not info["away"] or f"{span(info['away'])} later" in text
    assert "The horizon of 40 steps is reached." in lines
    clicks = int(sum(info["reward_parts"]["click"] for info in infos[1:]))
    assert lines[-1].startswith(f"40 steps, {clicks} click")


def test_the_log_names_what_was_shown_and_is_told_so_far():
    env = CrossScenarioEnv(render_mode="ansi", horizon=5)
    observation, _ = env.reset(seed=1)
    assert "0 steps, 0 clicks" in env.render()
    for action in range(3):
        title = env.world.catalogue.title(int(observation["candidates"][action]))
        observation, *_ = env.step(action)
        assert title[:40] in steps_of(env.render())[-1]
    assert "horizon" not in env.render()
    env.reset()
    assert not steps_of(env.render())


def test_a_person_who_leaves_for_good_is_said_to():
    env, infos = lived(**GONE)
    text = env.render()
    assert len(infos) - 1 < env.config.horizon
    assert "never to return (churn)" in text
    assert sum("Session" in line for line in text.splitlines()) == 1  # the one that never came is not announced


def test_a_slate_stands_line_by_line_with_the_clicked_place_marked():
    env, infos = lived(slate_size=3, horizon=20)
    steps = steps_of(env.render())
    assert len(steps) == 3 * 20
    for i, info in enumerate(infos[1:]):
        slate, lines = info["slate"], steps[3 * i : 3 * i + 3]
        for item, click, line in zip(slate["items"], slate["click"], lines, strict=True):
            assert ("●" in line) == click
            assert env.world.catalogue.title(int(item))[:40] in line or "(nothing)" in line
    assert any("●" in line for line in steps)


def test_a_place_that_shows_nothing_says_so():
    env = CrossScenarioEnv(render_mode="ansi", slate_size=3)
    env.reset(seed=0)
    env.step(np.array([7, 7, 8]))
    assert ["(nothing)" in line for line in steps_of(env.render())] == [False, True, False]


def test_a_search_query_is_told():
    env, _ = lived(scenarios=["search"], horizon=3)
    assert re.search(r'searching the web on the \w+, typing ".+"; on the mind: ', env.render())


def test_times_in_words():
    assert clock(2 * 1440 + 21 * 60 + 4.9) == "Wed 21:04"
    assert clock(0.0, full=True) == "Monday 00:00"
    assert [span(m) for m in (0.2, 45, 432, 1440, 3000)] == ["0 min", "45 min", "7 h 12 min", "1 day", "2 days 2 h"]
    assert [stopwatch(s) for s in (0, 9.6, 252, 3600)] == ["0:00", "0:10", "4:12", "60:00"]


def test_a_life_is_told_alike_by_its_log_and_its_environment():
    env, _ = lived(horizon=6)
    assert env.render() == life_text(env.renderer.log)
