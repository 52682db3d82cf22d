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
