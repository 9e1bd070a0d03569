"""Code in a process of its own that need not import everything anew: it is forked off one that has done so."""

import contextlib
import multiprocessing
import os
import sys
import traceback
from pathlib import Path
from typing import NamedTuple

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(
    ["crossrec.experiments.train", "crossrec.experiments.cli", "crossrec.experiments.journey"]
)


class Ended(NamedTuple):
    """How a process ended and what it said."""

    status: int
    out: str
    err: str


def run_code(code: str, folder: Path, seconds: float = 120.0) -> Ended:
    """Run Python code in a folder."""
    return _run(_code, code, folder, seconds)


def run_command(words: list[str], folder: Path, seconds: float = 120.0) -> Ended:
    """Run the command line in a folder."""
    return _run(_command, words, folder, seconds)


def _run(target, what, folder, seconds):
    files = [folder / f".{name}-{os.getpid()}" for name in ("out", "err")]
    process = _SERVER.Process(target=_in_folder, args=(target, what, folder, *files))
    process.start()
    process.join(seconds)
    if process.exitcode is None:
        process.kill()
        process.join()
    said = [file.read_text(encoding="utf-8") for file in files]
    for file in files:
        file.unlink()
    assert process.exitcode is not None
    return Ended(process.exitcode, *said)


def _in_folder(target, what, folder, out, err):
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    for number, file in ((1, out), (2, err)):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    sys.stdout, sys.stderr = (open(number, "w", encoding="utf-8", closefd=False) for number in (1, 2))  # noqa: SIM115
    status = 1
    try:
        status = target(what)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(bool(end.code))
    except BaseException:
        traceback.print_exc()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(ValueError):
            stream.flush()
    os._exit(status)


def _code(code):
    exec(compile(code, "<block>", "exec"), {"__name__": "__main__"})
    return 0


def _command(words):
    from crossrec.experiments.cli import main

    return main(words)
