"""The head of a request is read in one way only; what has two is refused."""

from __future__ import annotations

import pytest

from runner.access.refusal import RefusedRequestError
from runner.http.request_head import RequestHead, check_line, read_head


def read(
    *lines: bytes, start: bytes = b"POST / HTTP/1.1", host: bytes | None = b"x"
) -> RequestHead:
    hosts = [] if host is None else [b"Host: " + host]
    return read_head(b"\r\n".join([start, *hosts, *lines, b"", b""]))


def refused(*lines: bytes, **given: bytes) -> int:
    with pytest.raises(RefusedRequestError) as caught:
        read(*lines, **given)
    return caught.value.status


@pytest.mark.parametrize(
    "host",
    [b"", b"a", b"a_b.c-d:80", b":80", b"a:", b"127.0.0.1:99999", b"[::1]:80", b"[fe80::1%25eth0]"],
)
def test_a_host_is_a_name_or_an_address(host: bytes) -> None:
    """With a port or without; one that cannot be is not our business."""
    assert read(host=host).headers == [(b"host", host)]


@pytest.mark.parametrize(
    "host",
    [
        *(b"a b", b"a/b", b"a@b", b"u:p@h", b"a:x", b"a,b", b"a:1:2", b"a\tb", b"a?b", b"a#b"),
        *(b"a\\b", b"[::1", b"::1", b"caf\xe9", b'"a"', b"<a>", b"a[b]"),
    ],
)
def test_any_other_host_is_refused(host: bytes) -> None:
    """Who stands before us may have taken another part of it for the host."""
    assert refused(host=host) == 400


@pytest.mark.parametrize(
    ("start", "status"),
    [
        (b"POST / RTSP/1.0", 400),
        (b"POST / ICE/1.0", 400),
        (b"POST  / HTTP/1.1", 400),
        (b"POST /  HTTP/1.1", 400),
        (b"POST / HTTP/1.1 ", 400),
        (b"POST\t/ HTTP/1.1", 400),
        (b"POST / HTTP/1.10", 400),
        (b"POST / http/1.1", 400),
        (b"POST /", 400),
        (b"P(ST / HTTP/1.1", 400),
        (b"POST /\xe9 HTTP/1.1", 400),
        (b"SSH-2.0-OpenSSH_9.6", 400),
        (b"PROXY TCP4 10.0.0.1 10.0.0.2 1 2", 400),
        (b"PRI * HTTP/2.0", 505),
        (b"POST / HTTP/1.2", 505),
        (b"POST / HTTP/0.9", 505),
    ],
)
def test_a_line_of_another_protocol_is_refused(start: bytes, status: int) -> None:
    """As soon as it is whole, and in the same words when more has come."""
    assert refused(start=start) == status
    with pytest.raises(RefusedRequestError) as caught:
        check_line(start + b"\r\n")
    assert caught.value.status == status


def test_white_space_around_a_value_is_none_of_it() -> None:
    """Neither for the app nor for what decides (RFC 9112, 5.1)."""
    head = read(b"A:\t a b\t ", b"Content-Length: \t5\t ", b"Connection: close\t", b"B: \t")
    assert (b"a", b"a b") in head.headers
    assert (b"b", b"") in head.headers
    assert (head.length, head.keep_alive) == (5, False)
    assert read(b"Transfer-Encoding:\tchunked ").length == -1


def test_who_sends_no_body_waits_for_no_100() -> None:
    """A client that gets one all the same may take it for the answer."""
    assert not read(b"Expect: 100-continue").expects_continue
    assert read(b"Expect: 100-Continue ", b"Content-Length: 1").expects_continue


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"Content-Length: 0, 0", 400),
        (b"Content-Length: +5", 400),
        (b"Content-Length: 0x5", 400),
        (b"Content-Length: 5 5", 400),
        (b"Content-Length:", 400),
        (b"Content-Length: 99999999999999999999", 400),
        (b"Content-Length: 5\r\nContent-Length: 5", 400),
        (b"Content-Length: 5\r\nTransfer-Encoding: chunked", 400),
        (b"Transfer-Encoding: chunked\r\nContent-Length: 5", 400),
        (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 400),
        (b"Transfer-Encoding: identity", 400),
        (b"Transfer-Encoding: xchunked", 400),
        (b"Transfer-Encoding: chunked;q=1", 400),
        (b"Transfer-Encoding: \x0bchunked", 400),
        (b"Transfer-Encoding : chunked", 400),
        (b"Transfer-Encoding:", 400),
        (b"Transfer-Encoding: gzip, chunked", 501),
        (b"TE: trailers, chunked", 400),
        (b"X: a\r\n b", 400),
        (b"X: a\nY: b", 400),
        (b"X: a\rb", 400),
        (b"X: \0", 400),
        (b"X", 400),
        (b": a", 400),
    ],
)
def test_what_frames_a_request_in_two_ways_is_refused(line: bytes, status: int) -> None:
    """Nobody between the client and us may see other requests than we do."""
    assert refused(line) == status
