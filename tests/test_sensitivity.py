"""Every effect of behaviour moves what it should, and what is counted of people is what happens to them."""

import dataclasses

import numpy as np
import pytest

from benchmarks import behaviour
from benchmarks.effect_statistics import Estimate, estimates, find, lives_at
from benchmarks.effects import EFFECTS
from benchmarks.effects_page import write_page
from crossrec.config import BehaviourConfig
from crossrec.envs.single import CrossScenarioEnv

TIMES = {"satiation_decay", "satiation_half_life", "session_minutes", "gap_minutes"}  # how fast, not how strong


def test_every_effect_is_declared():
    assert {effect.name for effect in EFFECTS} == {f.name for f in dataclasses.fields(BehaviourConfig)} - TIMES
    for effect in EFFECTS:
        off, default, doubled = effect.strengths.values()
        assert off == 0 < default < doubled <= min(2 * default, effect.most)


@pytest.mark.parametrize("effect", EFFECTS, ids=lambda effect: effect.name)
def test_effects_move_what_they_should(effect):
    off, doubled = (lives_at(effect, level, people=250, horizon=60)[effect.moves] for level in ("off", "doubled"))
    (difference,) = estimates((doubled - off)[:, None])
    assert difference.sign == (1 if effect.up else -1), difference


def test_statistics_are_what_happens_in_single_lives(monkeypatch):
    """A plain loop over each person alone, who has only one life, shown the same items."""
    people, options = 6, {"behaviour": {"churn": 0.3, "session_minutes": 8.0, "leave": 0.3, "intent": 5.0}}
    shown, choose = [], behaviour._Policy.actions
    monkeypatch.setattr(behaviour._Policy, "actions", lambda self: shown.append(choose(self)) or shown[-1])
    found = behaviour.measure(options, people, 40)
    assert found["churned share"].max() == 1.0
    for i in range(people):
        env = CrossScenarioEnv(**options, horizon=40)
        observation, info = env.reset(seed=behaviour.SEED + i, options={"user": behaviour.FIRST_USER + i})
        steps, moves, minutes, sessions, gaps, topics, terminated, truncated = 0, 0, 0.0, [], [], [], False, False
        while not (terminated or truncated):
            item = observation["candidates"][shown[steps][i]]
            before = info
            observation, _, terminated, truncated, info = env.step(shown[steps][i])
            steps += 1
            minutes += 0.3 + info["reward_parts"]["dwell"]
            if info["reward_parts"]["click"]:
                topics.append(int(env.unwrapped.world.catalogue.main_topic[item]))
            if info["away"] > 0:
                sessions.append(minutes)
                gaps += [] if terminated else [info["away"]]
                minutes = 0.0
            else:
                moves += info["scenario"] != before["scenario"]
        repeats = [topic in topics[max(0, place - 5) : place] for place, topic in enumerate(topics)][1:]
        expected = [
            len(topics) / steps,
            *(np.mean(values) if values else np.nan for values in (sessions, gaps)),
            10 * moves / steps,
            np.mean(repeats) if repeats else np.nan,
            float(terminated),
        ]
        assert [found[name][i] for name in behaviour.ALWAYS] == pytest.approx(expected, nan_ok=True)


def test_estimates_leave_out_who_has_no_value():
    values = np.array([[1.0, 2.0, np.nan], [1.0, np.nan, np.nan], [1.0, 4.0, np.nan], [1.0, 3.0, np.nan]])
    constant, some, nobody = estimates(values)
    assert (constant.mean, constant.low, constant.high) == pytest.approx((1.0, 1.0, 1.0))
    assert some.mean == pytest.approx(3.0)
    assert 2.0 <= some.low < 3.0 < some.high <= 4.0
    assert np.isnan([nobody.mean, nobody.low, nobody.high]).all()
    assert [Estimate(0.0, *ends).sign for ends in ((1, 2), (-1, 1), (-2, -1), (0, 0))] == [1, 0, -1, 0]
    assert nobody.sign == 0
    assert np.isnan(estimates(values[:, 2:])[0].mean)


def test_the_page_tells_what_was_measured_and_what_does_not_hold(tmp_path):
    effect = next(effect for effect in EFFECTS if effect.name == "intent")
    lives = {level: lives_at(effect, level, people=60, horizon=20) for level in effect.strengths}
    wrong = dataclasses.replace(effect, up=False)
    write_page(tmp_path, [find(effect, lives), find(wrong, lives)], people=60, horizon=20)
    text = (tmp_path / "effects.md").read_text(encoding="utf-8")
    assert "moves click rate up, as it should" in text
    assert "**DOES NOT move click rate down, as it should**" in text
    assert f"{np.mean(lives['default']['click rate']):.3f}" in text
    assert not [key for key in ("{PEOPLE}", "{SECTIONS}", "nan") if key in text]
    assert (tmp_path / "effects.png").stat().st_size > 1_000
