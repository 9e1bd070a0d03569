"""Scenarios come by name, file, object or mapping; a name means one scenario; shipped ones stay as they are."""

import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

import crossrec
from crossrec.errors import ConfigError
from crossrec.world import scenario as scenarios
from crossrec.world.scenario import SCENARIOS, Scenario, register_scenario, resolve_scenarios

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "podcasts.yaml"
RADIO = dataclasses.replace(SCENARIOS["music"], name="radio", base=-3.5)


@pytest.fixture(autouse=True)
def registry(monkeypatch):
    """Each test begins with the shipped scenarios alone."""
    monkeypatch.setattr(scenarios, "SCENARIOS", dict(SCENARIOS))


def test_names_files_objects_and_mappings_may_stand_side_by_side():
    entries = ["news", str(EXAMPLE), RADIO, {**dataclasses.asdict(RADIO), "name": "web radio"}]
    found = resolve_scenarios(entries)
    assert [s.name for s in found] == ["news", "podcasts", "radio", "web radio"]
    assert found[0] is SCENARIOS["news"]
    assert found[1] == crossrec.load_scenario(EXAMPLE)
    assert found[2] is RADIO
    assert resolve_scenarios((EXAMPLE, "news"))[0] == found[1], "paths come as text or as Path, lists as tuples"


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        (["new"], r"option='new' is unknown; did you mean 'news'\? allowed: .*shopping"),
        (["podcasts"], "option='podcasts' is unknown; allowed: education"),
        ([""], "option='' is unknown"),
        ([], r"option=\[\] is empty or no list; name at least one"),
        ("news", "option='news' is empty or no list"),
        (None, "option=None is empty or no list"),
        ([1], "option holds 1; allowed: names, YAML files, Scenario objects or mappings"),
        ([None], "option holds None; allowed"),
        ([["news"]], r"option holds \['news'\]; allowed"),
        (["news", "news"], "names a scenario twice; each may stand once: 'news'"),
        (["podcast.yaml"], "'podcast.yaml' does not exist in "),
        ([{"name": "radio"}], "^option, scenario 'radio': the fields facet, base"),
        ([{}], "^option: the fields name, facet"),
    ],
    ids=str,
)
def test_what_names_no_scenario_is_refused(entries, sentence):
    with pytest.raises(ConfigError, match=sentence) as raised:
        resolve_scenarios(entries, "option")
    assert "\n" not in str(raised.value)


def test_two_scenarios_of_one_name_are_refused_whatever_they_come_from():
    other = dataclasses.replace(RADIO, base=-1.0)
    for pair in ([RADIO, RADIO], [RADIO, other], [other, dataclasses.asdict(RADIO)], [EXAMPLE, str(EXAMPLE)]):
        with pytest.raises(ConfigError, match="names a scenario twice"):
            resolve_scenarios(pair)
    with pytest.raises(ConfigError, match="'news'"):
        resolve_scenarios(["news", dataclasses.replace(RADIO, name="news")])


def test_a_registered_scenario_is_found_by_its_name():
    assert register_scenario(RADIO) is RADIO
    assert resolve_scenarios(["radio", "news"]) == (RADIO, SCENARIOS["news"])
    env = gym.make("crossrec/CrossScenario-v0", scenarios=["radio"], items_per_scenario=20, n_candidates=5)
    assert env.unwrapped.world.scenarios == (RADIO,)


def test_registering_an_equal_one_again_does_nothing_and_a_different_one_needs_replace():
    register_scenario(RADIO)
    register_scenario(dataclasses.replace(RADIO))
    other = dataclasses.replace(RADIO, base=-1.0)
    with pytest.raises(ConfigError, match=r"'radio' is registered already, with other values; .*replace=True"):
        register_scenario(other)
    assert resolve_scenarios(["radio"]) == (RADIO,)
    register_scenario(other, replace=True)
    assert resolve_scenarios(["radio"]) == (other,)


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_shipped_scenario_cannot_be_replaced(name):
    register_scenario(SCENARIOS[name])
    for replace in (False, True):
        with pytest.raises(
            ConfigError, match=f"'{name}' is registered already, with other values; choose another name"
        ):
            register_scenario(dataclasses.replace(RADIO, name=name), replace=replace)


@pytest.mark.parametrize("thing", ["radio", EXAMPLE, None, {"name": "radio"}], ids=str)
def test_only_scenarios_can_be_registered(thing):
    with pytest.raises(
        ConfigError, match=r"register_scenario takes a Scenario; found .*load_scenario\(file\) makes one"
    ):
        register_scenario(thing)


def test_the_package_offers_scenario_load_and_register_without_reading_yaml_at_import():
    assert (crossrec.Scenario, crossrec.register_scenario) == (Scenario, register_scenario)
    assert crossrec.load_scenario(EXAMPLE).name == "podcasts"
    assert set(crossrec.__all__) <= {*vars(crossrec), "load_scenario"}
    with pytest.raises(AttributeError, match="no attribute 'load_scenarios'"):
        _ = crossrec.load_scenarios
    code = "import crossrec, sys; assert not {'yaml', 'torch'} & set(sys.modules); crossrec.load_scenario"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_scenario_made_in_python_is_refused_as_one_from_a_file():
    for change, sentence in [
        ({"dwell": "long"}, "scenario 'radio': dwell='long' must be a number"),
        ({"conversion": True}, "scenario 'radio': conversion=True must be a number"),
        ({"devices": (1, 1)}, r"scenario 'radio': devices=\(1, 1\) must be 4 weights"),
        ({"facet": None}, "scenario 'radio': facet=nothing is unknown"),
        ({"name": None}, "scenario nothing: name=nothing must be text"),
    ]:
        with pytest.raises(ConfigError, match=f"^{sentence}"):
            dataclasses.replace(RADIO, **change)


def test_numbers_of_any_kind_make_equal_scenarios():
    same = dataclasses.replace(
        RADIO,
        dwell=np.float32(180),
        rho=np.float64(0.5),
        patience=1,
        dayparts=np.array([1, 2, 3, 0]),
        query=np.bool_(True),
    )
    assert same == dataclasses.replace(RADIO, dwell=180.0, patience=1.0, dayparts=[1.0, 2, 3, 0], query=True)
    assert isinstance(same.patience, float)
    assert len({same, dataclasses.replace(same)}) == 1


def test_a_scenario_of_your_own_has_readable_items_of_its_own():
    env = gym.make("crossrec/CrossScenario-v0", scenarios=["news", EXAMPLE], items_per_scenario=300)
    catalogue = env.unwrapped.world.catalogue
    titles = [catalogue.title(item) for item in range(301, 601)]
    assert len(set(titles)) == 300
    assert any("podcasts" in title for title in titles)
    assert not any(re.search(r"[*#]", title) for title in titles)


def test_a_name_that_is_a_file_without_its_ending_is_pointed_at_the_file(tmp_path, monkeypatch):
    (tmp_path / "lectures.yaml").write_text("name: lectures\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        ConfigError, match=r"'lectures' is no registered scenario; did you mean the file 'lectures.yaml'"
    ):
        resolve_scenarios(["lectures"])
