"""A service whose clients speak TLS, from its first moment to its end."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import json
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import RUNNER, Service, read_record, text_of, until, write_notebook
from support.certificates import Authority, days

SLOW = "import pathlib, time\nwhile not pathlib.Path('go').exists(): time.sleep(0.02)"
APP = """
import os
async def app(scope, receive, send):
    if scope["type"] == "http":
        name = scope["extensions"]["tls"]["client_cert_name"]
        body = f"{scope['scheme']} {scope['client'][0]} {name} {os.getpid()}".encode()
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
"""
OWN = """
import asyncio, uvicorn
uvicorn.run(app, port=9, ssl_certfile={cert!r}, ssl_keyfile={key!r})
"""
OWN_SOCKETS = """
import socket
listener = socket.create_server(("127.0.0.1", 9999))
while True:
    client, _ = listener.accept()
    said = client.recv(65536)
    client.sendall(b"HTTP/1.1 200 OK\\r\\nConnection: close\\r\\n\\r\\n" + said)
    client.close()
"""


def ask(
    port: int, context: ssl.SSLContext, path: str = "/", timeout: float = 30
) -> tuple[int, str]:
    """One request on a connection of its own."""
    client = http.client.HTTPSConnection("localhost", port, context=context, timeout=timeout)
    with contextlib.closing(client):
        client.request("GET", path)
        answer = client.getresponse()
        return answer.status, answer.read().decode()


def answers(port: int, context: ssl.SSLContext, path: str = "/readyz") -> bool:
    try:
        return ask(port, context, path)[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def command(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*RUNNER, *words], check=False, cwd=cwd, capture_output=True, text=True, timeout=60
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def authority(folder: Path) -> Authority:
    return Authority(folder)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Served:
    """A service, and what its clients were answered before it served."""

    service: Service
    port: int
    alive: tuple[int, str]
    ready: tuple[int, str]
    waited: tuple[int, str]


@pytest.fixture(scope="module")
def served(folder: Path, authority: Authority) -> Iterator[Served]:
    """A service of two workers, whose clients have to show a certificate."""
    files = authority.issue()
    write_notebook(folder / "a.ipynb", SLOW, APP)
    words = ["--tls-cert", files.cert, "--tls-key", files.key, "--tls-client-ca", "ca.pem"]
    service = Service("serve", "a.ipynb", "--port", "0", "--workers", "2", *words, cwd=folder)
    with contextlib.ExitStack() as ends:
        ends.callback(service.end)
        port, context = service.bound_port(), authority.client("me")
        alive, ready = ask(port, context, "/healthz"), ask(port, context, "/readyz")
        client = http.client.HTTPSConnection("localhost", port, context=context, timeout=60)
        with contextlib.closing(client):
            client.request("GET", "/")
            (folder / "go").touch()
            answer = client.getresponse()
            waited = answer.status, answer.read().decode()
        until(lambda: answers(port, context))
        yield Served(service=service, port=port, alive=alive, ready=ready, waited=waited)


def test_who_comes_before_it_serves_waits_and_is_known(served: Served) -> None:
    """The supervisor speaks TLS too, and tells the workers who it was."""
    assert served.alive == (200, '{"status": "alive"}')
    assert served.ready[0] == 503
    assert served.waited[0] == 200
    assert served.waited[1].startswith("https 127.0.0.1 CN=me,")


def test_its_commands_and_its_cell_say_https(served: Served, folder: Path) -> None:
    """And the health check of a container finds it, though it can show no certificate."""
    port, record = served.port, folder / "runs/a/out.ipynb"
    assert f"https://127.0.0.1:{port}" in command("status", "a.ipynb", cwd=folder).stdout
    assert f" on https://127.0.0.1:{port}" in served.service.said()
    said = f"serving ASGI on https://127.0.0.1:{port}"
    until(lambda: record.exists() and said in text_of(read_record(record).cells[-1]))
    assert command("probe", "--timeout", "30", "--port", str(port), cwd=folder).returncode == 0


def test_a_renewed_certificate_is_taken_up_by_all(served: Served, authority: Authority) -> None:
    """Without a restart: in each worker, and where connections were kept."""
    port, context = served.port, authority.client("me")

    def shown() -> tuple[str, str]:
        """Which process answers a new connection, and by which certificate."""
        client = http.client.HTTPSConnection("localhost", port, context=context, timeout=30)
        with contextlib.closing(client):
            client.connect()
            certificate: Any = client.sock.getpeercert()
            client.request("GET", "/")
            return client.getresponse().read().split()[-1].decode(), certificate["serialNumber"]

    kept = http.client.HTTPSConnection("localhost", port, context=context, timeout=30)
    with contextlib.closing(kept):
        kept.request("GET", "/")
        kept.getresponse().read()
        _, old = shown()
        authority.issue()
        renewed: dict[str, str] = {}
        until(lambda: renewed.update([shown()]) or len({*renewed.values()} - {old}) == 1)
        until(
            lambda: renewed.update([shown()]) or (len(renewed) == 2 and old not in renewed.values())
        )
        kept.request("GET", "/")
        assert kept.getresponse().read()
    until(lambda: "the certificate was renewed" in served.service.said())
    assert "PRIVATE" not in served.service.said()


def test_a_notebook_that_asks_for_tls_gets_it(
    folder: Path, authority: Authority, tmp_path: Path
) -> None:
    """By its own files, though the command line names none."""
    files = authority.issue()
    call = APP + OWN.format(cert=files.cert, key=files.key)
    write_notebook(tmp_path / "b.ipynb", call)
    service = Service("serve", "b.ipynb", "--port", "0", cwd=tmp_path)
    with contextlib.ExitStack() as ends:
        ends.callback(service.end)
        port = service.bound_port()
        until(lambda: answers(port, authority.client()))
        assert ask(port, authority.client())[1].startswith("https 127.0.0.1 None")
        assert f"served on https://127.0.0.1:{port} instead" in service.said()


def test_a_notebook_s_own_sockets_are_behind_tls(authority: Authority, tmp_path: Path) -> None:
    """The supervisor speaks it, and passes requests on to what speaks none."""
    files = authority.issue()
    write_notebook(tmp_path / "c.ipynb", OWN_SOCKETS)
    words = ["--tls-cert", files.cert, "--tls-key", files.key]
    service = Service("serve", "c.ipynb", "--port", "0", *words, cwd=tmp_path)
    with contextlib.ExitStack() as ends:
        ends.callback(service.end)
        port = service.bound_port()
        until(lambda: answers(port, authority.client()))
        status, said = ask(port, authority.client(), "/x")
        assert status == 200
        assert said.startswith("GET /x HTTP/1.1")
        assert "X-Forwarded-Proto: https" in said


def test_a_certificate_that_no_client_would_take_is_refused_at_the_start(
    authority: Authority, tmp_path: Path
) -> None:
    """By one sentence, and the code of a wrong setting."""
    files = authority.issue(not_before=days(-9), not_after=days(-1))
    write_notebook(tmp_path / "d.ipynb", "1")
    words = ["--tls-cert", files.cert, "--tls-key", files.key]
    done = command("serve", "d.ipynb", *words, cwd=tmp_path)
    authority.issue()
    assert done.returncode == 2
    assert json.dumps(done.stderr).count("certificate has expired") == 1
    assert "Traceback" not in done.stderr
