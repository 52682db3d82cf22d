"""What of a notebook serves is seen when it runs, and nothing is guessed from its source."""

from __future__ import annotations

import json
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

Start = type[Service]

APP = """
async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"TEXT"})
"""
BESIDE = f"""
import uvicorn
{APP}
def start():
    uvicorn.run(app, port=9)

def start_by_serve():
    import runner
    runner.serve(app)

def listen():
    import socket
    server = socket.create_server(("127.0.0.1", 9))
    while True:
        connection, _ = server.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 4\\r\\n\\r\\nTEXT")
"""
WAYS = {
    "shell": [f"files = !ls{APP}", "import uvicorn", "uvicorn.run(app)"],
    "indented magic": [f"if True:\n    %pwd{APP}", "import uvicorn\nuvicorn.run(app)"],
    "timed": [APP, "import uvicorn", "%%time\nuvicorn.run(app)"],
    "a call beside": ["from beside import start", "start()"],
    "serve beside": ["import beside", "beside.start_by_serve()"],
    "sockets beside": ["import beside", "beside.listen()"],
    "importlib": [
        APP,
        "import importlib\nserver = importlib.import_module('uvi' + 'corn')",
        "getattr(server, 'r' + 'un')(app)",
    ],
    "exec": [APP, "exec('import uvicorn; uvicorn.run(app)')"],
    "a name made up": [APP.replace("app(", "made("), "globals()['ap' + 'p'] = made"],
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An empty folder."""
    return tmp_path


@pytest.mark.parametrize("way", WAYS)
def test_it_serves_however_that_is_written(way: str, project: Path, start: Start) -> None:
    """And a stop ends it with 0; the record shows a cell of ours only where it served."""
    (project / "beside.py").write_text(BESIDE)
    write_notebook(project / "a.ipynb", *WAYS[way])
    port = reserved_port()
    service = start("serve", "a.ipynb", "--port", str(port))
    until(lambda: service.process.poll() is not None or answer(port) == "TEXT", 60)
    assert service.process.poll() is None, service.said()
    assert service.stop() == 0, service.said()
    last = list(states(read_record(project / "runs/a/out.ipynb")).items())[-1]
    serving = "serve-what-is-left" if way == "a name made up" else f"cell-{len(WAYS[way]) - 1}"
    assert last == (serving, "interrupted")


def test_a_notebook_of_which_nothing_serves_ends_with_what_could(
    project: Path, start: Start
) -> None:
    """Once, with 3 and without a restart; no option is refused for it."""
    cells = ["class Model:\n    def predict(self, rows): pass\nmodel = Model()"]
    write_notebook(project / "a.ipynb", *cells, APP.replace("app(", "api("))
    service = start("serve", "a.ipynb", "--port", str(reserved_port()), "--workers", "2")
    assert service.wait(60) == 3
    last = service.said().splitlines()[-2]
    assert last.startswith("runner: a.ipynb: nothing in it serves; what could: ")
    assert "(`model` has `predict`: `serve(model)`; `api` is an ASGI app: `serve(api)`)" in last
    assert service.said().count(" started: ") == 1


def test_a_version_that_serves_nothing_replaces_none(project: Path, start: Start) -> None:
    """What served goes on, and the status says why."""
    write_notebook(project / "a.ipynb", APP)
    port = reserved_port()
    service = start("serve", "a.ipynb", "--port", str(port), "--reload")
    until(lambda: is_ready(port, service), 60)
    write_notebook(project / "new", "x = 1").rename(project / "a.ipynb")
    until(lambda: "failed: nothing in it serves" in service.said(), 60)
    assert answer(port) == "TEXT"
    assert service.stop() == 0, service.said()


COMMENTED = [
    APP + "routes = {}",
    "# GET /\nroutes['/'] = 1",
    "assert '/' in routes",
    "import uvicorn\nuvicorn.run(app)",
]


@pytest.mark.parametrize(
    ("left_out", "why"),
    [
        ("", "`assert '/' in routes`, raised AssertionError"),
        ("assert '/' in routes", "a call of a server"),
    ],
)
def test_comments_that_look_like_annotations_are_comments(
    project: Path, start: Start, left_out: str, why: str
) -> None:
    """Such a notebook is executed once more, every cell as it is, and log and record say so."""
    write_notebook(project / "a.ipynb", *(cell for cell in COMMENTED if cell != left_out))
    port = reserved_port()
    service = start("serve", "a.ipynb", "--port", str(port))
    until(lambda: is_ready(port, service), 60)
    assert answer(port) == "TEXT"
    assert "so it is executed again, the cells that look annotated as they are" in service.said()
    assert service.stop() == 0, service.said()
    record = read_record(project / "runs/a/out.ipynb")
    assert why in record.metadata.runner.executed_again
    assert record.cells[1].outputs == []
    assert list(states(record).values())[-1] == "interrupted"


def test_the_first_failure_is_told_if_both_executions_fail(project: Path, start: Start) -> None:
    """Nobody has to read of the second alone."""
    cells = ["# GET /\nprint(1 / 0)", "raise KeyError('the model is missing')"]
    write_notebook(project / "a.ipynb", *cells)
    service = start("serve", "a.ipynb", "--port", str(reserved_port()))
    assert service.wait(60) == 3
    last = service.said().splitlines()[-2]
    first, second = last.index("the model is missing"), last.index("ZeroDivisionError")
    assert first < second
    assert last.count("a.ipynb") == 1
    assert not read_record(project / "runs/a/out.ipynb").metadata.runner.ready


def test_a_failure_above_the_first_annotation_is_final(project: Path, start: Start) -> None:
    """Nothing has been registered yet: it is executed once."""
    write_notebook(project / "a.ipynb", "1 / 0", "# GET /\nprint(1)")
    service = start("serve", "a.ipynb", "--port", str(reserved_port()))
    assert service.wait(60) == 3
    assert "executed again" not in service.said()


OTHER_KERNEL = """
from ipykernel.kernelapp import IPKernelApp
from ipykernel.ipkernel import IPythonKernel

class Other(IPythonKernel):
    language_info = {"name": "other", "file_extension": ".other"}

IPKernelApp.launch_instance(kernel_class=Other)
"""


@pytest.fixture
def other_language(project: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A kernel that says that it executes another language, whatever that looks like."""
    folder = project / "jupyter/kernels/other"
    folder.mkdir(parents=True)
    (project / "other_kernel.py").write_text(OTHER_KERNEL)
    words = [sys.executable, str(project / "other_kernel.py"), "-f", "{connection_file}"]
    spec = {"argv": words, "display_name": "Other", "language": "other"}
    (folder / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(project / "jupyter"))
    return "other"


def in_other_language(path: Path, *cells: str) -> None:
    text = write_notebook(path, *cells).read_text()
    document = json.loads(text)
    document["metadata"]["kernelspec"] = {
        "name": "other",
        "language": "other",
        "display_name": "Other",
    }
    path.write_text(json.dumps(document))


LISTENS = """
import http.server
http.server.HTTPServer(("127.0.0.1", PORT), http.server.SimpleHTTPRequestHandler).serve_forever()
"""


@pytest.mark.usefixtures("other_language")
def test_another_language_is_supervised_as_far_as_that_goes(project: Path, start: Start) -> None:
    """It listens by itself: ready when it does, restarted when it dies, stopped with 0."""
    port = reserved_port()
    in_other_language(project / "a.ipynb", "x = 1", LISTENS.replace("PORT", str(port)))
    (project / "rehearsal.jsonl").write_text('{"request": {}, "status": 200}')
    service = start("serve", "a.ipynb", "--port", str(port), "--no-standby", "--rehearse", "0")
    until(lambda: service.process.poll() is not None or " served after " in service.said(), 60)
    assert service.process.poll() is None, service.said()
    assert "WARNING run" in service.said()
    assert "it could not be rehearsed: what serves listens by itself" in service.said()
    assert send(port, b"", method="GET", path="/a.ipynb")[0] == 200
    assert "its cells are other, so what they start has to listen on" in service.said()
    (kernel,) = (each for each in service.family() if "other_kernel.py" in str(each.cmdline()))
    kernel.kill()
    until(lambda: service.said().count(" served after ") == 2, 60)
    assert service.stop() == 0, service.said()
    assert list(states(read_record(project / "runs/a/out.ipynb")).values()) == [
        "completed",
        "interrupted",
    ]


@pytest.mark.usefixtures("other_language")
def test_another_language_has_one_process(project: Path, start: Start) -> None:
    """Said before anything starts."""
    in_other_language(project / "a.ipynb", "x = 1")
    service = start("serve", "a.ipynb", "--workers", "2")
    assert (service.wait(60), "leave out --workers" in service.said()) == (2, True)
