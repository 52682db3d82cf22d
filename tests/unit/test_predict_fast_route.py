"""Nobody can tell by an answer which way a request went, nor in which pieces it came."""

from __future__ import annotations

import asyncio
import random
import re
from typing import Any

import pytest
from support.connections import Server, pieces
from support.prediction_apps import app_of, living
from support.recorded import KeepingAccessLog, KeepingLog

from runner import batched
from runner.http.connection import Phase

BODY = b'{"a": 1.0, "b": 2.0}'
PLAIN = (
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 20\r\n"
    b"User-Agent: y\r\n\r\n" + BODY
)
END = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
FIELDS = [
    *(b"Content-Length: 20", b"content-length:\t20 \t", b"Content-Length: 3", b"Host: [::1]:80"),
    *(b"Transfer-Encoding: chunked", b"Transfer-Encoding : chunked", b"Transfer-Encoding: "),
    *(b"Connection: close", b"Connection: CLOSE", b"connection:  Keep-Alive\t", b"Connection:"),
    *(b"Connection: host, close", b"X_Y: \t a \t", b"A:", b"Expect: 100-continue", b"Expect: x"),
    *(b"Upgrade: h2c", b"TE: trailers", b"Trailer: x", b"Proxy-Connection: close", b"Host: a b"),
    *(b"X-Request-Timeout-Ms: 0005000", b"X-Request-Timeout-Ms:", b"Accept: text/html"),
    *(b"X-Envoy-Expected-Rq-Timeout-Ms: 9e9", b"Accept: */*", b"Accept:", b"Content-Type:"),
    *(b"Content-Encoding: identity", b"Content-Type: APPLICATION/JSON; CHARSET=UTF-8"),
]
BYTES = [
    *(b"\r\n", b"\r", b"\n", b" ", b"\t", b":", b"\0", b"\x7f", b"\x80", b",", b"0", b"_", b"#"),
    *(b"?", b"%", b"//", b";", b"%00", b"%2e", b"HTTP/1.0", b"GET ", b"\r\n\r\n", b"http://x"),
]


def mutated(random_: random.Random) -> bytes:
    """Spoil a plain request a little."""
    data = bytearray(PLAIN)
    for _ in range(random_.randint(1, 3)):
        at = random_.randrange(len(data))
        if random_.random() < 0.5:
            at = data.find(b"\n", at) + 1
            data[at:at] = random_.choice(FIELDS) + b"\r\n"
        else:
            data[at : at + random_.choice((0, 0, 1, 2, 9))] = random_.choice(BYTES)
    return bytes(data)


@pytest.mark.parametrize("seed", range(4))
def test_both_ways_answer_alike_what_is_odd(seed: int) -> None:
    """Before, behind and between good requests, whole and cut anywhere."""

    async def compared() -> int:
        random_, app, taken = random.Random(seed), app_of(_sum), 0
        async with living(app):
            server = Server(app)
            for _ in range(250):
                odd = mutated(random_)
                data = random_.choice((odd + END, odd + PLAIN + END, PLAIN + odd + PLAIN + END))
                general = await server.said(server.general_way, data)
                cut = random_.randrange(1, len(data))
                assert await server.said(server.plain_way, data) == general, data
                assert await server.said(server.plain_way, *pieces(data, cut)) == general, data
                taken += general[0].startswith(b"HTTP/1.1 200")
        return taken

    assert 50 < asyncio.run(compared()) < 240


def test_a_request_may_come_byte_by_byte() -> None:
    """And so may what follows it."""

    async def compared() -> None:
        app, data = app_of(_sum), PLAIN * 2 + END
        async with living(app):
            server = Server(app)
            whole = await server.said(server.plain_way, data)
            assert whole[0].count(b"HTTP/1.1 200") == 3
            for make in (server.plain_way, server.general_way):
                assert await server.said(make, *pieces(data, *range(1, len(data)))) == whole
            for cut in range(1, len(data)):
                assert await server.said(server.plain_way, *pieces(data, cut)) == whole

    asyncio.run(compared())


def test_a_connection_has_what_it_is_asked_for_at_each_request() -> None:
    """A default of its class is slow to read, and so is all of one that has over 30 of its own."""

    async def own() -> set[str]:
        app = app_of(_sum)
        async with living(app):
            server = Server(app)
            connection = server.connect(server.plain_way)
            for _ in range(2):
                connection.data_received(PLAIN)
            await asyncio.sleep(0)
            connection.transport.close()
            return {*vars(connection)}

    found = asyncio.run(own())
    asked = {"phase", "exchange", "unread", "is_write_paused", "_is_half_closed", "_body_held"}
    assert asked <= found
    assert len(found) <= 30


def test_both_ways_record_alike() -> None:
    """What is answered well, what is refused, and what fails; under the access log's names."""
    bad, fails = PLAIN.replace(b"1.0", b"[0]"), PLAIN.replace(b"2.0", b"0.0")
    traced = PLAIN.replace(b"User-Agent: y", b"traceparent: 00-%b-%b-01" % (b"a" * 32, b"b" * 16))

    async def recorded(way: str, *cuts: int, rate: float = 1.0) -> list[Any]:
        app = app_of(_quotient)
        async with living(app):
            server = Server(app)
            server.request_log = log = KeepingLog(rate)
            server.access_log = access_log = KeepingAccessLog()
            for data in (PLAIN, bad, fails, traced):
                await server.said(getattr(server, way), *pieces(data, *cuts))
        named = [trace for trace, _ in access_log.lines]
        for each in log.recorded:
            assert each.facts["trace"] in named
            assert each.facts.pop("seconds") >= 0
            each.facts["trace"] = each.facts["trace"].trace_id
        return log.recorded

    async def compared() -> None:
        general = await recorded("general_way")
        assert [each.status for each in general] == [200, 422, 500, 200]
        assert [each.facts["trace"] for each in general] == ["", "", "", "a" * 32]
        assert general[2].kept.body == fails[-20:]
        plain = await recorded("plain_way")
        for each in (*general, *plain):  # which say under which id the log has it
            answer = re.sub(rb"[0-9a-f]{12}", b"", each.kept.answer or b"")
            each.kept = each.kept._replace(answer=answer)
        assert plain == general
        in_pieces = await recorded("plain_way", len(PLAIN) - 10)
        assert [each.kept.body for each in in_pieces] == [each.kept.body for each in plain]
        only_failures = await recorded("plain_way", rate=0.0)
        assert [each.status for each in only_failures] == [422, 500]

    asyncio.run(compared())


def test_both_ways_refuse_alike_what_is_slow() -> None:
    """The trace comes back, and both logs name the request by it."""
    value = b"00-%b-%b-01" % (b"a" * 32, b"b" * 16)
    traced = PLAIN.replace(b"User-Agent: y", b"traceparent: " + value)

    async def refused(way: str) -> list[bytes]:
        app = app_of(_quotient)
        async with living(app):
            server = Server(app)
            server.request_log, server.access_log = log, access_log = (
                KeepingLog(),
                KeepingAccessLog(),
            )
            connection = server.connect(getattr(server, way))
            connection.data_received(traced[:-5])
            connection.give_up()
        (recorded,), ((trace, _),) = log.recorded, access_log.lines
        assert trace is not None
        assert recorded.facts["trace"] is trace
        assert trace.traceparent == value
        return list(connection.transport.written)

    plain, general = (asyncio.run(refused(way)) for way in ("plain_way", "general_way"))
    assert plain == general
    assert b"\r\ntraceparent: %b\r\n" % value in plain[0]


@pytest.mark.parametrize("way", ["plain_way", "general_way"])
@pytest.mark.parametrize("cut", [30, len(PLAIN) - 5, len(PLAIN)])
def test_nothing_of_a_request_is_left_behind_its_answer(way: str, cut: int) -> None:
    """Neither its time nor its bytes; the client has the time of an idle one from then on."""

    async def asked() -> None:
        app = app_of(_sums)  # so that no call is made before the loop has turned
        async with living(app):
            server = Server(app, keep_alive=50.0)
            server.connect(getattr(server, way))  # so that the other is not alone
            connection = server.connect(getattr(server, way))
            for number in (1, 2):
                for piece in filter(None, pieces(PLAIN, cut)):
                    connection.data_received(piece)
                assert connection.phase is Phase.ANSWERING
                async with asyncio.timeout(20):
                    while connection.phase is not Phase.IDLE:  # noqa: ASYNC110 - no event
                        await asyncio.sleep(0)
                assert len(connection.transport.written) == number
                assert server.state.answers == number
                assert server.state.in_flight == server.state.buffers.held == 0
                assert connection._time is None
                assert 49 < connection.deadline - connection.loop.time() < 51

    asyncio.run(asked())


@pytest.mark.parametrize(("clients", "is_awake"), [(1, True), (2, False)])
def test_a_client_that_is_alone_is_waited_for_awake(clients: int, is_awake: bool) -> None:
    """With others there is more to do, and it costs more than it saves."""

    async def asked() -> None:
        app = app_of(_sum)
        async with living(app):
            server = Server(app)
            connections = [server.connect(server.plain_way) for _ in range(clients)]
            connections[0].data_received(PLAIN)
            assert app.fast_route is not None
            assert app.fast_route.awake._is_awake is is_awake

    asyncio.run(asked())


@pytest.mark.parametrize("way", ["plain_way", "general_way"])
def test_who_has_ended_its_half_is_answered_and_left(way: str) -> None:
    """It asks nothing more."""

    async def asked() -> None:
        app = app_of(_sums)
        async with living(app):
            server = Server(app)
            server.connect(getattr(server, way))
            said, phase = await server.said(getattr(server, way), PLAIN, ends=True)
            assert said.startswith(b"HTTP/1.1 200")
            assert phase == "the end"

    asyncio.run(asked())


def _quotient(a: float, b: float = 2.0) -> float:
    return a / b


def _sum(a: float, b: float = 2.0) -> float:
    return a + b


@batched(max_size=8)
def _sums(rows: list[dict[str, float]]) -> list[float]:
    return [sum(row.values()) for row in rows]
