"""What one strict expression takes for a head, httptools reads in the same way."""

from __future__ import annotations

import random
import time

import httptools
import pytest

from runner.http.plain_head import fields_of, plain_head

HEAD = (
    b"POST /a/b?c=%20d HTTP/1.1\r\n"
    b"Host: example.org:8000\r\n"
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64) caf\xe9\r\n"
    b"Content-Type: application/json\r\n"
    b"Content-Length: 12\r\n"
    b"Accept:*/*\r\n"
    b"traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n"
    b"\r\n"
)
LARGEST = 65_536


class Heard:
    """Take what httptools finds."""

    def __init__(self) -> None:
        self.target, self.body = b"", b""
        self.fields: list[tuple[bytes, bytes]] = []
        self.is_whole = self.keeps = False
        self.parser = httptools.HttpRequestParser(self)

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name, value.strip(b" \t")))

    def on_headers_complete(self) -> None:
        self.keeps = self.parser.should_keep_alive() and not self.parser.should_upgrade()

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.is_whole = True


def test_a_plain_head_says_what_decides() -> None:
    """Its fields are found by names in small letters; where the body lies, and that it goes on."""
    head = plain_head(HEAD + b'{"a": 1.0}..')
    assert head is not None
    assert (head.method, head.target) == (b"POST", b"/a/b?c=%20d")
    assert (head.end, head.length, head.keeps) == (len(HEAD), 12, True)
    assert b"POST /a/b?c=%20d HTTP/1.1" + head.lines + b"\r\n\r\n" == HEAD


def test_a_head_without_a_length_has_no_body() -> None:
    """A GET need not say so."""
    head = plain_head(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    assert head is not None
    assert (head.length, head.keeps) == (0, False)


# Each is a line that is put into the head, or put in the place of the one of that name.
NOT_PLAIN = {
    "twice the host": b"Host: example.org:8000",
    "another host": b"host: b",
    "twice the length": b"Content-Length: 12",
    "twice the type": b"Content-Type: application/json",
    "twice what is accepted": b"Accept: */*",
    "chunks": b"Transfer-Encoding: chunked",
    "a coding": b"Content-Encoding: gzip",
    "expects": b"Expect: 100-continue",
    "upgrade": b"Upgrade: h2c",
    "te": b"TE: trailers",
    "trailer": b"Trailer: X",
    "another connection": b"Connection: keep-alive, TE",
    "a proxy's connection": b"Proxy-Connection: close",
    "twice the time": b"X-Request-Timeout-Ms: 1\r\nx-request-timeout-ms: 2",
    "folded": b"X: a\r\n b",
    "a space before the colon": b"X : a",
    "no colon": b"nonsense",
    "no name": b": a",
    "a control character": b"X: a\x00b",
    "DEL": b"X: a\x7fb",
    "a bare CR": b"X: a\rb",
    "a bare LF": b"X: a\nHost: b",
    "a letter beyond ASCII in a name": b"X\xe9: a",
}


@pytest.mark.parametrize("line", NOT_PLAIN.values(), ids=NOT_PLAIN)
def test_what_is_unusual_is_left_to_the_parser(line: bytes) -> None:
    """Wherever it stands."""
    start, fields = HEAD.split(b"\r\n", 1)
    assert plain_head(b"%b\r\n%b\r\n%b" % (start, line, fields)) is None
    assert plain_head(HEAD[:-2] + line + b"\r\n\r\n") is None


@pytest.mark.parametrize(
    "line",
    [
        b"Content-Length: ",
        b"Content-Length: +12",
        b"Content-Length: -1",
        b"Content-Length: 1_2",
        b"Content-Length: 0x12",
        b"Content-Length: 12, 12",
        b"Content-Length: 12 12",
        b"Content-Length: 1234567890",
        b"Content-Length: \xb2",
    ],
)
def test_a_length_is_a_plain_number(line: bytes) -> None:
    """Anything else is read by the parser, or refused by it."""
    assert plain_head(HEAD.replace(b"Content-Length: 12", line)) is None


@pytest.mark.parametrize("host", [b"", b"a b", b"a/b", b"a,b", b"a@b", b"caf\xe9", b"a:b", b":1"])
def test_a_host_is_a_name(host: bytes) -> None:
    """And there is one."""
    assert plain_head(HEAD.replace(b"example.org:8000", host)) is None
    assert plain_head(HEAD.replace(b"Host", b"Hosts")) is None


@pytest.mark.parametrize(
    "line",
    [
        *(b"post / HTTP/1.1", b"POST  / HTTP/1.1", b"POST / HTTP/1.0", b"POST / HTTP/1.10"),
        *(
            b"POST / HTTP/2.0",
            b"POST / http/1.1",
            b"POST /",
            b"POST * HTTP/1.1",
            b" POST / HTTP/1.1",
        ),
        *(
            b"POST http://h/ HTTP/1.1",
            b"POST // HTTP/1.1",
            b"POST /#a HTTP/1.1",
            b"PURGE / HTTP/1.1",
        ),
        *(
            b"POST /a b HTTP/1.1",
            b"POST /\xe9 HTTP/1.1",
            b"POST /\t HTTP/1.1",
            b"\r\nPOST / HTTP/1.1",
        ),
        *(b"CONNECT h:1 HTTP/1.1", b"POST /\x00 HTTP/1.1", b'POST /" HTTP/1.1'),
    ],
)
def test_a_request_line_is_of_the_usual_form(line: bytes) -> None:
    """A known method, a path, and HTTP/1.1."""
    assert plain_head(HEAD.replace(b"POST /a/b?c=%20d HTTP/1.1", line)) is None


@pytest.mark.parametrize("cut", range(1, len(HEAD), 7))
def test_a_head_that_is_not_whole_is_none(cut: int) -> None:
    """What follows may be anything."""
    assert plain_head(HEAD[:-cut]) is None


def test_line_ends_are_both_letters() -> None:
    """A head that ends otherwise has an end elsewhere for another reader."""
    for other in (b"\n", b"\r", b"\n\r", b"\r\r\n"):
        assert plain_head(HEAD.replace(b"\r\n", other)) is None
        assert plain_head(HEAD[:-2] + other) is None


PIECES = [
    *(
        b"\r\n",
        b"\r",
        b"\n",
        b" ",
        b"\t",
        b":",
        b"\x00",
        b"\x7f",
        b"\x80",
        b"\xff",
        b",",
        b"0",
        b"_",
    ),
    *(
        b"Content-Length: 3\r\n",
        b"content-length:3 \r\n",
        b"Host: x\r\n",
        b"Transfer-Encoding: x\r\n",
    ),
    *(b"Connection: close\r\n", b"connection:  Keep-Alive\t\r\n", b"X_Y: \t a \t\r\n", b"A:\r\n"),
    *(b"#", b"?", b"%", b"//", b"HTTP/1.0", b"GET ", b"Expect: 100-continue\r\n", b"\r\n\r\n"),
]


DECIDING = (b"host", b"content-length", b"connection", b"content-type", b"accept")


def mutated(random_: random.Random) -> bytes:
    data = bytearray(HEAD)
    for _ in range(random_.randint(1, 3)):
        at = random_.randrange(len(data))
        if random_.random() < 0.3:  # where a line begins, most of all
            at = data.find(b"\n", at) + 1
        cut = random_.choice((0, 0, 1, 2, 9))
        piece = random_.choice(PIECES) if random_.random() < 0.8 else random_.randbytes(1)
        data[at : at + cut] = piece
    return bytes(data)


def test_whatever_is_plain_httptools_reads_the_same_way() -> None:
    """Else a proxy's parser and ours would see other requests in the same bytes."""
    random_, taken = random.Random(13), 0
    for _ in range(20_000):
        data = mutated(random_)
        head = plain_head(data)
        if head is None:
            continue
        taken += 1
        body = b"b" * head.length
        heard = Heard()
        heard.parser.feed_data(data[: head.end] + body)
        assert (heard.parser.get_method(), heard.parser.get_http_version()) == (head.method, "1.1")
        assert (heard.target, heard.body, heard.is_whole) == (head.target, body, True)
        assert heard.keeps == head.keeps
        path, _, query = head.target.partition(b"?")
        url = httptools.parse_url(head.target)
        assert (url.path, url.query or b"") == (path, query)
        fields = [(name.encode(), value.encode("latin-1")) for name, value in fields_of(head)]
        assert fields == heard.fields
        lines = [line.partition(b":") for line in head.lines.split(b"\r\n")[1:]]
        assert heard.fields == [(name, value.strip(b" \t")) for name, _, value in lines]
        lowered = [(name.lower(), value.strip(b" \t").lower()) for name, _, value in lines]
        for name in DECIDING:
            assert sum(each == name for each, _ in lowered) <= 1
    assert taken > 2_000


@pytest.mark.parametrize(
    "data",
    [
        b"POST /" + b"a" * LARGEST,
        b"POST / HTTP/1.1\r\n" + b"a" * LARGEST,
        b"POST / HTTP/1.1\r\nX: " + b" " * LARGEST,
        b"POST / HTTP/1.1\r\nX: " + b"\t " * (LARGEST // 2) + b"\x00\r\n\r\n",
        b"POST / HTTP/1.1\r\n" + b"X:\r\n" * (LARGEST // 4),
        b"POST / HTTP/1.1\r\n" + b"X: a\r\n" * (LARGEST // 6) + b"\r\r\n",
        b"POST / HTTP/1.1\r\n" + b"host:" * (LARGEST // 5) + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\n" + b"Host: " + b" " * LARGEST + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\n" + b"Host: h\r\n" * (LARGEST // 9) + b"\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: " + b"1" * LARGEST + b"\r\n\r\n",
    ],
)
def test_no_head_takes_longer_than_its_bytes(data: bytes) -> None:
    """An expression that went back over what it has taken would need seconds here."""
    began = time.thread_time()
    assert plain_head(data) is None
    assert time.thread_time() - began < 0.5
