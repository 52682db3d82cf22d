"""Have records rendered, by a process that is started when it is needed, and keep the newest."""

from __future__ import annotations

import asyncio
import collections
import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO

_COMMAND = (sys.executable, "-m", "runner.cockpit.records_rendering")
_MOST_KEPT = 32 * 2**20
_LARGEST = 64 * 2**20
POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; img-src data:; "
    "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)

Version = tuple[str, int, int, int]


class Renderer:
    """Give records as HTML that runs nothing and loads nothing.

    One record is rendered at a time, and one thread waits for it. What it takes is bounded by the
    process itself, which ends when a record takes too long.

    Args:
        command: Starts the process.
    """

    def __init__(self, command: Sequence[str] = _COMMAND) -> None:
        self._command = command
        self._turn, self._lock = asyncio.Lock(), threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._kept: collections.OrderedDict[Version, bytes] = collections.OrderedDict()
        self._is_closed = False

    async def page(self, path: Path) -> bytes | None:
        """Give a record's page as `html` does, and take no thread from others meanwhile."""
        async with self._turn:
            return await asyncio.to_thread(self.html, path)

    def html(self, path: Path) -> bytes | None:
        """Give a record's page; None if it cannot be made, or takes too long.

        Args:
            path: The record, which is no link.
        """
        try:
            found = path.lstat()
        except OSError:
            return None
        version = (os.fspath(path), found.st_size, found.st_mtime_ns, found.st_ino)
        with self._lock:
            if version in self._kept:
                self._kept.move_to_end(version)
                return self._kept[version]
            html = None if self._is_closed else self._rendered(path)
            if html is not None:
                self._keep(version, html)
            return html

    def close(self) -> None:
        """End the process, whatever it does."""
        self._is_closed = True
        process = self._process
        if process is not None:
            process.kill()
        with self._lock:
            self._end()

    def _keep(self, version: Version, html: bytes) -> None:
        self._kept[version] = html
        while sum(map(len, self._kept.values())) > _MOST_KEPT:
            self._kept.popitem(last=False)

    def _rendered(self, path: Path) -> bytes | None:
        process = self._process or subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._process = process
        assert process.stdin  # noqa: S101 - as it was asked for
        assert process.stdout  # noqa: S101 - likewise
        try:
            process.stdin.write(json.dumps(os.fsencode(path).hex()).encode() + b"\n")
            process.stdin.flush()
        except BrokenPipeError:
            self._end()
            return None
        html = _answer(process.stdout)
        if html is None:
            self._end()
        return html

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def _answer(stream: IO[bytes]) -> bytes | None:
    head = stream.read(8)
    size = int.from_bytes(head, "big")
    if len(head) < 8 or size > _LARGEST:
        return None
    html = stream.read(size)
    return html if len(html) == size else None
