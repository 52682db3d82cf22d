"""Proxies that are known say by whom, how and where to a request was sent; others say nothing."""

from __future__ import annotations

import io
from typing import Any

import pytest
from werkzeug.middleware.proxy_fix import ProxyFix

from runner.config import LOOPBACK, ProxyTrust
from runner.http.forwarded import Seen, TrustedProxies
from runner.http.request_head import read_head
from runner.http.scope import below_root, scope_of
from runner.http.wsgi_environ import environ_of

NAMED = TrustedProxies(ProxyTrust(names="10.0.0.0/8", says_host=True))
LOCAL = TrustedProxies(ProxyTrust(names="10.0.0.0/8"))
DIRECT = Seen(("10.0.0.1", 4711), ("10.0.0.2", 8000))
TRAEFIK = (
    *("X-Forwarded-For: 1.2.3.4", "X-Forwarded-Host: example.org", "X-Forwarded-Port: 443"),
    *("X-Forwarded-Proto: https", "X-Forwarded-Prefix: /model"),
)


def fields(*lines: str) -> list[tuple[bytes, bytes]]:
    split = [line.partition(": ") for line in ("Host: inner:8000", *lines)]
    return [(name.lower().encode(), value.encode()) for name, _, value in split]


def scope(proxies: TrustedProxies, *lines: str, peer: str = "10.0.0.1") -> dict[str, Any]:
    text = "\r\n".join(["GET /a%20b?c HTTP/1.1", "Host: inner:8000", *lines, "", ""])
    return scope_of(read_head(text.encode()), (peer, 4711), ("10.0.0.2", 8000), proxies)


@pytest.mark.parametrize(
    ("lines", "client", "scheme", "host", "prefix"),
    [
        (TRAEFIK, "1.2.3.4", "https", "example.org", "/model"),
        (["X-Forwarded-Proto: https"], "10.0.0.1", "https", "", ""),
        (["X-Forwarded-Proto: wss"], "10.0.0.1", "https", "", ""),
        (["X-Forwarded-Proto: gopher"], "10.0.0.1", "http", "", ""),
        # A client has written the first; each proxy has added its own.
        (
            [
                "X-Forwarded-For: 6.6.6.6, 1.2.3.4, 10.0.0.7",
                "X-Forwarded-Proto: http, https, http",
                "X-Forwarded-Host: evil, example.org, inner",
            ],
            *("1.2.3.4", "https", "example.org", ""),
        ),
        (["X-Forwarded-For: 1.2.3.4", "X-Forwarded-For: 10.0.0.7"], "1.2.3.4", "http", "", ""),
        (
            ["X-Forwarded-For: 1.2.3.4, 10.0.0.7", "X-Forwarded-Proto: https"],
            "1.2.3.4",
            "https",
            "",
            "",
        ),
        # What makes no sense is passed over.
        (["X-Forwarded-For: 1.2.3.4 GET / 200"], "10.0.0.1", "http", "", ""),
        (["X-Forwarded-For: " + "x" * 50_000], "10.0.0.1", "http", "", ""),
        (["X-Forwarded-Host: a b"], "10.0.0.1", "http", "", ""),
        (["X-Forwarded-Host: a/b"], "10.0.0.1", "http", "", ""),
        (["X-Forwarded-Prefix: //evil.org"], "10.0.0.1", "http", "", ""),
        (["X-Forwarded-Prefix: evil"], "10.0.0.1", "http", "", ""),
        (['X-Forwarded-Prefix: /"><script>'], "10.0.0.1", "http", "", ""),
        (["X-Forwarded-Prefix: /"], "10.0.0.1", "http", "", ""),
        (["X-Forwarded-Prefix: /a/b/"], "10.0.0.1", "http", "", "/a/b"),
        (["X-Forwarded-Prefix: /" + "a" * 5000], "10.0.0.1", "http", "", ""),
        # A port stands in the host unless it is the scheme's own, or another stands there.
        (["X-Forwarded-Host: a", "X-Forwarded-Port: 8443"], "10.0.0.1", "http", "a:8443", ""),
        (["X-Forwarded-Host: a:81", "X-Forwarded-Port: 80"], "10.0.0.1", "http", "a:81", ""),
        (["X-Forwarded-Host: a:80"], "10.0.0.1", "http", "a", ""),
        (["X-Forwarded-Host: [::2]", "X-Forwarded-Port: 81"], "10.0.0.1", "http", "[::2]:81", ""),
        (["X-Forwarded-Port: x"], "10.0.0.1", "http", "", ""),
        # Forwarded, where nothing else stands.
        (
            ['Forwarded: for=6.6.6.6, For="[2001:db8::1]:4711";proto=https;host="a.org:444"'],
            *("2001:db8::1", "https", "a.org:444", ""),
        ),
        (["Forwarded: for=1.2.3.4;proto=https, for=10.0.0.7"], "1.2.3.4", "https", "", ""),
        (["Forwarded: for=1.2.3.4;;proto"], "10.0.0.1", "http", "", ""),
        (["Forwarded: for=1.2.3.4;;proto=https;"], "1.2.3.4", "https", "", ""),
        # Nor does what a client has written hide what the proxies say behind it.
        (['Forwarded: for=";, for=1.2.3.4'], "1.2.3.4", "http", "", ""),
        # As seen by a proxy that listens at `::`.
        (["X-Forwarded-For: 1.2.3.4, ::ffff:10.0.0.7"], "1.2.3.4", "http", "", ""),
        (["Forwarded: for=6.6.6.6", "X-Forwarded-For: 1.2.3.4"], "1.2.3.4", "http", "", ""),
    ],
)
def test_a_named_proxy_says_all(
    lines: list[str], client: str, scheme: str, host: str, prefix: str
) -> None:
    """The last that is no proxy is the client, and what else is said stands at the same place."""
    seen = NAMED.seen(fields(*lines), DIRECT)
    assert seen.client is not None
    assert (seen.client[0], seen.scheme, seen.host, seen.prefix) == (client, scheme, host, prefix)


def test_a_proxy_that_nobody_named_says_who_asks_and_how() -> None:
    """It may pass on the other headers as the client has written them."""
    seen = LOCAL.seen(fields(*TRAEFIK), DIRECT)
    assert seen == DIRECT._replace(client=("1.2.3.4", 0), scheme="https")
    assert LOCAL.seen(fields("Forwarded: for=1.2.3.4"), DIRECT) == DIRECT


def test_what_others_say_changes_nothing() -> None:
    """The headers stand there as they came."""
    plain, forged = scope(NAMED, peer="9.9.9.9"), scope(NAMED, *TRAEFIK, peer="9.9.9.9")
    assert forged.pop("headers")[: len(plain["headers"])] == plain.pop("headers")
    assert forged == plain


def test_a_proxy_is_known_where_all_addresses_are_of_version_6() -> None:
    """As what listens at `::` sees them."""
    assert scope(NAMED, *TRAEFIK, peer="::ffff:10.0.0.1")["client"] == ("1.2.3.4", 0)
    assert not NAMED.believe(("::ffff:9.9.9.9", 4711))


def test_a_prefix_is_in_front_of_the_path() -> None:
    """As ASGI has it; the routes are below it."""
    seen = scope(NAMED, *TRAEFIK)
    assert (seen["root_path"], seen["path"]) == ("/model", "/model/a b")
    assert (seen["raw_path"], below_root(seen)) == (b"/model/a%20b", "/a b")
    assert dict(seen["headers"])[b"host"] == b"example.org"
    assert (seen["scheme"], seen["client"], seen["server"]) == (
        "https",
        ("1.2.3.4", 0),
        ("example.org", 443),
    )


def test_nothing_counts_twice() -> None:
    """An app that reads the same headers by Werkzeug's ProxyFix is told what it was told."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        told.append({**environ})
        return []

    told: list[dict[str, Any]] = []
    for each in (app, ProxyFix(app, x_for=1, x_proto=1, x_host=1, x_port=1, x_prefix=1)):
        seen = scope(NAMED, *TRAEFIK) | {"extensions": {}}
        each(environ_of(seen, io.BytesIO(), 0), None)
    fixed = told[1]
    assert fixed.pop("werkzeug.proxy_fix.orig")["SCRIPT_NAME"] == "/model"
    port = fixed.pop("HTTP_HOST"), fixed.pop("SERVER_PORT")
    assert port == ("example.org:443", "443")
    names = ("SCRIPT_NAME", "PATH_INFO", "REMOTE_ADDR", "wsgi.url_scheme", "SERVER_NAME")
    assert [fixed[name] for name in names] == [told[0][name] for name in names]
    assert [told[0][name] for name in names] == [
        *("/model", "/a b", "1.2.3.4", "https", "example.org")
    ]


@pytest.mark.parametrize(
    ("environ", "trust"),
    [
        ({}, ProxyTrust(names=LOOPBACK)),
        ({"RUNNER_TRUSTED_PROXIES": ""}, ProxyTrust(names=LOOPBACK)),
        ({"FORWARDED_ALLOW_IPS": "10.1.1.1"}, ProxyTrust(names="10.1.1.1")),
        (
            {"FORWARDED_ALLOW_IPS": "10.1.1.1", "RUNNER_TRUSTED_PROXIES": "10.2.2.2"},
            ProxyTrust(names=f"{LOOPBACK},10.2.2.2", says_host=True),
        ),
        ({"RUNNER_TRUSTED_PROXIES": "*"}, ProxyTrust(names="*", says_host=True)),
    ],
)
def test_the_option_names_them(environ: dict[str, str], trust: ProxyTrust) -> None:
    """Besides those on this machine, and before uvicorn's variable."""
    assert ProxyTrust.from_environment(environ) == trust
