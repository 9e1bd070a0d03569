"""Runs in processes of their own: one that dies, hangs or uses up the memory takes nothing else with it."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import pickle
import select
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from crossrec.config import TrainConfig

TRAIN = "crossrec.experiments.train:train_quietly"
_GRACE = 10.0  # [s] between asking a run to end and killing it
# Two runs that each use all cores would fight over them; libraries read these when they are loaded.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


class Children:
    """Starts one run after the other. Not for several threads at once: give each its own.

    Args:
        task: What a run does with its config, as ``module:function``.
    """

    def __init__(self, task: str = TRAIN) -> None:
        self.task = task
        self._server: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None
        self._buffer = b""

    def run(self, config: TrainConfig, log: Path, timeout: float | None = None) -> str:
        """Do a run.

        Args:
            config: Of the run.
            log: File that gets what the run prints.
            timeout: After how many seconds it is stopped.

        Returns:
            What went wrong, in words, or nothing.
        """
        try:
            server = self._started()
            request = {"config": base64.b64encode(pickle.dumps(config)).decode(), "log": str(log.resolve())}
            self._send(server, request)
            child = int(self._answer().split()[1])
            return self._wait(child, timeout)
        except (BrokenPipeError, EOFError):
            reason = self._last_words()
            self.close()
            return f"the process that starts runs has died{reason}"

    def close(self) -> None:
        """End the server and with it a run that is under way."""
        if self._server is not None:
            self._server.kill()
            self._server.wait()
            for pipe in (self._server.stdin, self._server.stdout, self._errors):
                if pipe is not None:
                    with contextlib.suppress(BrokenPipeError):
                        pipe.close()
        self._server, self._buffer = None, b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._server is not None and self._server.poll() is not None:
            self.close()
        if self._server is None:
            self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the server)
            self._server = subprocess.Popen(
                [sys.executable, "-m", "crossrec.experiments.sweep.server", self.task],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env={**os.environ, **ONE_THREAD},
                bufsize=0,
                start_new_session=True,  # an interruption from the keyboard reaches who asked, and not the runs twice
            )
            self._answer()
        return self._server

    @staticmethod
    def _send(server: subprocess.Popen[bytes], request: dict[str, Any]) -> None:
        assert server.stdin is not None
        server.stdin.write(json.dumps(request).encode() + b"\n")

    def _wait(self, child: int, timeout: float | None) -> str:
        end = None if timeout is None else time.monotonic() + timeout
        try:
            outcome = json.loads(self._answer(end))
        except TimeoutError:
            assert timeout is not None
            _end(child, signal.SIGTERM)
            try:
                self._answer(time.monotonic() + _GRACE)
            except TimeoutError:
                _end(child, signal.SIGKILL)
                self._answer()
            limit = f"{timeout / 60:g} minutes, the limit"
            return f"it was stopped after {limit}; a later start goes on from its last resume point"
        status, reason = outcome["status"], str(outcome["reason"])
        if status == 0:
            return ""
        if status < 0:
            name = signal.Signals(-status).name
            return f"it was killed ({name}), perhaps for lack of memory"
        return reason.rstrip(".") or f"it ended with status {status} and without a word"

    def _answer(self, end: float | None = None) -> str:
        """The server's next line.

        Raises:
            TimeoutError: If there is none before ``end`` [s, monotonic].
            EOFError: If the server is gone.
        """
        assert self._server is not None
        assert self._server.stdout is not None
        pipe = self._server.stdout.fileno()
        while b"\n" not in self._buffer:
            wait = None if end is None else max(end - time.monotonic(), 0.0)
            if not select.select([pipe], [], [], wait)[0]:
                raise TimeoutError
            piece = os.read(pipe, 65536)
            if not piece:
                raise EOFError
            self._buffer += piece
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.decode()

    def _last_words(self) -> str:
        if self._errors is None:
            return ""
        self._errors.seek(0)
        lines = [line for line in self._errors.read().decode(errors="replace").splitlines() if line.strip()]
        return f" ({lines[-1].strip()})" if lines else ""


def _end(child: int, how: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, how)
