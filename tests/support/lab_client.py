"""Ask JupyterLab and TensorBoard as a browser does: a terminal, a kernel, a scalar."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tensorboard.summary import Writer
from websocket import WebSocket, create_connection

from support import until

TOKEN = "a-token-for-the-test"


def ask(
    port: int,
    path: str,
    method: str = "GET",
    *,
    token: str = "",
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    timeout: float = 10,
) -> tuple[int, Any]:
    """The status and the decoded answer of one of the two; 0 while nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    given = {"Authorization": f"token {token}"} if token else {}
    content = None if body is None else json.dumps(body)
    try:
        connection.request(method, path, content, given | dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"null")
    except (OSError, http.client.HTTPException):
        return 0, None
    finally:
        connection.close()


def type_in_a_terminal(port: int, line: str, awaited: str) -> str:
    """Make a terminal, type a line, and give what it showed until then."""
    status, terminal = ask(port, "/api/terminals", "POST", token=TOKEN)
    assert status == 200
    url = f"ws://127.0.0.1:{port}/terminals/websocket/{terminal['name']}?token={TOKEN}"
    shell: WebSocket = create_connection(url, timeout=20)
    shown = ""
    try:
        shell.send(json.dumps(["stdin", f"{line}\r"]))
        while awaited not in shown:
            kind, *said = json.loads(shell.recv())
            shown += said[0] if kind == "stdout" else ""
    finally:
        shell.close()
    return shown


def log_a_scalar(logs: Path) -> None:
    """Write what a training writes for TensorBoard."""
    writer = Writer(str(logs / "a-run"))
    writer.add_scalar("loss", 0.5, 1)
    writer.close()


def wait_for_the_scalar(port: int) -> None:
    """Wait until TensorBoard has read it; it looks every five seconds."""
    until(lambda: "loss" in scalars(port).get("a-run", {}), 60)


def scalars(port: int) -> dict[str, Any]:
    """The names of the scalars of each run."""
    status, found = ask(port, "/data/plugin/scalars/tags")
    return dict(found) if status == 200 else {}
