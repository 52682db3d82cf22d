"""What an annotated cell reads in ``REQUEST``."""

from __future__ import annotations

import base64
import gzip
import itertools
import json
from typing import Any

import pytest

from runner.cells.request import BadBodyError, CellRequest

ALL_BYTES = bytes(range(256))


def request(body: bytes = b"", content_type: str = "", **facts: Any) -> Any:
    """``REQUEST``, as a cell decodes it."""
    headers = [(b"content-type", content_type.encode())] if content_type else []
    return json.loads(CellRequest(body=body, headers=headers, **facts).to_json())


def test_it_has_the_four_keys() -> None:
    """A cell may count on each, also when there is nothing in it."""
    assert request() == {"body": "", "args": {}, "path": {}, "headers": {}}


def test_arguments_are_lists() -> None:
    """A name may stand there more than once, and without a value."""
    args = request(query=b"a=1&a=%C3%BC+x&empty=&=y")["args"]
    assert args == {"a": ["1", "ü x"], "empty": [""], "": ["y"]}


def test_headers_have_their_usual_names() -> None:
    """Repeated ones are lists."""
    headers = [(b"content-type", b"text/plain"), (b"x-a", b"1"), (b"x-a", b"2"), (b"x-a", b"3")]
    shown = json.loads(CellRequest(headers=headers).to_json())["headers"]
    assert shown == {"Content-Type": "text/plain", "X-A": ["1", "2", "3"]}


def test_a_part_of_a_name_is_what_stands_between_hyphens() -> None:
    """As tornado has it, whose names the cells of Kernel Gateway's notebooks read."""
    headers = [(b"api_key", b"1"), (b"x-1st-b3", b"2")]
    assert json.loads(CellRequest(headers=headers).to_json())["headers"] == {
        "Api_key": "1",
        "X-1st-B3": "2",
    }


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON;charset=UTF-8",
        "application/vnd.api+json",
    ],
)
def test_json_is_decoded(content_type: str) -> None:
    """Also with a charset, which Kernel Gateway takes for text."""
    assert request('{"a": ["ü"]}'.encode(), content_type)["body"] == {"a": ["ü"]}


def test_json_may_be_in_another_charset() -> None:
    """The one that the header names."""
    body = '"ü"'.encode("latin-1")
    assert request(body, 'application/json; charset="latin-1"')["body"] == "ü"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"{", "application/json"),
        (b"\xff", "application/json"),
        (b"[" * 100_000, "application/json"),
        (b"x", "multipart/form-data"),
        (b"--b\r\n\r\nx", "multipart/form-data; boundary=b"),
        (b"--b\r\nx\r\n--b--", "multipart/form-data; boundary=b"),
    ],
)
def test_a_body_that_is_not_what_it_says_is_refused(body: bytes, content_type: str) -> None:
    """The cell need not find out."""
    with pytest.raises(BadBodyError):
        request(body, content_type)


def test_no_body_is_an_empty_text() -> None:
    """Whatever the Content-Type: clients send one with GET, too."""
    assert request(b"", "application/json")["body"] == ""


@pytest.mark.parametrize("suffix", ["", "; charset=utf-8"])
def test_a_form_is_lists_of_values(suffix: str) -> None:
    """As the arguments are."""
    body = request(b"a=1&a=%C3%BC&b=", f"application/x-www-form-urlencoded{suffix}")["body"]
    assert body == {"a": ["1", "ü"], "b": [""]}


def test_a_multipart_form_has_fields_and_files() -> None:
    """A file's bytes arrive whole, in base64, with name and type."""
    part = b'Content-Disposition: form-data; name="%s"'
    file = part % b"f" + '; filename="ü;\\".bin"'.encode() + b"\r\nContent-Type: image/png"
    body = b"\r\n".join(
        [b"--b", part % b"a", b"", "ü\r\n".encode(), b"--b", file, b"", ALL_BYTES, b"--b--", b""]
    )
    found = request(body, "multipart/form-data; boundary=b")
    assert found["body"] == {"a": ["ü\r\n"]}
    (uploaded,) = found["files"]["f"]
    assert base64.b64decode(uploaded.pop("base64")) == ALL_BYTES
    assert uploaded == {"filename": 'ü;".bin', "content_type": "image/png"}


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/atom+xml", "foo"])
def test_any_other_type_is_text(content_type: str) -> None:
    """If it is text at all."""
    found = request("ü {}".encode(), content_type)
    assert found["body"] == "ü {}"
    assert "body_encoding" not in found


def test_what_is_no_text_comes_in_base64() -> None:
    """And says so; Kernel Gateway answers 500."""
    found = request(ALL_BYTES, "image/png")
    assert found["body_encoding"] == "base64"
    assert base64.b64decode(found["body"]) == ALL_BYTES


@pytest.mark.parametrize(
    ("body", "content_type", "coding", "status"),
    [
        (b"a" * 1_000_000, "text/plain; charset=punycode", "", 415),
        (b"1", "application/json; charset=none-such", "", 415),
        (b"[" + b"[]," * 1_000_000 + b"[]]", "application/json", "", 413),
        (b"a=1&" * 100_000, "application/x-www-form-urlencoded", "", 413),
        (b"--b\r\n\r\n\r\n" * 100_000 + b"--b--", "multipart/form-data; boundary=b", "", 400),
        (b"x", "text/plain", "br", 415),
        (b"x", "text/plain", "gzip", 400),
        (gzip.compress(b"x" * 1_001, mtime=0), "text/plain", "gzip", 413),
    ],
    ids=itertools.count(),
)
def test_what_would_cost_too_much_is_refused(
    body: bytes, content_type: str, coding: str, status: int
) -> None:
    """Before it is read, and by a status of its own."""
    headers = [(b"content-type", content_type.encode())]
    headers += [(b"content-encoding", coding.encode())] if coding else []
    most = 1_000 if coding else 16_777_216
    with pytest.raises(BadBodyError) as caught:
        CellRequest(body=body, headers=headers, max_body=most).to_json()
    assert caught.value.status == status


def test_a_compressed_body_is_unpacked() -> None:
    """The cell need not know, so it does not see the header."""
    headers = [(b"content-type", b"application/json"), (b"content-encoding", b"gzip")]
    found = json.loads(CellRequest(body=gzip.compress(b'{"a": 1}'), headers=headers).to_json())
    assert found["body"] == {"a": 1}
    assert list(found["headers"]) == ["Content-Type"]


def test_a_mark_before_json_is_skipped() -> None:
    """With a charset and without."""
    for content_type in ("application/json", "application/json; charset=utf-8"):
        assert request("\ufeff[1]".encode(), content_type)["body"] == [1]
