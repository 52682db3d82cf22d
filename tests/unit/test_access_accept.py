"""What a client likes of media types."""

from __future__ import annotations

import pytest

from runner.access.accept import wants_html


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        (b"TEXT/HTML", True),
        (b"application/json, text/html;q=0.5", True),
        (b"text/html;q=0", False),
        (b"text/html; q=0.000", False),
        (b"*/*", False),
        (b"application/json", False),
        (b"", False),
    ],
)
def test_only_who_names_html_gets_it(accept: bytes, expected: bool) -> None:
    """Browsers name it; curl and clients say that they take anything."""
    assert wants_html(accept) is expected
