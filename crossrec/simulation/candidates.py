"""Which items may be shown: a mixture of sources, without ever scanning the catalogue.

Sources get shares of the list, in this order: near what was enjoyed lately, new, popular; the rest is a uniform sample.
A source that has too few items, or names one that stands already, leaves its place to further uniform draws, so there
are always as many different items as asked for. Then those that may not be shown now become padding.

The uniform sample is the arithmetic progression ``first + (a + j * b) mod n`` with random start a and a random stride b
that has no factor in common with n. It never repeats an item, and each item is equally likely at each place. Where an
item stands is known by the stride's inverse modulo n, so leaving some out needs no search either.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crossrec.config import CandidateConfig, EnvConfig
from crossrec.errors import ConfigError
from crossrec.random import Draw, bits, purposes
from crossrec.simulation.nearest import Neighbours
from crossrec.simulation.popular import PopularItems
from crossrec.simulation.progressions import Progressions
from crossrec.simulation.sources import NearItems, NewItems, Source, distinct
from crossrec.world.catalogue import Catalogue
from crossrec.world.synthetic import World

_DRAWS = purposes(Draw.CANDIDATE_START, Draw.CANDIDATE_STRIDE)
_BLOCK = 1 << 21  # candidates mixed at once, which bounds the memory of a step


class CandidateSampler:
    """Draws ``n_candidates`` distinct items of a scenario for each person, uniformly.

    Attributes:
        first: (S,) uint32, first item id of each scenario.
        size: (S,) uint32, how many items it has.
        strides: All scenarios' strides, int64, one scenario after the other.
        begin: (S,) intp, where each scenario's strides begin.
        count: (S,) uint64, how many strides it has.
    """

    def __init__(self, catalogue: Catalogue, n_candidates: int) -> None:
        self.n_candidates = n_candidates
        self._progressions = Progressions(catalogue.size, n_candidates)
        self.first, self.size = catalogue.first.astype(np.uint32), self._progressions.size
        self.strides, self.begin = self._progressions.strides, self._progressions.begin
        self.count = self._progressions.count
        sizes = np.repeat(self.size, self.count.astype(np.int64)).tolist()
        self._inverses = np.array([pow(b, -1, n) for b, n in zip(self.strides.tolist(), sizes, strict=True)])

    def sample(
        self,
        key: NDArray[np.uint64],
        step: NDArray[np.int64],
        scenario: NDArray[np.int64],
        excluded: NDArray[np.int32],
    ) -> NDArray[np.int32]:
        """Candidates of one moment.

        Args:
            key: (n,) of the lives.
            step: (n,) of the moment.
            scenario: (n,) where the people are.
            excluded: (n, m) item ids that may not be shown now.

        Returns:
            (n, C) item ids; excluded ones are replaced by 0, the padding.
        """
        size, first = self.size[scenario][:, None], self.first[scenario][:, None]
        items, start, which = self._progressions.draw(bits(key, step, _DRAWS), scenario)
        items += first

        row, column = np.nonzero((excluded >= first) & (excluded < first + size))
        if row.size:
            offset = excluded[row, column] - first[row, 0] + size[row, 0].astype(np.int64) - start[row, 0]
            place = offset * self._inverses[which[row]] % size[row, 0]
            near = place < self.n_candidates
            items[row[near], place[near]] = 0
        candidates: NDArray[np.int32] = items.view(np.int32)
        return candidates


class Candidates:
    """A list of items for each person, from all sources.

    Attributes:
        uniform: The uniform source, which also fills up.
        sources: The others, in the order in which their items stand in the list.
    """

    def __init__(self, uniform: CandidateSampler, sources: tuple[Source, ...] = ()) -> None:
        self.uniform, self.sources = uniform, sources

    @property
    def plain(self) -> bool:
        """Whether all candidates are drawn uniformly."""
        return not self.sources

    def sample(
        self,
        key: NDArray[np.uint64],
        step: NDArray[np.int64],
        scenario: NDArray[np.int64],
        excluded: NDArray[np.int32],
        enjoyed: NDArray[np.int32],
    ) -> NDArray[np.int32]:
        """Candidates of one moment.

        Args:
            key: (n,) of the lives.
            step: (n,) of the moment.
            scenario: (n,) where the people are.
            excluded: (n, m) item ids that may not be shown now.
            enjoyed: (n, 3) latest clicked items, newest first, 0 = none.

        Returns:
            (n, C) different item ids of the scenario; excluded ones are replaced by 0, the padding.
        """
        if self.plain:
            return self.uniform.sample(key, step, scenario, excluded)
        block = max(_BLOCK // self.uniform.n_candidates, 1)
        parts = [
            self._mix(key[i : i + block], step[i : i + block], scenario[i : i + block], enjoyed[i : i + block])
            for i in range(0, max(len(key), 1), block)
        ]
        candidates = parts[0] if len(parts) == 1 else np.concatenate(parts)
        for column in excluded.T:
            candidates[candidates == column[:, None]] = 0
        return candidates

    def _mix(
        self,
        key: NDArray[np.uint64],
        step: NDArray[np.int64],
        scenario: NDArray[np.int64],
        enjoyed: NDArray[np.int32],
    ) -> NDArray[np.int32]:
        parts = [source.draw(key, step, scenario, enjoyed) for source in self.sources]
        parts.append(self.uniform.sample(key, step, scenario, enjoyed[:, :0]))
        return distinct(np.concatenate(parts, axis=1), self.uniform.n_candidates)


def make_candidates(world: World, config: EnvConfig) -> Candidates:
    """The candidates that an environment's options ask for.

    Args:
        world: What exists.
        config: With ``n_candidates`` and the sources' shares in ``candidates``.

    Raises:
        ConfigError: If a scenario has fewer items than candidates, or the index of nearest items is not installed.
    """
    catalogue, count = world.catalogue, config.n_candidates
    smallest = int(catalogue.size.argmin())
    if count > catalogue.size[smallest]:
        raise ConfigError(
            f"n_candidates={count} is more than scenario '{world.scenarios[smallest].name}' has items; "
            f"allowed: at most {catalogue.size[smallest]}."
        )
    sources: list[Source] = []
    quota = quotas(config.candidates, count)
    if quota["near"]:
        neighbours = Neighbours(catalogue, quota["near"], config.candidates.index)
        sources.append(NearItems(neighbours, quota["near"]))
    if quota["new"]:
        sources.append(NewItems(catalogue, quota["new"]))
    if quota["popular"]:
        sources.append(PopularItems(catalogue, quota["popular"]))
    return Candidates(CandidateSampler(catalogue, count), tuple(sources))


def quotas(shares: CandidateConfig, count: int) -> dict[str, int]:
    """How many of ``count`` candidates each source gets; the rest is drawn uniformly.

    A share is rounded to the nearest number of items, half up, and to at least 1 where it is above 0. Should that be
    more than there are places, the later sources get what the earlier ones leave, in the order near, new, popular.
    """
    result, left = {}, count
    for name in ("near", "new", "popular"):
        share = getattr(shares, name)
        wanted = max(int(share * count + 0.5 + 1e-9), 1) if share > 0.0 else 0
        result[name] = min(wanted, left)
        left -= result[name]
    return result
