"""WebSockets under the real supervisor: what a swap and a stop tell their clients."""

from __future__ import annotations

import signal
from pathlib import Path

from support import Service, read_record, send, until, write_notebook
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

APP = """
import asyncio

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        raise ValueError
    message = await receive()
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        while (await receive())["type"] == "websocket.receive":
            pass
        return
    await asyncio.sleep(0.3)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": VERSION})
"""


def save(folder: Path, version: str) -> None:
    source = write_notebook(folder / "new", f"VERSION = b'{version}'", APP)
    source.rename(folder / "a.ipynb")


def said(port: int) -> bytes:
    try:
        return send(port, b"")[2]
    except OSError:
        return b""


def closed_by(client: ClientConnection) -> int | None:
    """Wait for the end, and give its code."""
    try:
        client.recv(30)
    except ConnectionClosed:
        return client.close_code
    raise AssertionError("nobody sends messages here")


def test_a_swap_and_a_stop_say_what_they_are(
    tmp_path: Path, start: type[Service], port: int
) -> None:
    """1012 if another version serves: connect again; 1001 if none does. One record serves then."""
    save(tmp_path, "one")
    service = start("serve", "a.ipynb", "--port", str(port), "--workers", "2", cwd=tmp_path)
    until(lambda: said(port) == b"one", 60)
    url = f"ws://127.0.0.1:{port}/"
    with connect(url, proxy=None) as client:
        save(tmp_path, "two")
        service.process.send_signal(signal.SIGHUP)
        assert closed_by(client) == 1012
        (first,) = (tmp_path / "runs/a").glob("*-0001.ipynb")
        assert read_record(first).metadata.runner.status in ("draining", "stopped")
    until(lambda: said(port) == b"two", 30)
    with connect(url, proxy=None) as client:
        service.process.send_signal(signal.SIGTERM)
        assert closed_by(client) == 1001
    assert service.process.wait(30) == 0
