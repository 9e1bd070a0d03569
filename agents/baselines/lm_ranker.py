"""A language model as ranker: how much likelier a title is after what is known of the moment.

References:
    Zhang et al., "Language models as recommender systems", ICBINB at NeurIPS 2021 (likelihoods of titles).
    Holtzman et al., "Surface form competition", EMNLP 2021 (less their likelihood without the moment).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from crossrec.observation import CANDIDATES, MASK

from ..masks import allowed
from .base import BatchObservation, ScoringPolicy

Likelihood = Callable[[str, Sequence[str]], NDArray[np.float64]]
CUE = "Opens next:"
_MOMENTS = 4096  # of which likelihoods are kept


class LMRanker(ScoringPolicy):
    """The candidate whose title a language model finds likelier after the moment's text than without it.

    Args:
        likelihood: Mean log-likelihood of titles after a text, see `crossrec.agents.baselines.likelihood`.
        moments: Texts of everybody's moment now, (n,).
        titles: ``titles[id]`` of each item; entry 0 is padding.
        cue: Stands between a moment's text and a title.
        calibrated: Whether the likelihood after the cue alone is taken off, so that plain titles gain nothing.
    """

    def __init__(
        self,
        likelihood: Likelihood,
        moments: Callable[[], Sequence[str]],
        titles: Sequence[str],
        cue: str = CUE,
        calibrated: bool = True,
    ) -> None:
        self._likelihood, self._moments, self._titles = likelihood, moments, titles
        self._cue, self._calibrated = cue, calibrated
        self._known: dict[str, NDArray[np.float64]] = {}  # by prompt (n_items + 1,), not a number where not asked yet

    def scores(self, observation: BatchObservation) -> NDArray[np.float64]:
        """Log-likelihoods ``(n, C)``; zero where a candidate may not be chosen."""
        ids = np.asarray(observation[CANDIDATES])
        ok = allowed(np.asarray(observation[MASK])) & (ids > 0)
        found = np.zeros(ids.shape)
        rows: dict[str, list[int]] = {}
        for row, moment in enumerate(self._moments()):
            rows.setdefault(f"{moment} {self._cue}", []).append(row)
        plain = self._of(self._cue, np.unique(ids[ok])) if self._calibrated else np.zeros(len(self._titles))
        for prompt, who in rows.items():
            mine, wanted = ids[who], ok[who]
            likely = self._of(prompt, np.unique(mine[wanted])) - plain
            found[who] = np.where(wanted, likely[mine], 0.0)
        return found

    def _of(self, prompt: str, ids: NDArray[np.integer]) -> NDArray[np.float64]:
        """Log-likelihoods (n_items + 1,), known at ``ids``."""
        if prompt not in self._known:
            if len(self._known) >= _MOMENTS:
                self._known.clear()
            self._known[prompt] = np.full(len(self._titles), np.nan)
        known = self._known[prompt]
        new = ids[np.isnan(known[ids])]
        if new.size:
            known[new] = self._likelihood(prompt, [self._titles[item] for item in new])
        return known
