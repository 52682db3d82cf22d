"""What a service tells who asks whether it is ready, and what it does while it is a lame duck."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from support import Service, is_ready, send, until, write_notebook

APP = """
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"said"})
"""


def readiness(port: int) -> tuple[int, Any]:
    status, _, body = send(port, method="GET", path="/readyz")
    return status, json.loads(body)


def is_answered(port: int) -> bool:
    return send(port, method="GET", path="/")[::2] == (200, b"said")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write_notebook(tmp_path / "a.ipynb", APP)
    return tmp_path


@pytest.fixture
def service(start: type[Service]) -> Service:
    words = ("--port", "0", "--workers", "2", "--reload", "--no-standby", "--lame-duck", "300")
    words += ("--reload-jitter", "0.5")
    return start("serve", "a.ipynb", *words)


def test_a_failed_version_is_told_and_a_lame_duck_answers(service: Service, project: Path) -> None:
    """Who asks hears of both at once, from every worker; then a stop skips the wait, no reload."""
    port = service.bound_port()
    until(lambda: is_ready(port, service), 150)
    write_notebook(project / "a.ipynb", "raise ValueError('no good')")
    failed = {"status": "ready", "version_failed": True}
    until(lambda: all(readiness(port) == (200, failed) for _ in range(8)), 150)
    write_notebook(project / "a.ipynb", APP, "another = 1")
    until(lambda: all(readiness(port) == (200, {"status": "ready"}) for _ in range(8)), 150)
    assert service.said().count("a.ipynb was saved: it is taken up in 0.") == 2
    os.killpg(service.process.pid, signal.SIGTERM)  # as tini does by -g
    lame = (503, {"status": "lame duck"})
    until(lambda: all(readiness(port) == lame for _ in range(8)))
    assert all(is_answered(port) for _ in range(8))
    service.process.send_signal(signal.SIGHUP)
    until(lambda: "it is not begun: the service is stopping" in service.said())
    service.process.send_signal(signal.SIGINT)
    assert service.process.wait(30) == 0
