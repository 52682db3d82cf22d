"""Swap again and again under load, with WebSockets and streams open: nobody may be cut off.

A service of two workers is asked all the time by clients that ask and are answered, by WebSockets
that echo, and by streams of events. It is saved 20 times. No request may be lost; every WebSocket
has to be closed by 1012 (service restart), and every stream to end as chunks end.

    python benchmarks/sockets_at_swaps.py [--rounds 20] [--workers 2] [--sockets 20] [--streams 20]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator

import aiohttp
from leftovers import leave_nothing
from reload_under_load import report, version
from service import SERVE, Service, load, serving, until

APP = """
import asyncio, json, os

async def app(scope, receive, send):
    if scope["type"] == "websocket":
        await echo(receive, send)
    elif scope["type"] == "http" and scope["path"] == "/stream":
        await stream(receive, send)
    else:
        await asyncio.sleep(0.02)  # so that requests are in flight at each swap
        content = json.dumps({"val": 0, "pid": os.getpid()}).encode()
        length = (b"content-length", b"%d" % len(content))
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        await send({"type": "http.response.body", "body": content})

async def echo(receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})

async def stream(receive, send):
    kind = (b"content-type", b"text/event-stream")
    await send({"type": "http.response.start", "status": 200, "headers": [kind]})
    leaving = asyncio.ensure_future(left(receive))
    while not leaving.done():
        event = {"type": "http.response.body", "body": b"data: 1\\n\\n", "more_body": True}
        await send(event)
        await asyncio.wait([leaving], timeout=0.05)
    await send({"type": "http.response.body", "body": b""})

async def left(receive):
    while (await receive())["type"] != "http.disconnect":
        pass
"""


@dataclasses.dataclass(kw_only=True)
class Ends:
    """Count how each kind of connection ended, and what it had carried before."""

    carried: Counter[str] = dataclasses.field(default_factory=Counter)
    sockets: Counter[str] = dataclasses.field(default_factory=Counter)
    streams: Counter[str] = dataclasses.field(default_factory=Counter)


def main() -> None:
    """Swap, print the account, and exit by 1 if anybody was cut off."""
    leave_nothing()
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--rounds", type=int, default=20)
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--clients", type=int, default=16)
    options.add_argument("--sockets", type=int, default=20)
    options.add_argument("--streams", type=int, default=20)
    given = options.parse_args()
    words = ("--workers", str(given.workers), "--reload", "--no-access-log")
    with serving(*words, cells=(APP, SERVE)) as service:
        with (
            load(service.port, given.clients) as account,
            holding(service.port, given.sockets, given.streams) as ends,
        ):
            times = [
                swap(service, number, ends, number * (given.sockets + given.streams))
                for number in range(1, given.rounds + 1)
            ]
        print(f"carried {dict(ends.carried)}")
        print(f"WebSockets closed by {dict(ends.sockets)}; streams ended {dict(ends.streams)}")
        report(swap, times, account)
    if set(ends.sockets) - {"1012"} or set(ends.streams) - {"whole"}:
        raise SystemExit("not all were closed by 1012, or ended whole")


def swap(service: Service, number: int, ends: Ends, ended: int) -> float:
    """Save a version, and wait until so many were sent away by the old ones; give its seconds."""
    began = time.monotonic()
    service.save(APP.replace('"val": 0', f'"val": {number}'), SERVE)
    until(lambda: version(service) == number, 30)
    took = time.monotonic() - began
    until(lambda: ends.sockets.total() + ends.streams.total() >= ended, 60)
    return took


@contextlib.contextmanager
def holding(port: int, sockets: int, streams: int) -> Iterator[Ends]:
    """Hold so many connections of each kind, from a thread; who was sent away comes again."""
    ends, is_over = Ends(), threading.Event()

    async def hold() -> None:
        url = f"http://127.0.0.1:{port}"
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        async with aiohttp.ClientSession(url, connector=connector) as session:
            tasks = [asyncio.create_task(_again(_socket, session, ends)) for _ in range(sockets)]
            tasks += [asyncio.create_task(_again(_stream, session, ends)) for _ in range(streams)]
            await asyncio.to_thread(is_over.wait)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    thread = threading.Thread(target=asyncio.run, args=(hold(),))
    thread.start()
    try:
        yield ends
    finally:
        is_over.set()
        thread.join()


Hold = Callable[[aiohttp.ClientSession, Ends], Awaitable[None]]


async def _again(kind: Hold, session: aiohttp.ClientSession, ends: Ends) -> None:
    while True:
        await kind(session, ends)
        await asyncio.sleep(0.02)


async def _socket(session: aiohttp.ClientSession, ends: Ends) -> None:
    try:
        async with session.ws_connect("/", timeout=aiohttp.ClientWSTimeout(ws_receive=30)) as held:
            while not held.closed:
                with contextlib.suppress(aiohttp.ClientConnectionResetError):
                    await held.send_str("a")  # if it fails, what closed it is still to be read
                if (await held.receive()).type is aiohttp.WSMsgType.TEXT:
                    ends.carried["messages"] += 1
                    await asyncio.sleep(0.05)
            ends.sockets[str(held.close_code)] += 1
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        ends.sockets[type(error).__name__] += 1


async def _stream(session: aiohttp.ClientSession, ends: Ends) -> None:
    try:
        async with session.get("/stream", timeout=aiohttp.ClientTimeout(sock_read=30)) as answer:
            answer.raise_for_status()
            async for _ in answer.content:
                ends.carried["events"] += 1
        ends.streams["whole"] += 1
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        ends.streams[type(error).__name__] += 1


if __name__ == "__main__":
    main()
