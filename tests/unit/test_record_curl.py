"""The command line that asks a service."""

from __future__ import annotations

from typing import Any

import pytest

from runner.record.curl import curl_of, reachable

PUT = {"method": "PUT", "path": "/x", "body": "it's", "content_type": "text/plain"}


@pytest.mark.parametrize(
    ("url", "example", "command"),
    [
        ("", PUT, ""),
        ("http://h:1", None, "curl http://h:1/"),
        (
            "http://h:1",
            PUT,
            "curl -X PUT http://h:1/x -H 'content-type: text/plain' -d 'it'\"'\"'s'",
        ),
        ("http:///run/a.sock", None, "curl --unix-socket /run/a.sock http://localhost/"),
    ],
)
def test_a_command_asks_what_is_answered(
    url: str, example: dict[str, Any] | None, command: str
) -> None:
    """By its method, with its body as what it is."""
    assert curl_of(url, example) == command


@pytest.mark.parametrize(
    ("bound", "address"),
    [
        ("http://0.0.0.0:8000", "http://localhost:8000"),
        ("https://[::]:8000", "https://localhost:8000"),
        ("http://192.0.2.1:80", "http://192.0.2.1:80"),
    ],
)
def test_the_address_is_one_that_a_browser_can_open(bound: str, address: str) -> None:
    """All addresses is none."""
    assert reachable(bound) == address
