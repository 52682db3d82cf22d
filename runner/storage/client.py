"""Have URLs read and written by a process of its own, which can be killed, and comes again."""

from __future__ import annotations

import contextlib
import functools
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from typing import IO, Any, Self, cast

from runner import wire
from runner.processes import readable
from runner.storage.faults import KINDS, UnreachableError

WITHIN = 300.0  # seconds, for an answer: what is asked over there has deadlines of its own
LISTS_WITHIN = 3600.0  # a folder whose files are fetched
_ENDS_WITHIN = 2.0
_BEGINS_AGAIN = 2.0
_STANDING = ("follow", "follow etags", "follow folder", "mirror")


class StorageProcess:
    """Own one ``python -m runner.storage.process``, which begins with the first question.

    Args:
        environ: Variables that it has besides ours.
    """

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = {**os.environ, **(environ or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._lines = wire.Lines()
        self._standing: list[wire.Message] = []
        self._held: dict[str, wire.Message] = {}
        self._lock = threading.RLock()
        self._is_closing = threading.Event()
        self._watch: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, within: float = WITHIN, **order: Any) -> wire.Message:
        """Give an order, and wait for the answer.

        Raises:
            StorageError: No later try mends what is wrong.
            UnreachableError: A later one may.
        """
        with self._lock:
            if order["do"] in _STANDING:
                self._standing.append(order)
            self._send(order)
            said = self._answer(within)
            if said.get("held"):
                self._held[order["lock"]] = order
        if said["ok"]:
            return said
        raise KINDS.get(said["kind"], UnreachableError)(said["error"], hint=said["hint"])

    def tell(self, **order: Any) -> None:
        """Give an order, and wait for nothing; what stands is told again to one that comes anew."""
        with self._lock, contextlib.suppress(UnreachableError):
            order |= {"asks": False}
            if order["do"] in _STANDING:
                self._standing.append(order)
            if order["do"] == "release":
                self._held.pop(order["lock"], None)
            self._send(order)

    def finish(self, seconds: float) -> tuple[list[str], str]:
        """Have copied what is not copied, within some seconds; give what is left then, and why."""
        if not any(order["do"] == "mirror" for order in self._standing):
            return [], ""
        for _ in range(2):  # it may have ended just now
            try:
                said = self.ask(seconds + _ENDS_WITHIN, do="finish", seconds=seconds)
                return list(said["left"]), str(said["reason"])
            except UnreachableError as error:
                reason = str(error)
                self._come_again()
        return [order["path"] for order in self._standing if order["do"] == "mirror"], reason

    def close(self) -> None:
        """End it; what is not copied by now is not copied."""
        with self._lock:
            self._is_closing.set()
            process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        if self._watch is not None:
            self._watch.join()
        _close_streams(process)

    def _send(self, order: wire.Message) -> None:
        process = self._process or self._begin()
        try:
            stdin = cast("IO[bytes]", process.stdin)
            stdin.write(wire.encode(order))
            stdin.flush()
        except OSError as error:
            raise self._gone() from error

    def _answer(self, within: float) -> wire.Message:
        process = cast("subprocess.Popen[bytes]", self._process)
        fd = cast("IO[bytes]", process.stdout).fileno()
        deadline = time.monotonic() + within
        while (left := deadline - time.monotonic()) > 0 and readable([fd], left):
            data = os.read(fd, 65536)
            if not data:
                raise self._gone()
            if said := self._lines.feed(data):
                return said[0]
        process.kill()  # an answer that came later would be taken for the next one's
        raise UnreachableError(f"the storage process did not answer within {within:g} s")

    def _gone(self) -> UnreachableError:
        return UnreachableError("the storage process has ended")

    def _begin(self) -> subprocess.Popen[bytes]:
        self._lines = wire.Lines()
        process = self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "runner.storage.process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=self._environ,
            start_new_session=True,
        )
        watch = functools.partial(self._begin_again, process)
        self._watch = threading.Thread(target=watch, name="storage", daemon=True)
        self._watch.start()
        return process

    def _begin_again(self, process: subprocess.Popen[bytes]) -> None:
        """Begin once more when it has ended, though nobody wanted that, with what stands."""
        process.wait()
        if self._is_closing.wait(_BEGINS_AGAIN):
            return
        with self._lock:
            if not self._is_closing.is_set() and self._process is process:
                self._come_again()

    def _come_again(self) -> None:
        with self._lock, contextlib.suppress(UnreachableError):
            if self._process is not None:
                self._process.kill()
                self._process.wait()
                _close_streams(self._process)
            self._begin()
            # What it had copied before may have been written again since.
            for order in (*self._standing, *self._held.values()):
                self._send(order | {"asks": False, "known": []})


def _close_streams(process: subprocess.Popen[bytes]) -> None:
    for stream in (process.stdin, process.stdout):
        with contextlib.suppress(OSError):  # what was not sent yet
            cast("IO[bytes]", stream).close()
