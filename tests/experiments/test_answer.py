"""Questions: each has its grid, and its one number is what the runs' scores say."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from crossrec import conf
from crossrec.errors import RunError
from crossrec.experiments.choices import choices
from crossrec.experiments.questions.answer import answered
from crossrec.experiments.questions.asked import QUESTIONS
from crossrec.experiments.questions.show import draw_answer, in_words, print_answer
from crossrec.experiments.report import wide_console
from crossrec.experiments.run import RunFolder
from crossrec.experiments.sweep.sweep import Outcome

from .conftest import assert_one_sentence


def outcome_of(tmp_path, scores):
    """Runs as a sweep leaves them: score by options."""
    folders, words = {}, {}
    for number, (options, score) in enumerate(scores.items()):
        folder = tmp_path / f"run{number}"
        folder.mkdir()
        (folder / "result.json").write_text(json.dumps({"agent": "dqn", "scores": {"dqn": {"score": score}}}))
        folders[folder.name], words[folder.name] = RunFolder(folder), tuple(options.split())
    return Outcome(folders, {}, words, 0)


def test_every_question_has_its_grid_and_every_grid_its_question():
    assert set(QUESTIONS) == set(choices("experiment"))


@pytest.mark.parametrize("name", QUESTIONS)
def test_both_arms_of_a_question_are_in_its_grid(name):
    text = (Path(conf.__file__).parent / "experiment" / f"{name}.yaml").read_text()
    grid = yaml.safe_load(text)["hydra"]["sweeper"]["params"]
    question = QUESTIONS[name]
    assert set(question.better) == set(question.than)
    for arm in (question.better, question.than):
        for option, value in arm.items():
            assert value in str(grid[option]).split(",")
    assert set(question.apart) <= set(grid)
    assert len(str(grid["seed"]).split(",")) >= 3


def test_the_number_is_the_mean_difference_of_the_seeds_that_both_arms_have(tmp_path):
    scores = {"agent=dqn seed=0": 0.5, "agent=dqn seed=1": 0.7, "agent=ppo seed=1": 0.4, "agent=ppo seed=0": 0.4}
    outcome = outcome_of(tmp_path, {**scores, "agent=dqn seed=2": 0.9})
    answer = answered(QUESTIONS["two_agents"], outcome)
    number = answer.numbers[""]
    assert number.difference.value == pytest.approx(0.2)
    assert number.people == 2
    # Student's t with one degree of freedom: 12.706 standard errors of 0.1.
    assert number.difference.low == pytest.approx(0.2 - 12.706 * 0.1, abs=1e-3)
    assert "which may be chance" in in_words(number)
    dqn = answer.arms.set_index("agent").loc["dqn"]
    assert (dqn["score"], dqn["seeds"], dqn["low"], dqn["high"]) == (pytest.approx(0.7), 3, 0.5, 0.9)


def test_what_is_looked_at_apart_gets_numbers_of_its_own(tmp_path, capsys):
    gain = {"satiation": 0.3, "cross_scenario": 0.0}
    scores = {
        f"env={env} agent.gamma={gamma} seed={seed}": 0.2 + 0.01 * seed + gain[env] * (gamma == "0.95")
        for env in gain
        for gamma in ("0", "0.5", "0.95")
        for seed in range(4)
    }
    question = QUESTIONS["foresight"]
    answer = answered(question, outcome_of(tmp_path, scores))
    assert list(answer.numbers) == ["satiation", "cross_scenario"], "the question's own world comes first"
    np.testing.assert_allclose([number.difference.value for number in answer.numbers.values()], [0.3, 0.0], atol=1e-12)
    print_answer(wide_console(), question, answer)
    said = capsys.readouterr().out
    assert "+0.300" in said
    assert "so this is clear (satiation)" in said
    draw_answer(question, answer, tmp_path / "answer.png")
    assert (tmp_path / "answer.png").stat().st_size > 5_000


def test_an_arm_that_is_missing_is_told(tmp_path):
    outcome = outcome_of(tmp_path, {"agent=dqn seed=0": 0.5, "agent=dqn seed=1": 0.7})
    with pytest.raises(RunError, match="no run has agent=ppo"):
        answered(QUESTIONS["two_agents"], outcome)


def test_one_seed_gives_no_interval(tmp_path):
    outcome = outcome_of(tmp_path, {"agent=dqn seed=0": 0.5, "agent=ppo seed=0": 0.7})
    with pytest.raises(RunError, match="at least 2"):
        answered(QUESTIONS["two_agents"], outcome)


def test_an_unknown_question_is_one_sentence(crossrec):
    assert_one_sentence(crossrec("answer", "two_agent"), "did you mean 'two_agents'")
