"""What a browser gets that has no key."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import re

import pytest

from runner.access.gate import Asked, Gate
from runner.access.key_file import hash_of, key_of
from runner.access.keys import Keys
from runner.access.refusal import CONTENT_TYPE, RefusedRequestError

BROWSER = (b"accept", b"text/html,application/xhtml+xml,*/*;q=0.8")


def refused(
    *fields: tuple[bytes, bytes], method: str = "GET", ours: bool = True
) -> RefusedRequestError:
    gate = Gate(Keys([key_of("alice", hash_of("a-key"), 1 / 60)]))
    gate.has_authors_pages = not ours
    asked = Asked(method, "/", fields)
    with contextlib.suppress(RefusedRequestError):
        gate.admit(asked)  # a second one is more than the key may
    with pytest.raises(RefusedRequestError) as caught:
        gate.admit(asked)
    return caught.value


@pytest.mark.parametrize("fields", [[BROWSER], [BROWSER, (b"x-api-key", b"another")]])
def test_a_browser_without_a_key_that_is_known_gets_a_page(
    fields: list[tuple[bytes, bytes]],
) -> None:
    """The answer is a 401 as before, which nobody may keep."""
    why = refused(*fields)
    assert (why.status, why.content_type) == (401, b"text/html; charset=utf-8")
    assert why.body.startswith(b"<!doctype html>")
    assert {name for name, _ in why.fields} >= {b"www-authenticate", b"vary"}
    assert dict(why.fields)[b"cache-control"] == b"no-store"


@pytest.mark.parametrize(
    ("method", "fields", "status"),
    [
        ("GET", [], 401),
        ("GET", [(b"accept", b"*/*")], 401),
        ("GET", [(b"accept", b"application/json")], 401),
        ("POST", [BROWSER], 401),
        ("HEAD", [BROWSER], 401),
        ("GET", [BROWSER, (b"x-api-key", b"a-key")], 429),
    ],
)
def test_whoever_else_is_refused_gets_problem_details(
    method: str, fields: list[tuple[bytes, bytes]], status: int
) -> None:
    """Programs, and whoever has a key."""
    why = refused(*fields, method=method)
    assert (why.status, why.content_type) == (status, CONTENT_TYPE)
    assert b'"status": ' in why.body


def test_the_page_holds_no_script_and_no_style_but_those_that_its_policy_names() -> None:
    """By their hashes; what is shown in its place loads the service's own, and nothing else."""
    why = refused(BROWSER)
    policy = dict(why.fields)[b"content-security-policy"].decode()
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    for tag in ("script", "style"):
        [text] = re.findall(rf"<{tag}[^>]*>(.*?)</{tag}>".encode(), why.body, re.DOTALL)
        hashed = base64.b64encode(hashlib.sha256(text).digest()).decode()
        assert f"{tag}-src 'self' 'sha256-{hashed}'" in policy
    assert not re.search(rb"\son[a-z]+=|\sstyle=|\ssrc=|https?://", why.body)


def test_an_authors_page_may_hold_scripts_of_its_own() -> None:
    """As it may when it is served without keys: but of no other host."""
    policy = dict(refused(BROWSER, ours=False).fields)[b"content-security-policy"]
    assert policy.startswith(b"default-src 'self' 'unsafe-inline'")
    assert b"http" not in policy
