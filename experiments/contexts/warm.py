"""Contexts written ahead in full batches: models are several times slower when asked little by little.

A simple policy lives the same lives first, without contexts, which takes a moment. Who people are, and where and when
they go, depends little on what is shown, so nearly all prompts of the real run are met.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from crossrec.config import WRITTEN, ContextConfig, TrainConfig
from crossrec.errors import ConfigError, ModelError
from crossrec.language.build import make_source
from crossrec.language.context import ContextSource
from crossrec.language.ledger import Ledger
from crossrec.language.prompt import Prompt
from crossrec.language.reader import LanguageReader

from ..evaluate import evaluation_people
from ..lab import Lab, build_lab, training_visits
from ..progress import Progress


def warm(config: TrainConfig, policy: str, *, show: bool = True) -> None:
    """Write all contexts that a run of this config meets under a simple policy, and say what there is now.

    Args:
        config: Of the run; how long and whom it trains and evaluates decides which moments are met.
        policy: A baseline that shows items meanwhile.
        show: Whether to draw a bar with an estimate of the time left.

    Raises:
        ConfigError: If the config has no texts, or no store to keep them in.
        ModelError: If a model is missing or a server fails; what was written before is kept.
    """
    import torch

    torch.set_num_threads(1)  # as a run does: two busy threads on a busy machine are slower than one
    with Progress(None, show) as progress:
        progress.stage("embed items", config.env.items_per_scenario * len(config.env.scenarios))
        lab = build_lab(config.env, config.context, progress.advance)
        progress.watch(lab.source)
        if not isinstance(lab.reader, LanguageReader):
            raise ConfigError(
                f"context={config.context.name} has no texts to write; allowed: context={'|'.join(WRITTEN)}|shuffled."
            )
        if lab.source.store is None:
            raise ConfigError(
                f"context={config.context.name} with context.encoder=hashing is computed faster than it is read from a "
                "store, and keeps none; there is nothing to warm."
            )
        prompts = meet(lab, lab.reader, config, policy)
        write_ahead(lab, config.context, prompts, progress)
    ledger = Ledger()
    written = lab.source.generated
    ledger.note(lab.source.lookup(prompts))
    told = ledger.summary()
    replaced = ", ".join(f"{count} {reason}" for reason, count in told["replaced"].items()) or "none"
    Console().print(
        f"{told['distinct']:,} distinct prompts: {written:,} written now, {told['distinct'] - written:,} were there; "
        f"replaced by the template's text: {replaced}.\nAll are in {lab.source.store.path}.",
        soft_wrap=True,
    )


def prefill(lab: Lab, config: TrainConfig, progress: Progress) -> None:
    """Write the contexts that a run is going to need, unless these cost nothing or the config has none."""
    if isinstance(lab.reader, LanguageReader) and lab.source.store is not None:
        write_ahead(lab, config.context, meet(lab, lab.reader, config, "random"), progress)


def meet(lab: Lab, reader: LanguageReader, config: TrainConfig, policy: str) -> list[Prompt]:
    """The distinct prompts of a run's training and evaluation under a baseline, in the order of meeting them."""
    users, seed = evaluation_people(config)
    met: dict[int, Prompt] = {}
    steps, visits = config.steps // config.people, training_visits(config, lab.world)
    _live(met, lab, reader, policy, config.people, steps, config.seed, None, config.train_users, visits)
    _live(met, lab, reader, policy, config.eval_people, config.env.horizon - 1, seed, users, None)
    return list(dict.fromkeys(met.values()))


def write_ahead(lab: Lab, context: ContextConfig, prompts: list[Prompt], progress: Progress) -> None:
    """Write what the store lacks, in as many processes as the config says; the store is how they share it."""
    progress.stage("write texts", len(prompts))
    if context.workers == 1:
        lab.source.lookup(prompts, progress.advance)
        return
    missing = lab.source.missing(prompts)
    lab.source.reused += len(prompts) - len(missing)
    progress.advance(len(prompts) - len(missing))
    if not missing:
        return
    prompts, size = missing, context.batch_size
    chunks = [prompts[start : start + size] for start in range(0, len(prompts), size)]
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(context.workers, spawn, _start_worker, (context,)) as pool:
        try:
            for done in as_completed([pool.submit(_write, chunk) for chunk in chunks]):
                written, settled = done.result()
                lab.source.generated += written
                progress.advance(settled)
        except BrokenProcessPool as error:
            raise ModelError(
                f"a process that writes texts has died, perhaps for lack of memory; set context.workers="
                f"{context.workers - 1} or less. What is written is in the store."
            ) from error
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
    """How many texts were written for these prompts, and how many there are of both."""
    source = _worker_source
    assert source is not None
    before = source.generated
    source.lookup(prompts)
    return source.generated - before, len(prompts)


def _live(
    met: dict[int, Prompt],
    lab: Lab,
    reader: LanguageReader,
    policy: str,
    people: int,
    steps: int,
    seed: int,
    users: NDArray[np.int64] | None,
    n_users: int | None,
    visits: Sequence[str] = (),
) -> None:
    """Add the distinct prompts of some lives by code, in the order of meeting them."""
    env = lab.make_env(people, users=n_users, visits=visits, with_context=False)
    base: Any = env.unwrapped
    baseline = lab.baseline(policy, base, seed)
    observation, _ = env.reset(seed=seed, options=None if users is None else {"user": users})
    seen = base.core.simulator.seen
    reader.collect(seen, np.arange(people), met)
    since, topic = np.zeros(people, np.int64), np.full(people, -1)
    for _ in range(steps):
        actions, _ = baseline.predict(observation)
        observation, *_ = env.step(actions)
        since += 1
        due = np.flatnonzero(reader.due(seen, since, topic))
        reader.collect(seen, due, met)
        reader.note_topic(seen, due, topic)
        since[due] = 0
