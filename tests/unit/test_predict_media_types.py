"""Media types are told and chosen."""

from __future__ import annotations

import importlib.util

import pytest

from runner.predict.media_types import MediaType, _readable, media_type_of, negotiated
from runner.predict.problem_error import ProblemError

OFFERED = (MediaType.JSON, MediaType.LINES)


@pytest.mark.parametrize(
    ("content_type", "media"),
    [
        (b"", MediaType.JSON),
        (b"application/json", MediaType.JSON),
        (b"Application/JSON; charset=utf-8", MediaType.JSON),
        (b"application/vnd.api+json", MediaType.JSON),
        (b"application/x-ndjson", MediaType.LINES),
        (b"application/jsonl", MediaType.LINES),
        (b"application/vnd.apache.arrow.stream", MediaType.ARROW),
        (b"application/vnd.apache.parquet", MediaType.PARQUET),
        (b"multipart/form-data; boundary=x", MediaType.FORM),
    ],
)
def test_a_content_type_is_told(content_type: bytes, media: MediaType) -> None:
    """Whatever its case and parameters."""
    assert media_type_of(content_type, takes_forms=True) is media


def test_what_is_not_read_is_415() -> None:
    """With what is; curl's own type gets the mend."""
    with pytest.raises(
        ProblemError, match="curl needs -H 'Content-Type: application/json'"
    ) as form:
        media_type_of(b"application/x-www-form-urlencoded", takes_forms=False)
    assert form.value.status == 415
    assert dict(form.value.headers)[b"accept"].startswith(b"application/json, ")
    with pytest.raises(ProblemError, match="multipart/form-data is not read here"):
        media_type_of(b"multipart/form-data; boundary=x", takes_forms=False)


@pytest.mark.parametrize("has_tables", [True, False])
def test_only_what_there_is_a_library_for_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, *, has_tables: bool
) -> None:
    """A client that sends Arrow where pyarrow is absent would be refused again."""
    spec = importlib.util.find_spec("json") if has_tables else None
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    _readable.cache_clear()
    with pytest.raises(ProblemError) as refused:
        media_type_of(b"text/plain", takes_forms=False)
    _readable.cache_clear()
    assert (b"arrow" in dict(refused.value.headers)[b"accept"]) is has_tables


def test_a_bare_number_is_read_from_curl_as_it_is() -> None:
    """``curl -d 5`` calls it a form; nothing else of another type passes."""
    form = b"application/x-www-form-urlencoded; charset=utf-8"
    assert media_type_of(form, takes_forms=False, is_bare=True) is MediaType.JSON
    with pytest.raises(ProblemError):
        media_type_of(b"text/plain", takes_forms=False, is_bare=True)


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (b"", MediaType.JSON),
        (b"*/*", MediaType.JSON),
        (b"text/html, application/*;q=0.9, */*;q=0.1", MediaType.JSON),
        (b"application/jsonl", MediaType.LINES),
        (b"application/json;q=0.5, application/x-ndjson", MediaType.LINES),
        (b"application/json;q=0, */*", MediaType.LINES),
        (b"application/json;q=nonsense, application/x-ndjson;q=0.1", MediaType.LINES),
        (b"application/json;q=nan, application/x-ndjson;q=0.1", MediaType.LINES),
    ],
)
def test_the_client_chooses(accept: bytes, media: MediaType) -> None:
    """By its likings; else by our order."""
    assert negotiated(accept, OFFERED) is media


@pytest.mark.parametrize(
    "accept", [b"text/html", b"application/json;q=0", b"*/*;q=nan", b"image/*, text/*"]
)
def test_a_client_that_takes_nothing_gets_406(accept: bytes) -> None:
    """With what there is."""
    with pytest.raises(ProblemError, match="application/json, application/x-ndjson") as caught:
        negotiated(accept, OFFERED)
    assert caught.value.status == 406
