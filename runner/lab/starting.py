"""Start `runner serve` for a notebook, as a process that goes on when Jupyter ends.

It has a session of its own, so that neither Ctrl-C nor a closed terminal of Jupyter's reaches it:
a service is not part of whoever has begun it. It is found again by its control socket. It ends by
the menu, by `runner stop`, or by SIGTERM.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from runner.lab.state import NOT_SERVED, State
from runner.record import folders
from runner.record.private_files import append_to_private, make_private_folder
from runner.supervise.detached_thread import in_a_thread

PORT = 8000
_LOGS = "serve-logs"
_MOST_READ = 2048
_LINES_SHOWN = 4


@dataclasses.dataclass(frozen=True, kw_only=True)
class Start:
    """Know a service that was started here.

    Attributes:
        log: Where its process writes what it has to say.
        ended: Its exit code, once it has ended.
    """

    log: Path
    ended: asyncio.Future[int]


class Starts:
    """Start services, and know those that did not come up."""

    def __init__(self) -> None:
        self._starts: dict[Path, Start] = {}
        self._begun: set[Path] = set()

    def is_starting(self, notebook: Path) -> bool:
        """Tell whether a process of ours runs for a notebook, or is about to."""
        start = self._starts.get(notebook)
        return notebook in self._begun or (start is not None and not start.ended.done())

    async def start(self, notebook: Path, project: Path) -> None:
        """Start a service in the folder of its project.

        Raises:
            OSError: No process could be started, or its log not be written.
        """
        self._begun.add(notebook)
        try:
            process, log = await in_a_thread(lambda: _spawn(notebook, project))
            self._starts[notebook] = Start(log=log, ended=in_a_thread(process.wait))
        finally:
            self._begun.discard(notebook)

    async def state(self, notebook: Path) -> dict[str, Any]:
        """Say what became of a notebook for which no supervisor answers (yet)."""
        start = self._starts.get(notebook)
        if start is None:
            return NOT_SERVED
        if not start.ended.done():
            return {"state": State.STARTING}
        if start.ended.result() == 0:
            return NOT_SERVED
        reason = await in_a_thread(lambda: _last_words(start.log))
        said = reason or f"runner serve ended with code {start.ended.result()}"
        return {"state": State.FAILED, "failure": {"reason": said, "at": str(start.log)}}


def _spawn(notebook: Path, project: Path) -> tuple[subprocess.Popen[bytes], Path]:
    path = notebook.relative_to(project)
    log = project / folders.runs() / _LOGS / path.with_suffix(".log")
    make_private_folder(log.parent)
    # --: a name may begin as an option does.
    words = ["serve", "--reload", "--port", str(_free_port()), "--", str(path)]
    log.unlink(missing_ok=True)
    with append_to_private(log) as said:
        process = subprocess.Popen(
            # -P: no `runner.py` of the project's is meant.
            [sys.executable, "-P", "-m", "runner", *words],
            cwd=project,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return process, log


def _free_port() -> int:
    """Give the port that is everybody's default if nobody has it, else 0, which is any."""
    with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", PORT)):
        return PORT
    return 0


def _last_words(log: Path) -> str:
    """Give the last lines that a process has written."""
    with contextlib.suppress(OSError), log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _MOST_READ))
        lines = file.read().decode(errors="replace").strip().splitlines()
        return "\n".join(lines[-_LINES_SHOWN:])
    return ""
