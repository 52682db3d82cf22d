"""A stand-in for ``runner.serving.serve``: a server that speaks the kernel link."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket

_LINGER = 0.3


class Server:
    """Answer every request with one text, on sockets that the supervisor hands over."""

    def __init__(self, text: str, example: str = "ok") -> None:
        self.body, self.example = text.encode(), example
        self.control = socket.socket(socket.AF_UNIX)
        self.control.connect(os.environ["RUNNER_CONTROL"])
        self.drains = asyncio.Event()
        self.closed = asyncio.Event()

    def say(self, event: str, **facts: object) -> None:
        line = json.dumps({"event": event, "run": os.environ["RUNNER_RUN_ID"], **facts})
        self.control.sendall(line.encode() + b"\n")

    def bind(self) -> list[socket.socket]:
        self.say("hello", pid=os.getpid(), kind="asgi")
        line, fds, _, _ = socket.recv_fds(self.control, 65536, 64)
        order = json.loads(line)
        assert (order["do"], order["slots"]) == ("bind", len(fds))
        return [socket.socket(fileno=fd) for fd in fds]

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, self.drains.set)
        listeners = self.bind()
        if self.example == "never ready":
            await asyncio.sleep(1000)
        if self.example != "ok":
            self.say("failed", reason=self.example)
            raise RuntimeError(self.example)
        self.say("ready")
        assert b"accept" in self.control.recv(65536)
        self.control.setblocking(False)
        servers = [await asyncio.start_server(self.answer, sock=sock) for sock in listeners]
        self.say("serving", workers=[os.getpid()])
        orders = asyncio.ensure_future(self.take_orders())
        orders.add_done_callback(lambda _: self.drains.set())
        await self.drains.wait()
        # asyncio drops a connection that it has accepted, but not yet given to a closed server.
        for listener in listeners:
            loop.remove_reader(listener.fileno())
        await asyncio.sleep(0.05)
        for server in servers:
            server.close()
        await asyncio.sleep(_LINGER)
        orders.cancel()
        loop.remove_signal_handler(signal.SIGINT)

    async def take_orders(self) -> None:
        loop = asyncio.get_running_loop()
        while b"ping" in (order := await loop.sock_recv(self.control, 65536)) or b"show" in order:
            if b"ping" in order:
                self.say("turns")

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await reader.readuntil(b"\r\n\r\n")
                ends = self.drains.is_set()
                head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(self.body)}\r\n"
                head += "Connection: close\r\n\r\n" if ends else "\r\n"
                writer.write(head.encode() + self.body)
                await writer.drain()
                if ends:
                    break
        writer.close()


def serve(text: str, example: str = "ok") -> None:
    """Serve until an interrupt, in a thread's own loop, as the real one blocks its cell."""
    asyncio.new_event_loop()
    server = Server(text, example)
    loop = asyncio.Runner()
    # The kernel's own loop runs in this thread: step out of it for as long as we serve.
    running = asyncio.events._get_running_loop()
    asyncio.events._set_running_loop(None)
    try:
        loop.run(server.run())
    finally:
        asyncio.events._set_running_loop(running)
