"""A notebook as a service: a real process, real HTTP, real signals."""

from __future__ import annotations

import concurrent.futures
import http.client
import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import (
    EXAMPLE,
    Service,
    post,
    read_record,
    reserved_port,
    send,
    states,
    text_of,
    until,
    write_notebook,
)

Start = type[Service]
SERVING = {"serve_asgi": signal.SIGTERM, "serve_wsgi": signal.SIGINT}
APP = """
async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})
"""


@pytest.fixture(scope="module", params=SERVING)
def shared_port(request: pytest.FixtureRequest, trained: Path) -> Iterator[int]:
    """The port of a service that several tests ask, none of which may harm it.

    Its record is true while it serves, and after the signal that ends it: exit code 0.
    """
    port, record = reserved_port(), trained / f"runs/{request.param}/out.ipynb"
    words = ["serve", f"notebooks/{request.param}.ipynb", "--port", str(port)]
    service = Service(*words, "-p", "read_timeout", "1", "--read-timeout", "1", cwd=trained)
    try:
        service.wait_ready(port)
        until(lambda: f":{port}" in text_of(read_record(record).cells[-1]))
        assert read_record(record).cells[-1].metadata.papermill.status == "running"
        yield port
        assert service.stop(SERVING[request.param]) == 0, service.said()
        assert f"on http://127.0.0.1:{port}" in service.said()
        assert_it_was_stopped(read_record(record))
    finally:
        assert service.end() == []


def assert_it_was_stopped(record: Any) -> None:
    *before, last = states(record).values()
    assert (set(before), last) == ({"completed"}, "interrupted")
    assert record.metadata.runner.status == "stopped"
    assert record.metadata.papermill.end_time
    assert "interrupted by SIGTERM" in text_of(record.cells[-1])
    assert "Traceback" not in text_of(record.cells[-1])


def test_what_is_left_of_it_can_be_read_by_its_owner_alone(shared_port: int, trained: Path) -> None:
    """Records, kept notebooks, ledgers, marks and locks, and the folders that they are in."""
    left = [path for path in (trained / "runs").rglob("*") if "sources" in path.parts]
    assert left
    left += (trained / "runs").rglob("*")
    assert [path for path in left if path.stat().st_mode & 0o077] == []


def test_the_example_is_answered_exactly(shared_port: int) -> None:
    """``{"val": INTEGER}``, as JSON."""
    status, headers, body = send(shared_port)
    assert (status, body) == (200, b'{"val": 0}')
    assert headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    "content_type",
    [None, "application/json; charset=utf-8", "Application/JSON", "application/x+json"],
)
def test_json_may_be_called_many_names(shared_port: int, content_type: str | None) -> None:
    """With parameters, in any case, or left unsaid."""
    assert post(shared_port, content_type=content_type) == (200, {"val": 0})


def test_curls_default_is_understood(shared_port: int) -> None:
    """``curl -d`` says that JSON is a form; a real form is refused."""
    form = "application/x-www-form-urlencoded"
    assert post(shared_port, content_type=form) == (200, {"val": 0})
    assert post(shared_port, b"a=1", content_type=form)[0] == 415


@pytest.mark.parametrize(
    "body",
    [b"", b"x", b"{", b'{"a": }', b"\xff", b"[" * 60000, b"1" * 60000, b'{"a": 1} x'],
    ids=lambda body: f"{body[:8]!r}",
)
def test_malformed_json_is_400(shared_port: int, body: bytes) -> None:
    """What cannot be parsed is said to be so, however it is broken."""
    status, answer = post(shared_port, body)
    assert status == 400
    assert "not JSON" in answer["error"]


@pytest.mark.parametrize("value", ['"1"', "null", "true", "[1]", "{}", "NaN", "Infinity", "1e999"])
def test_a_bad_field_is_422_and_named(shared_port: int, value: str) -> None:
    """Not a number or not finite: the field stands in the answer."""
    body = json.dumps(EXAMPLE)[:-2] + value + "}"
    status, answer = post(shared_port, body.encode())
    assert (status, answer["field"]) == (422, "petal width (cm)")


def test_a_missing_field_is_422_and_named(shared_port: int) -> None:
    """The first that is missing."""
    fields = {name: 1 for name in EXAMPLE if name != "sepal width (cm)"}
    status, answer = post(shared_port, json.dumps(fields).encode())
    assert (status, answer["field"]) == (422, "sepal width (cm)")


@pytest.mark.parametrize("body", [b"[]", b"1", b'"x"', b"null"])
def test_json_that_is_no_object_is_422(shared_port: int, body: bytes) -> None:
    """There are no fields to read."""
    assert post(shared_port, body)[0] == 422


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_a_wrong_method_is_405(shared_port: int, method: str) -> None:
    """The answer names the right one, in its header too."""
    status, headers, body = send(shared_port, b"", method=method)
    assert (status, headers["Allow"]) == (405, "POST")
    assert "POST" in json.loads(body)["error"]


def test_head_has_no_body(shared_port: int) -> None:
    """HEAD is refused like GET, without a body."""
    status, _, body = send(shared_port, b"", method="HEAD")
    assert (status, body) == (405, b"")


@pytest.mark.parametrize("path", ["/x", "/predict", "/x/", "/%2e"])
def test_a_wrong_path_is_404(shared_port: int, path: str) -> None:
    """Only ``/`` exists."""
    assert post(shared_port, path=path)[0] == 404


def test_a_query_does_not_change_the_path(shared_port: int) -> None:
    """``/?x=1`` is ``/``."""
    assert post(shared_port, path="/?x=1")[0] == 200


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "nonsense"])
def test_another_media_type_is_415(shared_port: int, content_type: str) -> None:
    """The answer says what to send."""
    status, answer = post(shared_port, content_type=content_type)
    assert status == 415
    assert "application/json" in answer["error"]


@pytest.mark.parametrize("size", [65537, 1_000_000, 5_000_000])
def test_a_large_body_is_413(shared_port: int, size: int) -> None:
    """The client gets to read the answer although it was still sending."""
    assert post(shared_port, b" " * size)[0] == 413


def test_a_body_of_the_largest_size_is_read(shared_port: int) -> None:
    """The limit itself is allowed."""
    assert post(shared_port, json.dumps(EXAMPLE).encode().ljust(65536))[0] == 200


def raw(port: int, *parts: bytes, wait: float = 5) -> bytes:
    """Send bytes as they are and read until the server closes or ``wait`` is over."""
    with socket.create_connection(("127.0.0.1", port), timeout=wait) as client:
        for part in parts:
            client.sendall(part)
        received = b""
        try:
            while block := client.recv(65536):
                received += block
                if b"}" in received:
                    break
        except TimeoutError:
            pass
        return received


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def test_a_chunked_body_gets_an_answer(shared_port: int) -> None:
    """Uvicorn reads it, wsgiref cannot and says so; neither hangs."""
    body = json.dumps(EXAMPLE).encode()
    request = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = raw(shared_port, request, b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
    assert status_of(answer) in (200, 411)
    assert b"{" in answer


def test_a_missing_content_length_gets_an_answer(shared_port: int) -> None:
    """A POST without a body is a client's error, told at once."""
    answer = raw(shared_port, b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert status_of(answer) in (400, 411)
    assert b"error" in answer


@pytest.mark.parametrize("length", [b"-1", b"x", b"1e3", b""])
def test_a_strange_content_length_gets_an_answer(shared_port: int, length: bytes) -> None:
    """Whatever it says, the connection does not hang."""
    answer = raw(
        shared_port, b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %s\r\n\r\n" % length
    )
    assert 400 <= status_of(answer) < 500


def test_a_body_that_never_comes_is_408(shared_port: int) -> None:
    """A client has read_timeout seconds to send what it promised."""
    answer = raw(shared_port, b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{")
    assert status_of(answer) == 408


def test_no_idle_or_slow_client_stops_the_others(shared_port: int) -> None:
    """With 50 connections that say nothing or stop in the middle, the example is answered."""
    parts = (b"", b"POST / HT", b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{")
    idle = [socket.create_connection(("127.0.0.1", shared_port)) for _ in range(50)]
    try:
        for number, client in enumerate(idle):
            client.sendall(parts[number % 3])
        assert all(post(shared_port)[0] == 200 for _ in range(10))
    finally:
        for client in idle:
            client.close()


def test_many_clients_at_once_are_all_answered(shared_port: int) -> None:
    """Nobody is refused because the queue of connections is short."""
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda _: post(shared_port), range(300)))
    assert answers == [(200, {"val": 0})] * 300


def test_garbage_never_shows_a_traceback(shared_port: int) -> None:
    """Bytes that are no HTTP get a refusal or nothing; the service goes on."""
    for garbage in (
        b"\x00\xff\r\n\r\n",
        b"GET\r\n\r\n",
        b"POST / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01",
    ):
        assert b"Traceback" not in raw(shared_port, garbage, wait=2)
    assert post(shared_port)[0] == 200


def test_a_killed_kernel_is_reported(start: Start, tmp_path: Path, port: int) -> None:
    """Without a supervisor: the exit code is 4, and the record says of what the kernel died."""
    config = f"uvicorn.Config(app, port={port}, lifespan='off')"
    serves = f"import uvicorn; await uvicorn.Server({config}).serve()"
    write_notebook(tmp_path / "a.ipynb", APP, serves)
    service = start("run", "a.ipynb", cwd=tmp_path)
    service.wait_ready(port)
    (kernel,) = service.kernels()
    kernel.kill()
    assert service.wait() == 4
    record = read_record(tmp_path / "runs/a/out.ipynb")
    assert list(states(record).values())[-1] == "failed"
    assert f"the kernel (pid {kernel.pid}) was killed by SIGKILL" in record.metadata.runner.reason
    assert "killed by SIGKILL" in service.said().splitlines()[-2]


def test_an_untrained_model_fails_truthfully(start: Start, project: Path, port: int) -> None:
    """Without a model the run fails in the cell that loads it, and nothing listens."""
    (project / "model/iris.joblib").unlink()
    service = start("serve", "notebooks/serve_asgi.ipynb", "--port", str(port))
    assert service.wait() == 3
    record = read_record(project / "runs/serve_asgi/out.ipynb")
    assert states(record)["load-model"] == "failed"
    assert states(record)["serve"] == "pending"


def test_a_kernel_that_is_not_installed_is_named(start: Start, tmp_path: Path) -> None:
    """What fails before the first cell is said by the command, and by the record."""
    write_notebook(tmp_path / "a.ipynb", "1")
    notebook = json.loads((tmp_path / "a.ipynb").read_text())
    notebook["metadata"]["kernelspec"] = {"name": "none", "display_name": "None"}
    (tmp_path / "a.ipynb").write_text(json.dumps(notebook))
    service = start("serve", "a.ipynb", "--port", "0", cwd=tmp_path)
    assert service.wait() == 2
    said = "no kernel named 'none' is installed; installed are: python3"
    assert f"runner: a.ipynb: {said}" in service.said()
    assert service.said().count(said) == 1
    assert "Traceback" not in service.said()
    record = read_record(tmp_path / "runs/a/out.ipynb")
    assert record.metadata.runner.status == "failed"
    assert record.metadata.runner.reason.startswith(said)


def test_a_port_in_use_starts_no_kernel(start: Start, project: Path) -> None:
    """The mistake is told before anything is executed."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        service = start("serve", "notebooks/serve_asgi.ipynb", "--port", str(port))
        assert service.wait() == 2
    assert "in use" in service.said()
    assert not (project / "runs/serve_asgi").exists()


def test_the_probe_tells_whether_it_answers(start: Start, tmp_path: Path, port: int) -> None:
    """0 while the service answers, 1 before and after."""
    assert start("probe", "--port", str(port), cwd=tmp_path).wait() == 1
    write_notebook(tmp_path / "a.ipynb", APP)
    service = start("serve", "a.ipynb", "--port", str(port), cwd=tmp_path)
    service.wait_ready(port)
    assert start("probe", "--port", str(port), cwd=tmp_path).wait() == 0
    assert service.stop() == 0
    assert start("probe", "--port", str(port), cwd=tmp_path).wait() == 1


def test_kept_alive_connections_are_served(shared_port: int) -> None:
    """Two requests on one connection, where the server keeps it; none is lost either way."""
    connection = http.client.HTTPConnection("127.0.0.1", shared_port, timeout=10)
    try:
        for _ in range(2):
            connection.request(
                "POST", "/", json.dumps(EXAMPLE), {"Content-Type": "application/json"}
            )
            assert connection.getresponse().read() == b'{"val": 0}'
    finally:
        connection.close()
