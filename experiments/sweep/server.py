"""Starts runs, each in a fork of a process that has imported everything: that takes milliseconds, not seconds.

Requests come as lines of JSON on standard input, answers go to standard output; `.children.Children` talks to it.
"""

from __future__ import annotations

import base64
import importlib
import json
import os
import pickle
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import IO, Any

from crossrec.errors import CrossRecError

_POLL = 0.5  # [s]


def main() -> None:
    """Serve until standard input ends, which it does when the process that asked for runs is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever asked decides what an interruption means
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what an import prints is no answer
    task = task_of(sys.argv[1])
    print("ready", file=answers)
    # One unbuffered line at a time: nothing that a child inherits may be read twice.
    while line := _line():
        request = json.loads(line)
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read)
            _run(task, request, write)
        os.close(write)
        print(f"started {child}", file=answers)
        with os.fdopen(read) as pipe:
            reason = pipe.read()
        _, status = os.waitpid(child, 0)
        print(json.dumps({"status": os.waitstatus_to_exitcode(status), "reason": reason}), file=answers)


def task_of(name: str) -> Callable[[Any], object]:
    """The function that a name such as ``crossrec.experiments.train:train`` means."""
    module, _, function = name.partition(":")
    task: Callable[[Any], object] = getattr(importlib.import_module(module), function)
    return task


def _line() -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 65536)
        if not byte:
            return b""
        line += byte  # requests come one by one, so no read holds more than one
    return line


def _run(task: Callable[[Any], object], request: dict[str, str], write: int) -> None:
    """The child: do the task, tell what went wrong, end."""
    os.set_inheritable(write, False)
    parent = os.getppid()
    threading.Thread(target=_end_with_parents, args=(parent,), daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    reason, status = "", 0
    try:
        log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        os.dup2(log, 1)
        os.dup2(log, 2)
        task(pickle.loads(base64.b64decode(request["config"])))
    except CrossRecError as error:
        reason, status = str(error), 2
    except BaseException as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split()) or 'no reason given'}"
        status = 1
        _trace(sys.stderr)
    with os.fdopen(write, "w") as pipe:
        pipe.write(reason)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status)  # without what the server registered for its own end


def _trace(file: IO[str]) -> None:
    import traceback

    traceback.print_exc(file=file)


def _end_with_parents(server: int) -> None:
    """A run must not go on for ever when those who wanted it were killed: the server, or who writes to its input."""
    poll = select.poll()
    poll.register(0, select.POLLHUP)
    while os.getppid() == server and not any(event & select.POLLHUP for _, event in poll.poll(_POLL * 1000)):
        time.sleep(0.05)
    os._exit(1)


if __name__ == "__main__":
    main()
