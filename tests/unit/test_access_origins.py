"""Other sites may ask if they are named, and forge nothing if they are not."""

from __future__ import annotations

import pytest

from runner.access.origins import CorsRule, forged_by, origins_of
from runner.access.refusal import RefusedRequestError
from runner.errors import ConfigurationError

SITE, OTHER = b"https://app.example.org", b"https://evil.org"
ALLOW = b"access-control-allow-origin"


def preflight(origin: bytes, *fields: tuple[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    return [(b"origin", origin), (b"access-control-request-method", b"POST"), *fields]


def test_a_preflight_is_answered_with_what_the_site_may_send() -> None:
    """Any header that it names: a wildcard would leave out Authorization."""
    asked = preflight(SITE, (b"access-control-request-headers", b"authorization, content-type"))
    given = dict(CorsRule(["https://app.example.org"]).preflight_fields("OPTIONS", asked) or ())
    assert given[ALLOW] == SITE
    assert given[b"access-control-allow-headers"] == b"authorization, content-type"
    assert b"POST" in given[b"access-control-allow-methods"]
    assert given[b"vary"] == b"origin"
    assert b"access-control-allow-credentials" not in given


def test_another_site_may_not_ask() -> None:
    """And is told so before it sends anything."""
    with pytest.raises(RefusedRequestError) as caught:
        CorsRule(["https://app.example.org"]).preflight_fields("OPTIONS", preflight(OTHER))
    assert caught.value.status == 403


@pytest.mark.parametrize(
    ("method", "fields"),
    [
        ("POST", preflight(SITE)),
        ("OPTIONS", [(b"origin", SITE)]),
        ("OPTIONS", [(b"access-control-request-method", b"POST")]),
    ],
)
def test_what_is_no_preflight_is_the_apps(method: str, fields: list[tuple[bytes, bytes]]) -> None:
    """Its own OPTIONS stay its own."""
    assert CorsRule(["*"]).preflight_fields(method, fields) is None


def test_answers_say_who_may_read_them() -> None:
    """Instead of what the app says; and caches are told that it depends."""
    one, all_of_them = CorsRule(["https://app.example.org"]), CorsRule(["*"])
    own = [(b"a", b"b"), (b"Access-Control-Allow-Origin", b"*")]
    assert dict(one.with_fields(own, SITE))[ALLOW] == SITE
    assert one.with_fields(own, OTHER) == [(b"a", b"b"), (b"vary", b"origin")]
    assert one.with_fields(own, b"") == [(b"a", b"b"), (b"vary", b"origin")]
    assert dict(all_of_them.with_fields([], OTHER))[ALLOW] == b"*"
    assert b"x-run-id" in dict(all_of_them.with_fields([], OTHER))[b"access-control-expose-headers"]
    assert all_of_them.with_fields([(b"a", b"b")], b"") == [(b"a", b"b")]


@pytest.mark.parametrize(
    ("text", "origins"),
    [
        ("https://a.org, http://b:3000", ("https://a.org", "http://b:3000")),
        ("HTTPS://A.org:443/ *", ("https://a.org", "*")),
        ("http://[::1]:80 null", ("http://[::1]", "null")),
    ],
)
def test_origins_are_written_as_browsers_do(text: str, origins: tuple[str, ...]) -> None:
    """Without the port that is the scheme's own."""
    assert origins_of(text) == origins


@pytest.mark.parametrize("text", ["a.org", "https://a.org/b", "https://*.a.org", "https://"])
def test_what_is_no_origin_is_no_option(text: str) -> None:
    """And the error says what one looks like."""
    with pytest.raises(ConfigurationError, match="no origin"):
        origins_of(text)


FORMS = [b"", b"text/plain", b"Text/Plain; charset=utf-8", b"multipart/form-data; boundary=x"]
FORMS += [b"application/x-www-form-urlencoded"]


def sent(**fields: bytes) -> list[tuple[bytes, bytes]]:
    given = {"host": b"localhost:8000", **fields}
    return [(name.replace("_", "-").encode(), value) for name, value in given.items()]


@pytest.mark.parametrize("kind", FORMS)
@pytest.mark.parametrize(
    "fields",
    [
        {"origin": OTHER, "sec_fetch_site": b"cross-site"},
        {"origin": OTHER},
        {"origin": b"null"},
        {"sec_fetch_site": b"cross-site"},
        {"origin": b"http://localhost:3000", "sec_fetch_site": b"same-site"},
        {"origin": b"http://localhost:3000"},
        {"origin": b"http://localhost"},
        {"origin": b"https://localhost:8000", "sec_fetch_site": b"cross-site"},
    ],
)
def test_what_a_form_of_another_site_sends_is_forged(kind: bytes, fields: dict[str, bytes]) -> None:
    """A site is another with another port, too; a sandboxed page is none of ours."""
    assert forged_by(sent(content_type=kind, **fields))


@pytest.mark.parametrize("kind", FORMS)
@pytest.mark.parametrize(
    "fields",
    [
        {},  # curl, and every client that is no browser
        {"origin": b"http://localhost:8000"},
        {"origin": b"http://LOCALHOST:8000", "sec_fetch_site": b"same-origin"},
        {"origin": b"null", "sec_fetch_site": b"same-origin"},
        {"sec_fetch_site": b"none"},
        {"origin": b"https://localhost", "host": b"localhost"},
    ],
)
def test_what_nobody_else_can_have_sent_is_not(kind: bytes, fields: dict[str, bytes]) -> None:
    """Our own pages send forms with files, and people ask by curl without saying a type."""
    assert not forged_by(sent(content_type=kind, **fields))


@pytest.mark.parametrize("kind", [b"application/json", b"text/csv", b"application/x-ndjson"])
def test_what_needs_a_preflight_is_not_forged(kind: bytes) -> None:
    """The browser has asked before, and was let in."""
    assert not forged_by(sent(content_type=kind, origin=OTHER, sec_fetch_site=b"cross-site"))


def test_a_site_that_may_ask_forges_nothing() -> None:
    """It was named."""
    fields = sent(content_type=b"", origin=SITE, sec_fetch_site=b"cross-site")
    assert forged_by(fields) == SITE.decode()
    assert not forged_by(fields, CorsRule([SITE.decode()]))
    assert forged_by(sent(origin=OTHER), CorsRule([SITE.decode()]))
