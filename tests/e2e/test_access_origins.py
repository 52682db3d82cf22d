"""Hosts, other sites and forged predictions, on every way that a request can take."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from support import Service, is_ready, reserved_port, until, write_notebook
from support.prediction_apps import app_of

from runner.access.gate import gate_of
from runner.access.hosts import hosts_of
from runner.access.origins import origins_of
from runner.access.settings import AccessSettings
from runner.config import Limits, ProxyTrust
from runner.http.server import AsgiServer
from runner.http.wsgi_adapter import WsgiAdapter

SITE = "https://app.example.org"
READ_BY_SITE = f"access-control-allow-origin: {SITE}"
KEY = "the-single-key-of-this-service"


def square(number: float, /) -> float:
    """Be the square example."""
    return number * number


async def own_cors(scope: Any, receive: Any, send: Any) -> None:
    """Be an app that says by itself who may read."""
    if scope["type"] == "http":
        headers = [(b"access-control-allow-origin", b"*"), (b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"ok"})


def wsgi(environ: Any, start_response: Any) -> list[bytes]:
    """Be one of the other kind."""
    start_response("200 OK", [("Access-Control-Allow-Origin", "*"), ("Content-Length", "2")])
    return [b"ok"]


APPS = {
    "predict": lambda: app_of(square),
    "asgi": lambda: own_cors,
    "wsgi": lambda: WsgiAdapter(wsgi, 2),
}


@contextlib.contextmanager
def serving(
    app: Any, cors: str = "", hosts: str = "", trust: ProxyTrust | None = None
) -> Iterator[int]:
    """Serve an app where only this machine can connect; give the port."""
    settings = AccessSettings(hosts=hosts_of(hosts), origins=origins_of(cors))
    limits = Limits(linger=0.1, drain_timeout=1)
    gate = gate_of(settings, limits, is_local=True)
    server = AsgiServer(app, limits, gate=gate, trust=trust)
    listener = socket.create_server(("127.0.0.1", 0))
    ready = threading.Event()
    thread = threading.Thread(target=server.run, args=(ready.set,), daemon=True)
    thread.start()
    assert ready.wait(20)
    server.accept(listener)
    try:
        yield listener.getsockname()[1]
    finally:
        server.drain()
        thread.join(20)


def said(port: int, *lines: str, body: str = "5", method: str = "POST", path: str = "/") -> str:
    """Give an answer to a request with these headers."""
    has_host = any(line.startswith("Host:") for line in lines)
    fields = lines if has_host else ("Host: localhost", *lines)
    head = "\r\n".join([f"{method} {path} HTTP/1.1", *fields, f"Content-Length: {len(body)}"])
    with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
        client.sendall(f"{head}\r\n\r\n{body}".encode())
        client.settimeout(20)
        data = b""
        while b"\r\n\r\n" not in data and (piece := client.recv(65536)):
            data += piece
        return data.decode().lower()


def status(port: int, *lines: str, **request: Any) -> int:
    return int(said(port, *lines, **request).split()[1])


JSON = "Content-Type: application/json"


@pytest.mark.parametrize("name", APPS)
def test_a_rebound_name_is_refused_on_every_way(name: str) -> None:
    """With what nearly every client sends, and with what only the general way reads."""
    with serving(APPS[name]()) as port:
        for more in ((JSON,), (JSON, "TE: trailers"), ("Accept-Language: de",)):
            assert status(port, "Host: evil.org", *more) == 421
            assert status(port, f"Host: localhost:{port}", *more) == 200
            assert status(port, f"Host: 127.0.0.1:{port}", *more) == 200
        assert "--allowed-host" not in said(port, "Host: evil.org", method="GET", path="/healthz")


@pytest.mark.parametrize("name", APPS)
def test_a_name_that_a_proxy_was_asked_for_has_to_be_allowed_too(name: str) -> None:
    """A proxy on this machine may be asked by a rebound name as well, and say another to us."""
    trust = ProxyTrust(names="127.0.0.1", says_host=True)
    with serving(APPS[name](), hosts="example.org", trust=trust) as port:
        for more in ((JSON,), (JSON, "TE: trailers")):
            assert status(port, "X-Forwarded-Host: evil.org", *more) == 421
            assert status(port, "X-Forwarded-Host: example.org", *more) == 200


@pytest.mark.parametrize("name", APPS)
def test_a_named_site_may_ask_and_read(name: str) -> None:
    """What the app says of it by itself is left out; others cannot read, and are not told why."""
    with serving(APPS[name](), cors=SITE) as port:
        answer = said(port, JSON, f"Origin: {SITE}")
        assert answer.startswith("http/1.1 200")
        assert READ_BY_SITE in answer
        assert "access-control-expose-headers: x-run-id" in answer
        assert "vary: origin" in answer
        assert "access-control-allow-origin" not in said(port, JSON, "Origin: https://evil.org")
        assert "access-control-allow-origin" not in said(port, JSON)


@pytest.mark.parametrize("name", APPS)
def test_a_preflight_is_answered_before_the_app(name: str) -> None:
    """Also where the app knows no OPTIONS."""
    asks = ("Access-Control-Request-Method: POST", "Access-Control-Request-Headers: x-api-key")
    with serving(APPS[name](), cors=SITE) as port:
        answer = said(port, f"Origin: {SITE}", *asks, method="OPTIONS", body="")
        assert answer.startswith("http/1.1 204")
        assert "access-control-allow-headers: x-api-key" in answer
        assert answer.count("access-control-allow-origin") == 1
        assert status(port, "Origin: https://evil.org", *asks, method="OPTIONS", body="") == 403


@pytest.mark.parametrize("name", ["asgi", "wsgi"])
def test_an_app_that_says_it_by_itself_is_left_alone(name: str) -> None:
    """Where no site is named."""
    with serving(APPS[name]()) as port:
        answer = said(port, f"Origin: {SITE}")
        assert "access-control-allow-origin: *" in answer
        assert "vary" not in answer


FORM = "Content-Type: application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([FORM], 200),  # curl -d 5
        ([], 200),
        ([FORM, "Origin: http://localhost"], 200),
        ([FORM, "Origin: https://evil.org"], 415),
        (["Origin: https://evil.org", "Sec-Fetch-Site: cross-site"], 415),
        (["Content-Type: text/plain", "Origin: null"], 415),
        ([JSON, "Origin: https://evil.org"], 200),  # its browser has asked before
    ],
)
def test_no_prediction_is_forged(lines: Sequence[str], expected: int) -> None:
    """By a form, or a script that may not ask; an app of one's own decides by itself."""
    with serving(app_of(square)) as port:
        answer = said(port, *lines)
        assert int(answer.split()[1]) == expected
        assert ("content-type: application/json;" in answer) == (expected == 415)


SERVES = "from runner import serve\ndef double(x: float): return 2 * x\nserve(double)\n"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A service that asks for a key, and lets one site in."""
    folder: Path = tmp_path_factory.mktemp("origins")
    write_notebook(folder / "n.ipynb", SERVES)
    port = reserved_port()
    options = ("--cors", SITE, "--allowed-host", "example.org", "--trusted-proxies", "127.0.0.1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUNNER_API_KEY", KEY)
        running = Service("serve", "n.ipynb", "--port", str(port), *options, cwd=folder)
    try:
        until(lambda: is_ready(port, running), 60)
        yield port
    finally:
        running.stop()
        running.end()


def test_options_reach_the_workers(service: int) -> None:
    """A page without a key can read why it is refused; its preflight needs none."""
    body, key = '{"x": 2}', f"x-api-key: {KEY}"
    asks = "Access-Control-Request-Method: POST"
    assert status(service, JSON, key, "Host: example.org", body=body) == 200
    assert status(service, JSON, key, "Host: evil.org", body=body) == 421
    assert status(service, f"Origin: {SITE}", asks, method="OPTIONS", body="") == 204
    refused = said(service, JSON, f"Origin: {SITE}", body=body)
    assert refused.startswith("http/1.1 401")
    assert READ_BY_SITE in refused
    assert READ_BY_SITE in said(service, JSON, key, f"Origin: {SITE}", body=body)


def test_a_proxy_s_word_on_the_host_must_be_allowed_too(service: int) -> None:
    """And what it was told, which may be a stranger's."""
    key = f"x-api-key: {KEY}"
    for sent, named, expected in (
        ("localhost", "example.org", 200),
        ("localhost", "evil.org", 421),
        ("evil.org", "localhost", 421),
    ):
        lines = (f"Host: {sent}", f"X-Forwarded-Host: {named}", key)
        assert status(service, *lines, method="GET", body="") == expected
