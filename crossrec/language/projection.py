"""Principal components of a catalogue's embeddings: how wide vectors enter the agents' networks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crossrec.errors import ConfigError

from .encoder import normalise

_CHUNK = 65_536


def padded(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Vectors by item id, (n + 1, d): a row of zeros for id 0, the padding, then the rows of ``vectors`` (n, d)."""
    return np.concatenate([np.zeros((1, vectors.shape[1]), np.float32), vectors])


@dataclass(frozen=True)
class Projection:
    """A centred linear map to fewer dimensions.

    Attributes:
        mean: What is subtracted first, ``(d,)``.
        components: Orthonormal columns, the strongest first, ``(d, k)``; columns beyond the rank are zero.
    """

    mean: NDArray[np.float64]
    components: NDArray[np.float64]

    @classmethod
    def fit(cls, embeddings: ArrayLike, k: int) -> Projection:
        """The ``k`` principal components of the rows of ``embeddings``.

        Raises:
            ConfigError: If there are fewer than two rows, or one holds NaN or infinity.
        """
        rows = np.asarray(embeddings)
        if rows.ndim != 2 or len(rows) < 2 or k < 1:
            raise ConfigError(
                f"a projection to {k} dimensions from embeddings of shape {rows.shape} is not possible; "
                "allowed: at least one dimension, and a table of at least two rows."
            )
        if not np.isfinite(rows).all():
            raise ConfigError("the embeddings to fit a projection on hold NaN or infinity; encode the texts again.")
        mean = rows.mean(axis=0, dtype=np.float64)
        # The d x d covariance has the same components as the rows, and fits in memory however many there are.
        covariance = np.zeros((rows.shape[1], rows.shape[1]))
        for start in range(0, len(rows), _CHUNK):
            centred = rows[start : start + _CHUNK] - mean
            covariance += centred.T @ centred
        directions, strengths, _ = np.linalg.svd(covariance, hermitian=True)
        # What is left of equal rows after centring is rounding, not a direction.
        floor = max(1e-10 * strengths[0], 1e-14 * len(rows) * float(mean @ mean))
        rank = int((strengths > floor).sum())
        kept = directions[:, : min(k, rank)]
        # An eigenvector's sign is arbitrary: its largest entry is made positive.
        largest = np.abs(kept).argmax(axis=0)
        kept = kept * np.where(kept[largest, np.arange(kept.shape[1])] < 0, -1.0, 1.0)
        components = np.zeros((rows.shape[1], k))
        components[:, : kept.shape[1]] = kept
        return cls(mean, components)

    def apply(self, vectors: ArrayLike) -> NDArray[np.float32]:
        """Projected unit vectors ``(n, k)``; a zero vector means "nothing known" and stays zero.

        Raises:
            ConfigError: If the vectors do not have the width that the projection was fitted on.
        """
        x = np.asarray(vectors)
        if x.ndim != 2 or x.shape[1] != len(self.mean):
            raise ConfigError(
                f"vectors of shape {x.shape} do not fit a projection from {len(self.mean)} dimensions; "
                "use the encoder that it was fitted with."
            )
        projected = (x - self.mean) @ self.components
        projected[~x.any(axis=1)] = 0.0
        return normalise(projected.astype(np.float32))
