"""An app's answer as HTTP/1.1, and the app's environ."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any
from wsgiref.util import FileWrapper

import pytest

from runner.config import Limits
from runner.http.gateway import Answer, environ_of, own_answer, refusal
from runner.http.http1 import Request, RequestReader

OK = "200 OK"


def ask(method: str = "GET", version: str = "1.1", *lines: str) -> Request:
    reader = RequestReader(Limits())
    head = [f"{method} /a%20%C3%A9?q=1 HTTP/{version}", "Host: h", *lines, "", ""]
    reader.feed("\r\n".join(head).encode() + b"body")
    request = reader.next()
    assert request is not None
    return request


class Sent:
    """An answer, taken apart; ``sends`` are the pieces in which it would go out."""

    def __init__(self, app: Any, request: Request | None = None, **options: Any) -> None:
        self.sends: list[bytes] = []
        self.finished: list[int] = []
        request = request or ask()
        environ = environ_of(request, ("1.2.3.4", 5), ("127.0.0.1", 80))
        self.answer = Answer(
            request, environ, send=self.sends.append, finish=self._finish, **options
        )
        self.answer.run(app)
        head, _, self.body = b"".join(self.sends).partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        self.status = int(status.split()[1]) if status else 0
        self.headers = {name: value for name, _, value in (line.partition(": ") for line in lines)}

    def _finish(self, data: bytes) -> None:
        self.finished.append(len(self.sends))
        self.sends.append(data)


def app_of(
    blocks: Callable[[], Any], *headers: tuple[str, str], status: str = OK
) -> Callable[[Any, Any], Any]:
    def app(environ: Any, start_response: Any) -> Any:
        start_response(status, list(headers))
        return blocks()

    return app


def test_a_list_goes_out_in_one_piece() -> None:
    """What is all here is sent at once, with its length, and the connection stays."""
    sent = Sent(app_of(lambda: [b"ab", b"", b"c"]))
    assert (sent.status, sent.body, len(sent.sends)) == (200, b"abc", 1)
    assert sent.headers["Content-Length"] == "3"
    assert "Connection" not in sent.headers
    assert (sent.answer.keep_alive, sent.answer.code, sent.answer.size) == (True, 200, 3)


def test_an_iterator_is_chunked_block_by_block() -> None:
    """Each block goes out before the app is asked for the next (PEP 3333)."""
    sends_seen: list[int] = []
    sent: Sent

    def blocks() -> Iterator[bytes]:
        yield b"ab"
        sends_seen.append(len(pieces))
        yield b""
        yield b"c" * 20

    pieces: list[bytes] = []
    request = ask()
    answer = Answer(request, {}, send=pieces.append, finish=pieces.append)
    answer.run(app_of(blocks))
    assert sends_seen == [1]
    assert b"".join(pieces).endswith(b"\r\n\r\n2\r\nab\r\n14\r\n" + b"c" * 20 + b"\r\n0\r\n\r\n")
    sent = Sent(app_of(blocks))
    assert sent.headers["Transfer-Encoding"] == "chunked"
    assert sent.answer.keep_alive


def test_http10_without_a_length_ends_with_the_connection() -> None:
    """HTTP/1.0 knows no chunks: the body is plain, and the connection closes."""
    sent = Sent(app_of(lambda: iter([b"ab", b"c"])), ask("GET", "1.0", "Connection: keep-alive"))
    assert sent.body == b"abc"
    assert sent.headers["Connection"] == "close"
    assert not sent.answer.keep_alive


def test_http10_with_a_length_stays_if_asked() -> None:
    """A client of HTTP/1.0 that asks to keep the connection is told so."""
    sent = Sent(app_of(lambda: [b"ab"]), ask("GET", "1.0", "Connection: keep-alive"))
    assert sent.headers["Connection"] == "keep-alive"
    assert sent.answer.keep_alive


def test_the_last_answer_says_close() -> None:
    """While the server drains, the client is told."""
    sent = Sent(app_of(lambda: [b"ab"]), is_last=lambda: True)
    assert sent.headers["Connection"] == "close"
    assert not sent.answer.keep_alive


@pytest.mark.parametrize(
    ("status", "method", "given", "shown"),
    [
        (OK, "HEAD", [b"abc"], "3"),
        (OK, "HEAD", [], None),
        ("304 Not Modified", "GET", [b"abc"], None),
        ("204 No Content", "GET", [b"abc"], None),
    ],
)
def test_some_answers_have_no_body(
    status: str, method: str, given: list[bytes], shown: str | None
) -> None:
    """HEAD, 204 and 304 send no body, whatever the app gives, and the connection stays."""
    sent = Sent(app_of(lambda: given, status=status), ask(method))
    assert sent.body == b""
    assert sent.headers.get("Content-Length") == shown
    assert "Transfer-Encoding" not in sent.headers
    assert sent.answer.keep_alive


def test_head_keeps_the_length_the_app_states() -> None:
    """The app knows how long the body of a GET would be."""
    sent = Sent(app_of(list, ("Content-Length", "7")), ask("HEAD"))
    assert sent.headers["Content-Length"] == "7"
    assert sent.answer.keep_alive


def test_204_has_no_length() -> None:
    """RFC 9110, 8.6: a 204 must not state one."""
    sent = Sent(app_of(list, ("Content-Length", "0"), status="204 No Content"))
    assert "Content-Length" not in sent.headers


def test_an_empty_iterator_has_length_zero() -> None:
    """Nothing at all needs no chunks."""
    assert Sent(app_of(lambda: iter([]))).headers["Content-Length"] == "0"


@pytest.mark.parametrize(("length", "body"), [("2", b"ab"), ("5", b"abc")])
def test_a_wrong_length_costs_the_connection(
    length: str, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """More than was stated is cut off, less is an error: the next answer must not be misread."""
    sent = Sent(app_of(lambda: [b"abc"], ("Content-Length", length)))
    assert sent.body == body
    assert not sent.answer.keep_alive
    assert "Content-Length" in caplog.text


def test_a_file_is_sent() -> None:
    """``wsgi.file_wrapper`` works, and the file is closed."""
    file = io.BytesIO(b"x" * 20_000)

    def app(environ: Any, start_response: Any) -> Any:
        start_response(OK, [("Content-Length", "20000")])
        assert environ["wsgi.file_wrapper"] is FileWrapper
        return environ["wsgi.file_wrapper"](file)

    assert Sent(app).body == b"x" * 20_000
    assert file.closed


def test_write_sends_before_the_result() -> None:
    """The old ``write`` callable comes first, then what is returned."""

    def app(environ: Any, start_response: Any) -> Any:
        write = start_response(OK, [("Content-Length", "3")])
        write(b"ab")
        return [b"c"]

    assert Sent(app).body == b"abc"


def boom(environ: Any, start_response: Any) -> Any:
    raise ConnectionResetError("the database is gone, not the client: secret")


def leave(environ: Any, start_response: Any) -> Any:
    sys.exit("secret")


def late(environ: Any, start_response: Any) -> Any:
    start_response(OK, [])
    return [b"ab", "secret"]


@pytest.mark.parametrize(
    "app",
    [
        boom,
        leave,
        late,
        lambda environ, start_response: [b"secret"],
        lambda environ, start_response: None,
        lambda environ, start_response: iter([]),
        app_of(lambda: [b""], ("X", "secret\r\nSet-Cookie: a")),
        app_of(lambda: [b""], status="200 OK\r\nX: secret"),
        app_of(lambda: [b""], ("X", "secret \u20ac")),
        app_of(lambda: [b""], ("Content-Length", "-1")),
    ],
)
def test_a_failing_app_is_a_500_that_tells_nothing(
    app: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """The client learns that it failed, the log learns why, once."""
    sent = Sent(app)
    assert sent.status == 500
    assert json.loads(sent.body)["detail"] == "internal error"
    assert b"secret" not in b"".join(sent.sends)
    assert (sent.answer.code, sent.answer.keep_alive, sent.finished) == (500, True, [0])
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("runner.http.wsgi", logging.ERROR)
    assert record.exc_info is not None


def test_a_failure_in_mid_answer_cuts_it(caplog: pytest.LogCaptureFixture) -> None:
    """An answer that has begun is not ended properly, so that the client can tell."""

    def blocks() -> Iterator[bytes]:
        yield b"ab"
        raise ValueError

    sent = Sent(app_of(blocks))
    assert sent.body == b"2\r\nab\r\n"
    assert not sent.answer.keep_alive
    assert len(caplog.records) == 1


def test_exc_info_replaces_what_was_not_sent() -> None:
    """An app may change its mind before the first byte (PEP 3333)."""

    def app(environ: Any, start_response: Any) -> Any:
        start_response(OK, [("X", "1")])
        try:
            raise ValueError
        except ValueError:
            start_response("418 Teapot", [("Y", "2")], sys.exc_info())
        return [b"t"]

    sent = Sent(app)
    assert (sent.status, sent.headers.get("X"), sent.headers["Y"]) == (418, None, "2")


def test_the_result_is_closed_when_the_client_has_gone(caplog: pytest.LogCaptureFixture) -> None:
    """An iterator with ``close`` is closed even if its answer could not be sent."""
    closed: list[bool] = []

    def blocks() -> Iterator[bytes]:
        try:
            yield b"a"
            yield b"b"
        finally:
            closed.append(True)

    def send(data: bytes) -> None:
        raise BrokenPipeError

    answer = Answer(ask(), {}, send=send, finish=send)
    answer.run(app_of(blocks))
    assert closed == [True]
    assert not answer.keep_alive
    assert caplog.records == []


def test_the_environ_is_cgi() -> None:
    """Paths are decoded as PEP 3333 says, addresses are numbers, underscores cannot spoof."""
    lines = ("X-A: 1", "X_A: 2", "Transfer-Encoding: chunked", "Content-Type: t/p")
    reader = RequestReader(Limits())
    head = "\r\n".join(["POST /a%20%C3%A9?q=%20 HTTP/1.1", "Host: h", *lines, "", ""])
    reader.feed(head.encode() + b"3\r\nabc\r\n0\r\n\r\n")
    request = reader.next()
    assert request is not None
    assert environ_of(request, ("1.2.3.4", 5), ("127.0.0.1", 80)) == {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/a é".encode().decode("latin-1"),
        "QUERY_STRING": "q=%20",
        "REQUEST_URI": "/a%20%C3%A9?q=%20",
        "CONTENT_TYPE": "t/p",
        "CONTENT_LENGTH": "3",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "1.2.3.4",
        "REMOTE_PORT": "5",
        "HTTP_HOST": "h",
        "HTTP_X_A": "1",
    }


def test_what_the_client_left_out_stays_out() -> None:
    """No body: no CONTENT_LENGTH; no media type: an empty one, not ``text/plain``."""
    environ = environ_of(ask(), ("", 0), ("", 0))
    assert "CONTENT_LENGTH" not in environ
    assert environ["CONTENT_TYPE"] == ""


def test_the_environment_of_the_process_is_not_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """An app must not find, or show, the secrets the process was started with."""
    monkeypatch.setenv("HTTPS", "on")
    seen: dict[str, Any] = {}

    def app(environ: Any, start_response: Any) -> Any:
        seen.update(environ)
        start_response(OK, [])
        return [b""]

    Sent(app)
    assert "PATH" not in seen
    assert seen["wsgi.url_scheme"] == "http"
    assert (seen["wsgi.multithread"], seen["wsgi.input_terminated"]) == (True, True)


def test_a_refusal_is_problem_details() -> None:
    """503 asks to come again in a second."""
    head, _, body = refusal(503, "x").partition(b"\r\n\r\n")
    assert b"\r\nRetry-After: 1" in head
    assert b"\r\nContent-Type: application/problem+json" in head
    assert f"Content-Length: {len(body)}".encode() in head
    title = "Service Unavailable"
    assert json.loads(body) == {"type": "about:blank", "title": title, "status": 503, "detail": "x"}
    assert own_answer(200, b"{}", with_body=False).endswith(b"\r\n\r\n")
