"""What a client gets of what an annotated cell has put out."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from runner.cells.response import (
    BadResponseInfoError,
    CellResponse,
    best_media_type,
    ok_response,
    problem_response,
    response_of_output,
    with_response_info,
)

PNG = b"\x89PNG\x00"
FIGURE = {"text/plain": "<Figure>", "image/png": base64.b64encode(PNG).decode()}
TABLE = {"text/plain": "a 1", "text/html": "<b>ü</b>"}


def given(
    result: Any = b"", *displays: dict[str, Any], printed: bytes = b"", accept: str = ""
) -> tuple[str, bytes]:
    """The type and the body."""
    reply = response_of_output(printed, list(displays), result or {}, accept)
    assert reply.status == 200
    return dict(reply.headers)[b"content-type"].decode(), reply.body


def test_what_is_printed_is_the_body() -> None:
    """Verbatim, whatever else there is."""
    assert given(TABLE, FIGURE, printed=b"x\n") == ("text/plain; charset=utf-8", b"x\n")


def test_a_plain_result_is_the_object_of_its_forms() -> None:
    """As Kernel Gateway documents it; as bare text to those who ask for that."""
    assert given({"text/plain": "2"}) == ("application/json", b'{"text/plain": "2"}')
    assert given({"text/plain": "2"}, accept="*/*") == ("application/json", b'{"text/plain": "2"}')
    assert given({"text/plain": "2"}, accept="text/plain")[1] == b"2"


def test_a_rich_result_is_the_body() -> None:
    """With its own type, decoded."""
    assert given(TABLE) == ("text/html; charset=utf-8", "<b>ü</b>".encode())
    assert given(FIGURE) == ("image/png", PNG)
    assert given({"text/plain": "", "application/json": {"a": 1}})[1] == b'{"a": 1}'


def test_the_last_rich_output_counts() -> None:
    """A plot goes before the list of lines that the plotting call returned."""
    assert given({"text/plain": "[<Line2D>]"}, TABLE, FIGURE) == ("image/png", PNG)


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("image/*", "image/png"),
        ("text/plain", "text/plain; charset=utf-8"),
        ("text/html;q=0.5, image/png", "image/png"),
        ("application/json", "application/json"),
        ("text/html,*/*;q=0.8", "text/html; charset=utf-8"),
        ("audio/ogg", "text/html; charset=utf-8"),
    ],
)
def test_accept_decides_between_forms(accept: str, kind: str) -> None:
    """All forms in one object are there for those who ask for JSON."""
    assert given(TABLE | FIGURE, accept=accept)[0] == kind


def test_bytes_are_the_body_as_they_are() -> None:
    """For what has no form of its own."""
    assert given(PNG) == ("application/octet-stream", PNG)


def test_nothing_is_an_empty_text() -> None:
    """Not an error: a cell may only do something."""
    assert given() == ("text/plain; charset=utf-8", b"")


@pytest.mark.parametrize(
    ("accept", "best"),
    [("", "a/x"), ("b/*", "b/y"), ("a/*;q=0.1,b/y;q=0.2", "b/y"), ("a/x;q=bad,b/y", "b/y")],
)
def test_the_best_type_is_what_the_client_likes(accept: str, best: str) -> None:
    """Ties and empty headers give the first."""
    assert best_media_type(["a/x", "b/y"], accept) == best


def test_response_info_sets_status_and_headers() -> None:
    """A list is a header that is sent more than once; the body stays."""
    said = {"status": 201, "headers": {"Content-Type": "text/csv", "Set-Cookie": ["a", "b"]}}
    reply = with_response_info(ok_response(b"x"), json.dumps(said).encode())
    assert (reply.status, reply.body) == (201, b"x")
    assert reply.headers == (
        (b"content-type", b"text/csv"),
        (b"set-cookie", b"a"),
        (b"set-cookie", b"b"),
    )


@pytest.mark.parametrize("printed", [b"", b"{}", b'{"headers": {}}', b'{"headers": null}'])
def test_response_info_may_say_nothing(printed: bytes) -> None:
    """Then all stays as it is."""
    assert with_response_info(ok_response(b"x"), printed) == ok_response(b"x")


@pytest.mark.parametrize(
    "printed",
    [
        b"no json",
        b"[]",
        b'{"status": 99}',
        b'{"status": "x"}',
        b'{"status": 101}',
        b'{"headers": ["X"]}',
        b'{"headers": {"X": "a\\r\\nSet-Cookie: b"}}',
        b'{"headers": {"": "a"}}',
    ],
)
def test_what_cannot_be_sent_is_an_error(printed: bytes) -> None:
    """No header can be smuggled in by what a client sent."""
    with pytest.raises(BadResponseInfoError):
        with_response_info(ok_response(b"x"), printed)


def test_framing_is_not_the_cells_business() -> None:
    """A wrong Content-Length would break the connection."""
    info = b'{"headers": {"Content-Length": "999", "Connection": "close", "X": "1"}}'
    assert with_response_info(ok_response(b"x"), info).headers_with_length()[1:] == (
        (b"x", b"1"),
        (b"content-length", b"1"),
    )


@pytest.mark.parametrize("status", [204, 304])
def test_some_statuses_have_no_body(status: int) -> None:
    """And no length; else the client waits for it."""
    reply = CellResponse(
        status=status, headers=((b"content-type", b"x"), (b"etag", b"1")), body=b"x"
    )
    assert reply.headers_with_length() == ((b"etag", b"1"),)
    assert not reply.has_body


def test_a_problem_says_what_and_when_to_come_again() -> None:
    """In the keys that Kernel Gateway uses."""
    reply = problem_response(503, "busy", id="7")
    said = {"reason": "Service Unavailable", "message": "busy", "id": "7"}
    assert json.loads(reply.body) == said
    assert (b"retry-after", b"1") in reply.headers
