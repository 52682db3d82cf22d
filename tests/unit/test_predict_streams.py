"""A generator is answered as a stream."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from support.asgi_exchange import Exchange, exchanged
from support.prediction_apps import NDJSON, app_of, living, post, send

from runner import ProblemError, Response

EVENTS = "text/event-stream"


def count(most: int):  # type: ignore[no-untyped-def] # as authors write it
    """Count."""
    for number in range(most):
        yield {"n": number}


async def count_later(most: int) -> AsyncIterator[dict[str, int]]:
    """Count likewise."""
    for number in range(most):
        await asyncio.sleep(0)
        yield {"n": number}


def given(most: int) -> Iterator[dict[str, int]]:
    """Return an iterator, which the hint says."""
    return iter([{"n": number} for number in range(most)])


def wrapped(most: int) -> Response:
    """Wrap a generator."""
    return Response(count(most), status=202, headers={"x-kind": "count"})


FUNCTIONS = pytest.mark.parametrize("function", [count, count_later, given, wrapped])


@FUNCTIONS
@pytest.mark.parametrize(
    ("accept", "kind", "body"),
    [
        ("*/*", NDJSON, b'{"n":0}\n{"n":1}\n'),
        (EVENTS, EVENTS, b'data: {"n":0}\n\ndata: {"n":1}\n\n'),
        ("application/json", "application/json", b'[{"n":0},{"n":1}]'),
        (f"{NDJSON};q=0.5, {EVENTS}", EVENTS, b'data: {"n":0}\n\ndata: {"n":1}\n\n'),
    ],
)
def test_the_client_chooses_how_items_are_written(
    function: Callable[..., Any], accept: str, kind: str, body: bytes
) -> None:
    """By Accept; lines of JSON if it does not."""
    found = exchanged(app_of(function), {"most": 2}, accept=accept)
    assert (found.headers["content-type"], found.body) == (kind, body)
    assert found.is_whole
    assert found.headers["cache-control"] == "no-cache"
    assert "content-length" not in found.headers


def test_a_response_of_the_authors_may_be_a_stream() -> None:
    """With its status and its headers."""
    found = exchanged(app_of(wrapped), {"most": 1})
    assert (found.status, found.headers["x-kind"]) == (202, "count")


@FUNCTIONS
def test_an_empty_stream_is_one(function: Callable[..., Any]) -> None:
    """Its status is no other."""
    assert exchanged(app_of(function), {"most": 0}, accept="application/json").body == b"[]"
    assert exchanged(app_of(function), {"most": 0}).body == b""


@pytest.mark.parametrize("function", [count, count_later])
def test_what_the_client_does_not_take_is_refused_before_the_call(
    function: Callable[..., Any],
) -> None:
    """With what there is."""
    found = exchanged(app_of(function), {"most": 1}, accept="image/png")
    assert found.status == 406
    assert EVENTS in found.body.decode()


def failing(after: int, problem: bool = False) -> Iterator[int]:
    """Fail after some items."""
    yield from range(after)
    if problem:
        raise ProblemError(409, "no more")
    raise KeyError("secret")


async def failing_later(after: int, problem: bool = False) -> AsyncIterator[int]:
    """Fail likewise."""
    for item in failing(after, problem):
        yield item


FAILING = pytest.mark.parametrize("function", [failing, failing_later])


@FAILING
def test_an_error_before_the_first_item_is_a_problem(function: Callable[..., Any]) -> None:
    """There is a status to say it by."""
    found = exchanged(app_of(function), {"after": 0, "problem": True})
    assert (found.status, found.headers["content-type"]) == (409, "application/problem+json")
    hidden = exchanged(app_of(function), {"after": 0})
    assert hidden.status == 500
    assert b"secret" not in hidden.body


@FAILING
def test_an_error_after_the_first_item_is_the_last_line_of_a_body_that_is_cut_off(
    function: Callable[..., Any],
) -> None:
    """The line might be an item, so the body has no end."""
    found = exchanged(app_of(function), {"after": 2})
    *items, last = found.body.splitlines()
    assert items == [b"0", b"1"]
    assert json.loads(last)["status"] == 500
    assert b"secret" not in last
    assert not found.is_whole
    array = exchanged(app_of(function), {"after": 1}, accept="application/json")
    assert (array.body, array.is_whole) == (b"[0", False)


@FAILING
def test_an_error_after_the_first_event_is_an_event(function: Callable[..., Any]) -> None:
    """Of the name ``error``, which says it all."""
    found = exchanged(app_of(function), {"after": 1, "problem": True}, accept=EVENTS)
    first, last, rest = found.body.decode().split("\n\n")
    assert first == "data: 0"
    name, _, data = last.partition("\ndata: ")
    assert name == "event: error"
    assert json.loads(data)["detail"] == "no more"
    assert rest == ""
    assert found.is_whole


def test_an_item_that_cannot_be_written_is_an_error_too() -> None:
    """The client has what came before."""

    def odd(n: int):  # type: ignore[no-untyped-def] # as authors write it
        yield n
        yield object()

    found = exchanged(app_of(odd), {"n": 1})
    assert found.body.startswith(b"1\n{")
    assert not found.is_whole


def test_bytes_and_strings_of_a_declared_type_are_streamed_as_they_are() -> None:
    """Nothing stands between them."""

    def table(rows: int) -> Iterator[str | bytes]:
        yield "a\n"
        yield b"1\n" * rows

    found = exchanged(app_of(table, media_type="text/csv"), {"rows": 2})
    assert (found.headers["content-type"], found.body) == ("text/csv", b"a\n1\n1\n")


def test_the_answer_option_makes_each_item() -> None:
    """As it makes each answer."""
    assert exchanged(app_of(count, answer="item"), {"most": 1}).body == b'{"item":{"n":0}}\n'


class Endless:
    """Give numbers for ever, and know whether it was closed, and in which threads it ran."""

    def __init__(self) -> None:
        self.given = 0
        self.threads: set[int] = set()
        self.is_closed = threading.Event()

    def plain(self, size: int) -> Iterator[str]:
        """Give them from a thread."""
        try:
            while True:
                self.given += 1
                self.threads.add(threading.get_ident())
                yield "x" * size
        finally:
            self.threads.add(threading.get_ident())
            self.is_closed.set()

    async def awaited(self, size: int) -> AsyncIterator[str]:
        """Give them on the loop."""
        try:
            while True:
                self.given += 1
                yield "x" * size
        finally:
            self.is_closed.set()


@pytest.mark.parametrize("kind", ["plain", "awaited"])
def test_the_generator_is_closed_when_the_client_goes_away(kind: str) -> None:
    """And its end is clean, for whom it may concern."""
    endless = Endless()
    app = app_of(getattr(endless, kind))

    async def ask() -> Exchange:
        async with living(app):
            exchange = Exchange(app, {"size": 3})
            await exchange.until(b'"xxx"\n')
            exchange.leave()
            await exchange.end()
            await asyncio.to_thread(endless.is_closed.wait, 20)
            return exchange

    assert asyncio.run(ask()).is_whole
    assert endless.is_closed.is_set()
    assert len(endless.threads) == (kind == "plain")


@pytest.mark.parametrize("kind", ["plain", "awaited"])
def test_nothing_is_gathered_for_a_client_that_does_not_read(kind: str) -> None:
    """But what one step gives."""
    endless = Endless()
    app = app_of(getattr(endless, kind))

    class Unread(Exchange):
        """Take the first piece, and no more."""

        async def _send(self, message: dict[str, Any]) -> None:
            await super()._send(message)
            if self.pieces:
                await self._gone.wait()

    async def ask() -> int:
        async with living(app):
            exchange = Unread(app, {"size": 40_000})
            await exchange.until(b"xxx")
            for _ in range(50):
                await asyncio.sleep(0)
            given = endless.given
            exchange.leave()
            await exchange.end()
            return given

    assert asyncio.run(ask()) <= 3


def test_plain_streams_take_turns_in_one_thread() -> None:
    """One that has not ended keeps no other waiting."""
    endless = Endless()
    app = app_of(endless.plain)

    async def ask() -> None:
        async with living(app):
            exchanges = [Exchange(app, {"size": 1}) for _ in range(3)]
            for exchange in exchanges:
                await exchange.until(b"x")
            for exchange in exchanges:
                exchange.leave()
                await exchange.end()

    asyncio.run(ask())
    assert len(endless.threads) == 1


@pytest.mark.parametrize("accept", [NDJSON, EVENTS])
def test_an_item_does_not_wait_for_the_next(accept: str) -> None:
    """It is sent when it is there, though the generator may think for long before another."""
    may_go_on = threading.Event()

    def thoughtful(n: int) -> Iterator[str]:
        yield "first"
        may_go_on.wait(20)
        yield "second"

    async def ask() -> bytes:
        app = app_of(thoughtful, example={"n": 1})
        async with living(app):
            exchange = Exchange(app, {"n": 1}, accept=accept)
            await exchange.until(b'"first"\n')
            assert b"second" not in b"".join(exchange.pieces)
            may_go_on.set()
            await exchange.end()
            return b"".join(exchange.pieces)

    assert b'"second"\n' in asyncio.run(ask())


def test_the_deadline_is_for_the_first_item() -> None:
    """After it the stream takes its time."""
    waiting = threading.Event()

    def slow(n: int) -> Iterator[int]:
        waiting.wait(20)
        yield n

    found = exchanged(app_of(slow), {"n": 1}, **{"x-request-timeout-ms": "20"})
    waiting.set()
    assert found.status == 504


def test_where_there_is_one_body_for_many_answers_a_stream_is_an_array() -> None:
    """In lines, and in the protocols."""
    for function in (count, count_later):
        app = app_of(function)
        lines = send(app, b'{"most": 1}\n{"most": 2}\n', headers={"content-type": NDJSON})
        assert lines.text == '[{"n":0}]\n[{"n":0},{"n":1}]\n'
        body = {"instances": [{"most": 1}]}
        assert post(app, body, path="/invocations").json() == {"predictions": [[{"n": 0}]]}


def test_the_streams_types_are_described() -> None:
    """In OpenAPI, with what an item is."""
    document = send(app_of(count_later), None, method="GET", path="/openapi.json").json()
    content = document["paths"]["/"]["post"]["responses"]["200"]["content"]
    assert {NDJSON, EVENTS, "application/json"} <= content.keys()
    item = document["components"]["schemas"]["predict.answer"]
    assert item == {"type": "object", "additionalProperties": {"type": "integer"}}
