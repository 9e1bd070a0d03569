"""Pictures of a life have one size, new arrays each time, and no words on top of each other."""

import copy
import itertools
import pickle

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.wrappers import RecordVideo
from matplotlib.text import Text

import crossrec  # noqa: F401  registers the environments
from crossrec.envs.rendering.figure import LifeFigure, agg_figure, positions, save_life
from crossrec.envs.rendering.log import LifeLog
from crossrec.envs.single import CrossScenarioEnv

from .lives import EVERYWHERE, GONE, SHORT, lived


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
