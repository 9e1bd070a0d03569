"""Off-policy estimators against exact answers: a bandit with two contexts and three actions, enumerated by hand."""

import itertools

import numpy as np
import pytest

from crossrec.errors import ConfigError
from crossrec.log import Log
from crossrec.off_policy import evaluate_target, true_value

REWARD = np.array([[1.0, 0.0, 3.0], [0.5, 2.0, -1.0]])  # by context and action
SHOWN = np.array([[0.5, 0.3, 0.2], [0.1, 0.6, 0.3]])  # the behaviour policy
WANTED = np.array([[0.2, 0.2, 0.6], [0.7, 0.2, 0.1]])  # the target policy
CONTEXTS = np.array([0, 1])
TRUE = float((WANTED * REWARD).sum(axis=1).mean())


def bandit(contexts, actions, rewards, lives=None):
    """A log of single steps with three candidates each."""
    n = len(contexts)
    zeros, ints = np.zeros(n), np.arange(n)
    return Log(
        observations={"mask": np.ones((n, 3), np.int8), "candidates": np.tile([1, 2, 3], (n, 1))},
        actions=np.asarray(actions, np.int64),
        propensities=SHOWN[contexts, actions],
        rewards=np.asarray(rewards, np.float64),
        clicks=zeros,
        dwell=zeros,
        conversions=zeros,
        places=ints * 0,
        users=ints,
        lives=ints if lives is None else lives,
        steps=ints * 0,
        terminated=np.ones(n, np.bool_),
        ends=np.ones(n, np.bool_),
    )


def expected(estimator, model):
    """The estimator's expectation and variance over all logs of one moment in each context."""
    values, chances = [], []
    for actions in itertools.product(range(3), repeat=2):
        log = bandit(CONTEXTS, np.array(actions), REWARD[CONTEXTS, actions])
        values.append(evaluate_target(log, WANTED, model).estimates[estimator].value)
        chances.append(SHOWN[0, actions[0]] * SHOWN[1, actions[1]])
    values, chances = np.array(values), np.array(chances)
    mean = (values * chances).sum()
    return mean, (chances * (values - mean) ** 2).sum()


@pytest.mark.parametrize("model", [REWARD, REWARD + np.array([[0.4, -1.0, 0.2], [0.0, 0.7, -0.3]]), np.zeros((2, 3))])
def test_ips_and_doubly_robust_are_unbiased_whatever_the_model(model):
    for estimator in ("ips", "dr"):
        assert expected(estimator, model)[0] == pytest.approx(TRUE)


def test_with_the_true_model_doubly_robust_does_not_vary_with_what_was_shown():
    mean, variance = expected("dr", REWARD)
    assert (mean, variance) == (pytest.approx(TRUE), pytest.approx(0.0, abs=1e-12))
    assert expected("dm", REWARD) == (pytest.approx(TRUE), pytest.approx(0.0, abs=1e-12))
    assert expected("ips", REWARD)[1] > 0.1
    assert expected("dr", np.zeros((2, 3)))[1] == pytest.approx(expected("ips", REWARD)[1])


def test_a_wrong_model_misleads_the_direct_method_alone():
    wrong = REWARD + 1.0
    assert expected("dm", wrong)[0] == pytest.approx(TRUE + 1.0)
    assert expected("dr", wrong)[0] == pytest.approx(TRUE)


def test_by_hand():
    log = bandit([0, 1], [2, 0], [3.0, 0.5])
    found = evaluate_target(log, WANTED, np.zeros((2, 3)), clip=5.0)
    weights = np.array([0.6 / 0.2, 5.0])  # the second, 0.7 / 0.1, is clipped
    assert found.estimates["ips"].value == pytest.approx((weights @ [3.0, 0.5]) / 2)
    assert found.estimates["snips"].value == pytest.approx((weights @ [3.0, 0.5]) / weights.sum())
    assert found.effective == pytest.approx(weights.sum() ** 2 / (weights**2).sum())
    assert true_value(log, WANTED, REWARD) == pytest.approx(TRUE)


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    rng = np.random.default_rng(0)
    hits = dict.fromkeys(("ips", "snips", "dm", "dr"), 0)
    for draw in range(80):
        contexts = rng.integers(2, size=300)
        actions = (rng.random(300)[:, None] > SHOWN[contexts].cumsum(axis=1)).sum(axis=1)
        log = bandit(contexts, actions, REWARD[contexts, actions] + rng.normal(size=300))
        truth = true_value(log, WANTED[contexts], REWARD[contexts])
        found = evaluate_target(log, WANTED[contexts], REWARD[contexts] + 0.3, seed=draw).estimates
        for name in hits:
            hits[name] += found[name].low <= truth <= found[name].high
    assert hits["dm"] < 8  # a biased model is sure of a wrong value
    for name in ("ips", "snips", "dr"):
        assert hits[name] >= 70, name


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"propensities": np.array([0.5, np.nan])}, "1 of 2 rows have no propensity"),
        ({"propensities": np.array([0.0, 0.5])}, "1 of 2 rows have no propensity"),
        ({"actions": np.array([0, 3])}, "action 3 is no place among 3 candidates"),
    ],
)
def test_a_log_that_cannot_be_judged_is_refused(change, told):
    log = bandit([0, 1], [2, 0], [3.0, 0.5])
    vars(log).update(change)
    with pytest.raises(ConfigError, match=told):
        evaluate_target(log, WANTED)


@pytest.mark.parametrize(
    ("target", "told"),
    [
        (WANTED * 0.5, "must sum to 1"),
        (np.array([[1.5, -0.5, 0.0], [1.0, 0.0, 0.0]]), "at least 0"),
        (WANTED[:, :2], r"must be \(2, 3\)"),
    ],
)
def test_a_target_that_is_no_policy_is_refused(target, told):
    with pytest.raises(ConfigError, match=told):
        evaluate_target(bandit([0, 1], [2, 0], [3.0, 0.5]), target)


def test_a_target_that_shows_what_is_forbidden_is_refused():
    log = bandit([0, 1], [2, 0], [3.0, 0.5])
    log.observations["mask"][1, 1] = 0
    with pytest.raises(ConfigError, match="mask of row 1 forbids"):
        evaluate_target(log, WANTED)
