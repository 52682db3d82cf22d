"""Start the cockpit of a project, which shows what Jupyter has no place for; it ends with Jupyter.

Its token is made here and given to who has passed Jupyter's own checks.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from runner import net
from runner.config import variable
from runner.errors import RunnerError

SECONDS_TO_START = 20.0
_LONGEST_REASON = 500


class Cockpits:
    """Have one for each project, as long as Jupyter runs."""

    def __init__(self) -> None:
        self._running: dict[Path, tuple[subprocess.Popen[bytes], str]] = {}

    def address(self, project: Path) -> str:
        """Give the address, with the token, of a project's; start it if it does not run.

        Raises:
            RunnerError: It did not come up.
        """
        if project not in self._running or self._running[project][0].poll() is not None:
            self._running[project] = _started(project)
        return self._running[project][1]


def _started(project: Path) -> tuple[subprocess.Popen[bytes], str]:
    token, port = secrets.token_hex(24), _free_port()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "runner", "cockpit", str(project), "--port", str(port)],
            env={**os.environ, variable("cockpit_token"): token},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
        )
        atexit.register(_end, process)
        deadline = time.monotonic() + SECONDS_TO_START
        while process.poll() is None and time.monotonic() < deadline:
            if net.http_status("127.0.0.1", port, 1.0, "/sign-in") is not None:
                return process, f"http://127.0.0.1:{port}/?token={token}"
            time.sleep(0.1)
        _end(process)
        said.seek(0)
        reason = said.read(_LONGEST_REASON).decode(errors="replace").strip()
    raise RunnerError(reason or "the cockpit did not come up")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(5)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port
