"""The conformance kit passes every environment that ships, and says of a broken one what is wrong with it."""

import dataclasses
import re
import subprocess
import sys

import gymnasium as gym
import numpy as np
import pytest

import crossrec
from crossrec.config import EnvConfig
from crossrec.envs.conformance.kit import CHECKS
from crossrec.envs.single import CrossScenarioEnv
from crossrec.envs.vector import CrossScenarioVectorEnv
from crossrec.errors import ConfigError
from crossrec.testing import Check, ConformanceError, Report, check_env, check_scenario

from .broken import ALSO_BROKEN, BROKEN, ClicksAll, both

CROSS = "crossrec/CrossScenario-v0"
QUICK = {"people": 32, "steps": 20}


@pytest.mark.parametrize("env_id", crossrec.ENV_IDS)
def test_every_environment_that_ships_conforms(env_id):
    report = check_env(env_id)
    assert report, str(report)
    assert tuple(check.name for check in report.checks) == tuple(CHECKS)


OPTIONS = {
    "slates": {"slate_size": 5},
    "cascades, queries and effects that are off by default": {
        "scenarios": ["search", "news", "games"],
        "slate_size": 3,
        "choice": "cascade",
        "behaviour": {
            "ageing": 0.5,
            "bait": 1.0,
            "rebound": 1.0,
            "transition_habit": 0.5,
            "device_habit": 0.5,
            "device_routine": 0.5,
        },
    },
    "mixed candidates": {"candidates": {"near": 0.4, "popular": 0.3}},
    "few candidates": {"n_candidates": 4},
    "NumPy": {"engine": "numpy"},
    "no effect at all but interest": {
        "behaviour": dict.fromkeys(
            (
                field.name
                for field in dataclasses.fields(EnvConfig().behaviour)
                if field.name not in ("interest", "satiation_half_life", "session_minutes", "gap_minutes")
            ),
            0.0,
        )
    },
}


@pytest.mark.parametrize("name", OPTIONS)
def test_options_conform_as_well(name):
    report = check_env(CROSS, **OPTIONS[name])
    assert report, str(report)


@pytest.mark.parametrize("name", [*BROKEN, *ALSO_BROKEN])
def test_a_broken_environment_fails_for_what_is_wrong_and_for_nothing_else(name):
    single, vector, failing, sentence = {**BROKEN, **ALSO_BROKEN}[name]
    report = check_env(single, vector, **QUICK)
    assert not report
    assert set(report.failed) == set(failing)
    found = report[failing[0]]
    assert not found.passed
    assert re.search(sentence, found.detail), found.detail


def test_a_slate_of_which_too_much_is_clicked_fails():
    report = check_env(*both(ClicksAll), slate_size=3, **QUICK)
    assert report.failed == ("slates",)
    assert "two places of a slate, or an empty one, were clicked" in report["slates"].detail


def test_looking_for_leaks_leaves_the_world_that_all_share_as_it_is():
    world = CrossScenarioEnv().world
    table, theta = world.catalogue.table.copy(), world.people(np.arange(5)).theta
    assert check_env(CROSS, **QUICK)
    np.testing.assert_array_equal(world.catalogue.table, table)
    np.testing.assert_array_equal(world.people(np.arange(5)).theta, theta)
    assert CrossScenarioEnv().world is world


class Raising(CrossScenarioEnv):
    def step(self, action):
        raise ZeroDivisionError("nobody is here")


def test_an_exception_fails_the_checks_that_meet_it_and_ends_no_other():
    report = check_env(Raising, CrossScenarioVectorEnv, **QUICK)
    assert {"spaces", "determinism", "same life", "horizon"} <= set(report.failed)
    assert report["oracle"].passed
    assert report["effects"].passed
    assert "ZeroDivisionError was raised: nobody is here (in test_conformance.py, line" in report["determinism"].detail


class Forgetful(CrossScenarioVectorEnv):
    def __init__(self, num_envs=1, **options):
        super().__init__(num_envs, hooks={"dynamics": self.forget}, **options)

    @staticmethod
    def forget(moment, feedback):
        moment.truth.satiation[:] = 0.0


def test_dead_effects_are_named_and_those_that_cannot_act_are_excused():
    report = check_env(
        lambda **options: CrossScenarioEnv(hooks={"dynamics": Forgetful.forget}, **options), Forgetful, **QUICK
    )
    assert report.failed == ("effects",)
    dead = report["effects"].detail.split(" do nothing")[0]
    assert dead.split(", ") == [
        f"behaviour.{name}" for name in ("satiation", "satiation_decay", "satiation_half_life", "satiation_leak")
    ]
    excused = check_env("crossrec/News-v0", **QUICK)["effects"]
    assert excused.passed
    for words in (
        "satiation_leak does not apply: there is one scenario",
        "transition_feedback does not apply: who leaves a scenario has no choice",
        "position does not apply: one item is shown at a time",
    ):
        assert words in excused.detail


WRONG = {
    "an unknown id": (("crossrec/Nwes-v0",), {}, "NameNotFound.*Did you mean: `News`"),
    "an unknown option": (("crossrec/News-v0",), {"horizn": 3}, "Unknown option 'horizn'; did you mean 'horizon'"),
    "another library's": (("CartPole-v1",), {}, "CartPoleEnv is no CrossRec environment; expected a subclass"),
    "no vector form": (("test/Alone-v0",), {}, "vector"),
    "two sets of options": (
        (CrossScenarioEnv, lambda num_envs, **options: CrossScenarioVectorEnv(num_envs, horizon=99)),
        {},
        "different options; register both entry points under one id",
    ),
    "another number of people": (
        (CrossScenarioEnv, lambda num_envs, **options: CrossScenarioVectorEnv(3, **options)),
        {},
        r"num_envs=64\) gave .*; expected a VectorEnv of 64 people",
    ),
}


@pytest.fixture
def _alone():
    gym.register("test/Alone-v0", entry_point="crossrec.envs.single:CrossScenarioEnv")
    yield
    del gym.registry["test/Alone-v0"]


@pytest.mark.usefixtures("_alone")
@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_made_in_both_forms_fails_at_once_with_a_reason(name):
    given, options, sentence = WRONG[name]
    report = check_env(*given, **options)
    assert report.failed == ("forms",)
    assert len(report.checks) == 1
    assert re.search(sentence, report["forms"].detail), report["forms"].detail


def test_options_of_an_id_and_of_its_behaviour_are_kept_while_others_change():
    gym.register(
        "test/Own-v0",
        entry_point="crossrec.envs.single:CrossScenarioEnv",
        vector_entry_point="crossrec.envs.vector:CrossScenarioVectorEnv",
        kwargs={"scenarios": ["news", "video"], "behaviour": {"drift": 0.0, "satiation": 0.0}},
    )
    try:
        report = check_env("test/Own-v0", **QUICK)
    finally:
        del gym.registry["test/Own-v0"]
    assert report, str(report)
    assert "satiation_decay does not apply: satiation is 0" in report["effects"].detail
    by_object = check_env(
        CrossScenarioEnv, CrossScenarioVectorEnv, config=EnvConfig(scenarios=["news"], horizon=12), **QUICK
    )
    assert by_object, str(by_object)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: check_env(CrossScenarioEnv()), "must be an id, as in .* the kit makes environments itself"),
        (lambda: check_env(CrossScenarioEnv), "or a class beside its vector form"),
        (lambda: check_env(CROSS, CrossScenarioVectorEnv), "has its vector form already"),
        (lambda: check_env(CROSS, people=3), "people=3 is out of range; allowed: from 16"),
        (lambda: check_env(CROSS, steps=1), "steps=1 is out of range; allowed: from 10"),
        (lambda: check_env(CROSS, expose_truth=True), "sets expose_truth itself"),
        (lambda: check_scenario("news", scenarios=["video"]), "sets scenarios itself"),
    ],
)
def test_what_the_kit_itself_cannot_do_is_refused(call, sentence):
    with pytest.raises(ConfigError, match=sentence):
        call()


# Reports


def test_a_report_reads_as_an_aligned_table_and_raises_when_asked_to():
    fine = Report("my/Env-v0", (Check("spaces", True, "all well"), Check("slates", True, "does not apply: x", False)))
    assert str(fine) == "my/Env-v0: all 1 checks passed\n  ok    spaces  all well\n  -     slates  does not apply: x"
    assert fine.raise_if_failed() is None
    bad = Report("my/Env-v0", (Check("spaces", True, "fine"), Check("same life", False, "word " * 40)))
    assert not bad
    assert (bool(fine), fine.passed, bad.passed, bad.failed) == (True, True, False, ("same life",))
    lines = str(bad).splitlines()
    assert lines[0] == "my/Env-v0: 1 of 2 checks FAILED"
    assert lines[2].startswith("  FAIL  same life  word")
    assert lines[3].startswith(" " * 19 + "word")
    assert max(map(len, lines)) <= 120
    with pytest.raises(ConformanceError, match=r"my/Env-v0: \[same life\] word") as raised:
        bad.raise_if_failed()
    assert isinstance(raised.value, AssertionError)
    with pytest.raises(KeyError, match="no check 'spacs'; there are: spaces, same life"):
        bad["spacs"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        bad.subject = "another"


def test_the_front_door_loads_no_torch():
    code = "import crossrec.testing, sys; assert not {'torch', 'stable_baselines3'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
