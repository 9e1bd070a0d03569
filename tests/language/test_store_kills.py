"""Eight processes fill one store while two of them are killed again and again: whole batches stay, and nothing else."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

from crossrec.language.answer import Answer
from crossrec.language.store import Context, ContextStore, Entry, Writer

WRITER = Writer("g", "e")
ROOT = Path(__file__).parents[2]
KILLS = 10
POOL = 5_000  # prompts that any process may write


def a_batch(name: str, number: int) -> list[Entry]:
    """Prompts of one batch only, mixed with some that other batches have as well; their contexts follow from them."""
    shared = np.random.default_rng([number, *name.encode()]).choice(POOL, 20, replace=False)
    prompts = [p for i in range(20) for p in (f"{name} {number} {i}", f"shared {shared[i]}")]
    return [Entry(p, "", Context(Answer(f"text of {p}"), np.full(64, number_of(p), np.float32))) for p in prompts]


def number_of(prompt: str) -> int:
    return sum(prompt.encode()) % 1009


def work(path: str, name: str) -> None:
    """Write batches and note each one that is written, until a file says stop."""
    store, number = ContextStore(path), 0
    with open(f"{path}.{name}.done", "a", buffering=1) as notes:
        while not os.path.exists(f"{path}.stop"):
            store.put_many(WRITER, a_batch(name, number))
            notes.write(f"{number}\n")
            number += 1
    store.close()


def start(path, name):
    return subprocess.Popen([sys.executable, "-m", "tests.language.test_store_kills", path, name], cwd=ROOT)


def finished(path, name):
    """Batches that a process has noted."""
    notes = path.with_name(f"{path.name}.{name}.done")
    return [int(line) for line in notes.read_text().splitlines()] if notes.exists() else []


def test_finished_batches_are_there_once_and_whole_whoever_is_killed(tmp_path):
    path, random = tmp_path / "contexts.sqlite", np.random.default_rng(7)
    names = [f"steady{i}" for i in range(6)] + ["victim0", "victim1"]
    running = {name: start(path, name) for name in names}
    victims = names[6:]
    try:
        for kill in range(KILLS):
            victim = victims[kill % 2]
            for _ in range(1500):  # until it writes, except that some are killed while they start
                if kill % 5 == 4 or finished(path, victim):
                    break
                time.sleep(0.02)
            time.sleep(random.uniform(0, 0.2))
            process = running.pop(victim)
            os.kill(process.pid, signal.SIGKILL)
            assert process.wait(timeout=60) == -signal.SIGKILL
            victims[kill % 2] = f"victim{kill + 2}"
            names.append(victims[kill % 2])
            running[names[-1]] = start(path, names[-1])
        for _ in range(1500):
            if all(finished(path, victim) for victim in victims):
                break
            time.sleep(0.02)
    finally:
        path.with_name(f"{path.name}.stop").touch()
        ends = [process.wait(timeout=60) for process in running.values()]
    assert ends == [0] * 8

    store = ContextStore(path)
    contexts = {entry.prompt: entry.context for _, entry in store.entries()}
    assert store.verify() == len(store) == len(contexts)  # no key twice, every page and checksum sound
    for prompt, (answer, vector) in contexts.items():
        assert answer == Answer(f"text of {prompt}")
        assert vector.shape == (64,)
        assert (vector == number_of(prompt)).all()

    own = Counter(tuple(prompt.split()[:2]) for prompt in contexts if not prompt.startswith("shared"))
    killed = 0
    for name in names:
        noted, written = finished(path, name), sorted(int(number) for who, number in own if who == name)
        # The batch that a killed process was writing is there or not; before it, all are.
        assert noted == list(range(len(noted)))
        assert written in (noted, [*noted, len(noted)])
        killed += name.startswith("victim") and bool(noted)
        for number in written:
            assert own[name, str(number)] == 20
            assert all(entry.prompt in contexts for entry in a_batch(name, number))
    assert killed >= 8
    assert all(finished(path, name) for name in names[:6])
    assert len(own) > 100


if __name__ == "__main__":
    work(*sys.argv[1:])
