"""Formulas of the metrics: known answers, agreement with SciPy and scikit-learn, and what cannot be is refused."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from scipy.stats import entropy
from sklearn.metrics import f1_score, ndcg_score, precision_score, recall_score

from crossrec.envs.questions import QUESTIONS
from crossrec.errors import ConfigError
from crossrec.experiments.measuring.watch import EVERY, JOURNEYS
from crossrec.measures.formulas import (
    coverage,
    diversity,
    gini,
    miscalibration,
    ndcg,
    novelty,
    precision_recall_f1,
    step_regret,
)
from crossrec.metrics import COLD_STEPS, METRICS, TOP

PAGE = Path(__file__).parent.parent / "docs" / "metrics.md"
BETTER = {True: "higher", False: "lower", None: "neither"}
RNG = np.random.default_rng(5)
RELEVANCE = RNG.random((40, 12))
ORDER = np.argsort(RNG.random((40, 12)), axis=1)[:, :5]
TOPICS = RNG.dirichlet(np.ones(6), (40, 4))


def test_equal_exposure_has_no_inequality_and_one_item_alone_has_all():
    assert gini(np.full(7, 3)) == pytest.approx(0.0)
    assert gini(np.array([0, 0, 9, 0])) == pytest.approx(1 - 1 / 4)
    assert gini(np.array([4, 1, 3, 2])) == pytest.approx(0.25)
    assert np.isnan(gini(np.zeros(3)))


def test_gini_is_half_the_relative_mean_difference():
    counts = RNG.poisson(0.7, 50)
    pairs = np.abs(counts[:, None] - counts).mean()
    assert (counts == 0).any()
    assert gini(counts) == pytest.approx(pairs / (2 * counts.mean()))
    assert gini(counts[::-1]) == pytest.approx(gini(counts))


def test_coverage_counts_items_once():
    assert coverage(np.array([0, 1, 9, 0, 1])) == pytest.approx(3 / 5)
    assert coverage(np.zeros(4)) == 0.0


def test_diversity_of_lists_by_hand():
    a, b = [1.0, 0.0], [0.0, 2.0]
    topics = np.array([[a, a, b], [a, b, a], [b, b, b], [a, b, a]])
    shown = np.array([[1, 1, 1], [1, 1, 0], [1, 1, 1], [0, 1, 0]], bool)
    assert diversity(topics, shown) == pytest.approx([2 / 3, 1.0, 0.0, np.nan], nan_ok=True)


def test_diversity_is_the_mean_cosine_distance():
    expected = [pdist(one, "cosine").mean() for one in TOPICS]
    assert diversity(TOPICS, np.ones((40, 4), bool)) == pytest.approx(expected)


def test_novelty_in_bits():
    assert novelty(np.array([1 / 8, 1.0, 0.0]), 1 / 16) == pytest.approx([3.0, 0.0, 4.0])


def test_what_is_calibrated_has_no_divergence():
    interest = np.array([[0.5, 0.5], [2.0, 2.0], [0.0, 0.0], [1.0, 0.0]])
    shown = np.array([[3.0, 3.0], [1.0, 0.0], [1.0, 0.0], [0.0, 0.0]])
    expected = 0.5 * np.log(0.5 / (0.99 + 0.005)) + 0.5 * np.log(0.5 / 0.005)
    assert miscalibration(interest, shown) == pytest.approx([0.0, expected, np.nan, np.nan], nan_ok=True)


def test_miscalibration_is_the_relative_entropy():
    p, q = TOPICS[:, 0], TOPICS[:, 1]
    expected = [entropy(a, 0.99 * b + 0.01 * a) for a, b in zip(p, q, strict=True)]
    assert miscalibration(p, 7 * q) == pytest.approx(expected)


def test_a_perfect_ranking_has_an_ndcg_of_1():
    best = np.argsort(-RELEVANCE, axis=1)
    for k in (1, 5, 12):
        assert ndcg(RELEVANCE, best[:, :k]) == pytest.approx(np.ones(40))
    assert (ndcg(RELEVANCE, best[:, -5:]) < 1).all()


def test_ndcg_by_hand_and_as_scikit_learn_has_it():
    by_hand = (3 / np.log2(2) + 0 + 2 / np.log2(4)) / (3 + 2 / np.log2(3) + 1 / np.log2(4))
    assert ndcg(np.array([[0.0, 2.0, 3.0, 1.0]]), np.array([[2, 0, 1]])) == pytest.approx([by_hand])
    assert np.isnan(ndcg(np.zeros((1, 4)), np.array([[2, 0, 1]]))).all()
    scores = np.zeros_like(RELEVANCE)
    np.put_along_axis(scores, ORDER, 9.0 - np.arange(5), axis=1)
    expected = [ndcg_score(RELEVANCE[[i]], scores[[i]], k=5) for i in range(40)]
    assert ndcg(RELEVANCE, ORDER) == pytest.approx(expected)


def test_precision_recall_and_f1_by_hand():
    relevant = np.array([[1, 1, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0]], bool)
    order = np.array([[1, 2], [0, 1], [0, 1]])
    precision, recall, f1 = precision_recall_f1(relevant, order)
    assert precision == pytest.approx([1 / 2, 0.0, np.nan], nan_ok=True)
    assert recall == pytest.approx([1 / 2, 0.0, np.nan], nan_ok=True)
    assert f1 == pytest.approx([1 / 2, 0.0, np.nan], nan_ok=True)


def test_precision_recall_and_f1_as_scikit_learn_has_them():
    relevant = RELEVANCE > 0.6
    assert relevant.any(axis=1).all()
    chosen = np.zeros_like(relevant)
    np.put_along_axis(chosen, ORDER, True, axis=1)
    for found, score in zip(
        precision_recall_f1(relevant, ORDER), (precision_score, recall_score, f1_score), strict=True
    ):
        expected = [score(r, c, zero_division=0) for r, c in zip(relevant, chosen, strict=True)]
        assert found == pytest.approx(expected)


def test_regret_of_a_step_is_against_the_best_candidates():
    expected = np.array([[0.1, 0.9, 0.4, -np.inf], [0.2, -np.inf, -np.inf, -np.inf]])
    assert step_regret(expected, np.array([[0.4], [0.0]])) == pytest.approx([0.5, 0.2])
    # Two places: the best two are worth 0.65 each on average; padding is worth nothing.
    assert step_regret(expected, np.array([[0.4, 0.1], [0.2, 0.0]])) == pytest.approx([0.65 - 0.25, 0.0])


@pytest.mark.parametrize(
    "each",
    [
        lambda rows: ndcg(RELEVANCE[rows], ORDER[rows]),
        lambda rows: np.stack(precision_recall_f1(RELEVANCE[rows] > 0.6, ORDER[rows])).T,
        lambda rows: step_regret(RELEVANCE[rows], RELEVANCE[rows, :3]),
        lambda rows: diversity(TOPICS[rows], TOPICS[rows, :, 0] < 0.4),
        lambda rows: miscalibration(TOPICS[rows, 0], TOPICS[rows, 1]),
        lambda rows: novelty(RELEVANCE[rows], 0.01),
    ],
    ids=["ndcg", "precision", "regret", "diversity", "miscalibration", "novelty"],
)
def test_people_are_measured_one_by_one_in_any_order(each):
    together, order = each(np.arange(40)), RNG.permutation(40)
    np.testing.assert_allclose(each(order), together[order], rtol=1e-12)
    np.testing.assert_allclose(np.concatenate([each([i]) for i in range(40)]), together, rtol=1e-12)


@pytest.mark.parametrize(
    ("mistake", "named"),
    [
        (lambda: gini(np.array([1, -1])), "exposure"),
        (lambda: gini(np.ones((2, 2))), "(2, 2)"),
        (lambda: coverage(np.array([])), "exposure (0,)"),
        (lambda: coverage(np.array([np.nan])), "exposure"),
        (lambda: diversity(TOPICS, np.ones((40, 3), bool)), "(40, 3)"),
        (lambda: novelty(np.ones(2), 0.0), "least=0.0"),
        (lambda: miscalibration(np.ones((2, 3)), np.ones((2, 4))), "same shape"),
        (lambda: miscalibration(-np.ones((2, 3)), np.ones((2, 3))), "negative"),
        (lambda: ndcg(RELEVANCE, ORDER[:3]), "(3, 5)"),
        (lambda: ndcg(RELEVANCE, ORDER + 8), "allowed: 0 to 11"),
        (lambda: ndcg(-RELEVANCE, ORDER), "at least 0"),
        (lambda: precision_recall_f1(RELEVANCE[:, :4] > 0.5, ORDER), "k at most C"),
        (lambda: step_regret(RELEVANCE[:, :2], RELEVANCE[:, :3]), "S at most C"),
        (lambda: step_regret(RELEVANCE, RELEVANCE[:3]), "(3, 12)"),
    ],
)
def test_bad_input_is_refused_and_named(mistake, named):
    with pytest.raises(ConfigError) as refused:
        mistake()
    assert named in str(refused.value)


def test_the_page_lists_every_metric_with_unit_formula_and_source():
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    begin = lines.index("| metric | unit | better | formula | source |") + 2
    expected = [
        f"| `{m.name}` | {m.unit or '-'} | {BETTER[m.higher_is_better]} | {m.formula} | {m.source} |"
        for m in METRICS.values()
    ]
    assert lines[begin : begin + len(expected)] == expected
    assert lines[begin + len(expected)] == ""
    assert all(name == metric.name for name, metric in METRICS.items())


def test_the_page_names_the_numbers_of_the_code():
    page = " ".join(PAGE.read_text(encoding="utf-8").split())
    for words in (
        f"the first {COLD_STEPS} steps of a life",
        f"one moment in {EVERY} of each person",
        f"the first {JOURNEYS} people",
        f"fewer than {TOP} candidates",
    ):
        assert words in page


def test_people_are_cold_as_long_as_lives_are_in_the_cold_start_environment():
    (question,) = (question for question in QUESTIONS if question.name == "ColdStartUser")
    assert question.options["horizon"] == COLD_STEPS
