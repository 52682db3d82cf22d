"""A notebook of annotated cells as a service: real processes, real HTTP, hung and dying cells."""

from __future__ import annotations

import concurrent.futures
import contextlib
import http.client
import json
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from support import (
    RUNNER,
    Service,
    read_record,
    reserved_port,
    send,
    states,
    text_of,
    until,
    write_notebook,
)

Start = type[Service]
Serve = Callable[..., "Cells"]

# A list of contacts, as Kernel Gateway's users write it; then what goes beyond it, or wrong.
API = r"""
import json, os, re, signal, sys, time
signal.signal(signal.SIGALRM, signal.SIG_IGN)  # what is done about hung cells must not need it
---
contacts = {}
fields = ["name", "phone"]
---
REQUEST = json.dumps({"body": {"name": "Jane"}, "args": {}, "path": {}})
---
# GET /version
print("one", end="")
---
# POST /contacts
req = json.loads(REQUEST)
new = str(len(contacts))
---
# POST /contacts
contacts[new] = {field: req["body"].get(field) for field in fields}
print(json.dumps({"contact_id": new}))
---
# PUT /contacts/:contact_id
req = json.loads(REQUEST)
known = contacts.get(req["path"]["contact_id"])
status = 200 if known else 404
if known:
    known.update({field: value for field, value in req["body"].items() if field in fields})
    print(json.dumps(known))
---
# ResponseInfo PUT /contacts/:contact_id
print(json.dumps({"status": status, "headers": {"Content-Type": "application/json"}}))
---
# DELETE /contacts/:contact_id
gone = contacts.pop(json.loads(REQUEST)["path"]["contact_id"], None)
---
# ResponseInfo DELETE /contacts/:contact_id
print(json.dumps({"status": 204 if gone else 404}))
---
# GET /contacts
pattern = json.loads(REQUEST)["args"].get("name", [""])[0]
print(json.dumps({key: one for key, one in contacts.items() if re.search(pattern, one["name"])}))
---
# ResponseInfo GET /contacts
print(json.dumps({"headers": {"Content-Type": "application/json"}}))
---
if "KERNEL_GATEWAY" not in os.environ:
    raise RuntimeError("here the notebook would ask its own service")
---
# GET /html
from IPython.display import HTML
HTML("<b>ü</b>")
---
# GET /plot
from matplotlib import pyplot
pyplot.plot([1, 2])
---
# GET /magic
!echo from the shell
%pwd
---
# GET /await
import asyncio
await asyncio.sleep(0)
print("awaited")
---
# GET /loop
while True: pass
---
# GET /sleep
time.sleep(3600)
---
# GET /backtrack
re.match("(a+)+$", "a" * 60 + "b")
---
# GET /slow
while not os.path.exists("gate"):
    time.sleep(0.02)
print("slow", end="")
---
# GET /exit
sys.exit(3)
---
# GET /end
os._exit(3)
---
# GET /fail
1 / 0
---
# POST /size
import base64
req = json.loads(REQUEST)
print(len(base64.b64decode(req["body"])), req["body_encoding"])
""".strip().split("\n---\n")


class Cells(Service):
    """A service of annotated cells, and its port."""

    port: int

    def ask(self, path: str, **options: Any) -> tuple[int, Any, bytes]:
        return send(self.port, options.pop("body", b""), path=path, **{"method": "GET", **options})

    def try_to_ask(self, path: str) -> int:
        """The status; 0 when the connection broke."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.ask(path)[0]
        return 0

    def text(self, path: str) -> str:
        return self.ask(path)[2].decode()

    def workers(self) -> list[int]:
        found: list[int] = []
        for kernel in self.kernels():
            with contextlib.suppress(psutil.NoSuchProcess):  # it may end just now
                found += [child.pid for child in kernel.children() if is_ours(child)]
        return sorted(found)


def is_ours(process: psutil.Process) -> bool:
    """Tell a forked worker, whose command line is the kernel's."""
    with contextlib.suppress(psutil.Error):
        return "ipykernel_launcher" in process.cmdline()
    return False


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def serve(project: Path, start: Start) -> Iterator[Serve]:
    """Serve the API on a free port, and wait for its first answer."""

    def begin(*words: str) -> Cells:
        write_notebook(project / "api.ipynb", *API)
        port = reserved_port()
        service: Any = start("serve", "api.ipynb", "--port", str(port), *words)
        service.__class__ = type("Here", (Cells, service.__class__), {})
        service.port = port
        until(lambda: service.process.poll() is not None or service.try_to_ask("/version"), 60)
        assert service.process.poll() is None, service.said()
        return service

    return begin


def post_json(service: Cells, path: str, value: Any, method: str = "POST") -> tuple[int, Any]:
    status, _, body = service.ask(path, method=method, body=json.dumps(value).encode())
    return status, json.loads(body) if body else None


def test_a_contact_list_works_as_under_kernel_gateway(serve: Serve, project: Path) -> None:
    """Concatenated cells, path and query parameters, ResponseInfo, bodies of both kinds."""
    service = serve()
    status, created = post_json(service, "/contacts", {"name": "Alice Ü", "phone": "1"})
    assert (status, created) == (200, {"contact_id": "0"})
    status, headers, body = service.ask(
        "/contacts/0",
        method="PUT",
        body=b"phone=2",
        content_type="application/x-www-form-urlencoded",
    )
    assert (status, headers["Content-Type"]) == (200, "application/json")
    assert json.loads(body) == {"name": "Alice Ü", "phone": ["2"]}
    post_json(service, "/contacts", {"name": "Bob"})
    assert list(json.loads(service.text("/contacts?name=^B"))) == ["1"]
    assert service.ask("/contacts/9", method="PUT", body=b"{}")[0] == 404
    assert service.ask("/contacts/0", method="DELETE")[0] == 204
    assert service.ask("/contacts/0", method="DELETE")[0] == 404
    assert list(json.loads(service.text("/contacts"))) == ["1"]
    assert service.ask("/contacts", method="PUT")[0] == 405
    spec = json.loads(service.text("/_api/spec/swagger.json"))
    assert spec["info"]["title"] == "api"
    assert set(spec["paths"]["/contacts"]) == {"get", "post"}


def test_the_record_is_true(serve: Serve, project: Path) -> None:
    """Annotated cells keep their text and say that they serve; the source is not touched."""
    service = serve()
    before = (project / "api.ipynb").read_bytes()
    out = project / "runs/api/out.ipynb"
    until(lambda: "serving ASGI" in text_of(read_record(out).cells[-1]))
    record = read_record(out)
    texts = {cell.source: text_of(cell) for cell in record.cells}
    assert texts[API[3]] == "serves GET /version\n"
    assert texts[API[7]] == "sets status and headers of PUT /contacts/:contact_id\n"
    last = record.cells[-1]
    assert last.metadata.tags == ["injected-runner", "serve"]
    assert states(record)[last.id] == "running"
    assert service.stop() == 0
    ended = read_record(out)
    assert ended.metadata.runner.status == "stopped"
    assert ended.metadata.runner.exit_code == 0
    assert (project / "api.ipynb").read_bytes() == before


def test_cells_do_what_they_do_in_a_notebook(serve: Serve) -> None:
    """Plots, HTML, magics, await."""
    service = serve()
    assert service.ask("/html")[1]["Content-Type"] == "text/html; charset=utf-8"
    status, headers, body = service.ask("/plot")
    assert (status, headers["Content-Type"], body[:4]) == (200, "image/png", b"\x89PNG")
    assert service.text("/magic").split() == ["from", "the", "shell"]
    assert service.text("/await") == "awaited\n"


def test_no_cell_ends_the_service(serve: Serve, project: Path) -> None:
    """Neither an error, nor exit, nor the end of its process, however often."""
    service = serve()
    run = read_record(project / "runs/api/out.ipynb").metadata.runner.run
    for path in ("/fail", "/exit"):
        status, _, body = service.ask(path)
        assert status == 500
        said = json.loads(body)
        assert "Error" not in said["message"]
        until(lambda answer=said: answer["id"] in service.said())
    assert "ZeroDivisionError" in service.said()
    for _ in range(8):
        assert service.try_to_ask("/end") == 0
        assert until(lambda: service.try_to_ask("/version")) == 200
    record = read_record(project / "runs/api/out.ipynb").metadata.runner
    assert (record.run, record.status) == (run, "running")


def test_no_hung_cell_hangs_the_service(serve: Serve) -> None:
    """A loop is ended; a sleep and backtracking end their worker, which is replaced."""
    service = serve("--cell-timeout", "1")
    assert service.ask("/loop")[0] == 504
    (worker,) = service.workers()
    assert service.text("/version") == "one"
    assert service.ask("/sleep")[0] == 504
    until(lambda: service.workers() not in ([], [worker]))
    assert until(lambda: service.try_to_ask("/version") == 200)
    (worker,) = service.workers()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        hung = pool.submit(service.try_to_ask, "/backtrack")
        assert hung.result(20) == 0
    assert until(lambda: service.try_to_ask("/version") == 200)
    assert worker not in service.workers()
    assert "SIGALRM" in service.said()


def test_health_is_answered_while_a_cell_runs(serve: Serve) -> None:
    """The loop is another thread's."""
    service = serve()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        slow = pool.submit(service.text, "/slow")
        until(lambda: service.try_to_ask("/healthz"))
        assert service.ask("/healthz")[0] == 200
        assert not slow.done()
        (service.cwd / "gate").touch()
        assert slow.result() == "slow"


def test_reloads_under_load_lose_nothing(serve: Serve, project: Path) -> None:
    """With two workers; the new cells answer in the end; a broken one changes nothing."""
    service = serve("--workers", "2")
    answers: list[str] = []
    over = threading.Event()

    def load() -> None:
        while not over.is_set():
            try:
                answers.append(service.text("/version"))
            except (OSError, http.client.HTTPException) as error:
                answers.append(repr(error))

    with concurrent.futures.ThreadPoolExecutor() as pool:
        loads = [pool.submit(load) for _ in range(4)]
        for text in ("two", "three"):
            new = [cell.replace('"one"', f'"{text}"') for cell in API]
            write_notebook(project / "new", *new).rename(project / "api.ipynb")
            assert reload(service).returncode == 0
            until(lambda text=text: service.text("/version") == text)
        write_notebook(project / "new", *API, "1 +").rename(project / "api.ipynb")
        failed = reload(service)
        over.set()
        for each in loads:
            each.result()
    assert failed.returncode == 1
    assert "SyntaxError" in failed.stderr
    assert set(answers) == {"one", "two", "three"}
    assert service.text("/version") == "three"
    assert len(until(lambda: len(service.workers()) == 2 and service.workers())) == 2


def reload(service: Cells) -> subprocess.CompletedProcess[str]:
    words = [*RUNNER, "reload"]
    return subprocess.run(
        words, cwd=service.cwd, capture_output=True, text=True, timeout=90, check=False
    )


def test_a_stop_answers_what_is_under_way(serve: Serve) -> None:
    """The running cell and those that wait for their turn."""
    service = serve()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        slow = [pool.submit(service.text, "/slow") for _ in range(3)]
        until(lambda: connections(service.port) >= 3)
        service.process.terminate()
        until(lambda: "a stop was asked for" in service.said())
        (service.cwd / "gate").touch()
        assert service.wait() == 0
        assert [each.result() for each in slow] == ["slow"] * 3


def connections(port: int) -> int:
    """How many clients are connected to a port."""
    return sum(
        found.status == psutil.CONN_ESTABLISHED and found.raddr and found.raddr.port == port
        for found in psutil.Process().net_connections("tcp")
    )


def test_a_body_of_bytes_arrives(serve: Serve) -> None:
    """Whatever they are, the cell gets them."""
    service = serve()
    _, _, body = service.ask(
        "/size", method="POST", body=b"\xff\x00" * 50_000, content_type="image/png"
    )
    assert body == b"100000 base64\n"
    assert service.ask("/size", method="POST", body=b"{")[0] == 400
    with socket.create_connection(("127.0.0.1", service.port)) as client:
        client.sendall(b"GET /version HTTP/1.0\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 200")
