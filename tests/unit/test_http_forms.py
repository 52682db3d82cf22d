"""multipart/form-data, as RFC 7578 has it."""

from __future__ import annotations

import pytest

from runner.http.forms import BadFormError, media_type, parameters_of, parts_of


def test_a_form_is_read_part_by_part() -> None:
    """A content may hold anything but the boundary."""
    body = b'--B\r\nContent-Disposition: form-data; name="a\\"b"\r\n\r\n--\r\nx\r\n--B--'
    (part,) = parts_of(body, 'multipart/form-data; boundary="B"')
    assert (part.name, part.filename, part.content) == ('a"b', None, b"--\r\nx")


@pytest.mark.parametrize("content_type", ["multipart/form-data", "multipart/form-data; boundary="])
def test_a_form_needs_a_boundary(content_type: str) -> None:
    """Else nobody knows where a part ends."""
    with pytest.raises(BadFormError, match="names no boundary"):
        list(parts_of(b"", content_type))


def test_a_header_has_a_type_and_parameters() -> None:
    """In any case, quoted or not."""
    assert media_type("Text/HTML; Charset=x") == "text/html"
    assert parameters_of('a; B=1; c="2;3"') == {"b": "1", "c": "2;3"}


def test_a_quote_that_is_not_closed_ends_with_the_text() -> None:
    """To look for the end of each, again and again, would take hours of a few megabytes."""
    assert parameters_of('a; b="c; d="e') == {"b": "c; d="}
    assert parameters_of('a; b="c\\') == {"b": "c\\"}
    assert len(parameters_of(';a="\\' * 200_000)) == 1


def test_the_headers_of_a_part_are_bounded() -> None:
    """There is no more to say of a field."""
    body = b"--B\r\nA: " + b"x" * 9_000 + b"\r\n\r\nc\r\n--B--"
    with pytest.raises(BadFormError, match="larger than"):
        list(parts_of(body, "multipart/form-data; boundary=B"))
