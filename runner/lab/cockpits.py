"""Start the cockpit of a project, which shows what Jupyter has no place for; it ends with Jupyter.

Its token is made here and given to who has passed Jupyter's own checks.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import secrets
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from runner.config import variable
from runner.errors import RunnerError

SECONDS_TO_START = 20.0
_LONGEST_REASON = 500
_LINK = re.compile(r"http://[0-9.:]+/(?=\s)")


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
    token = secrets.token_hex(24)
    with tempfile.NamedTemporaryFile() as said:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "runner", "cockpit", str(project), "--port", "0"],
            env={**os.environ, variable("cockpit_token"): token, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )
        atexit.register(_end, process)
        words, deadline = "", time.monotonic() + SECONDS_TO_START
        while time.monotonic() < deadline:
            has_ended = process.poll() is not None
            words = Path(said.name).read_text(errors="replace")
            if found := _LINK.search(words):
                return process, f"{found[0]}?token={token}"
            if has_ended:
                break
            time.sleep(0.1)
        _end(process)
    raise RunnerError(words[:_LONGEST_REASON].strip() or "the cockpit did not come up")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(5)
