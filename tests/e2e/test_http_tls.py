"""TLS between real clients and the server's own stack."""

from __future__ import annotations

import contextlib
import http.client
import logging
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import break_off, until
from support.certificates import Authority, own_client
from websockets.sync.client import connect

from runner.config import Limits
from runner.http.server import AsgiServer
from runner.http.wsgi_adapter import WsgiAdapter
from runner.tls.server_tls import ServerTls

WORD = b"\0secret"
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answer with the body and, before it, what is known of the client."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        said = await receive()
        await send({"type": "websocket.send", "text": scope["scheme"] + said["text"]})
    if scope["type"] != "http":
        return
    pieces, more = [], True
    while more:
        message = await receive()
        pieces.append(message.get("body", b""))
        more = message.get("more_body", False)
    name = scope["extensions"].get("tls", {}).get("client_cert_name") or ""
    body = f"{scope['scheme']} {name}\n".encode() + b"".join(pieces)
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def wsgi(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("content-type", "text/plain")])
    return [f"{environ['wsgi.url_scheme']} {environ.get('SSL_CLIENT_S_DN')}".encode()]


class Served:
    """A server in a thread, that speaks TLS."""

    def __init__(self, app: Any, tls: ServerTls, **limits: Any) -> None:
        self.tls = tls
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        self.server = AsgiServer(app, Limits(**{"linger": 0.2, **limits}), tls=tls)
        ready = threading.Event()
        self.thread = threading.Thread(target=self.server.run, args=(ready.set,), daemon=True)
        self.thread.start()
        assert ready.wait(10)
        self.server.accept(listener)

    def tcp(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def connect(self, context: ssl.SSLContext) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection("localhost", self.port, context=context, timeout=20)

    def ask(self, context: ssl.SSLContext, body: bytes = b"") -> bytes:
        with contextlib.closing(self.connect(context)) as client:
            client.request("POST", "/", body)
            return client.getresponse().read()

    def end(self) -> None:
        self.server.drain()
        self.thread.join(10)
        assert not self.thread.is_alive()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def served(authority: Authority) -> Iterator[Served]:
    """A server that asks clients who they are, and lets in those who do not say it."""
    issued = authority.issue()
    files = type(issued)(
        cert=issued.cert, key=issued.key, client_ca=str(authority.path), is_client_optional=True
    )
    tls = ServerTls.read(files)
    tls.relay_word = WORD
    served = Served(echo, tls, read_timeout=1.0)
    yield served
    served.end()


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever a client does is worth no traceback."""
    caplog.set_level(logging.WARNING)
    yield
    assert [
        record for record in caplog.records if record.exc_info or record.name == "asyncio"
    ] == []


@pytest.mark.parametrize("size", [0, 10, 16_384, 16_385, 5_000_000])
def test_bodies_of_every_size_come_and_go(served: Served, authority: Authority, size: int) -> None:
    """A record holds 16 KB, and a connection many; it is kept."""
    body = bytes(range(256)) * (size // 256 + 1)
    with contextlib.closing(served.connect(authority.client())) as client:
        for _ in range(2):
            client.request("POST", "/", body[:size])
            assert client.getresponse().read() == b"https \n" + body[:size]


def test_the_app_is_told_who_its_client_is(served: Served, authority: Authority) -> None:
    """By its certificate, if it has shown one."""
    answer = served.ask(authority.client("me"))
    assert answer.startswith(b"https CN=me,")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_versions_are_refused(served: Served, version: ssl.TLSVersion) -> None:
    """Also those that a client would still speak."""
    with pytest.warns(DeprecationWarning, match="deprecated"):
        context = own_client(version)
    with served.tcp() as client, pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
        context.wrap_socket(client)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_the_versions_of_today_are_spoken(served: Served, version: ssl.TLSVersion) -> None:
    """By whichever the client wants."""
    with served.tcp() as client, own_client(version).wrap_socket(client) as secured:
        assert secured.version() == version.name.replace("_", ".")


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize(
    "said",
    [REQUEST, b"\0not the word\n" + REQUEST, b"\0" * 9000, b"\x16\x03\x01" * 99],
    ids=["HTTP", "word", "zeros", "noise"],
)
def test_who_speaks_no_tls_is_let_go(served: Served, said: bytes) -> None:
    """It gets no answer: what could be said it would not understand, or should not know."""
    with served.tcp() as client:
        client.sendall(said)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            answer = client.recv(1000)
    assert not answer.startswith(b"HTTP")


@pytest.mark.usefixtures("quiet")
def test_who_never_shakes_hands_is_cut_and_in_nobody_s_way(
    served: Served, authority: Authority
) -> None:
    """Silent, or in the middle of its first word."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(served.tcp()) for _ in range(100)]
        for client in clients[::2]:
            client.sendall(b"\x16\x03\x01\x02\x00\x01")
        assert served.ask(authority.client()) == b"https \n"
        assert {client.recv(10) for client in clients} == {b""}


def test_who_has_not_shaken_hands_makes_room(authority: Authority) -> None:
    """As others that are idle, where there are as many connections as there may be."""
    served = Served(echo, ServerTls.read(authority.issue()), max_connections=4)
    with contextlib.ExitStack() as stack:
        silent = [stack.enter_context(served.tcp()) for _ in range(4)]
        until(lambda: len(served.server.state.connections) == 4)
        assert served.ask(authority.client()) == b"https \n"
        assert silent[0].recv(10) == b""
    served.end()


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("is_broken_off", [False, True])
def test_a_client_may_go_without_a_word(served: Served, is_broken_off: bool) -> None:
    """In the middle of a request, or between two."""
    for said in (b"", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc"):
        with served.tcp() as client:
            secured = own_client().wrap_socket(client)
            secured.sendall(said)
            plain = socket.socket(fileno=secured.detach())
            break_off(plain) if is_broken_off else plain.close()
    until(lambda: not served.server.state.connections)


def test_a_websocket_speaks_tls(served: Served, authority: Authority) -> None:
    """And its app knows it."""
    with connect(f"wss://localhost:{served.port}/", ssl=authority.client()) as client:
        client.send("!")
        assert client.recv() == "wss!"


def test_the_relay_is_known_by_its_word(served: Served) -> None:
    """It has opened what its clients say, and tells who they are."""
    with served.tcp() as client:
        client.sendall(WORD + b" CN=me\nGET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.endswith(b"https CN=me\n")


def test_whoever_is_connected_keeps_what_was_agreed(served: Served, authority: Authority) -> None:
    """A renewed certificate is for those who come."""
    context, before = authority.client(), served.tls.context
    with contextlib.closing(served.connect(context)) as kept:
        kept.request("POST", "/", b"1")
        assert kept.getresponse().read() == b"https \n1"
        old = kept.sock.getpeercert()
        authority.issue()
        until(lambda: served.tls.context is not before)
        kept.request("POST", "/", b"2")
        assert kept.getresponse().read() == b"https \n2"
        with contextlib.closing(served.connect(context)) as new:
            new.connect()
            assert new.sock.getpeercert()["serialNumber"] != old["serialNumber"]


def test_a_thread_that_answers_wsgi_is_lent_no_connection(authority: Authority) -> None:
    """It would write what nobody has closed."""
    served = Served(WsgiAdapter(wsgi, 4), ServerTls.read(authority.issue()))
    with contextlib.closing(served.connect(authority.client())) as client:
        for _ in range(3):
            client.request("GET", "/")
            assert client.getresponse().read() == b"https None"
    served.end()


def test_who_must_show_a_certificate_is_refused_without(
    authority: Authority, tmp_path: Path
) -> None:
    """Also with one of another authority."""
    issued = authority.issue()
    files = type(issued)(cert=issued.cert, key=issued.key, client_ca=str(authority.path))
    served = Served(echo, ServerTls.read(files))
    stranger = Authority(tmp_path).client("me")
    stranger.load_verify_locations(authority.path)
    for context in (authority.client(), stranger):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            served.ask(context)
    assert served.ask(authority.client("me")).startswith(b"https CN=me")
    served.end()
