import numpy as np
import pytest
from toy import Toy

from crossrec.agents.baselines.simple import ContentPolicy, GreedyOracle, PopularityPolicy, RandomPolicy

VECTORS = np.array([[0, 0], [2, 0], [0, 3], [1, 1], [-1, 0]], float)
POPULARITY = np.array([0.0, 1.0, 5.0, 5.0, 2.0])


def moment(candidates, mask, history=(0, 0), clicked=(0, 0)):
    """Observations of as many people as there are rows."""
    n = len(candidates)
    return {
        "candidates": np.array(candidates, np.int32),
        "mask": np.array(mask, np.int8),
        "history": np.tile(np.array(history, np.int32), (n, 1)),
        "history_feedback": np.tile(np.array([*clicked, 0, 0, 0, 0], np.float32), (n, 1)),
    }


def test_popularity_takes_the_first_of_equals_among_the_allowed():
    policy = PopularityPolicy(POPULARITY)
    obs = moment(
        [[1, 2, 3, 4], [1, 2, 3, 4], [4, 1, 0, 0], [1, 2, 3, 0]], [[1] * 4, [1, 0, 0, 1], [1, 1, 0, 0], [0] * 4]
    )
    actions, state = policy.predict(obs, state=None)
    assert actions.tolist() == [1, 3, 0, 0]
    assert actions.dtype == np.int64
    assert state is None


def test_content_follows_clicks_by_direction_and_popularity_without_any():
    policy = ContentPolicy(VECTORS, POPULARITY)
    obs = moment([[4, 2, 1, 3]], [[1] * 4], history=(1, 2), clicked=(1, 0))
    assert policy.predict(obs)[0].tolist() == [2]
    both = moment([[4, 2, 1, 3]], [[1] * 4], history=(1, 2), clicked=(1, 1))
    assert policy.predict(both)[0].tolist() == [3], "between the two liked items lies the third"
    assert policy.predict(moment([[4, 2, 1, 3]], [[1] * 4], history=(1, 2)))[0].tolist() == [1]


def test_oracle_asks_for_the_truth_of_now():
    truth = np.array([[0.1, 0.9, 0.3, 0.2]])
    policy = GreedyOracle(lambda: truth)
    obs = moment([[1, 2, 3, 4]], [[1, 0, 1, 1]])
    assert policy.predict(obs)[0].tolist() == [2]
    truth[0, 3] = 0.8
    assert policy.predict({key: value[0] for key, value in obs.items()})[0] == 3


def test_random_is_reproducible_uniform_and_allowed():
    obs, _ = Toy(4000, padding=0.5).reset(seed=0)
    first, again, other = (RandomPolicy(seed).predict(obs)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).mean() > 0.5
    assert obs["mask"][np.arange(4000), first].all()
    full = moment(np.ones((6000, 4)), np.ones((6000, 4)))
    np.testing.assert_allclose(np.bincount(RandomPolicy(0).predict(full)[0]), 1500, rtol=0.1)


@pytest.mark.parametrize(
    "make",
    [
        lambda env: RandomPolicy(5),
        lambda env: PopularityPolicy(env.popularity),
        lambda env: ContentPolicy(env.vectors, env.popularity),
    ],
    ids=["random", "popularity", "content"],
)
def test_a_batch_is_its_rows(make):
    env = Toy(16)
    env.reset(seed=1)
    for _ in range(4):
        obs, *_ = env.step(np.zeros(16, int))
    batch = make(env).predict(obs)[0]
    policy = make(env)
    single = [policy.predict({key: value[i] for key, value in obs.items()})[0] for i in range(16)]
    assert all(np.shape(action) == () for action in single)
    np.testing.assert_array_equal(batch, single)
