"""Notebooks that serve on sockets of their own, as they are, under a supervisor."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from support import (
    Service,
    is_ready,
    read_record,
    reserved_port,
    send,
    states,
    until,
    write_notebook,
)
from support.load import answer

from runner import net
from runner.serving.claim import Claim
from runner.serving.completion import Completion
from runner.serving.socket_takeover import OwnSockets

RAW = """
import socket
server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(("0.0.0.0", PORT))
server.listen(1)
assert server.getsockname() == ("0.0.0.0", PORT)  # as servers look up where they are
while True:
    connection, _ = server.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: LENGTH\\r\\n\\r\\nTEXT")
"""
HANDLER = """
import socketserver
class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        while self.rfile.readline().strip():
            pass
        self.wfile.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: LENGTH\\r\\n\\r\\nTEXT")
with socketserver.ThreadingTCPServer(("", PORT), Handler) as server:
    server.serve_forever()
"""
STREAMS = """
import asyncio
async def talk(reader, writer):
    await reader.readuntil(b"\\r\\n\\r\\n")
    writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: LENGTH\\r\\n\\r\\nTEXT")
    writer.close()
server = await asyncio.start_server(talk, port=PORT)
await server.serve_forever()
"""
AIOHTTP = """
from aiohttp import web
async def root(request):
    return web.Response(text="TEXT")
app = web.Application()
app.router.add_get("/", root)
starting = web.AppRunner(app)
await starting.setup()
await web.TCPSite(starting, "0.0.0.0", PORT).start()
"""
AIOHTTP_RUN = """
import asyncio, threading
from aiohttp import web
async def root(request):
    return web.Response(text="TEXT")
app = web.Application()
app.router.add_get("/", root)
thread = threading.Thread(
    target=web.run_app, args=[app], kwargs={"port": PORT, "handle_signals": False}
)
thread.start()
thread.join()
"""
TORNADO = """
from tornado.web import Application, RequestHandler
class Root(RequestHandler):
    def get(self):
        self.write("TEXT")
Application([("/", Root)]).listen(PORT)
"""
HTTP_HANDLER = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.connection.setblocking(False)
        try:
            self.connection.recv(1)
        except BlockingIOError:
            self.connection.setblocking(True)
        self.connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: LENGTH\\r\\n\\r\\nTEXT")
http.server.ThreadingHTTPServer(("", PORT), Handler).serve_forever()
"""
WAYS = {
    "accept": RAW,
    "a handler that reads its socket": HTTP_HANDLER,
    "socketserver": HANDLER,
    "asyncio": STREAMS,
    "aiohttp": AIOHTTP,
    "aiohttp in a thread": AIOHTTP_RUN,
    "tornado": TORNADO,
}
IN_THE_LOOP = ("aiohttp", "tornado")


def save(folder: Path, way: str, text: str, port: int) -> None:
    """Save the notebook, as Jupyter does, with a server that answers with a text."""
    cell = WAYS[way].replace("TEXT", text).replace("PORT", str(port))
    cell = cell.replace("LENGTH", str(len(text)))
    write_notebook(folder / "new", "import json", cell).rename(folder / "a.ipynb")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An empty folder."""
    return tmp_path


@pytest.mark.parametrize("way", WAYS)
def test_it_is_supervised_as_it_is(way: str, project: Path, start: type[Service]) -> None:
    """It answers on the supervisor's port, is swapped by a save, and a stop ends it with 0."""
    port, elsewhere = reserved_port(), reserved_port()
    save(project, way, "early", elsewhere)
    service = start("serve", "a.ipynb", "--port", str(port), "--reload")
    until(lambda: service.process.poll() is not None or answer(port) == "early", 30)
    assert service.process.poll() is None, service.said()
    save(project, way, "late!", elsewhere)
    until(lambda: answer(port) == "late!")
    out = project / "runs/a/out.ipynb"
    # A server in the kernel's loop answers before the cell begins that waits beside it.
    serving = "serve-what-is-left" if way in IN_THE_LOOP else "cell-1"

    def is_shown() -> bool:
        record = read_record(out)
        is_late = any("late!" in cell.source for cell in record.cells)
        return is_late and states(record).get(serving) == "running"

    until(is_shown)
    assert service.stop() == 0, service.said()
    assert states(read_record(out))[serving] == "interrupted"
    said = service.said()
    assert re.search(rf"asked for (0\.0\.0\.0|\*|\[::\]):{elsewhere};", said), said
    assert "it serves on sockets of its own, as it is" in said
    assert "Traceback" not in said


def test_connections_wait_while_the_notebook_is_run_again(
    project: Path, start: type[Service]
) -> None:
    """Its kernel dies, and a client that comes then is answered, not refused."""
    port = reserved_port()
    save(project, "accept", "here", reserved_port())
    service = start("serve", "a.ipynb", "--port", str(port), "--no-standby")
    until(lambda: answer(port) == "here")
    [kernel] = service.kernels()
    kernel.kill()
    kernel.wait(10)  # what it has accepted dies with it
    assert answer(port, 60) == "here"
    assert service.stop() == 0


def test_several_workers_are_refused(project: Path, start: type[Service]) -> None:
    """One process cannot accept for two listeners: said when it listens."""
    save(project, "accept", "never", reserved_port())
    service = start("serve", "a.ipynb", "--port", "0", "--workers", "2")
    assert (service.process.wait(60), "leave out --workers" in service.said()) == (3, True)


def test_a_notebook_that_has_serve_keeps_its_sockets(project: Path, start: type[Service]) -> None:
    """What listens above the call of ``serve`` is no service."""
    port, own = reserved_port(), reserved_port()
    listens = f"""
import socket
from runner import serve
listener = socket.create_server(("127.0.0.1", {own}))"""
    write_notebook(
        project / "a.ipynb", listens, "def double(x: float): return 2 * x\nserve(double)"
    )
    service = start("serve", "a.ipynb", "--port", str(port))
    until(lambda: is_ready(port, service), 60)
    socket.create_connection(("127.0.0.1", own), timeout=5).close()
    assert service.stop() == 0


def test_a_socket_that_is_only_bound_keeps_its_port(project: Path, start: type[Service]) -> None:
    """It listens when something else is the service already."""
    port, own = reserved_port(), reserved_port()
    cells = f"""
import os, socket, threading, time
bound = socket.socket()
bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
bound.bind(("127.0.0.1", {own}))
def listen():
    while not os.path.exists("gate"):
        time.sleep(0.05)
    bound.listen()
threading.Thread(target=listen, daemon=True).start()"""
    serves = "from runner import serve\ndef double(x: float): return 2 * x\nserve(double)"
    write_notebook(project / "a.ipynb", cells, serves)
    service = start("serve", "a.ipynb", "--port", str(port))
    until(lambda: is_ready(port, service), 60)
    (project / "gate").touch()
    until(lambda: net.is_listening("127.0.0.1", own), 30)
    assert service.stop() == 0


def test_what_serves_beside_the_service_keeps_its_port(project: Path, start: type[Service]) -> None:
    """Metrics of a package, a second port, and a look whether the port is free."""
    port, second, metrics = reserved_port(), reserved_port(), reserved_port()
    beside = f"""
import prometheus_client
prometheus_client.start_http_server({metrics})
with socket.socket() as probe:
    probe.bind(("", {port}))"""
    other = f"""
listener = socket.create_server(("127.0.0.1", {second}))
assert listener.getsockname()[1] == {second}"""
    cells = WAYS["accept"].replace("TEXT", "main").replace("LENGTH", "4").split("while True")
    cells[0] = cells[0].replace("PORT", str(port))
    write_notebook(
        project / "a.ipynb", "import socket" + beside, cells[0], other, "while True" + cells[1]
    )
    service = start("serve", "a.ipynb", "--port", str(port))
    until(lambda: service.process.poll() is not None or answer(port) == "main")
    assert service.process.poll() is None, service.said()
    assert b"python_info" in send(metrics, b"", method="GET", path="/metrics")[2]
    socket.create_connection(("127.0.0.1", second), timeout=5).close()
    assert service.stop() == 0


def test_a_wait_for_clients_has_its_timeout_before_the_cells_have_run() -> None:
    """A thread that accepts in a loop looks after its flag in between."""
    own_sockets = OwnSockets(Claim(), Completion(), lambda: False)
    with socket.create_server(("127.0.0.1", 0)) as own:
        own.settimeout(0.01)
        own_sockets._shared[own] = own.getsockname()
        with pytest.raises(TimeoutError):
            own_sockets._accept(own)


def test_outside_the_runner_sockets_are_pythons() -> None:
    """Nothing is patched in plain Jupyter."""
    look = (
        "import runner.serving.adoption, socket\n"
        "runner.serving.adoption.adopt(); print(socket.socket.bind)"
    )
    words = [sys.executable, "-c", look]
    said = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout
    assert "method 'bind' of '_socket.socket'" in said
