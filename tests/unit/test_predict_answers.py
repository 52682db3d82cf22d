"""A function may answer other than by JSON."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from PIL import Image
from support.asgi_exchange import Exchange, exchanged
from support.prediction_apps import NDJSON, app_of, living, post, send

from runner import Response

PNG = b"\x89PNG"


def custom(n: int) -> Response:
    """Answer by oneself."""
    return Response({"n": n}, status=201, headers={"Location": f"/{n}"})


def lying(n: int) -> dict[str, int]:
    """Answer so in spite of the hint, as one does for errors."""
    return Response({"n": n}, status=404)  # type: ignore[return-value] # what the test is about


def test_a_response_has_a_status_and_headers_of_its_own() -> None:
    """Its body is JSON, unless its type is said to be another."""
    found = post(app_of(custom), {"n": 1})
    assert (found.status_code, found.json(), found.headers["location"]) == (201, {"n": 1}, "/1")
    assert found.headers["content-type"] == "application/json"
    assert found.headers["server-timing"].startswith("queue;dur=")
    assert post(app_of(lying), {"n": 1}).status_code == 404


@pytest.mark.parametrize(
    ("body", "media_type", "kind", "content"),
    [
        ("Grüße", None, "text/plain; charset=utf-8", "Grüße".encode()),
        ("a,b", "text/csv", "text/csv; charset=utf-8", b"a,b"),
        ("ü", "text/plain; charset=latin-1", "text/plain; charset=latin-1", b"\xfc"),
        (b"\x00", None, "application/octet-stream", b"\x00"),
        ('{"a": 1}', "application/json", "application/json", b'{"a": 1}'),
        ([1], "application/geo+json", "application/geo+json", b"[1]"),
        (Image.new("RGB", (1, 1)), "image/gif", "image/gif", b"GIF"),
    ],
)
def test_bytes_and_strings_are_sent_as_they_are(
    body: Any, media_type: str | None, kind: str, content: bytes
) -> None:
    """Of the type that is said, whatever the client likes best."""

    def answer(n: int) -> Response:
        return Response(body, media_type=media_type)

    found = exchanged(app_of(answer), {"n": 1}, accept="application/json")
    assert found.headers["content-type"] == kind
    assert found.body.startswith(content)


@pytest.mark.parametrize("status", [204, 304, 404])
def test_a_response_may_have_no_body(status: int) -> None:
    """And then names no type of it."""

    def answer(n: int) -> Response:
        return Response(status=status)

    found = exchanged(app_of(answer), {"n": 1})
    assert (found.status, found.body) == (status, b"")
    assert "content-type" not in found.headers
    assert found.headers.get("content-length") == ("0" if status == 404 else None)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"status": 99}, "status=99"),
        ({"body": 1, "status": 204}, "has no body"),
        ({"media_type": "text"}, "write a type such as"),
        ({"media_type": "text/plain\r\nx: y"}, "write a type such as"),
        ({"headers": {"x": "a\r\nb: c"}}, "cannot be a header"),
        ({"headers": {"x y": "a"}}, "cannot be a header"),
        ({"headers": [("Content-Length", "3")]}, "the server says it"),
        ({"headers": {"X-Run-Id": "mine"}}, "the server says it"),
        ({"headers": {"content-type": "text/csv"}}, "media_type="),
    ],
)
def test_what_http_cannot_say_is_an_error_where_it_is_written(given: Any, said: str) -> None:
    """And no way to write what is not ours to write."""
    with pytest.raises(ValueError, match=said):
        Response(**given)


def test_a_declared_type_makes_bytes_and_strings_a_body() -> None:
    """Else they are JSON."""

    def table(n: int) -> str:
        return "a\n" * n

    def picture(n: int):  # type: ignore[no-untyped-def] # as authors write it
        return b"\x00" * n

    assert post(app_of(table), {"n": 1}).json() == "a\n"
    found = post(app_of(table, media_type="text/csv"), {"n": 2})
    assert (found.text, found.headers["content-type"]) == ("a\na\n", "text/csv; charset=utf-8")
    app = app_of(picture, media_type="image/x-icon")
    assert post(app, {"n": 1}).content == b"\x00"
    document = send(app, None, method="GET", path="/openapi.json").json()
    assert "image/x-icon" in document["paths"]["/"]["post"]["responses"]["200"]["content"]
    assert post(app_of(custom, media_type="text/csv"), {"n": 1}).json() == {"n": 1}
    with pytest.raises(ValueError, match="media_type='csv'"):
        app_of(table, media_type="csv")


def test_what_is_not_of_the_declared_type_is_an_error() -> None:
    """Of the author's, so the log has it."""

    def wrong(n: int) -> int:
        return n

    assert post(app_of(wrong, media_type="text/csv"), {"n": 1}).status_code == 500


def figure(n: int) -> Figure:
    """Draw."""
    drawn, axes = plt.subplots()
    axes.plot([n])
    return drawn


def unhinted(n: int):  # type: ignore[no-untyped-def] # as authors write it
    """Draw likewise."""
    return figure(n)


def image(n: int) -> Image.Image:
    """Paint, with colours that JPEG has not."""
    return Image.new("RGBA", (n, n))


@pytest.mark.parametrize("function", [figure, unhinted, image])
@pytest.mark.parametrize("accept", ["*/*", "image/*", "image/png", "text/html, */*;q=0.1"])
def test_a_picture_is_png(function: Callable[..., Any], accept: str) -> None:
    """Unless the client wants otherwise."""
    found = exchanged(app_of(function), {"n": 1}, accept=accept)
    assert found.headers["content-type"] == "image/png"
    assert found.body.startswith(PNG)


@pytest.mark.parametrize(
    ("function", "kind", "start"),
    [
        (figure, "image/svg+xml", b"<?xml"),
        (unhinted, "application/pdf", b"%PDF"),
        (image, "image/jpeg", b"\xff\xd8"),
        (image, "image/webp", b"RIFF"),
    ],
)
def test_a_picture_is_what_the_client_accepts_of_what_it_can_be(
    function: Callable[..., Any], kind: str, start: bytes
) -> None:
    """By Accept."""
    found = exchanged(app_of(function), {"n": 1}, accept=kind)
    assert found.headers["content-type"] == kind
    assert found.body.startswith(start)


@pytest.mark.parametrize("function", [figure, unhinted, image])
def test_a_picture_is_no_json(function: Callable[..., Any]) -> None:
    """Who wants only that is told so; so is who asks for several in one body."""
    refused = exchanged(app_of(function), {"n": 1}, accept="application/json")
    assert refused.status == 406
    assert b"image/png" in refused.body


def test_pyplot_does_not_keep_the_figures() -> None:
    """Else each request would cost memory for ever."""
    before = plt.get_fignums()
    post(app_of(figure), {"n": 1})
    assert plt.get_fignums() == before


def test_pictures_are_described() -> None:
    """With all that they can be, if a hint says what they are."""
    document = send(app_of(image), None, method="GET", path="/openapi.json").json()
    content = document["paths"]["/"]["post"]["responses"]["200"]["content"]
    assert {"image/png", "image/jpeg"} <= content.keys()
    assert "application/json" not in content
    open_one = send(app_of(unhinted), None, method="GET", path="/openapi.json").json()
    assert "*/*" in open_one["paths"]["/"]["post"]["responses"]["200"]["content"]


def test_what_is_no_json_cannot_stand_among_others() -> None:
    """Its line says so, and the others have their answers; a response that is JSON can."""

    def several(n: int) -> Any:
        if n == 1:
            return Response(f"<p>{n}", media_type="text/html")
        return [n, None, image(n), Response(iter([n])), Response({"n": n})][n]

    def lines(target: Any, body: bytes, **options: Any) -> list[Any]:
        sent = send(app_of(target, **options), body, headers={"content-type": NDJSON})
        return [json.loads(line) for line in sent.text.splitlines()]

    assert lines(custom, b'{"n": 1}\n') == [{"n": 1}]
    found = lines(several, b"".join(b'{"n": %d}\n' % n for n in range(5)))
    assert [found[0], *(each["status"] for each in found[1:4])] == [0, 406, 406, 406]
    assert found[4] == {"n": 4}


def test_text_of_a_declared_type_is_sent_as_it_is_though_it_be_json() -> None:
    """The author has written it; among others it is that value."""

    def written(n: int) -> str:
        return f'{{"n":  {n}}}'

    app = app_of(written, media_type="application/json")
    assert post(app, {"n": 1}).text == '{"n":  1}'
    assert send(app, b'{"n": 1}\n', headers={"content-type": NDJSON}).text == '{"n":1}\n'


def test_a_stream_that_no_hint_announces_is_an_error_that_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A hint of plain JSON takes the short way, which knows no streams."""

    def numbers(n: int) -> list[int]:
        return (each for each in range(n))  # type: ignore[return-value] # what the test is about

    assert post(app_of(numbers), {"n": 1}).status_code == 500
    assert "-> Iterator[str]" in caplog.text


class Door:
    """Count who is inside at once."""

    def __init__(self, open_at: int) -> None:
        self.inside = self.most = 0
        self._open_at = open_at
        self._lock, self._open = threading.Lock(), threading.Event()

    def enter(self, n: int) -> int:
        """Wait until enough are inside, or 0.2 s."""
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
            if self.inside >= self._open_at:
                self._open.set()
        self._open.wait(0.2 if self._open_at > 8 else 20)
        with self._lock:
            self.inside -= 1
        return n


def asked_at_once(app: Any, times: int) -> list[bytes]:
    async def ask() -> list[bytes]:
        async with living(app):
            exchanges = [Exchange(app, {"n": number}) for number in range(times)]
            for exchange in exchanges:
                await exchange.end()
            return [exchange.body for exchange in exchanges]

    return asyncio.run(ask())


def test_a_function_that_waits_may_be_called_in_several_threads() -> None:
    """As many at once as the author says, and each client gets its own answer."""
    door = Door(open_at=4)
    assert asked_at_once(app_of(door.enter, threads=4), 12) == [b"%d" % n for n in range(12)]
    assert door.most == 4


def test_else_its_calls_go_one_after_another_and_the_log_says_once_how_to_mend_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """By the option's name."""
    door = Door(open_at=9)
    with caplog.at_level(logging.WARNING):
        asked_at_once(app_of(door.enter), 4)
    assert door.most == 1
    assert caplog.text.count("threads=8") == 1


def test_threads_are_for_plain_functions() -> None:
    """What is awaited needs none, and what is called for many at once is asked in one."""

    async def later(n: int) -> int:
        return n

    class Model:
        """Predict."""

        def predict(self, rows: Any) -> Any:
            """Predict."""
            return rows

    with pytest.raises(TypeError, match="is awaited"):
        app_of(later, threads=2)
    with pytest.raises(TypeError, match="are for functions"):
        app_of(Model(), example=[1], threads=2)
    with pytest.raises(ValueError, match="threads=0"):
        app_of(later, threads=0)
