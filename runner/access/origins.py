"""Know from which other sites a browser may ask, and keep what they could forge from predictions.

The rules of this file:

1. Without ``--cors`` nothing is added to answers, and an app that does it by itself is left alone.
2. With it the sites that were named may ask for everything and read the answers. Preflights are
   answered here, before keys are asked for, which a browser does not send with them, and before
   the app. What the app says of CORS itself is left out.
3. No site is ever allowed to use what a browser has of its user's: cookies and certificates
   (``Access-Control-Allow-Credentials``). API keys are headers that its scripts set.
4. What a browser sends for any site without asking first, a form's types or a body without one
   (CORS's safelist), makes no prediction where another site sends it: see `forged_by`. Who asks
   without a browser is never another site. Source: Fetch Standard, 3.2; Go's
   ``CrossOriginProtection``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from runner.access.refusal import RefusedRequestError
from runner.config import variable
from runner.errors import ConfigurationError

ORIGINS = variable("cors")

Fields = Sequence[tuple[bytes, bytes]]

_ORIGIN = re.compile(
    r"[a-z][a-z0-9+.-]*://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?|null|\*"
)
_DEFAULT_PORTS = {b"http": b":80", b"https": b":443"}
_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
_EXPOSED = (
    b"access-control-expose-headers",
    b"x-run-id, server-timing, retry-after, traceparent, etag, allow, location, www-authenticate",
)
_KEPT_FOR = b"7200"  # seconds; Chromium keeps none for longer
_HEADER_NAMES = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z, ]{0,1000}")
_VARY = (b"vary", b"origin")
# What a form can send, and what comes with a body without a type. Source: Fetch Standard, 2.2.2.
_SAFELISTED = {
    *(b"", b"text/plain", b"multipart/form-data"),
    b"application/x-www-form-urlencoded",
}


class CorsRule:
    """Say to browsers which other sites may ask.

    Args:
        origins: Theirs; ``*`` for all.
    """

    def __init__(self, origins: Iterable[str]) -> None:
        self._origins = {origin.encode() for origin in origins}
        self._allows_all = b"*" in self._origins

    def allows(self, origin: bytes) -> bool:
        """Tell whether a site may ask."""
        return self._allows_all or origin in self._origins

    def answer_fields(self, origin: bytes) -> list[tuple[bytes, bytes]]:
        """Give what is added to an answer; ``origin`` is empty for who says none."""
        if self._allows_all:
            return [(b"access-control-allow-origin", b"*"), _EXPOSED] if origin else []
        if origin not in self._origins:
            return [_VARY]
        return [(b"access-control-allow-origin", origin), _EXPOSED, _VARY]

    def preflight_fields(self, method: str, fields: Fields) -> list[tuple[bytes, bytes]] | None:
        """Give the answer to a preflight; None for what is none.

        Raises:
            RefusedRequestError: The site may not ask.
        """
        if method != "OPTIONS":
            return None
        given, origin = dict(fields), origin_in(fields)
        if not origin or b"access-control-request-method" not in given:
            return None
        if not self.allows(origin):
            said = f"{origin.decode('latin-1'):.80} is no site that may ask; --cors names those"
            raise RefusedRequestError(403, said, [_VARY])
        names = given.get(b"access-control-request-headers", b"")
        return [
            *self.answer_fields(origin),
            (b"access-control-allow-methods", _METHODS),
            (b"access-control-allow-headers", names if _HEADER_NAMES.fullmatch(names) else b"*"),
            (b"access-control-max-age", _KEPT_FOR),
        ]

    def with_fields(
        self, headers: Iterable[tuple[bytes, bytes]], origin: bytes
    ) -> list[tuple[bytes, bytes]]:
        """Give the headers of an answer with ours instead of the app's own."""
        kept = [field for field in headers if not field[0].lower().startswith(b"access-control-")]
        return kept + self.answer_fields(origin)


def origin_in(fields: Fields) -> bytes:
    """Give the site whose page asks; empty if none is said."""
    return next((value for name, value in fields if name == b"origin"), b"")


def origins_of(text: str) -> tuple[str, ...]:
    """Read origins, with commas or spaces between.

    Raises:
        ConfigurationError: Something of it is none.
    """
    origins = [origin.lower().removesuffix("/") for origin in text.replace(",", " ").split()]
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise ConfigurationError(
                f"{origin!r:.80} is no origin that may ask",
                hint="a scheme, a host and its port, such as https://example.org:8443; or *",
            )
    return tuple(map(_without_default_port, origins))


def _without_default_port(origin: str) -> str:
    """Write an origin as browsers do."""
    scheme = origin.partition("://")[0].encode()
    return origin.removesuffix(_DEFAULT_PORTS.get(scheme, b" ").decode())


def forged_by(fields: Fields, cors: CorsRule | None = None) -> str:
    """Name the other site that may have had a browser send this without being asked.

    Args:
        fields: Of a POST, their names in lower case.
        cors: Which sites may ask all the same.

    Returns:
        Empty if there is none.
    """
    given = dict(fields)
    origin, site = given.get(b"origin", b""), given.get(b"sec-fetch-site", b"")
    if not (origin or site):  # no browser of the last five years
        return ""
    kind = given.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if kind not in _SAFELISTED or site in {b"same-origin", b"none"}:
        return ""
    if cors is not None and cors.allows(origin):
        return ""
    if not site and _host_in(origin) == _host_in(b"//" + given.get(b"host", b"")):
        return ""
    return (origin or site).decode("latin-1")


def _host_in(origin: bytes) -> bytes:
    """Give the host and port of an origin, as far as the port is not the scheme's."""
    scheme, _, host = origin.rpartition(b"//")
    return host.lower().removesuffix(_DEFAULT_PORTS.get(scheme.removesuffix(b":"), b" "))
