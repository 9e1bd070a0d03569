"""The comparison of contexts: right on made-up returns, and resumable on small real runs."""

import numpy as np
import pandas as pd
import pytest

from crossrec.errors import ConfigError
from crossrec.statistics import scores_over_seeds

from .conftest import assert_one_sentence

SMALL = [
    "env.scenarios=[news,video]",
    "env.items_per_scenario=40",
    "env.n_candidates=8",
    "env.horizon=8",
    "people=8",
    "train_users=8",
    "eval_people=12",
    "steps=400",
    "agent.learning_starts=100",
    "context.encoder=hashing",
]


def test_scores_and_gains_are_means_over_seeds_of_normalised_returns():
    zero, one = np.array([[0.0, 2.0], [1.0, 1.0]]), np.array([[4.0, 6.0], [3.0, 3.0]])
    agent, other = np.array([[2.0, 4.0], [3.0, 3.0]]), np.array([[1.0, 3.0], [1.0, 1.0]])
    scores, gains = scores_over_seeds(np.stack([agent, other]), zero, one, 1, np.random.default_rng(0))
    # Seed 0: (3 - 1) / (5 - 1) and (2 - 1) / 4; seed 1: (3 - 1) / 2 and 0.
    assert [s.value for s in scores] == [pytest.approx(0.75), pytest.approx(0.125)]
    assert [g.value for g in gains] == [pytest.approx(0.625), 0.0]
    assert (gains[1].low, gains[1].high) == (0.0, 0.0)
    for score in scores:
        assert score.low <= score.value <= score.high


def test_a_gain_that_all_people_share_is_sure_however_much_people_differ():
    rng = np.random.default_rng(1)
    zero = rng.normal(0.0, 5.0, (4, 300))
    base = zero + 1.0
    scores, gains = scores_over_seeds(np.stack([base, base + 0.5]), zero, zero + 2.0, 0, rng)
    assert scores[0].high - scores[0].low < 1e-9
    assert gains[1].low == pytest.approx(0.25)
    assert gains[1].high == pytest.approx(0.25)


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    rng, covered = np.random.default_rng(2), 0
    for _ in range(100):
        zero, one = rng.normal(0.0, 1.0, (10, 40)), rng.normal(10.0, 1.0, (10, 40))
        agent = rng.normal(5.0 + rng.normal(0.0, 1.0, (10, 1)), 1.0, (10, 40))
        ((score,), _) = scores_over_seeds(agent[None], zero, one, 0, rng, n_resamples=200)
        covered += score.low <= 0.5 <= score.high
    assert 83 <= covered <= 100


def test_a_scale_without_two_ends_is_refused():
    flat = np.ones((2, 3))
    with pytest.raises(ConfigError, match="no scale"):
        scores_over_seeds(flat[None], flat, flat, 0, np.random.default_rng(0))


def test_a_comparison_does_what_is_missing_and_prints_the_same_table_again(crossrec, tmp_path, monkeypatch):
    table = tmp_path / "table.csv"
    words = ["context", "compare", "--contexts", "none,template", "--seeds", "1", *SMALL, f"runs={tmp_path / 'runs'}"]
    said = crossrec(*words, "--out", table)
    assert said.status == 0, said.err
    assert len(list((tmp_path / "runs").glob("*/result.json"))) == 2
    first = pd.read_csv(table).set_index("context")
    assert set(first.index) == {"none", "template"}
    assert first.loc["none", ["gain", "gain_low", "gain_high"]].tolist() == [0.0, 0.0, 0.0]
    for name in first.index:
        assert f"{first.loc[name, 'score']:.3f}" in said.out
    monkeypatch.setattr("crossrec.experiments.side_by_side.Children", None)  # nothing is left to start
    markdown = tmp_path / "table.md"
    again = crossrec(*words, "--out", markdown)
    assert again.out == said.out
    assert markdown.read_text().count("| none |") == 1
    assert markdown.with_suffix(".png").stat().st_size > 5_000
    raw = pd.read_csv(markdown.with_suffix(".csv"))
    assert list(zip(raw["context"], raw["seed"], strict=True)) == [("none", 0), ("template", 0)]
    np.testing.assert_allclose(raw.groupby("context")["score"].mean(), first["score"].sort_index())
    assert raw["contexts_hash"].notna().tolist() == [False, True], "where there are contexts"


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--contexts", "none,templat"], "did you mean 'template'"),
        (["--contexts", "template,zeros"], "must name each context once, and 'none' among them"),
        (["--contexts", "none,none"], "must name each context once"),
        (["--seeds", "0"], "--seeds=0 is out of range; allowed: from 1"),
        (["--jobs", "0"], "--jobs=0 is out of range"),
        (["--out", "table.html"], "--out table.html ends in '.html'; allowed: .md, .csv, .parquet"),
        (["--out", "nowhere/table.md"], "there is no folder nowhere; make it first"),
        (["seed=3"], "use --contexts and --seeds"),
        (["env.horizon=0"], "env.horizon=0 is out of range"),
    ],
)
def test_mistakes_are_told_before_anything_runs(crossrec, tmp_path, words, named):
    assert_one_sentence(crossrec("context", "compare", *SMALL, f"runs={tmp_path}", *words), named)
    assert not list(tmp_path.iterdir())
