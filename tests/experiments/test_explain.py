"""A run's recommendation explained at the command line, in each form, and what is refused."""

import json
import sys

import pytest

from .conftest import assert_one_sentence, in_a_process


def test_the_text_names_what_was_shown_and_what_each_input_contributed(crossrec, finished):
    said = crossrec("explain", finished, "user=500003", "step=12")
    assert said.status == 0, said.err
    assert said.out.startswith("Person 500003: ")
    assert "Step 12 under" in said.out
    for group in ("context", "history", "situation", "profile"):
        assert f"%  {group}" in said.out
    assert said.out == crossrec("explain", finished, "user=500003", "step=12").out


def test_figures_agree_with_the_journey_and_add_up(crossrec, finished, tmp_path):
    said = crossrec("explain", finished, "step=7", "--out", tmp_path / "why.json")
    assert said.status == 0, said.err
    told = json.loads((tmp_path / "why.json").read_text())
    for parts in (told["groups"], told["titles"]):
        total = sum(part["contribution"] for part in parts["parts"])
        assert total == pytest.approx(parts["everything"] - parts["nothing"], abs=1e-6)
    assert told["groups"]["everything"] == pytest.approx(told["chosen"]["advantage"])
    assert told["chosen"]["score"] >= max(other["score"] for other in told["runners_up"])
    life = crossrec("journey", f"agent={finished}").out
    assert told["chosen"]["title"] in life
    for title in told["titles"]["parts"]:
        assert title["name"] in life


@pytest.mark.parametrize(("ending", "begin"), [(".png", b"\x89PNG"), (".md", b"# ")])
def test_it_is_saved(crossrec, finished, tmp_path, ending, begin):
    file = tmp_path / f"why{ending}"
    assert crossrec("explain", finished, "--out", file).out == f"{file}\n"
    assert file.read_bytes().startswith(begin)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["steps=3"], ["steps", "did you mean 'step'"]),
        (["step=few"], ["step=few", "whole number"]),
        (["step=100000"], ["step=100000", "allowed: 0 to"]),
        (["user=-1"], ["user", "-1"]),
        (["env=news"], ["env"]),
        (["--out", "why.pdf"], [".png, .md, .json"]),
    ],
)
def test_mistakes_are_told(crossrec, finished, words, named):
    assert_one_sentence(crossrec("explain", finished, *words), *named)


def test_what_is_no_finished_run_is_refused(crossrec, tmp_path):
    assert_one_sentence(crossrec("explain", "popularity"), "popularity")
    assert_one_sentence(crossrec("explain", tmp_path), tmp_path)


def test_without_captum_it_says_what_to_install(crossrec, finished, monkeypatch):
    monkeypatch.setitem(sys.modules, "captum", None)
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    assert_one_sentence(crossrec("explain", finished), "captum", 'pip install "crossrec[explain]"')


def test_help_needs_no_torch():
    said = in_a_process("explain", "--help")
    assert "step=5" in said.out
