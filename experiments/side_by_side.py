"""Some runs side by side: each in a process of its own with one thread, a few at once, with a live table."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

from .compose import compose_train
from .run import RunFolder, folder_of
from .sweep.children import Children
from .sweep.job import attempt
from .sweep.live import Watch
from .sweep.records import DONE, FAILED, RUNNING, State


def run_all(
    jobs: Mapping[str, Sequence[str]], at_once: int, config_dir: str | None = None
) -> tuple[dict[str, RunFolder], str]:
    """Do what is missing of some runs; single-threaded ones side by side beat one that uses all cores.

    Args:
        jobs: Options of each run as for ``crossrec train``, by what it is called; the longest first end soonest.
        at_once: How many processes.
        config_dir: Folder of own configs.

    Returns:
        The folders by name, and in words what went wrong; the other runs are finished all the same.

    Raises:
        ConfigError: If an option is wrong, before anything runs.
    """
    configs = {name: compose_train(list(words), config_dir) for name, words in jobs.items()}
    folders = {name: folder_of(config) for name, config in configs.items()}
    todo = [name for name in jobs if not folders[name].result_file.is_file()]
    if not todo:
        return folders, ""
    states: dict[str, State] = {}
    children: SimpleQueue[Children] = SimpleQueue()
    own = [Children() for _ in range(min(at_once, len(todo)))]
    for one in own:
        children.put(one)

    def do(name: str) -> None:
        one, began = children.get(), time.time()
        states[name] = State(RUNNING, began=began)
        reason = attempt(one, configs[name], folders[name])
        states[name] = State(FAILED if reason else DONE, reason, began, time.time() - began)
        children.put(one)

    with (
        Watch(lambda: folders, lambda name: states.get(name, State()), at_once),
        ThreadPoolExecutor(len(own)) as threads,
    ):
        try:
            for done in [threads.submit(do, name) for name in todo]:
                done.result()
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
            for one in own:
                one.close()  # and with it a run that is under way
    return folders, "; ".join(f"{name}: {state.reason}" for name, state in states.items() if state.state == FAILED)
