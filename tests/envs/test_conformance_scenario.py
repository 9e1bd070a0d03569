"""The conformance kit on scenarios: those that ship conform, and one that is out of bounds is told how to mend it."""

import re
from pathlib import Path

import pytest

from crossrec.envs.conformance.kit import CHECKS
from crossrec.testing import check_scenario
from crossrec.world.scenario import SCENARIOS

FILE = str(Path(__file__).parents[2] / "examples" / "podcasts.yaml")
QUICK = {"people": 32, "steps": 20}
PODCASTS = {
    "name": "podcasts",
    "facet": "length",
    "base": -3.9,
    "rho": 0.6,
    "dwell": 600.0,
    "dwell_spread": 0.6,
    "conversion": 0.1,
    "patience": 1.1,
    "dayparts": [3, 1, 2, 1],
    "devices": [6, 1, 1, 0],
}


@pytest.mark.parametrize(
    "given", ["news", "search", FILE, PODCASTS, SCENARIOS["games"]], ids=lambda given: str(given)[-20:]
)
def test_scenarios_conform_by_name_file_mapping_and_object(given):
    report = check_scenario(given, **QUICK)
    assert report, str(report)
    beside = "beside shopping" if given == "news" else "beside news"
    names = {check.name for check in report.checks}
    assert {f"{where}: {name}" for where in ("alone", beside) for name in CHECKS} <= names
    assert names - {f"{where}: {name}" for where in ("alone", beside) for name in CHECKS} == {
        "alone: click rate",
        f"{beside}: visits",
        f"{beside}: sharing",
    }


@pytest.mark.parametrize(
    ("change", "check", "sentence"),
    [
        ({"base": -9.0}, "alone: click rate", r"expected 1% to 40%.*: raise base from -9 to about -[1-5]\.\d\.$"),
        ({"base": 3.0}, "alone: click rate", r"expected 1% to 40%.*: lower base from 3 to about -"),
        (
            {"dayparts": [1e-5, 0, 0, 0]},
            "beside news: visits",
            "0% of 768 sessions begin in podcasts, .*raise dayparts",
        ),
    ],
)
def test_a_scenario_out_of_bounds_fails_with_advice(change, check, sentence):
    report = check_scenario({**PODCASTS, **change}, **QUICK)
    assert check in report.failed
    assert re.search(sentence, report[check].detail), report[check].detail


def test_interests_that_are_shared_are_found_mirrored_ones_too_and_hardly_shared_ones_are_excused():
    def sharing(rho):
        return check_scenario({**PODCASTS, "rho": rho}, **QUICK)["beside news: sharing"]

    related = {rho: float(sharing(rho).detail.split("correlate at ")[1][:4]) for rho in (0.9, 0.3, -0.9)}
    assert related[0.9] > related[0.3] > 0.1
    assert related[-0.9] > 0.4
    assert sharing(-0.9).passed
    assert not sharing(0.1).applies


def test_a_description_that_cannot_be_read_is_a_report_too():
    for given, words in (
        ("podcats.yaml", "does not exist"),
        ("nwes", "did you mean 'news'"),
        ({"name": "x"}, "missing"),
    ):
        report = check_scenario(given)
        assert report.failed == ("description",)
        assert words in report["description"].detail
