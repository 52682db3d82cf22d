"""What a request asks for is told to apps, whatever form its target has."""

from __future__ import annotations

from typing import Any

import pytest

from runner.access.refusal import RefusedRequestError
from runner.config import ProxyTrust
from runner.http.forwarded import TrustedProxies
from runner.http.request_head import read_head
from runner.http.scope import scope_of


def asked(target: bytes, *, method: bytes = b"GET", version: bytes = b"1.1") -> dict[str, Any]:
    head = read_head(b"%b %b HTTP/%b\r\nA: b\r\nHost: x\r\n\r\n" % (method, target, version))
    return scope_of(head, ("10.0.0.1", 1), ("10.0.0.2", 2), TrustedProxies(ProxyTrust(names="")))


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/", "/", b""),
        (b"/a?b?c=/", "/a", b"b?c=/"),
        (b"/a?", "/a", b""),
        (b"//a//b", "//a//b", b""),
        (b"/%2e%2e/%00%zz%", "/../\0%zz%", b""),
        (b"/..", "/..", b""),
        (b'/a|b^`{"c"}<\\>', '/a|b^`{"c"}<\\>', b""),
        (b"/http://a/", "/http://a/", b""),
    ],
)
def test_a_path_is_decoded_once(target: bytes, path: str, query: bytes) -> None:
    """And left as it is otherwise: what it means is the app's business."""
    scope = asked(target)
    assert (scope["path"], scope["query_string"]) == (path, query)
    assert scope["raw_path"] == target.partition(b"?")[0]
    assert scope["headers"] == [(b"a", b"b"), (b"host", b"x")]


@pytest.mark.parametrize(
    ("target", "host", "path", "query"),
    [
        (b"http://h", b"h", b"/", b""),
        (b"HTTPS://H_x:99999/", b"H_x:99999", b"/", b""),
        (b"http://h?a", b"h", b"/", b"a"),
        (b"http://[::1]:80/a?b", b"[::1]:80", b"/a", b"b"),
    ],
)
def test_the_host_of_a_url_is_the_host(
    target: bytes, host: bytes, path: bytes, query: bytes
) -> None:
    """Whatever the header says (RFC 9112, 3.2.2)."""
    scope = asked(target)
    assert scope["headers"] == [(b"host", host), (b"a", b"b")]
    assert (scope["raw_path"], scope["query_string"]) == (path, query)


@pytest.mark.parametrize(
    "target",
    [
        *(b"a", b"*", b"/a#b", b"/#", b"/a?b#c", b"?a", b"http://", b"http:///a", b"http://h/#"),
        *(b"http://u:p@h/", b"http://:80/", b"http://h:x/", b"ftp://h/", b"http:/a", b"h:443"),
        *(b"http://[::1/", b"http://a,b/", b"javascript:1"),
    ],
)
def test_what_is_no_path_is_refused(target: bytes) -> None:
    """A fragment above all: others may take it for a part of the path, or not."""
    with pytest.raises(RefusedRequestError) as caught:
        asked(target)
    assert caught.value.status == 400


def test_options_may_ask_for_all() -> None:
    """And no other method may."""
    assert asked(b"*", method=b"OPTIONS")["path"] == "*"


@pytest.mark.parametrize(
    ("passed", "client"),
    [
        (b"1.2.3.4", ("1.2.3.4", 0)),
        (b"1.2.3.4:80", ("1.2.3.4", 80)),
        (b"[::2]:80", ("::2", 80)),
        (b"[::2]", ("::2", 0)),
        (b"::2", ("::2", 0)),
        (b"1.2.3.4:" + b"9" * 5000, ("10.0.0.1", 1)),
        (b"[::2]:" + b"9" * 5000, ("::2", 0)),
        (b"[", ("10.0.0.1", 1)),
        (b"a:\xb2", ("10.0.0.1", 1)),
        (b"_hidden", ("_hidden", 0)),
        (b",,", ("10.0.0.1", 1)),
        (b"evil, 1.2.3.4, 10.0.0.7", ("1.2.3.4", 0)),
    ],
)
def test_a_proxy_passes_on_whatever_it_was_told(passed: bytes, client: tuple[str, int]) -> None:
    """What is no address is no fault of the request, and stands in no log."""
    head = read_head(b"GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: %b\r\n\r\n" % passed)
    proxies = TrustedProxies(ProxyTrust(names="10.0.0.0/8"))
    scope = scope_of(head, ("10.0.0.1", 1), ("10.0.0.2", 2), proxies)
    assert scope["client"] == client
