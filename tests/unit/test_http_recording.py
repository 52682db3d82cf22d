"""What is kept of an exchange for the request log, on every way by which it is answered."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import Any

import pytest
from support.connections import Server
from support.recorded import KeepingAccessLog, KeepingLog, Recorded

from runner.http.problems import note_failure
from runner.http.recording import MOST, Exchanged, Pieces, Recording
from runner.http.request_head import RequestHead

HEAD = "Host: a\r\nContent-Type: application/json\r\nAuthorization: Bearer t0p\r\n"


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer with the status, and in the way, that is asked for."""
    more, body = True, b""
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    path, status = scope["path"], int(scope["query_string"] or 200)
    if path == "/raises":
        raise ValueError("no")
    headers = [(b"Content-Type", b"text/plain"), (b"set-cookie", b"t0p")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    for _ in range(3 if path == "/stream" else 0):
        await send({"type": "http.response.body", "body": b"x" * 30_000, "more_body": True})
    if path == "/breaks":
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise ValueError("no")
    if path == "/tells":
        note_failure(logging.getLogger(__name__), "a row failed")
    if path == "/warns":
        logging.getLogger(__name__).error("a fallback was used", exc_info=ValueError("no"))
    await send({"type": "http.response.body", "body": b"got %d" % len(body)})
    if path == "/behind":
        raise ValueError("no")


def recorded(*asked: bytes, rate: float = 1.0, **limits: Any) -> list[Recorded]:
    """Ask on one connection, and give what is recorded: under the names that its lines have."""

    async def ask() -> list[Recorded]:
        server = Server(app, **limits)
        server.request_log = log = KeepingLog(rate)
        server.access_log = access_log = KeepingAccessLog()
        await server.said(server.general_way, *asked)
        named = [trace for trace, _ in access_log.lines]
        assert all(each.facts["trace"] in named for each in log.recorded)
        return log.recorded

    return asyncio.run(ask())


def post(target: str, body: bytes = b"1", head: str = HEAD) -> bytes:
    """Write a request."""
    return f"POST {target} HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def test_a_request_and_its_answer_are_kept() -> None:
    """Of the headers only those that say how bodies are read."""
    (found,) = recorded(post("/a%20b?201", b'{"a": 1}'))
    assert found.kept == Exchanged(
        query=b"201",
        fields=[(b"content-type", b"application/json")],
        body=b'{"a": 1}',
        answer_fields=[(b"content-type", b"text/plain")],
        answer=b"got 8",
    )
    facts = found.facts
    assert facts.pop("seconds") >= 0
    assert facts.pop("trace") is not None
    assert facts == {"method": "POST", "path": "/a b", "status": 201, "key_name": ""}


def test_of_a_body_that_is_long_nothing_is_kept() -> None:
    """It would be of no use, and its place is another's."""
    (found,) = recorded(post("/", b"x" * (MOST + 1)))
    assert (found.kept.body, found.kept.is_cut) == (None, True)
    assert found.kept.answer == b"got 65537"


def test_of_a_stream_the_beginning_is_kept() -> None:
    """What comes behind it may be without an end."""
    (found,) = recorded(post("/stream"))
    assert (found.kept.answer, found.kept.is_cut) == (b"x" * MOST, True)


@pytest.mark.parametrize(("path", "status"), [("/raises", 500), ("/?502", 502), ("/?504", 504)])
def test_a_failure_is_always_recorded(path: str, status: int) -> None:
    """With what was asked: nobody knew that it would fail."""
    (found,) = recorded(post(path, b"cause"), rate=0.0)
    assert (found.facts["status"], found.kept.body) == (status, b"cause")
    assert found.kept.answer


def test_what_is_well_is_recorded_by_chance_only() -> None:
    """And what is kept of it is let go of when its answer begins."""
    assert recorded(post("/"), post("/?302"), rate=0.0) == []
    found = recorded(*[post("/")] * 400, rate=0.5)
    assert 140 < len(found) < 260  # 200, by six times as far as chance goes


def test_nothing_is_made_of_what_is_not_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nearly all requests are not, and it is known when their answers begin."""
    monkeypatch.setattr("runner.http.exchange.Recording", None)
    assert recorded(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", post("/"), rate=0.0) == []


def test_a_body_that_comes_in_pieces_is_kept_whole() -> None:
    """In their order."""
    head = f"POST / HTTP/1.1\r\n{HEAD}Content-Length: 6\r\n\r\n".encode()
    (found,) = recorded(head + b"ab", b"cd", b"ef")
    assert (found.kept.body, found.kept.is_cut) == (b"abcdef", False)


def test_what_clients_do_wrong_is_bounded() -> None:
    """Ten a second tell what is wrong; thousands would push out all else."""
    assert len(recorded(*[post("/?422")] * 50, rate=0.0)) in range(10, 31)


def test_an_answer_that_broke_is_not_whole() -> None:
    """It is known by what has come of it."""
    (found,) = recorded(post("/breaks"))
    assert (found.kept.answer, found.kept.is_cut) == (b"half", True)


def test_an_answer_that_broke_is_a_failure_whatever_its_head_has_said() -> None:
    """Of which is kept what was asked, and nothing of the answer: it was not to be recorded."""
    (found,) = recorded(post("/breaks?201", b"cause"), rate=0.0)
    assert (found.status, found.kept.has_failed, found.kept.query) == (201, True, b"201")
    assert (found.kept.body, found.kept.answer, found.kept.is_cut) == (b"cause", None, True)
    assert recorded(post("/stream"), rate=0.0) == []


def test_what_has_told_a_failure_of_ours_is_one() -> None:
    """Also where the answer comes to its end; not if the app has told one of its own in the log."""
    assert recorded(post("/tells", b"cause"), rate=0.0)[0].kept.has_failed
    assert recorded(post("/warns"), rate=0.0) == []
    assert not recorded(post("/warns"))[0].kept.has_failed
    assert not recorded(post("/behind"))[0].kept.has_failed


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_is_not_recorded(path: str) -> None:
    """Nobody has asked the app."""
    assert recorded(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()) == []


def test_a_refusal_is_recorded_with_what_was_asked() -> None:
    """As far as it was read."""
    (found,) = recorded(post("/a?b", b"x" * 50), max_body=10)
    assert (found.facts["path"], found.facts["status"]) == ("/a", 413)
    assert (found.kept.query, found.kept.body, found.kept.is_cut) == (b"b", None, True)
    assert recorded(b"nothing\r\n\r\n") == []


def test_a_refusal_of_what_had_begun_is_logged_of_the_client_that_a_proxy_names() -> None:
    """As an answer to it would have been."""
    head = "Host: a\r\nX-Forwarded-For: 9.9.9.9\r\nTransfer-Encoding: chunked\r\n\r\n"

    async def logged() -> list[str]:
        server = Server(app, max_body=10)
        server.access_log = log = KeepingAccessLog()
        request = f"POST / HTTP/1.1\r\n{head}".encode()
        await server.said(server.general_way, request, b"1f\r\n" + b"x" * 31)
        return [client for _, client in log.lines]

    assert asyncio.run(logged()) == ["9.9.9.9"]


def test_a_wait_for_a_place_is_a_failure() -> None:
    """Up to a bound: see `RequestLog.wants`."""
    (found,) = recorded(post("/"), rate=0.0, max_concurrency=0)
    assert found.facts["status"] == 503


def test_pieces_stay_within_the_bound() -> None:
    """In whatever sizes they come."""
    for size in (1, 1_000, MOST, MOST + 1):
        kept = Pieces()
        kept.keeps_beginning = True
        for _ in range(2 * MOST // size + 1):
            kept.add(b"x" * size)
        assert kept.whole() == b"x" * MOST
        assert kept.is_cut


def test_small_pieces_count_for_what_they_take() -> None:
    """Python's own part of each is many times as large."""
    pieces = Pieces()
    for _ in range(1_000):
        pieces.add(b"ab")
    assert pieces.size >= 1_000 * (sys.getsizeof(b"ab") + 8)


def test_of_a_stream_without_an_end_nothing_is_kept_but_its_beginning() -> None:
    """Not even the number of its pieces."""
    pieces = Pieces()
    pieces.keeps_beginning = True
    for _ in range(MOST):
        pieces.add(b"ab")
    assert pieces.whole() == b"ab" * (MOST // 2)
    assert len(pieces._pieces) <= MOST // 2 + 1


def test_all_that_is_kept_is_counted() -> None:
    """Of what a client chooses, and of what the app does."""
    fields = [(b"accept", b"a" * 150), (b"content-type", b"c" * 60_000), (b"cookie", b"d" * 5_000)]
    head = RequestHead(b"POST", b"/?" + b"q" * 8_000, "1.1", fields, 9, True, False, b"")
    recording = Recording(head)
    recording.body.add(b"b" * 1_000)
    recording.begin_answer(b"HTTP/1.1 200 OK\r\nx-note: " + b"n" * 3_000, is_endless=False)
    recording.answer.add(b"e" * 2_000)
    assert recording.size - (8_000 + 150 + 1_000 + 3_000 + 2_000) in range(100, 400)
    recording.answer.add(b"f" * MOST)  # too long
    assert recording.size < 13_000
    assert [name for name, _ in recording.exchanged().fields] == [b"accept", b"content-type"]
