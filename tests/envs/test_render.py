"""What people see of a life is what happened in it; pictures have one size and no words on top of each other."""

import copy
import itertools
import pickle
import re

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.wrappers import RecordVideo
from matplotlib.text import Text
from stable_baselines3.common.env_checker import check_env as sb3_check_env

import crossrec  # noqa: F401  registers the environments
from crossrec.envs.rendering import renderer as render
from crossrec.envs.rendering.figure import LifeFigure, agg_figure, positions, save_life
from crossrec.envs.rendering.log import LifeLog, clock, span, stopwatch
from crossrec.envs.rendering.text import WIDTH, life_text
from crossrec.envs.single import CrossScenarioEnv
from crossrec.errors import ConfigError

from .helpers import same

SHORT = {"behaviour": {"session_minutes": 2.0, "churn": 0.0}}  # many sessions
GONE = {"behaviour": {"session_minutes": 0.5, "churn": 1.0}}
EVERYWHERE = ["shopping", "news", "social", "music", "video", "education", "search", "games"]


@pytest.fixture
def no_screen(monkeypatch):
    monkeypatch.setattr(render, "has_screen", lambda: False)


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


def test_frames_have_one_size_and_are_new_each_time():
    env = CrossScenarioEnv(render_mode="rgb_array", horizon=4)
    frames = []
    for seed in (0, 5):
        env.reset(seed=seed)
        frames.append(env.render())
        for action in range(4):
            env.step(action)
            frames.append(env.render())
    assert {(frame.shape, frame.dtype) for frame in frames} == {((720, 1200, 3), np.dtype(np.uint8))}
    for one, other in itertools.combinations(frames, 2):
        assert (one != other).any()
        assert not np.shares_memory(one, other)
    assert frames[0].mean() > 230  # light
    np.testing.assert_array_equal(env.render(), frames[-1])


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda env: pickle.loads(pickle.dumps(env))], ids=["copy", "pickle"])
@pytest.mark.parametrize("mode", ["ansi", "rgb_array"])
def test_a_copy_made_mid_life_shows_the_same_life(mode, copied):
    env = CrossScenarioEnv(render_mode=mode)
    env.reset(seed=0)
    env.step(1)
    env.render()
    twin = copied(env)
    for one in (env, twin):
        one.step(2)
    assert np.array_equal(env.render(), twin.render())


def test_gymnasium_collects_frames_and_logs():
    for mode, kind in (("rgb_array_list", np.ndarray), ("ansi_list", str)):
        env = gym.make("crossrec/News-v0", render_mode=mode)
        env.reset(seed=0)
        env.step(0)
        frames = env.render()
        assert [type(frame) for frame in frames] == [kind, kind]


def test_gymnasium_records_a_video(tmp_path):
    pytest.importorskip("moviepy")
    env = RecordVideo(gym.make("crossrec/News-v0", render_mode="rgb_array", horizon=4), str(tmp_path / "video"))
    env.reset(seed=0)
    for _ in range(4):
        env.step(env.action_space.sample())
    env.close()
    (file,) = (tmp_path / "video").glob("*.mp4")
    assert file.stat().st_size > 1000


LIVES = {
    "five scenarios": {},
    "many sessions": SHORT,
    "eight scenarios": {"scenarios": EVERYWHERE, "horizon": 90},
    "one scenario": {"scenarios": ["news"]},
    "gone": GONE,
    "small slates": {"slate_size": 6, "horizon": 25},
    "large slates": {"slate_size": 12, "history_length": 12, "horizon": 25, "scenarios": EVERYWHERE},
}


@pytest.mark.parametrize("name", LIVES)
def test_no_words_lie_on_others_or_beyond_the_edge(name):
    env, _ = lived(**LIVES[name])
    log, figure = env.renderer.log, agg_figure()
    pencil = LifeFigure(figure)
    for taken in sorted({0, 1, len(log.turns) // 2, len(log.turns)}):
        pencil.draw(part(log, taken))
        figure.canvas.draw()
        lanes = pencil.lanes.get_window_extent()
        boxes = {}
        for text in figure.findobj(Text):
            if not text.get_text() or not text.get_visible() or not shown(text):
                continue
            box = text.get_window_extent()
            if text.get_clip_on() and text.axes is not None:
                box.x0, box.x1 = max(box.x0, lanes.x0), min(box.x1, lanes.x1)
            if box.x1 > box.x0:
                boxes[text] = box
        assert len(boxes) > 10
        for text, box in boxes.items():
            assert box.x0 >= 0, text
            assert box.x1 <= 1200, text
            assert box.y0 >= 0, text
            assert box.y1 <= 720, text
        for (one, a), (other, b) in itertools.combinations(boxes.items(), 2):
            apart = a.x1 <= b.x0 + 1 or b.x1 <= a.x0 + 1 or a.y1 <= b.y0 + 1 or b.y1 <= a.y0 + 1
            assert apart, (one, other)


def shown(text):
    """Whether it is on the page: the ticks of a hidden axis are found, but not drawn."""
    axes = text.axes
    return axes is None or axes.xaxis.get_visible() or text not in axes.xaxis.findobj(Text)


def part(log, taken):
    """The log as it was after so many steps."""
    if taken == len(log.turns):
        return log
    return LifeLog(log.user, log.about, log.scenarios, log.horizon, log.turns[taken].scene, log.turns[:taken])


def test_a_saved_picture_is_as_wide_as_the_life_is_long(tmp_path):
    image = pytest.importorskip("PIL.Image")
    sizes = []
    for horizon in (20, 150):
        env, _ = lived(horizon=horizon, behaviour={"churn": 0.0})
        save_life(env.renderer.log, tmp_path / "life.png")
        sizes.append(image.open(tmp_path / "life.png").size)
        assert len(positions(env.renderer.log)) == horizon
    assert sizes[0] == (1200, 720)
    assert sizes[1][0] > 2400
    assert sizes[1][1] == 720


def test_sessions_stand_apart():
    env, infos = lived(**SHORT)
    x, away = positions(env.renderer.log), np.array([info["away"] for info in infos[1:-1]])
    np.testing.assert_allclose(np.diff(x)[away == 0], 1.0)
    assert (np.diff(x)[away > 0] >= 2).all()


def test_a_life_is_told_alike_by_its_log_and_its_environment():
    env, _ = lived(horizon=6)
    assert env.render() == life_text(env.renderer.log)
