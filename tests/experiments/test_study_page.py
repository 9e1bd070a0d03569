"""The study's page: rows give answers that are known, and page and figures are made of them again byte for byte."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from crossrec.errors import RunError
from crossrec.experiments.transfer import study
from crossrec.experiments.transfer.asked import ASKED
from crossrec.experiments.transfer.estimates import gap, gaps, over_agents, ratio, told, told_ratio, verdict, verdict_on
from crossrec.experiments.transfer.findings import findings_of
from crossrec.experiments.transfer.tasks import COLUMNS, MISLED, frame, task

from .conftest import assert_one_sentence

DOCS = Path(__file__).parents[2] / "docs"


def test_estimates_are_students():
    found = over_agents([1.0, 2.0, 3.0])
    assert found.value == 2.0
    assert found.high - 2.0 == pytest.approx(4.302652729911275 / np.sqrt(3.0))
    assert np.isnan(over_agents([1.0]).low)
    assert over_agents([1.0, np.nan, 3.0]).value == 2.0
    first, second = pd.Series([1.0, 2.0, 9.0], [0, 1, 2]), pd.Series([0.5, 1.0], [0, 1])
    assert gap(first, second).value == 0.75
    assert ratio(first, second).value == 2.0
    assert told(over_agents([1.0, 2.0, 3.0]), 1, sign=True) == "+2.0 (-0.5 to +4.5)"
    many = {name: pd.Series(values) for name, values in (("a", [1.0, 1.1, 1.2]), ("b", [5.0, -5.0, 1.0]))}
    found = gaps(many, pd.Series([0.0, 0.0, 0.0]))
    assert found["a"].low < gap(many["a"], pd.Series([0.0, 0.0, 0.0])).low  # it holds together with the other
    assert verdict_on(found, "y", "n", "?") == ("y", "a")  # not b, which is as high on average but by chance
    assert verdict_on({"b": found["b"]}, "y", "n", "?") == ("?", "b")
    assert verdict_on(gaps(many, pd.Series([20.0, 20.0, 20.0])), "y", "n", "?")[0] == "n"
    told_some = told_ratio(pd.Series([1.0, 1.0, 1.0]), pd.Series([2.0, 2.0, -1.0]))
    assert told_some == "0.50 (0.50 to 0.50), of 2 agents of 3, for of the others it has no meaning"
    assert [verdict(over_agents(v), "y", "n", "?") for v in ([1, 1.1], [-1, -1.1], [1, -1], [1])] == [
        "y",
        "n",
        "?",
        "?",
    ]


def made_up(seeds=3):
    """Rows of which the answers are known: what is better is so by the same amount for each seed, but for a little."""
    rows = []
    for seed in range(seeds):
        wobble = 0.001 * seed

        def add(question, arm, task, value, x=0.0, seed=seed, wobble=wobble):
            rows.append({"question": question, "arm": arm, "task": task, "seed": seed, "x": x, "value": value + wobble})

        for arm, value in (
            ("joint", 0.6),
            ("own history", 0.55),
            ("independent", 0.5),
            ("gated", 0.62),
            ("average", 0.4),
        ):
            add("agent", arm, "template", value)
        add("agent", "joint", "none", 0.2)
        add("agent", "joint", "shuffled", 0.3)
        add("agent", MISLED, "shuffled", 0.1)
        for step in range(1, 11):
            for context, level in (("none", 0.05 * step), ("template", 0.25 + 0.02 * step)):
                add("cold", "joint", context, level, step)
        for context, regret in (("none", 0.64), ("template", 0.555)):
            add("cold regret", "joint", context, regret, 10)
        for context, value in (("none", 0.3), ("template", 0.5), ("oracle", 0.8)):
            for target in ("news", "video"):
                add("left out", context, target, value)
        for target in ("news", "video"):
            add("at home", "template", target, 0.6)
            for x, with_it, without in ((0.0, 0.5, 0.2), (1000.0, 0.6, 0.5)):
                add("curve", "transferred", target, with_it, x)
                add("curve", "scratch", target, without, x)
        names = ("shopping", "news", "social", "music", "video")
        for source in names:
            for target in names:
                sign = -1.0 if "video" in (source, target) and source != target else 1.0
                add("matrix, default", "gain", f"{source}>{target}", 0.1 if source == target else 0.05)
                add("matrix, mirrored", "gain", f"{source}>{target}", sign * (0.1 if source == target else 0.05))
                add("matrix, default", "over none", f"{source}>{target}", 0.02)
                add("matrix, mirrored", "over none", f"{source}>{target}", sign * 0.02)
                for world in ("default", "mirrored"):
                    add(f"matrix, {world}", "best", f"{source}>{target}", 0.5, wobble=0.0)
        for share in (0.0, 0.5, 1.0):
            add("overlap", "news", "video", 6.0 - share, share)
        for adapter, reward, cosine in (
            ("identity", 0.2, 0.1),
            ("linear", 0.1, 0.5),
            ("prompted again", 0.2, np.nan),
            ("known there", 0.3, np.nan),
        ):
            add("adapters", adapter, "news>video", reward)
            add("adapters, cosine", adapter, "news>video", cosine)
        for j, after in enumerate(("news", "video")):
            for i, other in enumerate(("news", "video")):
                add("continual", after, other, [[0.8, 0.4], [0.6, 0.9]][j][i], j)
        for other in ("news", "video"):
            add("continual", "nothing", other, 0.3, -1)
        for rho, away in ((1.0, 0.1), (0.0, 0.0), (-1.0, -0.02)):
            rows.append(
                {"question": "twins", "arm": "away", "seed": seed, "x": rho, "value": away + 0.004 * (seed - 1)}
            )
            rows.append({"question": "twins", "arm": "home", "seed": seed, "x": rho, "value": 0.1})
    return frame(rows).assign(commit="", size="quick")


def test_answers_are_those_that_are_known():
    found = {answer.name: answer.says for answer in findings_of(made_up())}
    assert len(found) == 11
    assert found["joint"].startswith("Yes: one agent that sees all scenarios scores +0.100")
    assert "with one network in both cases, is worth +0.050 (+0.050 to +0.050)" in found["joint"]
    assert "The context gives +0.400" in found["joint"]
    assert "the same agent loses 1.25 (1.25 to 1.25) when it is handed strangers' notes" in found["joint"]
    assert "learnt from strangers' loses 0.75 (0.75 to 0.75)." in found["joint"]
    assert "is worth 0.50 " in found["matrix"]
    assert "comes out below 0 in 0% of 20 pairs; the whole interval is below 0 in 0 of them, where" in found["matrix"]
    assert "cannot be told, for all are alike" in found["matrix"]
    assert (
        "below 0 in 40% of 20 pairs; the whole interval is below 0 in 8 of them (shopping > video, "
        in found["mirrored"]
    )
    assert "where chance alone gives 0.5" in found["mirrored"]
    assert "rho is +0." in found["mirrored"]
    assert found["zero-shot"].startswith("It helps: of what a recommender may have, template scores +0.200")
    assert "is worth -0.100" in found["zero-shot"]
    assert found["adapters"].startswith("From news to video: no. Of adapters that learn from overlapping users, linear")
    assert "Writing the text again for the target reaches +0.000" in found["adapters"]
    assert "agents without reach within 10 in 3 of 3 cases (after 4.4, 4.4, 4.4)" in found["cold"]
    assert "saves 0.085 " in found["cold"]
    assert "saves 1.00" in found["overlap"]
    assert found["ensemble"].startswith("Yes: experts behind a gate")
    assert "begins +0.300" in found["tuning"]
    assert "ends at +0.1" in found["tuning"]
    assert "-0.200" in found["continual"]
    assert found["known"].endswith("No interval contradicts it.")


def test_what_nothing_is_known_of_is_left_out():
    rows = made_up()
    assert findings_of(rows[rows["question"] == "nothing"]) == []
    assert [answer.name for answer in findings_of(rows[rows["question"] == "overlap"])] == ["overlap"]
    # What one question needs is not always enough for another that looks at the same agents.
    agents = rows[rows["question"] == "agent"]
    some = agents[agents["arm"].isin(["joint", "gated"]) & (agents["task"] == "template")]
    assert [answer.name for answer in findings_of(some)] == ["ensemble"]
    plain = rows[rows["question"].isin(["agent", "cold", "cold regret"]) & (rows["arm"] == "joint")]
    assert [answer.name for answer in findings_of(plain)] == ["cold"]
    assert list(ASKED) == [answer.name for answer in findings_of(rows)]


@pytest.fixture
def page(tmp_path):
    made_up().to_csv(tmp_path / "page.csv", index=False, float_format="%.6g")
    return tmp_path / "page.md"


def test_page_and_figures_are_made_again_byte_for_byte(crossrec, page):
    def files():
        return {file.name: file.read_bytes() for file in page.parent.iterdir() if file.suffix in (".md", ".png")}

    said = crossrec("study", "--from-raw", "--out", page)
    assert said.status == 0, said.err
    assert "one agent that sees all scenarios" in said.out
    first = files()
    assert len(first) == 1 + 11 + 1  # page, answers, what is shown at a glance
    text = page.read_text()
    assert all(name in text for name in first if name.endswith(".png"))
    assert crossrec("study", "--from-raw", "--out", page).status == 0
    assert files() == first


def test_the_committed_page_is_what_the_committed_scores_give(crossrec, tmp_path, monkeypatch):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "study.csv").write_bytes((DOCS / "study.csv").read_bytes())
    monkeypatch.chdir(tmp_path)
    assert crossrec("study", "--from-raw", "--out", "docs/study.md").status == 0
    assert (tmp_path / "docs" / "study.md").read_text() == (DOCS / "study.md").read_text()
    drawn = sorted(file.name for file in (tmp_path / "docs").glob("*.png"))
    assert drawn == sorted(file.name for file in DOCS.glob("study*.png"))
    for name in drawn:
        np.testing.assert_array_equal(plt.imread(DOCS / name), plt.imread(tmp_path / "docs" / name), err_msg=name)


def test_mistakes_are_told(crossrec, page, tmp_path):
    assert_one_sentence(crossrec("study", "--from-raw"), "--from-raw needs --out")
    assert_one_sentence(crossrec("study", "--from-raw", "--out", tmp_path / "other.md"), "other.csv is not there")
    assert_one_sentence(crossrec("study", "--from-raw", "--out", tmp_path / "page.txt"), "allowed: .md")
    assert_one_sentence(crossrec("study", "quik"), "SIZE='quik' is unknown; did you mean 'quick'")
    assert_one_sentence(crossrec("study", "quick", "--jobs", "0"), "--jobs=0")
    assert_one_sentence(crossrec("study", "quick", "--only", "jont"), "--only='jont' is unknown; did you mean 'joint'")
    assert_one_sentence(crossrec("study", "quick", "--only", ""), "--only='' is unknown")
    assert_one_sentence(crossrec("study", "quick", "seed=3"), "seed=3: the study sets seed itself")
    assert_one_sentence(crossrec("study", "quick", "steps=abc"), "steps=abc: Value 'abc'")
    assert_one_sentence(crossrec("study", "quick", "env=games"), "goes through the scenarios shopping, news, social")
    assert_one_sentence(crossrec("study", "quick", "env.slate_size=3"), "with one item shown at a time")
    assert_one_sentence(crossrec("study", "quick", "agent=ppo"), "agent=dqn or agent=qrdqn")
    assert_one_sentence(crossrec("study", "quick", "steps=20000", "--only", "known"), "have options of their own")
    rows = pd.read_csv(page.with_suffix(".csv"), keep_default_na=False)
    left_out, curve = rows["question"] == "left out", rows["question"] == "curve"
    for damage, told_ in (
        (lambda: rows[:0], "it holds no rows"),
        (lambda: pd.concat([rows, rows[:1]]), "'agent, joint, template, 0, 0.0' stands twice"),
        (
            lambda: rows[~(left_out & (rows["arm"] == "oracle") & (rows["task"] == "news"))],
            "'oracle' lacks rows",
        ),
        (
            lambda: rows[~(curve & (rows["seed"] == 1) & (rows["x"] > 0))],
            "'scratch, news' lacks rows",
        ),
        (lambda: rows.assign(question=rows["question"].replace("cold", "colder")), "the question 'colder' is unknown"),
        (lambda: rows.assign(value=rows["value"].where(~left_out, "")), "'left out, none, news, 0, 0.0' has no value"),
        (lambda: rows.assign(size="huge"), "size huge; allowed: one of quick, full"),
        (lambda: rows[rows["question"] == "at home"], "holds no question's rows"),
    ):
        damage().to_csv(page.with_suffix(".csv"), index=False)
        assert_one_sentence(crossrec("study", "--from-raw", "--out", page), told_)
    page.with_suffix(".csv").write_text("question,arm\nagent")
    assert_one_sentence(crossrec("study", "--from-raw", "--out", page), "page.csv is damaged")


def test_a_study_does_what_is_missing_and_keeps_the_rest_when_something_fails(tmp_path, monkeypatch):
    rows = made_up().query("question == 'overlap'").drop(columns=["commit", "size"])
    asked = [
        task("agent", str(tmp_path), seed=0, arm="joint", context="none", words=()),
        task("twins", str(tmp_path), seed=0, steps=1, people=1),
    ]
    asked[0].file.parent.mkdir(parents=True)
    rows.assign(commit="").to_parquet(asked[0].file)
    monkeypatch.setattr(study, "tasks_of", lambda *options: asked)
    out = str(tmp_path / "page.md")
    with pytest.raises(RunError, match=r"1 of 2 measurements failed \(twins.*the same command does the rest"):
        study.study("quick", 1, str(tmp_path), out)
    assert not (tmp_path / "page.md").exists()
    monkeypatch.setattr(study, "tasks_of", lambda *options: asked[:1])
    assert [answer.name for answer in study.study("quick", 1, str(tmp_path), out)] == ["overlap"]
    study.study("quick", 1, str(tmp_path), None, ["overlap"], ["agent.gamma=0.5"])
    (again,) = tmp_path.glob("quick-overlap-*.md")  # another page than without the option
    assert "Written by `crossrec study quick agent.gamma=0.5 --only overlap`" in again.read_text()
    assert set(COLUMNS) < set(pd.read_csv(tmp_path / "page.csv"))
