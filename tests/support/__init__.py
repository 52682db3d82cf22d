"""What several test modules use: small notebooks, and the real command line as a process."""

from __future__ import annotations

import atexit
import contextlib
import gc
import http.client
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time
import uuid
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil

# Jupyter's servers bring it, and jsonschema has it compile a grammar of internationalised
# addresses for a second, in each process that imports nbformat or papermill.
SPARED = "sys.modules['rfc3987_syntax'] = None"
exec(SPARED)

import nbformat  # noqa: E402 - it imports jsonschema
from nbformat.v4 import new_code_cell, new_notebook  # noqa: E402 - likewise

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLE = {
    "sepal length (cm)": 1,
    "sepal width (cm)": 1,
    "petal length (cm)": 1,
    "petal width (cm)": 1,
}
MARK = "RUNNER_TEST_MARK"


RUNNER = [sys.executable, "-m", "runner"]
_PAPERMILL = "from papermill.__main__ import papermill; papermill()"
PAPERMILL = [sys.executable, "-c", f"import sys; {SPARED}; {_PAPERMILL}"]

# What only the host's side needs, and takes long to import.
HEAVY = {"papermill", "nbclient", "nbformat", "jupyter_client", "zmq", "asyncio"}


_RESERVATIONS = contextlib.ExitStack()
atexit.register(_RESERVATIONS.close)


def loaded_by(code: str) -> set[str]:
    """The modules that a process of its own has loaded once it has run some code."""
    words = [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"]
    shown = subprocess.run(words, capture_output=True, text=True, check=True, timeout=30)
    return set(shown.stdout.split())


def reserved_port() -> int:
    """A TCP port that the system gives to nobody else until the tests end.

    A port that was found by binding 0 and closing belongs to whoever binds or connects next,
    which may be another worker's test. Here the socket stays bound, without listening: Linux
    then lets a server bind the port that sets ``SO_REUSEADDR`` too, as nearly all do, but hands
    it out neither for port 0 nor for the near end of a connection.
    """
    reservation = _RESERVATIONS.enter_context(socket.socket())
    reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reservation.bind(("127.0.0.1", 0))
    return int(reservation.getsockname()[1])


def until(is_true: Callable[[], Any], seconds: float = 30) -> Any:
    """Wait until a call gives something true, and give it; fail after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not (value := is_true()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {is_true}"
        time.sleep(0.02)
    return value


def write_notebook(path: Path, *sources: str, parameters: str = "", tags: str = "") -> Path:
    """Write a notebook of code cells ``cell-0``, ``cell-1``, …; ``tags`` go to the last."""
    cells = [new_code_cell(source) for source in sources]
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"
    if tags:
        cells[-1].metadata["tags"] = tags.split()
    if parameters:
        cells.insert(0, new_code_cell(parameters, metadata={"tags": ["parameters"]}))
        cells[0].id = "parameters"
    notebook = new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "", "language": "python"}
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return path


def read_record(path: Path) -> Any:
    """An executed notebook, which has to be whole and valid at any moment."""
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook


def break_off(client: socket.socket) -> None:
    """Close a connection by a reset, as one does whose process died."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def until_forgotten(server: Any, client: socket.socket, *, is_broken_off: bool) -> None:
    """End a server's only connection; wait until nothing holds it, without the collector's help."""
    connection = weakref.ref(*server.state.connections)
    gc.disable()
    try:
        if is_broken_off:
            break_off(client)
        else:
            client.close()
        until(lambda: connection() is None, 5)
    finally:
        gc.enable()


def states(notebook: Any) -> dict[str, str]:
    """The state of each code cell by its id."""
    return {
        cell.id: cell.metadata.papermill.status
        for cell in notebook.cells
        if cell.cell_type == "code"
    }


def text_of(cell: Any) -> str:
    """All that a cell printed."""
    return "".join(output.text for output in cell.outputs if output.output_type == "stream")


def post(port: int, body: bytes | None = None, **options: Any) -> tuple[int, Any]:
    """One request on a connection of its own: the status and the decoded JSON."""
    status, _, answer = send(port, body, **options)
    return status, json.loads(answer)


def send(
    port: int,
    body: bytes | None = None,
    *,
    method: str = "POST",
    path: str = "/",
    content_type: str | None = "application/json",
    timeout: float = 10,
) -> tuple[int, http.client.HTTPMessage, bytes]:
    """One request on a connection of its own: the status, the headers and the body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        content = json.dumps(EXAMPLE).encode() if body is None else body
        headers = {"Content-Type": content_type} if content_type else {}
        connection.request(method, path, content, headers)
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def is_serving(port: int) -> bool:
    """Tell whether the example gets an answer."""
    try:
        return post(port)[0] == 200
    except (OSError, http.client.HTTPException):
        return False


class Service:
    """One process of a command line, ours by default, and all that it starts.

    Its workers linger for a moment only: tests that keep connections ask for more.
    """

    def __init__(self, *words: str, cwd: Path, program: Sequence[str] = RUNNER) -> None:
        self.mark = uuid.uuid4().hex
        self.cwd = cwd
        self.log = cwd / f"{self.mark}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*program, *words],
                cwd=cwd,
                env={"RUNNER_LINGER": "0.3", **os.environ, MARK: self.mark},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def said(self) -> str:
        """All it wrote to its terminal."""
        return self.log.read_text(encoding="utf-8")

    def family(self) -> list[psutil.Process]:
        """Every living process that inherited our mark, whoever its parent is now."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def kernels(self) -> list[psutil.Process]:
        """The kernels among them."""
        return [found for found in self.family() if "ipykernel_launcher" in _words_of(found)]

    def wait_ready(self, port: int, seconds: float = 30) -> None:
        """Wait until the example is answered, or the process has ended."""

        def answered() -> bool:
            assert self.process.poll() is None, self.said()
            return is_serving(port)

        until(answered, seconds)

    def bound_port(self, seconds: float = 30) -> int:
        """The port that the system has chosen for ``--port 0``, as the log says it."""

        def said() -> Any:
            assert self.process.poll() is None, self.said()
            return re.search(r' bound https?://[^\s"]+:(\d+)', self.said())

        return int(until(said, seconds)[1])

    def stop(self, signum: int = signal.SIGTERM, seconds: float = 15) -> int:
        """Send a signal and give the exit code."""
        self.process.send_signal(signum)
        return self.wait(seconds)

    def wait(self, seconds: float = 30) -> int:
        """Wait for the end and give the exit code."""
        return self.process.wait(timeout=seconds)

    def end(self) -> list[psutil.Process]:
        """Kill what is left, and say what was left although the process had ended."""
        left = self.family() if self.process.poll() is not None else []
        for process in self.family():
            with contextlib.suppress(psutil.Error):  # it may end by itself just now
                process.kill()
        self.process.wait(timeout=10)
        return left

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return (
                process.status() != psutil.STATUS_ZOMBIE
                and process.environ().get(MARK) == self.mark
            )
        except psutil.Error:
            return False


def is_ready(port: int, service: Service) -> bool:
    """Tell whether a service says that it is ready, whatever it answers; fail if it has ended."""
    assert service.process.poll() is None, service.said()
    try:
        return send(port, b"", method="GET", path="/readyz")[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def _words_of(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
