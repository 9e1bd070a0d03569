"""Contexts written ahead in full batches: a language model is several times slower when asked little by little.

A random policy lives the same lives first, without contexts, which takes a moment. Who people are, and where and when
they go, depends little on what is shown, so nearly all prompts of the real run are met.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossrec.config import TrainConfig
from crossrec.envs.context import LanguageReader
from crossrec.language.prompt import Prompt

from .evaluate import evaluation_people
from .lab import Lab
from .progress import Progress


def prefill(lab: Lab, config: TrainConfig, progress: Progress) -> None:
    """Write the contexts that a run is going to need, unless it needs no language model."""
    if config.context.name != "llm" or not isinstance(lab.reader, LanguageReader):
        return
    users, seed = evaluation_people(config)
    met = _met(lab, lab.reader, config.people, config.steps // config.people, config.seed, None, config.train_users)
    met |= _met(lab, lab.reader, config.eval_people, config.env.horizon - 1, seed, users, None)
    progress.stage("write texts", len(met))
    lab.source.lookup(list(met), progress.advance)


def _met(
    lab: Lab,
    reader: LanguageReader,
    people: int,
    steps: int,
    seed: int,
    users: NDArray[np.int64] | None,
    n_users: int | None,
) -> dict[Prompt, None]:
    """Distinct prompts in the order of meeting them."""
    env = lab.make_env(people, users=n_users, with_context=False)
    base: Any = env.unwrapped
    env.reset(seed=seed, options=None if users is None else {"user": users})
    met = dict.fromkeys(reader.prompts(base.core.simulator.seen))
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        env.step(rng.integers(0, lab.env.n_candidates, people))
        seen = base.core.simulator.seen
        met |= dict.fromkeys(reader.prompts(seen.at(np.flatnonzero(seen.entered))))
    return met
