"""``serve`` in a notebook: what it takes, and the handle it gives to an author."""

from __future__ import annotations

import dataclasses
import http.client
import os
import socket
from typing import Any

import pytest
from support import loaded_by, post, reserved_port
from support.apps import AsgiObject, WsgiObject, asgi, wsgi

import runner
from runner.serving.app_kind import kind_of
from runner.serving.serve import bind, serve, url_of


class Wrapped:
    """A plain function that returns a coroutine, as middleware may."""

    def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
        return asgi(scope, receive, send)


def test_serve_is_public() -> None:
    """``from runner import serve`` is all that an author has to know."""
    assert runner.serve is serve
    with pytest.raises(AttributeError, match="nonsense"):
        _ = runner.nonsense


@pytest.mark.parametrize(
    ("app", "kind"),
    [
        (asgi, "asgi"),
        (AsgiObject(), "asgi"),
        (Wrapped(), "asgi"),
        (wsgi, "wsgi"),
        (WsgiObject(), "wsgi"),
        (lambda environ, start_response: [], "wsgi"),
    ],
)
def test_the_kind_of_an_app_is_seen(app: Any, kind: str) -> None:
    """Functions, objects and middleware of either kind."""
    assert kind_of(app) == kind


@pytest.mark.parametrize("app", [None, 3])
def test_what_is_no_app_is_refused(app: Any) -> None:
    """The error comes before anything is bound, and says what an app takes."""
    with pytest.raises(TypeError, match="is neither an app"):
        serve(app)


@dataclasses.dataclass
class Pair:
    """A class that is no app."""

    number: int

    def __call__(self, other):  # type: ignore[no-untyped-def] # what the test is about
        """Add."""
        return self.number + other


@pytest.mark.parametrize(
    ("target", "said"),
    [(Pair, r"Pair is a class: serve one"), (Pair(1), "give each of its parameters a type hint")],
)
def test_what_may_have_been_meant_is_said(target: Any, said: str) -> None:
    """Of a class an object, of an object that is called its hints."""
    with pytest.raises(TypeError, match=said):
        serve(target)


@pytest.mark.parametrize(("app", "content"), [(asgi, b"asgi"), (wsgi, b"wsgi")])
def test_an_author_can_try_an_app_and_go_on(app: Any, content: bytes) -> None:
    """``block=False`` returns at once; ``stop()`` gives the port back, once; again is possible."""
    port = reserved_port()
    for _ in range(2):
        handle = serve(app, port=port, block=False)
        assert handle is not None
        assert handle.url == f"http://127.0.0.1:{port}"
        assert repr(handle) == f"<serving {handle.url}>"
        assert ask(port) == content
        handle.stop()
        read, write = os.pipe()
        others = [os.dup(write) for _ in range(16)]  # the numbers that were the service's
        handle.stop()
        assert repr(handle) == f"<stopped {handle.url}>"
        for opened in (write, *others):
            os.close(opened)
        assert not os.read(read, 1)
        os.close(read)
        with pytest.raises(OSError, match="refused"):
            ask(port)


def ask(port: int) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read()
    finally:
        connection.close()


def test_a_failed_example_is_the_handles_error() -> None:
    """What went wrong in the background is told when the author asks."""

    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("no model")

    handle = serve(broken, port=0, example={"a": 1}, block=False)
    assert handle is not None
    with pytest.raises(RuntimeError, match="no model"):
        handle.stop()


def test_each_worker_has_a_listener_on_one_port() -> None:
    """Port 0 is chosen once, for all of them."""
    listeners = bind("127.0.0.1", 0, 3)
    try:
        assert len({listener.getsockname() for listener in listeners}) == 1
        assert len({listener.fileno() for listener in listeners}) == 3
    finally:
        for listener in listeners:
            listener.close()


@pytest.mark.parametrize(
    ("host", "shown"), [("127.0.0.1", "http://127.0.0.1:"), ("0.0.0.0", "http://127.0.0.1:")]
)
def test_the_url_is_one_that_can_be_opened(host: str, shown: str) -> None:
    """All addresses is not an address."""
    with socket.create_server((host, 0)) as listener:
        assert url_of(listener).startswith(shown)


class Doubler:
    """What predicts."""

    def predict(self, rows: Any) -> Any:
        """Double what is first in each row."""
        return [2 * row[0] for row in rows]


def test_a_model_is_served_beside_the_notebook() -> None:
    """In plain Jupyter: validated, and answered by the model."""
    handle = serve(Doubler(), port=0, example={"n": 1}, answer="val", block=False)
    assert handle is not None
    port = int(handle.url.rpartition(":")[2])
    try:
        assert post(port, b'{"n": 4}') == (200, {"val": 8.0})
        assert post(port, b'{"n": "4"}')[0] == 422
    finally:
        handle.stop()


def test_a_model_that_cannot_answer_its_example_does_not_serve() -> None:
    """The author sees the model's own error, not the 500 that a client would get."""

    class Broken:
        """What fails."""

        def predict(self, rows: Any) -> Any:
            """Fail."""
            raise ValueError("not fitted yet")

    handle = serve(Broken(), port=0, example={"n": 1}, block=False)
    assert handle is not None
    with pytest.raises(RuntimeError, match="ValueError: not fitted yet"):
        handle.stop()


def test_every_example_of_several_is_answered() -> None:
    """One that fails is enough not to serve."""

    def inverse(n: int) -> float:
        return 1 / n

    one, zero = ({"n": number} for number in (1, 0))
    targets = {
        "good": runner.endpoint(inverse, example=one),
        "bad": runner.endpoint(inverse, example=zero),
    }
    handle = serve(targets, port=0, block=False)
    assert handle is not None
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        handle.stop()


def test_options_of_models_are_not_for_apps() -> None:
    """They would be ignored."""
    with pytest.raises(TypeError, match="only example= is for an app"):
        serve(asgi, answer="val")
    with pytest.raises(TypeError, match="only example= is for an app"):
        serve(asgi, page="<p>")


def test_what_serves_loads_nothing_that_the_notebook_has_not() -> None:
    """Neither serving nor predicting imports numpy and its like by itself."""
    code = (
        "import runner.serving.serve, runner.predict.app, runner.predict.endpoint_factory\n"
        "from runner.predict.targets import EndpointOptions\n"
        "def f(n: int) -> int: return n\n"
        "runner.predict.endpoint_factory.endpoints_of(f, '', EndpointOptions(example={'n': 1}))"
    )
    heavy = {"numpy", "pandas", "pyarrow", "pydantic", "sklearn", "papermill", "joblib"}
    assert loaded_by(code) & heavy == set()


@pytest.mark.parametrize(
    "name", ["ProblemError", "UploadFile", "batched", "endpoint", "load_model"]
)
def test_what_an_author_needs_is_public(name: str) -> None:
    """By ``from runner import …``."""
    assert getattr(runner, name).__name__ == name
