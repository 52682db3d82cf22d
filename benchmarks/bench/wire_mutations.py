"""Spoil requests: their bodies at a few places, or their heads and framing."""

from __future__ import annotations

import random
import re

_TOKENS = (
    b"NaN",
    b"-Infinity",
    b"1e999",
    b"-1e-999",
    b"1.0",
    b"null",
    b'"\\ud800"',
    b"\xed\xa0\x80",
    b"\x00",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b'"',
    b"\\",
    b"\r\n",
    b",,,",
    b"[" * 1_000,
    b'{"a":' * 500,
    b"9" * 400,
    b"-" + b"9" * 5_000,
    b"\r\n--x\r\n",
)
_NUMBERS = (b"0", b"-1", b"1e308", b"2147483648", b"9223372036854775808", b"1" + b"0" * 400)
_INTEGERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1)
_DIGITS = re.compile(rb"\d+")
_MOST_REPEATED = 65_536
_FIELDS = (
    b"Content-Length: 5",
    b"Content-Length: -1",
    b"Content-Length: 99999999999999999999",
    b"Content-Length: 0x10",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding : chunked",
    b"Expect: 100-continue",
    b"Expect: the worst",
    b"Connection: close",
    b"Connection: Upgrade\r\nUpgrade: websocket",
    b"Connection: Upgrade\r\nUpgrade: h2c",
    b"Content-Encoding: gzip",
    b"Content-Encoding: br",
    b"Content-Type: text/csv",
    b"Content-Type: multipart/form-data; boundary=x",
    b"Content-Type: application/json; charset=utf-16",
    b"Content-Type: application/json; charset=idna",
    b"Accept: application/x-ndjson",
    b"Accept: text/event-stream;q=0.x, */*;q=9",
    b"Host: b",
    b"X-Request-Timeout-Ms: 1",
    b"TE: chunked",
    b"Trailer: x",
    b"Inference-Header-Content-Length: 5",
    b"X: " + b"a" * 70_000,
    b"\r\n".join(b"X%d: 1" % number for number in range(300)),
    b" folded",
    b": no name",
    b"no colon",
    b"X: \x00",
    b"X\xff: \xff",
)
_LINES = (
    (b"POST ", b"GET "),
    (b"POST ", b"HEAD "),
    (b"POST ", b"OPTIONS "),
    (b"POST ", b"CONNECT "),
    (b"POST ", b"post "),
    (b"GET ", b"POST "),
    (b"HTTP/1.1", b"HTTP/1.0"),
    (b"HTTP/1.1", b"HTTP/2.0"),
    (b"HTTP/1.1", b"HTTP/1.1 "),
    (b"/", b"//"),
    (b"/", b"/%00"),
    (b"/", b"/../"),
    (b"/", b"/?a=%ff&"),
    (b"\r\n", b"\n"),
    (b"\r\n", b"\r"),
    (b"Host: localhost\r\n", b""),
)


def mutated(whole: bytes, chance: random.Random, *, is_raw: bool) -> tuple[bytes, bool]:
    """Spoil a request.

    Args:
        whole: The request.
        chance: Decides how.
        is_raw: It is spoilt anywhere, and its end is where its bytes end.

    Returns:
        What is to be sent, and whether its end is where its head says.
    """
    if is_raw:
        return _spoilt(whole, chance), False
    head, blank, body = whole.partition(b"\r\n\r\n")
    if body and chance.random() < 0.8:
        body = _spoilt(body, chance)
        lines = [x for x in head.split(b"\r\n") if not x.lower().startswith(b"content-length")]
        if chance.random() < 0.1:
            return _chunked(lines, body, chance), True
        return b"\r\n".join([*lines, b"Content-Length: %d" % len(body)]) + blank + body, True
    return _with_head(head, chance) + blank + body, False


def _chunked(lines: list[bytes], body: bytes, chance: random.Random) -> bytes:
    pieces, at = [], 0
    for _ in range(chance.randint(1, 5)):
        end = chance.randint(at, len(body))
        pieces.append(body[at:end])
        at = end
    pieces.append(body[at:])
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in pieces if each)
    head = b"\r\n".join([*lines, b"Transfer-Encoding: chunked"])
    return head + b"\r\n\r\n" + chunks + b"0\r\n\r\n"


def _with_head(head: bytes, chance: random.Random) -> bytes:
    kind = chance.randrange(4)
    if kind == 0:
        return _spoilt(head, chance)
    if kind == 1:
        return head.replace(*chance.choice(_LINES), 1)
    lines = head.split(b"\r\n")
    place = chance.randint(1, len(lines))
    if kind == 2:
        lines.insert(place, chance.choice(_FIELDS))
    else:
        line = lines.pop(place - 1)
        lines += [line, line] if chance.random() < 0.5 else []
    return b"\r\n".join(lines)


def _spoilt(whole: bytes, chance: random.Random) -> bytes:
    """Change one to four places; most often near the beginning or the end."""
    found = bytearray(whole)
    for _ in range(chance.randint(1, 4)):
        size = len(found)
        near = min(256, size)
        place = chance.choice(
            (chance.randint(0, near), size - chance.randint(0, near), chance.randint(0, size))
        )
        _change(found, place, chance)
    return bytes(found)


def _change(found: bytearray, place: int, chance: random.Random) -> None:
    """Change one place."""
    kind = chance.randrange(9)
    end = place + chance.randint(1, 16)
    if kind == 0 and place < len(found):
        found[place] ^= 1 << chance.randrange(8)
    elif kind == 1:
        found[place:end] = chance.randbytes(chance.randint(1, 16))
    elif kind == 2:
        found[place:place] = chance.choice(_TOKENS)
    elif kind == 3:
        del found[place : chance.choice((end, end, end, len(found)))]
    elif kind == 4:
        slice_ = bytes(found[place : place + chance.choice((8, 64, 1_024))])
        found[place:place] = slice_ * chance.randint(1, 3)
    elif kind == 5:
        slice_ = bytes(found[place:end])
        found[place:place] = slice_ * min(1_000, _MOST_REPEATED // max(1, len(slice_)))
    elif kind == 6:
        number = _DIGITS.search(found, place, place + 4_096)
        if number is not None:
            found[number.start() : number.end()] = chance.choice(_NUMBERS)
    elif kind == 7:
        size = chance.choice((1, 2, 4, 8))
        value = chance.choice(_INTEGERS) & (2 ** (8 * size) - 1)
        place -= place % size
        found[place : place + size] = value.to_bytes(size, "little")
    else:
        other = chance.randint(0, len(found))
        found[place:end] = found[other : other + end - place]
