"""A process that calls ``serve`` as a notebook's last cell does, and clients of it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil

from support import reserved_port


class Serving:
    """A Python process that calls ``serve`` as a notebook's last cell does."""

    def __init__(self, folder: Path, call: str, source: str, **variables: str) -> None:
        self.port, self.said = reserved_port(), ""
        script = folder / f"serve_{self.port}.py"
        script.write_text(f"{source}\nserve(app, port={self.port}, {call})\nprint('ended')\n")
        self.process = subprocess.Popen(
            [sys.executable, str(script)],
            env=os.environ | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def ask(self, path: str = "/") -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def is_ready(self) -> bool:
        """Tell whether our own path says so."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def try_to_ask(self, path: str = "/") -> Any:
        try:
            return self.ask(path)
        except (OSError, http.client.HTTPException):
            return None

    def wait(self) -> str:
        self.said, _ = self.process.communicate(timeout=20)
        return self.said

    def workers(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children()

    def end(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        if not self.said:
            self.said, _ = self.process.communicate(timeout=10)
