"""An app that is asked by ourselves, whatever kind it is."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Iterator
from typing import Any

import pytest
from support.prediction_apps import app_of, living

from runner.cells.app import CellApp
from runner.http import asking
from runner.http.asking import ask
from runner.http.wsgi_adapter import WsgiAdapter
from runner.rehearsal.answer import Answer
from runner.rehearsal.cases import Case


def case(path: str = "/", body: bytes = b"", **more: Any) -> Case:
    method = "POST" if body else "GET"
    given = {"method": method, "headers": (("content-type", "application/json"),)} | more
    return Case(name="", path=path, body=body, **given)


def asked(app: Any, *cases: Case, within: float = 5.0) -> list[Answer]:
    """What an app answers that has started."""

    async def answers() -> list[Answer]:
        async with living(app):
            return [await ask(app, each, {}, within=within) for each in cases]

    return asyncio.run(answers())


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answer what it was asked."""
    if scope["type"] == "lifespan":
        for phase in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{phase}.complete"})
        return
    body = (await receive())["body"]
    said = f"{scope['method']} {scope['path']} {scope['raw_path']!r} {scope['query_string']!r}"
    await send({"type": "http.response.start", "status": 202, "headers": []})
    await send({"type": "http.response.body", "body": said.encode(), "more_body": True})
    await send({"type": "http.response.body", "body": body})


def test_an_asgi_app_is_asked_as_by_a_client() -> None:
    """Its answer is gathered from its pieces."""
    (answer,) = asked(echo, case("/%C3%BC", b"!", query="a=1"))
    said = "POST /ü b'/%C3%BC' b'a=1'!"
    assert (answer.status, answer.body.decode(), answer.error) == (202, said, None)


def test_a_wsgi_app_is_asked_in_its_thread() -> None:
    """What it raises is told."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        if environ["PATH_INFO"] == "/bad":
            raise LookupError("no such thing")
        start_response("200 OK", [])
        return [environ["wsgi.input"].read(), environ["QUERY_STRING"].encode()]

    good, bad = asked(WsgiAdapter(app, 2), case("/", b"1", query="a"), case("/bad"))
    assert (good.status, good.body) == (200, b"1a")
    assert bad.is_failure
    assert bad.why().startswith("LookupError: no such thing (line ")


def test_a_cell_is_asked_in_its_thread() -> None:
    """With the path's part; what it prints is the answer, and what it raises is told."""
    app = CellApp(cell_timeout=5)
    app.add("GET", "/a/:n", "import json\nprint(json.loads(REQUEST)['path']['n'], end='')")
    app.add("GET", "/bad", "raise LookupError('no such thing')")
    good, bad = asked(app, case("/a/7"), case("/bad"))
    assert (good.status, good.body) == (200, b"7")
    assert bad.status == 500
    assert bad.why().startswith("LookupError: no such thing (line 1 ")


def failing(n: float) -> float:
    if not n:
        raise SystemExit("no")
    return 1 / n


def test_a_prediction_tells_what_no_client_may_know() -> None:
    """And nothing is counted that no client has asked."""
    app = app_of(failing)

    async def answers() -> list[Answer]:
        async with living(app):
            with app.uncounted():
                cases = (case("/", b'{"n": 4}'), case("/", b'{"n": 0}'), case("/", b'{"m": 0}'))
                return [await ask(app, each, {}, within=5) for each in cases]

    good, bad, wrong = asyncio.run(answers())
    assert (good.status, good.body, wrong.status) == (200, b"0.25", 422)
    assert (bad.status, bad.why()[:14]) == (500, "SystemExit: no")
    counted = app.counters.total()
    assert [each.rows + sum(each.answered.values()) for each in counted.values()] == [0, 0]


def numbers(n: int) -> Iterator[int]:
    yield from range(n)


def test_a_stream_is_taken_to_its_end() -> None:
    """An app is told that its client has gone when the answer is whole, not before."""
    (answer,) = asked(app_of(numbers), case("/", b'{"n": 3}'))
    assert (answer.status, answer.body) == (200, b"0\n1\n2\n")


@pytest.mark.parametrize(
    "raised", [SystemExit, KeyboardInterrupt, ValueError, asyncio.CancelledError]
)
def test_whatever_an_app_raises_ends_nothing(raised: type[BaseException]) -> None:
    """Neither the loop nor the rehearsal."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await echo(scope, receive, send)
        else:
            raise raised("no")

    answer, _ = asked(app, case(), case())
    assert answer.is_failure
    assert answer.why().startswith(f"{raised.__name__}: ")


def test_an_answer_that_does_not_come_is_not_waited_for() -> None:
    """Nor is an app that does not end when it is told to."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await echo(scope, receive, send)
            return
        for _ in range(2):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                continue

    (answer,) = asked(app, case(), within=0.01)
    assert answer.is_late
    assert answer.why() == "no answer within 0.01 s"


def test_what_one_request_sets_the_next_does_not_see() -> None:
    """Each has a context of its own, as a client's."""
    seen = contextvars.ContextVar("seen", default=0)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.set(seen.get() + (scope["type"] == "http"))
        if scope["type"] == "lifespan":
            await echo(scope, receive, send)
        else:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": str(seen.get()).encode()})

    assert [answer.body for answer in asked(app, case(), case())] == [b"1", b"1"]


def test_an_answer_without_an_end_is_held_within_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of an app that does not hear that nobody takes it."""
    monkeypatch.setattr(asking, "MOST_ANSWER", 1_000)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await echo(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(1_000):
            await send({"type": "http.response.body", "body": b"x" * 100, "more_body": True})

    (answer,) = asked(app, case())
    assert len(answer.body) <= 1_100
