"""Ready means through: a service is ready when all cells that will run have run."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from support import RUNNER, Service, is_ready, reserved_port, until, write_notebook
from support.load import answer

# Each brings version two to serve, or to listen, before its last cell fails; PORT is its own.
APP = """
import threading, multiprocessing, time
def app(environ, start_response):
    start_response("200 OK", [])
    return [b"TEXT"]
from wsgiref.simple_server import make_server
def serve():
    make_server("", PORT, app).serve_forever()
"""
STREAMS = """
import asyncio, time
async def talk(reader, writer):
    await reader.readuntil(b"\\r\\n\\r\\n")
    writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 3\\r\\n\\r\\nTEXT")
    writer.close()
"""
CHILD = """
import subprocess, sys
code = '''APP
serve()'''
"""
WAYS = {
    "thread": [APP, "threading.Thread(target=serve, daemon=True).start()"],
    "process": [APP, "multiprocessing.get_context('fork').Process(target=serve).start()"],
    "own socket": [STREAMS, "server = await asyncio.start_server(talk, port=PORT)"],
    "program": [
        CHILD.replace("APP", APP),
        "program = subprocess.Popen([sys.executable, '-c', code])",
    ],
}
FAILS = "import time\ntime.sleep(1.5)\n{}['b']"
STAYS = "import time\nwhile True:\n    time.sleep(1)"


def save(folder: Path, *cells: str, text: str) -> None:
    """Save the notebook, as Jupyter does, with a port that nobody has."""
    port = str(reserved_port())
    written = [cell.replace("TEXT", text).replace("PORT", port) for cell in cells]
    write_notebook(folder / "new", *written).rename(folder / "a.ipynb")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An empty folder."""
    return tmp_path


def reload(folder: Path) -> subprocess.CompletedProcess[str]:
    words = [*RUNNER, "reload", "a.ipynb"]
    return subprocess.run(
        words, cwd=folder, capture_output=True, text=True, timeout=90, check=False
    )


def test_what_listens_before_a_later_cell_fails_replaces_nothing(
    project: Path, start: type[Service]
) -> None:
    """In a thread, a process, by a socket of its own, by a program; where cells stay, it does."""
    port = reserved_port()
    save(project, *WAYS["thread"], text="one")
    service = start("serve", "a.ipynb", "--port", str(port))
    until(lambda: service.process.poll() is not None or answer(port) == "one", 60)
    for cells in WAYS.values():
        save(project, *cells, FAILS, text="two")
        failed = reload(project)
        assert (failed.returncode, "KeyError" in failed.stderr) == (1, True), failed.stderr
        assert answer(port) == "one"
    save(project, *WAYS["program"], STAYS, text="six")
    assert reload(project).returncode == 0, service.said()
    until(lambda: answer(port) == "six")  # who drains answers for a moment
    until(lambda: is_ready(port, service))
    assert service.stop() == 0


COMPILED = """
import _socket, threading
listener = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
listener.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", PORT))
listener.listen(16)
def answer():
    while True:
        fd, _ = listener._accept()
        connection = _socket.socket(fileno=fd)
        said = connection.recv(65536)
        body = said.split()[1] + said.partition(b"X-Forwarded-For")[2][:11]
        connection.send(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body) + body)
        connection.close()
threading.Thread(target=answer, daemon=True).start()
"""


def test_a_socket_that_python_did_not_open_is_noticed(project: Path, start: type[Service]) -> None:
    """As compiled code opens it: Python's class of sockets, which is watched, has no part in it."""
    port = reserved_port()
    save(project, COMPILED, text="")
    service = start("serve", "a.ipynb", "--port", str(port))
    until(lambda: service.process.poll() is not None or is_ready(port, service), 60)
    assert answer(port) == "/: 127.0.0.1", service.said()
    assert "the notebook listens on 127.0.0.1:" in service.said()
    assert "requests are passed on to it" in service.said()
    assert service.stop() == 0


def test_a_program_that_cannot_have_the_services_port_is_told(
    project: Path, start: type[Service]
) -> None:
    """The message says which port, and what chooses another."""
    port = reserved_port()
    write_notebook(project / "a.ipynb", f"!{'false'}  # would listen on {port}")
    service = start("serve", "a.ipynb", "--port", str(port))
    assert service.wait(60) == 3
    assert f"the service's own port {port}: --port chooses another" in service.said()
    assert "the last `!` ended with exit code 1" in service.said()
