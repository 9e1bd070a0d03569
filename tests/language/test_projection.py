import numpy as np
import pytest

from crossrec.errors import ConfigError
from crossrec.language.projection import Projection

# Long along (3, 4) / 5, short along (-4, 3) / 5, centred at (1, 1, 2).
LONG, SHORT = np.array([0.6, 0.8, 0.0]), np.array([-0.8, 0.6, 0.0])
ROWS = np.array([1.0, 1.0, 2.0]) + np.array([4 * LONG, -4 * LONG, SHORT, -SHORT])


def test_components_of_a_known_example():
    projection = Projection.fit(ROWS, 2)
    np.testing.assert_allclose(projection.mean, [1, 1, 2])
    np.testing.assert_allclose(projection.components[:, 0], LONG, atol=1e-12)
    # The sign is fixed by the largest entry, here the first.
    np.testing.assert_allclose(projection.components[:, 1], -SHORT, atol=1e-12)


def test_projected_rows_are_unit_vectors():
    np.testing.assert_allclose(Projection.fit(ROWS, 2).apply(ROWS), [[1, 0], [-1, 0], [0, -1], [0, 1]], atol=1e-6)


def test_more_dimensions_than_rank_are_zero():
    projection = Projection.fit(ROWS, 6)
    assert projection.components.shape == (3, 6)
    assert not projection.components[:, 2:].any()
    assert projection.apply(ROWS).shape == (4, 6)
    assert not Projection.fit(np.full((5, 3), 0.1, np.float32), 2).components.any()


def test_nothing_known_stays_nothing():
    result = Projection.fit(ROWS, 2).apply(np.zeros((1, 3), np.float32))
    assert result.dtype == np.float32
    assert not result.any()


def test_many_rows_in_chunks_give_the_same_as_one(monkeypatch):
    rows = np.random.default_rng(3).normal(size=(50, 8)) * np.arange(1, 9)
    whole = Projection.fit(rows, 3)
    monkeypatch.setattr("crossrec.language.projection._CHUNK", 7)
    np.testing.assert_allclose(Projection.fit(rows, 3).components, whole.components, atol=1e-10)
    _, _, directions = np.linalg.svd(rows - rows.mean(0))
    np.testing.assert_allclose(abs(np.diag(directions[:3] @ whole.components)), 1, atol=1e-10)


@pytest.mark.parametrize(
    "rows", [np.zeros((1, 3)), np.zeros((0, 3)), np.zeros(3), [[1.0, np.nan], [0, 1]], [[1.0, np.inf], [0, 1]]]
)
def test_rows_that_cannot_be_fitted(rows):
    with pytest.raises(ConfigError):
        Projection.fit(rows, 2)


def test_vectors_of_another_width():
    with pytest.raises(ConfigError, match="from 3 dimensions"):
        Projection.fit(ROWS, 2).apply(np.zeros((2, 5)))
