"""Read the heads of requests that are passed on, and write them anew.

Whoever hears a request from us believes what it says of the client. So a head that some servers
read in one way and some in another is refused: it could carry such words past us.
"""

from __future__ import annotations

import asyncio
import re

from runner.access.gate import Asked, without_keys
from runner.bodies.request_body import CHUNKED
from runner.config import LOOPBACK, AddressSet

_TOKEN = rb"[!#-'*+\-.0-9A-Z^-z|~]+"
_LINE = re.compile(_TOKEN + rb" [^\0- \x7f]+ HTTP/1\.[01]")
_FIELD = re.compile(_TOKEN + rb":[^\r\n\0]*")
_WEBSOCKET = re.compile(rb"upgrade:[ \t]*websocket[ \t]*", re.IGNORECASE)
_LENGTH = re.compile(rb"[0-9]{1,18}")
_FRAMING = (b"content-length", b"transfer-encoding")
_ONCE = (b"host", *_FRAMING)
_BODY = re.compile(rb"(?:content-length:[ \t]*0*[1-9]|transfer-encoding:)", re.IGNORECASE)
_BELIEVED = {
    *(b"forwarded", b"x-forwarded-host", b"x-forwarded-port"),
    *(b"x-forwarded-prefix", b"x-forwarded-proto"),
}
_LOOPBACK = AddressSet(LOOPBACK)
_END = b"\r\n\r\n"


async def read_head(reader: asyncio.StreamReader) -> bytes:
    """Read a head; one without an end, or longer than the reader's limit, as far as it came."""
    try:
        return await reader.readuntil(_END)
    except asyncio.IncompleteReadError as error:
        return error.partial
    except asyncio.LimitOverrunError as error:
        return await reader.readexactly(error.consumed)


def is_handshake(head: bytes) -> bool:
    """Tell whether a request asks to become a WebSocket, and has no body. Source: RFC 6455, 4.1."""
    line, *fields = head.split(b"\r\n")
    return (
        line.startswith(b"GET ")
        and any(map(_WEBSOCKET.fullmatch, fields))
        and not any(map(_BODY.match, fields))
    )


def passed_on(head: bytes, client: str, proxies: AddressSet, *, is_tls: bool = False) -> bytes:
    """Write a request's head as it is passed on; nothing for one that is unclear.

    Args:
        head: All of it, to the empty line.
        client: The address of who sent it; none if it has none.
        proxies: Those whose words are passed on.
        is_tls: It came by TLS.
    """
    line, *fields = head.removesuffix(_END).split(b"\r\n")
    if (
        not head.endswith(_END)
        or not _LINE.fullmatch(line)
        or not all(map(_FIELD.fullmatch, fields))
        or not _is_framed(fields)
    ):
        return b""
    dropped = {b"connection", b"keep-alive"}
    if not (client in _LOOPBACK or client in proxies):
        dropped |= _BELIEVED  # by whoever hears it from us
    kept = [field for field in fields if _name_of(field) not in dropped]
    kept.append(b"Connection: Upgrade" if is_handshake(head) else b"Connection: close")
    if client:
        kept.append(_words_on(client, {*map(_name_of, kept)}, is_tls=is_tls))
    return b"\r\n".join([line, *kept, b"", b""])


def body_length(head: bytes) -> int:
    """Give how many bytes follow a clear head; ``CHUNKED`` if they come in chunks."""
    found = dict(map(_field_in, head.removesuffix(_END).split(b"\r\n")[1:]))
    if b"transfer-encoding" in found:
        return CHUNKED
    return int(found.get(b"content-length", b"0"))


def _is_framed(fields: list[bytes]) -> bool:
    """Tell whether all readers see the same host, and the same end of a body (RFC 9112, 6.3)."""
    given = [_field_in(each) for each in fields]
    names = [name for name, _ in given]
    return (
        all(names.count(name) <= 1 for name in _ONCE)
        and not all(name in names for name in _FRAMING)
        and all(_LENGTH.fullmatch(value) for name, value in given if name == b"content-length")
    )


def asked_in(head: bytes) -> Asked:
    """Give what a clear head asks for; the path as it was sent."""
    line, *lines = head.removesuffix(_END).split(b"\r\n")
    method, target, _ = line.split(b" ")
    path = target.partition(b"?")[0].decode("latin-1")
    return Asked(method.decode("ascii"), path, [_field_in(each) for each in lines])


def without_keys_in(head: bytes) -> bytes:
    """Leave the keys out of a clear head."""
    line, *lines = head.removesuffix(_END).split(b"\r\n")
    kept = [each for each in lines if without_keys([_field_in(each)])]
    return b"\r\n".join([line, *kept, b"", b""])


def _field_in(line: bytes) -> tuple[bytes, bytes]:
    name, _, value = line.partition(b":")
    return name.lower(), value.strip(b" \t")


def _words_on(client: str, names: set[bytes], *, is_tls: bool) -> bytes:
    """Say who a client is, and how it came, in the words that stand there already."""
    if b"forwarded" in names and not any(name.startswith(b"x-forwarded-") for name in names):
        node = f'"[{client}]"' if ":" in client else client
        return f"Forwarded: for={node}{';proto=https' * is_tls}".encode("ascii")
    says_how = is_tls and b"x-forwarded-proto" not in names
    how = b"X-Forwarded-Proto: https\r\n" * says_how
    return how + b"X-Forwarded-For: " + client.encode("ascii")


def _name_of(field: bytes) -> bytes:
    # By CGI's names, which some servers go by, an underscore is a hyphen.
    return field.partition(b":")[0].lower().replace(b"_", b"-")
