"""Read what proxies say of a request that they have passed on.

The rules of this file:

1. Only those are believed whose address is known: see `runner.config.ProxyTrust`. What others say
   changes nothing, and stands in the headers as it came.
2. Of the addresses that a request has passed, the client is the last that is no proxy of ours. What
   else is said is taken from the same place of its own list, or from the first if that is shorter:
   so nothing is believed that a client has put before what the proxies say.
3. Any proxy that is believed may say who asks, and by which scheme. Only one that was named may say
   which host, port and prefix were asked for: a proxy that does not know these headers passes them
   on as the client has written them, and apps make links of them.
4. ``Forwarded`` is read where there is no ``X-Forwarded-…``, and of a named proxy, likewise.
5. What makes no sense is passed over. Nothing counts twice: an app, or a middleware of its own,
   that reads the same headers finds what it was told. Sources: RFC 7239; Werkzeug's ``ProxyFix``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from runner.config import AddressSet, ProxyTrust
from runner.http.request_head import HOST

Address = tuple[str, int] | None
Fields = Sequence[tuple[bytes, bytes]]

_WORDS = {
    b"forwarded": "forwarded",
    b"x-forwarded-for": "for",
    b"x-forwarded-host": "host",
    b"x-forwarded-port": "port",
    b"x-forwarded-prefix": "prefix",
    b"x-forwarded-proto": "proto",
}
NAMES = tuple(name.decode() for name in _WORDS)
"""The headers by which they say it."""

are_in = re.compile(rb"\n(?:x-)?forwarded", re.IGNORECASE).search
"""Find one of them in a head, or in its fields."""

_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
_DEFAULT_PORTS = {"http": 80, "https": 443}
_LINES = re.compile(rb"\n((?:x-)?forwarded[a-z-]*):[ \t]*([^\r]*)", re.IGNORECASE)
_HOST = re.compile(HOST.decode("ascii"))
_PORT = re.compile(r"[0-9]{1,5}")
# An address, or a name that stands for one. Source: RFC 7239, 6.3.
_NODE = re.compile(r"[0-9A-Za-z._:%-]{1,100}")
# Nothing that has to be encoded, and no empty segment: `//a` would be a host in a link.
_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~@:+-]{1,200}){1,20}")
_PAIR = re.compile(r"""\s*([A-Za-z]+)=([!#$%&'*+\-.^_`|~0-9A-Za-z:]+|"[^"\\]*")\s*""")


class Seen(NamedTuple):
    """Say by whom a request was sent, and where to.

    Attributes:
        client: By whom.
        server: To which address, or name if a proxy says so.
        scheme: ``http`` or ``https``.
        host: What Host would say if it had come without a proxy; empty: what it says.
        prefix: Of the path, which a proxy has taken off.
    """

    client: Address
    server: Address
    scheme: str = "http"
    host: str = ""
    prefix: str = ""


class TrustedProxies(AddressSet):
    """Know the proxies that are believed.

    Args:
        trust: Which, and in what.

    Attributes:
        say_host: They also say which host, port and prefix were asked for.
    """

    def __init__(self, trust: ProxyTrust) -> None:
        super().__init__(trust.names)
        self.say_host = trust.says_host

    def believe(self, peer: Address) -> bool:
        """Tell whether a connection comes from one; by a Unix socket it does."""
        return peer is None or peer[0] in self

    def seen(self, headers: Fields, direct: Seen) -> Seen:
        """Give what they say of a request.

        Args:
            headers: With names in lower case.
            direct: What it looks like without them.
        """
        lists = self._lists_of(headers)
        if not lists:
            return direct
        passed = [_host_and_port(each) for each in lists.get("for", ())]
        hops = self._hops(passed)
        said = {name: each[-min(hops, len(each))] for name, each in lists.items()}
        is_named = bool(passed) and _NODE.fullmatch(passed[-hops][0]) is not None
        client = passed[-hops] if is_named else direct.client
        scheme = _SCHEMES.get(said.get("proto", "").lower(), direct.scheme)
        seen = direct._replace(client=client, scheme=scheme)
        return _addressed(seen, said, headers) if self.say_host else seen

    def named_in(self, head: bytes) -> tuple[str, str, str]:
        """Give the client, the prefix and the scheme that they name; empty ones if they name none.

        Args:
            head: From the first line to the empty one.
        """
        found = [(name.lower(), value) for name, value in _LINES.findall(head)]
        seen = self.seen(found, Seen(None, None, ""))
        return seen.client[0] if seen.client else "", seen.prefix, seen.scheme

    def _lists_of(self, headers: Fields) -> dict[str, list[str]]:
        """Give what each proxy on the way has said, the last one last."""
        given: dict[str, str] = {}
        for field, value in headers:
            name = _WORDS.get(field)
            if name:
                before = f"{given[name]}," if name in given else ""
                given[name] = before + value.decode("latin-1")
        elements = given.pop("forwarded", "")
        if elements and not given:
            return _lists_of_elements(elements) if self.say_host else {}
        return {name: [each.strip() for each in text.split(",")] for name, text in given.items()}

    def _hops(self, passed: Sequence[tuple[str, int]]) -> int:
        """Count back to the last that is no proxy of ours; to the first if all are."""
        most = len(passed) or 1
        if self.has_all:
            return most
        back = enumerate(reversed(passed), 1)
        return next((count for count, (host, _) in back if host not in self), most)


def host_of(headers: Fields) -> str:
    """Give what Host says; empty if there is none."""
    return next((value.decode("latin-1") for name, value in headers if name == b"host"), "")


def _lists_of_elements(text: str) -> dict[str, list[str]]:
    """Read a ``Forwarded`` (RFC 7239, 4); of an element that is none, nothing."""
    elements = []
    for element in text.split(","):
        pairs = [_PAIR.fullmatch(pair) for pair in element.split(";") if pair.strip()]
        is_one = all(pairs)  # else a client would hide what the proxies say behind it
        elements.append({each[1].lower(): each[2].strip('"') for each in pairs if each and is_one})
    named = {name for each in elements for name in each}
    return {
        name: [each.get(name, "") for each in elements] for name in named & {"for", "host", "proto"}
    }


def _addressed(seen: Seen, said: Mapping[str, str], headers: Fields) -> Seen:
    """Add which host, port and prefix were asked for."""
    prefix = said.get("prefix", "").rstrip("/")
    if _PREFIX.fullmatch(prefix):
        seen = seen._replace(prefix=prefix)
    named = said.get("host", "")
    is_host = bool(named) and _HOST.fullmatch(named) is not None
    host, port = _host_and_port(named if is_host else host_of(headers))
    given = said.get("port", "")
    if not port and _PORT.fullmatch(given):
        port = int(given)
    elif not is_host:
        return seen
    usual = _DEFAULT_PORTS.get(seen.scheme, 0)
    shown = f"[{host}]" if ":" in host else host
    shown += f":{port}" if port and port != usual else ""
    return seen._replace(host=shown, server=(host, port or usual))


def _host_and_port(text: str) -> tuple[str, int]:
    """Split ``host:port`` and ``[host]:port``; an IPv6 address alone has no port."""
    host, _, port = text.rpartition(":")
    if text.startswith("["):
        host, _, port = text[1:].partition("]")
        return host, int(port[1:]) if _PORT.fullmatch(port[1:]) else 0
    if ":" in host or not host or not _PORT.fullmatch(port):
        return text, 0
    return host, int(port)
