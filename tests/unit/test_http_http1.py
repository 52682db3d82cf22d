"""Requests from bytes: what is taken, what is refused, however the bytes fall."""

from __future__ import annotations

import pytest

from runner.config import Limits
from runner.http.head import RefusedError
from runner.http.http1 import Request, RequestReader

LIMITS = Limits(max_header=300, max_body=20)
CHUNKED = b"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"


def read(data: bytes, limits: Limits = LIMITS) -> Request | None:
    reader = RequestReader(limits)
    reader.feed(data)
    return reader.next()


def read_whole(data: bytes) -> Request:
    request = read(data)
    assert request is not None
    return request


def with_headers(*lines: bytes, body: bytes = b"", version: bytes = b"1.1") -> bytes:
    head = b"\r\n".join([b"POST /a HTTP/" + version, b"Host: h", *lines, b"", b""])
    return head + body


def refusal(data: bytes) -> int:
    with pytest.raises(RefusedError) as refused:
        read(data)
    return refused.value.status


@pytest.mark.parametrize(
    "data",
    [
        with_headers(b"X: 1", b"Content-Length: 5", body=b"hello"),
        CHUNKED + b"2;x=y\r\nhe\r\n03\r\nllo\r\n0\r\nTrailer: 1\r\n\r\n",
    ],
)
def test_it_does_not_matter_how_the_bytes_fall(data: bytes) -> None:
    """Fed byte by byte, a request becomes whole with its last byte, and is the same."""
    reader = RequestReader(LIMITS)
    for byte in data[:-1]:
        reader.feed(bytes([byte]))
        assert reader.next() is None
        assert reader.is_started
    reader.feed(data[-1:])
    assert reader.next() == read(data)
    assert read_whole(data).body == b"hello"
    assert not reader.is_started
    reader.feed(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")  # shorter than the first
    assert reader.next() is not None


def test_pipelined_requests_come_one_by_one() -> None:
    """What follows a request is kept for the next; empty lines between them are ignored."""
    reader = RequestReader(LIMITS)
    first = with_headers(b"Content-Length: 2", body=b"ab")
    second = CHUNKED + b"1\r\nc\r\n0\r\n\r\n"
    reader.feed(first + b"\r\n" + second + first)
    bodies = [request.body for request in iter(reader.next, None)]
    assert bodies == [b"ab", b"c", b"ab"]


def test_headers_of_one_name_are_joined() -> None:
    """Several lines of a name make one value; names have no case; blanks around go."""
    headers = read_whole(with_headers(b"A: 1", b"a:\t2 ", b"Cookie: x", b"Cookie: y")).head.headers
    assert headers == {"host": "h", "a": "1,2", "cookie": "x; y"}


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/a%20b?c=d?e", "/a%20b", "c=d?e"),
        (b"//evil/x", "/evil/x", ""),
        (b"http://other/x?y", "/x", "y"),
        (b"http://other", "/", ""),
        (b"*", "*", ""),
    ],
)
def test_targets(target: bytes, path: str, query: str) -> None:
    """The path is apart from the query; two slashes cannot pass for a host."""
    head = read_whole(b"GET " + target + b" HTTP/1.1\r\nHost: h\r\n\r\n").head
    assert (head.path, head.query) == (path, query)
    assert head.headers["host"] == ("other" if b"other" in target else "h")


@pytest.mark.parametrize(
    ("version", "option", "keeps"),
    [
        (b"1.1", b"X", True),
        (b"1.1", b"x, Close", False),
        (b"1.0", b"X", False),
        (b"1.0", b"Keep-Alive", True),
        (b"1.0", b"keep-alive, close", False),
    ],
)
def test_keep_alive_follows_version_and_header(version: bytes, option: bytes, keeps: bool) -> None:
    """HTTP/1.1 keeps the connection unless told otherwise, HTTP/1.0 only if asked."""
    data = with_headers(b"Connection: " + option, version=version)
    assert read_whole(data).head.keep_alive is keeps


@pytest.mark.parametrize(
    ("status", "data"),
    [
        (400, with_headers(b"Content-Length: 2", b"Transfer-Encoding: chunked")),
        (400, with_headers(b"Content-Length: 2", b"Content-Length: 3", body=b"abc")),
        (400, with_headers(b"Content-Length: 2, 3", body=b"abc")),
        (400, with_headers(b"Content-Length: -1")),
        (400, with_headers(b"Content-Length: +1", body=b"a")),
        (400, with_headers(b"Content-Length: 1_0", body=b"a" * 10)),
        (400, with_headers(b"Content-Length: x")),
        (400, with_headers(b"Content-Length:")),
        (400, with_headers("Content-Length: ²".encode("latin-1"))),
        (400, with_headers(b"Transfer-Encoding: chunked", version=b"1.0")),
        (501, with_headers(b"Transfer-Encoding: gzip, chunked")),
        (501, with_headers(b"Transfer-Encoding: identity")),
        (413, with_headers(b"Content-Length: 21")),
        (413, with_headers(b"Content-Length: " + b"9" * 200)),
        (413, with_headers(b"Content-Length: " + b"0" * 100 + b"5")),
        (413, CHUNKED + b"15\r\n"),
        (413, CHUNKED + b"14\r\n" + b"a" * 20 + b"\r\n1\r\n"),
        (400, CHUNKED + b"x\r\n"),
        (400, CHUNKED + b"-1\r\n"),
        (400, CHUNKED + b"0x1\r\n"),
        (400, CHUNKED + b"1\r\nab\r\n"),
        (400, CHUNKED + b"1\na\r\n"),
        (400, CHUNKED + b"1;" + b"x" * 5000),
        (431, CHUNKED + b"0\r\n" + b"Trailer: 1\r\n" * 40),
        (431, b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"x" * 300),
        (431, b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"x" * 300 + b"\r\n\r\n"),
        (414, b"GET /" + b"x" * 300),
        (414, b"GET /" + b"x" * 300 + b" HTTP/1.1\r\nHost: h\r\n\r\n"),
        (400, b"GET / HTTP/1.1\nHost: h\n\n"),
        (400, b"GET / HTTP/1.1\r\nHost: h\nX: 1\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: h\r\nX : 1\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: h\r\n folded\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: h\r\nX: \0\r\n\r\n"),
        (400, b"GET  / HTTP/1.1\r\nHost: h\r\n\r\n"),
        (400, b"GET /\r\nHost: h\r\n\r\n"),
        (400, b"CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n"),
        (400, b"GET http://[ HTTP/1.1\r\nHost: h\r\n\r\n"),
        (400, b"\x16\x03\x01 hello\r\n\r\n"),
        (505, b"PRI * HTTP/2.0\r\n\r\n"),
    ],
)
def test_what_is_refused(status: int, data: bytes) -> None:
    """Malformed, ambiguous and oversized requests are refused as soon as that can be seen."""
    assert refusal(data) == status


@pytest.mark.parametrize(
    "data",
    [
        with_headers(b"Content-Length: 2", b"Content-Length: 2", body=b"ab"),
        CHUNKED + b"14\r\n" + b"a" * 20 + b"\r\n0\r\n\r\n",
        with_headers(b"Content-Length: 20", body=b"a" * 20),
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"x" * 269 + b"\r\n\r\n",
    ],
)
def test_what_is_just_allowed(data: bytes) -> None:
    """A limit is the most that is allowed; equal lengths agree; HTTP/1.0 needs no Host."""
    read_whole(data)


def test_spaces_cost_no_time() -> None:
    """A header full of blanks is read in linear time."""
    data = with_headers(b"X: a" + b" " * 1_000_000 + b"b")
    assert read(data, Limits(max_header=2_000_000)) is not None


@pytest.mark.parametrize("framing", [b"Content-Length: 2", b"Transfer-Encoding: chunked"])
def test_continue_is_owed_once(framing: bytes) -> None:
    """A client that waits for ``100 Continue`` is to be told once, before its body."""
    reader = RequestReader(LIMITS)
    reader.feed(with_headers(b"Expect: 100-Continue", framing))
    assert not reader.take_continue()
    assert reader.next() is None
    assert [reader.take_continue(), reader.take_continue()] == [True, False]


@pytest.mark.parametrize(
    "data",
    [
        with_headers(b"Expect: 100-continue", b"Content-Length: 2", body=b"a"),
        with_headers(b"Expect: 100-continue", b"Content-Length: 2", version=b"1.0"),
        with_headers(b"Expect: 100-continue"),
        with_headers(b"Content-Length: 2"),
    ],
)
def test_continue_is_not_owed(data: bytes) -> None:
    """Who sends the body anyway, has none, speaks HTTP/1.0 or did not ask, is told nothing."""
    reader = RequestReader(LIMITS)
    reader.feed(data)
    reader.next()
    assert not reader.take_continue()
