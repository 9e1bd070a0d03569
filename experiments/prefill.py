"""Contexts written ahead in full batches: a language model is several times slower when asked little by little.

A random policy lives the same lives first, without contexts, which takes a moment. Who people are, and where and when
they go, depends little on what is shown, so nearly all prompts of the real run are met.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing.connection import wait
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossrec.config import ContextConfig, TrainConfig
from crossrec.envs.context import LanguageReader
from crossrec.language.context import ContextSource
from crossrec.language.prompt import Prompt

from .evaluate import evaluation_people
from .lab import Lab, make_source
from .progress import Progress


def prefill(lab: Lab, config: TrainConfig, progress: Progress) -> None:
    """Write the contexts that a run is going to need, unless it needs no language model."""
    if config.context.name != "llm" or not isinstance(lab.reader, LanguageReader):
        return
    users, seed = evaluation_people(config)
    met = _met(lab, lab.reader, config.people, config.steps // config.people, config.seed, None, config.train_users)
    met |= _met(lab, lab.reader, config.eval_people, config.env.horizon - 1, seed, users, None)
    prompts = list(met)
    progress.stage("write texts", len(prompts))
    if config.context.workers == 1:
        lab.source.lookup(prompts, progress.advance)
        return
    # Workers share the store, so what they write is there when the run asks for it.
    size = config.context.batch_size
    chunks = [prompts[start : start + size] for start in range(0, len(prompts), size)]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(config.context.workers, context, _start_worker, (config.context,)) as pool:
        try:
            for done in as_completed([pool.submit(_write, chunk) for chunk in chunks]):
                written, fallbacks = done.result()
                lab.source.count(written, fallbacks)
                progress.advance(size)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)  # what is written stays in the store
            raise


_worker_source: ContextSource | None = None


def _start_worker(context: ContextConfig) -> None:
    global _worker_source
    import torch

    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    _worker_source = make_source(context)


def _end_with_parent() -> None:
    """A worker whose parent was killed must not hold a model for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _write(prompts: list[Prompt]) -> tuple[int, int]:
    """Texts written for these prompts, and how many of them are fallbacks."""
    source = _worker_source
    assert source is not None
    before = source.generated, source.fallbacks
    source.lookup(prompts)
    return source.generated - before[0], source.fallbacks - before[1]


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
