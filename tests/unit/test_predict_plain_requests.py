"""Which heads are known by their bytes: only those that end where their bytes say."""

from __future__ import annotations

from typing import Any

import pytest

from runner.predict.plain_requests import PlainRequest, PlainRequestCache

NONE: Any = None
HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n"


def known_after(head: bytes, lines: int) -> list[bytes]:
    heads = PlainRequestCache({})
    heads.remember(head, PlainRequest(NONE, "/", 2, None), lines)
    return list(heads.by_head)


def test_a_regular_head_is_remembered() -> None:
    """Each of its lines is one header that the parser has found."""
    assert known_after(HEAD, 2) == [HEAD]


@pytest.mark.parametrize(
    ("head", "lines"),
    [
        (HEAD.replace(b"Host: x", b"Host: x\r\n y"), 2),
        (HEAD.replace(b"\r\nHost", b"\nHost"), 2),
        (HEAD, 1),
        (b"\r\n" + HEAD, 2),
        (b"\r\n\r\n", 2),
        (HEAD.replace(b"x", b"x" * 5000), 2),
    ],
)
def test_an_irregular_head_is_not_remembered(head: bytes, lines: int) -> None:
    """Else bytes of a body might be taken for a head; nor is one of any size."""
    assert known_after(head, lines) == []
